//! Links, their lives, and what a peer told about itself.

use std::sync::Arc;

use monocoque_core::{RoutingId, SocketType};

use crate::PeerProperties;

/// One connect endpoint, or one accepted connection, from [`Hub::open`](crate::Hub::open) until it is
/// closed or released. Never names another link later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId {
    pub(crate) slot: u32,
    pub(crate) serial: u32,
}

/// One life of a link: from `up` to `down`. Never equal to that of another life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerKey {
    pub(crate) slot: u32,
    pub(crate) epoch: u32,
}

impl PeerKey {
    /// Where a name leads while its link is not up.
    pub(crate) const fn absent(slot: u32) -> Self {
        Self { slot, epoch: 0 }
    }
}

/// What the handshake brought to light.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFacts {
    /// The peer's socket type, or the first that suits ours if it told none (ZMTP 1.0).
    pub socket_type: SocketType,
    /// The routing id that the peer brought, if any.
    pub identity: Option<RoutingId>,
    /// Whether the peer takes subscriptions as SUBSCRIBE and CANCEL commands (ZMTP 3.1, inproc), or as
    /// messages that begin with 1 or 0 (before that).
    pub commands: bool,
    /// What a message may be received with, if anything is known.
    pub properties: Option<Arc<PeerProperties>>,
}
