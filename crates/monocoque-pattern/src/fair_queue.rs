//! The fair queue: one message from each peer that has one, before the second of any.
//!
//! A *lane* is a link's incoming side: its lives in order, the current one last. A lane whose pipe was
//! found empty leaves the ring and comes back when the pipe calls its waker, so a receive never looks
//! at idle peers. A life that ended keeps its place until it is read to the end; so what one link
//! received stays in order across a reconnect.

use std::collections::VecDeque;
use std::sync::Arc;

use monocoque_core::batch::Unit;
use monocoque_core::pipe::{Flow, Mark, PipeReader};
use monocoque_core::{Message, RoutingId};
use smallvec::SmallVec;

use crate::{PeerKey, PeerProperties};

#[derive(Debug)]
struct Life {
    epoch: u32,
    reader: PipeReader,
    /// The routing id under which a ROUTER shows its messages.
    label: Option<RoutingId>,
    properties: Option<Arc<PeerProperties>>,
    /// It ended; it stays until it is read to the end.
    fading: bool,
}

#[derive(Debug, Default)]
struct Lane {
    lives: SmallVec<[Life; 1]>,
    in_ring: bool,
    /// The link is gone; the slot is vacant once the lives are read.
    leaving: bool,
}

impl Lane {
    /// The first life's pipe was found empty. Returns whether the lane goes on with another life.
    fn next_life(&mut self) -> bool {
        // Not one whose pipe has finished: until it is ended, something may be said of it.
        let over = self.lives.first().is_some_and(|life| life.fading);
        if over {
            self.lives.remove(0);
        }
        over && !self.lives.is_empty()
    }
}

/// What nobody will read. It is counted when no lock of the hub is held, because that asks the writers.
#[derive(Debug, Default)]
pub(crate) struct Unread(SmallVec<[Life; 1]>);

impl Unread {
    pub(crate) fn count(self) -> usize {
        self.0.iter().map(|life| life.reader.queued()).sum()
    }
}

/// Whose turn it is, and who comes behind.
///
/// Who has the turn is here, not in the row: with one busy peer that is all that a receive looks at. A row of a few slots is
/// a few bytes on the heap, and its neighbour in the cache line may be anything, such as the count of a body that its sender
/// is counting on another core.
#[derive(Debug, Default)]
struct Ring {
    front: Option<u32>,
    behind: VecDeque<u32>,
}

impl Ring {
    fn push(&mut self, slot: u32) {
        match self.front {
            None => self.front = Some(slot),
            Some(_) => self.behind.push_back(slot),
        }
    }

    fn pop(&mut self) {
        self.front = self.behind.pop_front();
    }

    /// The next one's turn.
    #[inline]
    fn rotate(&mut self) {
        if let Some(front) = self.front
            && let Some(next) = self.behind.pop_front()
        {
            self.behind.push_back(front);
            self.front = Some(next);
        }
    }
}

/// The incoming pipes of a hub. It also hands out slots, because a slot is free only when it is read out.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    lanes: Vec<Lane>,
    ring: Ring,
    vacant: Vec<u32>,
    /// The slot that the last unit came from.
    served: u32,
}

impl FairQueue {
    /// All that came of the current life in `slot`, read or not, and what waits of all its lives.
    pub(crate) fn flow(&self, slot: u32) -> Flow {
        let mut flow = Flow::default();
        for life in self.lanes.get(slot as usize).into_iter().flat_map(|lane| &lane.lives) {
            let came = life.reader.flow();
            // What came of a life that ended was counted then.
            let all = if life.fading { Flow::default() } else { came.all_passed() };
            flow.add(Flow { queued_messages: came.queued_messages, queued_bytes: came.queued_bytes, ..all });
        }
        flow
    }

    /// Slots that are or were in use.
    pub(crate) fn slots(&self) -> u32 {
        self.lanes.len() as u32
    }

    /// Changes the mark of what is received of one link.
    pub(crate) fn set_mark(&mut self, slot: u32, mark: Mark) {
        let lives = self.lanes.get(slot as usize).into_iter().flat_map(|lane| &lane.lives);
        lives.for_each(|life| life.reader.set_mark(mark));
    }

    /// A slot that no link holds and no unread message is left of.
    pub(crate) fn allocate(&mut self) -> u32 {
        self.vacant.pop().unwrap_or_else(|| {
            self.lanes.push(Lane::default());
            (self.lanes.len() - 1) as u32
        })
    }

    /// Begins a life. What the same link had before is read first.
    pub(crate) fn admit(
        &mut self,
        key: PeerKey,
        reader: PipeReader,
        label: Option<RoutingId>,
        properties: Option<Arc<PeerProperties>>,
    ) {
        let lane = &mut self.lanes[key.slot as usize];
        debug_assert!(lane.lives.iter().all(|life| life.fading), "the life before was ended");
        lane.lives.push(Life { epoch: key.epoch, reader, label, properties, fading: false });
    }

    /// Puts the lanes of `ready` into the ring.
    pub(crate) fn absorb(&mut self, ready: &mut Vec<PeerKey>) {
        for key in ready.drain(..) {
            let lane = &mut self.lanes[key.slot as usize];
            if !lane.in_ring && !lane.lives.is_empty() {
                lane.in_ring = true;
                self.ring.push(key.slot);
            }
        }
    }

    /// The next unit of the peer whose turn it is; [`sender`](Self::sender) says who that was.
    pub(crate) fn next(&mut self) -> Option<Unit> {
        loop {
            let unit = self.turn()?.next_unit();
            if unit.is_some() {
                self.pass();
                return unit;
            }
            self.found_empty();
        }
    }

    /// The pipe whose turn it is. After a unit was taken from it comes [`pass`](Self::pass), else
    /// [`found_empty`](Self::found_empty).
    #[inline]
    pub(crate) fn turn(&mut self) -> Option<&mut PipeReader> {
        let mut slot = self.ring.front?;
        while self.lanes[slot as usize].lives.is_empty() {
            slot = self.next_turn()?;
        }
        self.lanes[slot as usize].lives.first_mut().map(|life| &mut life.reader)
    }

    /// Whose turn it is when the lane in front was cleared after it had entered the ring.
    #[cold]
    fn next_turn(&mut self) -> Option<u32> {
        self.found_empty();
        self.ring.front
    }

    /// The next one's turn.
    #[inline]
    pub(crate) fn pass(&mut self) {
        let Some(slot) = self.ring.front else { return };
        self.served = slot;
        self.ring.rotate();
    }

    /// The lane in front leaves the ring, unless a later life of it is to be read.
    pub(crate) fn found_empty(&mut self) {
        let Some(slot) = self.ring.front else { return };
        let lane = &mut self.lanes[slot as usize];
        if lane.next_life() {
            return;
        }
        lane.in_ring = false;
        self.ring.pop();
        self.vacate_if_read(slot);
    }

    /// Whom the unit that [`next`](Self::next) has just given is from.
    pub(crate) fn sender(&self) -> PeerKey {
        PeerKey { slot: self.served, epoch: self.served_life().epoch }
    }

    /// The label of the sender.
    pub(crate) fn label(&self) -> Option<&RoutingId> {
        self.served_life().label.as_ref()
    }

    /// What is known of a peer, until its life is read out.
    pub(crate) fn properties(&self, of: PeerKey) -> Option<&Arc<PeerProperties>> {
        let life = self.lanes.get(of.slot as usize)?.lives.iter().find(|life| life.epoch == of.epoch)?;
        life.properties.as_ref()
    }

    fn served_life(&self) -> &Life {
        self.lanes[self.served as usize].lives.first().expect("asked right after it gave a unit")
    }

    /// Puts a message of the socket's own behind what a life received.
    pub(crate) fn say(&mut self, of: PeerKey, message: &Message) {
        let lives = &mut self.lanes[of.slot as usize].lives;
        if let Some(life) = lives.iter_mut().find(|life| life.epoch == of.epoch) {
            life.reader.say(message, false);
        }
    }

    /// Ends a life; what it received stays readable.
    pub(crate) fn fade(&mut self, key: PeerKey) {
        let lane = &mut self.lanes[key.slot as usize];
        let Some(index) = lane.lives.iter().position(|life| life.epoch == key.epoch) else { return };
        lane.lives[index].fading = true;
        // Not by asking the writer: that takes a lock of its socket, and ours are held.
        if lane.lives[index].reader.is_spent() {
            lane.lives.remove(index);
        }
    }

    /// Ends a life and destroys what it received.
    pub(crate) fn kill(&mut self, key: PeerKey) {
        let lane = &mut self.lanes[key.slot as usize];
        lane.lives.retain(|life| life.epoch != key.epoch);
    }

    /// Takes away all that a slot received.
    pub(crate) fn clear(&mut self, slot: u32) -> Unread {
        Unread(std::mem::take(&mut self.lanes[slot as usize].lives))
    }

    /// Gives a slot back as soon as it is read out.
    pub(crate) fn leave(&mut self, slot: u32) {
        let lane = &mut self.lanes[slot as usize];
        lane.leaving = true;
        self.vacate_if_read(slot);
    }

    fn vacate_if_read(&mut self, slot: u32) {
        let lane = &mut self.lanes[slot as usize];
        if lane.leaving && lane.lives.is_empty() && !lane.in_ring {
            lane.leaving = false;
            self.vacant.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use monocoque_core::pipe::{Mark, PipeWriter, pipe};
    use monocoque_core::slab::Arena;

    use super::*;

    fn admit(queue: &mut FairQueue, key: PeerKey) -> PipeWriter {
        let (writer, reader) = pipe(Mark::messages(10), false, &Arena::new());
        queue.admit(key, reader, None, None);
        writer
    }

    fn next(queue: &mut FairQueue) -> Option<String> {
        let Unit::Message(message) = queue.next()? else { panic!("no commands here") };
        Some(String::from_utf8(message.first().to_vec()).expect("text"))
    }

    fn push(writer: &mut PipeWriter, text: &str) {
        writer.push(&Message::from(text)).expect("room");
    }

    #[test]
    fn one_message_of_each_before_the_second_of_any() {
        let mut queue = FairQueue::default();
        let keys: Vec<_> = (1..4).map(|epoch| PeerKey { slot: queue.allocate(), epoch }).collect();
        let mut writers: Vec<_> = keys.iter().map(|&key| admit(&mut queue, key)).collect();
        for (index, writer) in writers.iter_mut().enumerate() {
            (0..2).for_each(|round| push(writer, &format!("{index}{round}")));
        }
        queue.absorb(&mut keys.clone());
        let got: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert_eq!(got, ["00", "10", "20", "01", "11", "21"]);
        assert!(queue.ring.front.is_none(), "idle peers are not looked at");
    }

    #[test]
    fn a_new_life_is_read_after_the_old_one() {
        let mut queue = FairQueue::default();
        let slot = queue.allocate();
        let (old, new) = (PeerKey { slot, epoch: 1 }, PeerKey { slot, epoch: 2 });
        let mut writer = admit(&mut queue, old);
        push(&mut writer, "old");
        queue.fade(old);
        let mut newer = admit(&mut queue, new);
        push(&mut newer, "new");
        queue.absorb(&mut vec![new]);
        assert_eq!(next(&mut queue).as_deref(), Some("old"));
        assert_eq!(next(&mut queue).as_deref(), Some("new"));
        assert!(writer.is_closed(), "the old pipe was dropped when it was read out");
    }

    #[test]
    fn a_slot_is_vacant_when_it_is_read_out() {
        let mut queue = FairQueue::default();
        let key = PeerKey { slot: queue.allocate(), epoch: 1 };
        let mut writer = admit(&mut queue, key);
        push(&mut writer, "unread");
        queue.fade(key);
        queue.leave(key.slot);
        assert_ne!(queue.allocate(), key.slot);
        queue.absorb(&mut vec![key]);
        assert_eq!(next(&mut queue).as_deref(), Some("unread"));
        assert_eq!(next(&mut queue), None);
        assert_eq!(queue.allocate(), key.slot);
    }

    #[test]
    fn a_life_that_ends_with_nothing_unread_is_dropped_at_once() {
        let mut queue = FairQueue::default();
        let key = PeerKey { slot: queue.allocate(), epoch: 1 };
        let writer = admit(&mut queue, key);
        queue.fade(key);
        assert!(writer.is_closed());
    }

    #[test]
    fn many_that_left_while_it_was_their_turn_are_passed_by() {
        let mut queue = FairQueue::default();
        let keys: Vec<_> = (1..100_000).map(|epoch| PeerKey { slot: queue.allocate(), epoch }).collect();
        let writers: Vec<_> = keys.iter().map(|&key| admit(&mut queue, key)).collect();
        queue.absorb(&mut keys.clone());
        keys.iter().for_each(|&key| queue.kill(key));
        drop(writers);
        assert!(queue.turn().is_none());
    }

    #[test]
    fn clearing_tells_how_much_was_lost() {
        let mut queue = FairQueue::default();
        let key = PeerKey { slot: queue.allocate(), epoch: 1 };
        let mut writer = admit(&mut queue, key);
        push(&mut writer, "a");
        push(&mut writer, "b");
        queue.absorb(&mut vec![key]);
        assert_eq!(next(&mut queue).as_deref(), Some("a"));
        assert_eq!(queue.clear(key.slot).count(), 1);
        queue.leave(key.slot);
        assert_eq!(next(&mut queue), None);
        assert_eq!(queue.allocate(), key.slot);
    }
}
