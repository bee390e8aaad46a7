//! A poller waits for sockets and descriptors at once and says which are ready, again and again until they are dealt
//! with.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use monocoque::{Context, Hwm, Interest, PollError, Poller, Pull, Push, Readiness, Socket};

use crate::common::{PATIENCE, TCP, both, everywhere, in_local, in_shared, inproc, number, poll_times, soon, watched};

const FIRST: usize = 1;
const SECOND: usize = 2;
const THIRD: usize = 3;

async fn joined(ctx: &Context, transport: &str, mark: u32) -> (Socket<Push>, Socket<Pull>) {
    let pull = soon(ctx.pull().hwm(Hwm::messages(mark)).bind(transport)).await.expect("free");
    let endpoint = pull.last_endpoint().expect("bound").to_string();
    (ctx.push().hwm(Hwm::messages(mark)).connect(endpoint).expect("valid"), pull)
}

/// What is ready, as token, readable, writable and closed.
fn told(ready: Result<Vec<Readiness>, PollError>) -> Vec<(usize, bool, bool, bool)> {
    let facts = |ready: Readiness| (ready.token, ready.readable, ready.writable, ready.closed);
    ready.expect("waited").into_iter().map(facts).collect()
}

/// A look, and no wait.
async fn now(poller: &mut Poller) -> Vec<(usize, bool, bool, bool)> {
    told(soon(poller.wait(Some(Duration::ZERO))).await)
}

async fn next(poller: &mut Poller) -> Vec<(usize, bool, bool, bool)> {
    told(soon(poller.wait(None)).await)
}

#[test]
fn a_socket_is_told_of_until_its_messages_are_taken() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), inproc()] {
            let (push, pull) = joined(&ctx, &transport, 1000).await;
            let mut poller = Poller::new();
            poller.add(&pull, Interest::READABLE, FIRST).expect("new");
            assert!(now(&mut poller).await.is_empty());
            let send = async { soon(push.send("x")).await.expect("sent") };
            let (ready, ()) = both(next(&mut poller), send).await;
            assert_eq!(ready, [(FIRST, true, false, false)]);
            for _ in 0..3 {
                assert_eq!(next(&mut poller).await, [(FIRST, true, false, false)], "nobody has taken it");
            }
            assert_eq!(pull.try_recv(), Ok("x".into()));
            assert!(now(&mut poller).await.is_empty());
        }
    });
}

#[test]
fn room_is_told_of_until_it_is_used_up() {
    everywhere(async |ctx: Context| {
        let (push, pull) = joined(&ctx, &inproc(), 4).await;
        let mut poller = Poller::new();
        poller.add(&push, Interest::WRITABLE, FIRST).expect("new");
        let mut sent = 0;
        while !now(&mut poller).await.is_empty() {
            push.try_send(number(sent)).expect("there is room");
            sent += 1;
        }
        assert!(push.try_send("more").is_err(), "what is not told of is not there");
        let receive = async {
            for n in 0..sent {
                assert_eq!(soon(pull.recv()).await, Ok(number(n)));
            }
        };
        let (ready, ()) = both(next(&mut poller), receive).await;
        assert_eq!(ready, [(FIRST, false, true, false)]);
        push.try_send("more").expect("there is room again");
    });
}

#[test]
fn everyone_who_is_ready_is_told_of() {
    everywhere(async |ctx: Context| {
        let (mut poller, mut pairs) = (Poller::new(), Vec::new());
        for token in 0..20 {
            let (push, pull) = joined(&ctx, &inproc(), 1000).await;
            poller.add(&pull, Interest::BOTH, token).expect("new");
            pairs.push((push, pull));
        }
        for token in (0..20).step_by(3) {
            pairs[token].0.try_send("x").expect("room");
        }
        let expected: Vec<_> = (0..20).step_by(3).map(|token| (token, true, false, false)).collect();
        assert_eq!(next(&mut poller).await, expected);
        poller.modify(&pairs[3].1, Interest::NONE).expect("known");
        poller.remove(&pairs[6].1).expect("known");
        assert_eq!(next(&mut poller).await.len(), expected.len() - 2);
        assert_eq!(poller.len(), 19);
    });
}

#[test]
fn turns_of_req_and_rep_are_what_they_are_ready_for() {
    everywhere(async |ctx: Context| {
        let rep = soon(ctx.rep().bind(TCP)).await.expect("free");
        let req = ctx.req().connect(rep.last_endpoint().expect("bound").to_string()).expect("valid");
        soon(req.wait_for_peers(1)).await;
        let mut poller = Poller::new();
        poller.add(&req, Interest::BOTH, FIRST).expect("new");
        poller.add(&rep, Interest::BOTH, SECOND).expect("new");
        for n in 0..3 {
            assert_eq!(next(&mut poller).await, [(FIRST, false, true, false)]);
            req.try_send(number(n)).expect("its turn");
            assert_eq!(next(&mut poller).await, [(SECOND, true, false, false)]);
            let request = rep.try_recv().expect("there");
            assert_eq!(next(&mut poller).await, [(SECOND, false, true, false)]);
            rep.try_send(request).expect("its turn");
            assert_eq!(next(&mut poller).await, [(FIRST, true, false, false)]);
            assert_eq!(req.try_recv(), Ok(number(n)));
        }
    });
}

#[test]
fn descriptors_and_sockets_are_waited_for_together() {
    everywhere(async |ctx: Context| {
        let (push, pull) = joined(&ctx, TCP, 1000).await;
        let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
        let mut poller = Poller::new();
        poller.add(&pull, Interest::READABLE, FIRST).expect("new");
        poller.add_fd(&ours, Interest::READABLE, SECOND).expect("new");
        for _ in 0..5 {
            assert!(now(&mut poller).await.is_empty());
            let send = async { soon(push.send("x")).await.expect("sent") };
            let (ready, ()) = both(next(&mut poller), send).await;
            assert_eq!(ready, [(FIRST, true, false, false)]);
            pull.try_recv().expect("there");
            let write = async { theirs.write_all(b"x").expect("room") };
            let (ready, ()) = both(next(&mut poller), write).await;
            assert_eq!(ready, [(SECOND, true, false, false)]);
            assert_eq!(next(&mut poller).await, ready, "nobody has read it");
            ours.read_exact(&mut [0]).expect("there");
        }
        poller.modify_fd(&ours, Interest::BOTH).expect("known");
        assert_eq!(next(&mut poller).await, [(SECOND, false, true, false)]);
        poller.modify_fd(&ours, Interest::READABLE).expect("known");
        let hang_up = async { drop(theirs) };
        let (ready, ()) = both(next(&mut poller), hang_up).await;
        assert_eq!(ready, [(SECOND, true, false, true)]);
        poller.remove_fd(&ours).expect("known");
        assert!(now(&mut poller).await.is_empty());
    });
}

#[test]
fn room_in_a_descriptor_is_waited_for() {
    in_shared(async |_ctx: Context| {
        let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("a socket");
        let mut poller = Poller::new();
        poller.add_fd(&ours, Interest::WRITABLE, THIRD).expect("new");
        let mut written = 0;
        while let Ok(count) = ours.write(&[0; 4096]) {
            written += count;
        }
        assert!(now(&mut poller).await.is_empty());
        let read = async { theirs.read_exact(&mut vec![0; written]).expect("there") };
        let (ready, ()) = both(next(&mut poller), read).await;
        assert_eq!(ready, [(THIRD, false, true, false)]);
    });
}

#[test]
fn a_wait_that_is_dropped_changes_nothing() {
    everywhere(async |ctx: Context| {
        let (push, pull) = joined(&ctx, TCP, 1000).await;
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let mut poller = Poller::new();
        poller.add(&pull, Interest::READABLE, FIRST).expect("new");
        poller.add_fd(&ours, Interest::READABLE, SECOND).expect("new");
        for _ in 0..20 {
            assert!(poll_times(poller.wait(None), 1).await.is_none());
            assert!(poll_times(poller.wait(Some(PATIENCE)), 1).await.is_none());
        }
        soon(push.send("x")).await.expect("sent");
        assert_eq!(next(&mut poller).await, [(FIRST, true, false, false)]);
        assert_eq!(soon(pull.recv()).await, Ok("x".into()));
        assert!(poll_times(poller.wait(None), 1).await.is_none());
        theirs.write_all(b"x").expect("room");
        assert_eq!(next(&mut poller).await, [(SECOND, true, false, false)]);
    });
}

#[test]
fn the_time_may_run_out() {
    everywhere(async |ctx: Context| {
        let (_push, pull) = joined(&ctx, TCP, 1000).await;
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let mut poller = Poller::new();
        let limit = Some(Duration::from_millis(1));
        assert!(soon(poller.wait(limit)).await.expect("waited").is_empty(), "there is nothing but the time");
        poller.add(&pull, Interest::READABLE, FIRST).expect("new");
        poller.add_fd(&ours, Interest::READABLE, SECOND).expect("new");
        assert!(soon(poller.wait(limit)).await.expect("waited").is_empty());
        assert!(soon(poller.wait(Some(Duration::ZERO))).await.expect("waited").is_empty());
    });
}

#[test]
fn a_socket_that_is_closed_is_told_of_and_what_it_still_has() {
    everywhere(async |ctx: Context| {
        let (push, pull) = joined(&ctx, TCP, 1000).await;
        let mut poller = Poller::new();
        poller.add(&pull, Interest::READABLE, FIRST).expect("new");
        let close = async { soon(pull.clone().close()).await };
        let (ready, _) = both(next(&mut poller), close).await;
        assert_eq!(ready, [(FIRST, false, false, true)]);
        assert_eq!(next(&mut poller).await, ready);
        poller.remove(&pull).expect("known");
        poller.add(&push, Interest::WRITABLE, SECOND).expect("new");
        soon(push.clone().close()).await;
        assert_eq!(next(&mut poller).await, [(SECOND, false, false, true)]);
    });
}

#[test]
fn what_is_asked_wrongly_is_told_by_variant() {
    in_shared(async |ctx: Context| {
        let (push, pull) = joined(&ctx, &inproc(), 1000).await;
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let mut poller = Poller::new();
        assert!(matches!(poller.wait(None).await, Err(PollError::NothingToWaitFor)));
        assert!(matches!(poller.wait_blocking(None), Err(PollError::NothingToWaitFor)));
        poller.add(&pull, Interest::NONE, FIRST).expect("new");
        poller.add_fd(&ours, Interest::NONE, SECOND).expect("new");
        assert!(matches!(poller.wait(None).await, Err(PollError::NothingToWaitFor)));
        assert!(matches!(poller.add(&pull.clone(), Interest::BOTH, THIRD), Err(PollError::Duplicate)));
        assert!(matches!(poller.add_fd(&ours, Interest::BOTH, THIRD), Err(PollError::Duplicate)));
        assert!(matches!(poller.modify(&push, Interest::BOTH), Err(PollError::Unknown)));
        assert!(matches!(poller.remove(&push), Err(PollError::Unknown)));
        assert!(matches!(poller.modify_fd(&theirs, Interest::BOTH), Err(PollError::Unknown)));
        assert!(matches!(poller.remove_fd(&theirs), Err(PollError::Unknown)));
        poller.remove(&pull).expect("known");
        poller.remove_fd(&ours).expect("known");
        assert!(poller.is_empty());
        poller.add(&pull, Interest::READABLE, THIRD).expect("new again");
    });
}

#[test]
fn a_thread_does_not_block_on_its_own_runtime() {
    in_local(async |ctx: Context| {
        let (push, pull) = joined(&ctx, &inproc(), 1000).await;
        let mut poller = Poller::new();
        poller.add(&pull, Interest::READABLE, FIRST).expect("new");
        assert!(matches!(poller.wait_blocking(Some(PATIENCE)), Err(PollError::OwnRuntime)));
        assert!(poller.wait_blocking(Some(Duration::ZERO)).expect("looked").is_empty());
        push.try_send("x").expect("room");
        assert_eq!(told(poller.wait_blocking(None)), [(FIRST, true, false, false)], "it is there");
    });
}

#[test]
fn plain_threads_wait_too() {
    watched(|| {
        let ctx = Context::new();
        let pull = ctx.pull().build().expect("valid");
        let endpoint = pull.blocking().bind(TCP).expect("free").to_string();
        let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
        let mut poller = Poller::new();
        poller.add(&pull, Interest::READABLE, FIRST).expect("new");
        poller.add_fd(&ours, Interest::READABLE, SECOND).expect("new");
        assert!(poller.wait_blocking(Some(Duration::from_millis(1))).expect("waited").is_empty());
        let push = ctx.push().connect(&endpoint).expect("valid");
        let others = std::thread::spawn(move || {
            for _ in 0..200 {
                push.blocking().send("x").expect("sent");
                theirs.write_all(b"x").expect("room");
            }
            push.blocking().close();
        });
        let (mut messages, mut bytes) = (0, 0);
        while messages < 200 || bytes < 200 {
            for ready in poller.wait_blocking(Some(PATIENCE)).expect("waited") {
                match ready.token {
                    FIRST => messages += std::iter::from_fn(|| pull.try_recv().ok()).count(),
                    _ => bytes += ours.read(&mut [0; 64]).expect("there"),
                }
            }
        }
        assert_eq!((messages, bytes), (200, 200));
        others.join().expect("no panic");
    });
}
