//! `close` goes on sending for the linger time and reports exactly what libzmq will not receive.

use std::time::{Duration, Instant};

use monocoque::{DropCause, Hwm, Message, Push, Socket};
use monocoque_interop::cell::body;
use monocoque_interop::deadline::within;
use monocoque_interop::ffi::{ZMQ_RCVBUF, ZMQ_RCVHWM};
use monocoque_interop::fixture::{
    LOOPBACK, SILENCE, ours, peers, their_recv_within, theirs, theirs_connected, vacant_port,
};
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

const MESSAGES: usize = 1_000;

fn push(linger: Duration) -> Socket<Push> {
    ours(|ctx| ctx.push().linger(linger).hwm(Hwm::unlimited()))
}

/// Message `number`, of `bytes` bytes in all.
fn numbered(number: usize, bytes: usize) -> Message {
    let filler = body(bytes - 8);
    Message::from([&(number as u64).to_be_bytes()[..], &filler].concat())
}

/// A PULL of libzmq's that takes little in before it is read.
fn narrow_pull() -> (zmq::Socket, String) {
    let pull = theirs(Kind::Pull);
    pull.set_int(ZMQ_RCVHWM, 10).expect("every type takes it");
    pull.set_int(ZMQ_RCVBUF, 64 * 1024).expect("every type takes it");
    pull.bind(LOOPBACK).expect("bound");
    let endpoint = pull.last_endpoint().expect("bound");
    (pull, endpoint)
}

/// How many messages of [`numbered`] come, from number 0 on without a gap.
fn count_received(pull: &zmq::Socket, bytes: usize) -> usize {
    let mut count = 0;
    while let Some(message) = their_recv_within(pull, SILENCE) {
        assert!(message == numbered(count, bytes), "message {count} is {message:?}");
        count += 1;
    }
    count
}

#[test]
fn a_reader_gets_everything_within_the_linger_time() {
    let (pull, endpoint) = narrow_pull();
    let push = push(Duration::from_secs(20));
    push.connect(endpoint).expect("the endpoint is sound");
    for number in 0..MESSAGES {
        push.try_send(numbered(number, 10_000)).expect("without a mark");
    }
    let reading = std::thread::spawn(move || {
        for number in 0..MESSAGES {
            assert!(party::recv(&pull).expect("in time") == numbered(number, 10_000));
        }
        pull
    });
    assert_eq!(within(push.close()).undelivered, 0);
    assert_eq!(their_recv_within(&reading.join().expect("all came"), SILENCE), None);
}

#[test]
fn what_was_sent_before_a_connection_is_delivered_too() {
    let endpoint = vacant_port();
    let push = push(Duration::from_secs(20));
    push.connect(&endpoint).expect("the endpoint is sound");
    for number in 0..MESSAGES {
        push.try_send(numbered(number, 100)).expect("without a mark");
    }
    let closing = std::thread::spawn(move || within(push.close()));
    let pull = theirs(Kind::Pull);
    pull.bind(&endpoint).expect("bound");
    for number in 0..MESSAGES {
        assert!(party::recv(&pull).expect("in time") == numbered(number, 100));
    }
    assert_eq!(closing.join().expect("closed").undelivered, 0);
}

#[test]
fn without_a_peer_nothing_is_delivered() {
    for linger in [Duration::ZERO, Duration::from_millis(100)] {
        let push = push(linger);
        push.connect(vacant_port()).expect("the endpoint is sound");
        for number in 0..MESSAGES {
            push.try_send(numbered(number, 100)).expect("without a mark");
        }
        let again = push.clone();
        let begun = Instant::now();
        assert_eq!(within(push.close()).undelivered, MESSAGES);
        assert!(begun.elapsed() >= linger);
        assert!(begun.elapsed() < linger + Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(again.drops().of(DropCause::Linger), MESSAGES as u64);
    }
}

fn what_arrives_and_what_does_not_add_up(linger: Duration) {
    const BYTES: usize = 64 * 1024;
    let (pull, endpoint) = narrow_pull();
    let push = push(linger);
    push.connect(endpoint).expect("the endpoint is sound");
    peers(&push, 1);
    for number in 0..MESSAGES {
        push.try_send(numbered(number, BYTES)).expect("without a mark");
    }
    let begun = Instant::now();
    let undelivered = within(push.close()).undelivered;
    assert!(begun.elapsed() < linger + Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(undelivered > 0, "64 MiB fit into no buffer");
    assert_eq!(count_received(&pull, BYTES) + undelivered, MESSAGES);
}

#[test]
fn with_no_linger_at_a_peer_that_does_not_read_it_adds_up() {
    what_arrives_and_what_does_not_add_up(Duration::ZERO);
}

#[test]
fn with_some_linger_at_a_peer_that_does_not_read_it_adds_up() {
    what_arrives_and_what_does_not_add_up(Duration::from_millis(200));
}

#[test]
fn a_dropped_socket_delivers_as_a_closed_one() {
    let pull = theirs(Kind::Pull);
    pull.bind(LOOPBACK).expect("bound");
    let push = push(Duration::from_secs(20));
    push.connect(pull.last_endpoint().expect("bound")).expect("the endpoint is sound");
    for number in 0..MESSAGES {
        push.try_send(numbered(number, 100)).expect("without a mark");
    }
    drop(push);
    for number in 0..MESSAGES {
        assert!(party::recv(&pull).expect("in time") == numbered(number, 100));
    }
}

#[test]
fn what_they_send_before_they_close_reaches_us() {
    let pull = ours(|ctx| ctx.pull());
    let endpoint = monocoque_interop::fixture::bind(&pull, LOOPBACK);
    let push = theirs_connected(Kind::Push, &endpoint);
    push.set_int(monocoque_interop::ffi::ZMQ_LINGER, 10_000).expect("every type takes it");
    for number in 0..MESSAGES {
        party::send(&push, &numbered(number, 1_000)).expect("sent");
    }
    drop(push);
    for number in 0..MESSAGES {
        assert!(pull.blocking().recv().expect("in time") == numbered(number, 1_000));
    }
}
