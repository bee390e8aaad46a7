//! The receiving side of a hub, behind one lock: which pipe a message is taken from, and who sees it.

use std::sync::Arc;

use monocoque_core::batch::Unit;
use monocoque_core::stats::{DropCause, Drops};
use monocoque_core::{Message, RoutingId};

use crate::config::RecvRule;
use crate::fair_queue::FairQueue;
use crate::lockstep::{Addressee, Requests, Turn, is_request};
use crate::publish::{Change, Inbox};
use crate::sending::SendSide;
use crate::subscriptions::{Subscriptions, Wish};
use crate::{HubConfig, PeerKey, Signals};

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
    rule: RecvRule,
    verbose: bool,
    pub(crate) fair: FairQueue,
    /// Found by a poll, not received yet.
    pub(crate) peeked: Option<Received>,
    pub(crate) own: Subscriptions,
    pub(crate) turn: Turn,
    pub(crate) requests: Requests,
    pub(crate) inbox: Inbox,
    /// Empty between calls; kept for its memory.
    ready: Vec<PeerKey>,
    drops: Arc<Drops>,
}

impl RecvSide {
    pub(crate) fn new(config: &HubConfig, rule: RecvRule, drops: &Arc<Drops>) -> Self {
        Self {
            rule,
            verbose: config.xpub_verbose,
            fair: FairQueue::default(),
            peeked: None,
            own: Subscriptions::default(),
            turn: Turn::default(),
            requests: Requests::default(),
            inbox: Inbox::default(),
            ready: Vec::new(),
            drops: Arc::clone(drops),
        }
    }

    /// The next message that the rule lets through.
    #[inline]
    pub(crate) fn next(&mut self, signals: &Signals) -> Option<Received> {
        if let Some(received) = self.peeked.take() {
            return Some(received);
        }
        loop {
            let (key, unit) = self.next_unit(signals)?;
            // Commands have been dealt with by the protocol, or mean nothing to this type.
            let Unit::Message(message) = unit else { continue };
            if let Some(received) = self.admit(key, message) {
                return Some(received);
            }
        }
    }

    #[inline]
    fn next_unit(&mut self, signals: &Signals) -> Option<(PeerKey, Unit)> {
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
    fn admit(&self, key: PeerKey, message: Message) -> Option<Received> {
        let (label, cause) = match self.rule {
            RecvRule::Labelled => match self.fair.label(key) {
                // A peer whose id was another's: connected, and never heard.
                None => (None, Some(DropCause::NoRoute)),
                label => (label.cloned(), None),
            },
            RecvRule::Subscribed if !self.own.matches(message.first()) => (None, Some(DropCause::Unsubscribed)),
            RecvRule::Requests if !is_request(&message) => (None, Some(DropCause::Unexpected)),
            _ => (None, None),
        };
        if let Some(cause) = cause {
            self.drops.count(cause, 1);
            return None;
        }
        Some(Received { key, label, message })
    }

    /// Whether [`next`](Self::next) would give a message.
    pub(crate) fn peek(&mut self, signals: &Signals) -> bool {
        self.peeked = self.next(signals);
        self.peeked.is_some()
    }

    /// Sorts answers until `wanted` is in or the pipes are empty. Returns whether others got theirs.
    pub(crate) fn sort_answers(&mut self, signals: &Signals, wanted: Addressee) -> bool {
        let mut others = false;
        while let Some((key, unit)) = self.next_unit(signals) {
            let Unit::Message(message) = unit else { continue };
            match self.requests.sort(key.slot, message) {
                Addressee::Nobody => self.drops.count(DropCause::Unexpected, 1),
                addressee if addressee == wanted => break,
                _ => others = true,
            }
        }
        others
    }

    /// Takes in everything that subscribers have sent. Returns whether any subscription changed.
    pub(crate) fn take_upstream(&mut self, signals: &Signals, send: &mut SendSide) -> bool {
        let mut changed = false;
        while let Some((key, unit)) = self.next_unit(signals) {
            if let Some((wish, topic)) = Wish::of_unit(&unit) {
                // The subscriptions of a life died with it.
                if send.outlets.is_current(key) {
                    let change = send.topics.apply(key.slot, wish, topic);
                    changed |= change != Change::None;
                    self.notice(wish, topic, change);
                }
            } else if let Unit::Message(message) = unit
                && !(self.rule == RecvRule::Notices && self.inbox.deliver(message))
            {
                let cause = if self.rule == RecvRule::Notices { DropCause::Full } else { DropCause::Unexpected };
                self.drops.count(cause, 1);
            }
        }
        changed
    }

    /// Tells the application of an XPUB what changed.
    pub(crate) fn notice(&mut self, wish: Wish, topic: &[u8], change: Change) {
        let told = change == Change::Topic || (self.verbose && wish == Wish::Subscribe);
        if told && self.rule == RecvRule::Notices {
            self.inbox.notice(wish, topic);
        }
    }

    /// Destroys all that the link in `slot` sent; returns how many messages that were.
    pub(crate) fn clear(&mut self, slot: u32) -> usize {
        let peeked = self.peeked.take_if(|received| received.key.slot == slot);
        usize::from(peeked.is_some()) + self.fair.clear(slot)
    }
}
