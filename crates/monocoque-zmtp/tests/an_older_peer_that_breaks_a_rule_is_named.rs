//! What a peer of ZMTP 1.0 or 2.0 can do wrong, by the rule that it breaks, in whatever pieces it comes.

mod harness;

use std::time::Instant;

use harness::{End, Outcome, message};
use monocoque_core::protocol::{Blame, ProtocolError, Side};
use monocoque_core::{RoutingIdError, SocketType};
use monocoque_zmtp::{Limit, PeerIncompatible, PeerMisbehaved, SessionConfig, SessionError};
use proptest::prelude::*;

const ALLOWED: u64 = 1000;

struct Fault {
    ours: SocketType,
    bytes: Vec<u8>,
    error: SessionError,
    blame: Blame,
    /// What was delivered before.
    delivered: Vec<u8>,
}

fn fault(ours: SocketType, bytes: &[&[u8]], error: impl Into<SessionError>) -> Fault {
    let error = error.into();
    Fault { ours, bytes: bytes.concat(), blame: error.blame(), error, delivered: Vec::new() }
}

fn misbehaved(ours: SocketType, bytes: &[&[u8]], rule: PeerMisbehaved) -> Fault {
    let fault = fault(ours, bytes, rule);
    assert_eq!(fault.blame, Blame::PeerMisbehaved);
    fault
}

fn limit(asked: u64) -> SessionError {
    SessionError::LimitExceeded { limit: Limit::MessageFrame, asked, allowed: ALLOWED }
}

const SIGNATURE: &[u8] = b"\xff\0\0\0\0\0\0\0\x01\x7f";

fn greetings() -> Vec<Fault> {
    use SocketType::Pull;
    let signature = |at, byte| PeerMisbehaved::Signature { at, byte };
    let too_long = |len| PeerMisbehaved::Identity(RoutingIdError::TooLong(len));
    let types = PeerIncompatible::SocketType { ours: Pull, theirs: SocketType::Pub };
    let unknown = PeerIncompatible::UnknownSocketType { theirs: "11".into() };
    vec![
        misbehaved(Pull, &[b"\0"], signature(0, 0)),
        misbehaved(Pull, &[b"\x05\x05"], signature(0, 5)),
        misbehaved(Pull, &[b"\xff\0\0\0\0\0\0\0\x05\x02"], signature(9, 2)),
        misbehaved(Pull, &[b"\xff\0\0\0\0\0\0\0\x05\x01"], signature(9, 1)),
        misbehaved(Pull, &[b"\xff\0\0\0\0\0\0\0\0\0"], signature(8, 0)),
        misbehaved(Pull, &[b"\xff\0\0\0\0\0\0\x01\x01\0"], too_long(256)),
        misbehaved(Pull, &[b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\0"], too_long(usize::MAX - 1)),
        fault(Pull, &[SIGNATURE, b"\0"], PeerIncompatible::Version { major: 0 }),
        fault(Pull, &[SIGNATURE, b"\x01\x01"], types),
        fault(Pull, &[SIGNATURE, b"\x01\x0b"], unknown),
        misbehaved(Pull, &[SIGNATURE, b"\x01\x08\x01"], PeerMisbehaved::IdentityFlags(1)),
        misbehaved(Pull, &[SIGNATURE, b"\x01\x08\x06"], PeerMisbehaved::IdentityFlags(6)),
        misbehaved(Pull, &[SIGNATURE, b"\x01\x08\x02\0\0\0\0\0\0\x01\0"], too_long(256)),
    ]
}

fn traffic() -> Vec<Fault> {
    use SocketType::{Pub, Pull};
    let delivered = message(&[b"one"]);
    let to_2_0 = |ours, number: &[u8], bytes: &[u8], error: SessionError| Fault {
        delivered: delivered.clone(),
        ..fault(ours, &[SIGNATURE, b"\x01", number, b"\0\0", &delivered, b"\x01\x01h", bytes], error)
    };
    let to_1_0 = |bytes: &[u8], error: SessionError| Fault {
        delivered: delivered.clone(),
        ..fault(Pull, &[b"\x01\0", b"\x04\0one", b"\x02\x01h", bytes], error)
    };
    let reserved = |flags| SessionError::from(PeerMisbehaved::ReservedFlagBits(flags));
    vec![
        // No commands: what subscribes in 3.1 is a reserved bit here, and so is a PING.
        to_2_0(Pub, b"\x02", b"\x04\x0a\x09SUBSCRIBE", reserved(4)),
        to_2_0(Pull, b"\x08", b"\x04\x07\x04PING\0\0", reserved(4)),
        to_2_0(Pull, b"\x08", b"\x05", reserved(5)),
        to_2_0(Pull, b"\x08", b"\x80", reserved(0x80)),
        to_2_0(Pull, b"\x08", b"\x02\0\0\0\0\0\0\x03\xe9", limit(1001)),
        to_2_0(Pull, b"\x08", b"\x02\x80\0\0\0\0\0\0\0", PeerMisbehaved::FrameSize(1 << 63).into()),
        to_1_0(b"\xff\0\0\0\0\0\0\x03\xea", limit(1001)),
        to_1_0(b"\xff\x80\0\0\0\0\0\0\x01", PeerMisbehaved::FrameSize(1 << 63).into()),
        to_1_0(&[0xff; 9], PeerMisbehaved::FrameSize(u64::MAX - 1).into()),
    ]
}

fn replay(fault: &Fault, now: Instant, pieces: &[&[u8]]) -> Outcome {
    let mut config = SessionConfig::new(fault.ours);
    config.max_message_bytes = Some(ALLOWED);
    let mut end = End::new(config, Side::Listener, now);
    pieces.iter().for_each(|piece| end.feed(piece));
    end.outcome
}

#[test]
fn the_error_comes_with_the_byte_that_is_wrong() {
    let now = Instant::now();
    for fault in greetings().into_iter().chain(traffic()) {
        let (sound, last) = fault.bytes.split_at(fault.bytes.len() - 1);
        let outcome = replay(&fault, now, &[sound, last]);
        assert_eq!(outcome.error, Some(fault.error.clone()), "{}", fault.bytes.escape_ascii());
        assert_eq!(outcome.delivered, fault.delivered, "{}", fault.error);
        // PING and SUBSCRIBE are wrong at their flags.
        let early = matches!(fault.error, SessionError::PeerMisbehaved(PeerMisbehaved::ReservedFlagBits(4)));
        assert_eq!(replay(&fault, now, &[sound]).error.is_some(), early, "{}", fault.error);
        assert!(outcome.ready.is_some() || fault.delivered.is_empty());
    }
}

#[test]
fn in_whatever_pieces() {
    let now = Instant::now();
    for fault in greetings().into_iter().chain(traffic()) {
        let bytes = [&fault.bytes[..], &[0; 30]].concat();
        let whole = replay(&fault, now, &[&bytes]);
        assert_eq!(whole.error, Some(fault.error.clone()));
        for cut in 1..bytes.len() {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(replay(&fault, now, &[front, back]), whole, "{}, cut at {cut}", fault.error);
        }
        let single = bytes.chunks(1).collect::<Vec<_>>();
        assert_eq!(replay(&fault, now, &single), whole, "{}, byte by byte", fault.error);
    }
}

#[test]
fn nothing_is_said_to_an_older_peer_that_does_not_suit_us() {
    // spec: 15/ZMTP, socket compatibility — other combinations should be handled by silently disconnecting.
    let outcome = replay(&fault(SocketType::Pull, &[], limit(0)), Instant::now(), &[SIGNATURE, b"\x01\x01"]);
    let types = PeerIncompatible::SocketType { ours: SocketType::Pull, theirs: SocketType::Pub };
    assert_eq!(outcome.error, Some(types.into()));
    assert_eq!(outcome.written, [SIGNATURE, b"\x03\x07\0\0"].concat());
}

#[test]
fn a_frame_of_exactly_the_limit_is_taken() {
    let body = [5; ALLOWED as usize];
    for bytes in [
        [SIGNATURE, b"\x01\x08\0\0", b"\x02\0\0\0\0\0\0\x03\xe8", &body].concat(),
        [b"\x01\0", &b"\xff\0\0\0\0\0\0\x03\xe9\0"[..], &body].concat(),
    ] {
        let outcome = replay(&fault(SocketType::Pull, &[], limit(0)), Instant::now(), &[&bytes]);
        assert_eq!((outcome.error, outcome.messages), (None, 1));
    }
}

proptest! {
    /// Bytes that nobody recorded, after a sound greeting or within it: mostly frames, of which some are wrong.
    #[test]
    fn garbage_in_random_pieces(
        garbage in prop::collection::vec(prop_oneof![4 => 0u8..8, 1 => any::<u8>()], 0..200),
        piece in 1usize..20,
        kind in prop::sample::select(SocketType::ZMTP.to_vec()),
        older in any::<bool>(),
        sound in 0usize..15,
    ) {
        let number = [kind.peers()[0] as u8];
        let opening = if older { b"\x03\0id".to_vec() } else { [SIGNATURE, b"\x01", &number, b"\0\0"].concat() };
        let bytes = [&opening[..sound.min(opening.len())], &garbage].concat();
        let fault = fault(kind, &[&bytes], limit(0));
        let now = Instant::now();
        let whole = replay(&fault, now, &[&bytes]);
        let pieces = bytes.chunks(piece).collect::<Vec<_>>();
        prop_assert_eq!(replay(&fault, now, &pieces), whole);
    }
}
