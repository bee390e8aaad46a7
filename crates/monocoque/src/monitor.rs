//! What happens to a socket's connections, as a stream of typed events.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use monocoque_core::protocol::{Blame, ProtocolError};
use monocoque_core::sync::Mutex;
use monocoque_core::wait::{Ticket, WaitList};
use monocoque_core::{RoutingId, SocketType};
use monocoque_io::End;
use monocoque_zmtp::SessionError;

use crate::wait::{Place, block_on};

/// Events that a monitor holds before it loses the oldest.
const BACKLOG_MAX: usize = 1024;

/// Which connection an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionFacts {
    /// A number that no other connection of this socket has.
    pub connection: u64,
    /// The endpoint that was bound or connected.
    pub endpoint: String,
    /// Our end.
    pub local: String,
    /// The peer's end, as much as the transport tells.
    pub remote: String,
    /// What the peer is, once it said so.
    pub socket_type: Option<SocketType>,
    /// The name that the peer chose, if it did.
    pub identity: Option<RoutingId>,
    /// The highest version of ZMTP that the peer announced, major and minor.
    pub version: Option<(u8, u8)>,
    /// The security mechanism that let the peer in.
    pub mechanism: Option<&'static str>,
}

/// Why a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// We closed: everything was sent, or the endpoint was taken off the socket.
    Local,
    /// The peer closed.
    PeerClosed {
        /// Bytes of a frame that the peer began and did not end.
        truncated: usize,
    },
    /// The socket does not take this peer: it has one already, or is closing.
    Refused,
    /// A rule of the protocol was broken, or a limit or time-out reached.
    Protocol(SessionError),
    /// The network failed.
    Network(String),
}

impl DisconnectReason {
    /// Who is at fault, if the protocol says so.
    pub fn blame(&self) -> Option<Blame> {
        match self {
            Self::Protocol(error) => Some(error.blame()),
            _ => None,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("closed by us"),
            Self::PeerClosed { truncated: 0 } => f.write_str("closed by the peer"),
            Self::PeerClosed { truncated } => write!(f, "closed by the peer {truncated} bytes into a frame"),
            Self::Refused => f.write_str("the socket takes no further peer"),
            Self::Protocol(error) => error.fmt(f),
            Self::Network(error) => f.write_str(error),
        }
    }
}

impl From<End<SessionError>> for DisconnectReason {
    fn from(end: End<SessionError>) -> Self {
        match end {
            End::PeerClosed { truncated } => Self::PeerClosed { truncated },
            End::Refused => Self::Refused,
            End::Link(error) => Self::Network(error.to_string()),
            End::Protocol(error) => Self::Protocol(error),
            _ => Self::Local,
        }
    }
}

/// Something that happened to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// An endpoint is bound.
    Listening {
        /// The real endpoint.
        endpoint: String,
    },
    /// An endpoint could not be bound.
    BindFailed {
        /// The endpoint.
        endpoint: String,
        /// What the system said.
        reason: String,
    },
    /// An attempt to connect has begun.
    ConnectDelayed {
        /// The endpoint.
        endpoint: String,
    },
    /// We reached a peer; the handshake begins.
    Connected(ConnectionFacts),
    /// The next attempt to connect follows.
    ConnectRetried {
        /// The endpoint.
        endpoint: String,
        /// Time until the next attempt.
        after: Duration,
        /// Why the last attempt failed; `None` after a connection that ended.
        reason: Option<String>,
    },
    /// There will be no further attempt to connect.
    ConnectGivenUp {
        /// The endpoint.
        endpoint: String,
        /// Why the last attempt failed; `None` after a connection that ended.
        reason: Option<String>,
    },
    /// A peer reached us; the handshake begins.
    Accepted(ConnectionFacts),
    /// A peer could not be accepted. Accepting goes on.
    AcceptFailed {
        /// The endpoint.
        endpoint: String,
        /// What the system said.
        reason: String,
    },
    /// A peer was turned away because too many handshakes are under way.
    TooManyHandshakes {
        /// The endpoint.
        endpoint: String,
    },
    /// The peer is ready to be talked to.
    HandshakeSucceeded(ConnectionFacts),
    /// A connection ended before its handshake was done.
    HandshakeFailed {
        /// The connection.
        peer: ConnectionFacts,
        /// Why.
        reason: DisconnectReason,
    },
    /// A connection ended.
    Disconnected {
        /// The connection.
        peer: ConnectionFacts,
        /// Why.
        reason: DisconnectReason,
    },
    /// A bound endpoint is closed.
    Closed {
        /// The endpoint.
        endpoint: String,
    },
    /// The monitor was read too slowly, and this many events were lost.
    Lagged(u64),
}

/// The sending side: every monitor of one socket.
#[derive(Debug, Default)]
pub(crate) struct Events {
    monitors: Mutex<Vec<Weak<Queue>>>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<QueueState>,
    waiting: WaitList,
}

#[derive(Debug, Default)]
struct QueueState {
    events: VecDeque<Event>,
    lost: u64,
    ended: bool,
}

impl Events {
    pub(crate) fn subscribe(&self) -> Monitor {
        let queue = Arc::new(Queue::default());
        self.monitors.lock().push(Arc::downgrade(&queue));
        Monitor { queue, ticket: None }
    }

    pub(crate) fn emit(&self, event: Event) {
        let mut monitors = self.monitors.lock();
        monitors.retain(|monitor| monitor.upgrade().inspect(|queue| queue.push(event.clone())).is_some());
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        for queue in self.monitors.get_mut().iter().filter_map(Weak::upgrade) {
            queue.state.lock().ended = true;
            queue.waiting.wake_all();
        }
    }
}

impl Queue {
    fn push(&self, event: Event) {
        let mut state = self.state.lock();
        if state.events.len() >= BACKLOG_MAX {
            state.events.pop_front();
            state.lost += 1;
        }
        state.events.push_back(event);
        drop(state);
        self.waiting.wake_all();
    }

    /// The next event; `Some(None)` after the last.
    fn pop(&self) -> Option<Option<Event>> {
        let mut state = self.state.lock();
        if state.lost > 0 {
            return Some(Some(Event::Lagged(std::mem::take(&mut state.lost))));
        }
        match state.events.pop_front() {
            Some(event) => Some(Some(event)),
            None => state.ended.then_some(None),
        }
    }
}

/// A stream of a socket's events from the moment it was made. A slow reader sees [`Event::Lagged`] and never
/// holds the socket up. Ends after the socket is closed.
#[derive(Debug)]
pub struct Monitor {
    queue: Arc<Queue>,
    ticket: Option<Ticket>,
}

impl Monitor {
    /// The next event; `None` after the socket is gone.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped.
    pub async fn recv(&self) -> Option<Event> {
        let mut place = Place::new(&self.queue.waiting);
        std::future::poll_fn(|cx| place.poll(cx, || self.queue.pop())).await
    }

    /// The next event if one is there.
    pub fn try_recv(&self) -> Option<Event> {
        self.queue.pop().flatten()
    }

    /// [`recv`](Self::recv) for plain threads.
    pub fn recv_blocking(&self) -> Option<Event> {
        block_on(self.recv())
    }
}

impl Stream for Monitor {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(event) = self.queue.pop() {
            return Poll::Ready(event);
        }
        let Self { queue, ticket } = &mut *self;
        queue.waiting.register(ticket, cx.waker());
        queue.pop().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.queue.waiting.remove(&mut self.ticket);
    }
}
