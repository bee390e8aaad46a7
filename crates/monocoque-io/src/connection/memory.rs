//! What a connection holds of what its peer sent, where a ceiling is set: how much it takes at once, and when it waits.
//!
//! The less is left below the ceiling, the less is taken for one read. When nothing is left a connection has a reserve
//! that is its own and not counted, so that a peer which says little is heard whatever others do; behind that it waits
//! for its turn. See docs/decisions/0025.

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use monocoque_core::budget::{Budget, Charge, Place};
use monocoque_core::limits::{RESERVE_BYTES, SLAB_LARGE_BYTES, SLAB_SMALL_BYTES, SLAB_TINY_BYTES};
use monocoque_core::slab::{Arena, OutOfMemory, SlabClass, SlabMut};

/// Of what is left below the ceiling, one read takes this part at most, unless it must take more.
const READ_PART: usize = 4;
/// Of the ceiling, whoever has waited is given this part at least for one read, so that many come to their turn and none
/// reads in crumbs.
const TURN_PART: usize = 256;

/// How often who holds memory for a message that has not ended is looked at.
const STALL_INTERVAL: Duration = Duration::from_secs(1);
/// How many times in a row it may be found without progress while others wait for memory.
const STALLS_MAX: u32 = 10;
/// What is progress within a message. A slow peer sends this much in that time.
const PROGRESS_BYTES: usize = 64 * 1024;

/// What a read needs memory for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// Bytes that have to find room, those that are there already among them.
    pub(super) least: usize,
    /// Bytes that would do well.
    pub(super) wanted: usize,
}

/// A connection's account. One pointer where no ceiling is set.
#[derive(Debug)]
pub(super) struct Memory(Option<Box<Account>>);

#[derive(Debug)]
struct Account {
    ceiling: Budget,
    reserve: Budget,
    /// What the protocol may lease beside the next read.
    beside: Option<Charge>,
    /// Bytes that came since a message ended, or there was progress.
    read: usize,
    /// How often no progress was found since.
    stalls: u32,
    /// When that is looked at next. Not counted from the last read: who sends byte after byte makes no progress.
    look: Option<Instant>,
}

/// What is waited for.
#[derive(Debug)]
pub(super) struct Wait {
    below_ceiling: (Place, usize),
    in_reserve: (Place, usize),
}

/// Memory that was waited for: the charge for all of it, and the bytes of the slab.
#[derive(Debug)]
pub(super) struct Taken(Charge, usize);

impl Memory {
    /// For a protocol that leases so much `beside` what is read.
    pub(super) fn under(ceiling: Option<&Budget>, beside: impl Fn(usize) -> usize) -> Self {
        Self(ceiling.map(|ceiling| {
            let reserve = Budget::new(RESERVE_BYTES + beside(RESERVE_BYTES));
            Box::new(Account { ceiling: ceiling.clone(), reserve, beside: None, read: 0, stalls: 0, look: None })
        }))
    }

    /// Whether anything is counted.
    pub(super) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// The protocol has leased what it leases beside a read.
    pub(super) fn settle(&mut self) {
        if let Some(account) = &mut self.0 {
            account.beside = None;
        }
    }

    /// `count` bytes came, and a message ended if `delivered`.
    pub(super) fn progress(&mut self, count: usize, delivered: bool) {
        let Some(account) = &mut self.0 else { return };
        account.read += count;
        if delivered || account.read >= PROGRESS_BYTES {
            (account.read, account.stalls, account.look) = (0, 0, None);
        }
    }

    /// When [`has_stalled`](Self::has_stalled) or [`is_in_the_way`](Self::is_in_the_way) is to be asked.
    pub(super) fn next_look(&mut self) -> Instant {
        let next = || Instant::now() + STALL_INTERVAL;
        self.0.as_mut().map_or_else(next, |account| *account.look.get_or_insert_with(next))
    }

    /// Looks at who waits for its peer to go on with a message. Whether it has done so for too long while others waited for
    /// memory.
    pub(super) fn has_stalled(&mut self) -> bool {
        let Some(account) = &mut self.0 else { return false };
        account.look = None;
        account.stalls = if account.ceiling.is_short() { account.stalls + 1 } else { 0 };
        account.stalls >= STALLS_MAX
    }

    /// The same of who waits for memory itself: whether those who do have waited for each other for too long, and this is
    /// the one to give way.
    pub(super) fn is_in_the_way(&mut self, wait: &Wait) -> bool {
        let Some(account) = &mut self.0 else { return false };
        account.look = None;
        account.stalls = if wait.below_ceiling.0.blocks_others() { account.stalls + 1 } else { 0 };
        account.stalls >= STALLS_MAX
    }

    /// Takes what the protocol leases beside a read into `slab`, which is there. Whether it could.
    pub(super) fn prepay(&mut self, slab: &SlabMut, beside: impl Fn(usize) -> usize) -> bool {
        let Some(account) = &mut self.0 else { return true };
        let bytes = beside(slab.spare_len());
        account.beside = None;
        if bytes > 0 {
            account.beside = slab.budget().and_then(|budget| budget.try_take(bytes));
        }
        bytes == 0 || account.beside.is_some()
    }

    /// More than `demand` has to have, if that leaves enough for others.
    pub(super) fn ample(&mut self, arena: &Arena, demand: Demand, beside: impl Fn(usize) -> usize) -> Option<SlabMut> {
        let account = self.0.as_mut()?;
        let (least, wanted) = (SlabClass::rounded(demand.least), SlabClass::rounded(demand.wanted));
        let part = account.ceiling.left() / READ_PART;
        let total = |class: SlabClass| class.bytes() + beside(class.bytes());
        let fits = |class: &SlabClass| (least..=wanted).contains(&class.bytes()) && total(*class) <= part;
        let class = SlabClass::ALL.into_iter().rev().find(fits)?;
        let charge = account.ceiling.try_take(total(class))?;
        Some(account.charged(arena.lease(class), charge))
    }

    /// What `least` bytes have to have, below the ceiling or out of the reserve; `None` if that is in neither.
    pub(super) fn least(
        &mut self,
        arena: &Arena,
        least: usize,
        beside: impl Fn(usize) -> usize,
    ) -> Result<Option<SlabMut>, OutOfMemory> {
        let Some(account) = &mut self.0 else { return arena.room(least).map(Some) };
        let bytes = size(least);
        let total = bytes + beside(bytes);
        let reserve = Some(&account.reserve).filter(|_| bytes <= RESERVE_BYTES);
        let Some(charge) = account.ceiling.try_take(total).or_else(|| reserve?.try_take(total)) else {
            return Ok(None);
        };
        Ok(Some(account.charged(lease(arena, bytes)?, charge)))
    }

    /// To wait for `least` bytes, while `unfinished` bytes are held of a message that has not ended.
    pub(super) fn wait(&self, least: usize, unfinished: usize) -> Wait {
        let turn = self.0.as_ref().map_or(0, |account| account.ceiling.bytes_max() / TURN_PART);
        let (least, turn) = (size(least), turn.clamp(SLAB_TINY_BYTES, SLAB_LARGE_BYTES));
        Wait { below_ceiling: (Place::holding(unfinished), least.max(turn)), in_reserve: (Place::default(), least) }
    }

    /// Waits for memory to come back: below the ceiling in turn with others, or of what this connection itself holds.
    pub(super) fn poll(
        &mut self,
        wait: &mut Wait,
        beside: impl Fn(usize) -> usize,
        cx: &Context<'_>,
    ) -> Poll<Option<Taken>> {
        let Some(account) = &mut self.0 else { return Poll::Ready(None) };
        let (place, bytes) = &mut wait.below_ceiling;
        if let Poll::Ready(charge) = account.ceiling.poll_take(place, *bytes + beside(*bytes), cx) {
            return Poll::Ready(Some(Taken(charge, *bytes)));
        }
        let (place, bytes) = &mut wait.in_reserve;
        if *bytes > RESERVE_BYTES {
            return Poll::Pending;
        }
        account.reserve.poll_take(place, *bytes + beside(*bytes), cx).map(|charge| Some(Taken(charge, *bytes)))
    }

    /// The slab that was waited for.
    pub(super) fn lease(&mut self, arena: &Arena, Taken(charge, bytes): Taken) -> Result<SlabMut, OutOfMemory> {
        let slab = lease(arena, bytes)?;
        Ok(match &mut self.0 {
            Some(account) => account.charged(slab, charge),
            None => slab,
        })
    }
}

impl Account {
    /// `slab`, with its part of `charge`; the rest is for what is leased beside it.
    fn charged(&mut self, slab: SlabMut, mut charge: Charge) -> SlabMut {
        let for_slab = charge.split(slab.capacity());
        self.beside = Some(charge).filter(|beside| beside.bytes() > 0);
        slab.charged(for_slab)
    }
}

/// Bytes to lease for `least` that are scarce: a class, unless more than half of it were wasted.
fn size(least: usize) -> usize {
    let rounded = SlabClass::rounded(least);
    if least > SLAB_SMALL_BYTES && rounded > 2 * least { least } else { rounded }
}

fn lease(arena: &Arena, size: usize) -> Result<SlabMut, OutOfMemory> {
    match SlabClass::ALL.into_iter().find(|class| class.bytes() == size) {
        Some(class) => Ok(arena.lease(class)),
        None => SlabMut::exact(size),
    }
}
