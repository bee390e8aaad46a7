//! Every limit of a session, with the reason for it.
//!
//! The limit on a message's frames is the user's: [`SessionConfig::max_message_bytes`](crate::SessionConfig).

use std::time::Duration;

/// The longest command of a handshake.
///
/// A stranger may make us hold this much. READY carries a socket type, an identity of 255 bytes and
/// the application's own properties: libzmq's users send less than 1 KiB.
pub const HANDSHAKE_COMMAND_BYTES_MAX: u64 = 64 * 1024;

/// The longest command of a handshake that a server of PLAIN or CURVE takes of somebody that has shown nothing yet.
///
/// The longest that there may be is PLAIN's HELLO: a user and a password of [`CREDENTIAL_BYTES_MAX`] each (RFC 24). CURVE's is of
/// 200 bytes (RFC 26), and an ERROR of at most 262.
pub const STRANGER_COMMAND_BYTES_MAX: u64 = 8 + 2 * CREDENTIAL_BYTES_MAX as u64;

/// The longest command after the handshake that is not a subscription.
///
/// PING needs 23 bytes and ERROR 262; a command that we do not know must be held whole to be named.
/// A subscription's topic is a message's equal, and under its limit.
pub const COMMAND_BYTES_MAX: u64 = 64 * 1024;

/// The longest body of a frame (RFC 37, "Framing": 2^63-1 octets).
pub const FRAME_BYTES_MAX: u64 = i64::MAX as u64;

/// The longest context that a PING may ask us to return (RFC 37, "Connection Heartbeating").
pub const PING_CONTEXT_BYTES_MAX: usize = 16;

/// The longest user name and the longest password of PLAIN (RFC 24: their sizes are one octet).
pub const CREDENTIAL_BYTES_MAX: usize = 255;

/// The longest value of a property (RFC 37, "The NULL Security Mechanism": 2^31-1 octets).
pub const PROPERTY_VALUE_BYTES_MAX: u32 = i32::MAX as u32;

/// The longest time to live that a PING can carry: 16 bits of tenths of a second.
pub const TTL_MAX: Duration = Duration::from_millis(u16::MAX as u64 * 100);
