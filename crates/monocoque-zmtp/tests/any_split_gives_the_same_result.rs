//! Recorded sessions, fed whole, cut in two at every byte, one byte at a time, and in random pieces, give the
//! same bytes written, the same messages, the same peer, the same deadline and the same error.

mod harness;

use std::time::Instant;

use harness::{End, Outcome, SECOND, command, frame, greeting, message, property, ready};
use monocoque_core::SocketType;
use monocoque_core::protocol::Side;
use monocoque_zmtp::{Heartbeat, PeerIncompatible, PeerMisbehaved, SessionConfig, SessionError};
use proptest::prelude::*;

struct Recording {
    name: String,
    config: SessionConfig,
    bytes: Vec<u8>,
    error: Option<SessionError>,
    messages: usize,
}

fn replay(recording: &Recording, now: Instant, pieces: &[&[u8]]) -> Outcome {
    let mut end = End::new(recording.config.clone(), Side::Listener, now);
    pieces.iter().for_each(|piece| end.feed(piece));
    end.outcome
}

/// The recording of a peer of type `peer` that talks to us as `ours`.
fn recording(name: &str, ours: SocketType, minor: u8, peer: &str, traffic: Vec<Vec<u8>>) -> Recording {
    let mut config = SessionConfig::new(ours);
    config.max_message_bytes = Some(2000);
    config.heartbeat = Heartbeat { interval: Some(SECOND), timeout: None, ttl: None };
    let ready = ready(peer, &[("Identity", b"a name"), ("X-Rack", b"")]);
    let bytes = [greeting(minor), ready, traffic.concat()].concat();
    Recording { name: name.into(), config, bytes, error: None, messages: 0 }
}

impl Recording {
    fn delivers(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }

    fn fails(mut self, error: impl Into<SessionError>) -> Self {
        self.error = Some(error.into());
        self
    }

    fn greets(mut self, at: usize, byte: u8) -> Self {
        self.bytes[at] = byte;
        self
    }
}

fn handshakes() -> Vec<Recording> {
    let pairs = SocketType::ZMTP.into_iter().flat_map(|ours| ours.peers().iter().map(move |theirs| (ours, *theirs)));
    pairs
        .map(|(ours, theirs)| {
            let name = format!("{theirs} to {ours}");
            recording(&name, ours, 1, theirs.name(), vec![message(&[b"hello", b"", b"world"])]).delivers(1)
        })
        .collect()
}

fn traffic() -> Vec<Recording> {
    use SocketType::{Dealer, Pair, Pull, Router, XPub};
    let mixed = vec![
        message(&[b""]),
        message(&[b"a", &[7; 255], &[8; 256], b""]),
        command("PING", b"\0\x0acontext"),
        frame(1, b"first"),
        command("PONG", b""),
        frame(1, &[9; 300]),
        command("PING", b"\0\0a context that is too long to be returned"),
        frame(0, b"last"),
        message(&[&[1; 2000]]),
        command("PONG", &[5; 16]),
        message(&[b"end"]),
    ];
    let subscriptions = vec![
        command("SUBSCRIBE", b""),
        command("SUBSCRIBE", &[3; 400]),
        message(&[b"\x01topic"]),
        command("PING", b"\0\x64"),
        command("CANCEL", b"t"),
        message(&[b"\x00topic"]),
        message(&[b"user", b"message"]),
    ];
    let long_size = [&[2, 0, 0, 0, 0, 0, 0, 0, 3][..], b"abc"].concat();
    vec![
        recording("multipart and commands mixed", Router, 1, "DEALER", mixed).delivers(5),
        recording("subscriptions of both forms", XPub, 1, "SUB", subscriptions.clone()).delivers(6),
        recording("subscriptions of both forms, 3.0", XPub, 0, "XSUB", subscriptions).delivers(6),
        recording("a short body with a long size", Pull, 1, "PUSH", vec![long_size]).delivers(1),
        recording("an open PING at the end", Pair, 1, "PAIR", vec![command("PING", b"\0\x05")]),
        recording("an open message at the end", Dealer, 1, "ROUTER", vec![frame(1, b"a"), frame(1, b"b"), vec![0]]),
        recording("a higher version", Dealer, 1, "ROUTER", vec![message(&[b"x"])])
            .greets(10, 4)
            .greets(11, 0)
            .delivers(1),
    ]
}

fn failures() -> Vec<Recording> {
    use SocketType::{Dealer, Pub, Pull, Router};
    let after = |traffic: Vec<u8>, error: SessionError| {
        let traffic = vec![message(&[b"one"]), frame(1, b"half"), command("PING", b"\0\0x"), traffic, vec![0; 40]];
        recording(&format!("{error}"), Pull, 1, "PUSH", traffic).delivers(1).fails(error)
    };
    let greeted =
        |ours, peer, error: SessionError| recording(&format!("{error}"), ours, 1, peer, vec![vec![0; 9]]).fails(error);
    let mut no_ready = greeted(Pull, "PUSH", PeerMisbehaved::MessageInHandshake.into());
    no_ready.bytes = [greeting(1), frame(2, &[0; 300])].concat();
    let mut twice = greeted(Router, "REQ", PeerMisbehaved::PropertyTwice("Identity").into());
    let identity = property("identity", b"x");
    let data = [property("Socket-Type", b"REQ"), identity.clone(), identity].concat();
    twice.bytes = [greeting(1), command("READY", &data)].concat();
    let mechanism = PeerIncompatible::Mechanism { ours: "NULL", theirs: "NULLX".into() };
    let topic = vec![frame(1, b"half"), command("SUBSCRIBE", b"t")];
    let limit = SessionError::LimitExceeded { limit: monocoque_zmtp::Limit::MessageFrame, asked: 2001, allowed: 2000 };
    vec![
        greeted(Pull, "PUSH", PeerMisbehaved::Signature { at: 0, byte: b'G' }.into()).greets(0, b'G').greets(1, b'E'),
        greeted(Pull, "PUSH", PeerMisbehaved::Signature { at: 9, byte: 0x3f }.into()).greets(9, 0x3f),
        greeted(Pull, "PUSH", PeerIncompatible::Version { major: 0 }.into()).greets(10, 0),
        greeted(Pull, "PUSH", mechanism.into()).greets(16, b'X'),
        greeted(Pull, "PUSH", PeerMisbehaved::MechanismName { at: 19, byte: b'X' }.into()).greets(31, b'X'),
        greeted(Pull, "SUB", PeerIncompatible::SocketType { ours: Pull, theirs: SocketType::Sub }.into()),
        greeted(Pull, "DGRAM", PeerIncompatible::UnknownSocketType { theirs: "DGRAM".into() }.into()),
        no_ready,
        twice,
        after(vec![0x80], PeerMisbehaved::ReservedFlagBits(0x80).into()),
        after(vec![7], PeerMisbehaved::CommandWithMore.into()),
        after(vec![2, 0xff, 0, 0, 0, 0, 0, 0, 0], PeerMisbehaved::FrameSize(0xff << 56).into()),
        after(frame(0, &[0; 2001]), limit),
        after(command("PONG", &[0; 17]), PeerMisbehaved::PongContext(17).into()),
        after(command("PING", b"\0"), PeerMisbehaved::PingTooShort(1).into()),
        after(command("READY", b""), PeerMisbehaved::UnexpectedCommand("READY".into()).into()),
        after(command("CANCEL", b""), PeerMisbehaved::UnexpectedCommand("CANCEL".into()).into()),
        after(command("JOIN", b"group"), PeerMisbehaved::UnexpectedCommand("JOIN".into()).into()),
        after(command("KNOCK", b"group"), PeerMisbehaved::UnknownCommand("KNOCK".into()).into()),
        after(frame(4, b""), PeerMisbehaved::CommandName.into()),
        after(command("ERROR", b"\x02no"), SessionError::HandshakeRefused { reason: "no".into() }),
        after(command("ERROR", b""), PeerMisbehaved::ErrorReason.into()),
        recording("topic within a message", Pub, 1, "SUB", topic).fails(PeerMisbehaved::SubscriptionWithinMessage),
        recording("ready dealer", Dealer, 1, "PUB", vec![])
            .fails(PeerIncompatible::SocketType { ours: Dealer, theirs: SocketType::Pub }),
    ]
}

fn recordings() -> Vec<Recording> {
    [handshakes(), traffic(), failures()].into_iter().flatten().collect()
}

#[test]
fn cut_in_two_at_every_byte_and_one_byte_at_a_time() {
    let now = Instant::now();
    for recording in recordings() {
        let (name, bytes) = (&recording.name, &recording.bytes);
        let whole = replay(&recording, now, &[bytes]);
        assert_eq!(whole.error, recording.error, "{name}");
        assert_eq!(whole.messages, recording.messages, "{name}");
        for cut in 1..bytes.len() {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(replay(&recording, now, &[front, back]), whole, "{name}, cut at {cut}");
        }
        let single = bytes.chunks(1).collect::<Vec<_>>();
        assert_eq!(replay(&recording, now, &single), whole, "{name}, byte by byte");
    }
}

#[test]
fn every_way_to_break_a_rule_is_recorded_once() {
    let mut errors = failures().into_iter().map(|recording| recording.name).collect::<Vec<_>>();
    let count = errors.len();
    errors.sort();
    errors.dedup();
    assert_eq!(errors.len(), count);
}

proptest! {
    #[test]
    fn in_random_pieces(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (now, recordings) = (Instant::now(), recordings());
        let recording = which.get(&recordings);
        let mut cuts = cuts.iter().map(|cut| cut.index(recording.bytes.len())).collect::<Vec<_>>();
        cuts.extend([0, recording.bytes.len()]);
        cuts.sort();
        let pieces = cuts.windows(2).map(|cut| &recording.bytes[cut[0]..cut[1]]).collect::<Vec<_>>();
        let whole = replay(recording, now, &[&recording.bytes]);
        prop_assert_eq!(replay(recording, now, &pieces), whole, "{}", recording.name);
    }

    /// Bytes that nobody recorded: mostly frames, of which some are wrong.
    #[test]
    fn garbage_in_random_pieces(
        garbage in prop::collection::vec(prop_oneof![4 => 0u8..8, 1 => any::<u8>()], 0..200),
        piece in 1usize..20,
        publishes in any::<bool>(),
    ) {
        let (ours, theirs) = if publishes { (SocketType::Pub, "SUB") } else { (SocketType::Pull, "PUSH") };
        let recording = recording("garbage", ours, 1, theirs, vec![garbage]);
        let now = Instant::now();
        let whole = replay(&recording, now, &[&recording.bytes]);
        let pieces = recording.bytes.chunks(piece).collect::<Vec<_>>();
        prop_assert_eq!(replay(&recording, now, &pieces), whole);
    }

    #[test]
    fn garbage_from_the_first_byte(garbage in prop::collection::vec(any::<u8>(), 0..200), sound in 0usize..120) {
        let mut recording = recording("garbage", SocketType::Router, 1, "DEALER", vec![]);
        recording.bytes.truncate(sound);
        recording.bytes.extend(garbage);
        let now = Instant::now();
        let whole = replay(&recording, now, &[&recording.bytes]);
        let single = recording.bytes.chunks(1).collect::<Vec<_>>();
        prop_assert_eq!(replay(&recording, now, &single), whole);
    }
}
