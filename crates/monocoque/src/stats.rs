//! What a socket has done so far, in numbers.
//!
//! Nothing is counted for this on the way of a message: pipes count what passes them a batch at a time, links count system
//! calls, and a snapshot adds it up.

use monocoque_core::budget::Budget;
use monocoque_core::pipe::Flow;
use monocoque_core::stats::DropCause;
use monocoque_io::LinkCounts;

use crate::core::Core;
use crate::monitor::{ConnectionFacts, Handshakes};

/// Messages and their bytes, as they are encoded: with two bytes of head for each frame, or nine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Messages. A subscription counts as one on its way to a publisher.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What the sockets of a context hold of what their peers sent: [`Context::memory`](crate::Context::memory).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MemoryStats {
    /// Bytes that are held.
    pub held_bytes: usize,
    /// The [ceiling](crate::ContextBuilder::memory_max), if there is one.
    pub max_bytes: Option<usize>,
    /// How often a connection had to wait for memory before it read on.
    pub reads_put_off: u64,
}

impl MemoryStats {
    pub(crate) fn of(ceiling: &Budget) -> Self {
        Self { held_bytes: ceiling.held(), max_bytes: Some(ceiling.bytes_max()), reads_put_off: ceiling.put_off() }
    }
}

/// One connection, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Which one.
    pub facts: ConnectionFacts,
    /// Messages that were taken to be written. Of an endpoint that was connected again, those of its connections
    /// before too: they share a queue.
    pub sent: Counted,
    /// Messages that came, received by the application or not.
    pub received: Counted,
    /// What waits to be written.
    pub send_queue: Counted,
    /// What waits to be received.
    pub recv_queue: Counted,
    /// System calls and the bytes that they moved.
    pub link: LinkCounts,
}

/// A socket, in numbers: [`Socket::stats`](crate::Socket::stats).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketStats {
    /// Messages that left the queues to the peers.
    pub sent: Counted,
    /// Messages that came from the peers, received by the application or not.
    pub received: Counted,
    /// What waits to be sent.
    pub send_queue: Counted,
    /// What waits to be received.
    pub recv_queue: Counted,
    /// Messages dropped, by cause; causes of none are left out.
    pub drops: Vec<(DropCause, u64)>,
    /// Handshakes, by how they ended.
    pub handshakes: Handshakes,
    /// Attempts to connect that followed another one, or a connection that ended.
    pub reconnects: u64,
    /// Connections given up because the peer gave no sign of life.
    pub heartbeat_misses: u64,
    /// System calls on all links so far, and the bytes that they moved.
    pub link: LinkCounts,
    /// The connections that are there.
    pub connections: Vec<ConnectionStats>,
}

impl SocketStats {
    /// Messages that one system call wrote, on average: how well the load batches.
    pub fn messages_per_write(&self) -> f64 {
        ratio(self.sent.messages, self.link.writes)
    }

    /// System calls for each message that went or came, on average.
    pub fn calls_per_message(&self) -> f64 {
        ratio(self.link.writes + self.link.reads, self.sent.messages + self.received.messages)
    }

    pub(crate) fn of(core: &Core) -> Self {
        let flows = core.hub.flows();
        let drops = core.hub.drops();
        let registry = core.events.registry();
        let connections = registry.connections.iter().map(|live| {
            let flow = live.link.and_then(|link| flows.links.iter().find(|(other, ..)| *other == link));
            let (out, come) = flow.map_or_else(Default::default, |(_, out, come)| (*out, *come));
            ConnectionStats {
                facts: ConnectionFacts::of(&live.peer),
                sent: passed(out),
                received: passed(come),
                send_queue: queued(out),
                recv_queue: queued(come),
                link: live.traffic.counts(),
            }
        });
        Self {
            connections: connections.collect(),
            sent: passed(flows.sent),
            received: passed(flows.received),
            send_queue: queued(flows.sent),
            recv_queue: queued(flows.received),
            drops: DropCause::ALL.map(|cause| (cause, drops.of(cause))).into_iter().filter(|(_, n)| *n > 0).collect(),
            handshakes: registry.handshakes,
            reconnects: registry.reconnects,
            heartbeat_misses: registry.heartbeat_misses,
            link: registry.link_counts(),
        }
    }
}

fn passed(flow: Flow) -> Counted {
    Counted { messages: flow.messages, bytes: flow.bytes }
}

fn queued(flow: Flow) -> Counted {
    Counted { messages: flow.queued_messages, bytes: flow.queued_bytes }
}

fn ratio(of: u64, to: u64) -> f64 {
    if to == 0 { 0.0 } else { of as f64 / to as f64 }
}
