//! A high-performance, libzmq-compatible messaging kernel.
//!
//! A [`Context`] makes typed [`Socket`]s; a socket is a routing rule over many peers, reached over
//! `tcp://`, `ipc://`, `inproc://`, `ws://` and `wss://` endpoints. Sockets are `Send + Sync + Clone`, their methods take
//! `&self`, and the same program runs under tokio, smol, plain threads ([`Context::new`]) and on a compio
//! runtime of its own ([`Context::local`]).
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use monocoque::Context;
//!
//! let ctx = Context::new();
//! let pull = ctx.pull().build()?;
//! let endpoint = pull.blocking().bind("tcp://127.0.0.1:*")?;
//! let push = ctx.push().connect(endpoint.to_string())?;
//! push.blocking().send("hello")?;
//! assert_eq!(pull.blocking().recv()?, "hello".into());
//! # Ok(())
//! # }
//! ```
//!
//! # Cancel safety
//! Dropping any future of this crate loses no message and leaves the socket usable: a send either queued its
//! message or no peer has it; a receive either returned a message or left it queued.

#![forbid(unsafe_code)]

mod auth;
mod block_on;
mod blocking;
mod builder;
mod close;
mod context;
mod conversation;
mod core;
mod datagrams;
mod error;
mod event_fd;
mod inproc;
mod kind;
mod leaving;
mod monitor;
mod options;
mod owner;
mod poller;
mod proxy;
#[doc(hidden)]
pub mod raw;
mod request;
mod socket;
mod stats;
mod stream;
mod timers;
mod wait;

pub use auth::{AccessPolicy, Certificate, CertificateError, CertificateStore, new_secret_key};
pub use block_on::{block_on, block_on_timeout};
pub use blocking::Blocking;
pub use builder::SocketBuilder;
pub use close::CloseReport;
pub use context::{Context, ContextBuilder};
pub use error::{
    BindError, ConnectError, ContextError, EndpointNotFound, OptionError, RecvError, SendError, TryRecvError, Unrouted,
    UnsuitedTransport,
};
pub use kind::{
    Addressed, Any, Channel, Client, Dealer, Dgram, Dish, Gather, Grouped, Kind, Pair, Peer, Pub, Pull, Push, Radio,
    Receives, Rep, Req, Routed, Router, Scatter, Sends, Server, Stream, Sub, XPub, XSub,
};
pub use monitor::{
    ConnectionFacts, DisconnectReason, Event, Handshakes, Monitor, MonitorError, MonitorForm, Snapshot, events,
};
pub use monocoque_core::stats::{DropCause, Drops};
pub use monocoque_core::{
    Endpoint, EndpointError, Frame, Group, GroupTooLong, Message, RoutingId, RoutingIdError, SocketType,
};
pub use monocoque_io::{
    AcceptFilter, AddressRange, AddressRangeError, BackoffConfig as Reconnect, Driver, DriverChoice, DriverError,
    Keepalive, LinkCounts, Schedule, SocksProxy, local_runtime,
};
pub use monocoque_pattern::{PeerProperties, RouterNotify};
pub use monocoque_tls::TlsFault;
pub use monocoque_ws::{FrameFault, UpgradeFault, WsError};
pub use monocoque_zmtp::{
    Applicant, Authenticator, Credentials, CurveKeys, Grant, Heartbeat, Judging, KeyError, Limit, NoVerdict,
    PeerIncompatible, PeerMisbehaved, PendingVerdict, PlainTable, PublicKey, Refusal, Secret, SecretKey, SessionError,
    TooLong, Verdict, z85,
    zap::{ZapRequest, ZapRequestError},
};
pub use options::{
    ContextOption, ContextOptionError, ContextOptionSpec, Hwm, OptionSpec, OptionValue, ReconnectStop, SocketOption,
    TakesEffect,
};
pub use poller::{Interest, PollError, Poller, Readiness};
pub use proxy::{Proxy, ProxyError, ProxySocket, ProxyStatistics, Steering, Traffic};
pub use request::RequestError;
pub use socket::Socket;
pub use stats::{ConnectionStats, Counted, MemoryStats, SocketStats};
pub use stream::{MessageSink, MessageStream, RecvHalf, SendHalf};
pub use timers::{TimerError, TimerId, Timers};

/// The programs of the README are compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
