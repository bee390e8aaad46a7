//! The hub: what an application may ask of a socket, by the rule of its type.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use monocoque_core::pipe::{Flow, Mark, PipeWriter};
use monocoque_core::stats::{DropCause, Drops};
use monocoque_core::sync::Mutex;
use monocoque_core::{Message, RoutingId, SocketType};

use crate::config::{RecvRule, SendRule};
use crate::identity::Claim;
use crate::lockstep::{Addressee, Turn, strip, wrap};
use crate::receiving::RecvSide;
use crate::sending::SendSide;
use crate::subscriptions::Wish;
use crate::{HubConfig, LinkId, PeerKey, PeerProperties, RecvRefused, SendReason, SendRefused, Signals};

/// A request of a REQ that is in flight, from [`Hub::request`] until its reply is taken or it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u32);

/// What went through the pipes of a socket, and waits in them: [`Hub::flows`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flows {
    /// To all peers.
    pub sent: Flow,
    /// From all peers: all that came, received by the application or not, and what waits for it.
    pub received: Flow,
    /// To and from each link that is not closed.
    pub links: Vec<(LinkId, Flow, Flow)>,
}

/// A socket's routing rule over the pipes of its peers.
///
/// Nothing here waits. A refusal that may pass names the [`Signals`] list that fires when it does: register
/// there first, then try once more, then wait. Every message that the hub drops is counted in
/// [`drops`](Self::drops).
///
/// The methods are of two kinds: for the application (here), and for whoever runs the connections
/// ([`open`](Self::open), [`attach`](Self::attach), [`up`](Self::up), [`down`](Self::down),
/// [`detach`](Self::detach), [`release`](Self::release), [`close_link`](Self::close_link),
/// [`upstream`](Self::upstream)).
///
/// ```
/// use monocoque_core::pipe::{Mark, pipe};
/// use monocoque_core::slab::Arena;
/// use monocoque_core::{Message, SocketType};
/// use monocoque_pattern::{Hub, HubConfig, PeerFacts};
///
/// let push = Hub::new(HubConfig::new(SocketType::Push));
/// let pull = Hub::new(HubConfig::new(SocketType::Pull));
/// let arena = Arena::new();
/// let (to_pull, from_push) = pipe(Mark::messages(1000), false, &arena);
/// let (to_push, from_pull) = pipe(Mark::messages(1000), false, &arena);
/// for (hub, theirs, writer, reader) in
///     [(&push, SocketType::Pull, to_pull, from_pull), (&pull, SocketType::Push, to_push, from_push)]
/// {
///     let link = hub.open();
///     hub.attach(link, writer)?;
///     hub.up(link, PeerFacts { socket_type: theirs, identity: None, commands: true, properties: None }, reader)?;
/// }
/// push.try_send(Message::from("over inproc, there is nothing between the two hubs but pipes"))?;
/// assert!(pull.try_recv().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Hub {
    pub(crate) socket_type: SocketType,
    pub(crate) send_rule: SendRule,
    pub(crate) recv_rule: RecvRule,
    pub(crate) signals: Arc<Signals>,
    pub(crate) drops: Arc<Drops>,
    /// Lets others run.
    pub(crate) give_way: Option<fn()>,
    /// Mirrors the send side's for a look without its lock.
    closed: AtomicBool,
    /// Mirrors the receive side's for a look without its lock.
    pub(crate) last_value: AtomicBool,
    // Lock order: `recv`, then `send`, then the `send` of a peer joined with no link between: reading its pipe asks
    // it for what it holds back. A type that reads under its own `send` has no peer that does (docs/decisions/0007).
    pub(crate) recv: Mutex<RecvSide>,
    pub(crate) send: Arc<Mutex<SendSide>>,
}

impl Hub {
    /// A hub without peers.
    pub fn new(config: HubConfig) -> Hub {
        let (send_rule, recv_rule) = (SendRule::of(config.socket_type), RecvRule::of(config.socket_type));
        let drops = Arc::new(Drops::default());
        Hub {
            send: Arc::new(Mutex::new(SendSide::new(&config, &drops))),
            closed: AtomicBool::new(false),
            last_value: AtomicBool::new(config.xpub_manual_last_value),
            signals: Arc::default(),
            socket_type: config.socket_type,
            send_rule,
            recv_rule,
            recv: Mutex::new(RecvSide::new(config, recv_rule, &drops)),
            drops,
            give_way: None,
        }
    }

    /// PUB, XPUB, RADIO: calls `give_way` after a message that no subscriber had room for, or that one of them is behind with,
    /// so that others may run: for where other threads read the pipes. Not for the sake of one who has stopped reading for
    /// more than [`GIVE_WAY_MAX`](monocoque_core::limits::GIVE_WAY_MAX) times in a row.
    #[must_use]
    pub fn giving_way(self, give_way: fn()) -> Hub {
        Hub { give_way: Some(give_way), ..self }
    }

    /// Changes the options; they act from here on, on the peers that are there too. What a hub is told at its birth stays:
    /// its type, and whether others read its pipes. Pipes that are there go on conflating, or not.
    pub fn reconfigure(&self, config: HubConfig) {
        let mut recv = self.recv.lock();
        let mut send = self.send.lock();
        self.last_value.store(config.xpub_manual_last_value, Ordering::Relaxed);
        send.reconfigure(&config);
        recv.config = HubConfig { socket_type: self.socket_type, ..config };
        drop((send, recv));
        // What was refused may be taken now, and the other way round.
        self.signals.writable.wake_all();
        self.signals.readable.wake_all();
    }

    /// Changes the marks of all pipes: of each link, what `marks` says of the one to the peer and the one from it.
    pub fn set_marks(&self, marks: impl Fn(LinkId) -> (Mark, Mark)) {
        let mut recv = self.recv.lock();
        let mut send = self.send.lock();
        for link in send.outlets.links() {
            let (to, from) = marks(link);
            send.outlets.at(link.slot).writer.iter().for_each(|writer| writer.set_mark(to));
            recv.fair.set_mark(link.slot, from);
        }
        // Full ones are asked again.
        send.balancer.heal_all();
        drop((send, recv));
        self.signals.writable.wake_all();
    }

    /// The far end of a link's pipe asks for the last message only: what is replaced there is dropped here, and counted.
    pub fn set_conflated(&self, link: LinkId) {
        if let Some(outlet) = self.send.lock().outlets.of(link) {
            outlet.conflates = true;
        }
    }

    /// Whether `link` is there.
    pub fn has_link(&self, link: LinkId) -> bool {
        self.send.lock().outlets.of(link).is_some()
    }

    /// What a caller may wait for.
    pub fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// Messages dropped so far, by cause.
    pub fn drops(&self) -> &Arc<Drops> {
        &self.drops
    }

    /// Sends by the rule of the socket type.
    ///
    /// - PUSH, DEALER, PAIR, CLIENT, SCATTER, CHANNEL: to the next peer that has room, attached ones in turn.
    /// - PUB, XPUB: to each matching subscriber once. One that is full misses it (counted), unless `no_drop`.
    /// - XSUB: one frame that begins with 1 or 0 subscribes or unsubscribes; others go to every publisher.
    /// - REQ: the next peer is asked; its reply must be received before the next send.
    /// - REP: answers the request received last. Dropped and counted if the peer is gone or full.
    /// - ROUTER: the first frame is the routing id, the rest is sent. Without route or room it is dropped
    ///   and counted, unless `router_mandatory`. SERVER, PEER: likewise, but it is always refused.
    /// - STREAM: likewise, of one frame; an empty one ends the connection when what is queued is written.
    /// - DGRAM: the first frame is the address, the second one the datagram.
    /// - RADIO: the first frame is the group, whose members get both frames, as of a PUB.
    ///
    /// # Errors
    /// [`SendRefused`] holds the message unchanged; [`SendReason`] says when to try again.
    pub fn try_send(&self, mut message: Message) -> Result<(), SendRefused> {
        self.try_send_from(&mut message).map_err(|reason| SendRefused::new(message, reason))
    }

    /// [`try_send`](Self::try_send) of a message that stays where it is: unchanged if it was refused, of no value
    /// if it was sent.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    #[inline]
    pub fn try_send_from(&self, message: &mut Message) -> Result<(), SendReason> {
        match self.send_rule {
            SendRule::Balance => self.send.lock().balance(&self.signals, message).map(|_| ()),
            SendRule::BalanceSingle => self.send_single(message),
            SendRule::BalanceAddressed => self.send_addressed(message),
            SendRule::Publish => self.publish(message),
            SendRule::Radiate => self.radiate(message),
            SendRule::Upstream => self.send_upstream(message),
            SendRule::Ask => self.ask(message),
            SendRule::Answer => self.answer(message),
            SendRule::Route => self.send_labelled(message),
            SendRule::Nowhere => Err(SendReason::Unsupported),
        }
    }

    /// Receives by the rule of the socket type.
    ///
    /// - PULL, DEALER, PAIR, XSUB, CLIENT, GATHER, CHANNEL, DGRAM: one message of each peer before the second of any.
    /// - SUB, DISH: likewise; what it is not subscribed to, or no member of (any more), is dropped and counted.
    /// - ROUTER, STREAM, SERVER, PEER: likewise, with the sender's routing id as an additional first frame.
    /// - REP: likewise; the envelope is taken off and kept for the answer, which must be sent next.
    /// - REQ: the reply of the peer that was asked. Other replies are dropped and counted.
    /// - XPUB: 1 or 0 and a topic when it is subscribed to or lost its last subscriber, and other messages
    ///   of subscribers.
    ///
    /// # Errors
    /// [`RecvRefused::Empty`] passes; [`RecvRefused::Closed`] comes when all that was received is taken.
    #[inline]
    pub fn try_recv(&self) -> Result<Message, RecvRefused> {
        let mut message = Message::new();
        self.try_recv_into(&mut message)?;
        Ok(message)
    }

    /// [`try_recv`](Self::try_recv) into a message that the caller has; of no value after an error.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    #[inline]
    pub fn try_recv_into(&self, into: &mut Message) -> Result<(), RecvRefused> {
        *into = match self.recv_rule {
            RecvRule::Fair | RecvRule::FairSingle | RecvRule::Subscribed | RecvRule::Joined => {
                let received = self.recv.lock().next_into(&self.signals, into);
                return if received { Ok(()) } else { Err(self.nothing()) };
            }
            RecvRule::Labelled => self.recv_labelled()?,
            RecvRule::Requests => self.recv_request()?,
            RecvRule::Replies => self.recv_reply()?,
            RecvRule::Notices => self.recv_notice()?.0,
            RecvRule::Nothing => return Err(RecvRefused::Unsupported),
        };
        Ok(())
    }

    /// ROUTER, SERVER, PEER: sends `message`, which holds no routing id and stays where it is, to the peer of `id`: unchanged if it
    /// was refused, of no value if it was sent.
    ///
    /// Without route or room a ROUTER drops and counts it, unless `router_mandatory`.
    ///
    /// # Errors
    /// [`SendReason::NoRoute`] and [`SendReason::Full`], of a ROUTER with `router_mandatory` only.
    pub fn try_send_to(&self, id: &RoutingId, message: &mut Message) -> Result<(), SendReason> {
        self.route(id.as_bytes(), message)
    }

    /// ROUTER: sends `message` to the next peer that has room, in turn; returns whose turn it was.
    ///
    /// # Errors
    /// [`SendReason::NoPeer`] and [`SendReason::Full`], as of a DEALER.
    pub fn try_send_any(&self, mut message: Message) -> Result<RoutingId, SendRefused> {
        if self.socket_type != SocketType::Router {
            return Err(SendRefused::new(message, SendReason::Unsupported));
        }
        let mut send = self.send.lock();
        match send.balance(&self.signals, &mut message) {
            Ok(slot) => Ok(send.outlets.at(slot).identity.clone().expect("a routed peer has an identity")),
            Err(reason) => Err(SendRefused::new(message, reason)),
        }
    }

    /// ROUTER, SERVER, PEER: receives a message into one that the caller has, and the routing id of its sender; of no value after an
    /// error.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_from(&self, id: &mut RoutingId, into: &mut Message) -> Result<(), RecvRefused> {
        if self.recv_rule != RecvRule::Labelled {
            return Err(RecvRefused::Unsupported);
        }
        let received = self.recv.lock().next_labelled(&self.signals, id, into);
        if received { Ok(()) } else { Err(self.nothing()) }
    }

    /// [`try_recv`](Self::try_recv), and what is known of the peer that the message came from.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_with_peer(&self) -> Result<(Message, Option<Arc<PeerProperties>>), RecvRefused> {
        match self.recv_rule {
            RecvRule::Labelled => {
                let (mut id, mut message) = (RoutingId::generated(0), Message::new());
                let peer = self.try_recv_from_with_peer(&mut id, &mut message)?;
                message.push_front(&id);
                return Ok((message, peer));
            }
            RecvRule::Replies => return self.recv_reply_and(RecvSide::properties_of_answer),
            RecvRule::Notices => return self.recv_notice(),
            RecvRule::Nothing => return Err(RecvRefused::Unsupported),
            _ => {}
        }
        let mut message = Message::new();
        if self.recv_rule == RecvRule::Requests {
            let mut recv = self.recv.lock();
            let peeked = recv.held_back();
            message = self.take_request(&mut recv)?;
            return Ok((message, recv.properties_of_last(peeked)));
        }
        let mut recv = self.recv.lock();
        let peeked = recv.held_back();
        if !recv.next_into(&self.signals, &mut message) {
            return Err(self.nothing());
        }
        Ok((message, recv.properties_of_last(peeked)))
    }

    /// [`try_recv_with_peer`](Self::try_recv_with_peer) into a message that the caller has; of no value after an error. For
    /// whoever tells what libzmq does: of a peer over inproc that is nothing, and need not be counted.
    ///
    /// `peer` becomes the sender, and is left as it is where that is the same peer: its holders are not counted up and down
    /// for every message.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv); `peer` is as before then.
    #[inline]
    pub fn try_recv_into_with_peer(
        &self,
        into: &mut Message,
        peer: &mut Option<Arc<PeerProperties>>,
    ) -> Result<(), RecvRefused> {
        match self.recv_rule {
            RecvRule::Fair | RecvRule::FairSingle | RecvRule::Subscribed | RecvRule::Joined => {
                let mut recv = self.recv.lock();
                let peeked = recv.held_back();
                if !recv.next_into(&self.signals, into) {
                    return Err(self.nothing());
                }
                recv.tell_network_peer_of_last(peeked, peer);
            }
            _ => {
                let (message, sender) = self.try_recv_with_peer()?;
                *into = message;
                *peer = sender.filter(|peer| peer.connection != 0);
            }
        }
        Ok(())
    }

    /// [`try_recv_from`](Self::try_recv_from), and what is known of the sender.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_from_with_peer(
        &self,
        id: &mut RoutingId,
        into: &mut Message,
    ) -> Result<Option<Arc<PeerProperties>>, RecvRefused> {
        if self.recv_rule != RecvRule::Labelled {
            return Err(RecvRefused::Unsupported);
        }
        let mut recv = self.recv.lock();
        let peeked = recv.held_back();
        if !recv.next_labelled(&self.signals, id, into) {
            return Err(self.nothing());
        }
        Ok(recv.properties_of_last(peeked))
    }

    /// SUB, XSUB: subscribes to all that begins with `topic`. Subscriptions are counted.
    pub fn subscribe(&self, topic: &[u8]) {
        if self.counts_topics() {
            self.wish(Wish::Subscribe, topic);
        }
    }

    /// SUB, XSUB: takes back one subscription; returns whether there was one.
    pub fn unsubscribe(&self, topic: &[u8]) -> bool {
        self.counts_topics() && self.wish(Wish::Cancel, topic)
    }

    /// XPUB with `xpub_manual`: subscribes the peer whose notice was received last to `topic`, which need not be the one it
    /// asked for; whether it is still there.
    pub fn grant_subscription(&self, topic: &[u8]) -> bool {
        self.grant(Wish::Subscribe, topic)
    }

    /// XPUB with `xpub_manual`: takes a subscription of the peer whose notice was received last away; whether it is still
    /// there.
    pub fn revoke_subscription(&self, topic: &[u8]) -> bool {
        self.grant(Wish::Cancel, topic)
    }

    /// DISH: becomes a member of `group`; whether it was none before.
    pub fn join(&self, group: &[u8]) -> bool {
        self.socket_type == SocketType::Dish && self.join_or_leave(Wish::Subscribe, group)
    }

    /// DISH: is no member of `group` any more; whether it was one.
    pub fn leave(&self, group: &[u8]) -> bool {
        self.socket_type == SocketType::Dish && self.join_or_leave(Wish::Cancel, group)
    }

    /// RADIO: the link takes the messages of every group: a multicast address, whose listeners filter.
    pub fn send_every_group(&self, link: LinkId) {
        let mut send = self.send.lock();
        if send.outlets.of(link).is_some() {
            send.every_group.push(link.slot);
        }
        drop(send);
        self.signals.peers.wake_all();
    }

    /// ROUTER, STREAM, PEER: names the peer of a link that is attached, before it is connected, so that messages may be queued for
    /// it: `id`, or a name that is nobody's. It stays the link's, whatever the peer calls itself.
    ///
    /// `None` if the type has no names to give, the link is closed or connected by another name, or `id` is another's.
    pub fn name(&self, link: LinkId, id: Option<RoutingId>) -> Option<RoutingId> {
        if !matches!(self.socket_type, SocketType::Peer | SocketType::Router | SocketType::Stream) {
            return None;
        }
        let mut send = self.send.lock();
        // It may be connected by now.
        if let Some(known) = send.outlets.of(link)?.identity.clone() {
            send.outlets.at(link.slot).named = true;
            return id.is_none_or(|id| id == known).then_some(known);
        }
        let id = id.unwrap_or_else(|| send.identities.generate());
        if send.identities.claim(&id, PeerKey::absent(link.slot), false) == Claim::Denied {
            return None;
        }
        let outlet = send.outlets.at(link.slot);
        (outlet.named, outlet.identity) = (true, Some(id.clone()));
        Some(id)
    }

    /// REQ: asks the next peer that has room, with an id in the envelope by which its reply is known. Any
    /// number of such requests may be in flight, beside a strict one.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send), but never [`SendReason::State`].
    pub fn request(&self, mut message: Message) -> Result<RequestId, SendRefused> {
        if self.send_rule != SendRule::Ask {
            return Err(SendRefused::new(message, SendReason::Unsupported));
        }
        let mut recv = self.recv.lock();
        let id = recv.requests.fresh_id();
        wrap(&mut message, Some(id));
        match self.send.lock().balance(&self.signals, &mut message) {
            Ok(slot) => {
                recv.requests.ask(slot, id);
                Ok(RequestId(id))
            }
            Err(reason) => {
                strip(&mut message, Some(id));
                Err(SendRefused::new(message, reason))
            }
        }
    }

    /// REQ: the reply to `id`, if it is there; the id is spent then.
    ///
    /// Replies to others that are met on the way are kept for them, and `Signals::readable` fires.
    pub fn take_reply(&self, id: RequestId) -> Option<Message> {
        if self.recv_rule != RecvRule::Replies {
            return None;
        }
        let mut recv = self.recv.lock();
        if let Some(message) = recv.requests.take(id.0) {
            return Some(message);
        }
        let others = recv.sort_answers(&self.signals, Addressee::Id(id.0));
        let message = recv.requests.take(id.0);
        drop(recv);
        if others {
            self.signals.readable.wake_all();
        }
        message
    }

    /// REQ: nobody waits for `id` any more. Its reply, now or later, is dropped and counted.
    pub fn forget(&self, id: RequestId) {
        let void = self.recv.lock().requests.forget(id.0);
        self.drops.count(DropCause::Unexpected, void);
    }

    /// Peers that are up now.
    pub fn peers(&self) -> usize {
        self.send.lock().outlets.up()
    }

    /// PUB, XPUB, RADIO: peers that are up and have a subscription, or are sent everything.
    pub fn subscribers(&self) -> usize {
        if self.signals.has_ready() {
            self.upstream();
        }
        let send = self.send.lock();
        send.topics.subscribed() + send.every_group.len()
    }

    /// Different topics that peers of a PUB or XPUB subscribed to, or that a SUB or XSUB subscribed to itself
    /// (`ZMQ_TOPICS_COUNT`); likewise the groups of RADIO and DISH. Zero for other types.
    pub fn topics(&self) -> usize {
        if self.socket_type.subscribes() {
            return self.recv.lock().own.count();
        }
        if self.signals.has_ready() {
            self.upstream();
        }
        self.send.lock().topics.count()
    }

    /// Whether a send would not be refused now for want of room, peer or turn.
    pub fn can_send(&self) -> bool {
        if self.is_closed() {
            return false;
        }
        match self.send_rule {
            SendRule::Balance | SendRule::BalanceSingle | SendRule::BalanceAddressed => {
                self.send.lock().any_room(&self.signals)
            }
            SendRule::Ask => {
                let recv = self.recv.lock();
                recv.requests.may_ask(recv.config.req_relaxed) && self.send.lock().any_room(&self.signals)
            }
            SendRule::Answer => matches!(self.recv.lock().turn, Turn::Answer { .. }),
            SendRule::Route => {
                let mut send = self.send.lock();
                !send.is_strict() || send.any_room(&self.signals)
            }
            SendRule::Publish | SendRule::Radiate | SendRule::Upstream => true,
            SendRule::Nowhere => false,
        }
    }

    /// Whether a receive would give a message now.
    pub fn can_recv(&self) -> bool {
        if self.recv_rule == RecvRule::Notices && self.signals.has_ready() {
            self.upstream();
        }
        let mut recv = self.recv.lock();
        match self.recv_rule {
            RecvRule::Nothing => false,
            RecvRule::Notices => !recv.inbox.is_empty(),
            RecvRule::Requests if matches!(recv.turn, Turn::Answer { .. }) => false,
            RecvRule::Replies => {
                let others = recv.requests.may_receive() && recv.sort_answers(&self.signals, Addressee::Strict);
                let answered = recv.requests.is_answered();
                drop(recv);
                if others {
                    self.signals.readable.wake_all();
                }
                answered
            }
            _ => recv.peek(&self.signals),
        }
    }

    /// What went out and came in so far, and what waits: of the whole socket, and of each link that is not closed.
    ///
    /// Pipes count what passes them in any case, a batch at a time; this adds it up.
    pub fn flows(&self) -> Flows {
        let recv = self.recv.lock();
        let send = self.send.lock();
        let links = send.outlets.links();
        let of = |link: &LinkId| (*link, send.outlets.flow(link.slot), recv.fair.flow(link.slot));
        let links: Vec<(LinkId, Flow, Flow)> = links.iter().map(of).collect();
        let (mut sent, mut received) = (send.outlets.past(), recv.past);
        links.iter().for_each(|(_, out, _)| sent.add(*out));
        // What is left of links that were closed waits too.
        (0..recv.fair.slots()).for_each(|slot| received.add(recv.fair.flow(slot)));
        Flows { sent, received, links }
    }

    /// Messages in outgoing pipes that no connection has taken yet; subscriptions count as messages here.
    pub fn queued(&self) -> usize {
        self.send.lock().outlets.writers().map(|writer| writer.queued()).sum()
    }

    /// Ends sending: later sends are refused, and connections end when they have drained what is queued.
    /// What was received stays readable.
    pub fn finish(&self) {
        let mut send = self.send.lock();
        send.closed = true;
        self.closed.store(true, Ordering::Release);
        send.outlets.writers().for_each(PipeWriter::finish);
        drop(send);
        self.signals.readable.wake_all();
        self.signals.writable.wake_all();
        self.signals.peers.wake_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn counts_topics(&self) -> bool {
        matches!(self.socket_type, SocketType::Sub | SocketType::XSub)
    }

    /// Counts what was lost from an outgoing pipe. A SUB or DISH has no messages there, only subscriptions.
    pub(crate) fn count_lost(&self, cause: DropCause, units: usize) -> usize {
        let messages = if self.socket_type.sends() { units } else { 0 };
        self.drops.count(cause, messages as u64);
        messages
    }
}
