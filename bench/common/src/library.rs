//! What a program says about its library: how its sockets are opened and used.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::curve::Keys;
use crate::failure::Outcome;
use crate::order::Order;

/// A way of using a library: its name on the command line, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// On the command line and in the report.
    pub name: &'static str,
    /// For the report.
    pub note: &'static str,
    /// The groups of scenarios that it is for; all, if it names none.
    pub groups: &'static [Group],
}

/// A group of scenarios that use a library alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Messages one way between two sockets.
    Stream,
    /// One request at a time.
    Trip,
    /// Many requests at a time.
    Flight,
    /// One publisher, many subscribers.
    Publish,
    /// Many senders, one receiver.
    FanIn,
    /// Connections on which nothing happens.
    Idle,
    /// Connections that come and go.
    Churn,
}

/// The types of sockets that scenarios use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Push,
    Pull,
    Req,
    Rep,
    Dealer,
    Router,
    Pub,
    /// Subscribed to everything.
    Sub,
}

/// Which end of the connection a socket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum End {
    Bind,
    Connect,
}

/// A socket to be opened.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Its type.
    pub kind: Kind,
    /// Whether it binds or connects.
    pub end: End,
    /// Where.
    pub endpoint: &'a str,
    /// A publisher waits instead of dropping.
    pub no_drop: bool,
    /// The keys of an encrypted connection.
    pub keys: Option<Keys>,
    /// How many peers a socket that binds will have.
    pub peers: usize,
    /// To be called by a library that must wait for a peer before it has a socket, once the endpoint is bound.
    pub bound: fn(),
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Body(Bytes);

impl Body {
    /// `size` bytes that begin with the number of the lane, as far as it fits.
    ///
    /// In cache lines of their own: what another thread writes beside them, such as its count of messages, may cost each send a miss,
    /// by the chance of where an allocator puts either.
    pub fn new(size: usize, lane: u32) -> Self {
        const APART_BYTES: usize = 128;
        let mut bytes = vec![7; size + 2 * APART_BYTES];
        let from = bytes.as_ptr().align_offset(APART_BYTES);
        for (to, from) in bytes[from..from + size].iter_mut().zip(lane.to_le_bytes()) {
            *to = from;
        }
        Self(Bytes::from(bytes).slice(from..from + size))
    }

    /// The lane that a body of at least four bytes names.
    pub fn lane_of(body: &[u8]) -> Option<u32> {
        Some(u32::from_le_bytes(*body.first_chunk()?))
    }

    /// For an API that copies.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// For an API that takes ownership: another reference to the same bytes.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

/// A library under measure, in one of its modes. It lives as long as the process.
pub trait Library: Sized + Sync + 'static {
    /// Its sockets.
    type Socket: Socket;

    /// The ways of using it; the first is the default.
    const MODES: &'static [Mode];

    /// Whether it speaks CURVE, and with which modes: all but these.
    const CURVE: Option<&'static [&'static str]> = None;

    /// The library's version, where it tells.
    fn version() -> Option<String> {
        None
    }

    /// The library, to be used as `mode` says for `order`.
    ///
    /// # Errors
    /// When it cannot be.
    fn new(mode: &'static str, order: &Order) -> Outcome<Self>;

    /// Runs a future on this thread, in the way of the library.
    fn run<F: Future>(&'static self, job: F) -> F::Output;

    /// Waits without keeping the library from its work.
    fn pause(&'static self, time: Duration) -> impl Future<Output = ()>;

    /// Opens a socket; one that binds is bound on return, one that connects may still be at it.
    fn open(&'static self, setup: Setup<'_>) -> impl Future<Output = Outcome<Self::Socket>>;

    /// Runs `count` jobs at once: as tasks, unless the library blocks threads.
    fn each<F>(
        &'static self,
        count: usize,
        job: impl Fn(usize) -> F + Clone + Send + 'static,
    ) -> impl Future<Output = Outcome>
    where
        F: Future<Output = Outcome> + 'static,
    {
        together(count, job)
    }
}

/// One socket. Sending and receiving are by the mode's API: one message at a time, or many.
pub trait Socket: Sized {
    /// Sends `count` messages, waiting while the library makes it wait.
    fn send(&mut self, body: &Body, count: usize) -> impl Future<Output = Outcome>;

    /// Hands over what the library keeps back until told; nothing for most.
    fn flush(&mut self) -> impl Future<Output = Outcome> {
        async { Ok(()) }
    }

    /// Receives at least one message, shows each body, and says how many there were.
    fn recv(&mut self, see: impl FnMut(&[u8])) -> impl Future<Output = Outcome<usize>>;

    /// Receives at least one message, sends each back to where it came from, and says how many there were.
    fn echo(&mut self) -> impl Future<Output = Outcome<usize>>;

    /// Closes the socket, without waiting for it where the library goes on with that by itself: as `zmq_close` does.
    fn close(self) -> impl Future<Output = Outcome> {
        async { Ok(()) }
    }
}

/// Runs `count` jobs at once in the task of the caller.
///
/// # Errors
/// The first failure.
pub async fn together<F>(count: usize, job: impl Fn(usize) -> F) -> Outcome
where
    F: Future<Output = Outcome>,
{
    (0..count).map(job).collect::<FuturesUnordered<_>>().try_collect().await
}
