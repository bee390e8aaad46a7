//! What a probe found, in plain words: what is there, and what to do about it.

use std::io;

use monocoque::{ConnectionFacts, SessionError, SocketType};
use monocoque::{PeerIncompatible, PeerMisbehaved};

use crate::exit::Failure;

/// What came of one call.
pub enum Found {
    /// A handshake.
    Peer(Box<ConnectionFacts>),
    /// A peer of a type that ours does not talk to.
    WrongType(SocketType),
    /// A peer that broke a rule or that we do not suit.
    Refused(SessionError),
    /// A connection that ended in the middle of the handshake.
    HungUp(String),
    /// A connection, and then nothing.
    Silent,
    /// No connection: what the system said, and what kind of error that was.
    Unreached(String, Option<io::ErrorKind>),
}

/// How the command is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Talks,
    Unusable,
    Silent,
}

/// The findings in plain words.
pub struct Verdict {
    pub text: String,
    pub socket_type: Option<String>,
    pub version: Option<String>,
    pub mechanism: Option<String>,
    outcome: Outcome,
}

impl Verdict {
    fn new(outcome: Outcome, text: impl Into<String>) -> Self {
        Self { text: text.into(), socket_type: None, version: None, mechanism: None, outcome }
    }

    /// The verdict on what `ours` found.
    pub fn of(found: &Found, ours: SocketType) -> Self {
        match found {
            Found::Peer(facts) => Self::of_peer(facts),
            Found::WrongType(theirs) => Self::of_type(*theirs, Outcome::Unusable, &format!("and so not for {ours}")),
            Found::Refused(error) => Self::of_refusal(error),
            Found::HungUp(how) => Self::new(
                Outcome::Unusable,
                format!(
                    "Something listens, but ended the handshake ({how}). It may not be ZeroMQ, or want what we are not."
                ),
            ),
            Found::Silent => Self::new(
                Outcome::Silent,
                "Something listens but says nothing: it is not ZeroMQ, or it is stuck, or a proxy stands before it.",
            ),
            Found::Unreached(reason, kind) => Self::of_unreached(reason, *kind),
        }
    }

    /// The error that the command ends with, if it does; its text repeats the verdict, for stderr.
    pub fn result(self) -> Result<(), Failure> {
        match self.outcome {
            Outcome::Talks => Ok(()),
            Outcome::Unusable => Err(Failure::Endpoint("no handshake".into())),
            Outcome::Silent => Err(Failure::TimedOut("no handshake".into())),
        }
    }

    fn of_peer(facts: &ConnectionFacts) -> Self {
        let verdict = match facts.socket_type {
            Some(theirs) => Self::of_type(theirs, Outcome::Talks, ""),
            None => Self::new(
                Outcome::Talks,
                "An old ZeroMQ socket, as of libzmq 2: it does not say what type it is. Use the type that suits it.",
            ),
        };
        let version = facts.version.map(|(major, minor)| format!("{major}.{minor}"));
        Self { version, mechanism: facts.mechanism.map(str::to_owned), ..verdict }
    }

    fn of_type(theirs: SocketType, outcome: Outcome, aside: &str) -> Self {
        let partners: Vec<_> = theirs.peers().iter().map(|kind| kind.name().to_lowercase()).collect();
        let partners = match partners.as_slice() {
            [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => partners.concat(),
        };
        let article = if theirs.name().starts_with('X') { "An" } else { "A" };
        let aside = if aside.is_empty() { String::new() } else { format!(" {aside}") };
        let text = format!("{article} {theirs} socket{aside}: talk to it with `monocoque {partners}`.");
        Self { text, socket_type: Some(theirs.to_string()), ..Self::new(outcome, "") }
    }

    fn of_refusal(error: &SessionError) -> Self {
        let unusable = |text: String| Self::new(Outcome::Unusable, text);
        match error {
            SessionError::PeerIncompatible(PeerIncompatible::Mechanism { theirs, .. }) => Self {
                mechanism: Some(theirs.clone()),
                ..unusable(format!(
                    "A ZeroMQ socket that wants {theirs} security; we came with NULL. {}",
                    advice(theirs)
                ))
            },
            SessionError::PeerIncompatible(PeerIncompatible::Version { major }) => Self {
                version: Some(major.to_string()),
                ..unusable(format!("It begins like ZeroMQ, but announces version {major}, which there is not."))
            },
            SessionError::PeerIncompatible(PeerIncompatible::UnknownSocketType { theirs }) => Self {
                socket_type: Some(theirs.clone()),
                ..unusable(format!("A ZeroMQ socket of type {theirs}, which we do not have (a draft type, perhaps)."))
            },
            SessionError::HandshakeRefused { reason } => {
                unusable(format!("A ZeroMQ socket that does not want us: '{reason}'."))
            }
            SessionError::PeerMisbehaved(PeerMisbehaved::Signature { at, byte }) => {
                unusable(format!("Something listens, but it is not ZeroMQ: {}", greeting(*at, *byte)))
            }
            SessionError::PeerMisbehaved(rule) => {
                unusable(format!("It begins like ZeroMQ, then breaks a rule: {rule}."))
            }
            other => unusable(format!("No handshake: {other}.")),
        }
    }

    fn of_unreached(reason: &str, kind: Option<io::ErrorKind>) -> Self {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, NotFound, TimedOut};
        let text = match kind {
            Some(ConnectionRefused | NotFound) => format!("Nobody listens there ({reason})."),
            Some(TimedOut | HostUnreachable | NetworkUnreachable) => {
                format!("It cannot be reached ({reason}): the machine is off, or a firewall drops what we send.")
            }
            _ if reason.is_empty() => "It cannot be reached.".to_owned(),
            _ => format!("It cannot be reached: {reason}."),
        };
        Self::new(Outcome::Unusable, text)
    }
}

fn advice(mechanism: &str) -> &'static str {
    match mechanism {
        "CURVE" => "A client needs the server's public key and a key pair of its own.",
        "PLAIN" => "A client needs a user name and a password: `-o PLAIN_USERNAME=... -o PLAIN_PASSWORD=...`.",
        _ => "",
    }
}

/// What a wrong greeting may be of.
fn greeting(at: usize, byte: u8) -> String {
    let said = format!("its byte {at} is {byte:#04x} ('{}').", byte.escape_ascii());
    match (at, byte) {
        (0, b'H') => format!("{said} An HTTP server would begin like that."),
        (0, b'S') => format!("{said} An SSH server would begin like that."),
        (0, 0x15 | 0x16) => format!("{said} A TLS server would begin like that."),
        (0, b'2' | b'5') => format!("{said} A mail or FTP server would begin like that."),
        (0, b'-' | b'+') => format!("{said} A Redis server would begin like that."),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(found: Found) -> String {
        Verdict::of(&found, SocketType::Dealer).text
    }

    #[test]
    fn a_verdict_says_what_to_do() {
        assert_eq!(
            text(Found::WrongType(SocketType::Pub)),
            "A PUB socket and so not for DEALER: talk to it with `monocoque sub or xsub`."
        );
        let error = PeerIncompatible::Mechanism { ours: "NULL", theirs: "CURVE".into() };
        assert!(text(Found::Refused(error.into())).contains("public key"));
        let error = PeerMisbehaved::Signature { at: 0, byte: b'H' };
        assert!(text(Found::Refused(error.into())).contains("HTTP"));
    }

    #[test]
    fn reasons_are_told_apart() {
        use io::ErrorKind::{ConnectionRefused, HostUnreachable, NotFound, Other, TimedOut};
        let unreached = |kind| text(Found::Unreached("why".into(), kind));
        for (kind, verdict) in [
            (Some(ConnectionRefused), "Nobody listens there (why)."),
            (Some(NotFound), "Nobody listens there (why)."),
            (Some(Other), "It cannot be reached: why."),
            (None, "It cannot be reached: why."),
        ] {
            assert_eq!(unreached(kind), verdict);
        }
        assert!([TimedOut, HostUnreachable].into_iter().all(|kind| unreached(Some(kind)).contains("firewall")));
        assert_eq!(text(Found::Unreached(String::new(), None)), "It cannot be reached.");
    }

    #[test]
    fn only_a_handshake_is_a_success() {
        let result = |found| Verdict::of(&found, SocketType::Dealer).result();
        assert!(matches!(result(Found::Silent), Err(Failure::TimedOut(_))));
        assert!(matches!(result(Found::HungUp("reset".into())), Err(Failure::Endpoint(_))));
    }
}
