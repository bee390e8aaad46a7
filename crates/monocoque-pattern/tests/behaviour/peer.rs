//! A fake peer: the far ends of a link's two pipes.

use monocoque_core::batch::Unit;
use monocoque_core::pipe::{Mark, PipeReader, PipeWriter, pipe};
use monocoque_core::slab::Arena;
use monocoque_core::{Message, RoutingId, SocketType};
use monocoque_pattern::{Hub, HubConfig, LinkId, PeerFacts, PeerKey};

pub const MARK: u32 = 100;

pub struct Peer {
    pub link: LinkId,
    pub key: PeerKey,
    pub to_hub: PipeWriter,
    pub from_hub: PipeReader,
}

pub fn hub(kind: SocketType) -> Hub {
    Hub::new(HubConfig::new(kind))
}

pub fn hub_with(kind: SocketType, set: impl FnOnce(&mut HubConfig)) -> Hub {
    let mut config = HubConfig::new(kind);
    set(&mut config);
    Hub::new(config)
}

/// Facts of a peer of the first type that `of` talks to.
pub fn facts(of: SocketType, id: Option<&str>) -> PeerFacts {
    let identity = id.map(|id| RoutingId::new(id).expect("valid"));
    PeerFacts { socket_type: of.peers()[0], identity, commands: true, properties: None }
}

pub fn attach(hub: &Hub, mark: u32) -> (LinkId, PipeReader) {
    let link = hub.open();
    let (writer, from_hub) = pipe(Mark::messages(mark), false, &Arena::new());
    hub.attach(link, writer).expect("room for a peer");
    (link, from_hub)
}

/// Brings an attached link up.
pub fn up(hub: &Hub, link: LinkId, from_hub: PipeReader, facts: PeerFacts) -> Peer {
    let (to_hub, reader) = pipe(Mark::messages(MARK), false, &Arena::new());
    let key = hub.up(link, facts, reader).expect("attached");
    Peer { link, key, to_hub, from_hub }
}

pub fn join_with(hub: &Hub, facts: PeerFacts, mark: u32) -> Peer {
    let (link, from_hub) = attach(hub, mark);
    up(hub, link, from_hub, facts)
}

/// A peer of the type `theirs`.
pub fn join(hub: &Hub, theirs: SocketType) -> Peer {
    join_with(hub, PeerFacts { socket_type: theirs, identity: None, commands: true, properties: None }, MARK)
}

pub fn join_as(hub: &Hub, theirs: SocketType, id: impl AsRef<[u8]>) -> Peer {
    let identity = Some(RoutingId::received(id.as_ref()).expect("valid"));
    join_with(hub, PeerFacts { socket_type: theirs, identity, commands: true, properties: None }, MARK)
}

impl Peer {
    pub fn send(&mut self, message: impl Into<Message>) {
        self.to_hub.push(&message.into()).expect("room");
    }

    pub fn recv(&mut self) -> Option<Message> {
        match self.from_hub.next_unit()? {
            Unit::Message(message) => Some(message),
            Unit::Command(command) => panic!("no command expected: {command:?}"),
        }
    }

    /// The first frames of everything that is there, commands included.
    pub fn texts(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.from_hub.next_unit())
            .map(|unit| match unit {
                Unit::Message(message) => text(&message),
                Unit::Command(command) => String::from_utf8(command.to_vec()).expect("text"),
            })
            .collect()
    }

    pub fn subscribe(&mut self, topic: &str) {
        self.to_hub.push_command("SUBSCRIBE", topic.as_bytes());
    }

    pub fn cancel(&mut self, topic: &str) {
        self.to_hub.push_command("CANCEL", topic.as_bytes());
    }

    /// The connection is lost and comes again.
    pub fn reconnect(self, hub: &Hub, facts: PeerFacts) -> Peer {
        hub.down(self.key);
        up(hub, self.link, self.from_hub, facts)
    }
}

pub fn text(message: &Message) -> String {
    String::from_utf8(message.first().to_vec()).expect("text")
}

/// The first frames of everything the hub has for its application.
pub fn received(hub: &Hub) -> Vec<String> {
    std::iter::from_fn(|| hub.try_recv().ok()).map(|message| text(&message)).collect()
}

/// Connects two hubs as inproc does: two pipes and nothing between.
pub fn connect(a: (&Hub, SocketType), b: (&Hub, SocketType)) -> [(LinkId, PeerKey); 2] {
    let arena = Arena::new();
    let (to_b, from_a) = pipe(Mark::messages(MARK), false, &arena);
    let (to_a, from_b) = pipe(Mark::messages(MARK), false, &arena);
    let (link_a, link_b) = (a.0.open(), b.0.open());
    a.0.attach(link_a, to_b).expect("room for a peer");
    b.0.attach(link_b, to_a).expect("room for a peer");
    let facts = |socket_type| PeerFacts { socket_type, identity: None, commands: true, properties: None };
    let key_a = a.0.up(link_a, facts(b.1), from_b).expect("attached");
    let key_b = b.0.up(link_b, facts(a.1), from_a).expect("attached");
    [(link_a, key_a), (link_b, key_b)]
}
