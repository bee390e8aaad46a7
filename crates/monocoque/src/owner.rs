//! Between the connections of `monocoque-io` and the hub: ZMTP sessions, pipes and events.

use std::io;
use std::sync::Arc;

use monocoque_core::batch::Batch;
use monocoque_core::pipe::{BatchSink, BatchSource, ReadTurns};
use monocoque_core::protocol::ProtocolError;
use monocoque_core::stats::DropCause;
use monocoque_core::sync::Mutex;
use monocoque_io::{End, Ended, HalfOpen, Host, LinkEvent, LinkFacts, Owner, Pipes, Retry};
use monocoque_pattern::{LinkId, PeerFacts, PeerKey, PeerProperties};
use monocoque_zmtp::PeerInfo;

use crate::conversation::{Conversation, ConversationError, Speech};
use crate::core::Core;
use crate::monitor::{ConnectionFacts, DisconnectReason, Event};
use crate::options::ReconnectStop;

/// A connected endpoint: its link, and its outgoing pipe while no connection has it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) link: LinkId,
    outgoing: Mutex<Outgoing>,
}

#[derive(Debug, Default)]
struct Outgoing {
    pipe: Option<BatchSource>,
    /// The socket has left it: connections are for what is in the pipe.
    leaving: bool,
    /// No connection will come for it any more.
    retired: bool,
}

impl Target {
    pub(crate) fn new(link: LinkId) -> Self {
        Self { link, outgoing: Mutex::default() }
    }

    /// Keeps the pipe for the next connection; returns how many messages are lost because there will be none.
    pub(crate) fn keep(&self, pipe: BatchSource) -> usize {
        let mut outgoing = self.outgoing.lock();
        if outgoing.retired {
            return pipe.queued();
        }
        outgoing.pipe = Some(pipe);
        0
    }

    /// The socket is to leave it.
    pub(crate) fn leave(&self) {
        self.outgoing.lock().leaving = true;
    }

    fn is_left(&self) -> bool {
        self.outgoing.lock().leaving
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.outgoing.lock().retired
    }

    /// Whether no connection has the pipe, and nothing is in it.
    pub(crate) fn is_spent(&self) -> bool {
        self.outgoing.lock().pipe.as_ref().is_some_and(|pipe| pipe.queued() == 0)
    }

    /// There will be no further connection.
    pub(crate) fn retire(&self) {
        let mut outgoing = self.outgoing.lock();
        outgoing.retired = true;
        outgoing.pipe = None;
    }

    /// Messages that wait for the next connection.
    pub(crate) fn queued(&self) -> usize {
        self.outgoing.lock().pipe.as_ref().map_or(0, BatchSource::queued)
    }
}

/// The owner of all connections of one endpoint.
#[derive(Debug)]
pub(crate) struct ZmtpOwner {
    core: Arc<Core>,
    endpoint: Arc<str>,
    /// Where we connect to; `None` where we accept.
    target: Option<Arc<Target>>,
    /// As the options were when the endpoint was made.
    speech: Speech,
    reconnect_stop: ReconnectStop,
    immediate: bool,
}

impl ZmtpOwner {
    pub(crate) fn accepting(core: &Arc<Core>, endpoint: String, speech: Speech) -> Self {
        Self::new(core, endpoint, speech, None)
    }

    pub(crate) fn dialing(core: &Arc<Core>, endpoint: String, speech: Speech, target: &Arc<Target>) -> Self {
        Self::new(core, endpoint, speech, Some(Arc::clone(target)))
    }

    fn new(core: &Arc<Core>, endpoint: String, speech: Speech, target: Option<Arc<Target>>) -> Self {
        let options = core.options();
        Self {
            core: Arc::clone(core),
            endpoint: endpoint.into(),
            target,
            speech,
            reconnect_stop: options.reconnect_stop,
            immediate: options.immediate,
        }
    }

    /// The endpoint takes no further share of what is sent; what is queued for it is lost, and counted.
    fn give_up(&self) {
        if let Some(target) = &self.target {
            self.core.hub.detach(target.link);
            // Of one that the socket has left the hub has no pipe to count.
            self.core.hub.drops().count(DropCause::PeerGone, target.queued() as u64);
            target.retire();
            self.core.forget_left();
            self.core.idle.wake_all();
        }
    }

    /// What is known of a link that has just come up.
    fn properties(&self, facts: &LinkFacts, connection: u64) -> Arc<PeerProperties> {
        let mut properties = PeerProperties::default();
        properties.connection = connection;
        properties.descriptor = facts.descriptor;
        properties.dialed = self.target.is_some();
        properties.endpoint = Arc::clone(&self.endpoint);
        // Of those that were accepted at one address all have the same.
        let is_bound = *facts.local == *self.endpoint;
        properties.local = if is_bound { Arc::clone(&self.endpoint) } else { facts.local.as_str().into() };
        properties.address = facts.remote.as_str().into();
        Arc::new(properties)
    }
}

impl Owner for ZmtpOwner {
    type Protocol = Conversation;
    type Host = ZmtpHost;

    fn begin(&self, facts: &LinkFacts, permit: Option<HalfOpen>) -> (Conversation, ZmtpHost) {
        let conversation = self.speech.begin(facts);
        let traffic = &facts.traffic;
        let properties = self.properties(facts, self.core.connection_number());
        self.core.events.begun(&properties, traffic);
        let (core, target) = (Arc::clone(&self.core), self.target.clone());
        let (permit, immediate, conflates) = (permit.map(Box::new), self.immediate, core.conflates_incoming());
        (conversation, ZmtpHost { core, target, properties, permit, peer: None, live: false, immediate, conflates })
    }

    fn end(&self, host: ZmtpHost, ended: Ended<ConversationError>) -> Retry {
        let stops = self.reconnect_stop.handshake_failed && !ended.was_ready;
        let refused = match &ended.end {
            End::Protocol(error) if stops || !error.may_retry() => Some(error.to_string()),
            End::PeerClosed { .. } | End::Link(_) if stops => Some("the link ended during the handshake".to_owned()),
            _ => None,
        };
        // The application has ended it, and not the whole socket.
        let parted = matches!(ended.end, End::Finished) && !self.core.is_closing();
        let is_over = refused.is_some() || matches!(ended.end, End::Finished | End::Stopped);
        host.end(ended);
        // The socket has left, and so has what it sent.
        let is_left = self.target.as_ref().is_some_and(|target| target.is_left() && target.queued() == 0);
        if parted || is_left {
            self.give_up();
        } else if self.target.is_none() {
            self.core.forget_left();
        }
        if refused.is_some() && self.target.is_some() {
            self.give_up();
            let endpoint = self.endpoint.to_string();
            self.core.events.emit(Event::ConnectGivenUp { endpoint, reason: refused, kind: None });
        }
        if is_over || is_left { Retry::No } else { Retry::Yes }
    }

    fn event(&self, event: LinkEvent) {
        let endpoint = self.endpoint.to_string();
        self.core.events.emit(match event {
            LinkEvent::ConnectDelayed => Event::ConnectDelayed { endpoint },
            LinkEvent::ConnectRetried { after, error } => {
                let (reason, kind) = told(error);
                Event::ConnectRetried { endpoint, after, reason, kind }
            }
            LinkEvent::ConnectGivenUp { error } => {
                self.give_up();
                let (reason, kind) = told(error);
                Event::ConnectGivenUp { endpoint, reason, kind }
            }
            LinkEvent::AcceptFailed(error) => {
                Event::AcceptFailed { endpoint, reason: error.to_string(), errno: error.raw_os_error() }
            }
            LinkEvent::Filtered { remote } => Event::Filtered { endpoint, remote },
            LinkEvent::TooManyHandshakes { remote } => Event::TooManyHandshakes { endpoint, remote },
            LinkEvent::ListenerClosed { descriptor } => {
                self.core.state.lock().listening -= 1;
                self.core.idle.wake_all();
                Event::Closed { endpoint, descriptor }
            }
            // Told with the connection's number in `begin`.
            _ => return,
        });
    }
}

/// An error in words, and its kind.
fn told(error: Option<io::Error>) -> (Option<String>, Option<io::ErrorKind>) {
    error.map(|error| (error.to_string(), error.kind())).unzip()
}

/// One connection's way to its socket.
#[derive(Debug)]
pub(crate) struct ZmtpHost {
    core: Arc<Core>,
    target: Option<Arc<Target>>,
    properties: Arc<PeerProperties>,
    /// Boxed: a peer that is ready has none.
    permit: Option<Box<HalfOpen>>,
    /// The peer in the hub, once it is there: without a key if the socket has left it.
    peer: Option<(LinkId, Option<PeerKey>)>,
    /// Counted among the socket's live connections.
    live: bool,
    /// The pipe goes with the connection.
    immediate: bool,
    /// What comes in replaces what came before.
    conflates: bool,
}

impl Host<Conversation> for ZmtpHost {
    fn ready(&mut self, peer: PeerInfo) -> Option<Pipes> {
        let permit = self.permit.take();
        let is_over = || permit.as_ref().is_some_and(|permit| permit.is_over());
        if is_over() {
            return None;
        }
        // Before its pipe leaves the target and before anyone sees the peer, so that no close overlooks it.
        self.core.state.lock().live += 1;
        self.live = true;
        let pipes = self.admit(peer);
        match self.peer {
            None => self.gone(),
            // It was unbound meanwhile.
            Some((link, _)) if is_over() => self.core.hub.finish_link(link),
            Some(_) => {}
        }
        pipes
    }

    fn delivered(&mut self, incoming: &BatchSink, lost: usize) {
        let drops = self.core.hub.drops();
        drops.count(DropCause::PeerGone, lost as u64);
        if self.conflates {
            drops.count(DropCause::Conflated, incoming.take_conflated() as u64);
        }
        if self.core.socket_type().publishes() {
            self.core.hub.upstream();
        }
    }

    /// Whoever closes the socket need not wait for the peer to close too.
    fn parted(&mut self) {
        self.gone();
    }

    fn turns(&self) -> Option<&ReadTurns> {
        Some(self.core.hub.signals().turns())
    }
}

impl ZmtpHost {
    fn gone(&mut self) {
        if std::mem::take(&mut self.live) {
            self.core.state.lock().live -= 1;
            self.core.idle.wake_all();
        }
    }

    fn admit(&mut self, peer: PeerInfo) -> Option<Pipes> {
        let commands = peer.takes_commands();
        let known = Arc::make_mut(&mut self.properties);
        known.socket_type = peer.told_type();
        known.identity.clone_from(&peer.identity);
        if peer.major > 0 {
            known.version = Some(peer.announced);
            known.mechanism = Some(peer.mechanism);
            known.user_id = peer.user_id;
        }
        known.metadata = peer.metadata;
        let (link, outgoing) = self.outgoing()?;
        let (incoming, reader) = self.core.incoming_pipe();
        let properties = Some(Arc::clone(&self.properties));
        let facts = PeerFacts { socket_type: peer.socket_type, identity: peer.identity, commands, properties };
        self.core.events.joins(&self.properties, link);
        let key = self.core.hub.up(link, facts, reader).ok();
        if key.is_none() && !self.target.as_ref().is_some_and(|target| target.is_left()) {
            match &self.target {
                Some(target) => drop(target.keep(outgoing)),
                None => drop(self.core.hub.release(link)),
            }
            return None;
        }
        self.peer = Some((link, key));
        self.core.events.ready(&self.properties);
        Some(Pipes { outgoing, incoming })
    }

    /// The link and its outgoing pipe: the one kept from connection to connection, or a new one.
    fn outgoing(&self) -> Option<(LinkId, BatchSource)> {
        if let Some(target) = &self.target {
            if let Some(kept) = target.outgoing.lock().pipe.take() {
                return Some((target.link, kept));
            }
            return Some((target.link, self.attach(target.link)?));
        }
        if self.core.is_closing() {
            return None;
        }
        let link = self.core.hub.open();
        Some((link, self.attach(link)?))
    }

    fn attach(&self, link: LinkId) -> Option<BatchSource> {
        let (writer, reader) = self.core.outgoing_pipe();
        if self.core.hub.attach(link, writer).is_ok() {
            return Some(reader);
        }
        if self.target.is_none() {
            self.core.hub.release(link);
        }
        None
    }

    fn end(mut self, ended: Ended<ConversationError>) {
        let reason = match DisconnectReason::from(ended.end) {
            // We parted, and it followed.
            DisconnectReason::PeerClosed { truncated: 0 } if self.core.is_closing() => DisconnectReason::Local,
            reason => reason,
        };
        let Some((link, key)) = self.peer else {
            let peer = ConnectionFacts::of(&self.properties);
            return self.core.events.emit(Event::HandshakeFailed { peer, reason });
        };
        self.core.hub.drops().count(DropCause::Cut, ended.cut as u64);
        match key {
            Some(key) if self.target.is_some() => self.core.hub.interrupted(key),
            Some(key) => self.core.hub.down(key),
            None => {}
        }
        match (&self.target, ended.outgoing) {
            (Some(target), Some(outgoing)) if !self.immediate => {
                let lost = target.keep(outgoing);
                self.core.hub.drops().count(DropCause::PeerGone, lost as u64);
            }
            (target, outgoing) => self.leave(link, target.is_some(), outgoing),
        }
        self.core.events.emit(Event::Disconnected { peer: ConnectionFacts::of(&self.properties), reason });
        self.gone();
    }

    /// The pipe does not outlive the connection: what is in it is lost, and counted.
    fn leave(&self, link: LinkId, may_return: bool, outgoing: Option<BatchSource>) {
        let is_closing = self.core.is_closing();
        if is_closing || self.target.as_ref().is_some_and(|target| target.is_left()) {
            // Taken here, so that the hub does not count them again as lost with their peer.
            let mut rest = Batch::default();
            outgoing.map(|mut outgoing| outgoing.take(&mut rest));
            self.core.state.lock().lost += if is_closing { rest.messages } else { 0 };
            self.core.hub.drops().count(DropCause::Linger, rest.messages as u64);
        }
        if may_return {
            self.core.hub.detach(link);
        } else {
            self.core.hub.release(link);
        }
    }
}
