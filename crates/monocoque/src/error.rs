//! What can go wrong, one enum for each operation; a refused message is inside its error.

use std::io;

use monocoque_core::{Endpoint, EndpointError, Message, RoutingId, SocketType};
use monocoque_io::{PlacementError, PlacementGone};
use monocoque_pattern::{RecvRefused, SendReason};

use crate::options::SocketOption;

/// An option that this socket cannot honour.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// The option means nothing on this socket type.
    #[error("option {option} does not apply to {socket_type} sockets")]
    DoesNotApply {
        /// The option.
        option: SocketOption,
        /// The type of the socket.
        socket_type: SocketType,
    },
    /// The value is outside what the option takes.
    #[error("option {option}: {rule}")]
    OutOfRange {
        /// The option.
        option: SocketOption,
        /// What it takes.
        rule: String,
    },
    /// There is no such option.
    #[error("there is no option {option}")]
    Unknown {
        /// What was asked for.
        option: String,
    },
    /// It is only read.
    #[error("option {option} is only read")]
    ReadOnly {
        /// The option.
        option: SocketOption,
    },
    /// It is only set.
    #[error("option {option} is only set")]
    WriteOnly {
        /// The option.
        option: SocketOption,
    },
    /// libzmq has it, and there is nothing for it to act on here.
    #[error("option {option} {why}")]
    NotHere {
        /// The option.
        option: SocketOption,
        /// Why.
        why: &'static str,
    },
    /// The socket has a security mechanism that cannot protect what speaks no ZMTP: UDP, and a ROUTER with
    /// `router_raw`.
    #[error("{mechanism} cannot protect {endpoint}: no ZMTP is spoken there")]
    Unprotected {
        /// The mechanism.
        mechanism: &'static str,
        /// Where it was to be.
        endpoint: Endpoint,
    },
    /// TLS cannot be had there with the options as they are.
    #[error("no TLS for {endpoint}: {why}")]
    Tls {
        /// Where it was to be.
        endpoint: Endpoint,
        /// What is wrong.
        why: String,
    },
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
    /// The context has as many sockets as it may ([`ContextBuilder::max_sockets`](crate::ContextBuilder::max_sockets)).
    #[error("the context has {max} sockets already")]
    TooManySockets {
        /// How many it may have.
        max: usize,
    },
}

/// Why a context cannot run.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the context cannot run: {0}")]
pub struct ContextError(pub(crate) std::sync::Arc<PlacementError>);

impl From<PlacementError> for ContextError {
    fn from(error: PlacementError) -> Self {
        Self(std::sync::Arc::new(error))
    }
}

/// Sockets of this type do not use the transport of the endpoint (`ENOCOMPATPROTO`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a {socket_type} socket does not {} {endpoint}", if *binds { "bind" } else { "connect to" })]
pub struct UnsuitedTransport {
    /// The type of the socket.
    pub socket_type: SocketType,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Whether it was to be bound.
    pub binds: bool,
}

/// Why an endpoint could not be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The text is no endpoint, or not one to bind.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The socket was built with an option that it cannot honour.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The socket type does not use the transport.
    #[error(transparent)]
    Transport(UnsuitedTransport),
    /// The endpoint is taken, in this context (inproc) or on this machine.
    #[error("{endpoint} is in use")]
    InUse {
        /// The endpoint.
        endpoint: String,
    },
    /// The system refused.
    #[error("cannot bind {endpoint}: {source}")]
    Io {
        /// The endpoint.
        endpoint: String,
        /// What the system said.
        source: io::Error,
    },
    /// The context cannot run, or the runtime that it ran on has ended.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
}

impl BindError {
    /// The system's number for it, if the system refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::InUse { .. } => Some(rustix::io::Errno::ADDRINUSE.raw_os_error()),
            Self::Io { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}

/// Why an endpoint cannot be connected to. That nobody listens there is no error: the socket keeps trying.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is no endpoint, or not one to connect to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The socket type does not use the transport.
    #[error(transparent)]
    Transport(UnsuitedTransport),
    /// The socket was built with an option that it cannot honour.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The socket bound at this inproc name is of a type that this one does not talk to.
    #[error("a {ours} socket does not talk to the {theirs} socket at {endpoint}")]
    Incompatible {
        /// The type of this socket.
        ours: SocketType,
        /// The type of the bound one.
        theirs: SocketType,
        /// The endpoint.
        endpoint: String,
    },
    /// The socket talks to one peer only, and has it.
    #[error("a {0} socket has one peer, and this one has it already")]
    Busy(SocketType),
    /// The socket type does not name the peers that it connects to.
    #[error("a {0} socket does not name the peers that it connects to")]
    Nameless(SocketType),
    /// The name that the peer was to have is another peer's.
    #[error("another peer has the routing id {0}")]
    NameTaken(RoutingId),
    /// The context cannot run.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed,
}

impl From<PlacementGone> for BindError {
    fn from(gone: PlacementGone) -> Self {
        Self::Context(PlacementError::from(gone).into())
    }
}

impl From<PlacementGone> for ConnectError {
    fn from(gone: PlacementGone) -> Self {
        Self::Context(PlacementError::from(gone).into())
    }
}

/// The socket is not bound or connected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the socket has no endpoint {0}")]
pub struct EndpointNotFound(pub String);

/// Why a message was not sent; every variant gives it back.
///
/// In a box, so that a send that succeeds has no room for a message to carry about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<M = Message> {
    /// `try_send` only: every peer that the message may go to is at its high-water mark, or there is none.
    #[error("no peer can take the message now")]
    Full(Box<M>),
    /// The send time-out ran out.
    #[error("no peer took the message in time")]
    TimedOut(Box<M>),
    /// ROUTER with `mandatory`, SERVER and PEER: no peer of this routing id.
    #[error("no peer has the routing id {}", .0.id)]
    NoRoute(Box<Unrouted<M>>),
    /// REQ and REP: it is not the turn to send.
    #[error("a request or reply is sent out of turn")]
    OutOfTurn(Box<M>),
    /// The message does not have the frames that the socket type needs.
    #[error("the message lacks the routing id, or the group, in front of its body")]
    NoEnvelope(Box<M>),
    /// The message has several frames, and the socket type sends single ones.
    #[error("a message of this socket type is one frame")]
    Parts(Box<M>),
    /// The socket type sends nothing.
    #[error("the socket type does not send")]
    Unsupported(Box<M>),
    /// The socket is closed.
    #[error("the socket is closed")]
    Closed(Box<M>),
}

/// A message to a routing id that nobody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrouted<M = Message> {
    /// The message.
    pub message: M,
    /// The routing id.
    pub id: RoutingId,
}

impl<M> SendError<M> {
    #[cold]
    pub(crate) fn new(message: M, reason: SendReason) -> Self {
        let message = match reason {
            SendReason::NoRoute(id) => return Self::NoRoute(Box::new(Unrouted { message, id })),
            _ => Box::new(message),
        };
        match reason {
            SendReason::Full | SendReason::NoPeer => Self::Full(message),
            SendReason::State => Self::OutOfTurn(message),
            SendReason::NoEnvelope => Self::NoEnvelope(message),
            SendReason::Parts => Self::Parts(message),
            SendReason::Closed => Self::Closed(message),
            _ => Self::Unsupported(message),
        }
    }

    /// The message that was not sent.
    pub fn into_message(self) -> M {
        match self {
            Self::NoRoute(unrouted) => unrouted.message,
            Self::Full(message)
            | Self::TimedOut(message)
            | Self::OutOfTurn(message)
            | Self::NoEnvelope(message)
            | Self::Parts(message)
            | Self::Unsupported(message)
            | Self::Closed(message) => *message,
        }
    }
}

/// Why nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The receive time-out ran out.
    #[error("no message came in time")]
    TimedOut,
    /// REQ and REP: it is not the turn to receive.
    #[error("a request or reply is received out of turn")]
    OutOfTurn,
    /// The socket type receives nothing.
    #[error("the socket type does not receive")]
    Unsupported,
    /// The socket is closed, and what had come was received.
    #[error("the socket is closed")]
    Closed,
}

/// Why nothing was received at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TryRecvError {
    /// Nothing is there now.
    #[error("no message is there")]
    Empty,
    /// Nothing will ever be.
    #[error(transparent)]
    Failed(#[from] RecvError),
}

impl From<RecvRefused> for TryRecvError {
    fn from(refused: RecvRefused) -> Self {
        match refused {
            RecvRefused::Empty => Self::Empty,
            RecvRefused::State => Self::Failed(RecvError::OutOfTurn),
            RecvRefused::Closed => Self::Failed(RecvError::Closed),
            _ => Self::Failed(RecvError::Unsupported),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_that_succeeds_returns_two_words() {
        assert!(size_of::<Result<(), SendError>>() <= 2 * size_of::<usize>());
    }
}
