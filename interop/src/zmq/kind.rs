//! The socket types.

use crate::ffi;

/// A socket type, under libzmq's number; those from [`Kind::Server`] on are drafts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[allow(missing_docs, reason = "each is the ZeroMQ type of the same name")]
pub enum Kind {
    Pair = ffi::ZMQ_PAIR,
    Pub = ffi::ZMQ_PUB,
    Sub = ffi::ZMQ_SUB,
    Req = ffi::ZMQ_REQ,
    Rep = ffi::ZMQ_REP,
    Dealer = ffi::ZMQ_DEALER,
    Router = ffi::ZMQ_ROUTER,
    Pull = ffi::ZMQ_PULL,
    Push = ffi::ZMQ_PUSH,
    XPub = ffi::ZMQ_XPUB,
    XSub = ffi::ZMQ_XSUB,
    Stream = ffi::ZMQ_STREAM,
    Server = ffi::ZMQ_SERVER,
    Client = ffi::ZMQ_CLIENT,
    Radio = ffi::ZMQ_RADIO,
    Dish = ffi::ZMQ_DISH,
    Gather = ffi::ZMQ_GATHER,
    Scatter = ffi::ZMQ_SCATTER,
    Dgram = ffi::ZMQ_DGRAM,
    Peer = ffi::ZMQ_PEER,
    Channel = ffi::ZMQ_CHANNEL,
}

impl Kind {
    /// Every type, in the order of its number.
    pub const ALL: [Self; 21] = [
        Self::Pair,
        Self::Pub,
        Self::Sub,
        Self::Req,
        Self::Rep,
        Self::Dealer,
        Self::Router,
        Self::Pull,
        Self::Push,
        Self::XPub,
        Self::XSub,
        Self::Stream,
        Self::Server,
        Self::Client,
        Self::Radio,
        Self::Dish,
        Self::Gather,
        Self::Scatter,
        Self::Dgram,
        Self::Peer,
        Self::Channel,
    ];
}
