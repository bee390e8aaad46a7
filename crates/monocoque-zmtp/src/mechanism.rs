//! Security mechanisms: how two peers come to trust each other before the first message.
//!
//! A mechanism is a variant, not a trait object: the session's stages stay in one place, and what a
//! mechanism adds is seen here. It says something once the greetings match, and judges the peer's
//! commands until it has the peer's metadata.

use bytes::Bytes;

use crate::auth::Credentials;
use crate::command::{self, Command, ERROR, READY};
use crate::config::{Security, SessionConfig};
use crate::curve::Curve;
use crate::curve::traffic::Lane;
use crate::error::{PeerIncompatible, PeerMisbehaved, SessionError};
use crate::frames::{Cap, HANDSHAKE_CAP, STRANGER_CAP};
use crate::metadata;
use crate::plain;

const NULL: &str = "NULL";

/// The mechanism of a session.
#[derive(Debug)]
pub(crate) enum Mechanism {
    /// No authentication and no confidentiality (RFC 37, "The NULL Security Mechanism").
    Null,
    /// A user name and a password (RFC 24).
    PlainClient(plain::Client),
    /// Asks for user names and passwords (RFC 24).
    PlainServer(plain::Server),
    /// Keys and boxes (RFC 26), on either side.
    Curve(Box<Curve>),
}

/// What follows from a command of the handshake.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The handshake goes on with this.
    Say(Bytes),
    /// The handshake goes on if the peer that showed this is let in.
    Ask(Credentials),
    /// The peer's metadata: if they are sound, the handshake ends with this.
    Done { metadata: Vec<u8>, answer: Option<Bytes> },
}

impl Mechanism {
    /// The beginning of what `security` asks for.
    pub(crate) fn of(security: &Security) -> Self {
        match security {
            Security::Null => Self::Null,
            Security::PlainClient(_) => Self::PlainClient(plain::Client::Hello),
            Security::PlainServer => Self::PlainServer(plain::Server::Listening),
            Security::CurveClient(_) | Security::CurveServer(_) => Self::Curve(Box::new(Curve::new())),
        }
    }

    /// The name in the greeting and in [`PeerInfo`](crate::PeerInfo).
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Null => NULL,
            Self::PlainClient(_) | Self::PlainServer(_) => "PLAIN",
            Self::Curve(_) => "CURVE",
        }
    }

    /// Judges that the peer is of a version before 3.0, which knows no security.
    // spec: 23/ZMTP, detecting ZMTP 1.0 and 2.0 peers — if the mechanism is other than NULL, the connection must be
    // closed at once.
    pub(crate) fn admit_older(&self, config: &SessionConfig, major: u8) -> Result<(), PeerIncompatible> {
        match self {
            Self::Null if config.authenticator.is_some() => Err(PeerIncompatible::Unjudgeable { major }),
            Self::Null => Ok(()),
            _ => Err(PeerIncompatible::Mechanism { ours: self.name(), theirs: NULL.to_owned() }),
        }
    }

    /// What follows as soon as the greetings match; `None` to wait for the peer.
    pub(crate) fn open(&mut self, config: &SessionConfig) -> Result<Option<Step>, SessionError> {
        Ok(match (self, &config.security) {
            (Self::Null, _) if config.authenticator.is_some() => Some(Step::Ask(Credentials::Null)),
            // spec: 23/ZMTP, NULL — to avoid deadlocks each peer sends READY before it waits for the other's.
            (Self::Null, _) => Some(Step::Say(ready(config))),
            (Self::PlainClient(_), Security::PlainClient(client)) => Some(Step::Say(plain::Client::open(client))),
            (Self::Curve(curve), Security::CurveClient(client)) => Some(Step::Say(curve.hello(client)?)),
            _ => None,
        })
    }

    /// Parses the body of a command frame of the handshake.
    pub(crate) fn parse<'a>(&self, body: &'a [u8]) -> Result<Command<'a>, PeerMisbehaved> {
        match self {
            Self::PlainClient(_) => plain::parse(body),
            Self::Null | Self::PlainServer(_) | Self::Curve(_) => Command::parse(body),
        }
    }

    /// The cap on the next command of the handshake: of a stranger no more is awaited than what it may begin with.
    pub(crate) fn cap(&self) -> Cap {
        match self {
            Self::PlainServer(plain::Server::Listening) => STRANGER_CAP,
            Self::Curve(curve) if curve.knows_nobody() => STRANGER_CAP,
            _ => HANDSHAKE_CAP,
        }
    }

    /// Takes a command of the handshake.
    pub(crate) fn receive(&mut self, command: Command<'_>, config: &SessionConfig) -> Result<Step, SessionError> {
        match self {
            Self::Null => match command.name {
                READY => Ok(Step::Done { metadata: command.data.to_vec(), answer: None }),
                ERROR => Err(SessionError::HandshakeRefused { reason: command.error_reason()? }),
                _ => Err(command.unwelcome().into()),
            },
            Self::PlainClient(client) => client.receive(command, config),
            Self::PlainServer(server) => server.receive(command, config),
            Self::Curve(curve) => curve.receive(command, config),
        }
    }

    /// The peer that showed what was asked about is let in. `None` if nothing was.
    pub(crate) fn admitted(&mut self, config: &SessionConfig) -> Option<Step> {
        match self {
            Self::Null => Some(Step::Say(ready(config))),
            Self::PlainServer(server) => Some(server.admitted()),
            Self::Curve(curve) => curve.admitted(config),
            Self::PlainClient(_) => None,
        }
    }

    /// What it means that the peer closed now, if it means anything.
    pub(crate) fn left(&self) -> Option<SessionError> {
        match self {
            Self::Curve(curve) if curve.is_unanswered() => Some(SessionError::HelloUnanswered),
            _ => None,
        }
    }

    /// The lanes to and from a ready peer, if frames go in boxes.
    pub(crate) fn lanes(&mut self) -> Option<&mut (Lane, Lane)> {
        match self {
            Self::Curve(curve) => curve.lanes(),
            _ => None,
        }
    }
}

fn ready(config: &SessionConfig) -> Bytes {
    command::encode(READY, &metadata::encode(config))
}

#[cfg(test)]
mod tests {
    use monocoque_core::SocketType;

    use super::*;

    fn receive(name: &'static str, data: &'static [u8]) -> Result<Step, SessionError> {
        Mechanism::Null.receive(Command { name, data }, &SessionConfig::new(SocketType::Pull))
    }

    #[test]
    fn null_sends_ready_at_once() {
        let ready = Bytes::from_static(b"\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PULL");
        assert_eq!(Mechanism::Null.open(&SessionConfig::new(SocketType::Pull)), Ok(Some(Step::Say(ready))));
    }

    #[test]
    fn null_takes_ready_and_error_only() {
        assert_eq!(receive("READY", b"data"), Ok(Step::Done { metadata: b"data".to_vec(), answer: None }));
        assert_eq!(receive("ERROR", b"\x02no"), Err(SessionError::HandshakeRefused { reason: "no".into() }));
        assert_eq!(receive("ERROR", b"\x03no"), Err(PeerMisbehaved::ErrorReason.into()));
        assert_eq!(receive("PING", b"\0\0"), Err(PeerMisbehaved::UnexpectedCommand("PING".into()).into()));
        assert_eq!(receive("HELLO", b""), Err(PeerMisbehaved::UnexpectedCommand("HELLO".into()).into()));
    }
}
