//! A publisher learns of what was subscribed to before it was connected, and of what is subscribed to later.

use monocoque::Message;
use monocoque_interop::deadline::{attempt, eventually};
use monocoque_interop::ffi::ZMQ_SUBSCRIBE;
use monocoque_interop::fixture::{LOOPBACK, SILENCE, bind, ours, take_note, theirs, theirs_bound};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

#[test]
fn their_publisher_learns_of_ours() {
    let (xpub, endpoint) = theirs_bound(Kind::XPub, LOOPBACK);
    let sub = ours(|ctx| ctx.subscriber());
    sub.subscribe("early");
    sub.connect(endpoint).expect("the endpoint is sound");
    assert_eq!(party::recv(&xpub), Ok(Message::from("\u{1}early")));
    sub.subscribe("late");
    assert_eq!(party::recv(&xpub), Ok(Message::from("\u{1}late")));
    for topic in ["neither", "late", "early"] {
        party::send(&xpub, &Message::from([topic, "body"])).expect("sent");
    }
    assert_eq!(sub.blocking().recv(), Ok(Message::from(["late", "body"])));
    assert_eq!(sub.blocking().recv(), Ok(Message::from(["early", "body"])));
}

#[test]
fn our_publisher_learns_of_theirs() {
    let xpub = ours(|ctx| ctx.xpub());
    let endpoint = bind(&xpub, LOOPBACK);
    let sub = theirs(Kind::Sub);
    sub.set_bytes(ZMQ_SUBSCRIBE, b"early").expect("a SUB");
    sub.connect(&endpoint).expect("the endpoint is sound");
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{1}early")));
    sub.set_bytes(ZMQ_SUBSCRIBE, b"late").expect("a SUB");
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{1}late")));
    for topic in ["neither", "late", "early"] {
        xpub.blocking().send([topic, "body"]).expect("sent");
    }
    assert_eq!(party::recv(&sub), Ok(Message::from(["late", "body"])));
    assert_eq!(party::recv(&sub), Ok(Message::from(["early", "body"])));
}

#[test]
fn a_peer_without_a_subscription_is_no_subscriber() {
    let publisher = ours(|ctx| ctx.publisher());
    let endpoint = bind(&publisher, LOOPBACK);
    let sub = theirs(Kind::Sub);
    sub.connect(&endpoint).expect("the endpoint is sound");
    assert!(publisher.blocking().wait_for_peers_timeout(1, monocoque_interop::deadline::PATIENCE));
    assert_eq!(attempt(SILENCE, publisher.wait_for_subscribers(1)), None);
    sub.set_bytes(ZMQ_SUBSCRIBE, b"").expect("a SUB");
    eventually("the subscription arrives", || {
        take_note(&sub);
        (publisher.subscribers() == 1).then_some(())
    });
}

#[test]
fn topics_of_any_length_travel() {
    // A SUBSCRIBE command is a short frame up to topics of 245 bytes and a long one from 246.
    let (their_xpub, endpoint) = theirs_bound(Kind::XPub, LOOPBACK);
    let our_sub = ours(|ctx| ctx.subscriber());
    our_sub.connect(endpoint).expect("the endpoint is sound");
    let our_xpub = ours(|ctx| ctx.xpub());
    let their_sub = theirs(Kind::Sub);
    their_sub.connect(&bind(&our_xpub, LOOPBACK)).expect("the endpoint is sound");
    for bytes in [0, 1, 245, 246, 255, 256, 9_000] {
        let topic = vec![b't'; bytes];
        let notice = Message::from([&[1][..], &topic].concat());
        our_sub.subscribe(&topic);
        assert_eq!(party::recv(&their_xpub), Ok(notice.clone()), "{bytes} bytes, ours");
        their_sub.set_bytes(ZMQ_SUBSCRIBE, &topic).expect("a SUB");
        assert_eq!(our_xpub.blocking().recv(), Ok(notice), "{bytes} bytes, theirs");
    }
}
