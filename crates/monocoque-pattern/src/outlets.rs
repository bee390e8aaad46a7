//! The outgoing pipes of a hub, one for each link, and which life of the link is current.

use std::sync::Arc;

use monocoque_core::fanout::{Encoded, Fanout};
use monocoque_core::limits::GIVE_WAY_MAX;
use monocoque_core::pipe::{Flow, Pace, PipeWriter, Refusal};
use monocoque_core::stats::{DropCause, Drops};
use monocoque_core::{Message, Outgoing, RoutingId};

use crate::subscriptions::{Wish, WishForm};
use crate::{LinkId, PeerKey};

/// One link's sending side.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    /// Of the link that holds the slot; 0 when it is free.
    serial: u32,
    /// Of the current life; 0 when the link is down.
    epoch: u32,
    pub(crate) writer: Option<PipeWriter>,
    /// How the peer takes subscriptions.
    pub(crate) form: WishForm,
    /// The routing id of the current life, or of the last one: what is queued is addressed to it.
    pub(crate) identity: Option<RoutingId>,
    /// The identity is the link's, connected or not.
    pub(crate) named: bool,
    /// The application has ended the connection.
    pub(crate) parting: bool,
    /// Messages in a row that its pipe had no room for.
    refused: u32,
    /// Its pipe keeps the last message only, and tells how many that replaced.
    pub(crate) conflates: bool,
}

impl Outlet {
    /// Tells the peer of a subscription, in the form it understands.
    pub(crate) fn tell(&mut self, wish: Wish, topic: &[u8]) {
        if let Some(writer) = &mut self.writer {
            wish.push(topic, writer, self.form);
        }
    }

    /// Queues a message of the socket's own before everything else; no mark holds it back.
    pub(crate) fn greet(&mut self, message: &Message) {
        if let Some(writer) = &mut self.writer {
            writer.push_first(message);
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.epoch != 0
    }
}

/// All outgoing pipes.
#[derive(Debug)]
pub(crate) struct Outlets {
    list: Vec<Outlet>,
    serials: u32,
    epochs: u32,
    up: usize,
    /// What went out through pipes that are gone.
    past: Flow,
    /// What goes to several links.
    fanout: Fanout,
    /// The last message went to one who is behind, or had no room anywhere, and those it was for may still take something.
    gives_way: bool,
    drops: Arc<Drops>,
}

impl Outlets {
    pub(crate) fn new(drops: Arc<Drops>) -> Self {
        Self {
            list: Vec::new(),
            serials: 0,
            epochs: 0,
            up: 0,
            past: Flow::default(),
            fanout: Fanout::default(),
            gives_way: false,
            drops,
        }
    }

    /// Names the link that holds `slot` from now on.
    pub(crate) fn open(&mut self, slot: u32) -> LinkId {
        if self.list.len() <= slot as usize {
            self.list.resize_with(slot as usize + 1, Outlet::default);
        }
        // Zero means free: the wrap-around skips it.
        self.serials = self.serials.wrapping_add(1).max(1);
        self.list[slot as usize] = Outlet { serial: self.serials, ..Outlet::default() };
        LinkId { slot, serial: self.serials }
    }

    /// The name of `link` leads nowhere from now on.
    pub(crate) fn close(&mut self, slot: u32) {
        debug_assert!(!self.list[slot as usize].is_up(), "the life was ended first");
        self.list[slot as usize] = Outlet::default();
    }

    /// The outlet of `link`, unless it was closed.
    pub(crate) fn of(&mut self, link: LinkId) -> Option<&mut Outlet> {
        self.list.get_mut(link.slot as usize).filter(|outlet| outlet.serial == link.serial)
    }

    pub(crate) fn at(&mut self, slot: u32) -> &mut Outlet {
        &mut self.list[slot as usize]
    }

    /// Begins a new life.
    pub(crate) fn begin_life(&mut self, slot: u32) -> PeerKey {
        debug_assert!(!self.list[slot as usize].is_up(), "the life before was ended first");
        self.epochs = self.epochs.wrapping_add(1).max(1);
        self.up += 1;
        self.list[slot as usize].epoch = self.epochs;
        PeerKey { slot, epoch: self.epochs }
    }

    /// The current life, if the link is up.
    pub(crate) fn current(&self, slot: u32) -> Option<PeerKey> {
        let epoch = self.list[slot as usize].epoch;
        (epoch != 0).then_some(PeerKey { slot, epoch })
    }

    /// Ends the current life, if there is one.
    pub(crate) fn end_life(&mut self, slot: u32) {
        let epoch = std::mem::take(&mut self.list[slot as usize].epoch);
        self.up -= usize::from(epoch != 0);
    }

    /// Whether `key` is the current life of its link.
    pub(crate) fn is_current(&self, key: PeerKey) -> bool {
        key.epoch != 0 && self.list.get(key.slot as usize).is_some_and(|outlet| outlet.epoch == key.epoch)
    }

    /// Peers that are up.
    pub(crate) fn up(&self) -> usize {
        self.up
    }

    /// Whether a link other than the one in `slot` has a pipe.
    pub(crate) fn has_other(&self, slot: u32) -> bool {
        self.list.iter().enumerate().any(|(other, outlet)| other != slot as usize && outlet.writer.is_some())
    }

    pub(crate) fn writers(&mut self) -> impl Iterator<Item = &mut PipeWriter> {
        self.list.iter_mut().filter_map(|outlet| outlet.writer.as_mut())
    }

    /// Links that are not closed.
    pub(crate) fn links(&self) -> Vec<LinkId> {
        let open = self.list.iter().enumerate().filter(|(_, outlet)| outlet.serial != 0);
        open.map(|(slot, outlet)| LinkId { slot: slot as u32, serial: outlet.serial }).collect()
    }

    /// Outlets that are up.
    pub(crate) fn live(&mut self) -> impl Iterator<Item = &mut Outlet> {
        self.list.iter_mut().filter(|outlet| outlet.is_up())
    }

    /// Queues a message for one link.
    #[inline]
    pub(crate) fn push(&mut self, slot: u32, message: impl Outgoing) -> Result<(), Refusal> {
        let writer = self.list[slot as usize].writer.as_mut().ok_or(Refusal::Closed)?;
        let pushed = writer.push(message);
        self.count_conflated(slot);
        pushed
    }

    #[inline]
    fn count_conflated(&self, slot: u32) {
        let outlet = &self.list[slot as usize];
        if outlet.conflates
            && let Some(writer) = &outlet.writer
        {
            self.drops.count(DropCause::Conflated, writer.take_conflated() as u64);
        }
    }

    /// Queues a message for one link or counts its loss.
    #[inline]
    pub(crate) fn push_or_drop(&mut self, slot: u32, message: impl Outgoing) {
        if let Err(refusal) = self.offer(slot, message) {
            self.drops.count(cause_of(refusal), 1);
        }
    }

    /// [`push`](Self::push), where a pipe that was full is not asked again until half of it is free.
    #[inline]
    fn offer(&mut self, slot: u32, message: impl Outgoing) -> Result<Pace, Refusal> {
        let writer = self.list[slot as usize].writer.as_mut().ok_or(Refusal::Closed)?;
        let taken = writer.offer(message);
        self.count_conflated(slot);
        taken
    }

    /// Queues a message for each of the links in `slots`, or counts its losses. It is encoded once for all that lead to a
    /// network and have room.
    #[inline]
    pub(crate) fn push_to_each(&mut self, slots: &[u32], message: &Message) {
        match self.encode_once(slots, message) {
            Some(once) => self.offer_to_each(slots, &once),
            None => self.offer_to_each(slots, message),
        }
    }

    #[inline]
    fn offer_to_each(&mut self, slots: &[u32], message: impl Outgoing + Copy) {
        let (mut full, mut taken, mut ahead, mut may_take) = (0, false, false, false);
        for &slot in slots {
            let offered = self.offer(slot, message);
            let outlet = &mut self.list[slot as usize];
            match offered {
                Ok(pace) => {
                    (taken, outlet.refused) = (true, 0);
                    ahead |= pace == Pace::Ahead;
                }
                Err(Refusal::Full) => {
                    full += 1;
                    outlet.refused = outlet.refused.saturating_add(1);
                    may_take |= outlet.refused <= GIVE_WAY_MAX;
                }
                Err(Refusal::Closed) => self.drops.count(DropCause::PeerGone, 1),
            }
        }
        self.drops.count(DropCause::Full, full);
        self.gives_way = ahead || (!taken && may_take);
    }

    /// Whether who published the last message should let others run: it went to one who is behind, or had no room anywhere,
    /// and not too often before.
    #[inline]
    pub(crate) fn gives_way(&self) -> bool {
        self.gives_way
    }

    #[inline]
    fn encode_once<'m>(&mut self, slots: &[u32], message: &'m Message) -> Option<Encoded<'m>> {
        if slots.len() < 2 {
            return None;
        }
        let writers = slots.iter().filter_map(|&slot| self.list[slot as usize].writer.as_ref());
        let mut takers = writers.filter(|writer| writer.takes_encoded() && !writer.refuses(message));
        let (first, _) = (takers.next()?, takers.next()?);
        self.fanout.encode(message, first.arena())
    }

    /// Queues a message for every link that has a pipe, or counts its loss.
    pub(crate) fn push_to_all(&mut self, message: &Message) {
        for slot in 0..self.list.len() as u32 {
            if self.list[slot as usize].writer.is_some() {
                self.push_or_drop(slot, message);
            }
        }
    }

    pub(crate) fn has_room(&mut self, slot: u32) -> bool {
        self.list[slot as usize].writer.as_mut().is_some_and(PipeWriter::has_room)
    }

    pub(crate) fn has_room_for(&mut self, slot: u32, message: &Message) -> bool {
        self.list[slot as usize].writer.as_mut().is_some_and(|writer| writer.has_room_for(message))
    }

    /// The slots of links that are up and not among `others`.
    pub(crate) fn all_but(&self, others: &[u32]) -> Vec<u32> {
        let up = self.list.iter().enumerate().filter(|(_, outlet)| outlet.is_up()).map(|(slot, _)| slot as u32);
        up.filter(|slot| !others.contains(slot)).collect()
    }

    /// What went out through a link's pipe, and waits there.
    pub(crate) fn flow(&self, slot: u32) -> Flow {
        self.list[slot as usize].writer.as_ref().map_or_else(Flow::default, PipeWriter::flow)
    }

    /// What went out through pipes that are gone.
    pub(crate) fn past(&self) -> Flow {
        self.past
    }

    /// Gives the connection of a link what is held back for it.
    pub(crate) fn hand_over(&mut self, slot: u32) {
        if let Some(writer) = self.list.get_mut(slot as usize).and_then(|outlet| outlet.writer.as_mut()) {
            writer.hand_over();
        }
    }

    /// Takes the pipe of a link off and throws away what is in it; returns how much that was.
    pub(crate) fn detach(&mut self, slot: u32) -> usize {
        let Some(mut writer) = self.list[slot as usize].writer.take() else { return 0 };
        self.past.add(writer.flow().emptied());
        writer.discard()
    }

    /// Takes the pipe of a link off and finishes it; what is in it is its reader's.
    pub(crate) fn let_go(&mut self, slot: u32) {
        if let Some(writer) = self.list[slot as usize].writer.take() {
            self.past.add(writer.flow().all_passed());
        }
    }

    /// The connection of a link ends when what is queued for it is written.
    pub(crate) fn finish(&mut self, slot: u32) {
        self.list[slot as usize].parting = true;
        self.list[slot as usize].writer.iter_mut().for_each(PipeWriter::finish);
    }

    /// Throws away what is queued for a link; the pipe stays.
    pub(crate) fn discard(&mut self, slot: u32) -> usize {
        self.list[slot as usize].writer.as_mut().map_or(0, PipeWriter::discard)
    }
}

/// Why a message is lost that a pipe refused.
fn cause_of(refusal: Refusal) -> DropCause {
    match refusal {
        Refusal::Full => DropCause::Full,
        Refusal::Closed => DropCause::PeerGone,
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::batch::Unit;
    use monocoque_core::pipe::{Mark, direct_pipe, pipe};
    use monocoque_core::slab::Arena;

    use super::*;

    #[test]
    fn a_message_for_many_is_encoded_once_for_links_and_handed_over_beside() {
        let (arena, drops) = (Arena::new(), Arc::new(Drops::default()));
        let mut outlets = Outlets::new(Arc::clone(&drops));
        let mark = || Mark::messages(1);
        let pipes = [pipe(mark(), false, &arena), direct_pipe(mark(), false, &arena), pipe(mark(), false, &arena)];
        let mut readers = Vec::new();
        for (slot, (writer, reader)) in (0..).zip(pipes) {
            outlets.open(slot);
            outlets.at(slot).writer = Some(writer);
            readers.push(reader);
        }
        // Nobody is behind this one.
        outlets.open(3);
        let message = Message::from(vec![7; 4096]);
        outlets.push_to_each(&[0, 1, 2, 3], &message);
        assert_eq!((drops.of(DropCause::PeerGone), drops.of(DropCause::Full)), (1, 0));
        outlets.push_to_each(&[0, 1, 2], &message);
        assert_eq!(drops.of(DropCause::Full), 3);
        let bodies = readers.iter_mut().map(|reader| match reader.next_unit() {
            Some(Unit::Message(got)) if got == message => got.first().as_ptr(),
            other => panic!("{other:?}"),
        });
        let bodies: Vec<_> = bodies.collect();
        assert_eq!((bodies[0], bodies[1]), (bodies[2], message.first().as_ptr()));
        assert_ne!(bodies[0], bodies[1]);
        assert!(readers.iter_mut().all(|reader| reader.next_unit().is_none()));
        drop((outlets, readers));
        let only = |slot: u32| {
            let mut outlets = Outlets::new(Arc::default());
            let (arena, (writer, _reader)) = (Arena::new(), direct_pipe(mark(), false, &Arena::new()));
            let (other, _other) = pipe(mark(), false, &arena);
            for (slot, writer) in (0..).zip([writer, other]) {
                outlets.open(slot);
                outlets.at(slot).writer = Some(writer);
            }
            outlets.encode_once(&[0, slot], &message).is_some()
        };
        assert!(!only(0) && !only(1), "one link encodes for itself");
    }

    #[test]
    fn who_was_full_is_not_asked_before_there_is_room_and_outrunning_all_is_noticed_for_a_while() {
        let (arena, drops) = (Arena::new(), Arc::new(Drops::default()));
        let mut outlets = Outlets::new(Arc::clone(&drops));
        let mut readers = Vec::new();
        for (slot, mark) in [(0, 2), (1, 4)] {
            let (writer, reader) = pipe(Mark::messages(mark), false, &arena);
            outlets.open(slot);
            outlets.at(slot).writer = Some(writer);
            readers.push(reader);
        }
        let message = Message::from("all");
        let send = |outlets: &mut Outlets, count: u64| {
            let before = drops.of(DropCause::Full);
            (0..count).for_each(|_| outlets.push_to_each(&[0, 1], &message));
            (drops.of(DropCause::Full) - before, outlets.gives_way())
        };
        assert_eq!(send(&mut outlets, 4), (2, false), "one still has room");
        assert!(outlets.encode_once(&[0, 1], &message).is_none(), "one that has room encodes for itself");
        assert_eq!(send(&mut outlets, 1), (2, true));
        outlets.push_to_each(&[], &message);
        assert!(!outlets.gives_way(), "nobody is outrun by a message for nobody");
        assert_eq!(send(&mut outlets, u64::from(GIVE_WAY_MAX) - 1), (2 * (u64::from(GIVE_WAY_MAX) - 1), true));
        assert_eq!(send(&mut outlets, 1), (2, false), "nobody reads");
        // Of four, two have to be read before another is taken.
        assert!(readers[1].next_unit().is_some());
        assert_eq!(send(&mut outlets, 1), (2, false));
        assert!(readers[1].next_unit().is_some());
        assert_eq!(send(&mut outlets, 2), (2, false));
        assert_eq!(send(&mut outlets, 1), (2, true), "somebody had room, and it is over");
    }

    #[test]
    fn a_slot_that_is_used_again_has_other_names() {
        let mut outlets = Outlets::new(Arc::default());
        let link = outlets.open(0);
        let key = outlets.begin_life(0);
        assert!(outlets.is_current(key));
        assert_eq!(outlets.current(0), Some(key));
        outlets.end_life(0);
        outlets.end_life(0);
        assert_eq!(outlets.current(0), None);
        outlets.close(0);
        assert!(outlets.of(link).is_none());
        let later = outlets.open(0);
        assert!(outlets.of(link).is_none() && outlets.of(later).is_some());
        assert_ne!(outlets.begin_life(0), key);
        assert!(!outlets.is_current(key));
        assert_eq!(outlets.up(), 1);
    }
}
