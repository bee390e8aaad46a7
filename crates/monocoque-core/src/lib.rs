//! The vocabulary and the memory of Monocoque.
//!
//! This crate owns what every other crate speaks: [`Message`] and [`Frame`], the [`slab`] arena that
//! bytes live in, the [`pipe`] that is the only queue between a socket and a connection, the
//! [`Protocol`] trait that a connection's state machine implements, endpoints, socket types and limits.
//! It has no runtime, no socket, no clock and no source of randomness: each comes in as an argument.

pub mod batch;
pub mod budget;
pub mod endpoint;
pub mod fanout;
mod frame;
mod group;
pub mod limits;
mod load;
mod message;
pub mod pipe;
pub mod protocol;
mod routing_id;
pub mod slab;
mod socket_type;
pub mod spare;
pub mod stats;
pub mod sync;
pub mod wait;
pub mod wire;

pub use endpoint::{Endpoint, EndpointError};
pub use frame::Frame;
pub use group::{Group, GroupTooLong};
pub use message::{IntoIter, Message, Outgoing};
pub use protocol::Protocol;
pub use routing_id::{RoutingId, RoutingIdError};
pub use socket_type::SocketType;
