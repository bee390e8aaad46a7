//! Security mechanisms: how two peers come to trust each other before the first message.
//!
//! A mechanism is a variant, not a trait object: the session's stages stay in one place, and what a
//! mechanism adds is seen here. It says something once the greetings match, and judges the peer's
//! commands until it has the peer's metadata.

use bytes::Bytes;

use crate::command::{self, Command, ERROR, READY};
use crate::config::SessionConfig;
use crate::error::{PeerIncompatible, SessionError};
use crate::metadata;

/// The mechanism of a session.
#[derive(Debug)]
pub(crate) enum Mechanism {
    /// No authentication and no confidentiality (RFC 37, "The NULL Security Mechanism").
    Null,
}

impl Mechanism {
    /// The name in the greeting and in [`PeerInfo`](crate::PeerInfo).
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
        }
    }

    /// Judges that the peer is of a version before 3.0, which knows no security.
    // spec: 23/ZMTP, detecting ZMTP 1.0 and 2.0 peers — if the mechanism is other than NULL, the connection must be
    // closed at once.
    pub(crate) fn admit_older(&self) -> Result<(), PeerIncompatible> {
        match self {
            Self::Null => Ok(()),
        }
    }

    /// What is said as soon as the greetings match.
    pub(crate) fn open(&self, config: &SessionConfig) -> Bytes {
        match self {
            // spec: 23/ZMTP, NULL — to avoid deadlocks each peer sends READY before it waits for the other's.
            Self::Null => command::encode(READY, &metadata::encode(config)),
        }
    }

    /// Takes a command of the handshake; gives the peer's metadata, which ends it.
    pub(crate) fn receive<'a>(&mut self, command: Command<'a>) -> Result<&'a [u8], SessionError> {
        match self {
            Self::Null => match command.name {
                READY => Ok(command.data),
                ERROR => Err(SessionError::HandshakeRefused { reason: command.error_reason()? }),
                _ => Err(command.unwelcome().into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::SocketType;

    use super::*;
    use crate::error::PeerMisbehaved;

    fn receive(name: &'static str, data: &'static [u8]) -> Result<&'static [u8], SessionError> {
        Mechanism::Null.receive(Command { name, data })
    }

    #[test]
    fn null_sends_ready_at_once() {
        let ready = Mechanism::Null.open(&SessionConfig::new(SocketType::Pull));
        assert_eq!(ready, b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL"[..]);
    }

    #[test]
    fn null_takes_ready_and_error_only() {
        assert_eq!(receive("READY", b"data"), Ok(&b"data"[..]));
        assert_eq!(receive("ERROR", b"\x02no"), Err(SessionError::HandshakeRefused { reason: "no".into() }));
        assert_eq!(receive("ERROR", b"\x03no"), Err(PeerMisbehaved::ErrorReason.into()));
        assert_eq!(receive("PING", b"\0\0"), Err(PeerMisbehaved::UnexpectedCommand("PING".into()).into()));
        assert_eq!(receive("HELLO", b""), Err(PeerMisbehaved::UnknownCommand("HELLO".into()).into()));
    }
}
