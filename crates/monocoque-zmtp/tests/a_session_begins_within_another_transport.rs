//! A transport that agrees on the mechanism by itself: no greeting, the handshake or the identity at once.

use std::time::{Duration, Instant};

use bytes::Bytes;
use monocoque_core::batch::Batch;
use monocoque_core::protocol::{Need, Output, Protocol, Side};
use monocoque_core::slab::SlabMut;
use monocoque_core::{RoutingId, SocketType};
use monocoque_zmtp::{Beginning, Limit, PeerInfo, PeerMisbehaved, Session, SessionConfig, SessionError};

fn begun(config: SessionConfig, beginning: Beginning) -> (Session, Vec<u8>) {
    let (mut session, mut out) = (Session::within(config, Side::Dialer), Output::default());
    session.connected(Instant::now(), &mut out);
    assert!(out.write.is_empty(), "the transport speaks first");
    session.begin(Instant::now(), beginning, &mut out).expect("nothing is judged");
    (session, out.write.concat())
}

fn take(session: &mut Session, bytes: &[u8]) -> Result<Output<PeerInfo>, SessionError> {
    let (mut out, mut input) = (Output::default(), SlabMut::exact(bytes.len()).expect("memory"));
    input.extend_from_slice(bytes);
    assert_eq!(session.received(Instant::now(), &mut input, &mut out)?, Need(0));
    assert!(input.is_empty());
    Ok(out)
}

const READY: &[u8] = b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL";

#[test]
fn the_handshake_comes_without_a_greeting() {
    let (mut session, said) = begun(SessionConfig::new(SocketType::Push), Beginning::Mechanism);
    assert_eq!(said, b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH");
    let peer = take(&mut session, READY).expect("sound").ready.expect("ready");
    assert_eq!((peer.socket_type, peer.major, peer.minor, peer.mechanism), (SocketType::Pull, 3, 0, "NULL"));
    assert!(!peer.takes_commands());
    let mut batch = Batch::default();
    batch.push(Bytes::from_static(b"\0\x01a"), 1);
    let mut out = Output::default();
    session.send(Instant::now(), &mut batch, &mut out).expect("ready");
    assert_eq!(out.write.concat(), b"\0\x01a");
}

#[test]
fn an_identity_is_all_that_is_said_without_a_mechanism() {
    let mut config = SessionConfig::new(SocketType::Dealer);
    config.identity = RoutingId::new("me").ok();
    let (mut session, said) = begun(config, Beginning::Identity);
    assert_eq!(said, b"\0\x02me");
    let out = take(&mut session, b"\0\x03you\0\x01a").expect("sound");
    let peer = out.ready.expect("ready");
    assert_eq!((peer.told_type(), peer.identity), (None, RoutingId::new("you").ok()));
    assert_eq!(out.deliver.segments.concat(), b"\0\x01a");
    assert_eq!(take(&mut session, b"\x04\x05\x04PING").err(), Some(PeerMisbehaved::ReservedFlagBits(4).into()));
}

#[test]
fn an_identity_is_one_frame() {
    for first in [&b"\x01\x01a"[..], b"\x04\x01a"] {
        let (mut session, _) = begun(SessionConfig::new(SocketType::Dealer), Beginning::Identity);
        assert_eq!(take(&mut session, first).err(), Some(PeerMisbehaved::IdentityFlags(first[0]).into()));
    }
}

#[test]
fn frames_are_judged_before_their_bodies_come() {
    let mut config = SessionConfig::new(SocketType::Push);
    config.max_message_bytes = Some(10);
    let (mut session, _) = begun(config, Beginning::Mechanism);
    let limit = |limit, asked, allowed| Err(SessionError::LimitExceeded { limit, asked, allowed });
    assert_eq!(session.check_frame(true, 65_537), limit(Limit::HandshakeCommand, 65_537, 65_536));
    assert!(take(&mut session, READY).is_ok_and(|out| out.ready.is_some()));
    assert_eq!(session.check_frame(false, 10), Ok(()));
    assert_eq!(session.check_frame(false, 11), limit(Limit::MessageFrame, 11, 10));
    assert_eq!(session.check_frame(true, 65_537), limit(Limit::Command, 65_537, 65_536));
}

#[test]
fn the_time_of_the_handshake_includes_that_of_the_transport() {
    let mut config = SessionConfig::new(SocketType::Push);
    config.handshake_timeout = Some(Duration::from_secs(1));
    let (mut session, now) = (Session::within(config, Side::Listener), Instant::now());
    session.connected(now, &mut Output::default());
    assert_eq!(session.deadline(), Some(now + Duration::from_secs(1)));
    let error = session.timeout(now + Duration::from_secs(1), &mut Output::default()).expect_err("late");
    assert_eq!(error, SessionError::HandshakeTimeout { allowed: Duration::from_secs(1) });
}
