//! With `conflate`, a peer that is slow receives the last message, and every message that it misses is counted.

use monocoque::{DropCause, Message};
use monocoque_interop::deadline::attempt;
use monocoque_interop::ffi::ZMQ_CONFLATE;
use monocoque_interop::fixture::{
    LOOPBACK, SILENCE, bind, ours, their_recv_within, theirs, theirs_connected, vacant_port,
};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

const MESSAGES: usize = 1_000;

#[test]
fn what_we_queue_for_an_absent_peer() {
    let endpoint = vacant_port();
    let push = ours(|ctx| ctx.push().conflate(true));
    push.connect(&endpoint).expect("the endpoint is sound");
    for number in 0..MESSAGES {
        push.try_send(number.to_string()).expect("it never fills");
    }
    let pull = theirs(Kind::Pull);
    pull.bind(&endpoint).expect("bound");
    assert_eq!(party::recv(&pull), Ok(Message::from((MESSAGES - 1).to_string())));
    assert_eq!(their_recv_within(&pull, SILENCE), None);
    assert_eq!(push.drops().of(DropCause::Conflated), MESSAGES as u64 - 1);
}

#[test]
fn what_we_receive() {
    let pull = ours(|ctx| ctx.pull().conflate(true));
    let push = theirs_connected(Kind::Push, &bind(&pull, LOOPBACK));
    for number in 0..MESSAGES {
        push.send(number.to_string().as_bytes(), false).expect("sent");
    }
    let last = Message::from((MESSAGES - 1).to_string());
    let mut received = 1;
    while pull.blocking().recv().expect("the last one comes") != last {
        received += 1;
    }
    assert_eq!(attempt(SILENCE, pull.recv()), None);
    assert_eq!(pull.drops().of(DropCause::Conflated), MESSAGES as u64 - received);
}

#[test]
fn what_we_receive_of_several_parts() {
    // libzmq cannot conflate these; ours keeps them whole.
    let pull = ours(|ctx| ctx.pull().conflate(true));
    let push = theirs_connected(Kind::Push, &bind(&pull, LOOPBACK));
    let message = |number: usize| Message::from([number.to_string(), "part".to_owned(), number.to_string()]);
    for number in 0..MESSAGES {
        party::send(&push, &message(number)).expect("sent");
    }
    loop {
        let received = pull.blocking().recv().expect("the last one comes");
        assert_eq!((received.len(), &received[0]), (3, &received[2]));
        if received == message(MESSAGES - 1) {
            break;
        }
    }
}

#[test]
fn what_they_receive() {
    let pull = theirs(Kind::Pull);
    pull.set_int(ZMQ_CONFLATE, 1).expect("a PULL");
    pull.bind(LOOPBACK).expect("bound");
    let push = ours(|ctx| ctx.push());
    push.connect(pull.last_endpoint().expect("bound")).expect("the endpoint is sound");
    for number in 0..MESSAGES {
        push.blocking().send(number.to_string()).expect("sent");
    }
    let last = Message::from((MESSAGES - 1).to_string());
    // libzmq's conflating pipe may miss a wake: `check_read` clears `reader_awake` after it looked, and a message that
    // comes in between is shown with the next one only (ypipe_conflate.hpp).
    loop {
        match their_recv_within(&pull, SILENCE) {
            Some(message) if message == last => break,
            Some(_) => {}
            None => push.blocking().send(last.clone()).expect("sent"),
        }
    }
}
