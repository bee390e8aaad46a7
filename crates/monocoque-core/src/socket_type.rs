//! The socket types of ZeroMQ and who may talk to whom.

use std::fmt;
use std::str::FromStr;

/// A socket type: the rule by which messages are routed (RFC 28, 29, 30, 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketType {
    /// One peer, both ways.
    Pair = 0,
    /// Fans out to subscribers.
    Pub = 1,
    /// Receives what it subscribed to.
    Sub = 2,
    /// Asks, then waits for the answer.
    Req = 3,
    /// Answers what it was asked.
    Rep = 4,
    /// Round robin out, fair queue in.
    Dealer = 5,
    /// Addresses peers by routing id.
    Router = 6,
    /// Fair queue in.
    Pull = 7,
    /// Round robin out.
    Push = 8,
    /// PUB that sees subscriptions.
    XPub = 9,
    /// SUB that sends subscriptions as messages.
    XSub = 10,
}

use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};

impl SocketType {
    /// Every type, in the order of its number.
    pub const ALL: [SocketType; 11] = [Pair, Pub, Sub, Req, Rep, Dealer, Router, Pull, Push, XPub, XSub];

    /// The name in ZMTP's `Socket-Type` property (RFC 37).
    pub const fn name(self) -> &'static str {
        match self {
            Pair => "PAIR",
            Pub => "PUB",
            Sub => "SUB",
            Req => "REQ",
            Rep => "REP",
            Dealer => "DEALER",
            Router => "ROUTER",
            Pull => "PULL",
            Push => "PUSH",
            XPub => "XPUB",
            XSub => "XSUB",
        }
    }

    /// The types that this one may talk to (RFC 37, "Socket-Type").
    pub const fn peers(self) -> &'static [SocketType] {
        match self {
            Pair => &[Pair],
            Pub | XPub => &[Sub, XSub],
            Sub | XSub => &[Pub, XPub],
            Req => &[Rep, Router],
            Rep => &[Req, Dealer],
            Dealer => &[Router, Rep, Dealer],
            Router => &[Dealer, Req, Router],
            Pull => &[Push],
            Push => &[Pull],
        }
    }

    /// Whether this type may talk to `peer`.
    pub fn accepts(self, peer: SocketType) -> bool {
        self.peers().contains(&peer)
    }

    /// Whether the type sends messages of its user.
    pub const fn sends(self) -> bool {
        !matches!(self, Sub | Pull)
    }

    /// Whether the type gives messages to its user.
    pub const fn receives(self) -> bool {
        !matches!(self, Pub | Push)
    }

    /// Whether the type publishes: its peers' subscriptions decide what they get.
    pub const fn publishes(self) -> bool {
        matches!(self, Pub | XPub)
    }

    /// Whether the type tells its identity in READY (RFC 37: only REQ, DEALER and ROUTER).
    pub const fn tells_identity(self) -> bool {
        matches!(self, Req | Dealer | Router)
    }
}

impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no socket type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a socket type")]
pub struct UnknownSocketType(pub String);

impl FromStr for SocketType {
    type Err = UnknownSocketType;

    fn from_str(name: &str) -> Result<Self, UnknownSocketType> {
        let found = Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| UnknownSocketType(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compatibility_is_symmetric() {
        for a in SocketType::ALL {
            for b in SocketType::ALL {
                assert_eq!(a.accepts(b), b.accepts(a), "{a} and {b}");
            }
        }
    }

    #[test]
    fn names_and_numbers_round_trip() {
        for (number, kind) in SocketType::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("STREAMS".parse::<SocketType>().is_err());
    }
}
