//! The C ABI of libzmq 4.3.5, drafts included, over the `monocoque` crate: built as a shared library it stands in for
//! `libzmq.so.5`.
//!
//! Each module has the functions of one part of `zmq.h`, and beneath them what they do in Rust. C hands over pointers, so
//! the functions are where this crate's unsafe code is: they turn what came into references and values, and what is
//! beneath is safe. What the manual of a function asks of its callers, it asks here too.
//!
//! - A handle (`void *`) points to a small tagged cell that is never freed, so that a closed one is told from a live one
//!   ([`handle`]).
//! - No panic crosses: it is caught and told as `EFAULT` ([`guard`]).
//! - Whoever waits does so in `poll(2)`, which a signal ends ([`wait`]).
//! - `errno` is the C library's, and is written last ([`errno`]).
//!
//! docs/decisions/0031 says why it is so.

#![allow(clippy::missing_safety_doc, reason = "the manual of libzmq has the contract of each function")]
#![allow(missing_docs, reason = "the same")]

mod context;
mod counter;
mod endpoints;
mod errno;
mod guard;
mod handle;
mod io;
mod iov;
mod keys;
mod library;
mod message;
mod monitor;
mod options;
mod poll;
mod poller;
mod proxy;
mod socket;
mod threads;
mod timers;
mod wait;

pub use context::*;
pub use counter::*;
pub use endpoints::*;
pub use io::*;
pub use iov::*;
pub use keys::*;
pub use library::*;
pub use message::*;
pub use monitor::*;
pub use options::*;
pub use poll::*;
pub use poller::*;
pub use proxy::*;
pub use socket::*;
pub use threads::*;
pub use timers::*;
