//! High-water marks bound what is under way to a peer that does not read; nothing of it is lost when it does.

use std::time::Duration;

use monocoque::{Hwm, Message, SendError};
use monocoque_interop::ffi::{ZMQ_RCVBUF, ZMQ_RCVHWM, ZMQ_SNDBUF, ZMQ_SNDHWM, ZMQ_SNDTIMEO};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, peers, theirs};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

const MARK: usize = 100;
const MESSAGE_BYTES: usize = 32 * 1024;
/// The kernel's buffers of both ends: at most 4 MiB to send from and 6 MiB to receive into by default, where
/// the test does not set them lower; and what is in flight.
const KERNEL_MESSAGES: usize = (10 << 20) / MESSAGE_BYTES;
/// How long a full sender is waited for before it counts as stopped.
const PATIENCE_TO_SEND: Duration = Duration::from_millis(300);

fn numbered(number: usize) -> Message {
    let mut body = vec![7; MESSAGE_BYTES];
    body[..8].copy_from_slice(&(number as u64).to_be_bytes());
    Message::from(body)
}

#[test]
fn ours_stops_at_their_pull() {
    let pull = theirs(Kind::Pull);
    pull.set_int(ZMQ_RCVHWM, MARK as i32).expect("every type takes it");
    pull.set_int(ZMQ_RCVBUF, 64 * 1024).expect("every type takes it");
    pull.bind(LOOPBACK).expect("bound");
    let push = ours(|ctx| ctx.push().send_hwm(Hwm::messages(MARK as u32)).send_timeout(PATIENCE_TO_SEND));
    let push = {
        push.connect(pull.last_endpoint().expect("bound")).expect("the endpoint is sound");
        push
    };
    peers(&push, 1);
    let mut sent = 0;
    loop {
        match monocoque_interop::deadline::attempt(PATIENCE_TO_SEND, push.send(numbered(sent))) {
            Some(Ok(())) => sent += 1,
            Some(Err(SendError::TimedOut(_))) | None => break,
            Some(other) => panic!("{other:?}"),
        }
    }
    assert!(matches!(push.try_send(numbered(sent)), Err(SendError::Full(_))));
    // Our pipe holds the mark, the batch that is being written was at most as much, and libzmq takes its own
    // mark in.
    let bound = MARK + MARK + MARK + KERNEL_MESSAGES;
    assert!((MARK..=bound).contains(&sent), "{sent} messages, at most {bound}");
    for number in 0..sent {
        assert!(party::recv(&pull).expect("in time") == numbered(number), "message {number}");
    }
    push.blocking().send(numbered(sent)).expect("there is room again");
    assert!(party::recv(&pull).expect("in time") == numbered(sent));
}

#[test]
fn theirs_stops_at_our_pull() {
    let pull = ours(|ctx| ctx.pull().recv_hwm(Hwm::messages(MARK as u32)));
    let endpoint = bind(&pull, LOOPBACK);
    let push = theirs(Kind::Push);
    push.set_int(ZMQ_SNDHWM, MARK as i32).expect("every type takes it");
    push.set_int(ZMQ_SNDBUF, 64 * 1024).expect("every type takes it");
    push.set_int(ZMQ_SNDTIMEO, PATIENCE_TO_SEND.as_millis() as i32).expect("every type takes it");
    push.connect(&endpoint).expect("the endpoint is sound");
    peers(&pull, 1);
    let mut sent = 0;
    loop {
        match party::send(&push, &numbered(sent)) {
            Ok(()) => sent += 1,
            Err(error) if error.is_timeout() => break,
            Err(error) => panic!("{error}"),
        }
    }
    // libzmq's pipe holds its mark and a batch, and we read on in whole slabs past ours.
    let bound = MARK + MARK + MARK + KERNEL_MESSAGES;
    assert!((MARK..=bound).contains(&sent), "{sent} messages, at most {bound}");
    for number in 0..sent {
        assert!(pull.blocking().recv().expect("in time") == numbered(number), "message {number}");
    }
    party::send(&push, &numbered(sent)).expect("there is room again");
    assert!(pull.blocking().recv().expect("in time") == numbered(sent));
}

#[test]
fn a_publisher_drops_and_counts_what_their_full_subscriber_misses() {
    let sub = theirs(Kind::Sub);
    sub.set_int(ZMQ_RCVHWM, MARK as i32).expect("every type takes it");
    sub.set_int(ZMQ_RCVBUF, 64 * 1024).expect("every type takes it");
    sub.set_bytes(monocoque_interop::ffi::ZMQ_SUBSCRIBE, b"").expect("a SUB");
    let publisher = ours(|ctx| ctx.publisher().send_hwm(Hwm::messages(MARK as u32)));
    sub.connect(&bind(&publisher, LOOPBACK)).expect("the endpoint is sound");
    monocoque_interop::deadline::within(publisher.wait_for_subscribers(1));
    let total = 3 * MARK + 2 * KERNEL_MESSAGES;
    for number in 0..total {
        publisher.try_send(numbered(number)).expect("a PUB never waits");
    }
    let dropped = publisher.drops().total() as usize;
    assert!(dropped > 0);
    let mut received = 0;
    let mut last = None;
    while received + dropped < total {
        let message = party::recv(&sub).expect("what was not dropped comes");
        let number = u64::from_be_bytes(*message[0].first_chunk().expect("eight bytes"));
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
        received += 1;
    }
    assert_eq!(monocoque_interop::fixture::their_recv_within(&sub, monocoque_interop::fixture::SILENCE), None);
}
