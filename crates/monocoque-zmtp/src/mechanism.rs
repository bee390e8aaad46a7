//! Security mechanisms: how two peers come to trust each other before the first message.
//!
//! A mechanism is a variant, not a trait object: the session's stages stay in one place, and what a
//! mechanism adds is seen here. It says something once the greetings match, and judges the peer's
//! commands until it has the peer's metadata.

use bytes::Bytes;

use crate::command::{self, Command, ERROR, READY};
use crate::config::{Security, SessionConfig};
use crate::error::{PeerIncompatible, PeerMisbehaved, SessionError};
use crate::metadata;
use crate::plain::{self, PlainAuthenticator};

const NULL: &str = "NULL";

/// The mechanism of a session.
#[derive(Debug)]
pub(crate) enum Mechanism {
    /// No authentication and no confidentiality (RFC 37, "The NULL Security Mechanism").
    Null,
    /// A user name and a password (RFC 24).
    PlainClient(plain::Client),
    /// Judges user names and passwords (RFC 24).
    PlainServer(plain::Server),
}

/// What follows from a command of the handshake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// The handshake goes on with this.
    Say(Bytes),
    /// The peer's metadata: if they are sound, the handshake ends with this.
    Done { metadata: &'a [u8], answer: Option<Bytes> },
}

impl Mechanism {
    /// The beginning of what `security` asks for.
    pub(crate) fn of(security: &Security) -> Self {
        match security {
            Security::Null => Self::Null,
            Security::PlainClient(_) => Self::PlainClient(plain::Client::Hello),
            Security::PlainServer(_) => Self::PlainServer(plain::Server::Listening),
        }
    }

    /// The name in the greeting and in [`PeerInfo`](crate::PeerInfo).
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null => NULL,
            Self::PlainClient(_) | Self::PlainServer(_) => "PLAIN",
        }
    }

    /// Whether the greeting says that we are the server.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::PlainServer(_))
    }

    /// Judges that the peer is of a version before 3.0, which knows no security.
    // spec: 23/ZMTP, detecting ZMTP 1.0 and 2.0 peers — if the mechanism is other than NULL, the connection must be
    // closed at once.
    pub(crate) fn admit_older(&self) -> Result<(), PeerIncompatible> {
        match self {
            Self::Null => Ok(()),
            _ => Err(PeerIncompatible::Mechanism { ours: self.name(), theirs: NULL.to_owned() }),
        }
    }

    /// What is said as soon as the greetings match.
    pub(crate) fn open(&self, config: &SessionConfig) -> Option<Bytes> {
        match (self, &config.security) {
            // spec: 23/ZMTP, NULL — to avoid deadlocks each peer sends READY before it waits for the other's.
            (Self::Null, _) => Some(command::encode(READY, &metadata::encode(config))),
            (Self::PlainClient(_), Security::PlainClient(client)) => Some(plain::Client::open(client)),
            _ => None,
        }
    }

    /// Parses the body of a command frame of the handshake.
    pub(crate) fn parse<'a>(&self, body: &'a [u8]) -> Result<Command<'a>, PeerMisbehaved> {
        match self {
            Self::PlainClient(_) => plain::parse(body),
            Self::Null | Self::PlainServer(_) => Command::parse(body),
        }
    }

    /// Takes a command of the handshake.
    pub(crate) fn receive<'a>(
        &mut self,
        command: Command<'a>,
        config: &SessionConfig,
    ) -> Result<Step<'a>, SessionError> {
        match self {
            Self::Null => match command.name {
                READY => Ok(Step::Done { metadata: command.data, answer: None }),
                ERROR => Err(SessionError::HandshakeRefused { reason: command.error_reason()? }),
                _ => Err(command.unwelcome().into()),
            },
            Self::PlainClient(client) => client.receive(command, config),
            Self::PlainServer(server) => server.receive(command, config, judge(config)),
        }
    }
}

/// Who judges the clients of this configuration; nobody is let in if it is no server's.
fn judge(config: &SessionConfig) -> &dyn PlainAuthenticator {
    match &config.security {
        Security::PlainServer(judge) => &**judge,
        _ => &|_: &[u8], _: &[u8]| false,
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::SocketType;

    use super::*;

    fn receive(name: &'static str, data: &'static [u8]) -> Result<Step<'static>, SessionError> {
        Mechanism::Null.receive(Command { name, data }, &SessionConfig::new(SocketType::Pull))
    }

    #[test]
    fn null_sends_ready_at_once() {
        let ready = Mechanism::Null.open(&SessionConfig::new(SocketType::Pull));
        assert_eq!(ready.as_deref(), Some(&b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL"[..]));
    }

    #[test]
    fn null_takes_ready_and_error_only() {
        assert_eq!(receive("READY", b"data"), Ok(Step::Done { metadata: b"data", answer: None }));
        assert_eq!(receive("ERROR", b"\x02no"), Err(SessionError::HandshakeRefused { reason: "no".into() }));
        assert_eq!(receive("ERROR", b"\x03no"), Err(PeerMisbehaved::ErrorReason.into()));
        assert_eq!(receive("PING", b"\0\0"), Err(PeerMisbehaved::UnexpectedCommand("PING".into()).into()));
        assert_eq!(receive("HELLO", b""), Err(PeerMisbehaved::UnknownCommand("HELLO".into()).into()));
    }
}
