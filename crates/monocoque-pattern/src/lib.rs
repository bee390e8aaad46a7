//! What a socket type means for many peers, sans-IO.
//!
//! A [`Hub`] is a socket's routing rule over the pipes of its peers: it decides which pipe a message goes
//! into and which it is taken from. It is a plain struct, not a task. Everything happens in the caller's
//! thread under the hub's locks, so what one thread sends over inproc it can receive in its next call.
//! There is no runtime, no channel, no clock and no randomness here.
//!
//! | type | sends by | receives by |
//! |---|---|---|
//! | PUSH, DEALER, PAIR | round robin that skips full peers | fair queue (not PUSH) |
//! | SCATTER, CLIENT, CHANNEL | the same, of single frames | fair queue of single frames (not SCATTER) |
//! | PULL, GATHER, SUB | – | fair queue; SUB drops what it is not subscribed to |
//! | PUB, XPUB | fan-out to matching subscribers | XPUB: subscriptions, and what subscribers send |
//! | XSUB | subscriptions; other messages to every publisher | fair queue |
//! | REQ | round robin, one asked at a time or many by id | the peer that was asked |
//! | REP | the peer that asked | fair queue, envelope kept |
//! | ROUTER | routing id, or round robin of bodies | fair queue, with the sender's id |
//! | SERVER, PEER | routing id; what cannot be sent is refused | fair queue of single frames, with the sender's id |
//! | RADIO | fan-out to the members of a group | – |
//! | DISH | – | fair queue of what its groups were sent |
//!
//! # Peers
//! A link is one connect endpoint or one accepted connection ([`LinkId`]); each time it comes up it begins
//! a new life ([`PeerKey`]). What is addressed to a life is never given to the next one.
//!
//! # Locks
//! Two, one for receiving and one for sending, taken in this order when an operation needs both. Wakers
//! run under them and must not call the hub back; see [`Signals`].
#![forbid(unsafe_code)]

mod config;
mod error;
mod fair_queue;
mod hub;
mod identity;
mod load_balancer;
mod lockstep;
mod outlets;
mod peering;
mod peers;
mod prefix_table;
mod properties;
mod publish;
mod receiving;
mod rules;
mod sending;
mod signals;
mod subscriptions;
mod upstream;

pub use config::{HubConfig, RouterNotify};
pub use error::{Busy, RecvRefused, SendReason, SendRefused, UpRefused};
pub use hub::{Flows, Hub, RequestId};
pub use peers::{LinkId, PeerFacts, PeerKey};
pub use properties::{PeerProperties, host};
pub use signals::Signals;
