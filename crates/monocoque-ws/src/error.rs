//! Why a connection is given up.

use monocoque_core::protocol::{Blame, ProtocolError};
use monocoque_zmtp::SessionError;

/// Why a WebSocket session gave its connection up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WsError {
    /// What the frames of ZeroMQ said, or that nothing came in time.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The two sides did not come to speak WebSocket.
    #[error("no WebSocket: {0}")]
    Upgrade(#[from] UpgradeFault),
    /// The peer broke a rule of RFC 6455 or of ZWS 2.0.
    #[error("a bad WebSocket frame: {0}")]
    Frame(#[from] FrameFault),
    /// The peer closed, and said so.
    #[error("the peer closed the WebSocket with code {code}: '{reason}'")]
    Closed {
        /// What the peer gave as its reason; 1005 if it gave none (RFC 6455, 7.4).
        code: u16,
        /// The same in words; printable, may be empty.
        reason: String,
    },
}

/// Done.
pub(crate) const CLOSE_NORMAL: u16 = 1000;
/// One side goes away.
pub(crate) const CLOSE_AWAY: u16 = 1001;
/// A rule was broken.
pub(crate) const CLOSE_PROTOCOL: u16 = 1002;
/// None was given; never on the wire.
pub(crate) const CLOSE_NO_CODE: u16 = 1005;
/// A policy forbids it: here, types, mechanisms and credentials.
pub(crate) const CLOSE_POLICY: u16 = 1008;
/// A message was too big.
pub(crate) const CLOSE_TOO_BIG: u16 = 1009;

impl ProtocolError for WsError {
    fn blame(&self) -> Blame {
        match self {
            Self::Session(error) => error.blame(),
            Self::Upgrade(fault) => fault.blame(),
            Self::Frame(_) => Blame::PeerMisbehaved,
            Self::Closed { .. } => Blame::Refused,
        }
    }

    fn may_retry(&self) -> bool {
        match self {
            Self::Session(error) => error.may_retry(),
            _ => true,
        }
    }

    /// The peer closed without a complaint: it was done, or went away.
    fn is_end(&self) -> bool {
        matches!(self, Self::Closed { code: CLOSE_NORMAL | CLOSE_AWAY | CLOSE_NO_CODE, .. })
    }
}

/// What was wrong with a request or a response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeFault {
    /// What came is no HTTP/1.1.
    #[error("what came is no HTTP/1.1: {0}")]
    NotHttp(&'static str),
    /// The head does not end.
    #[error("the head of the HTTP message is longer than {max} bytes")]
    HeadTooLong {
        /// What is accepted, in bytes.
        max: usize,
    },
    /// The request is no GET.
    #[error("the request is no GET")]
    Method,
    /// A header that makes an upgrade is missing, or has another value than it must have.
    #[error("the header {0} is missing or wrong")]
    Header(&'static str),
    /// The other side spoke of another version of WebSocket than 13.
    #[error("the peer asks for another version of WebSocket than 13")]
    Version,
    /// None of the sub-protocols that the client offers is the server's.
    #[error("the peer offers the sub-protocols '{theirs}', none of them for the mechanism {ours}")]
    SubProtocol {
        /// The server's mechanism.
        ours: &'static str,
        /// What the client offered; printable and cut.
        theirs: String,
    },
    /// The server chose what was not offered.
    #[error("the server chose '{0}', which was not offered")]
    NotOffered(String),
    /// The server answered with another status than 101.
    #[error("the server answered with HTTP status {status}")]
    Status {
        /// The status.
        status: u16,
    },
    /// The server's answer is to another key.
    #[error("the server's Sec-WebSocket-Accept is not for our key")]
    Accept,
}

impl UpgradeFault {
    fn blame(&self) -> Blame {
        match self {
            Self::Status { .. } => Blame::Refused,
            Self::SubProtocol { .. } | Self::Version => Blame::Incompatible,
            Self::HeadTooLong { .. } => Blame::Limit,
            _ => Blame::PeerMisbehaved,
        }
    }
}

/// The rule of WebSocket frames that a peer broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameFault {
    /// The reserved bits belong to extensions, and there are none.
    #[error("reserved bits are set in {0:#04x}")]
    ReservedBits(u8),
    /// Only binary messages, close, ping and pong mean something here.
    #[error("opcode {0:#x} is none of binary, close, ping and pong")]
    Opcode(u8),
    /// A frame of ZeroMQ is one message of one frame.
    #[error("a message comes in fragments")]
    Fragmented,
    /// A client masks what it sends.
    #[error("a client's frame is not masked")]
    NotMasked,
    /// A server does not.
    #[error("a server's frame is masked")]
    Masked,
    /// The length takes as few bytes as it can.
    #[error("a length of {0} bytes is written in more bytes than it needs")]
    LengthForm(u64),
    /// The top bit of a length is zero.
    #[error("a length of {0} bytes: its top bit must be zero")]
    Length(u64),
    /// A ping, pong or close has at most 125 bytes.
    #[error("a control frame of {0} bytes, of which 125 are allowed")]
    ControlTooLong(u64),
    /// A message begins with its flags.
    #[error("a message without a byte of flags")]
    NoFlags,
    /// Flags are 0, 1 for more to follow, and 2 for a command.
    #[error("the flags {0:#04x} of a message are none of 0, 1 and 2")]
    Flags(u8),
    /// A close has no code, or one of two bytes.
    #[error("a close with a code of one byte")]
    CloseCode,
}
