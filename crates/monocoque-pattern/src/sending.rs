//! The sending side of a hub, behind one lock: which pipes a message goes into.

use std::sync::{Arc, Weak};
use std::task::Wake;

use monocoque_core::pipe::{HandOver, PipeWriter, Refusal};
use monocoque_core::stats::{DropCause, Drops};
use monocoque_core::sync::Mutex;
use monocoque_core::{Message, RoutingId};

use crate::config::SendRule;
use crate::identity::Identities;
use crate::load_balancer::{LoadBalancer, Unplaced};
use crate::outlets::Outlets;
use crate::publish::Topics;
use crate::subscriptions::Wish;
use crate::{HubConfig, PeerKey, SendReason, Signals};

/// What is needed to send. Tables that the socket type has no use for stay empty.
#[derive(Debug)]
pub(crate) struct SendSide {
    pub(crate) closed: bool,
    pub(crate) outlets: Outlets,
    pub(crate) balancer: LoadBalancer,
    pub(crate) identities: Identities,
    pub(crate) topics: Topics,
    /// What subscribers asked for, where that is not in force by itself.
    pub(crate) wished: Topics,
    /// Slots that take the messages of every group.
    pub(crate) every_group: Vec<u32>,
    inverts: bool,
    /// Pipes that are attached from here on keep the last message only.
    conflates: bool,
    /// Messages are one frame, and an empty one ends the connection.
    raw: bool,
    /// To all that match or none.
    no_drop: bool,
    /// What has no route or no room is refused.
    strict: bool,
    /// Empty between calls; kept for its memory.
    healed: Vec<u32>,
    drops: Arc<Drops>,
}

impl SendSide {
    pub(crate) fn new(config: &HubConfig, drops: &Arc<Drops>) -> Self {
        Self {
            closed: false,
            outlets: Outlets::new(Arc::clone(drops)),
            balancer: LoadBalancer::default(),
            identities: Identities::default(),
            topics: Topics::default(),
            wished: Topics::default(),
            every_group: Vec::new(),
            inverts: config.invert_matching,
            conflates: config.conflate,
            raw: config.raw,
            no_drop: config.no_drop,
            strict: config.routes_strictly(),
            healed: Vec::new(),
            drops: Arc::clone(drops),
        }
    }

    /// Takes over what may change.
    pub(crate) fn reconfigure(&mut self, config: &HubConfig) {
        self.inverts = config.invert_matching;
        self.conflates = config.conflate;
        self.raw = config.raw;
        self.no_drop = config.no_drop;
        self.strict = config.routes_strictly();
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.strict
    }

    /// Sends to the next peer that has room; returns its slot. What was sent is of no value after.
    #[inline]
    pub(crate) fn balance(&mut self, signals: &Signals, message: &mut Message) -> Result<u32, SendReason> {
        if self.closed {
            return Err(SendReason::Closed);
        }
        self.heal(signals);
        let outlets = &mut self.outlets;
        self.balancer.place(|slot| outlets.push(slot, &mut *message)).map_err(|unplaced| match unplaced {
            Unplaced::NoPeer => SendReason::NoPeer,
            Unplaced::AllFull => SendReason::Full,
        })
    }

    /// Whether [`balance`](Self::balance) would succeed.
    pub(crate) fn any_room(&mut self, signals: &Signals) -> bool {
        self.heal(signals);
        let outlets = &mut self.outlets;
        self.balancer.any_room(|slot| outlets.has_room(slot))
    }

    /// Puts those back into the round robin whose pipes have said that they have room.
    #[inline]
    fn heal(&mut self, signals: &Signals) {
        if !signals.has_room() {
            return;
        }
        signals.take_room(&mut self.healed);
        self.healed.drain(..).for_each(|slot| self.balancer.heal(slot));
    }

    /// Sends to every peer whose subscriptions match the first frame.
    #[inline]
    pub(crate) fn publish(&mut self, message: &Message) -> Result<(), SendReason> {
        if self.closed {
            return Err(SendReason::Closed);
        }
        let matching = self.topics.matching(message.first());
        if self.inverts {
            let others = self.outlets.all_but(matching);
            return fan_out(&mut self.outlets, &others, message, self.no_drop);
        }
        fan_out(&mut self.outlets, matching, message, self.no_drop)
    }

    /// Sends to one peer, if its subscriptions match.
    pub(crate) fn publish_to(&mut self, to: PeerKey, message: &Message) -> Result<(), SendReason> {
        if self.closed {
            return Err(SendReason::Closed);
        }
        let slots = self.only(to, message.first());
        fan_out(&mut self.outlets, slots.as_slice(), message, self.no_drop)
    }

    /// The slot of one peer, if its subscriptions match.
    fn only(&mut self, to: PeerKey, topic: &[u8]) -> Option<u32> {
        let matches = self.topics.matching(topic).contains(&to.slot) && self.outlets.is_current(to);
        matches.then_some(to.slot)
    }

    /// Whether [`publish`](Self::publish), or [`publish_to`](Self::publish_to) if it is to be received by `only` one, would refuse a
    /// message of which `first` is all that is known.
    pub(crate) fn check_publish(&mut self, first: &[u8], only: Option<PeerKey>) -> Result<(), SendReason> {
        if !self.no_drop {
            return Ok(());
        }
        let message = Message::from(first);
        if let Some(only) = only {
            let slots = self.only(only, first);
            return ask_each(&mut self.outlets, slots.as_slice(), &message);
        }
        let matching = self.topics.matching(first);
        if self.inverts {
            let others = self.outlets.all_but(matching);
            return ask_each(&mut self.outlets, &others, &message);
        }
        ask_each(&mut self.outlets, matching, &message)
    }

    /// Sends to every peer that joined the group in the first frame.
    pub(crate) fn radiate(&mut self, message: &Message) -> Result<(), SendReason> {
        if self.closed {
            return Err(SendReason::Closed);
        }
        let members = self.topics.members(message.first());
        if self.every_group.is_empty() {
            return fan_out(&mut self.outlets, members, message, self.no_drop);
        }
        let all = [members, &self.every_group].concat();
        fan_out(&mut self.outlets, &all, message, self.no_drop)
    }

    /// Sends to every publisher.
    pub(crate) fn send_upstream(&mut self, message: &Message) -> Result<(), SendReason> {
        if self.closed {
            return Err(SendReason::Closed);
        }
        self.outlets.push_to_all(message);
        Ok(())
    }

    /// Tells every publisher that is up of a subscription.
    pub(crate) fn send_wish(&mut self, wish: Wish, topic: &[u8]) {
        self.outlets.live().for_each(|outlet| outlet.tell(wish, topic));
    }

    /// Sends to the peer that `id` leads to. What has no route or room is dropped and counted, unless that is to be
    /// refused.
    pub(crate) fn route(&mut self, signals: &Signals, id: &[u8], message: &mut Message) -> Result<(), SendReason> {
        if self.closed {
            return Err(SendReason::Closed);
        }
        if self.raw && message.len() > 1 {
            return Err(SendReason::Parts);
        }
        // Naming a peer asks nothing of the balancer, but the notes for it would pile up.
        self.heal(signals);
        let Some(key) = self.identities.find(id) else {
            return self.unroutable(id);
        };
        if self.raw && message.first().is_empty() {
            self.outlets.finish(key.slot);
            return Ok(());
        }
        match self.outlets.push(key.slot, message) {
            Ok(()) => Ok(()),
            Err(Refusal::Closed) => self.unroutable(id),
            Err(Refusal::Full) => {
                if self.strict {
                    return Err(SendReason::Full);
                }
                self.drops.count(DropCause::Full, 1);
                Ok(())
            }
        }
    }

    /// Whether [`route`](Self::route) would refuse what is sent to `id` now.
    pub(crate) fn check_route(&mut self, signals: &Signals, id: &[u8]) -> Result<(), SendReason> {
        self.heal(signals);
        match self.room_of(id) {
            None => self.strict.then(|| RoutingId::received(id).map_or(SendReason::NoEnvelope, SendReason::NoRoute)),
            Some(false) => self.strict.then_some(SendReason::Full),
            Some(true) => None,
        }
        .map_or(Ok(()), Err)
    }

    /// Whether the peer that `id` leads to has room, if it leads to one.
    pub(crate) fn room_of(&mut self, id: &[u8]) -> Option<bool> {
        let key = self.identities.find(id)?;
        Some(self.outlets.has_room(key.slot))
    }

    fn unroutable(&self, id: &[u8]) -> Result<(), SendReason> {
        if self.strict {
            // Bytes that are no routing id cannot be named in the error; they lead nowhere either way.
            return Err(RoutingId::received(id).map_or(SendReason::NoEnvelope, SendReason::NoRoute));
        }
        self.drops.count(DropCause::NoRoute, 1);
        Ok(())
    }

    /// Sends an answer to the life that asked, and to no other.
    pub(crate) fn answer(&mut self, to: PeerKey, message: &mut Message) {
        if self.outlets.is_current(to) {
            self.outlets.push_or_drop(to.slot, message);
        } else {
            self.drops.count(DropCause::NoRoute, 1);
        }
    }

    /// The link is no more, nor is the name it was given.
    pub(crate) fn close(&mut self, slot: u32) {
        let outlet = self.outlets.at(slot);
        if let Some(id) = outlet.identity.take().filter(|_| outlet.named) {
            self.identities.release(&id, PeerKey::absent(slot));
        }
        self.outlets.close(slot);
        self.every_group.retain(|&other| other != slot);
    }

    /// Takes a link's pipe in, and into the round robin if the rule has one. Returns how many messages a
    /// pipe that it replaces had.
    pub(crate) fn attach(&mut self, rule: SendRule, slot: u32, writer: PipeWriter) -> usize {
        let replaced = self.outlets.detach(slot);
        let outlet = self.outlets.at(slot);
        outlet.writer = Some(writer);
        // Over inproc the far end may have asked for it already.
        outlet.conflates |= self.conflates;
        if rule.balances() {
            self.balancer.enter(slot);
        }
        replaced
    }
}

/// Sends to the peers in `slots`. With `no_drop` to all of them or none.
#[inline]
fn fan_out(outlets: &mut Outlets, slots: &[u32], message: &Message, no_drop: bool) -> Result<(), SendReason> {
    if no_drop {
        ask_each(outlets, slots, message)?;
    }
    outlets.push_to_each(slots, message);
    Ok(())
}

/// Whether all the peers in `slots` have room.
fn ask_each(outlets: &mut Outlets, slots: &[u32], message: &Message) -> Result<(), SendReason> {
    // Every pipe is asked, so that each full one calls back.
    let full = slots.iter().filter(|&&slot| !outlets.has_room_for(slot, message)).count();
    if full > 0 { Err(SendReason::Full) } else { Ok(()) }
}

/// The owner of an outgoing pipe: asked by a connection that comes back for more than the pipe's queue has, and called by a
/// pipe that was full and is half empty.
#[derive(Debug)]
pub(crate) struct Owner {
    send: Weak<Mutex<SendSide>>,
    signals: Arc<Signals>,
    slot: u32,
    /// The hub keeps a list of full peers that this one may be on.
    balances: bool,
}

impl Owner {
    pub(crate) fn new(send: &Arc<Mutex<SendSide>>, signals: &Arc<Signals>, slot: u32, balances: bool) -> Self {
        Self { send: Arc::downgrade(send), signals: Arc::clone(signals), slot, balances }
    }
}

impl Wake for Owner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.balances {
            self.signals.leave_room(self.slot);
        }
        self.signals.writable.wake_all();
    }
}

impl HandOver for Owner {
    fn try_hand_over(&self) -> bool {
        let Some(send) = self.send.upgrade() else { return true };
        let handed_over = send.try_lock().map(|mut send| send.outlets.hand_over(self.slot));
        handed_over.is_some()
    }

    fn hand_over(&self) {
        if let Some(send) = self.send.upgrade() {
            send.lock().outlets.hand_over(self.slot);
        }
    }
}
