//! One peer restarts two hundred times under load while another stays: the one that stays gets all that is its
//! own, and what was sent is what was received, what was counted as dropped, and nothing else.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use monocoque::{Context, DropCause, Event, Hwm, Pull, Routed, RoutingId, Socket, TryRecvError};

use crate::common::raw::{Raw, RawListener};
use crate::common::{QUICK, TCP, both, number, to_number, watched};

const RESTARTS: usize = 200;
/// What a life reads before it ends.
const READS: usize = 5;

fn first_numbers(messages: Vec<Vec<Vec<u8>>>) -> impl Iterator<Item = u64> {
    messages.into_iter().map(|frames| to_number(&frames[0]))
}

/// Sends numbers from a thread of its own until told to stop; gives back how many.
fn load(mut send: impl FnMut(u64) + Send + 'static) -> (Arc<AtomicBool>, JoinHandle<u64>) {
    let over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&over);
    let run = move || {
        let mut sent = 0;
        while !told.load(Ordering::Relaxed) {
            send(sent);
            sent += 1;
        }
        sent
    };
    (over, thread::spawn(run))
}

/// Receives until the first connection has ended, and what is left then.
fn read_out(pull: Socket<Pull>) -> JoinHandle<Vec<u64>> {
    let watch = pull.monitor();
    let over =
        thread::spawn(move || while !matches!(watch.recv_blocking(), Some(Event::Disconnected { .. }) | None) {});
    thread::spawn(move || {
        let mut got = Vec::new();
        loop {
            match pull.try_recv() {
                Ok(message) => got.push(to_number(message.first())),
                Err(TryRecvError::Empty) if over.is_finished() => {
                    got.extend(std::iter::from_fn(|| Some(to_number(pull.try_recv().ok()?.first()))));
                    return got;
                }
                Err(TryRecvError::Empty) => thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    })
}

/// Reads to the end of the connection, on a thread of its own.
fn drain(mut raw: Raw) -> JoinHandle<Vec<u64>> {
    thread::spawn(move || std::iter::from_fn(|| Some(to_number(&raw.recv()?[0]))).collect())
}

#[test]
fn a_push_that_connects_loses_nothing_and_sends_nothing_twice() {
    watched(|| {
        let ctx = Context::new();
        let listener = RawListener::new();
        let pull = ctx.pull().build().expect("valid");
        let steady_at = pull.blocking().bind(TCP).expect("free").to_string();
        let push = ctx.push().hwm(Hwm::messages(100)).linger_forever().reconnect(QUICK).build().expect("valid");
        push.connect(&steady_at).expect("valid");
        push.connect(&listener.endpoint).expect("valid");
        let steady = read_out(pull);
        let sender = push.clone();
        let (over, load) = load(move |n| sender.blocking().send(number(n)).expect("open"));
        let mut flapping = Vec::new();
        for _ in 0..RESTARTS {
            let mut raw = listener.accept_as("PULL");
            for _ in 0..READS {
                flapping.push(to_number(&raw.recv().expect("a message")[0]));
            }
            flapping.extend(first_numbers(raw.leave()));
        }
        let drained = drain(listener.accept_as("PULL"));
        over.store(true, Ordering::Relaxed);
        let sent = load.join().expect("no panic");
        assert_eq!(push.clone().blocking().close().undelivered, 0);
        flapping.extend(drained.join().expect("no panic"));
        let steady = steady.join().expect("no panic");
        assert!(steady.is_sorted() && !steady.is_empty() && flapping.is_sorted());
        let all: BTreeSet<u64> = steady.iter().chain(&flapping).copied().collect();
        assert_eq!(all.len(), steady.len() + flapping.len(), "something came twice");
        assert_eq!((all.len() as u64, push.drops().total()), (sent, 0));
    });
}

#[test]
fn a_push_that_is_bound_counts_what_dies_with_its_peers() {
    watched(|| {
        let ctx = Context::new();
        let push = ctx.push().hwm(Hwm::messages(100)).linger_forever().build().expect("valid");
        let endpoint = push.blocking().bind(TCP).expect("free").to_string();
        let pull = ctx.pull().connect(&endpoint).expect("valid");
        let steady = read_out(pull);
        let sender = push.clone();
        let (over, load) = load(move |n| sender.blocking().send(number(n)).expect("open"));
        let mut flapping = Vec::new();
        for _ in 0..RESTARTS {
            let mut raw = Raw::connect_as(&endpoint, "PULL", b"");
            for _ in 0..READS {
                flapping.push(to_number(&raw.recv().expect("a message")[0]));
            }
            flapping.extend(first_numbers(raw.leave()));
        }
        over.store(true, Ordering::Relaxed);
        let sent = load.join().expect("no panic");
        assert_eq!(push.blocking().close().undelivered, 0);
        let steady = steady.join().expect("no panic");
        assert!(steady.is_sorted() && !steady.is_empty());
        let all: BTreeSet<u64> = steady.iter().chain(&flapping).copied().collect();
        assert_eq!(all.len(), steady.len() + flapping.len(), "something came twice");
        assert_eq!(all.len() as u64 + push.drops().of(DropCause::PeerGone), sent);
        assert_eq!(push.drops().total(), push.drops().of(DropCause::PeerGone));
    });
}

#[test]
fn a_dealer_that_connects_loses_nothing_and_sends_nothing_twice() {
    watched(|| {
        let ctx = Context::new();
        let listener = RawListener::new();
        let dealer = ctx.dealer().hwm(Hwm::messages(50)).linger_forever().reconnect(QUICK);
        let dealer = dealer.connect(&listener.endpoint).expect("valid");
        let sender = dealer.clone();
        let (over, load) = load(move |n| sender.blocking().send(number(n)).expect("open"));
        let mut got = Vec::new();
        for _ in 0..RESTARTS {
            let mut raw = listener.accept_as("ROUTER");
            for _ in 0..READS {
                got.push(to_number(&raw.recv().expect("a message")[0]));
            }
            got.extend(first_numbers(raw.leave()));
        }
        let drained = drain(listener.accept_as("ROUTER"));
        over.store(true, Ordering::Relaxed);
        let sent = load.join().expect("no panic");
        assert_eq!(dealer.blocking().close().undelivered, 0);
        got.extend(drained.join().expect("no panic"));
        assert!(got.iter().copied().eq(0..sent), "all of them, each once, in order over all lives");
        assert_eq!(dealer.drops().total(), 0);
    });
}

#[test]
fn a_router_counts_what_has_no_peer_and_its_steady_peer_misses_nothing() {
    watched(|| {
        let ctx = Context::new();
        let router = ctx.router().hwm(Hwm::unlimited()).linger_forever().build().expect("valid");
        let endpoint = router.blocking().bind(TCP).expect("free").to_string();
        let steady = ctx.dealer().identity("steady").connect(&endpoint).expect("valid");
        steady.blocking().send("here").expect("sent");
        let [steady_id, flapping_id] = ["steady", "flapping"].map(|name| RoutingId::new(name).expect("valid"));
        assert_eq!(router.blocking().recv(), Ok(Routed::new(steady_id.clone(), "here")));
        let echo = steady.clone();
        let echo = thread::spawn(move || {
            while let Ok(message) = echo.blocking().recv() {
                echo.blocking().send(message).expect("open");
            }
        });
        let sender = router.clone();
        // One to each; the steady one's echo is waited for, which paces the load.
        let (over, load) = load(move |n| {
            let router = sender.blocking();
            router.send((flapping_id.clone(), number(n))).expect("sent or dropped");
            router.send((steady_id.clone(), number(n))).expect("sent");
            assert_eq!(router.recv(), Ok(Routed::new(steady_id.clone(), number(n))));
        });
        let mut got = Vec::new();
        for _ in 0..RESTARTS {
            let mut raw = Raw::connect_as(&endpoint, "DEALER", b"flapping");
            for _ in 0..READS {
                got.push(to_number(&raw.recv().expect("a message")[0]));
            }
            got.extend(first_numbers(raw.leave()));
        }
        over.store(true, Ordering::Relaxed);
        let sent = load.join().expect("no panic");
        assert_eq!(router.blocking().close().undelivered, 0);
        let distinct: BTreeSet<u64> = got.iter().copied().collect();
        assert_eq!(distinct.len(), got.len(), "something came twice");
        assert!(got.is_sorted());
        let drops = router.drops();
        let lost = drops.of(DropCause::NoRoute) + drops.of(DropCause::PeerGone);
        assert_eq!((got.len() as u64 + lost, drops.total()), (sent, lost));
        steady.blocking().close();
        echo.join().expect("no panic");
    });
}

#[test]
fn a_publisher_gives_its_steady_subscriber_everything() {
    watched(|| {
        let ctx = Context::new();
        let publisher = ctx.publisher().hwm(Hwm::unlimited()).linger_forever().build().expect("valid");
        let endpoint = publisher.blocking().bind(TCP).expect("free").to_string();
        let steady = ctx.subscriber().hwm(Hwm::unlimited()).connect(&endpoint).expect("valid");
        steady.subscribe("");
        publisher.blocking().wait_for_subscribers(1);
        let received = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&received);
        let steady = thread::spawn(move || {
            for n in 0.. {
                let message = steady.blocking().recv().expect("open");
                if message.len() > 1 {
                    return n;
                }
                assert_eq!(to_number(message.first()), n, "no gap");
                seen.store(n + 1, Ordering::Relaxed);
            }
            unreachable!("ends with the last message")
        });
        let sender = publisher.clone();
        let (over, load) = load(move |n| {
            sender.blocking().send(number(n)).expect("open");
            while n > received.load(Ordering::Relaxed) + 1000 {
                thread::yield_now();
            }
        });
        let mut last = None;
        for restart in 0..RESTARTS {
            let mut raw = Raw::connect_as(&endpoint, "SUB", b"");
            raw.subscribe(b"");
            let mut numbers: Vec<_> = (0..READS).map(|_| to_number(&raw.recv().expect("a message")[0])).collect();
            if restart % 2 == 0 {
                numbers.extend(first_numbers(raw.leave()));
            } else {
                raw.die();
            }
            assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "a life sees no gap: {numbers:?}");
            assert!(last < numbers.first().copied(), "nothing of the life before comes again");
            last = numbers.last().copied();
        }
        over.store(true, Ordering::Relaxed);
        let sent = load.join().expect("no panic");
        publisher.blocking().send(["the", "end"]).expect("open");
        publisher.blocking().close();
        assert_eq!(steady.join().expect("no panic"), sent);
        assert_eq!(publisher.drops().of(DropCause::Full), 0);
    });
}

#[test]
fn a_req_goes_on_whatever_its_peers_do() {
    watched(|| {
        let ctx = Context::new();
        let listener = RawListener::new();
        let rep = ctx.rep().build().expect("valid");
        let steady_at = rep.blocking().bind(TCP).expect("free").to_string();
        let req = ctx.req().reconnect(QUICK).build().expect("valid");
        req.connect(&steady_at).expect("valid");
        req.connect(&listener.endpoint).expect("valid");
        let server = rep.clone();
        let server = thread::spawn(move || {
            let mut answered = 0_u64;
            while let Ok(request) = server.blocking().recv() {
                if server.blocking().send(request).is_err() {
                    break;
                }
                answered += 1;
            }
            answered
        });
        let over = Arc::new(AtomicBool::new(false));
        let askers: Vec<_> = (0..4_u64)
            .map(|asker| {
                let (req, over) = (req.clone(), Arc::clone(&over));
                thread::spawn(move || {
                    let (mut asked, mut answered) = (0, 0);
                    while !over.load(Ordering::Relaxed) {
                        let body = number(asker << 32 | asked);
                        asked += 1;
                        match smol::block_on(req.request_timeout(body.clone(), Duration::from_millis(20))) {
                            Ok(reply) => {
                                assert_eq!(reply, body, "its own reply and no other");
                                answered += 1;
                            }
                            Err(error) => assert_eq!(error, monocoque::RecvError::TimedOut.into()),
                        }
                    }
                    (asked, answered)
                })
            })
            .collect();
        let mut flapping = 0_u64;
        for _ in 0..RESTARTS {
            let mut raw = listener.accept_as("REP");
            let request = raw.recv().expect("a request");
            raw.send(&request.iter().map(Vec::as_slice).collect::<Vec<_>>());
            flapping += 1;
            // One more is read and never answered.
            raw.recv().expect("a request");
            raw.leave();
        }
        over.store(true, Ordering::Relaxed);
        let (asked, answered) =
            askers.into_iter().map(|asker| asker.join().expect("no panic")).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        assert!(answered > 0 && asked > answered);
        // They go in turn: one of the two to the peer that is there.
        let still = || req.request_timeout("still there", Duration::from_secs(1));
        let answers = smol::block_on(both(still(), still()));
        assert!(answers.0.is_ok() || answers.1.is_ok(), "{answers:?}");
        rep.blocking().close();
        let steady = server.join().expect("no panic");
        // Every answer was received, or was late and counted, or is on its way.
        let late = req.drops().of(DropCause::Unexpected);
        assert!(answered + late <= steady + flapping, "{answered} + {late} of {steady} + {flapping}");
        assert_eq!(req.drops().total(), late);
    });
}
