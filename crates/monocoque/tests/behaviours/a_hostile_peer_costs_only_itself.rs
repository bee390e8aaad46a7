//! What a peer can make us keep or wait for is bounded, and what it left behind is found.

use std::time::Duration;

use monocoque::{Context, DropCause, Event, Reconnect};

use crate::common::raw::{Raw, command};
use crate::common::{TCP, disconnected, event, in_shared, inproc, poll_times, soon};

#[test]
fn pings_that_are_never_answered_to_are_not_hoarded() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let mut raw = Raw::connect_as(&pull.last_endpoint().expect("bound").to_string(), "PUSH", b"");
        let pings = command("PING", b"\0\0sixteen bytes of").repeat(4096);
        // It reads none of our PONGs, so we stop reading its PINGs when the kernel takes no more of either.
        let taken =
            (0..1000).map(|_| raw.flood(&pings, Duration::from_secs(1))).take_while(|&n| n == pings.len()).count();
        assert!(taken * pings.len() < 64 << 20, "{taken} floods of {} bytes were taken", pings.len());
    });
}

#[test]
fn a_peer_that_filled_our_pipe_and_went_is_missed() {
    in_shared(async |ctx: Context| {
        let push = soon(ctx.push().bind(TCP)).await.expect("free");
        let monitor = push.monitor();
        // A PULL has nothing to say; this one says more than a pipe holds, so that reading pauses.
        let mut raw = Raw::connect_as(&push.last_endpoint().expect("bound").to_string(), "PULL", b"");
        (0..2000).for_each(|_| raw.send(&[b"junk"]));
        soon(push.wait_for_peers(1)).await;
        raw.die();
        let sending = async { while push.send(vec![7; 1000]).await.is_ok() {} };
        let gone = event(&monitor, disconnected);
        let mut sending = std::pin::pin!(sending);
        let mut gone = std::pin::pin!(gone);
        soon(std::future::poll_fn(|cx| {
            let _ = sending.as_mut().poll(cx);
            gone.as_mut().poll(cx)
        }))
        .await;
    });
}

#[test]
fn an_endpoint_that_was_given_up_takes_no_share() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        // A path and not a port: a port that was just free may be another test's now.
        let directory = tempfile::tempdir().expect("a directory");
        let dead = format!("ipc://{}/nobody", directory.path().display());
        let push = ctx.push().no_reconnect().build().expect("valid");
        let monitor = push.monitor();
        push.connect(&dead).expect("valid");
        // It may have been given up already: then there is nobody to queue for.
        let queued = push.try_send("lost").is_ok();
        soon(event(&monitor, |event| matches!(event, Event::ConnectGivenUp { .. }).then_some(()))).await;
        assert_eq!(push.drops().of(DropCause::PeerGone), u64::from(queued));
        push.connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
        for n in 0..10_u8 {
            soon(push.send(&[n])).await.expect("queued");
        }
        for n in 0..10_u8 {
            assert_eq!(soon(pull.recv()).await.expect("received")[0], [n]);
        }
        assert_eq!(soon(push.close()).await.undelivered, 0);
    });
}

#[test]
fn a_second_peer_of_a_pair_leaves_nothing_behind() {
    in_shared(async |ctx: Context| {
        let pair = soon(ctx.pair().bind(TCP)).await.expect("free");
        let endpoint = pair.last_endpoint().expect("bound").to_string();
        let first = ctx.pair().connect(&endpoint).expect("valid");
        soon(first.wait_for_peers(1)).await;
        let bounds = Reconnect { first: Duration::from_millis(1), max: Duration::from_millis(1) };
        let second = ctx.pair().reconnect(bounds).build().expect("valid");
        let monitor = second.monitor();
        second.connect(&endpoint).expect("valid");
        for _ in 0..20 {
            soon(event(&monitor, disconnected)).await;
        }
        assert_eq!(pair.peers(), 1);
        soon(first.send("still there")).await.expect("queued");
        assert_eq!(soon(pair.recv()).await, Ok("still there".into()));
    });
}

#[test]
fn a_time_farther_than_the_clock_reaches_is_for_ever() {
    in_shared(async |ctx: Context| {
        let name = inproc();
        let pull = ctx.pull().recv_timeout(Duration::MAX).linger(Duration::MAX).build().expect("valid");
        soon(pull.bind(&name)).await.expect("free");
        assert!(poll_times(pull.recv(), 1).await.is_none());
        assert_eq!(soon(pull.close()).await.undelivered, 0);
    });
}
