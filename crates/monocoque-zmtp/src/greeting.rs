//! The first 64 bytes of a connection: signature, version, mechanism.
//!
//! Judged byte by byte as it comes, so that a peer of another protocol fails at its first two bytes, and a peer of
//! an older version is known before it is sent what it would misread. What the filler and the as-server field hold
//! is not judged: NULL gives them no meaning, and libzmq neither.

use std::ops::Range;

use bytes::Bytes;

use crate::error::{PeerIncompatible, PeerMisbehaved, SessionError};

/// Bytes of a whole greeting.
pub(crate) const GREETING_BYTES: usize = 64;
/// `FF`, eight bytes of padding, `7F`.
pub(crate) const SIGNATURE_BYTES: usize = 10;
/// What is sent alone: it makes a peer of any version show its own.
pub(crate) const OPENING_BYTES: usize = SIGNATURE_BYTES;

const MAJOR_AT: usize = 10;
const MINOR_AT: usize = 11;
const MECHANISM_AT: Range<usize> = 12..32;
const AS_SERVER_AT: usize = 32;
const VERSION: [u8; 2] = [3, 1];

/// The last byte of a signature.
const SIGNATURE_END: u8 = 0x7f;
/// What stands there, or behind a short length, in an identity frame of ZMTP 1.0.
const IDENTITY_FLAGS: u8 = 0;

/// A version of ZMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) major: u8,
    pub(crate) minor: u8,
}

impl Version {
    /// What two peers speak when one of them announced this and the other is us.
    // spec: 37/ZMTP, version negotiation — higher versions are accepted as valid; we then use our own.
    pub(crate) fn negotiated(self) -> Self {
        self.min(Self { major: VERSION[0], minor: VERSION[1] })
    }
}

/// Our greeting. The padding holds our identity's size plus one, as a peer of ZMTP 1.0 would read it.
pub(crate) fn encode(mechanism: &str, as_server: bool, identity_bytes: usize) -> Bytes {
    let mut greeting = [0; GREETING_BYTES];
    greeting[0] = 0xff;
    greeting[1..9].copy_from_slice(&(identity_bytes as u64 + 1).to_be_bytes());
    greeting[9] = SIGNATURE_END;
    greeting[MAJOR_AT..=MINOR_AT].copy_from_slice(&VERSION);
    greeting[MECHANISM_AT][..mechanism.len()].copy_from_slice(mechanism.as_bytes());
    // spec: 37/ZMTP, authentication — the as-server field is 1 for the server of a mechanism that has one.
    greeting[AS_SERVER_AT] = as_server.into();
    Bytes::copy_from_slice(&greeting)
}

/// How a peer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Too little has come to tell.
    Unknown,
    /// With a signature: a version follows.
    Signature,
    /// With the header of an identity frame: ZMTP 1.0 has no version.
    Identity,
}

/// Judges what has come of the first ten bytes.
pub(crate) fn opening(bytes: &[u8]) -> Result<Opening, PeerMisbehaved> {
    // spec: 23/ZMTP, detecting ZMTP 1.0 and 2.0 peers — a first octet other than FF, or a tenth with a low bit of 0,
    // belongs to the frame of an identity.
    // exception: 13/ZMTP, connection layer — "idflags SHALL not be validated and SHOULD be set to zero". They are, or
    // half of all other protocols would pass for ZMTP 1.0 (docs/decisions/0017).
    match *bytes {
        [] | [0xff] => Ok(Opening::Unknown),
        // spec: 37/ZMTP, formal grammar — signature = %xFF padding %x7F. The padding must not be validated.
        [0xff, _, _, _, _, _, _, _, _, last, ..] => match last {
            SIGNATURE_END => Ok(Opening::Signature),
            IDENTITY_FLAGS => Ok(Opening::Identity),
            byte => Err(PeerMisbehaved::Signature { at: 9, byte }),
        },
        [0xff, ..] => Ok(Opening::Unknown),
        // The length counts the flags, so it is not zero.
        [0, ..] => Err(PeerMisbehaved::Signature { at: 0, byte: 0 }),
        [_] => Ok(Opening::Unknown),
        [_, IDENTITY_FLAGS, ..] => Ok(Opening::Identity),
        [byte, ..] => Err(PeerMisbehaved::Signature { at: 0, byte }),
    }
}

/// How much of our greeting may go out once `received` bytes with a sound signature have come.
///
/// The major version follows the peer's signature and the rest its major version: a peer of an older
/// version must not be sent what it would misread.
pub(crate) fn sendable(received: usize) -> usize {
    if received < SIGNATURE_BYTES {
        OPENING_BYTES
    } else if received <= MAJOR_AT {
        MAJOR_AT + 1
    } else {
        GREETING_BYTES
    }
}

/// Whether what has come of the version is that of ZMTP 2.0.
pub(crate) fn is_2_0(bytes: &[u8]) -> Result<bool, PeerIncompatible> {
    match bytes.get(MAJOR_AT) {
        // spec: 23/ZMTP, detecting ZMTP 2.0 peers — a version number of 1 or 2 is that of ZMTP 2.0.
        Some(1 | 2) => Ok(true),
        // spec: 37/ZMTP, version negotiation — a peer that cannot downgrade must close the connection.
        Some(&major) if major < VERSION[0] => Err(PeerIncompatible::Version { major }),
        _ => Ok(false),
    }
}

/// Judges what has come of the mechanism, which must be `ours`.
pub(crate) fn check_mechanism(bytes: &[u8], ours: &'static str) -> Result<(), SessionError> {
    let field = bytes.get(MECHANISM_AT.start..bytes.len().min(MECHANISM_AT.end)).unwrap_or_default();
    let name_len = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    // spec: 37/ZMTP, formal grammar — mechanism-char = "A"-"Z" | DIGIT | "-" | "_" | "." | "+" | %x0.
    let wrong =
        field.iter().enumerate().find(|&(at, &byte)| if at < name_len { !is_name_char(byte) } else { byte != 0 });
    if let Some((at, &byte)) = wrong {
        return Err(PeerMisbehaved::MechanismName { at, byte }.into());
    }
    // spec: 37/ZMTP, authentication — a mechanism that does not exactly match ours closes the connection.
    if field.len() == MECHANISM_AT.len() && &field[..name_len] != ours.as_bytes() {
        let theirs = field[..name_len].escape_ascii().to_string();
        return Err(PeerIncompatible::Mechanism { ours, theirs }.into());
    }
    Ok(())
}

/// The version that a whole greeting announces.
pub(crate) fn version(greeting: &[u8]) -> Version {
    Version { major: greeting[MAJOR_AT], minor: greeting[MINOR_AT] }
}

fn is_name_char(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"-_.+".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(bytes: &[u8]) -> Result<(), SessionError> {
        opening(bytes)?;
        is_2_0(bytes)?;
        check_mechanism(bytes, "NULL")
    }

    #[test]
    fn our_greeting_is_that_of_the_rfc() {
        let mut wanted = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1];
        wanted.extend_from_slice(b"NULL");
        wanted.resize(64, 0);
        assert_eq!(encode("NULL", false, 0), wanted);
        assert_eq!(encode("NULL", false, 255)[..10], [0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0x7f]);
        (0..=64).for_each(|len| assert_eq!(judge(&wanted[..len]), Ok(()), "{len}"));
    }

    #[test]
    fn what_nobody_may_judge_is_not_judged() {
        let mut greeting = encode("NULL", false, 0).to_vec();
        greeting[1..9].fill(0xaa);
        greeting[32..].fill(0xbb);
        assert_eq!(judge(&greeting), Ok(()));
    }

    #[test]
    fn a_wrong_byte_is_found_when_it_comes() {
        let sound = encode("NULL", false, 0);
        let cases = [
            (0, 0, SessionError::from(PeerMisbehaved::Signature { at: 0, byte: 0 })),
            (9, 0x7e, PeerMisbehaved::Signature { at: 9, byte: 0x7e }.into()),
            (10, 0, PeerIncompatible::Version { major: 0 }.into()),
            (12, b'n', PeerMisbehaved::MechanismName { at: 0, byte: b'n' }.into()),
            (17, b'X', PeerMisbehaved::MechanismName { at: 5, byte: b'X' }.into()),
        ];
        for (at, byte, error) in cases {
            let mut greeting = sound.to_vec();
            greeting[at] = byte;
            assert_eq!(judge(&greeting[..at]), Ok(()));
            assert_eq!(judge(&greeting[..=at]), Err(error.clone()));
            assert_eq!(judge(&greeting), Err(error));
        }
    }

    #[test]
    fn an_opening_is_told_as_soon_as_it_can_be() {
        let all = |bytes: &[u8]| (0..=bytes.len()).map(|len| opening(&bytes[..len])).collect::<Vec<_>>();
        let open = |len| vec![Ok(Opening::Unknown); len];
        assert_eq!(all(b"\x01\0x"), [open(2), vec![Ok(Opening::Identity); 2]].concat());
        assert_eq!(all(b"\xff\0\0\0\0\0\0\x01\0\0x"), [open(10), vec![Ok(Opening::Identity); 2]].concat());
        assert_eq!(all(b"\xff\0\0\0\0\0\0\x01\0\x7fx"), [open(10), vec![Ok(Opening::Signature); 2]].concat());
        let fault = Err(PeerMisbehaved::Signature { at: 0, byte: b'G' });
        assert_eq!(all(b"GET"), [open(2), vec![fault; 2]].concat());
    }

    #[test]
    fn another_mechanism_does_not_match() {
        let theirs = encode("CURVE", false, 0);
        let error = PeerIncompatible::Mechanism { ours: "NULL", theirs: "CURVE".into() };
        assert_eq!(judge(&theirs[..31]), Ok(()));
        assert_eq!(judge(&theirs[..32]), Err(error.into()));
    }

    #[test]
    fn versions_meet_at_the_lower_one() {
        let version = |major, minor| Version { major, minor }.negotiated();
        assert_eq!(version(3, 0), Version { major: 3, minor: 0 });
        assert_eq!(version(3, 9), Version { major: 3, minor: 1 });
        assert_eq!(version(4, 0), Version { major: 3, minor: 1 });
    }
}
