//! What the tasks that dial and listen report to.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use monocoque_core::Protocol;
use monocoque_core::protocol::Side;

use crate::connection::{Ended, Host};
use crate::half_open::HalfOpen;
use crate::link::StreamLink;
use crate::traffic::LinkTraffic;

/// A link that came up.
#[derive(Debug, Clone)]
pub struct LinkFacts {
    /// Who opened it.
    pub side: Side,
    /// Our end, as an endpoint.
    pub local: String,
    /// The peer's end, as an endpoint; as much as the transport tells.
    pub remote: String,
    /// The number of its descriptor.
    pub descriptor: i32,
    /// What crosses it.
    pub traffic: Arc<LinkTraffic>,
}

impl LinkFacts {
    pub(crate) fn new(side: Side, local: String, remote: String, link: &StreamLink) -> Self {
        Self { side, local, remote, descriptor: link.number(), traffic: link.traffic() }
    }
}

/// Something that happened below any protocol.
#[derive(Debug)]
#[non_exhaustive]
pub enum LinkEvent {
    /// A connection attempt began.
    ConnectDelayed,
    /// A link to the peer is up.
    Connected(LinkFacts),
    /// An attempt failed or a connection ended; the next attempt follows.
    ConnectRetried {
        /// Time until the next attempt.
        after: Duration,
        /// Why the last attempt failed, unless it was a connection that ended.
        error: Option<io::Error>,
    },
    /// An attempt failed or a connection ended, and there will be no other.
    ConnectGivenUp {
        /// Why the attempt failed, unless it was a connection that ended.
        error: Option<io::Error>,
    },
    /// A peer has connected to us.
    Accepted(LinkFacts),
    /// A peer could not be accepted; accepting goes on.
    AcceptFailed(io::Error),
    /// A peer was turned away: too many handshakes are under way.
    TooManyHandshakes {
        /// Where it came from.
        remote: String,
    },
    /// A peer was turned away: the listener's filter does not let it in.
    Filtered {
        /// The peer's end, as an endpoint; as much as the transport tells.
        remote: String,
    },
    /// Accepting has ended.
    ListenerClosed {
        /// The number that its descriptor had.
        descriptor: i32,
    },
}

/// What to do after a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Connect again.
    Yes,
    /// Leave it.
    No,
}

/// Whoever wants connections: makes their protocol, takes their end.
pub trait Owner: Send + Sync + 'static {
    /// What connections speak.
    type Protocol: Protocol<Error: fmt::Debug> + 'static;
    /// Who each connection reports to.
    type Host: Host<Self::Protocol> + 'static;

    /// A link is up: the protocol to run over it, and who it reports to.
    ///
    /// `permit` comes with accepted links; hold it until the handshake is done.
    fn begin(&self, facts: &LinkFacts, permit: Option<HalfOpen>) -> (Self::Protocol, Self::Host);

    /// A connection has ended.
    fn end(&self, host: Self::Host, ended: Ended<<Self::Protocol as Protocol>::Error>) -> Retry;

    /// Something happened.
    fn event(&self, event: LinkEvent);
}
