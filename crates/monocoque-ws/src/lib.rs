//! One ZeroMQ peer over WebSocket, sans-IO.
//!
//! A [`WsSession`] is what ZWS 2.0 (RFC 45 of ZeroMQ) asks of one side of one connection: the upgrade of an HTTP
//! request (RFC 6455), then frames of ZeroMQ as messages of WebSocket. What those frames mean, and who is let in, is a
//! [`Session`](monocoque_zmtp::Session)'s to say, within. It implements [`Protocol`](monocoque_core::Protocol): it holds
//! no socket, reads no clock and draws no random number: [`Entropy`](monocoque_zmtp::Entropy) comes in as an argument.
//!
//! | file | owns |
//! |---|---|
//! | `session` | the stages `Upgrade → Open`, the [`Protocol`](monocoque_core::Protocol) impl |
//! | `upgrade` | the HTTP request and response; who speaks which sub-protocol |
//! | `frame` | headers of WebSocket frames, both ways: a pure function of bytes |
//! | `receive` | messages of WebSocket made frames of a pipe |
//! | `send` | frames of a pipe made messages of WebSocket |
//! | `mask` | masks, and the keys that a client draws for them |
//! | `error` | why a connection is given up |
//!
//! Not here: TLS, which `wss://` puts below; extensions and text; fragments, which ZeroMQ's frames are never sent in.

#![forbid(unsafe_code)]

mod error;
mod frame;
mod mask;
mod receive;
mod send;
mod session;
mod upgrade;

pub use error::{FrameFault, UpgradeFault, WsError};
pub use session::{WsConfig, WsSession};
pub use upgrade::HEAD_BYTES_MAX;
