//! Refusals, sorted by what the caller can do about them.

use monocoque_core::{Message, RoutingId, SocketType};

/// A message that was not sent, unchanged, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SendRefused {
    /// The message, as it was given.
    pub message: Message,
    /// Why it was refused.
    #[source]
    pub reason: SendReason,
}

impl SendRefused {
    pub(crate) fn new(message: Message, reason: SendReason) -> Self {
        Self { message, reason }
    }
}

/// Why a message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendReason {
    /// Every eligible peer is at its high-water mark. `Signals::writable` fires when one has room.
    #[error("every eligible peer is at its high-water mark")]
    Full,
    /// There is no peer to send to. `Signals::writable` fires when there is one.
    #[error("there is no peer to send to")]
    NoPeer,
    /// No peer of this routing id is connected, and routes are mandatory.
    #[error("no peer of routing id {0} is connected")]
    NoRoute(RoutingId),
    /// A REQ sent twice, or a REP that was not asked (`EFSM`).
    #[error("it is not this socket's turn to send")]
    State,
    /// The socket type cannot send, or not in this way.
    #[error("the socket type does not send in this way")]
    Unsupported,
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// A message of this type is one frame (`EINVAL`).
    #[error("a message of this socket type is one frame")]
    Parts,
    /// A message of a ROUTER needs a routing id as its first frame, one of a RADIO a group, and a body behind it.
    #[error("the message begins with a routing id, or a group, and goes on with a body")]
    NoEnvelope,
}

/// Why there is nothing to receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvRefused {
    /// No message is there. `Signals::readable` fires when one may be.
    #[error("no message is waiting")]
    Empty,
    /// A REQ that has not asked, or a REP that has not answered (`EFSM`).
    #[error("it is not this socket's turn to receive")]
    State,
    /// The socket type cannot receive, or not in this way.
    #[error("the socket type does not receive in this way")]
    Unsupported,
    /// The socket is closed and everything it had received was taken.
    #[error("the socket is closed")]
    Closed,
}

/// The hub takes no pipe for this link: a PAIR or CHANNEL has its one peer already, or the link or the socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the socket takes no further peer on this link")]
pub struct Busy;

/// Why a connection that is ready does not become a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpRefused {
    /// The link was closed meanwhile.
    #[error("the link was closed")]
    Closed,
    /// The link has no outgoing pipe: `Hub::attach` comes first.
    #[error("the link has no outgoing pipe")]
    Detached,
    /// The two socket types do not talk to each other.
    #[error("a {ours} socket does not talk to a {theirs} socket")]
    Incompatible {
        /// The type of this socket.
        ours: SocketType,
        /// The type that the peer told.
        theirs: SocketType,
    },
}
