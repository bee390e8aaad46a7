//! Deadlines, with a clock that is moved by hand.

mod harness;

use std::time::{Duration, Instant};

use harness::{End, SECOND, command, greeting, message, ready};
use monocoque_core::protocol::{Blame, ProtocolError, Side};
use monocoque_core::{Protocol, SocketType};
use monocoque_zmtp::{Heartbeat, SessionConfig, SessionError};

const TENTH: Duration = Duration::from_millis(100);

fn beating(interval: u32, timeout: Option<u32>) -> End {
    let mut config = SessionConfig::new(SocketType::Pair);
    let timeout = timeout.map(|seconds| SECOND * seconds);
    config.heartbeat = Heartbeat { interval: Some(SECOND * interval), timeout, ttl: None };
    End::ready(config, "PAIR")
}

fn due(end: &End) -> Option<Duration> {
    end.session.deadline().map(|deadline| deadline - end.now)
}

#[test]
fn a_handshake_has_its_time_and_dribbling_does_not_extend_it() {
    let mut end = End::of(SocketType::Pair);
    assert_eq!(due(&end), Some(SECOND * 30));
    end.feed(&greeting(1));
    assert_eq!(end.wait(SECOND * 29), Ok(()));
    end.feed(&ready("PAIR", &[])[..5]);
    assert_eq!(due(&end), Some(SECOND));
    let error = end.wait(SECOND).expect_err("too late");
    assert_eq!(error, SessionError::HandshakeTimeout { allowed: SECOND * 30 });
    assert_eq!((error.blame(), error.may_retry()), (Blame::Silence, true));
}

#[test]
fn a_ready_peer_without_heartbeats_has_no_deadline() {
    let mut end = End::ready(SessionConfig::new(SocketType::Pair), "PAIR");
    assert_eq!(due(&end), None);
    assert_eq!(end.wait(SECOND * 1_000_000), Ok(()));
    assert_eq!(end.take_written(), []);
}

#[test]
fn a_handshake_without_limit_waits_for_ever() {
    let mut config = SessionConfig::new(SocketType::Pair);
    config.handshake_timeout = None;
    let mut end = End::new(config, Side::Dialer, Instant::now());
    assert_eq!(due(&end), None);
    assert_eq!(end.wait(SECOND * 1_000_000), Ok(()));
}

#[test]
fn a_ping_without_any_answer_ends_the_connection() {
    let mut end = beating(5, Some(2));
    assert_eq!(due(&end), Some(SECOND * 5));
    assert_eq!(end.wait(SECOND * 4), Ok(()));
    assert_eq!(end.take_written(), []);
    assert_eq!(end.wait(SECOND), Ok(()));
    assert_eq!(end.take_written(), command("PING", b"\0\0"));
    assert_eq!(due(&end), Some(SECOND * 2));
    assert_eq!(end.wait(SECOND * 2), Err(SessionError::HeartbeatTimeout { allowed: SECOND * 2 }));
}

#[test]
fn the_first_ping_of_several_starts_the_watch() {
    let mut end = beating(1, Some(3));
    (0..3).for_each(|_| assert_eq!(end.wait(SECOND), Ok(())));
    assert_eq!(end.take_written(), command("PING", b"\0\0").repeat(3));
    assert_eq!(end.wait(SECOND), Err(SessionError::HeartbeatTimeout { allowed: SECOND * 3 }));
}

#[test]
fn one_byte_of_a_frame_is_a_sign_of_life() {
    let mut end = beating(5, Some(2));
    assert_eq!(end.wait(SECOND * 5), Ok(()));
    end.feed(&[0]);
    assert_eq!(due(&end), Some(SECOND * 5), "the next PING");
    // A call without news is not.
    assert_eq!(end.wait(SECOND * 5), Ok(()));
    end.feed(&[]);
    assert_eq!(due(&end), Some(SECOND * 2));
}

#[test]
fn a_late_timer_sends_one_ping_not_all_that_were_missed() {
    let mut end = beating(1, Some(0));
    assert_eq!(end.wait(SECOND * 100), Ok(()));
    assert_eq!(end.take_written(), command("PING", b"\0\0"));
    assert_eq!(due(&end), Some(SECOND));
}

#[test]
fn a_peer_that_promised_to_speak_and_does_not_is_gone() {
    let mut end = End::ready(SessionConfig::new(SocketType::Router), "DEALER");
    end.feed(&command("PING", b"\0\x03"));
    assert_eq!(due(&end), Some(TENTH * 3));
    assert_eq!(end.wait(TENTH * 2), Ok(()));
    assert_eq!(end.wait(TENTH), Err(SessionError::TtlExpired { ttl: TENTH * 3 }));
}

#[test]
fn traffic_after_the_ping_keeps_the_promise() {
    let mut end = End::ready(SessionConfig::new(SocketType::Router), "DEALER");
    end.feed(&command("PING", b"\0\x03"));
    end.feed(&message(&[b"alive"]));
    assert_eq!(due(&end), None);
    end.feed(&[command("PING", b"\0\x03"), message(&[b"alive"])].concat());
    assert_eq!(due(&end), None);
    end.feed(&[message(&[b"alive"]), command("PING", b"\xff\xff")].concat());
    assert_eq!(due(&end), Some(TENTH * 65_535));
}

#[test]
fn silence_that_we_caused_is_forgiven() {
    let mut end = beating(5, Some(2));
    assert_eq!(end.wait(SECOND * 5), Ok(()));
    end.now += SECOND * 60;
    end.session.forgive(end.now);
    assert_eq!(end.wait(SECOND), Ok(()));
    assert_eq!(end.wait(SECOND), Err(SessionError::HeartbeatTimeout { allowed: SECOND * 2 }));
}

#[test]
fn an_older_peer_has_its_time_for_the_handshake_and_is_asked_nothing_after() {
    for (hello, rest) in [(&b"\x03\0a"[..], &b"b"[..]), (b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x00\0", b"\0")] {
        let mut config = SessionConfig::new(SocketType::Pair);
        config.heartbeat = Heartbeat { interval: Some(SECOND), timeout: None, ttl: Some(SECOND) };
        let mut slow = End::new(config.clone(), Side::Listener, Instant::now());
        slow.feed(hello);
        assert_eq!(slow.wait(SECOND * 30), Err(SessionError::HandshakeTimeout { allowed: SECOND * 30 }));

        let mut end = End::new(config, Side::Listener, Instant::now());
        end.feed(&[hello, rest].concat());
        assert!(end.outcome.ready.is_some(), "{:?}", end.outcome.error);
        end.take_written();
        assert_eq!(due(&end), None);
        assert_eq!(end.wait(SECOND * 1_000_000), Ok(()));
        assert_eq!(end.take_written(), []);
    }
}

#[test]
fn a_peer_of_3_0_is_asked_too_and_may_ask() {
    let mut config = SessionConfig::new(SocketType::Router);
    config.heartbeat.interval = Some(SECOND);
    let mut end = End::new(config, Side::Listener, Instant::now());
    end.feed(&[greeting(0), ready("DEALER", &[]), command("PING", b"\0\0x")].concat());
    assert!(end.outcome.written.ends_with(&command("PONG", b"x")));
    // libzmq's test_heartbeats: a mute peer that announced 3.0 is disconnected.
    assert_eq!(end.wait(SECOND), Ok(()));
    assert_eq!(end.wait(SECOND), Err(SessionError::HeartbeatTimeout { allowed: SECOND }));
}
