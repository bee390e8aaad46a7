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
    /// Addresses connections that speak no protocol by routing id: raw TCP.
    Stream = 11,
    /// Addresses its CLIENTs by routing id (RFC 41).
    Server = 12,
    /// Round robin out to SERVERs, fair queue in (RFC 41).
    Client = 13,
    /// Fans out to the members of a group (RFC 48).
    Radio = 14,
    /// Receives from the groups it joined (RFC 48).
    Dish = 15,
    /// Fair queue in, of single frames (RFC 49).
    Gather = 16,
    /// Round robin out, of single frames (RFC 49).
    Scatter = 17,
    /// Sends and receives datagrams, by address.
    Dgram = 18,
    /// Addresses other PEERs by routing id (RFC 51).
    Peer = 19,
    /// One peer, both ways, of single frames (RFC 52).
    Channel = 20,
}

use SocketType::{
    Channel, Client, Dealer, Dgram, Dish, Gather, Pair, Peer, Pub, Pull, Push, Radio, Rep, Req, Router, Scatter,
    Server, Stream, Sub, XPub, XSub,
};

impl SocketType {
    /// Every type, in the order of its number.
    pub const ALL: [SocketType; 21] = [
        Pair, Pub, Sub, Req, Rep, Dealer, Router, Pull, Push, XPub, XSub, Stream, Server, Client, Radio, Dish, Gather,
        Scatter, Dgram, Peer, Channel,
    ];

    /// Every type that speaks ZMTP, in the order of its number.
    pub const ZMTP: [SocketType; 19] = [
        Pair, Pub, Sub, Req, Rep, Dealer, Router, Pull, Push, XPub, XSub, Server, Client, Radio, Dish, Gather, Scatter,
        Peer, Channel,
    ];

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
            Stream => "STREAM",
            Server => "SERVER",
            Client => "CLIENT",
            Radio => "RADIO",
            Dish => "DISH",
            Gather => "GATHER",
            Scatter => "SCATTER",
            Dgram => "DGRAM",
            Peer => "PEER",
            Channel => "CHANNEL",
        }
    }

    /// The types that this one may talk to (RFC 37, "Socket-Type"). Those that do not speak ZMTP have themselves.
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
            Stream => &[Stream],
            Server => &[Client],
            Client => &[Server],
            Radio => &[Dish],
            Dish => &[Radio],
            Gather => &[Scatter],
            Scatter => &[Gather],
            Dgram => &[Dgram],
            Peer => &[Peer],
            Channel => &[Channel],
        }
    }

    /// Whether this type may talk to `peer`.
    pub fn accepts(self, peer: SocketType) -> bool {
        self.peers().contains(&peer)
    }

    /// Whether the type sends messages of its user.
    pub const fn sends(self) -> bool {
        !matches!(self, Sub | Pull | Dish | Gather)
    }

    /// Whether the type gives messages to its user.
    pub const fn receives(self) -> bool {
        !matches!(self, Pub | Push | Radio | Scatter)
    }

    /// Whether the type publishes: what its peers subscribed to, or the groups they joined, decide what they get.
    pub const fn publishes(self) -> bool {
        matches!(self, Pub | XPub | Radio)
    }

    /// Whether the type subscribes or joins groups.
    pub const fn subscribes(self) -> bool {
        matches!(self, Sub | XSub | Dish)
    }

    /// Whether the type's users address each peer by a routing id.
    pub const fn routes(self) -> bool {
        matches!(self, Router | Stream | Server | Peer)
    }

    /// Whether the type talks to one peer only.
    pub const fn is_exclusive(self) -> bool {
        matches!(self, Pair | Channel | Dgram)
    }

    /// Whether a message of the type is one frame. (A RADIO's has its group in front; it is no part of the message.)
    pub const fn is_single(self) -> bool {
        matches!(self, Server | Client | Radio | Dish | Gather | Scatter | Peer | Channel)
    }

    /// Whether the type speaks ZMTP with its peers.
    pub const fn speaks_zmtp(self) -> bool {
        !matches!(self, Stream | Dgram)
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
        assert!(SocketType::ALL.is_sorted_by_key(|kind| *kind as usize));
        assert_eq!((Pair as usize, XSub as usize, Channel as usize), (0, 10, 20));
        for kind in SocketType::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        assert!("STREAMS".parse::<SocketType>().is_err());
    }
}
