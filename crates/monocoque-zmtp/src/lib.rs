//! One ZMTP peer on the wire, sans-IO.
//!
//! A [`Session`] is what ZMTP 3.1 (RFC 37) and 3.0 (RFC 23) ask of one side of one connection, from the
//! greeting to the last frame; with a peer of ZMTP 2.0 (RFC 15) or 1.0 (RFC 13) it goes back to those. It implements [`Protocol`](monocoque_core::Protocol): bytes and the time
//! come in as arguments; bytes to write, whole messages and the next deadline come out. It holds no
//! socket and reads no clock, so the session that is tested is the session that ships.
//!
//! | file | owns |
//! |---|---|
//! | `session` | the stages `Greeting → Handshake → Traffic`, their older kin, and the [`Protocol`](monocoque_core::Protocol) impl |
//! | `session::within` | a session on a transport that agrees on the mechanism and frames in its own way |
//! | `greeting` | the first 64 bytes |
//! | `mechanism` | the security handshake; one enum variant for each mechanism |
//! | `auth` | who judges peers, what it is shown and what it answers |
//! | `zap` | how a socket is asked to judge (RFC 27) |
//! | `plain`, `secret` | the PLAIN handshake and its table of users; what must not be shown |
//! | `curve` | CURVE: its keys, its handshake, and the boxes that messages go in |
//! | `z85` | keys as text |
//! | `metadata`, `peer` | the properties of READY, and what they say about the peer |
//! | `frames` | where frames and messages end: a pure function of bytes |
//! | `older`, `older::framing` | the greetings of ZMTP 2.0 and 1.0; the frames of 1.0, to a pipe's and back |
//! | `command` | command frames: name and data |
//! | `heartbeat` | PING, PONG, silence and time to live |
//! | `config`, `error`, `limits` | what is asked of a session, why it ends, and its bounds |
//!
//! Not here: what a message means to a socket; reconnecting.

#![forbid(unsafe_code)]

mod auth;
mod command;
mod config;
mod curve;
mod datagram;
mod error;
mod frames;
mod greeting;
mod heartbeat;
pub mod limits;
mod mechanism;
mod metadata;
mod older;
mod peer;
mod plain;
mod raw;
mod secret;
mod session;
pub mod z85;
pub mod zap;

pub use auth::{Applicant, Authenticator, Credentials, Grant, Judging, NoVerdict, PendingVerdict, Refusal, Verdict};
pub use config::{ConfigError, Heartbeat, Security, SessionConfig};
pub use curve::config::{CurveClient, CurveKeys, CurveServer, Entropy};
pub use curve::keys::{KeyError, PublicKey, SecretKey};
pub use datagram::DatagramShape;
pub use error::{Limit, PeerIncompatible, PeerMisbehaved, SessionError};
pub use peer::PeerInfo;
pub use plain::{PlainClient, PlainTable};
pub use secret::{Secret, TooLong};
pub use session::{Beginning, Session};
