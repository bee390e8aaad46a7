//! Peers of ZMTP 2.0 (libzmq 3) and 1.0 (libzmq 2), spoken byte by byte, are served like any other, whoever called.

use monocoque::{ConnectionFacts, Context, Event, Message, Monitor, RoutingId, SocketType};

use crate::common::raw::{Raw, RawListener};
use crate::common::{IPC, QUICK, TCP, disconnected, event, in_shared, soon};

/// What we send to a peer of any version first, nameless.
const SIGNATURE: &[u8] = b"\xff\0\0\0\0\0\0\0\x01\x7f";

async fn met(monitor: &Monitor) -> ConnectionFacts {
    let facts = |event| match event {
        Event::HandshakeSucceeded(facts) => Some(facts),
        _ => None,
    };
    event(monitor, facts).await
}

#[test]
fn and_the_monitor_says_which_version_it_is() {
    in_shared(async |ctx: Context| {
        for transport in [TCP, IPC] {
            let router = soon(ctx.router().bind(transport)).await.expect("free");
            let (endpoint, monitor) = (router.last_endpoint().expect("bound").to_string(), router.monitor());
            let mut new = Raw::connect(&endpoint);
            new.write(&[SIGNATURE, b"\x01\x05\0\x03two", b"\0\x05hello"].concat());
            let facts = met(&monitor).await;
            assert_eq!((facts.version, facts.socket_type), (Some((2, 0)), Some(SocketType::Dealer)));
            assert!(facts.to_string().starts_with("DEALER 'two' "), "{facts}");
            assert!(facts.to_string().ends_with(" (ZMTP 2.0)"), "{facts}");

            let mut old = Raw::connect(&endpoint);
            old.write(b"\x04\0one\x06\0hello");
            let facts = met(&monitor).await;
            assert_eq!((facts.version, facts.socket_type), (Some((1, 0)), None));
            assert_eq!((facts.identity.clone(), facts.mechanism), (RoutingId::new("one").ok(), Some("NULL")));
            assert!(facts.to_string().starts_with("'one' "), "{facts}");

            for _ in 0..2 {
                let routed = soon(router.recv()).await.expect("a message");
                assert_eq!(routed.message, Message::from("hello"));
                soon(router.send(routed)).await.expect("a route");
            }
            assert_eq!(new.read_exact(21), [SIGNATURE, b"\x03\x06\0\0", b"\0\x05hello"].concat());
            assert_eq!(old.read_exact(17), [SIGNATURE, b"\x06\0hello"].concat());
        }
    });
}

#[test]
fn subscribers_of_2_0_get_what_they_asked_for_and_those_of_1_0_everything() {
    in_shared(async |ctx: Context| {
        let publisher = soon(ctx.publisher().bind(TCP)).await.expect("free");
        let endpoint = publisher.last_endpoint().expect("bound").to_string();
        let mut new = Raw::connect(&endpoint);
        new.write(&[SIGNATURE, b"\x01\x02\0\0\0\x02\x01b"].concat());
        let mut old = Raw::connect(&endpoint);
        old.write(b"\x01\0");
        soon(publisher.wait_for_subscribers(2)).await;
        for text in ["a", "b"] {
            soon(publisher.send(text)).await.expect("sent");
        }
        assert_eq!(new.read_exact(17), [SIGNATURE, b"\x03\x01\0\0", b"\0\x01b"].concat());
        assert_eq!(old.read_exact(16), [SIGNATURE, b"\x02\0a\x02\0b"].concat());
    });
}

#[test]
fn publishers_are_subscribed_to_by_messages() {
    in_shared(async |ctx: Context| {
        let listeners = [RawListener::new(), RawListener::new()];
        let sub = ctx.subscriber().build().expect("valid");
        sub.subscribe("b");
        for listener in &listeners {
            sub.connect(&listener.endpoint).expect("valid");
        }
        let [mut new, mut old] = listeners.each_ref().map(RawListener::accept);
        new.write(&[SIGNATURE, b"\x01\x01\0\0", b"\0\x02bc"].concat());
        assert_eq!(new.read_exact(18), [SIGNATURE, b"\x03\x02\0\0", b"\0\x02\x01b"].concat());
        assert_eq!(soon(sub.recv()).await, Ok("bc".into()));
        // It publishes everything, and the subscriber filters.
        old.write(b"\x01\0\x02\0a\x02\0b");
        assert_eq!(old.read_exact(14), [SIGNATURE, b"\x03\0\x01b"].concat());
        assert_eq!(soon(sub.recv()).await, Ok("b".into()));
    });
}

#[test]
fn requests_are_asked_and_answered() {
    in_shared(async |ctx: Context| {
        let rep = soon(ctx.rep().bind(TCP)).await.expect("free");
        let mut asking = Raw::connect(&rep.last_endpoint().expect("bound").to_string());
        asking.write(b"\x01\0\x01\x01\x06\x01hello\x06\0world");
        assert_eq!(soon(rep.recv()).await, Ok(["hello", "world"].into()));
        soon(rep.send("yes")).await.expect("a requester");
        assert_eq!(asking.read_exact(17), [SIGNATURE, b"\x01\x01\x04\0yes"].concat());

        let listener = RawListener::new();
        let req = ctx.req().connect(&listener.endpoint).expect("valid");
        soon(req.send("hello")).await.expect("queued");
        let mut answering = listener.accept();
        answering.write(b"\x01\0");
        assert_eq!(answering.read_exact(19), [SIGNATURE, b"\x01\x01\x06\0hello"].concat());
        answering.write(b"\x01\x01\x04\0yes");
        assert_eq!(soon(req.recv()).await, Ok("yes".into()));
    });
}

#[test]
fn what_was_queued_for_one_version_reaches_the_next() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let push = ctx.push().reconnect(QUICK).connect(&listener.endpoint).expect("valid");
        let monitor = push.monitor();
        let body = vec![7; 20_000];
        for frames in [&b"first"[..], &body] {
            soon(push.send(frames)).await.expect("queued");
        }
        let mut old = listener.accept();
        old.write(b"\x01\0");
        assert_eq!(old.read_exact(17), [SIGNATURE, b"\x06\0first"].concat());
        assert_eq!(old.read_exact(20_010), [&b"\xff\0\0\0\0\0\0\x4e\x21\0"[..], &body].concat());
        old.die();
        event(&monitor, disconnected).await;
        soon(push.send("second")).await.expect("queued");
        let mut new = listener.accept_as("PULL");
        assert_eq!(new.recv(), Some(vec![b"second".to_vec()]));
    });
}
