//! Peers of a hub: the far ends of a link's two pipes, as a connection holds them.

use monocoque_core::batch::Batch;
use monocoque_core::pipe::{BatchSource, Mark, PipeWriter, Taken, direct_pipe, pipe, pipe_to_link};
use monocoque_core::slab::Arena;
use monocoque_core::{Message, RoutingId, SocketType};
use monocoque_pattern::{Hub, HubConfig, PeerFacts};

use crate::BODY;

/// More than any bench queues at once.
const MARK: Mark = Mark::messages(10_000);

pub struct Peer {
    pub to_hub: PipeWriter,
    from_hub: BatchSource,
    batch: Batch,
}

impl Peer {
    /// Joins `hub` as a peer of type `theirs`.
    pub fn join(hub: &Hub, arena: &Arena, theirs: SocketType, identity: Option<RoutingId>) -> Self {
        let link = hub.open();
        let (writer, from_hub) = pipe_to_link(MARK, false, arena);
        let (to_hub, reader) = pipe(MARK, false, arena);
        hub.attach(link, writer).expect("room for a peer");
        hub.up(link, PeerFacts { socket_type: theirs, identity, commands: true, properties: None }, reader)
            .expect("attached");
        Self { to_hub, from_hub, batch: Batch::default() }
    }

    /// Queues `count` messages for the hub.
    pub fn fill(&mut self, count: usize, message: &Message) {
        (0..count).for_each(|_| self.to_hub.push(message).expect("within the mark"));
    }

    /// Takes all that the hub sent, as a write pump does that is not done with it before more comes: the pipe never
    /// finds its reader waiting.
    pub fn drain(&mut self) {
        assert_eq!(self.from_hub.take(&mut self.batch), Taken::Some, "the hub sends to every peer");
        assert!(self.batch.bytes >= self.batch.messages * BODY.len(), "whole messages, not what is left of them");
        self.batch.clear();
    }
}

/// A hub of type `ours` with `count` nameless peers of type `theirs`.
pub fn hub_with(ours: SocketType, theirs: SocketType, count: usize) -> (Hub, Vec<Peer>) {
    let (hub, arena) = (Hub::new(HubConfig::new(ours)), Arena::new());
    let peers = (0..count).map(|_| Peer::join(&hub, &arena, theirs, None)).collect();
    (hub, peers)
}

/// Joins two hubs with two pipes and nothing between, as inproc does.
pub fn connect(a: (&Hub, SocketType), b: (&Hub, SocketType)) {
    let arena = Arena::new();
    let (to_b, from_a) = direct_pipe(MARK, false, &arena);
    let (to_a, from_b) = direct_pipe(MARK, false, &arena);
    for ((hub, _), (_, theirs), writer, reader) in [(a, b, to_b, from_b), (b, a, to_a, from_a)] {
        let link = hub.open();
        hub.attach(link, writer).expect("room for a peer");
        hub.up(link, PeerFacts { socket_type: theirs, identity: None, commands: true, properties: None }, reader)
            .expect("attached");
    }
}
