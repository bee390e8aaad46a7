//! The first 64 bytes of a connection: signature, version, mechanism.
//!
//! Judged byte by byte as it comes, so that a peer of another protocol fails at its first byte. What the
//! filler and the as-server field hold is not judged: NULL gives them no meaning, and libzmq neither.

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
const VERSION: [u8; 2] = [3, 1];

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
pub(crate) fn encode(mechanism: &str, identity_bytes: usize) -> Bytes {
    let mut greeting = [0; GREETING_BYTES];
    greeting[0] = 0xff;
    greeting[1..9].copy_from_slice(&(identity_bytes as u64 + 1).to_be_bytes());
    greeting[9] = 0x7f;
    greeting[MAJOR_AT..=MINOR_AT].copy_from_slice(&VERSION);
    greeting[MECHANISM_AT][..mechanism.len()].copy_from_slice(mechanism.as_bytes());
    Bytes::copy_from_slice(&greeting)
}

/// Judges what has come of the signature.
pub(crate) fn check_signature(bytes: &[u8]) -> Result<(), PeerMisbehaved> {
    // spec: 37/ZMTP, formal grammar — signature = %xFF padding %x7F. The padding must not be validated.
    for (at, wanted) in [(0, 0xff), (9, 0x7f)] {
        match bytes.get(at) {
            Some(&byte) if byte != wanted => return Err(PeerMisbehaved::Signature { at, byte }),
            _ => {}
        }
    }
    Ok(())
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

/// Judges what has come of the version.
pub(crate) fn check_version(bytes: &[u8]) -> Result<(), PeerIncompatible> {
    // spec: 37/ZMTP, version negotiation — a peer that cannot downgrade must close the connection.
    match bytes.get(MAJOR_AT) {
        Some(&major) if major < VERSION[0] => Err(PeerIncompatible::Version { major }),
        _ => Ok(()),
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
        check_signature(bytes)?;
        check_version(bytes)?;
        check_mechanism(bytes, "NULL")
    }

    #[test]
    fn our_greeting_is_that_of_the_rfc() {
        let mut wanted = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1];
        wanted.extend_from_slice(b"NULL");
        wanted.resize(64, 0);
        assert_eq!(encode("NULL", 0), wanted);
        assert_eq!(encode("NULL", 255)[..10], [0xff, 0, 0, 0, 0, 0, 0, 1, 0, 0x7f]);
        (0..=64).for_each(|len| assert_eq!(judge(&wanted[..len]), Ok(()), "{len}"));
    }

    #[test]
    fn what_nobody_may_judge_is_not_judged() {
        let mut greeting = encode("NULL", 0).to_vec();
        greeting[1..9].fill(0xaa);
        greeting[32..].fill(0xbb);
        assert_eq!(judge(&greeting), Ok(()));
    }

    #[test]
    fn a_wrong_byte_is_found_when_it_comes() {
        let sound = encode("NULL", 0);
        let cases = [
            (0, b'G', SessionError::from(PeerMisbehaved::Signature { at: 0, byte: b'G' })),
            (9, 0x7e, PeerMisbehaved::Signature { at: 9, byte: 0x7e }.into()),
            (10, 2, PeerIncompatible::Version { major: 2 }.into()),
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
    fn another_mechanism_does_not_match() {
        let theirs = encode("CURVE", 0);
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
