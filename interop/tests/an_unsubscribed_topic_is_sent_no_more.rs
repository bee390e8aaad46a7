//! Subscriptions are counted: the last one taken back reaches the publisher, which sends the topic no more.

use monocoque::Message;
use monocoque_interop::ffi::{ZMQ_SUBSCRIBE, ZMQ_UNSUBSCRIBE};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, peers, theirs, theirs_bound};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

#[test]
fn their_publisher_hears_of_our_last_unsubscribe_only() {
    let (xpub, endpoint) = theirs_bound(Kind::XPub, LOOPBACK);
    let sub = ours(|ctx| ctx.subscriber());
    sub.connect(endpoint).expect("the endpoint is sound");
    // What is subscribed to before comes in no order that is promised.
    peers(&sub, 1);
    for topic in ["twice", "twice", "once"] {
        sub.subscribe(topic);
    }
    assert_eq!(party::recv(&xpub), Ok(Message::from("\u{1}twice")));
    assert_eq!(party::recv(&xpub), Ok(Message::from("\u{1}once")));
    assert!(sub.unsubscribe("twice"));
    assert!(sub.unsubscribe("once"));
    assert!(!sub.unsubscribe("once"));
    assert_eq!(party::recv(&xpub), Ok(Message::from("\u{0}once")));
    for topic in ["once", "twice"] {
        xpub.send(topic.as_bytes(), false).expect("sent");
    }
    assert_eq!(sub.blocking().recv(), Ok(Message::from("twice")));
    assert!(sub.unsubscribe("twice"));
    assert_eq!(party::recv(&xpub), Ok(Message::from("\u{0}twice")));
}

#[test]
fn our_publisher_hears_of_their_last_unsubscribe_only() {
    let xpub = ours(|ctx| ctx.xpub());
    let endpoint = bind(&xpub, LOOPBACK);
    let sub = theirs(Kind::Sub);
    sub.connect(&endpoint).expect("the endpoint is sound");
    for topic in ["twice", "twice", "once"] {
        sub.set_bytes(ZMQ_SUBSCRIBE, topic.as_bytes()).expect("a SUB");
    }
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{1}twice")));
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{1}once")));
    for topic in ["twice", "once"] {
        sub.set_bytes(ZMQ_UNSUBSCRIBE, topic.as_bytes()).expect("a SUB");
    }
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{0}once")));
    for topic in ["once", "twice"] {
        xpub.blocking().send(topic).expect("sent");
    }
    assert_eq!(party::recv(&sub), Ok(Message::from("twice")));
    sub.set_bytes(ZMQ_UNSUBSCRIBE, b"twice").expect("a SUB");
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{0}twice")));
    assert_eq!(xpub.subscribers(), 0);
}

#[test]
fn a_subscriber_that_goes_takes_its_subscriptions_along() {
    let xpub = ours(|ctx| ctx.xpub());
    let endpoint = bind(&xpub, LOOPBACK);
    let sub = theirs(Kind::Sub);
    sub.set_bytes(ZMQ_SUBSCRIBE, b"topic").expect("a SUB");
    sub.connect(&endpoint).expect("the endpoint is sound");
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{1}topic")));
    drop(sub);
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{0}topic")));

    let (xpub, endpoint) = theirs_bound(Kind::XPub, LOOPBACK);
    let sub = ours(|ctx| ctx.subscriber());
    sub.subscribe("topic");
    sub.connect(endpoint).expect("the endpoint is sound");
    assert_eq!(party::recv(&xpub), Ok(Message::from("\u{1}topic")));
    drop(sub);
    assert_eq!(party::recv(&xpub), Ok(Message::from("\u{0}topic")));
}
