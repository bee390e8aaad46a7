//! The receiving side of a hub, behind one lock: which pipe a message is taken from, and who sees it.

use std::sync::Arc;

use monocoque_core::batch::{Found, Unit};
use monocoque_core::limits::DISCARDS_MAX;
use monocoque_core::pipe::Flow;
use monocoque_core::stats::{DropCause, Drops};
use monocoque_core::{Message, RoutingId};

use crate::config::RecvRule;
use crate::fair_queue::{FairQueue, Unread};
use crate::lockstep::{Addressee, Requests, Turn, is_request};
use crate::publish::Inbox;
use crate::subscriptions::Subscriptions;
use crate::upstream::Upstream;
use crate::{HubConfig, PeerKey, PeerProperties, Signals};

/// A message that passed the rule, and whom it is from.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) key: PeerKey,
    /// Of the sender, for a ROUTER.
    pub(crate) label: Option<RoutingId>,
    pub(crate) message: Message,
}

/// What is needed to receive. Tables that the socket type has no use for stay empty.
#[derive(Debug)]
pub(crate) struct RecvSide {
    pub(crate) config: HubConfig,
    pub(crate) rule: RecvRule,
    pub(crate) fair: FairQueue,
    /// What came of lives that ended.
    pub(crate) past: Flow,
    /// Found by a poll, not received yet.
    pub(crate) peeked: Option<Received>,
    pub(crate) own: Subscriptions,
    pub(crate) turn: Turn,
    pub(crate) requests: Requests,
    /// Who sent the answer that [`requests`](Self::requests) keeps for the strict request.
    answered_by: Option<PeerKey>,
    /// Of whom that answer, or what was peeked at, is, when its life is over and there is nobody left to ask.
    outlived: Option<(PeerKey, Arc<PeerProperties>)>,
    pub(crate) inbox: Inbox,
    pub(crate) upstream: Upstream,
    /// Whether senders were told that the application has more in hand.
    told_more: bool,
    /// Empty between calls; kept for its memory.
    ready: Vec<PeerKey>,
    pub(crate) drops: Arc<Drops>,
}

impl RecvSide {
    pub(crate) fn new(config: HubConfig, rule: RecvRule, drops: &Arc<Drops>) -> Self {
        Self {
            config,
            rule,
            fair: FairQueue::default(),
            past: Flow::default(),
            peeked: None,
            own: Subscriptions::default(),
            turn: Turn::default(),
            requests: Requests::default(),
            answered_by: None,
            outlived: None,
            inbox: Inbox::default(),
            upstream: Upstream::default(),
            told_more: false,
            ready: Vec::new(),
            drops: Arc::clone(drops),
        }
    }

    /// Reads the next message that the rule lets through, whoever sent it, into `into`; whether there was one.
    ///
    /// In place, because each hand that a message passes through copies it.
    #[inline]
    pub(crate) fn next_into(&mut self, signals: &Signals, into: &mut Message) -> bool {
        if let Some(received) = self.peeked.take() {
            *into = received.message;
            return true;
        }
        self.find(signals, into)
    }

    /// [`next_into`](Self::next_into) of a ROUTER, with the routing id of the sender.
    #[inline]
    pub(crate) fn next_labelled(&mut self, signals: &Signals, id: &mut RoutingId, into: &mut Message) -> bool {
        if let Some(Received { label: Some(label), message, .. }) = self.peeked.take() {
            (*id, *into) = (label, message);
            return true;
        }
        let found = self.find(signals, into);
        if found && let Some(label) = self.fair.label() {
            id.clone_from(label);
        }
        found
    }

    /// The next message that the rule lets through, and its sender.
    pub(crate) fn next(&mut self, signals: &Signals) -> Option<Received> {
        if let Some(received) = self.peeked.take() {
            return Some(received);
        }
        let mut message = Message::new();
        let found = self.find(signals, &mut message);
        found.then(|| Received { key: self.fair.sender(), label: self.fair.label().cloned(), message })
    }

    /// Takes the next message out of the pipes that the rule lets through.
    #[inline]
    fn find(&mut self, signals: &Signals, into: &mut Message) -> bool {
        self.absorb(signals);
        let mut discarded = 0;
        while let Some(reader) = self.fair.turn() {
            match reader.next_into(into) {
                Some(Found::Message) => {
                    let more = reader.in_hand() > 0;
                    self.fair.pass();
                    self.tell_more(signals, more);
                    if self.is_wanted(into) {
                        return true;
                    }
                    discarded += 1;
                    if discarded == DISCARDS_MAX {
                        self.leave_rest(signals);
                        break;
                    }
                    // Of those who have come meanwhile one may have what is wanted.
                    self.absorb(signals);
                }
                // Commands have been dealt with by the protocol, or mean nothing to this type.
                Some(Found::Command) => self.fair.pass(),
                None => {
                    self.fair.found_empty();
                    self.absorb(signals);
                }
            }
        }
        self.tell_more(signals, false);
        false
    }

    /// What is behind the message that was taken last is for the next call, which whoever waits has to make.
    #[cold]
    fn leave_rest(&self, signals: &Signals) {
        signals.leave_ready(self.fair.sender());
        signals.readable.wake_all();
    }

    /// Tells senders whether the application has more in hand than what it is given now.
    #[inline]
    fn tell_more(&mut self, signals: &Signals, more: bool) {
        if more != self.told_more {
            self.told_more = more;
            signals.in_hand.set(more);
        }
    }

    pub(crate) fn next_unit(&mut self, signals: &Signals) -> Option<Unit> {
        self.absorb(signals);
        self.fair.next()
    }

    /// Puts those into the ring whose pipes have said that something arrived.
    #[inline]
    pub(crate) fn absorb(&mut self, signals: &Signals) {
        if signals.has_ready() {
            signals.take_ready(&mut self.ready);
            self.fair.absorb(&mut self.ready);
        }
    }

    #[inline]
    fn is_wanted(&self, message: &Message) -> bool {
        let cause = match self.rule {
            RecvRule::Subscribed if self.own.matches(message.first()) == self.config.invert_matching => {
                DropCause::Unsubscribed
            }
            RecvRule::FairSingle if message.len() > 1 => DropCause::Unexpected,
            RecvRule::Joined if message.len() != 2 => DropCause::Unexpected,
            RecvRule::Joined if !self.own.holds(message.first()) => DropCause::Unsubscribed,
            RecvRule::Requests if !is_request(message) => DropCause::Unexpected,
            // A peer whose id was another's: connected, and never heard.
            RecvRule::Labelled if self.fair.label().is_none() => DropCause::NoRoute,
            RecvRule::Labelled if self.config.socket_type.is_single() && message.len() > 1 => DropCause::Unexpected,
            _ => return true,
        };
        self.drops.count(cause, 1);
        false
    }

    /// Whether [`next`](Self::next) would give a message.
    pub(crate) fn peek(&mut self, signals: &Signals) -> bool {
        self.peeked = self.next(signals);
        self.peeked.is_some()
    }

    /// Sorts answers until `wanted` is in or the pipes are empty, or too many of those who wait for one were nobody's. Returns
    /// whether others got theirs.
    pub(crate) fn sort_answers(&mut self, signals: &Signals, wanted: Addressee) -> bool {
        let (mut others, mut discarded) = (false, 0);
        while let Some(unit) = self.next_unit(signals) {
            let Unit::Message(message) = unit else { continue };
            let sender = self.fair.sender();
            let addressee = self.requests.sort(sender.slot, message);
            if addressee == Addressee::Strict {
                self.answered_by = Some(sender);
            }
            match addressee {
                Addressee::Nobody => {
                    self.drops.count(DropCause::Unexpected, 1);
                    discarded += 1;
                    if discarded >= DISCARDS_MAX && wanted != Addressee::Nobody {
                        self.leave_rest(signals);
                        break;
                    }
                }
                addressee if addressee == wanted => break,
                _ => others = true,
            }
        }
        others
    }

    /// What is known of the peer whose message was found last, which has just been taken; `peeked` if it had been held back.
    #[inline]
    pub(crate) fn properties_of_last(&mut self, peeked: Option<PeerKey>) -> Option<Arc<PeerProperties>> {
        let of = peeked.unwrap_or_else(|| self.fair.sender());
        self.properties_of(of)
    }

    /// Makes `known` what [`properties_of_last`](Self::properties_of_last) gives, if that is a peer over a network.
    #[inline]
    pub(crate) fn tell_network_peer_of_last(
        &mut self,
        peeked: Option<PeerKey>,
        known: &mut Option<Arc<PeerProperties>>,
    ) {
        let of = peeked.unwrap_or_else(|| self.fair.sender());
        if self.outlived.is_some() {
            *known = self.properties_of(of).filter(|peer| peer.connection != 0);
            return;
        }
        let sender = self.fair.properties(of).filter(|peer| peer.connection != 0);
        if sender.map(Arc::as_ptr) != known.as_ref().map(Arc::as_ptr) {
            *known = sender.cloned();
        }
    }

    /// What is known of the peer that gave the answer which has just been taken.
    pub(crate) fn properties_of_answer(&mut self) -> Option<Arc<PeerProperties>> {
        let of = self.answered_by.take()?;
        self.properties_of(of)
    }

    #[inline]
    fn properties_of(&mut self, of: PeerKey) -> Option<Arc<PeerProperties>> {
        if self.outlived.is_none() {
            return self.fair.properties(of).cloned();
        }
        let outlived = self.outlived.take().filter(|(key, _)| *key == of).map(|(_, properties)| properties);
        outlived.or_else(|| self.fair.properties(of).cloned())
    }

    /// The key of the message that is held back.
    #[inline]
    pub(crate) fn held_back(&self) -> Option<PeerKey> {
        self.peeked.as_ref().map(|received| received.key)
    }

    /// A life ends: what is held back of it keeps what is known of the peer.
    pub(crate) fn outlive(&mut self, of: PeerKey) {
        let answered = self.answered_by.filter(|_| self.requests.is_answered());
        if self.held_back().or(answered) == Some(of) {
            self.outlived = self.fair.properties(of).cloned().map(|properties| (of, properties));
        }
    }

    /// Takes away all that the link in `slot` sent; returns how many messages of it were here, and the rest.
    pub(crate) fn clear(&mut self, signals: &Signals, slot: u32) -> (usize, Unread) {
        self.tell_more(signals, false);
        let peeked = self.peeked.take_if(|received| received.key.slot == slot);
        let taken = usize::from(peeked.is_some()) + usize::from(self.upstream.clear(slot));
        (taken, self.fair.clear(slot))
    }
}
