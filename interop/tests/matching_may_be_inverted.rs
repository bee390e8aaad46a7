//! With `invert_matching` on both sides a subscriber of either library gets what it did not subscribe to.

use monocoque::Message;
use monocoque_interop::deadline::eventually;
use monocoque_interop::ffi::{ZMQ_INVERT_MATCHING, ZMQ_SUBSCRIBE};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, take_note, theirs};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

#[test]
fn from_our_publisher() {
    let publisher = ours(|ctx| ctx.publisher().invert_matching(true));
    let endpoint = bind(&publisher, LOOPBACK);
    let sub = theirs(Kind::Sub);
    sub.set_int(ZMQ_INVERT_MATCHING, 1).expect("a SUB");
    sub.set_bytes(ZMQ_SUBSCRIBE, b"not this").expect("a SUB");
    sub.connect(&endpoint).expect("the endpoint is sound");
    eventually("the subscription arrives", || {
        take_note(&sub);
        (publisher.subscribers() == 1).then_some(())
    });
    for text in ["not this one", "but this one"] {
        publisher.blocking().send(text).expect("sent");
    }
    assert_eq!(party::recv(&sub), Ok(Message::from("but this one")));
}

#[test]
fn from_their_publisher() {
    let publisher = theirs(Kind::XPub);
    publisher.set_int(ZMQ_INVERT_MATCHING, 1).expect("an XPUB");
    publisher.bind(LOOPBACK).expect("bound");
    let sub = ours(|ctx| ctx.subscriber().invert_matching(true));
    sub.subscribe("not this");
    sub.connect(publisher.last_endpoint().expect("bound")).expect("the endpoint is sound");
    assert_eq!(party::recv(&publisher), Ok(Message::from("\u{1}not this")));
    for text in ["not this one", "but this one"] {
        publisher.send(text.as_bytes(), false).expect("sent");
    }
    assert_eq!(sub.blocking().recv(), Ok(Message::from("but this one")));
}
