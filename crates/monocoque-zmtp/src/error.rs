//! Why a session ended, sorted by who is to blame, with one variant for each rule that can be broken.

use std::fmt;
use std::time::Duration;

use monocoque_core::protocol::{Blame, ProtocolError};
use monocoque_core::{RoutingIdError, SocketType};

use crate::auth::NoVerdict;

/// Why a session gave its connection up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The peer broke a rule of ZMTP; the variant names the rule.
    #[error(transparent)]
    PeerMisbehaved(#[from] PeerMisbehaved),
    /// Both sides are sound but do not suit each other.
    #[error(transparent)]
    PeerIncompatible(#[from] PeerIncompatible),
    /// The peer sent ERROR. Do not reconnect unchanged.
    #[error("the peer refused us: '{reason}'")]
    HandshakeRefused {
        /// What the peer gave as its reason; printable.
        reason: String,
    },
    /// The server, which had greeted us as one of CURVE, closed without an answer to HELLO. So does one that does not have
    /// the key by which we know it; one that was stopped at that moment looks the same.
    #[error("the server closed without an answer to HELLO: it may not have the key that it is known by")]
    HelloUnanswered,
    /// We did not let the peer in, and told it so.
    #[error("we refused the peer (status {status})")]
    AuthenticationFailed {
        /// The status of RFC 27: 400 for credentials that are not good, 300 for a peer that may try again and is told
        /// nothing, 500 for a failure of who judges.
        status: u16,
    },
    /// Nobody could judge the peer, so it was not let in.
    #[error("the peer was not judged: {0}")]
    Unjudged(NoVerdict),
    /// The system has no random bytes for a key.
    #[error("the system gives no random bytes")]
    NoEntropy,
    /// The public key of the server that we were told is none that a secret belongs to.
    #[error("the server's public key is not usable")]
    UnusableKey,
    /// One of our limits was reached.
    #[error("{limit} of {asked} bytes; the limit is {allowed}")]
    LimitExceeded {
        /// Which one.
        limit: Limit,
        /// Bytes that the peer announced.
        asked: u64,
        /// Bytes that we accept.
        allowed: u64,
    },
    /// The peer was not ready in time.
    #[error("the handshake was not done within {allowed:?}")]
    HandshakeTimeout {
        /// Time from the link being up.
        allowed: Duration,
    },
    /// Nothing came after a PING of ours.
    #[error("the peer was silent for {allowed:?} after a PING")]
    HeartbeatTimeout {
        /// Time from the PING.
        allowed: Duration,
    },
    /// Nothing came within the time to live that the peer gave itself in a PING.
    #[error("the peer was silent for longer than the {ttl:?} that its PING promised")]
    TtlExpired {
        /// What the peer promised.
        ttl: Duration,
    },
}

impl SessionError {
    /// The three-digit status of RFC 27 with which one side refused the other: 400 for wrong credentials.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::AuthenticationFailed { status } => Some(*status),
            Self::HandshakeRefused { reason } if reason.len() == 3 => {
                reason.parse().ok().filter(|status| (100..=599).contains(status))
            }
            _ => None,
        }
    }
}

impl ProtocolError for SessionError {
    fn blame(&self) -> Blame {
        match self {
            Self::PeerMisbehaved(_) => Blame::PeerMisbehaved,
            Self::PeerIncompatible(_) | Self::AuthenticationFailed { .. } | Self::UnusableKey => Blame::Incompatible,
            Self::HandshakeRefused { .. } | Self::HelloUnanswered => Blame::Refused,
            Self::LimitExceeded { .. } | Self::Unjudged(_) | Self::NoEntropy => Blame::Limit,
            Self::HandshakeTimeout { .. } | Self::HeartbeatTimeout { .. } | Self::TtlExpired { .. } => Blame::Silence,
        }
    }

    // spec: 37/ZMTP, error handling — an ERROR command is fatal: no reconnecting with the same credentials.
    // spec: 27/ZAP, status codes — 300 is a temporary error: the same may be tried again.
    fn may_retry(&self) -> bool {
        match self {
            Self::HandshakeRefused { .. } => self.status() == Some(300),
            Self::UnusableKey => false,
            _ => true,
        }
    }
}

/// A limit of [`LimitExceeded`](SessionError::LimitExceeded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`SessionConfig::max_message_bytes`](crate::SessionConfig).
    MessageFrame,
    /// [`SessionConfig::max_multipart_bytes`](crate::SessionConfig).
    Message,
    /// [`HANDSHAKE_COMMAND_BYTES_MAX`](crate::limits::HANDSHAKE_COMMAND_BYTES_MAX), or for a stranger
    /// [`STRANGER_COMMAND_BYTES_MAX`](crate::limits::STRANGER_COMMAND_BYTES_MAX).
    HandshakeCommand,
    /// [`COMMAND_BYTES_MAX`](crate::limits::COMMAND_BYTES_MAX), or the message limit for subscriptions.
    Command,
    /// What this machine can address.
    Memory,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MessageFrame => "a message frame",
            Self::Message => "a message of many frames",
            Self::HandshakeCommand => "a handshake command",
            Self::Command => "a command",
            Self::Memory => "a frame that cannot be addressed,",
        })
    }
}

/// The rule of ZMTP that a peer broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerMisbehaved {
    /// The greeting begins neither with `FF`, eight bytes and `7F`, nor with an identity frame of ZMTP 1.0.
    #[error("not a ZMTP greeting: its byte {at} is {byte:#04x}")]
    Signature {
        /// Offset in the greeting.
        at: usize,
        /// What stood there.
        byte: u8,
    },
    /// The greeting's mechanism is not a name in capitals padded with zeros.
    #[error("the mechanism in the greeting is malformed: its byte {at} is {byte:#04x}")]
    MechanismName {
        /// Offset in the mechanism field.
        at: usize,
        /// What stood there.
        byte: u8,
    },
    /// Flag bits 7–3 of a frame are reserved.
    #[error("reserved bits are set in the frame flags {0:#04x}")]
    ReservedFlagBits(u8),
    /// A command is a single frame.
    #[error("a command frame says that more frames follow")]
    CommandWithMore,
    /// A frame has at most 2^63-1 bytes.
    #[error("a frame of {0} bytes: the top bit of a size must be zero")]
    FrameSize(u64),
    /// Nothing but commands may come before the peer is ready.
    #[error("a message came before the handshake was done")]
    MessageInHandshake,
    /// A command begins with its name: its size, then letters.
    #[error("a command has no well-formed name")]
    CommandName,
    /// A command of RFC 37 that is not allowed at this stage or from this socket type.
    #[error("the command {0} came where it is not allowed")]
    UnexpectedCommand(String),
    /// Not a command of RFC 37.
    #[error("unknown command {0}")]
    UnknownCommand(String),
    /// A subscription must not stand between the frames of a message.
    #[error("a subscription came between the frames of a message")]
    SubscriptionWithinMessage,
    /// A PING has a time to live of two bytes.
    #[error("a PING of {0} bytes has no time to live")]
    PingTooShort(usize),
    /// A PONG returns a context of at most 16 bytes.
    #[error("a PONG with a context of {0} bytes, of which 16 are allowed")]
    PongContext(usize),
    /// An ERROR has a reason: its size, then that many bytes.
    #[error("an ERROR command has no well-formed reason")]
    ErrorReason,
    /// A command of a security handshake does not have the form that its mechanism gives it.
    #[error("a {0} command is malformed")]
    MalformedCommand(&'static str),
    /// A box that was not made with the keys agreed on, or was changed on its way.
    #[error("the box of {0} is not authentic")]
    BoxForged(&'static str),
    /// A box whose counter is not above that of the box before: it was sent twice, or out of order.
    #[error("the nonce {nonce} came after {last}")]
    NonceReused {
        /// What came.
        nonce: u64,
        /// The highest so far.
        last: u64,
    },
    /// INITIATE returns the cookie of this connection's WELCOME.
    #[error("the cookie is not the one that we gave")]
    Cookie,
    /// After a CURVE handshake everything comes in boxes.
    #[error("a frame that is not a box came after the handshake")]
    NotSealed,
    /// The flags in a box say more, or command.
    #[error("the flags {0:#04x} in a box")]
    SealedFlags(u8),
    /// A property's name is 1 to 255 letters, digits and `-_.+`.
    #[error("a property in READY has no well-formed name")]
    PropertyName,
    /// A property's value has at most 2^31-1 bytes.
    #[error("a property in READY claims {0} bytes")]
    PropertySize(u32),
    /// READY ended in the middle of a property.
    #[error("READY ends in the middle of a property")]
    PropertyTruncated,
    /// A property that can only have one value came twice.
    #[error("READY has the property {0} twice")]
    PropertyTwice(&'static str),
    /// READY must tell the socket type.
    #[error("READY has no Socket-Type")]
    NoSocketType,
    /// The identity of a peer of ZMTP 2.0 is a single frame of a message.
    #[error("the peer's identity is not a single frame: its flags are {0:#04x}")]
    IdentityFlags(u8),
    /// The identity is not one that a peer may choose.
    #[error("the peer's identity is not allowed: {0}")]
    Identity(RoutingIdError),
}

/// Why two sound peers do not suit each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeerIncompatible {
    /// The peer speaks a version that nobody specified.
    #[error("the peer announces version {major} of ZMTP, which there is not")]
    Version {
        /// The version number in its greeting: zero, which is below that of ZMTP 2.0.
        major: u8,
    },
    /// One of ZMTP 1.0 or 2.0, which has no handshake to be judged in.
    #[error("the peer of ZMTP {major} cannot be judged")]
    Unjudgeable {
        /// The version of the peer.
        major: u8,
    },
    /// The mechanisms of both sides must be the same.
    #[error("the peer asks for mechanism '{theirs}', we for '{ours}'")]
    Mechanism {
        /// Ours.
        ours: &'static str,
        /// The peer's.
        theirs: String,
    },
    /// These socket types do not talk to each other.
    #[error("the peer is a {theirs}, which does not talk to our {ours}")]
    SocketType {
        /// Ours.
        ours: SocketType,
        /// The peer's.
        theirs: SocketType,
    },
    /// A socket type that we do not know.
    #[error("the peer is of the unknown socket type '{theirs}'")]
    UnknownSocketType {
        /// What it called itself; printable.
        theirs: String,
    },
}
