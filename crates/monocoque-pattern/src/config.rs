//! What a hub is told at its birth, and the rules that follow from the socket type.

use monocoque_core::{Message, SocketType};

/// Of what a ROUTER is notified by empty messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouterNotify {
    /// A peer has come.
    pub connect: bool,
    /// A peer has gone.
    pub disconnect: bool,
}

/// The options of a socket that act in its hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubConfig {
    /// Decides every rule.
    pub socket_type: SocketType,
    /// ROUTER: refuse what has no route or no room instead of dropping it (`ZMQ_ROUTER_MANDATORY`).
    pub router_mandatory: bool,
    /// ROUTER: a new peer of a known routing id takes the route over (`ZMQ_ROUTER_HANDOVER`).
    pub router_handover: bool,
    /// ROUTER: peers may bring names that begin with a zero byte, as with libzmq. Without, such a peer is one that brings none.
    pub reserved_names: bool,
    /// REQ: a second send gives the first request up (`ZMQ_REQ_RELAXED`). Without `req_correlate` nothing tells its reply from
    /// that to the second, but that it was there already.
    pub req_relaxed: bool,
    /// REQ: an id before the delimiter of every request; a reply with another is dropped
    /// (`ZMQ_REQ_CORRELATE`).
    pub req_correlate: bool,
    /// XPUB: report every subscription, not only the first of a topic (`ZMQ_XPUB_VERBOSE`).
    pub xpub_verbose: bool,
    /// XPUB: report every subscription, and every one that is taken back (`ZMQ_XPUB_VERBOSER`).
    pub xpub_verboser: bool,
    /// XPUB: subscriptions are told, and not in force until the application says so (`ZMQ_XPUB_MANUAL`).
    pub xpub_manual: bool,
    /// XPUB: the message after a notice goes to the peer that it was of only, if its subscriptions match. Implies
    /// `xpub_manual` (`ZMQ_XPUB_MANUAL_LAST_VALUE`).
    pub xpub_manual_last_value: bool,
    /// PUB, XPUB: what each new peer is sent first, whatever it subscribes to (`ZMQ_XPUB_WELCOME_MSG`).
    pub xpub_welcome: Option<Message>,
    /// PUB, XPUB: send to those whose subscriptions do *not* match; SUB: drop what matches (`ZMQ_INVERT_MATCHING`).
    pub invert_matching: bool,
    /// ROUTER, DEALER, REQ: an empty message to each new peer, so that a ROUTER there learns the name
    /// (`ZMQ_PROBE_ROUTER`).
    pub probe_router: bool,
    /// ROUTER, DEALER, CLIENT, SERVER, PEER: what each new peer is sent first (`ZMQ_HELLO_MSG`).
    pub hello: Option<Message>,
    /// ROUTER: an empty message is received of each peer that comes, of each that goes (`ZMQ_ROUTER_NOTIFY`).
    pub router_notify: RouterNotify,
    /// ROUTER, SERVER, PEER: received of each peer that goes (`ZMQ_DISCONNECT_MSG`).
    pub disconnect: Option<Message>,
    /// DEALER, CLIENT, PEER: received when a connection that will be made again is lost (`ZMQ_HICCUP_MSG`).
    pub hiccup: Option<Message>,
    /// PUB, XPUB, XSUB: a message whose first frame is no subscription has none in its other frames either
    /// (`ZMQ_ONLY_FIRST_SUBSCRIBE`).
    pub only_first_subscribe: bool,
    /// XSUB: every subscription that is taken back is told, not only the last of a topic (`ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`).
    pub xsub_verbose_unsubscribe: bool,
    /// ROUTER: peers speak no protocol, as those of a STREAM (`ZMQ_ROUTER_RAW`): messages are one frame, and an empty one
    /// ends the connection.
    pub raw: bool,
    /// PUB, XPUB, RADIO: refuse a message that a matching subscriber has no room for (`ZMQ_XPUB_NODROP`).
    pub no_drop: bool,
    /// The pipes of this socket keep only the last message (`ZMQ_CONFLATE`). The pipes do it; the hub
    /// counts what was replaced. Stays as it was at birth.
    pub conflate: bool,
}

impl HubConfig {
    /// The defaults of libzmq: every option off, but a STREAM's notices.
    pub const fn new(socket_type: SocketType) -> Self {
        Self {
            socket_type,
            router_mandatory: false,
            router_handover: false,
            reserved_names: false,
            req_relaxed: false,
            req_correlate: false,
            xpub_verbose: false,
            xpub_verboser: false,
            xpub_manual: false,
            xpub_manual_last_value: false,
            xpub_welcome: None,
            invert_matching: false,
            probe_router: false,
            hello: None,
            router_notify: match socket_type {
                SocketType::Stream => RouterNotify { connect: true, disconnect: true },
                _ => RouterNotify { connect: false, disconnect: false },
            },
            disconnect: None,
            hiccup: None,
            only_first_subscribe: false,
            xsub_verbose_unsubscribe: false,
            raw: matches!(socket_type, SocketType::Stream),
            no_drop: false,
            conflate: false,
        }
    }

    /// Whether what has no route or no room is refused: only a ROUTER drops.
    pub(crate) const fn routes_strictly(&self) -> bool {
        self.router_mandatory || matches!(self.socket_type, SocketType::Server | SocketType::Peer | SocketType::Stream)
    }

    pub(crate) const fn is_manual(&self) -> bool {
        self.xpub_manual || self.xpub_manual_last_value
    }
}

/// Where a message that the application sends goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendRule {
    /// The next attached peer that has room.
    Balance,
    /// The same, and the message is one frame.
    BalanceSingle,
    /// The same, and the message is an address and one frame.
    BalanceAddressed,
    /// Every peer with a matching subscription.
    Publish,
    /// Every peer that joined the group in the first frame.
    Radiate,
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
    /// All that are one frame, from each peer in turn.
    FairSingle,
    /// Those that our subscriptions match.
    Subscribed,
    /// Those of the groups that we joined: the group, and one frame.
    Joined,
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
            SocketType::Client | SocketType::Scatter | SocketType::Channel => Self::BalanceSingle,
            SocketType::Pub | SocketType::XPub => Self::Publish,
            SocketType::Radio => Self::Radiate,
            SocketType::XSub => Self::Upstream,
            SocketType::Req => Self::Ask,
            SocketType::Rep => Self::Answer,
            SocketType::Router | SocketType::Server | SocketType::Peer | SocketType::Stream => Self::Route,
            SocketType::Dgram => Self::BalanceAddressed,
            _ => Self::Nowhere,
        }
    }

    /// Whether a peer takes part in the round robin as soon as it has a pipe.
    pub(crate) const fn balances(self) -> bool {
        matches!(self, Self::Balance | Self::BalanceSingle | Self::BalanceAddressed | Self::Ask)
    }
}

impl RecvRule {
    pub(crate) const fn of(socket_type: SocketType) -> Self {
        match socket_type {
            SocketType::Pair | SocketType::Pull | SocketType::Dealer | SocketType::XSub | SocketType::Dgram => {
                Self::Fair
            }
            SocketType::Client | SocketType::Gather | SocketType::Channel => Self::FairSingle,
            SocketType::Sub => Self::Subscribed,
            SocketType::Dish => Self::Joined,
            SocketType::Router | SocketType::Server | SocketType::Peer | SocketType::Stream => Self::Labelled,
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
