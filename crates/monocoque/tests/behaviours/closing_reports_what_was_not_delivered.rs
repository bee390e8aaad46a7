//! Closing sends what is queued for the linger time, and says how many messages that was not enough for.

use std::time::{Duration, Instant};

use monocoque::{BindError, ConnectError, Context, DropCause, Hwm, RecvError, SendError, TryRecvError};

use crate::common::raw::{Raw, RawListener};
use crate::common::{IPC, QUICK, TCP, both, everywhere, in_shared, inproc, number, poll_times, soon, watched};

/// A port that nobody listens on.
fn nowhere() -> String {
    RawListener::new().endpoint
}

#[test]
fn what_waits_for_a_peer_that_never_came_is_undelivered() {
    everywhere(async |ctx: Context| {
        for linger in [Duration::ZERO, Duration::from_millis(100)] {
            let push = ctx.push().linger(linger).connect(nowhere()).expect("valid");
            for n in 0..17 {
                soon(push.send(number(n))).await.expect("queued");
            }
            let (clone, start) = (push.clone(), Instant::now());
            assert_eq!(soon(push.close()).await.undelivered, 17);
            assert!(start.elapsed() >= linger && start.elapsed() < linger + Duration::from_secs(1));
            assert_eq!((clone.drops().of(DropCause::Linger), clone.drops().total()), (17, 17));
        }
    });
}

#[test]
fn what_a_connected_peer_does_not_read_is_undelivered() {
    in_shared(async |ctx: Context| {
        for bound in [true, false] {
            let push = ctx.push().hwm(Hwm::unlimited()).linger(Duration::from_millis(50)).build().expect("valid");
            let raw = if bound {
                Raw::connect_as(&soon(push.bind(TCP)).await.expect("free").to_string(), "PULL", b"")
            } else {
                let listener = RawListener::new();
                push.connect(&listener.endpoint).expect("valid");
                listener.accept_as("PULL")
            };
            for n in 0..400_u64 {
                soon(push.send((&n.to_be_bytes(), vec![0; 64 << 10]))).await.expect("queued");
            }
            let clone = push.clone();
            let undelivered = soon(push.close()).await.undelivered;
            let read = raw.leave().len();
            assert_eq!(read + undelivered, 400, "bound: {bound}");
            assert!(undelivered > 0, "25 MB do not fit");
            let drops = clone.drops();
            assert_eq!((drops.of(DropCause::Linger), drops.total()), (undelivered as u64, undelivered as u64));
        }
    });
}

#[test]
fn what_a_peer_reads_within_the_linger_time_is_delivered() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), IPC.to_owned(), inproc()] {
            let pull = soon(ctx.pull().bind(&transport)).await.expect("free");
            let endpoint = pull.last_endpoint().expect("bound").to_string();
            // Not yet connected when it is closed.
            let push = ctx.push().linger(Duration::from_secs(10)).connect(&endpoint).expect("valid");
            for n in 0..1000 {
                soon(push.send(number(n))).await.expect("queued");
            }
            assert_eq!(soon(push.close()).await.undelivered, 0);
            for n in 0..1000 {
                assert_eq!(soon(pull.recv()).await, Ok(number(n)));
            }
        }
    });
}

#[test]
fn lingering_forever_waits_for_a_peer_that_comes_late() {
    in_shared(async |ctx: Context| {
        let endpoint = nowhere();
        let push = ctx.push().linger_forever().reconnect(QUICK).connect(&endpoint).expect("valid");
        for n in 0..10 {
            soon(push.send(number(n))).await.expect("queued");
        }
        let mut closing = Box::pin(push.close());
        let early = smol::future::or(async { Some(closing.as_mut().await) }, async {
            smol::Timer::after(Duration::from_millis(1500)).await;
            None
        });
        assert_eq!(early.await, None, "longer than the default");
        let pull = soon(ctx.pull().bind(&endpoint)).await.expect("still free");
        assert_eq!(soon(closing).await.undelivered, 0);
        for n in 0..10 {
            assert_eq!(soon(pull.recv()).await, Ok(number(n)));
        }
    });
}

#[test]
fn dropping_the_last_handle_sends_what_is_queued() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), IPC.to_owned(), inproc()] {
            let pull = soon(ctx.pull().bind(&transport)).await.expect("free");
            let push = ctx.push().connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
            let clone = push.clone();
            for n in 0..500 {
                soon(push.send(number(n))).await.expect("queued");
            }
            drop(push);
            soon(clone.send(number(500))).await.expect("a clone is the same socket");
            drop(clone);
            for n in 0..=500 {
                assert_eq!(soon(pull.recv()).await, Ok(number(n)));
            }
        }
    });
}

#[test]
fn dropping_the_context_waits_for_its_sockets_to_send() {
    watched(|| {
        let receiver = Context::new();
        let pull = receiver.pull().hwm(Hwm::unlimited()).build().expect("valid");
        let endpoint = pull.blocking().bind(TCP).expect("free").to_string();
        {
            let ctx = Context::new();
            let push = ctx.push().connect(&endpoint).expect("valid");
            for n in 0..1000 {
                push.blocking().send(number(n)).expect("queued");
            }
        }
        // All of it is in our kernel or further.
        for n in 0..1000 {
            assert_eq!(pull.blocking().recv(), Ok(number(n)));
        }
    });
}

#[test]
fn dropping_the_context_is_bounded_by_the_linger_time() {
    watched(|| {
        let start = Instant::now();
        {
            let ctx = Context::new();
            let push = ctx.push().linger(Duration::from_millis(200)).connect(nowhere()).expect("valid");
            push.blocking().send("never").expect("queued");
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(3), "{took:?}");
    });
}

#[test]
fn a_socket_that_was_dropped_before_anyone_bound_over_inproc_has_sent() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let push = ctx.push().connect(&name).expect("valid");
        for n in 0..10 {
            soon(push.send(number(n))).await.expect("queued");
        }
        drop(push);
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        for n in 0..10 {
            assert_eq!(soon(pull.recv()).await, Ok(number(n)));
        }
    });
}

#[test]
fn a_closed_socket_says_so_on_all_its_handles() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), inproc()] {
            let pair = soon(ctx.pair().bind(&transport)).await.expect("free");
            let peer = ctx.pair().connect(pair.last_endpoint().expect("bound").to_string()).expect("valid");
            soon(peer.send("before")).await.expect("sent");
            let clone = pair.clone();
            while !pair.can_recv() {
                smol::Timer::after(Duration::from_millis(1)).await;
            }
            soon(pair.close()).await;
            assert_eq!(soon(clone.send(["gone", ""])).await, Err(SendError::Closed(Box::new(["gone", ""].into()))));
            assert_eq!(clone.try_send("gone"), Err(SendError::Closed(Box::new("gone".into()))));
            assert_eq!(soon(clone.recv()).await, Ok("before".into()), "what had come is still there");
            assert_eq!(soon(clone.recv()).await, Err(RecvError::Closed));
            assert_eq!(clone.try_recv(), Err(TryRecvError::Failed(RecvError::Closed)));
            assert!(matches!(soon(clone.bind(TCP)).await, Err(BindError::Closed)));
            assert!(matches!(clone.connect("tcp://127.0.0.1:1"), Err(ConnectError::Closed)));
            assert_eq!(soon(clone.close()).await.undelivered, 0, "closing twice is the same");
        }
    });
}

#[test]
fn everyone_who_closes_gets_the_same_report() {
    everywhere(async |ctx: Context| {
        for linger in [Duration::ZERO, Duration::from_millis(50)] {
            // Closing a listener takes a moment, in which the second one comes.
            let push = soon(ctx.push().linger(linger).bind(TCP)).await.expect("free");
            push.connect(nowhere()).expect("valid");
            for n in 0..17 {
                soon(push.send(number(n))).await.expect("queued");
            }
            let (first, second) = soon(both(push.clone().close(), push.clone().close())).await;
            let third = soon(push.clone().close()).await;
            assert_eq!([first, second, third].map(|report| report.undelivered), [17; 3]);
            assert_eq!((push.drops().of(DropCause::Linger), push.drops().total()), (17, 17));
        }
    });
}

#[test]
fn whoever_closes_after_a_close_that_was_dropped_gets_the_whole_report() {
    everywhere(async |ctx: Context| {
        let push = soon(ctx.push().linger(Duration::ZERO).bind(TCP)).await.expect("free");
        push.connect(nowhere()).expect("valid");
        for n in 0..17 {
            soon(push.send(number(n))).await.expect("queued");
        }
        // The endpoints are told to end in the first poll, and the bound one takes a moment.
        let closed = poll_times(push.clone().close(), 1).await;
        assert!(closed.is_none_or(|report| report.undelivered == 17));
        assert_eq!(soon(push.clone().close()).await.undelivered, 17);
        assert_eq!((push.drops().of(DropCause::Linger), push.drops().total()), (17, 17));
    });
}

#[test]
fn what_a_peer_does_not_read_is_counted_after_a_close_that_was_dropped() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let push = ctx.push().hwm(Hwm::unlimited()).linger(Duration::ZERO).connect(&listener.endpoint).expect("valid");
        let raw = listener.accept_as("PULL");
        for n in 0..400_u64 {
            soon(push.send((&n.to_be_bytes(), vec![0; 64 << 10]))).await.expect("queued");
        }
        poll_times(push.clone().close(), 1).await;
        let undelivered = soon(push.clone().close()).await.undelivered;
        assert_eq!(raw.leave().len() + undelivered, 400);
        assert!(undelivered > 0, "25 MB do not fit");
        assert_eq!(push.drops().of(DropCause::Linger), undelivered as u64);
    });
}

#[test]
fn the_linger_time_runs_from_the_first_close() {
    in_shared(async |ctx: Context| {
        let [early, late] = [(); 2].map(|()| ctx.push().connect(nowhere()).expect("valid"));
        for push in [&early, &late] {
            soon(push.send("never")).await.expect("queued");
        }
        let begun = async { Some(early.clone().close().await) };
        let dropped = smol::future::or(begun, async {
            smol::Timer::after(Duration::from_millis(700)).await;
            None
        });
        assert_eq!(dropped.await, None, "shorter than the default");
        let late = async { ("late", late.close().await.undelivered) };
        let early = async { ("early", early.close().await.undelivered) };
        assert_eq!(soon(smol::future::or(late, early)).await, ("early", 1));
    });
}

#[test]
fn closing_wakes_all_who_wait() {
    everywhere(async |ctx: Context| {
        let pair = ctx.pair().build().expect("valid");
        let waiting = async { (pair.recv().await, pair.send("x").await) };
        let close = async {
            smol::future::yield_now().await;
            pair.clone().close().await
        };
        let (waited, _) = soon(smol::future::zip(waiting, close)).await;
        assert_eq!(waited, (Err(RecvError::Closed), Err(SendError::Closed(Box::new("x".into())))));
    });
}

#[test]
fn a_closed_endpoint_is_free_at_once() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), IPC.to_owned(), inproc()] {
            let first = soon(ctx.pull().bind(&transport)).await.expect("free");
            let endpoint = first.last_endpoint().expect("bound").to_string();
            soon(first.close()).await;
            if endpoint.starts_with("ipc") {
                assert!(!std::path::Path::new(endpoint.trim_start_matches("ipc://")).exists(), "the file is gone");
                continue;
            }
            soon(ctx.pull().bind(&endpoint)).await.expect("free again");
        }
    });
}
