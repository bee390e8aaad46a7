//! The fair queue: one message from each peer that has one, before the second of any.
//!
//! A *lane* is a link's incoming side: its lives in order, the current one last. A lane whose pipe was
//! found empty leaves the ring and comes back when the pipe calls its waker, so a receive never looks
//! at idle peers. A life that ended keeps its place until it is read to the end; so what one link
//! received stays in order across a reconnect.

use std::collections::VecDeque;

use monocoque_core::RoutingId;
use monocoque_core::batch::Unit;
use monocoque_core::pipe::PipeReader;
use smallvec::SmallVec;

use crate::PeerKey;

#[derive(Debug)]
struct Life {
    epoch: u32,
    reader: PipeReader,
    /// The routing id under which a ROUTER shows its messages.
    label: Option<RoutingId>,
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
    fn next(&mut self) -> Option<(u32, Unit)> {
        while let Some(life) = self.lives.first_mut() {
            if let Some(unit) = life.reader.next_unit() {
                return Some((life.epoch, unit));
            }
            if !life.fading && !life.reader.is_finished() {
                return None;
            }
            self.lives.remove(0);
        }
        None
    }
}

/// The incoming pipes of a hub. It also hands out slots, because a slot is free only when it is read out.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    lanes: Vec<Lane>,
    ring: VecDeque<u32>,
    vacant: Vec<u32>,
}

impl FairQueue {
    /// A slot that no link holds and no unread message is left of.
    pub(crate) fn allocate(&mut self) -> u32 {
        self.vacant.pop().unwrap_or_else(|| {
            self.lanes.push(Lane::default());
            (self.lanes.len() - 1) as u32
        })
    }

    /// Begins a life. What the same link had before is read first.
    pub(crate) fn admit(&mut self, key: PeerKey, reader: PipeReader, label: Option<RoutingId>) {
        let lane = &mut self.lanes[key.slot as usize];
        debug_assert!(lane.lives.iter().all(|life| life.fading), "the life before was ended");
        lane.lives.push(Life { epoch: key.epoch, reader, label, fading: false });
    }

    /// Puts the lanes of `ready` into the ring.
    pub(crate) fn absorb(&mut self, ready: &mut Vec<PeerKey>) {
        for key in ready.drain(..) {
            let lane = &mut self.lanes[key.slot as usize];
            if !lane.in_ring && !lane.lives.is_empty() {
                lane.in_ring = true;
                self.ring.push_back(key.slot);
            }
        }
    }

    /// The next unit of the peer whose turn it is.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<(PeerKey, Unit)> {
        while let Some(&slot) = self.ring.front() {
            let lane = &mut self.lanes[slot as usize];
            if let Some((epoch, unit)) = lane.next() {
                if self.ring.len() > 1 {
                    self.ring.rotate_left(1);
                }
                return Some((PeerKey { slot, epoch }, unit));
            }
            lane.in_ring = false;
            self.ring.pop_front();
            self.vacate_if_read(slot);
        }
        None
    }

    /// The label of the peer that [`next`](Self::next) has just given a unit of.
    pub(crate) fn label(&self, key: PeerKey) -> Option<&RoutingId> {
        let life = self.lanes[key.slot as usize].lives.first()?;
        debug_assert_eq!(life.epoch, key.epoch, "asked right after the unit was given");
        life.label.as_ref()
    }

    /// Ends a life; what it received stays readable.
    pub(crate) fn fade(&mut self, key: PeerKey) {
        let lane = &mut self.lanes[key.slot as usize];
        let Some(index) = lane.lives.iter().position(|life| life.epoch == key.epoch) else { return };
        lane.lives[index].fading = true;
        if lane.lives[index].reader.queued() == 0 {
            lane.lives.remove(index);
        }
    }

    /// Ends a life and destroys what it received.
    pub(crate) fn kill(&mut self, key: PeerKey) {
        let lane = &mut self.lanes[key.slot as usize];
        lane.lives.retain(|life| life.epoch != key.epoch);
    }

    /// Destroys all that a slot received; returns how much that was.
    pub(crate) fn clear(&mut self, slot: u32) -> usize {
        let lives = std::mem::take(&mut self.lanes[slot as usize].lives);
        lives.iter().map(|life| life.reader.queued()).sum()
    }

    /// Gives a slot back as soon as it is read out.
    pub(crate) fn leave(&mut self, slot: u32) {
        let lane = &mut self.lanes[slot as usize];
        lane.leaving = true;
        if lane.in_ring && lane.lives.is_empty() {
            lane.in_ring = false;
            self.ring.retain(|&other| other != slot);
        }
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
    use monocoque_core::Message;
    use monocoque_core::pipe::{Mark, PipeWriter, pipe};
    use monocoque_core::slab::Arena;

    use super::*;

    fn admit(queue: &mut FairQueue, key: PeerKey) -> PipeWriter {
        let (writer, reader) = pipe(Mark::messages(10), false, &Arena::new());
        queue.admit(key, reader, None);
        writer
    }

    fn next(queue: &mut FairQueue) -> Option<String> {
        let (_, unit) = queue.next()?;
        let Unit::Message(message) = unit else { panic!("no commands here") };
        Some(String::from_utf8(message.first().to_vec()).expect("text"))
    }

    fn push(writer: &PipeWriter, text: &str) {
        writer.push(&Message::from(text)).expect("room");
    }

    #[test]
    fn one_message_of_each_before_the_second_of_any() {
        let mut queue = FairQueue::default();
        let keys: Vec<_> = (1..4).map(|epoch| PeerKey { slot: queue.allocate(), epoch }).collect();
        let writers: Vec<_> = keys.iter().map(|&key| admit(&mut queue, key)).collect();
        for (index, writer) in writers.iter().enumerate() {
            (0..2).for_each(|round| push(writer, &format!("{index}{round}")));
        }
        queue.absorb(&mut keys.clone());
        let got: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert_eq!(got, ["00", "10", "20", "01", "11", "21"]);
        assert!(queue.ring.is_empty(), "idle peers are not looked at");
    }

    #[test]
    fn a_new_life_is_read_after_the_old_one() {
        let mut queue = FairQueue::default();
        let slot = queue.allocate();
        let (old, new) = (PeerKey { slot, epoch: 1 }, PeerKey { slot, epoch: 2 });
        let writer = admit(&mut queue, old);
        push(&writer, "old");
        queue.fade(old);
        let newer = admit(&mut queue, new);
        push(&newer, "new");
        queue.absorb(&mut vec![new]);
        assert_eq!(next(&mut queue).as_deref(), Some("old"));
        assert_eq!(next(&mut queue).as_deref(), Some("new"));
        assert!(writer.is_closed(), "the old pipe was dropped when it was read out");
    }

    #[test]
    fn a_slot_is_vacant_when_it_is_read_out() {
        let mut queue = FairQueue::default();
        let key = PeerKey { slot: queue.allocate(), epoch: 1 };
        let writer = admit(&mut queue, key);
        push(&writer, "unread");
        queue.fade(key);
        queue.leave(key.slot);
        assert_ne!(queue.allocate(), key.slot);
        queue.absorb(&mut vec![key]);
        assert_eq!(next(&mut queue).as_deref(), Some("unread"));
        assert_eq!(next(&mut queue), None);
        assert_eq!(queue.allocate(), key.slot);
    }

    #[test]
    fn clearing_tells_how_much_was_lost() {
        let mut queue = FairQueue::default();
        let key = PeerKey { slot: queue.allocate(), epoch: 1 };
        let writer = admit(&mut queue, key);
        push(&writer, "a");
        push(&writer, "b");
        queue.absorb(&mut vec![key]);
        assert_eq!(next(&mut queue).as_deref(), Some("a"));
        assert_eq!(queue.clear(key.slot), 1);
        queue.leave(key.slot);
        assert_eq!(next(&mut queue), None);
        assert_eq!(queue.allocate(), key.slot);
    }
}
