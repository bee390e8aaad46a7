//! The load balancer: strict round robin in the order of entering, skipping peers that are full.
//!
//! A full peer leaves the list of active ones and costs nothing until its pipe says that it has room;
//! then it takes its old place again.

use monocoque_core::pipe::Refusal;

/// Why no peer took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unplaced {
    NoPeer,
    AllFull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    order: u64,
    slot: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Out,
    Active(u64),
    Full(u64),
}

/// Who is next.
#[derive(Debug, Default)]
pub(crate) struct LoadBalancer {
    /// Sorted by order.
    active: Vec<Seat>,
    /// The order of the peer that was served last, whether or not it is still active.
    served: u64,
    /// Index in `active` of the first one behind it; one past the end means the first of all.
    turn: usize,
    places: Vec<Place>,
    full: usize,
    entered: u64,
}

impl LoadBalancer {
    /// Enters at the end of the round.
    pub(crate) fn enter(&mut self, slot: u32) {
        self.leave(slot);
        if self.places.len() <= slot as usize {
            self.places.resize(slot as usize + 1, Place::Out);
        }
        self.entered += 1;
        self.take_place(Seat { order: self.entered, slot });
    }

    pub(crate) fn leave(&mut self, slot: u32) {
        match std::mem::take(self.places.get_mut(slot as usize).unwrap_or(&mut Place::Out)) {
            Place::Out => {}
            Place::Full(_) => self.full -= 1,
            Place::Active(order) => self.remove(Seat { order, slot }),
        }
    }

    /// The peer has no room: it is skipped until it heals.
    pub(crate) fn skip(&mut self, slot: u32) {
        if let Some(&Place::Active(order)) = self.places.get(slot as usize) {
            self.remove(Seat { order, slot });
            self.places[slot as usize] = Place::Full(order);
            self.full += 1;
        }
    }

    /// The peer has room again: back to its old place.
    pub(crate) fn heal(&mut self, slot: u32) {
        let Some(&Place::Full(order)) = self.places.get(slot as usize) else { return };
        self.full -= 1;
        self.take_place(Seat { order, slot });
    }

    /// Any peer may have room again.
    pub(crate) fn heal_all(&mut self) {
        (0..self.places.len() as u32).for_each(|slot| self.heal(slot));
    }

    /// Offers to one peer after the other until one takes it; it is the next one's turn then.
    #[inline]
    pub(crate) fn place(&mut self, mut offer: impl FnMut(u32) -> Result<(), Refusal>) -> Result<u32, Unplaced> {
        while let Some(slot) = self.whose_turn() {
            match offer(slot) {
                Ok(()) => {
                    self.served = self.active[self.turn].order;
                    self.turn += 1;
                    return Ok(slot);
                }
                Err(Refusal::Full) => self.skip(slot),
                Err(Refusal::Closed) => self.leave(slot),
            }
        }
        Err(if self.full > 0 { Unplaced::AllFull } else { Unplaced::NoPeer })
    }

    /// Whether some peer has room, by asking those in turn that may.
    pub(crate) fn any_room(&mut self, mut has_room: impl FnMut(u32) -> bool) -> bool {
        while let Some(slot) = self.whose_turn() {
            if has_room(slot) {
                return true;
            }
            self.skip(slot);
        }
        false
    }

    #[inline]
    fn whose_turn(&mut self) -> Option<u32> {
        if self.turn >= self.active.len() {
            self.turn = 0;
        }
        self.active.get(self.turn).map(|seat| seat.slot)
    }

    fn take_place(&mut self, seat: Seat) {
        self.places[seat.slot as usize] = Place::Active(seat.order);
        let at = self.active.partition_point(|other| *other < seat);
        self.active.insert(at, seat);
        self.find_turn();
    }

    fn remove(&mut self, seat: Seat) {
        let at = self.active.binary_search(&seat).expect("an active peer has a seat");
        self.active.remove(at);
        self.find_turn();
    }

    fn find_turn(&mut self) {
        self.turn = self.active.partition_point(|seat| seat.order <= self.served);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(balancer: &mut LoadBalancer, full: &[u32]) -> Result<u32, Unplaced> {
        balancer.place(|slot| if full.contains(&slot) { Err(Refusal::Full) } else { Ok(()) })
    }

    fn balancer(slots: u32) -> LoadBalancer {
        let mut balancer = LoadBalancer::default();
        (0..slots).for_each(|slot| balancer.enter(slot));
        balancer
    }

    #[test]
    fn turns_go_round_in_the_order_of_entering() {
        let mut balancer = balancer(3);
        let round: Vec<_> = (0..6).map(|_| take(&mut balancer, &[]).expect("room")).collect();
        assert_eq!(round, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_full_peer_is_asked_once_and_returns_to_its_place() {
        let mut balancer = balancer(3);
        let mut asked = 0;
        for _ in 0..4 {
            let placed = balancer.place(|slot| {
                asked += usize::from(slot == 1);
                if slot == 1 { Err(Refusal::Full) } else { Ok(()) }
            });
            assert!(placed.is_ok());
        }
        assert_eq!(asked, 1);
        assert_eq!(take(&mut balancer, &[]), Ok(0));
        balancer.heal(1);
        assert_eq!(take(&mut balancer, &[]), Ok(1));
        assert_eq!(take(&mut balancer, &[]), Ok(2));
    }

    #[test]
    fn nobody_is_told_from_everybody_full() {
        let mut balancer = LoadBalancer::default();
        assert_eq!(take(&mut balancer, &[]), Err(Unplaced::NoPeer));
        balancer.enter(4);
        assert_eq!(take(&mut balancer, &[4]), Err(Unplaced::AllFull));
        balancer.leave(4);
        assert_eq!(take(&mut balancer, &[]), Err(Unplaced::NoPeer));
        balancer.enter(5);
        assert_eq!(balancer.place(|_| Err(Refusal::Closed)), Err(Unplaced::NoPeer));
        balancer.heal(4);
        assert_eq!(take(&mut balancer, &[]), Err(Unplaced::NoPeer), "healing brings no one back that left");
    }

    #[test]
    fn the_round_goes_on_where_it_was_after_all_were_full() {
        let mut balancer = balancer(3);
        assert_eq!([take(&mut balancer, &[]), take(&mut balancer, &[])], [Ok(0), Ok(1)]);
        assert_eq!(take(&mut balancer, &[0, 1, 2]), Err(Unplaced::AllFull));
        (0..3).for_each(|slot| balancer.heal(slot));
        assert_eq!(take(&mut balancer, &[]), Ok(2));
    }

    #[test]
    fn leaving_does_not_take_another_peers_turn() {
        let mut balancer = balancer(4);
        assert_eq!(take(&mut balancer, &[]), Ok(0));
        assert_eq!(take(&mut balancer, &[]), Ok(1));
        balancer.leave(0);
        assert_eq!(take(&mut balancer, &[]), Ok(2));
        balancer.leave(3);
        assert_eq!(take(&mut balancer, &[]), Ok(1));
    }
}
