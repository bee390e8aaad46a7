//! Queues and waiting.

use std::time::{Duration, Instant};

use monocoque::{Any, Context, RecvError, SendError, Socket, SocketOption, SocketType};

use crate::Check;
use crate::common::raw::RawListener;
use crate::common::{QUICK, TCP, disconnected, event, everywhere, in_shared, inproc, number, soon};

pub const CHECKS: &[(SocketOption, Check)] = &[
    (SocketOption::SNDHWM, send_hwm),
    (SocketOption::RCVHWM, recv_hwm),
    (SocketOption::SNDHWM_BYTES, send_hwm_bytes),
    (SocketOption::RCVHWM_BYTES, recv_hwm_bytes),
    (SocketOption::LINGER, linger),
    (SocketOption::SNDTIMEO, send_timeout),
    (SocketOption::RCVTIMEO, recv_timeout),
    (SocketOption::IMMEDIATE, immediate),
    (SocketOption::CONFLATE, conflate),
];

/// How many messages of 100 bytes go into the queue.
fn fill(socket: &Socket<Any>) -> usize {
    (0..100_000).take_while(|_| socket.try_send([7; 100].as_slice()).is_ok()).count()
}

/// A PUSH joined to a PULL that does not read, each with a mark that one option sets.
async fn joined(ctx: &Context, option: SocketOption, ours: i64, theirs: i64) -> (Socket<Any>, Socket<Any>) {
    let name = inproc();
    let set = |socket_type, value| ctx.socket(socket_type).option(option, value);
    let pull = soon(set(SocketType::Pull, theirs).bind(&name)).await.expect("free");
    let push = set(SocketType::Push, ours).connect(&name).expect("valid");
    soon(push.wait_for_peers(1)).await;
    (push, pull)
}

fn send_hwm() {
    everywhere(async |ctx: Context| {
        let (push, _pull) = joined(&ctx, SocketOption::SNDHWM, 7, 1000).await;
        assert_eq!(fill(&push), 1007, "both marks count over inproc");
        push.set_option(SocketOption::SNDHWM, 20).expect("valid");
        assert_eq!(fill(&push), 13, "it acts on the peer that is there");
        push.set_option(SocketOption::SNDHWM, 0).expect("valid");
        assert_eq!(fill(&push), 100_000, "and may be lifted");
    });
}

fn recv_hwm() {
    everywhere(async |ctx: Context| {
        let (push, pull) = joined(&ctx, SocketOption::RCVHWM, 1000, 7).await;
        assert_eq!(fill(&push), 1007);
        pull.set_option(SocketOption::RCVHWM, 20).expect("valid");
        assert_eq!(fill(&push), 13);
    });
}

fn send_hwm_bytes() {
    everywhere(async |ctx: Context| {
        let push = ctx.socket(SocketType::Push).option(SocketOption::SNDHWM_BYTES, 1_000);
        let push = push.connect(inproc()).expect("valid");
        let few = fill(&push);
        assert!((5..=10).contains(&few), "{few} of 100 bytes and their heads");
        push.set_option(SocketOption::SNDHWM_BYTES, 2_000).expect("valid");
        assert!((5..=10).contains(&fill(&push)), "it acts on the queue that is there");
    });
}

fn recv_hwm_bytes() {
    in_shared(async |ctx: Context| {
        let pull = ctx.socket(SocketType::Pull).option(SocketOption::RCVHWM_BYTES, 10_000);
        let pull = soon(pull.bind(TCP)).await.expect("free");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let mut raw = crate::common::raw::Raw::connect_as(&endpoint, "PUSH", b"");
        let body = crate::common::raw::message(&[&[7; 1000]]);
        let sent = raw.flood(&body.repeat(100_000), Duration::from_millis(300));
        assert!(sent < 100_000_000, "reading stops: {sent}");
        // Not by receiving: what that makes room for is read meanwhile.
        let queued = pull.stats().recv_queue.messages;
        assert!((10..400).contains(&queued), "no more than a read beyond the mark is queued: {queued}");
        assert!(pull.try_recv().is_ok());
    });
}

fn linger() {
    in_shared(async |ctx: Context| {
        for (ms, least) in [(0, Duration::ZERO), (120, Duration::from_millis(120))] {
            let push = ctx.socket(SocketType::Push).connect("tcp://127.0.0.1:1").expect("valid");
            soon(push.send("nobody")).await.expect("queued");
            push.set_option(SocketOption::LINGER, ms).expect("valid");
            let start = Instant::now();
            assert_eq!(soon(push.close()).await.undelivered, 1);
            assert!(start.elapsed() >= least);
        }
    });
}

fn send_timeout() {
    everywhere(async |ctx: Context| {
        let push = ctx.socket(SocketType::Push).build().expect("valid");
        push.set_option(SocketOption::SNDTIMEO, 20).expect("valid");
        assert_eq!(soon(push.send("x")).await, Err(SendError::TimedOut(Box::new("x".into()))));
    });
}

fn recv_timeout() {
    everywhere(async |ctx: Context| {
        let pull = ctx.socket(SocketType::Pull).build().expect("valid");
        pull.set_option(SocketOption::RCVTIMEO, 20).expect("valid");
        assert_eq!(soon(pull.recv()).await, Err(RecvError::TimedOut));
    });
}

fn immediate() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let push = ctx.push().reconnect(QUICK).option(SocketOption::IMMEDIATE, true).connect(&listener.endpoint);
        let push = push.expect("valid");
        let monitor = push.monitor();
        assert_eq!(push.try_send("x"), Err(SendError::Full(Box::new("x".into()))));
        let raw = listener.accept_as("PULL");
        soon(push.send("there")).await.expect("sent");
        raw.die();
        event(&monitor, disconnected).await;
        assert_eq!(push.try_send("x"), Err(SendError::Full(Box::new("x".into()))));
    });
}

fn conflate() {
    everywhere(async |ctx: Context| {
        let push = ctx.socket(SocketType::Push).build().expect("valid");
        push.set_option(SocketOption::CONFLATE, true).expect("valid");
        let name = inproc();
        push.connect(&name).expect("valid");
        for n in 0..2000 {
            push.try_send(number(n)).expect("a mark means nothing");
        }
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        assert_eq!(soon(pull.recv()).await, Ok(number(1999)));
    });
}
