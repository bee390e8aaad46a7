//! What a hostile peer can do: nothing but end its own connection, for a reason that has a name.

mod harness;

use harness::{End, SECOND, command, frame, greeting, message, property, ready};
use monocoque_core::SocketType;
use monocoque_core::protocol::{Blame, ProtocolError};
use monocoque_zmtp::limits::{COMMAND_BYTES_MAX, HANDSHAKE_COMMAND_BYTES_MAX};
use monocoque_zmtp::{Limit, PeerIncompatible, PeerMisbehaved, SessionConfig, SessionError};
use proptest::prelude::*;

/// The error of a PULL that greets a PUSH and then gets `bytes`.
fn after_greeting(bytes: &[u8]) -> SessionError {
    let mut end = End::of(SocketType::Pull);
    end.feed(&[&greeting(1), bytes].concat());
    end.outcome.error.expect("refused")
}

fn announce(flags: u8, size: u64) -> Vec<u8> {
    [&[flags][..], &size.to_be_bytes()].concat()
}

#[test]
fn other_protocols_fail_at_their_first_two_bytes() {
    for hello in ["GET / HTTP/1.1\r\n", "\x16\x03\x01", "SSH-2.0-", "\x01\x02", "\x00\x00"] {
        let mut end = End::of(SocketType::Pull);
        end.feed(&hello.as_bytes()[..2]);
        let byte = hello.as_bytes()[0];
        assert_eq!(end.outcome.error, Some(PeerMisbehaved::Signature { at: 0, byte }.into()));
        assert_eq!(end.outcome.written.len(), 10);
    }
}

#[test]
fn a_claimed_size_is_judged_before_its_body_is_awaited() {
    let limit = |limit, asked, allowed| SessionError::LimitExceeded { limit, asked, allowed };
    let (handshake, asked) = (HANDSHAKE_COMMAND_BYTES_MAX, HANDSHAKE_COMMAND_BYTES_MAX + 1);
    assert_eq!(after_greeting(&announce(6, asked)), limit(Limit::HandshakeCommand, asked, handshake));
    assert_eq!(after_greeting(&announce(6, u64::MAX)), PeerMisbehaved::FrameSize(u64::MAX).into());

    let mut config = SessionConfig::new(SocketType::Pull);
    config.max_message_bytes = Some(10);
    let mut end = End::ready(config.clone(), "PUSH");
    end.feed(&[message(&[&[1; 10]]), vec![0, 11]].concat());
    assert_eq!(end.outcome.error, Some(limit(Limit::MessageFrame, 11, 10)));
    assert_eq!(end.outcome.messages, 1);

    let mut end = End::ready(config, "PUSH");
    end.feed(&announce(6, COMMAND_BYTES_MAX + 1));
    let error = end.outcome.error.expect("refused");
    assert_eq!(error, limit(Limit::Command, COMMAND_BYTES_MAX + 1, COMMAND_BYTES_MAX));
    assert_eq!(error.blame(), Blame::Limit);
}

#[test]
fn a_small_message_limit_does_not_hinder_the_handshake() {
    let mut config = SessionConfig::new(SocketType::Pull);
    config.max_message_bytes = Some(0);
    let mut end = End::ready(config, "PUSH");
    end.feed(&[message(&[b""]), command("PING", b"\0\0x")].concat());
    assert_eq!((end.outcome.messages, end.outcome.error), (1, None));
}

#[test]
fn a_handshake_takes_commands_only_and_those_of_its_mechanism() {
    assert_eq!(after_greeting(&[0]), PeerMisbehaved::MessageInHandshake.into());
    assert_eq!(after_greeting(&[0x10]), PeerMisbehaved::ReservedFlagBits(0x10).into());
    assert_eq!(after_greeting(&[5]), PeerMisbehaved::CommandWithMore.into());
    let unexpected = |name: &str| SessionError::from(PeerMisbehaved::UnexpectedCommand(name.into()));
    assert_eq!(after_greeting(&command("PING", b"\0\0")), unexpected("PING"));
    assert_eq!(after_greeting(&command("SUBSCRIBE", b"")), unexpected("SUBSCRIBE"));
    assert_eq!(after_greeting(&command("HELLO", b"")), unexpected("HELLO"));
    let refused = after_greeting(&command("ERROR", b"\x03400"));
    assert_eq!(refused, SessionError::HandshakeRefused { reason: "400".into() });
    assert_eq!((refused.blame(), refused.may_retry()), (Blame::Refused, false));
}

#[test]
fn metadata_is_judged_property_by_property() {
    let metadata = |data: &[u8]| after_greeting(&command("READY", data));
    let kind = property("Socket-Type", b"PUSH");
    assert_eq!(metadata(b""), PeerMisbehaved::NoSocketType.into());
    assert_eq!(metadata(&[kind.clone(), kind.clone()].concat()), PeerMisbehaved::PropertyTwice("Socket-Type").into());
    assert_eq!(metadata(&kind[..kind.len() - 1]), PeerMisbehaved::PropertyTruncated.into());
    assert_eq!(metadata(&property("", b"")), PeerMisbehaved::PropertyName.into());
    assert_eq!(metadata(b"\x01X\xff\xff\xff\xff"), PeerMisbehaved::PropertySize(u32::MAX).into());
    let unknown = PeerIncompatible::UnknownSocketType { theirs: "\\x00".into() };
    assert_eq!(metadata(&property("Socket-Type", b"\0")), unknown.into());
}

#[test]
fn a_flood_of_pings_is_answered_in_one_write() {
    let mut end = End::ready(SessionConfig::new(SocketType::Pull), "PUSH");
    end.feed(&command("PING", b"\0\0").repeat(5000));
    assert_eq!(end.take_written(), command("PONG", b"").repeat(5000));
    assert_eq!((end.outcome.messages, end.outcome.error), (0, None));
}

#[test]
fn what_came_before_the_fault_is_delivered() {
    let mut end = End::ready(SessionConfig::new(SocketType::Pull), "PUSH");
    let sound = [message(&[b"a"]), message(&[b"b", b"c"])].concat();
    end.feed(&[sound.clone(), frame(1, b"half"), vec![0x40]].concat());
    assert_eq!(end.outcome.error, Some(PeerMisbehaved::ReservedFlagBits(0x40).into()));
    assert_eq!((end.outcome.delivered, end.outcome.messages), (sound, 2));
}

#[test]
fn a_peer_that_stops_in_mid_frame_delivers_nothing_of_it() {
    let mut end = End::ready(SessionConfig::new(SocketType::Pull), "PUSH");
    end.feed(&[frame(1, b"part"), vec![0, 9, 1, 2]].concat());
    assert_eq!((end.outcome.messages, end.deliver.is_empty()), (0, true));
    assert_eq!(end.wait(SECOND * 100), Ok(()));
}

#[test]
fn errors_say_in_plain_words_which_rule_was_broken() {
    let texts = [
        (PeerMisbehaved::ReservedFlagBits(0x80).into(), "reserved bits are set in the frame flags 0x80"),
        (
            PeerIncompatible::SocketType { ours: SocketType::Pub, theirs: SocketType::Req }.into(),
            "the peer is a REQ, which does not talk to our PUB",
        ),
        (
            SessionError::LimitExceeded { limit: Limit::MessageFrame, asked: 11, allowed: 10 },
            "a message frame of 11 bytes; the limit is 10",
        ),
        (SessionError::HeartbeatTimeout { allowed: SECOND }, "the peer was silent for 1s after a PING"),
    ];
    for (error, text) in texts {
        let error: SessionError = error;
        assert_eq!(error.to_string(), text);
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(
        kind in prop::sample::select(SocketType::ZMTP.to_vec()),
        sound in 0usize..120,
        garbage in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..8], 0..2000),
        piece in 1usize..300,
    ) {
        let mut end = End::of(kind);
        let opening = [greeting(1), ready(kind.peers()[0].name(), &[])].concat();
        let bytes = [&opening[..sound.min(opening.len())], &garbage].concat();
        bytes.chunks(piece).for_each(|piece| end.feed(piece));
        let _ = end.wait(SECOND * 100);
    }
}
