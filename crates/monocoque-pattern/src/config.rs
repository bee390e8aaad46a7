//! What a hub is told at its birth, and the rules that follow from the socket type.

use monocoque_core::SocketType;

/// The options of a socket that act in its hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubConfig {
    /// Decides every rule.
    pub socket_type: SocketType,
    /// ROUTER: refuse what has no route or no room instead of dropping it (`ZMQ_ROUTER_MANDATORY`).
    pub router_mandatory: bool,
    /// ROUTER: a new peer of a known routing id takes the route over (`ZMQ_ROUTER_HANDOVER`).
    pub router_handover: bool,
    /// REQ: a second send gives the first request up (`ZMQ_REQ_RELAXED`). Implies `req_correlate`:
    /// without an id in the envelope nothing tells the old reply from the new one.
    pub req_relaxed: bool,
    /// REQ: an id before the delimiter of every request; a reply with another is dropped
    /// (`ZMQ_REQ_CORRELATE`).
    pub req_correlate: bool,
    /// XPUB: report every subscription, not only the first of a topic (`ZMQ_XPUB_VERBOSE`).
    pub xpub_verbose: bool,
    /// PUB, XPUB: refuse a message that a matching subscriber has no room for (`ZMQ_XPUB_NODROP`).
    pub no_drop: bool,
    /// The pipes of this socket keep only the last message (`ZMQ_CONFLATE`). The pipes do it; the hub
    /// counts what was replaced.
    pub conflate: bool,
}

impl HubConfig {
    /// The defaults of libzmq: every option off.
    pub const fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            router_mandatory: false,
            router_handover: false,
            req_relaxed: false,
            req_correlate: false,
            xpub_verbose: false,
            no_drop: false,
            conflate: false,
        }
    }

    pub(crate) const fn correlates(&self) -> bool {
        self.req_relaxed || self.req_correlate
    }
}

/// Where a message that the application sends goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendRule {
    /// The next attached peer that has room.
    Balance,
    /// Every peer with a matching subscription.
    Publish,
    /// To the publishers: subscriptions by count, the rest as it is.
    Upstream,
    /// The next peer, in an envelope, if it is our turn.
    Ask,
    /// The peer that asked.
    Answer,
    /// The peer that the first frame names.
    Route,
    /// The type cannot send.
    Nowhere,
}

/// Which incoming messages the application sees, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecvRule {
    /// All, from each peer in turn.
    Fair,
    /// Those that our subscriptions match.
    Subscribed,
    /// All, with the routing id of the sender.
    Labelled,
    /// Requests, whose envelope is kept for the answer.
    Requests,
    /// Answers to what we asked.
    Replies,
    /// Subscriptions of our peers, and what else they send.
    Notices,
    /// The type cannot receive.
    Nothing,
}

impl SendRule {
    pub(crate) const fn of(socket_type: SocketType) -> Self {
        match socket_type {
            SocketType::Pair | SocketType::Push | SocketType::Dealer => Self::Balance,
            SocketType::Pub | SocketType::XPub => Self::Publish,
            SocketType::XSub => Self::Upstream,
            SocketType::Req => Self::Ask,
            SocketType::Rep => Self::Answer,
            SocketType::Router => Self::Route,
            _ => Self::Nowhere,
        }
    }

    /// Whether a peer takes part in the round robin as soon as it has a pipe.
    pub(crate) const fn balances(self) -> bool {
        matches!(self, Self::Balance | Self::Ask)
    }
}

impl RecvRule {
    pub(crate) const fn of(socket_type: SocketType) -> Self {
        match socket_type {
            SocketType::Pair | SocketType::Pull | SocketType::Dealer | SocketType::XSub => Self::Fair,
            SocketType::Sub => Self::Subscribed,
            SocketType::Router => Self::Labelled,
            SocketType::Rep => Self::Requests,
            SocketType::Req => Self::Replies,
            SocketType::XPub => Self::Notices,
            _ => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_agree_with_what_a_type_can_do() {
        for kind in SocketType::ALL {
            assert_eq!(SendRule::of(kind) != SendRule::Nowhere, kind.sends(), "{kind}");
            assert_eq!(RecvRule::of(kind) != RecvRule::Nothing, kind.receives(), "{kind}");
        }
    }
}
