//! The greetings of ZMTP 2.0 (RFC 15: libzmq 3) and 1.0 (RFC 13: libzmq 2), and how ours goes on with such a peer.
//!
//! Every peer is sent the same ten bytes first. To one of ZMTP 1.0 they are the header of our identity frame, so the
//! identity alone is left to say. One of 2.0 takes them for a signature and our version for a later one, and waits for
//! our socket type and identity. Neither has a handshake after that: whoever told its identity is ready.

pub(crate) mod framing;

use std::ops::Range;

use bytes::Bytes;
use monocoque_core::limits::ROUTING_ID_BYTES_MAX;
use monocoque_core::wire::{Header, LONG};
use monocoque_core::{RoutingIdError, SocketType};

use crate::config::SessionConfig;
use crate::error::{PeerIncompatible, PeerMisbehaved, SessionError};
use crate::greeting::{SIGNATURE_BYTES, Version};
use crate::peer::{self, Introduction};

/// Behind the signature and the version.
const SOCKET_TYPE_AT: usize = SIGNATURE_BYTES + 1;
const IDENTITY_AT: usize = SOCKET_TYPE_AT + 1;

/// A message, as a pipe holds it, that subscribes to everything.
pub(crate) const SUBSCRIBE_TO_ALL: &[u8] = b"\x00\x01\x01";

/// A version before 3.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Older {
    Zmtp1,
    Zmtp2,
}

/// What has come of an older peer's greeting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// All of it, in so many bytes.
    Whole { len: usize, introduction: Introduction },
    /// Not all of it: at least so many bytes are needed.
    Part { needed: usize },
}

impl Older {
    pub(crate) fn version(self) -> Version {
        match self {
            Self::Zmtp1 => Version { major: 1, minor: 0 },
            Self::Zmtp2 => Version { major: 2, minor: 0 },
        }
    }

    /// What is left to say to the peer once its version is known; may be empty.
    pub(crate) fn answer(self, config: &SessionConfig) -> Bytes {
        let identity = config.told_identity();
        match self {
            // spec: 15/ZMTP, backwards interoperability — we continue by sending the body of the identity frame.
            Self::Zmtp1 => Bytes::copy_from_slice(identity),
            // spec: 15/ZMTP, formal grammar — socket-type identity; identity = final-short body.
            Self::Zmtp2 => [&[number(config.socket_type), 0, identity.len() as u8], identity].concat().into(),
        }
    }

    /// Judges what has come of the peer's greeting, from its first byte on, for a socket of type `ours`.
    pub(crate) fn judge(self, greeting: &[u8], ours: SocketType) -> Result<Told, SessionError> {
        let theirs = match (self, greeting.get(SOCKET_TYPE_AT)) {
            // spec: 13/ZMTP, known issues — there is no exchange of types: each side must know the other's.
            (Self::Zmtp1, _) => ours.peers()[0],
            (Self::Zmtp2, Some(&number)) => numbered(number, ours)?,
            (Self::Zmtp2, None) => return Ok(Told::Part { needed: IDENTITY_AT }),
        };
        let body = match self {
            Self::Zmtp1 => unversioned_identity(greeting)?,
            Self::Zmtp2 => identity(greeting)?,
        };
        let Some(identity) = greeting.get(body.clone()) else {
            return Ok(Told::Part { needed: body.end });
        };
        let identity = peer::chosen_identity(identity, theirs)?;
        let introduction = Introduction { socket_type: theirs, identity, others: Vec::new() };
        Ok(Told::Whole { len: body.end, introduction })
    }
}

// spec: 15/ZMTP, publish-subscribe — XPUB and XSUB are at the protocol level PUB and SUB.
fn number(kind: SocketType) -> u8 {
    match kind {
        SocketType::XPub => SocketType::Pub as u8,
        SocketType::XSub => SocketType::Sub as u8,
        kind => kind as u8,
    }
}

/// Whether older versions know the type: those of single frames are younger.
pub(crate) fn is_told(kind: SocketType) -> bool {
    !kind.is_single()
}

/// The type of `number`; libzmq numbers XPUB and XSUB too.
fn numbered(number: u8, ours: SocketType) -> Result<SocketType, PeerIncompatible> {
    let Some(theirs) = SocketType::ZMTP.into_iter().find(|&kind| is_told(kind) && kind as u8 == number) else {
        return Err(PeerIncompatible::UnknownSocketType { theirs: number.to_string() });
    };
    peer::suited(theirs, ours)
}

/// Where the identity of a peer of ZMTP 1.0 lies, or how far its header reaches.
fn unversioned_identity(greeting: &[u8]) -> Result<Range<usize>, PeerMisbehaved> {
    let Some((length, flags_at)) = framing::length(greeting) else {
        return Ok(0..SIGNATURE_BYTES);
    };
    // A length of zero leaves no room for the flags; one byte that says so was refused before.
    let Some(identity_bytes) = length.checked_sub(1) else {
        return Err(PeerMisbehaved::Signature { at: flags_at - 1, byte: 0 });
    };
    placed(flags_at + 1, identity_bytes)
}

/// Where the identity of a peer of ZMTP 2.0 lies, or how far its header reaches.
fn identity(greeting: &[u8]) -> Result<Range<usize>, PeerMisbehaved> {
    let frame = &greeting[IDENTITY_AT..];
    // The grammar has it short; a long size says nothing else.
    match frame.first() {
        Some(&flags) if flags & !LONG != 0 => return Err(PeerMisbehaved::IdentityFlags(flags)),
        _ => {}
    }
    let Some(header) = Header::parse(frame) else {
        let header_len = if frame.first() == Some(&LONG) { 9 } else { 2 };
        return Ok(IDENTITY_AT..IDENTITY_AT + header_len);
    };
    placed(IDENTITY_AT + header.header_len, header.body_len)
}

/// The range of an identity. Its size is judged before any of it is awaited.
fn placed(at: usize, bytes: u64) -> Result<Range<usize>, PeerMisbehaved> {
    // spec: 13/ZMTP, connection layer — an identity is a string of 1 to 255 octets.
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= ROUTING_ID_BYTES_MAX => Ok(at..at + bytes),
        bytes => Err(PeerMisbehaved::Identity(RoutingIdError::TooLong(bytes.unwrap_or(usize::MAX)))),
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::RoutingId;

    use super::*;

    #[test]
    fn every_type_is_told_by_its_number_and_xpub_and_xsub_by_those_of_pub_and_sub() {
        let numbers: Vec<_> = SocketType::ZMTP.into_iter().filter(|&kind| is_told(kind)).map(number).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2]);
        for ours in SocketType::ZMTP {
            for theirs in SocketType::ZMTP {
                let judged = numbered(theirs as u8, ours);
                assert_eq!(judged.is_ok(), ours.accepts(theirs) && is_told(theirs), "{theirs} to {ours}");
            }
        }
    }

    #[test]
    fn an_identity_is_told_only_by_types_that_tell_one() {
        for (kind, told) in [(SocketType::Dealer, &b"me"[..]), (SocketType::Push, b"")] {
            let mut config = SessionConfig::new(kind);
            config.identity = Some(RoutingId::new("me").expect("valid"));
            assert_eq!(Older::Zmtp1.answer(&config), told);
            let frame = [&[kind as u8, 0, told.len() as u8], told].concat();
            assert_eq!(Older::Zmtp2.answer(&config), frame);
        }
    }

    #[test]
    fn the_need_grows_as_the_greeting_is_known() {
        let needs = |older: Older, greeting: &[u8], from: usize| {
            let need = |len| match older.judge(&greeting[..len], SocketType::Router) {
                Ok(Told::Part { needed }) => needed,
                Ok(Told::Whole { len, .. }) => len,
                Err(error) => panic!("{error}"),
            };
            (from..=greeting.len()).map(need).collect::<Vec<_>>()
        };
        assert_eq!(needs(Older::Zmtp1, b"\x03\0id", 2), [4, 4, 4]);
        let signature = b"\xff\0\0\0\0\0\0\0\x01\x7f";
        let short = [&signature[..], b"\x01\x05\0\x02id"].concat();
        assert_eq!(needs(Older::Zmtp2, &short, 10), [12, 12, 14, 14, 16, 16, 16]);
        let long = [&signature[..], b"\x01\x05\x02\0\0\0\0\0\0\0\x01i"].concat();
        assert_eq!(needs(Older::Zmtp2, &long, 12), [14, 21, 21, 21, 21, 21, 21, 21, 21, 22, 22]);
    }
}
