//! The socket types as types: what differs between them, and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use monocoque_core::{Group, Message, RoutingId, SocketType};
use monocoque_pattern::{Hub, PeerProperties, RecvRefused, SendReason, SendRefused};

mod sealed {
    pub trait Sealed {}
}

/// A socket type. Sealed.
pub trait Kind: sealed::Sealed + Send + Sync + 'static {
    /// Which one; `None` for [`Any`].
    const TYPE: Option<SocketType>;
}

/// A socket type that sends. Sealed.
pub trait Sends: Kind {
    /// What is sent: a message, with its address where the type needs one.
    type Out: Send;

    /// In place, because a message that is passed on is copied by every hand it passes through. What is refused
    /// is unchanged; what is sent is of no value after.
    #[doc(hidden)]
    fn try_send(hub: &Hub, out: &mut Self::Out) -> Result<(), SendReason>;
}

/// A socket type that receives. Sealed.
pub trait Receives: Kind {
    /// What is received: a message, with its sender where the type tells it.
    type In: Send;

    #[doc(hidden)]
    fn try_recv(hub: &Hub) -> Result<Self::In, RecvRefused>;

    #[doc(hidden)]
    fn try_recv_into(hub: &Hub, into: &mut Self::In) -> Result<(), RecvRefused>;

    #[doc(hidden)]
    fn try_recv_with_peer(hub: &Hub) -> Result<(Self::In, Known), RecvRefused>;
}

/// What is known of a message's peer.
type Known = Option<Arc<PeerProperties>>;

/// A message together with the peer it goes to or comes from: the envelope of a ROUTER, STREAM, SERVER or PEER as a type.
///
/// The routing id is not among the message's frames, so it can be neither forgotten nor sent twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The peer.
    pub id: RoutingId,
    /// The message, without the routing id.
    pub message: Message,
}

impl Routed {
    /// `message` for or from the peer `id`.
    pub fn new(id: RoutingId, message: impl Into<Message>) -> Self {
        Self { id, message: message.into() }
    }
}

impl<M: Into<Message>> From<(RoutingId, M)> for Routed {
    fn from((id, message): (RoutingId, M)) -> Self {
        Self::new(id, message)
    }
}

/// A message together with the group it goes to or comes from: what a RADIO sends and a DISH receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouped {
    /// The group.
    pub group: Group,
    /// The message, of one frame.
    pub message: Message,
}

impl Grouped {
    /// `message` for or from `group`.
    pub fn new(group: Group, message: impl Into<Message>) -> Self {
        Self { group, message: message.into() }
    }
}

impl<M: Into<Message>> From<(Group, M)> for Grouped {
    fn from((group, message): (Group, M)) -> Self {
        Self::new(group, message)
    }
}

/// A datagram together with the address it goes to or comes from: what a DGRAM sends and receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed {
    /// The address.
    pub address: SocketAddr,
    /// The datagram, of one frame.
    pub message: Message,
}

impl<M: Into<Message>> From<(SocketAddr, M)> for Addressed {
    fn from((address, message): (SocketAddr, M)) -> Self {
        Self { address, message: message.into() }
    }
}

/// Sends a message by value that goes back to its place if it is refused.
pub(crate) fn in_place<T>(
    place: &mut Message,
    send: impl FnOnce(Message) -> Result<T, SendRefused>,
) -> Result<T, SendReason> {
    send(std::mem::take(place)).map_err(|refused| {
        *place = refused.message;
        refused.reason
    })
}

macro_rules! kinds {
    ($($kind:ident = $type:expr, $doc:literal;)*) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy)]
        pub enum $kind {}

        impl sealed::Sealed for $kind {}

        impl Kind for $kind {
            const TYPE: Option<SocketType> = $type;
        }
    )*};
}

kinds! {
    Pair = Some(SocketType::Pair), "PAIR.";
    Pub = Some(SocketType::Pub), "PUB.";
    Sub = Some(SocketType::Sub), "SUB.";
    Req = Some(SocketType::Req), "REQ.";
    Rep = Some(SocketType::Rep), "REP.";
    Dealer = Some(SocketType::Dealer), "DEALER.";
    Router = Some(SocketType::Router), "ROUTER.";
    Pull = Some(SocketType::Pull), "PULL.";
    Push = Some(SocketType::Push), "PUSH.";
    XPub = Some(SocketType::XPub), "XPUB.";
    XSub = Some(SocketType::XSub), "XSUB.";
    Stream = Some(SocketType::Stream), "STREAM.";
    Server = Some(SocketType::Server), "SERVER.";
    Client = Some(SocketType::Client), "CLIENT.";
    Radio = Some(SocketType::Radio), "RADIO.";
    Dish = Some(SocketType::Dish), "DISH.";
    Gather = Some(SocketType::Gather), "GATHER.";
    Scatter = Some(SocketType::Scatter), "SCATTER.";
    Dgram = Some(SocketType::Dgram), "DGRAM.";
    Peer = Some(SocketType::Peer), "PEER.";
    Channel = Some(SocketType::Channel), "CHANNEL.";
    Any = None, "Any type, chosen at run time. A ROUTER, STREAM, SERVER or PEER of this kind shows the routing id as \
        the first frame, a RADIO or DISH the group, a DGRAM the address.";
}

macro_rules! sends_messages {
    ($($kind:ident)*) => {$(
        impl Sends for $kind {
            type Out = Message;

            #[inline]
            fn try_send(hub: &Hub, out: &mut Message) -> Result<(), SendReason> {
                hub.try_send_from(out)
            }
        }
    )*};
}
sends_messages!(Pair Pub Req Rep Dealer Push XPub XSub Client Scatter Channel Any);

macro_rules! receives_messages {
    ($($kind:ident)*) => {$(
        impl Receives for $kind {
            type In = Message;

            #[inline]
            fn try_recv(hub: &Hub) -> Result<Message, RecvRefused> {
                hub.try_recv()
            }

            #[inline]
            fn try_recv_into(hub: &Hub, into: &mut Message) -> Result<(), RecvRefused> {
                hub.try_recv_into(into)
            }

            fn try_recv_with_peer(hub: &Hub) -> Result<(Message, Known), RecvRefused> {
                hub.try_recv_with_peer()
            }
        }
    )*};
}
receives_messages!(Pair Sub Req Rep Dealer Pull XPub XSub Client Gather Channel Any);

macro_rules! routes_messages {
    ($($kind:ident)*) => {$(
        impl Sends for $kind {
            type Out = Routed;

            #[inline]
            fn try_send(hub: &Hub, out: &mut Routed) -> Result<(), SendReason> {
                hub.try_send_to(&out.id, &mut out.message)
            }
        }

        impl Receives for $kind {
            type In = Routed;

            fn try_recv(hub: &Hub) -> Result<Routed, RecvRefused> {
                let mut routed = Routed::new(RoutingId::generated(0), Message::new());
                Self::try_recv_into(hub, &mut routed)?;
                Ok(routed)
            }

            #[inline]
            fn try_recv_into(hub: &Hub, into: &mut Routed) -> Result<(), RecvRefused> {
                hub.try_recv_from(&mut into.id, &mut into.message)
            }

            fn try_recv_with_peer(hub: &Hub) -> Result<(Routed, Known), RecvRefused> {
                let mut routed = Routed::new(RoutingId::generated(0), Message::new());
                let peer = hub.try_recv_from_with_peer(&mut routed.id, &mut routed.message)?;
                Ok((routed, peer))
            }
        }
    )*};
}
routes_messages!(Router Stream Server Peer);

impl Sends for Radio {
    type Out = Grouped;

    fn try_send(hub: &Hub, out: &mut Grouped) -> Result<(), SendReason> {
        // Each member gets it, so the hub borrows it.
        let mut message = out.message.clone();
        message.push_front(out.group.clone().into_frame());
        hub.try_send_from(&mut message)
    }
}

impl Receives for Dish {
    type In = Grouped;

    fn try_recv(hub: &Hub) -> Result<Grouped, RecvRefused> {
        hub.try_recv().map(grouped)
    }

    fn try_recv_with_peer(hub: &Hub) -> Result<(Grouped, Known), RecvRefused> {
        hub.try_recv_with_peer().map(|(message, peer)| (grouped(message), peer))
    }

    fn try_recv_into(hub: &Hub, into: &mut Grouped) -> Result<(), RecvRefused> {
        *into = Self::try_recv(hub)?;
        Ok(())
    }
}

fn grouped(mut message: Message) -> Grouped {
    let group = message.pop_front().and_then(|group| group.try_into().ok());
    Grouped { group: group.expect("a DISH is shown its own groups only"), message }
}

impl Sends for Dgram {
    type Out = Addressed;

    fn try_send(hub: &Hub, out: &mut Addressed) -> Result<(), SendReason> {
        let mut message = out.message.clone();
        message.push_front(out.address.to_string());
        hub.try_send_from(&mut message)
    }
}

impl Receives for Dgram {
    type In = Addressed;

    fn try_recv(hub: &Hub) -> Result<Addressed, RecvRefused> {
        hub.try_recv().map(addressed)
    }

    fn try_recv_with_peer(hub: &Hub) -> Result<(Addressed, Known), RecvRefused> {
        hub.try_recv_with_peer().map(|(message, peer)| (addressed(message), peer))
    }

    fn try_recv_into(hub: &Hub, into: &mut Addressed) -> Result<(), RecvRefused> {
        *into = Self::try_recv(hub)?;
        Ok(())
    }
}

fn addressed(mut message: Message) -> Addressed {
    let address = message.pop_front().and_then(|text| str::from_utf8(&text).ok()?.parse().ok());
    Addressed { address: address.expect("what a DGRAM receives has an address"), message }
}
