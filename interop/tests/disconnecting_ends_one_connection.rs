//! `disconnect` and `unbind` end what belongs to that endpoint, on both sides, and nothing else.

use monocoque::{Event, Message};
use monocoque_interop::deadline::{attempt, eventually};
use monocoque_interop::ffi::ZMQ_EVENT_DISCONNECTED;
use monocoque_interop::fixture::{
    LOOPBACK, SILENCE, bind, ours, peers, take_note, theirs, theirs_bound, theirs_connected,
};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

#[test]
fn we_disconnect_from_them() {
    let (left, left_endpoint) = theirs_bound(Kind::Pull, LOOPBACK);
    let (kept, kept_endpoint) = theirs_bound(Kind::Pull, LOOPBACK);
    let monitor = left.monitor(ZMQ_EVENT_DISCONNECTED).expect("monitored");
    let push = ours(|ctx| ctx.push());
    push.connect(&left_endpoint).expect("the endpoint is sound");
    push.connect(&kept_endpoint).expect("the endpoint is sound");
    peers(&push, 2);
    push.disconnect(&left_endpoint).expect("connected there");
    monitor.wait_for(ZMQ_EVENT_DISCONNECTED).expect("they see it");
    for number in 0..10_u8 {
        push.blocking().send(&[number]).expect("sent");
        assert_eq!(party::recv(&kept), Ok(Message::from(&[number])));
    }
    assert!(push.disconnect(&left_endpoint).is_err(), "twice");
}

#[test]
fn they_disconnect_from_us() {
    let pull = ours(|ctx| ctx.pull());
    let monitor = pull.monitor();
    let endpoint = bind(&pull, LOOPBACK);
    let (left, kept) = (theirs_connected(Kind::Push, &endpoint), theirs_connected(Kind::Push, &endpoint));
    peers(&pull, 2);
    left.disconnect(&endpoint).expect("connected there");
    eventually("we see it", || {
        take_note(&left);
        matches!(monitor.try_recv(), Some(Event::Disconnected { .. })).then_some(())
    });
    kept.send(b"still here", false).expect("sent");
    assert_eq!(pull.blocking().recv(), Ok(Message::from("still here")));
}

#[test]
fn we_unbind_under_them() {
    let pull = ours(|ctx| ctx.pull());
    let (left, kept) = (bind(&pull, LOOPBACK), bind(&pull, LOOPBACK));
    let push = theirs(Kind::Push);
    let monitor = push.monitor(ZMQ_EVENT_DISCONNECTED).expect("monitored");
    push.connect(&left).expect("the endpoint is sound");
    peers(&pull, 1);
    pull.unbind(&left).expect("bound there");
    monitor.wait_for(ZMQ_EVENT_DISCONNECTED).expect("they see it");
    let push = theirs_connected(Kind::Push, &kept);
    push.send(b"at the other one", false).expect("sent");
    assert_eq!(pull.blocking().recv(), Ok(Message::from("at the other one")));
    let late = theirs_connected(Kind::Push, &left);
    late.send(b"too late", false).expect("queued");
    assert_eq!(attempt(SILENCE, pull.recv()), None);
}

#[test]
fn they_unbind_under_us() {
    let (pull, endpoint) = theirs_bound(Kind::Pull, LOOPBACK);
    let push = ours(|ctx| ctx.push());
    let monitor = push.monitor();
    push.connect(&endpoint).expect("the endpoint is sound");
    peers(&push, 1);
    pull.unbind(&endpoint).expect("bound there");
    eventually("we see it", || {
        take_note(&pull);
        matches!(monitor.try_recv(), Some(Event::Disconnected { .. })).then_some(())
    });
    monocoque_interop::fixture::rebind(&pull, &endpoint);
    push.blocking().send("back").expect("sent");
    assert_eq!(party::recv(&pull), Ok(Message::from("back")));
}
