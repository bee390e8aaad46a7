//! The bytes that a session writes, against RFC 37's worked example and libzmq's own tests.

mod harness;

use std::time::Instant;

use harness::{End, SECOND, command, greeting, message, ready};
use monocoque_core::protocol::Side;
use monocoque_core::{RoutingId, SocketType};
use monocoque_zmtp::{Heartbeat, SessionConfig};

/// RFC 37, "Worked Example", and `test_heartbeats.cpp`: READY of a DEALER without an identity.
const READY_DEALER: &[u8; 43] = b"\x04\x29\x05READY\x0bSocket-Type\0\0\0\x06DEALER\x08Identity\0\0\0\0";

#[test]
fn the_greeting_goes_out_in_the_steps_in_which_the_peers_comes_in() {
    let (mut end, theirs) = (End::of(SocketType::Dealer), greeting(1));
    assert_eq!(end.take_written(), [0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]);
    end.feed(&theirs[..9]);
    assert_eq!(end.take_written(), []);
    end.feed(&theirs[9..10]);
    assert_eq!(end.take_written(), [3]);
    end.feed(&theirs[10..11]);
    assert_eq!(end.take_written(), [&b"\x01NULL"[..], &[0; 48]].concat());
    end.feed(&theirs[11..63]);
    assert_eq!(end.take_written(), []);
    end.feed(&theirs[63..]);
    assert_eq!(end.take_written(), READY_DEALER);
    assert_eq!(end.outcome.ready, None);
}

#[test]
fn a_dealer_sends_97_bytes_after_its_signature() {
    let mut end = End::of(SocketType::Dealer);
    end.feed(&greeting(0));
    assert_eq!(end.outcome.written.len(), 10 + 97);
    assert_eq!(end.outcome.written[64..], READY_DEALER[..]);
}

#[test]
fn identity_then_the_applications_properties_follow_the_socket_type() {
    let mut config = SessionConfig::new(SocketType::Req);
    config.identity = Some(RoutingId::new("me").expect("valid"));
    config.add_metadata("X-Rack", "7").expect("valid");
    let mut end = End::new(config, Side::Dialer, Instant::now());
    assert_eq!(end.outcome.written[8], 3, "the padding holds the identity's size plus one");
    end.feed(&greeting(1));
    let wanted = b"\x04\x34\x05READY\x0bSocket-Type\0\0\0\x03REQ\x08Identity\0\0\0\x02me\x06X-Rack\0\0\0\x017";
    assert_eq!(end.outcome.written[64..], wanted[..]);
}

#[test]
fn a_long_ready_takes_a_long_size() {
    let mut config = SessionConfig::new(SocketType::Pub);
    config.add_metadata("X-Long", vec![b'x'; 300]).expect("valid");
    let mut end = End::new(config, Side::Dialer, Instant::now());
    end.feed(&greeting(1));
    assert_eq!(end.outcome.written[64..73], [6, 0, 0, 0, 0, 0, 0, 0x01, 0x50]);
    assert_eq!(end.outcome.written.len(), 64 + 9 + 0x150);
}

#[test]
fn the_peers_ready_tells_who_it_is() {
    let mut end = End::of(SocketType::Router);
    end.feed(&[&greeting(0)[..], READY_DEALER].concat());
    let peer = end.outcome.ready.expect("ready");
    assert_eq!((peer.socket_type, peer.identity), (SocketType::Dealer, None));
    assert_eq!((peer.major, peer.minor, peer.announced), (3, 0, (3, 0)));
    assert_eq!((peer.mechanism, peer.side), ("NULL", Side::Listener));

    let mut end = End::of(SocketType::Router);
    let properties: [(&str, &[u8]); 2] = [("IDENTITY", b"me"), ("x-rack", b"7")];
    end.feed(&[greeting(9), ready("REQ", &properties)].concat());
    let peer = end.outcome.ready.expect("ready");
    assert_eq!((peer.minor, peer.announced), (1, (3, 9)));
    assert_eq!(peer.identity, RoutingId::new("me").ok());
    assert_eq!((peer.property("X-Rack"), peer.property("X-Row")), (Some(&b"7"[..]), None));
}

#[test]
fn a_peer_that_does_not_suit_us_is_told_why() {
    let mut end = End::of(SocketType::Pub);
    end.feed(&[greeting(1), ready("REQ", &[])].concat());
    assert!(end.outcome.error.is_some() && end.outcome.ready.is_none());
    let told = b"\x04\x1f\x05ERROR\x18REQ-does-not-talk-to-PUB";
    assert!(end.outcome.written.ends_with(told), "{}", end.outcome.written.escape_ascii());
}

#[test]
fn another_mechanism_still_gets_our_whole_greeting() {
    let mut theirs = greeting(1);
    theirs[12..17].copy_from_slice(b"CURVE");
    let mut end = End::of(SocketType::Pub);
    end.feed(&theirs);
    assert!(end.outcome.error.is_some());
    assert_eq!(end.outcome.written.len(), 64);
}

#[test]
fn a_ping_is_answered_with_its_context_cut_at_16_bytes() {
    let mut end = End::ready(SessionConfig::new(SocketType::Router), "DEALER");
    end.feed(b"\x04\x07\x04PING\0\0");
    assert_eq!(end.take_written(), b"\x04\x05\x04PONG");
    end.feed(b"\x04\x17\x04PING\0\x010123456789abcdef");
    assert_eq!(end.take_written(), b"\x04\x15\x04PONG0123456789abcdef");
    end.feed(&command("PING", b"\0\x010123456789abcdefX"));
    assert_eq!(end.take_written(), b"\x04\x15\x04PONG0123456789abcdef");
}

#[test]
fn a_ping_of_ours_carries_the_time_to_live_in_tenths_of_a_second() {
    let mut config = SessionConfig::new(SocketType::Router);
    config.heartbeat = Heartbeat { interval: Some(SECOND), timeout: None, ttl: Some(SECOND * 30) };
    let mut end = End::ready(config, "DEALER");
    assert_eq!(end.wait(SECOND), Ok(()));
    assert_eq!(end.take_written(), b"\x04\x07\x04PING\x01\x2c");
}

#[test]
fn subscriptions_are_delivered_as_they_stand_on_the_wire() {
    let mut end = End::ready(SessionConfig::new(SocketType::XPub), "SUB");
    // test_mock_pub_sub.cpp: both forms of the same subscription.
    let traffic = [&b"\x04\x0b\x09SUBSCRIBEA"[..], b"\0\x02\x01A", b"\x04\x08\x06CANCELA"].concat();
    end.feed(&traffic);
    assert_eq!((end.outcome.delivered, end.outcome.messages), (traffic, 3));
}

#[test]
fn messages_are_delivered_as_they_stand_on_the_wire_in_one_piece() {
    let mut end = End::ready(SessionConfig::new(SocketType::Pull), "PUSH");
    let run = [message(&[b"a"]), message(&[b"b", b"", &[3; 300]]), message(&[b"c"])].concat();
    end.feed(&[run.clone(), vec![0]].concat());
    assert_eq!(end.deliver.segments, [run]);
    assert_eq!(end.deliver.messages, 3);
}
