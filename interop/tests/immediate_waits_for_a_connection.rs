//! With `immediate`, messages go to peers that are there only; without, an absent one has its share kept for it.

use monocoque::{Message, SendError};
use monocoque_interop::ffi::ZMQ_IMMEDIATE;
use monocoque_interop::fixture::{
    LOOPBACK, SILENCE, bind, ours, peers, rebind, their_recv_within, theirs, theirs_bound, vacant_port,
};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

#[test]
fn nothing_is_taken_before_there_is_a_peer() {
    let endpoint = vacant_port();
    let push = ours(|ctx| ctx.push().immediate(true));
    push.connect(&endpoint).expect("the endpoint is sound");
    assert_eq!(push.try_send("early"), Err(SendError::Full(Box::new(Message::from("early")))));
    let pull = theirs(Kind::Pull);
    pull.bind(&endpoint).expect("bound");
    push.blocking().send("in time").expect("the peer comes");
    assert_eq!(party::recv(&pull), Ok(Message::from("in time")));
}

#[test]
fn all_go_to_the_peer_that_is_there() {
    let (pull, endpoint) = theirs_bound(Kind::Pull, LOOPBACK);
    let push = ours(|ctx| ctx.push().immediate(true));
    push.connect(vacant_port()).expect("the endpoint is sound");
    push.connect(endpoint).expect("the endpoint is sound");
    peers(&push, 1);
    for number in 0..10_u8 {
        push.try_send(&[number]).expect("one peer is there");
    }
    for number in 0..10_u8 {
        assert_eq!(party::recv(&pull), Ok(Message::from(&[number])));
    }
}

#[test]
fn without_it_an_absent_peer_has_its_share() {
    let (pull, endpoint) = theirs_bound(Kind::Pull, LOOPBACK);
    let absent = vacant_port();
    let push = ours(|ctx| ctx.push());
    push.connect(&absent).expect("the endpoint is sound");
    push.connect(endpoint).expect("the endpoint is sound");
    peers(&push, 1);
    for number in 0..10_u8 {
        push.try_send(&[number]).expect("both are counted");
    }
    for _ in 0..5 {
        party::recv(&pull).expect("half of them");
    }
    assert_eq!(their_recv_within(&pull, SILENCE), None);
    let late = theirs(Kind::Pull);
    late.bind(&absent).expect("bound");
    for _ in 0..5 {
        party::recv(&late).expect("the other half");
    }
}

#[test]
fn a_peer_that_is_lost_takes_no_more() {
    let (pull, endpoint) = theirs_bound(Kind::Pull, LOOPBACK);
    let push = ours(|ctx| ctx.push().immediate(true));
    let monitor = push.monitor();
    push.connect(&endpoint).expect("the endpoint is sound");
    peers(&push, 1);
    drop(pull);
    monocoque_interop::deadline::event(&monitor, "the peer is gone", |event| {
        matches!(event, monocoque::Event::Disconnected { .. }).then_some(())
    });
    assert!(matches!(push.try_send("away"), Err(SendError::Full(_))));
    let pull = theirs(Kind::Pull);
    rebind(&pull, &endpoint);
    push.blocking().send("back").expect("the peer is back");
    assert_eq!(party::recv(&pull), Ok(Message::from("back")));
}

#[test]
fn theirs_waits_for_us() {
    let endpoint = vacant_port();
    let push = theirs(Kind::Push);
    push.set_int(ZMQ_IMMEDIATE, 1).expect("every type takes it");
    push.connect(&endpoint).expect("the endpoint is sound");
    let pull = ours(|ctx| ctx.pull());
    bind(&pull, &endpoint);
    push.send(b"in time", false).expect("we come");
    assert_eq!(pull.blocking().recv(), Ok(Message::from("in time")));
}
