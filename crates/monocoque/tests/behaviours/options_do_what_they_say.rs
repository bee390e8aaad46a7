//! Options that change what a socket does: time-outs, immediate, conflate.

use std::time::{Duration, Instant};

use monocoque::{Context, DropCause, Hwm, RecvError, SendError};

use crate::common::raw::{Raw, RawListener, message};
use crate::common::{QUICK, TCP, disconnected, event, everywhere, in_shared, inproc, number, soon, transports};

const SHORT: Duration = Duration::from_millis(50);

#[test]
fn sends_and_receives_time_out() {
    everywhere(async |ctx: Context| {
        let pair = ctx.pair().send_timeout(SHORT).recv_timeout(SHORT).build().expect("valid");
        let start = Instant::now();
        assert_eq!(soon(pair.send(["nobody", ""])).await, Err(SendError::TimedOut(Box::new(["nobody", ""].into()))));
        assert_eq!(soon(pair.recv()).await, Err(RecvError::TimedOut));
        let took = start.elapsed();
        assert!(took >= 2 * SHORT && took < Duration::from_secs(2), "{took:?}");
        let name = inproc();
        soon(pair.bind(&name)).await.expect("free");
        let peer = ctx.pair().connect(&name).expect("valid");
        soon(pair.send("now")).await.expect("sent");
        assert_eq!(soon(peer.recv()).await, Ok("now".into()));
    });
}

#[test]
fn a_time_out_of_zero_does_not_wait() {
    everywhere(async |ctx: Context| {
        let pair = ctx.pair().send_timeout(Duration::ZERO).recv_timeout(Duration::ZERO).build().expect("valid");
        assert_eq!(soon(pair.send("x")).await, Err(SendError::TimedOut(Box::new("x".into()))));
        assert_eq!(soon(pair.recv()).await, Err(RecvError::TimedOut));
    });
}

#[test]
fn immediate_queues_for_connected_peers_only() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let push = ctx.push().immediate(true).reconnect(QUICK).build().expect("valid");
        push.connect("tcp://127.0.0.1:1").expect("valid");
        assert_eq!(push.try_send("nobody"), Err(SendError::Full(Box::new("nobody".into()))));
        push.connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
        for n in 0..10 {
            soon(push.send(number(n))).await.expect("sent");
            assert_eq!(soon(pull.recv()).await, Ok(number(n)), "none waits for the one that is not there");
        }
        let late = ctx.push().immediate(true).reconnect(QUICK).connect(&listener.endpoint).expect("valid");
        let monitor = late.monitor();
        let raw = listener.accept_as("PULL");
        soon(late.wait_for_peers(1)).await;
        raw.die();
        event(&monitor, disconnected).await;
        assert_eq!(late.try_send("gone"), Err(SendError::Full(Box::new("gone".into()))), "its queue went with it");
        let mut raw = listener.accept_as("PULL");
        soon(late.send("back")).await.expect("sent");
        assert_eq!(raw.recv(), Some(vec![b"back".to_vec()]));
    });
}

#[test]
fn a_conflating_sender_keeps_the_last_message() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let push = ctx.push().conflate(true).connect(&name).expect("valid");
        for n in 0..100 {
            soon(push.send(number(n))).await.expect("never waits");
        }
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        assert_eq!(pull.try_recv(), Ok(number(99)));
        assert!(pull.try_recv().is_err());
        assert_eq!((push.drops().of(DropCause::Conflated), push.drops().total()), (99, 99));
    });
}

#[test]
fn a_conflating_receiver_keeps_the_last_message_and_counts_the_others() {
    in_shared(async |ctx: Context| {
        for kind in ["pull", "sub"] {
            let pull = soon(ctx.pull().conflate(true).bind(TCP)).await.expect("free");
            let sub = soon(ctx.subscriber().conflate(true).bind(TCP)).await.expect("free");
            sub.subscribe("");
            let (endpoint, monitor, peer) = match kind {
                "pull" => (pull.last_endpoint(), pull.monitor(), "PUSH"),
                _ => (sub.last_endpoint(), sub.monitor(), "PUB"),
            };
            let mut raw = Raw::connect_as(&endpoint.expect("bound").to_string(), peer, b"");
            let bytes: Vec<u8> = (0..100_u64).flat_map(|n| message(&[&n.to_be_bytes()])).collect();
            raw.write(&bytes);
            raw.leave();
            event(&monitor, disconnected).await;
            let (got, more, drops) = match kind {
                "pull" => (pull.try_recv(), pull.try_recv(), pull.drops()),
                _ => (sub.try_recv(), sub.try_recv(), sub.drops()),
            };
            assert_eq!(got, Ok(number(99)), "{kind}");
            assert!(more.is_err(), "{kind}");
            assert_eq!((drops.of(DropCause::Conflated), drops.total()), (99, 99), "{kind}");
        }
    });
}

#[test]
fn a_conflating_receiver_over_inproc_keeps_the_last_message() {
    everywhere(async |ctx: Context| {
        for receiver_binds in [true, false] {
            let name = inproc();
            let pull = ctx.pull().conflate(true).build().expect("valid");
            let push = ctx.push().build().expect("valid");
            if receiver_binds {
                soon(pull.bind(&name)).await.expect("free");
                push.connect(&name).expect("valid");
            } else {
                soon(push.bind(&name)).await.expect("free");
                pull.connect(&name).expect("valid");
            }
            for n in 0..10 {
                soon(push.send(number(n))).await.expect("sent");
            }
            assert_eq!(pull.try_recv(), Ok(number(9)), "receiver binds: {receiver_binds}");
            assert!(pull.try_recv().is_err());
        }
    });
}

#[test]
fn no_reconnect_tries_once() {
    everywhere(async |ctx: Context| {
        let push = ctx.push().no_reconnect().build().expect("valid");
        let monitor = push.monitor();
        push.connect("tcp://127.0.0.1:1").expect("valid");
        let given_up = event(&monitor, |event| match event {
            monocoque::Event::ConnectGivenUp { reason, kind, .. } => Some((reason.is_some(), kind)),
            monocoque::Event::ConnectRetried { .. } => panic!("it was told not to"),
            _ => None,
        });
        assert_eq!(given_up.await, (true, Some(std::io::ErrorKind::ConnectionRefused)), "it says why");
    });
}

#[test]
fn large_messages_pass_marks_that_they_exceed() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let mark = Hwm::messages(2).bytes(1000);
            let pull = soon(ctx.pull().hwm(mark).bind(&transport)).await.expect("free");
            let push = ctx.push().hwm(mark).connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
            for size in [0, 999, 1_000_000, 10, 5_000_000] {
                soon(push.send(vec![1; size])).await.expect("sent");
                assert_eq!(soon(pull.recv()).await.expect("received").byte_len(), size);
            }
        }
    });
}
