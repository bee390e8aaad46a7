//! A frame above the limit ends that one connection with an event that says so; the others go on.

use monocoque::{DisconnectReason, Event, Message, SessionError};
use monocoque_interop::cell::body;
use monocoque_interop::deadline::event;
use monocoque_interop::ffi::ZMQ_MAXMSGSIZE;
use monocoque_interop::fixture::{LOOPBACK, bind, ours, peers, theirs, theirs_connected};
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

const LIMIT: usize = 1_000;

fn their_limited_pull() -> (zmq::Socket, String) {
    let pull = theirs(Kind::Pull);
    pull.set_i64(ZMQ_MAXMSGSIZE, LIMIT as i64).expect("every type takes it");
    pull.bind(LOOPBACK).expect("bound");
    let endpoint = pull.last_endpoint().expect("bound");
    (pull, endpoint)
}

#[test]
fn ours_cuts_theirs_off() {
    let pull = ours(|ctx| ctx.pull().max_message_size(LIMIT as u64));
    let monitor = pull.monitor();
    let endpoint = bind(&pull, LOOPBACK);
    let (fair, greedy) = (theirs_connected(Kind::Push, &endpoint), theirs_connected(Kind::Push, &endpoint));
    peers(&pull, 2);
    for bytes in [0, 1, LIMIT - 1, LIMIT] {
        party::send(&greedy, &Message::single(body(bytes))).expect("sent");
        assert_eq!(pull.blocking().recv(), Ok(Message::single(body(bytes))));
    }
    // The limit is each frame's, not the message's.
    let parted = Message::from([body(LIMIT), body(LIMIT), body(LIMIT)]);
    party::send(&greedy, &parted).expect("sent");
    assert_eq!(pull.blocking().recv(), Ok(parted));

    party::send(&greedy, &Message::single(body(LIMIT + 1))).expect("sent");
    let reason = event(&monitor, "the greedy peer is cut off", |event| match event {
        Event::Disconnected { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert!(
        matches!(reason, DisconnectReason::Protocol(SessionError::LimitExceeded { asked: 1_001, allowed: 1_000, .. })),
        "{reason:?}"
    );
    party::send(&fair, &Message::from("still here")).expect("sent");
    assert_eq!(pull.blocking().recv(), Ok(Message::from("still here")));
}

#[test]
fn theirs_cuts_ours_off_and_takes_the_next_message() {
    let (pull, endpoint) = their_limited_pull();
    let push = ours(|ctx| ctx.push());
    let monitor = push.monitor();
    push.connect(endpoint).expect("the endpoint is sound");
    push.blocking().send(body(LIMIT)).expect("sent");
    assert_eq!(party::recv(&pull), Ok(Message::single(body(LIMIT))));
    push.blocking().send(body(LIMIT + 1)).expect("sent");
    event(&monitor, "we are cut off", |event| matches!(event, Event::Disconnected { .. }).then_some(()));
    push.blocking().send("after").expect("sent");
    assert_eq!(party::recv(&pull), Ok(Message::from("after")));
}

#[test]
fn a_message_that_they_never_accept_does_not_hold_up_the_next() {
    // Too large for the kernel's buffers, so that the connection ends while it is being written.
    let (pull, endpoint) = their_limited_pull();
    let push = ours(|ctx| ctx.push());
    push.connect(endpoint).expect("the endpoint is sound");
    peers(&push, 1);
    push.blocking().send(body(32 << 20)).expect("queued");
    push.blocking().send("after").expect("queued");
    assert_eq!(party::recv(&pull), Ok(Message::from("after")));
}
