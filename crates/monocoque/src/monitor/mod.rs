//! What happens to a socket's connections, as a stream of typed events.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::{Arc, MutexGuard, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use monocoque_core::protocol::{Blame, ProtocolError};
use monocoque_core::sync::Mutex;
use monocoque_core::wait::{Ticket, WaitList};
use monocoque_core::{RoutingId, SocketType};
use monocoque_io::{End, LinkTraffic};
use monocoque_pattern::{LinkId, PeerProperties};
use monocoque_tls::TlsFault;
use monocoque_ws::WsError;
use monocoque_zmtp::SessionError;

use crate::conversation::ConversationError;

use crate::block_on::block_on;
use crate::wait::Place;

mod registry;
mod trace;
mod wire;

pub(crate) use registry::Registry;
pub use registry::{Handshakes, Snapshot};
pub use wire::{MonitorError, MonitorForm, events};
pub(crate) use wire::{monitor_at, monitor_queues, stop_monitor};

/// Events that a monitor holds before it loses the oldest.
const BACKLOG_MAX: usize = 1024;

/// Which connection an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionFacts {
    /// A number that no other connection of this socket has.
    pub connection: u64,
    /// The endpoint that was bound or connected.
    pub endpoint: Arc<str>,
    /// Our end.
    pub local: Arc<str>,
    /// The peer's end, as much as the transport tells.
    pub remote: Arc<str>,
    /// What the peer is, once it said so; one of ZMTP 1.0 never does.
    pub socket_type: Option<SocketType>,
    /// The name that the peer chose, if it did.
    pub identity: Option<RoutingId>,
    /// The highest version of ZMTP that the peer announced, major and minor; 1.0 if it has none to announce.
    pub version: Option<(u8, u8)>,
    /// The security mechanism that let the peer in.
    pub mechanism: Option<&'static str>,
    /// Who the peer is to whoever let it in; none without such a mechanism.
    pub user_id: Option<String>,
    /// Whether we opened it.
    pub dialed: bool,
    /// The number of the connection's descriptor in this process; of use to look it up, not to use it.
    pub descriptor: i32,
}

impl ConnectionFacts {
    pub(crate) fn of(peer: &PeerProperties) -> Self {
        Self {
            connection: peer.connection,
            endpoint: Arc::clone(&peer.endpoint),
            local: Arc::clone(&peer.local),
            remote: Arc::clone(&peer.address),
            socket_type: peer.socket_type,
            identity: peer.identity.clone(),
            version: peer.version,
            mechanism: peer.mechanism,
            user_id: peer.user_id.clone(),
            dialed: peer.dialed,
            descriptor: peer.descriptor,
        }
    }
}

/// What the peer is, as far as it is known, and where: `DEALER 'worker-1' tcp://192.0.2.7:50000`. A version that is not
/// the usual one follows: `PUSH tcp://192.0.2.7:50000 (ZMTP 2.0)`.
impl fmt::Display for ConnectionFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kind) = self.socket_type {
            write!(f, "{kind} ")?;
        }
        if let Some(identity) = &self.identity {
            write!(f, "'{identity}' ")?;
        }
        f.write_str(&self.remote)?;
        match self.version {
            Some((major @ ..3, minor)) => write!(f, " (ZMTP {major}.{minor})"),
            _ => Ok(()),
        }
    }
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
    /// The [ceiling](crate::ContextBuilder::memory_max) was reached, others waited for memory, and this peer did not end the
    /// message for which it was held.
    Stalled,
    /// A rule of the protocol was broken, or a limit or time-out reached.
    Protocol(SessionError),
    /// A rule of WebSocket was broken, or the peer closed with a complaint (`ws://`, `wss://`).
    WebSocket(WsError),
    /// TLS was not to be had, or a rule of it was broken (`wss://`).
    Tls(TlsFault),
    /// The network failed.
    Network(String),
}

impl DisconnectReason {
    /// Who is at fault, if the protocol says so.
    pub fn blame(&self) -> Option<Blame> {
        match self {
            Self::Protocol(error) => Some(error.blame()),
            Self::WebSocket(error) => Some(error.blame()),
            Self::Tls(fault) => Some(fault.blame()),
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
            Self::Stalled => f.write_str("memory was short, and the peer did not end its message"),
            Self::Protocol(error) => error.fmt(f),
            Self::WebSocket(error) => error.fmt(f),
            Self::Tls(fault) => fault.fmt(f),
            Self::Network(error) => f.write_str(error),
        }
    }
}

impl From<End<ConversationError>> for DisconnectReason {
    fn from(end: End<ConversationError>) -> Self {
        match end {
            End::PeerClosed { truncated } => Self::PeerClosed { truncated },
            End::Refused => Self::Refused,
            End::Stalled => Self::Stalled,
            End::Link(error) => Self::Network(error.to_string()),
            End::Protocol(ConversationError::Session(error)) => Self::Protocol(error),
            End::Protocol(ConversationError::WebSocket(error)) => Self::WebSocket(error),
            End::Protocol(ConversationError::Tls(fault)) => Self::Tls(fault),
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
        /// The number of its descriptor.
        descriptor: i32,
    },
    /// An endpoint could not be bound.
    BindFailed {
        /// The endpoint.
        endpoint: String,
        /// Why, in words that name the endpoint.
        reason: String,
        /// The system's number for it, if the system refused.
        errno: Option<i32>,
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
        /// What kind of error that was: [`ConnectionRefused`](io::ErrorKind::ConnectionRefused) when nobody listens.
        kind: Option<io::ErrorKind>,
    },
    /// There will be no further attempt to connect.
    ConnectGivenUp {
        /// The endpoint.
        endpoint: String,
        /// Why: the last attempt failed, or the peer refused us for good; `None` after a connection that ended.
        reason: Option<String>,
        /// What kind of error it was, if an attempt failed.
        kind: Option<io::ErrorKind>,
    },
    /// A peer reached us; the handshake begins.
    Accepted(ConnectionFacts),
    /// A peer could not be accepted. Accepting goes on.
    AcceptFailed {
        /// The endpoint.
        endpoint: String,
        /// What the system said.
        reason: String,
        /// The system's number for it.
        errno: Option<i32>,
    },
    /// A peer was turned away because an accept filter does not let it in.
    Filtered {
        /// The endpoint.
        endpoint: String,
        /// The peer's end, as much as the transport tells.
        remote: String,
    },
    /// A peer was turned away because too many handshakes are under way.
    TooManyHandshakes {
        /// The endpoint.
        endpoint: String,
        /// Where the peer came from.
        remote: String,
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
        /// The number that its descriptor had.
        descriptor: i32,
    },
    /// What waits on a connection, because [`Socket::monitor_queues`](crate::Socket::monitor_queues) asked.
    Queues {
        /// The connection.
        peer: ConnectionFacts,
        /// Messages that wait to be written.
        outgoing: u64,
        /// Messages that wait to be received.
        incoming: u64,
    },
    /// The monitor was read too slowly, and this many events were lost.
    Lagged(u64),
}

/// One line for people. Its words may change; programs match on the variants.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { endpoint, .. } => write!(f, "listening at {endpoint}"),
            Self::BindFailed { reason, .. } => f.write_str(reason),
            Self::ConnectDelayed { endpoint } => write!(f, "connecting to {endpoint}"),
            Self::Connected(peer) => write!(f, "reached {}", peer.remote),
            Self::ConnectRetried { endpoint, after, reason, .. } => {
                write!(f, "trying {endpoint} again in {} ms", after.as_millis())?;
                because(f, reason.as_deref())
            }
            Self::ConnectGivenUp { endpoint, reason, .. } => {
                write!(f, "giving {endpoint} up")?;
                because(f, reason.as_deref())
            }
            Self::Accepted(peer) => write!(f, "reached by {} at {}", peer.remote, peer.endpoint),
            Self::AcceptFailed { endpoint, reason, .. } => write!(f, "cannot accept at {endpoint}: {reason}"),
            Self::Filtered { endpoint, remote } => write!(f, "{remote} may not come in at {endpoint}"),
            Self::TooManyHandshakes { endpoint, remote } => {
                write!(f, "too many handshakes at {endpoint}, turned {remote} away")
            }
            Self::HandshakeSucceeded(peer) => write!(f, "ready: {peer}"),
            Self::HandshakeFailed { peer, reason } => write!(f, "no handshake with {}: {reason}", peer.remote),
            Self::Disconnected { peer, reason } => write!(f, "gone: {peer}: {reason}"),
            Self::Closed { endpoint, .. } => write!(f, "closed {endpoint}"),
            Self::Queues { peer, outgoing, incoming } => {
                write!(f, "{outgoing} messages wait for {peer}, {incoming} of it")
            }
            Self::Lagged(events) => write!(f, "{events} events were lost: the monitor was read too slowly"),
        }
    }
}

fn because(f: &mut fmt::Formatter<'_>, reason: Option<&str>) -> fmt::Result {
    reason.map_or(Ok(()), |reason| write!(f, ": {reason}"))
}

/// The sending side: every monitor of one socket, and what there is now.
#[derive(Debug)]
pub(crate) struct Events {
    of: SocketType,
    shared: Mutex<Shared>,
    /// Which of them is told on as libzmq's messages.
    wire: Mutex<Option<wire::Told>>,
}

#[derive(Debug, Default)]
struct Shared {
    monitors: Vec<Weak<Queue>>,
    registry: Registry,
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
    /// Of a socket of type `of`.
    pub(crate) fn new(of: SocketType) -> Self {
        Self { of, shared: Mutex::default(), wire: Mutex::default() }
    }

    pub(crate) fn subscribe(&self) -> Monitor {
        self.watch().1
    }

    /// What there is, and what happens from then on.
    pub(crate) fn watch(&self) -> (Snapshot, Monitor) {
        let queue = Arc::new(Queue::default());
        let mut shared = self.shared.lock();
        // Those that are gone are found by the next event otherwise, which may be long in coming.
        shared.monitors.retain(|monitor| monitor.strong_count() > 0);
        shared.monitors.push(Arc::downgrade(&queue));
        (shared.registry.snapshot(), Monitor { queue, ticket: None })
    }

    pub(crate) fn registry(&self) -> impl Deref<Target = Registry> {
        Guard(self.shared.lock())
    }

    /// A link is up; its handshake begins.
    pub(crate) fn begun(&self, peer: &Arc<PeerProperties>, traffic: &Arc<LinkTraffic>) {
        let facts = ConnectionFacts::of(peer);
        let trace = trace::Trace::new(self.of, &facts);
        let event = if facts.dialed { Event::Connected(facts) } else { Event::Accepted(facts) };
        self.tell(event, |registry| registry.begun(peer, traffic, trace));
    }

    /// The peer of a connection is about to enter the hub, as this link: who looks for links there finds it before it is sent to.
    pub(crate) fn joins(&self, peer: &PeerProperties, link: LinkId) {
        self.shared.lock().registry.joins(peer.connection, link);
    }

    /// The peer is ready, and in the hub.
    pub(crate) fn ready(&self, peer: &Arc<PeerProperties>) {
        let event = Event::HandshakeSucceeded(ConnectionFacts::of(peer));
        self.tell(event, |registry| registry.ready(peer));
    }

    pub(crate) fn emit(&self, event: Event) {
        self.tell(event, |_| ());
    }

    fn tell(&self, event: Event, change: impl FnOnce(&mut Registry)) {
        let trace = self.shared.lock().take_in(&event, change);
        // Not under the lock: who is told there is not ours.
        trace::tell(self.of, trace.as_ref(), &event);
    }
}

impl Shared {
    fn take_in(&mut self, event: &Event, change: impl FnOnce(&mut Registry)) -> Option<trace::Trace> {
        change(&mut self.registry);
        let trace = self.registry.trace_of(event);
        self.registry.note(event);
        self.monitors.retain(|monitor| monitor.upgrade().inspect(|queue| queue.push(event.clone())).is_some());
        trace
    }
}

/// The registry under its lock.
struct Guard<'a>(MutexGuard<'a, Shared>);

impl Deref for Guard<'_> {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.0.registry
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        for queue in self.shared.get_mut().monitors.iter().filter_map(Weak::upgrade) {
            queue.end();
        }
    }
}

impl Queue {
    fn push(&self, event: Event) {
        let mut state = self.state.lock();
        if state.ended {
            return;
        }
        if state.events.len() >= BACKLOG_MAX {
            state.events.pop_front();
            state.lost += 1;
        }
        state.events.push_back(event);
        drop(state);
        self.waiting.wake_all();
    }

    /// There are no more events.
    fn end(&self) {
        self.state.lock().ended = true;
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
/// holds the socket up. Ends when the socket is gone: its last handle dropped, and its connections ended.
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

    /// Whether the socket is gone, though some of what happened may be unread.
    pub(crate) fn has_ended(&self) -> bool {
        self.queue.state.lock().ended
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

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(identity: Option<&str>) -> ConnectionFacts {
        ConnectionFacts {
            connection: 1,
            endpoint: "tcp://*:5555".into(),
            local: "tcp://192.0.2.1:5555".into(),
            remote: "tcp://192.0.2.7:50000".into(),
            socket_type: identity.map(|_| SocketType::Dealer),
            identity: identity.map(|name| RoutingId::new(name).expect("valid")),
            version: Some((3, 1)),
            mechanism: Some("NULL"),
            user_id: None,
            dialed: false,
            descriptor: 7,
        }
    }

    #[test]
    fn every_event_is_one_plain_line() {
        let at = || "tcp://host:1".to_owned();
        let refused = || (Some("refused".to_owned()), Some(io::ErrorKind::ConnectionRefused));
        let retried =
            |(reason, kind)| Event::ConnectRetried { endpoint: at(), after: Duration::from_millis(50), reason, kind };
        let given_up = |(reason, kind)| Event::ConnectGivenUp { endpoint: at(), reason, kind };
        let gone = |reason| Event::Disconnected { peer: facts(Some("worker-1")), reason };
        let lines = [
            (Event::Listening { endpoint: at(), descriptor: 7 }, "listening at tcp://host:1"),
            (
                Event::BindFailed { endpoint: at(), reason: "tcp://host:1 is in use".into(), errno: None },
                "tcp://host:1 is in use",
            ),
            (Event::ConnectDelayed { endpoint: at() }, "connecting to tcp://host:1"),
            (Event::Connected(facts(None)), "reached tcp://192.0.2.7:50000"),
            (retried((None, None)), "trying tcp://host:1 again in 50 ms"),
            (retried(refused()), "trying tcp://host:1 again in 50 ms: refused"),
            (given_up((None, None)), "giving tcp://host:1 up"),
            (given_up(refused()), "giving tcp://host:1 up: refused"),
            (Event::Accepted(facts(None)), "reached by tcp://192.0.2.7:50000 at tcp://*:5555"),
            (
                Event::AcceptFailed { endpoint: at(), reason: "full".into(), errno: None },
                "cannot accept at tcp://host:1: full",
            ),
            (
                Event::TooManyHandshakes { endpoint: at(), remote: "tcp://10.0.0.1:9".into() },
                "too many handshakes at tcp://host:1, turned tcp://10.0.0.1:9 away",
            ),
            (Event::HandshakeSucceeded(facts(Some("worker-1"))), "ready: DEALER 'worker-1' tcp://192.0.2.7:50000"),
            (
                Event::HandshakeFailed { peer: facts(None), reason: DisconnectReason::Refused },
                "no handshake with tcp://192.0.2.7:50000: the socket takes no further peer",
            ),
            (gone(DisconnectReason::Local), "gone: DEALER 'worker-1' tcp://192.0.2.7:50000: closed by us"),
            (Event::Closed { endpoint: at(), descriptor: 7 }, "closed tcp://host:1"),
            (Event::Lagged(3), "3 events were lost: the monitor was read too slowly"),
        ];
        for (event, line) in lines {
            assert_eq!(event.to_string(), line);
        }
    }

    #[test]
    fn an_older_version_is_told() {
        let told = |version, socket_type| ConnectionFacts { version, socket_type, ..facts(None) }.to_string();
        assert_eq!(told(Some((2, 0)), Some(SocketType::Push)), "PUSH tcp://192.0.2.7:50000 (ZMTP 2.0)");
        assert_eq!(told(Some((1, 0)), None), "tcp://192.0.2.7:50000 (ZMTP 1.0)");
        assert_eq!(told(Some((3, 0)), None), "tcp://192.0.2.7:50000");
    }

    #[test]
    fn what_a_peer_calls_itself_does_not_break_the_line() {
        let line = Event::HandshakeSucceeded(facts(Some("a\n\u{1b}[2J'"))).to_string();
        assert_eq!(line, r"ready: DEALER 'a\n\x1b[2J\'' tcp://192.0.2.7:50000");
    }
}
