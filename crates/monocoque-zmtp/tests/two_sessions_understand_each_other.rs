//! Two sessions, wired to each other in memory: what one sends, the other delivers.

mod harness;

use std::time::Instant;

use harness::{End, SECOND, converse, decode, encode};
use monocoque_core::batch::Unit;
use monocoque_core::pipe::PipeWriter;
use monocoque_core::protocol::Side;
use monocoque_core::{Frame, Message, RoutingId, SocketType};
use monocoque_zmtp::{Heartbeat, PeerIncompatible, SessionConfig, SessionError};
use proptest::prelude::*;

fn pair(a: SessionConfig, b: SessionConfig, piece: usize) -> (End, End) {
    let now = Instant::now();
    let (mut a, mut b) = (End::new(a, Side::Dialer, now), End::new(b, Side::Listener, now));
    converse(&mut a, &mut b, piece);
    (a, b)
}

#[test]
fn every_pair_of_types_that_may_talk_becomes_ready() {
    for dialer in SocketType::ZMTP {
        for listener in SocketType::ZMTP {
            let mut config = SessionConfig::new(dialer);
            config.identity = Some(RoutingId::new("dialer").expect("valid"));
            let (a, b) = pair(config, SessionConfig::new(listener), usize::MAX);
            if !dialer.accepts(listener) {
                let error = PeerIncompatible::SocketType { ours: listener, theirs: dialer };
                assert_eq!(b.outcome.error, Some(error.into()));
                assert!(a.outcome.error.is_some() && a.outcome.ready.is_none() && b.outcome.ready.is_none());
                continue;
            }
            let (at_a, at_b) = (a.outcome.ready.expect("ready"), b.outcome.ready.expect("ready"));
            assert_eq!((at_a.socket_type, at_b.socket_type), (listener, dialer));
            assert_eq!((at_a.side, at_b.side, at_a.minor), (Side::Dialer, Side::Listener, 1));
            assert_eq!(at_b.identity.is_some(), dialer.tells_identity());
        }
    }
}

#[test]
fn a_peer_that_refuses_us_after_its_ready_is_heard() {
    let (mut a, _) = pair(SessionConfig::new(SocketType::Pair), SessionConfig::new(SocketType::Pair), usize::MAX);
    a.feed(&harness::command("ERROR", b"\x09go-away\n!"));
    assert_eq!(a.outcome.error, Some(SessionError::HandshakeRefused { reason: "go-away\\n!".into() }));
}

#[test]
fn subscriptions_reach_the_publisher_in_order() {
    let (mut sub, mut publisher) = pair(SessionConfig::new(SocketType::Sub), SessionConfig::new(SocketType::XPub), 7);
    let mut batch = encode(|writer: &mut PipeWriter| {
        writer.push_command("SUBSCRIBE", b"topic");
        writer.push_unmarked(&Message::from(b"\x01topic"));
        writer.push_command("CANCEL", &[5; 70_000]);
    });
    sub.send(&mut batch);
    converse(&mut sub, &mut publisher, 1000);
    let cancel = [&b"\x06CANCEL"[..], &[5; 70_000]].concat();
    let wanted = [
        Unit::Command(Frame::from(b"\x09SUBSCRIBEtopic")),
        Unit::Message(Message::from(b"\x01topic")),
        Unit::Command(Frame::from(cancel)),
    ];
    assert_eq!(decode(&mut publisher.deliver), wanted);
}

#[test]
fn heartbeats_keep_an_idle_pair_alive_for_an_hour() {
    let mut config = SessionConfig::new(SocketType::Pair);
    config.heartbeat = Heartbeat { interval: Some(SECOND), timeout: None, ttl: Some(SECOND * 2) };
    let (mut a, mut b) = pair(config.clone(), config, usize::MAX);
    for _ in 0..3600 {
        assert_eq!((a.wait(SECOND), b.wait(SECOND)), (Ok(()), Ok(())));
        converse(&mut a, &mut b, usize::MAX);
    }
    assert_eq!((a.outcome.error, b.outcome.error), (None, None));
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let sizes = prop::sample::select(vec![0usize, 1, 70, 71, 255, 256, 8191, 8192, 70_000]);
    let frame = (sizes, any::<u8>()).prop_map(|(len, byte)| Frame::from(vec![byte; len]));
    let message = prop::collection::vec(frame, 1..4).prop_map(Message::from);
    prop::collection::vec(message, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn messages_round_trip(
        messages in messages(),
        piece in prop::sample::select(vec![1usize, 13, 4096, 65_536, usize::MAX]),
    ) {
        let (mut a, mut b) = pair(SessionConfig::new(SocketType::Push), SessionConfig::new(SocketType::Pull), piece);
        a.send(&mut encode(|writer: &mut PipeWriter| messages.iter().for_each(|message| writer.push(message).expect("no mark"))));
        converse(&mut a, &mut b, piece.max(50));
        prop_assert_eq!(b.outcome.messages, messages.len());
        let units = messages.into_iter().map(Unit::Message).collect::<Vec<_>>();
        prop_assert_eq!(decode(&mut b.deliver), units);
    }
}
