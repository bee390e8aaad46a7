//! What is read: from the link into a slab, and through the protocol into the incoming pipe, without ever waiting.
//!
//! The read pump does it, and waits between; who waits for a message does it where the connection was lent to it.

use std::io;
use std::time::Instant;

use monocoque_core::Protocol;
use monocoque_core::limits::{READ_APART_BYTES_MIN, RESERVE_BYTES, SLAB_HUGE_BYTES, SLAB_LARGE_BYTES, SLAB_TINY_BYTES};
use monocoque_core::protocol::Need;
use monocoque_core::slab::{Arena, OutOfMemory, SlabClass, SlabMut};

use super::Host;
use super::memory::{Demand, Memory};
use super::shared::Shared;
use crate::link::Link;

/// Messages in a row that come one by one, each after an answer, before that is noted.
const CALM_MIN: u32 = 16;
/// Turns of its peer before a connection is lent, and before it is lent again where that was of no use, at most.
const LENDS_AFTER: u32 = 2 * CALM_MIN;
const LENDS_AFTER_MAX: u32 = 1024;
/// Looks that found something, of one that was lent to some use.
const FINDS_MIN: u32 = 64;
/// Turns of the peer in a row in which nothing was written: no conversation.
const UNASKED_MAX: u32 = 8;

/// What a connection that is idle keeps of its reading.
pub(super) struct Kept {
    pub(super) memory: Memory,
    /// Bytes that the protocol needs to go on.
    pub(super) need: usize,
    /// What the last frame needed, if it is one that is read apart from others.
    large: usize,
    /// The link was looked at once since it came up, or has something to read.
    pub(super) met: bool,
    /// Reads that nobody waited for who looked himself. Others have their turn after some of them, however idle it was between: what
    /// answers gathers meanwhile.
    pub(super) turns: u32,
    /// Turns that the peer takes in the conversation before it is lent to who waits for them.
    pub(super) lends_after: u32,
    /// What the read pump goes on with, of one that was lent. Boxed: an idle connection has none.
    held: Option<Box<Held>>,
}

/// What is under way of reading.
#[derive(Default)]
pub(super) struct Held {
    /// What was read and not taken yet, and room to read into; nothing while an idle peer is waited for.
    pub(super) slab: Option<SlabMut>,
    /// The last read filled its room: more is likely there.
    pub(super) hot: bool,
    /// Bytes of the peer's turn so far.
    turn: usize,
    /// What was found last and is the read pump's to deal with.
    pub(super) found: Option<io::Result<Read>>,
}

impl Kept {
    pub(super) fn new(memory: Memory) -> Self {
        Self { memory, need: 0, large: 0, met: false, turns: 0, lends_after: LENDS_AFTER, held: None }
    }

    /// It was lent, and so many looks found something: whether that was of use decides when it is lent again.
    pub(super) fn was_lent(&mut self, finds: u32) {
        self.lends_after = if finds < FINDS_MIN { (2 * self.lends_after).min(LENDS_AFTER_MAX) } else { LENDS_AFTER };
    }

    /// The link is to be looked at before it is waited for.
    pub(super) fn look(&mut self) {
        self.met = false;
    }

    /// The read pump is to go on with `held`, and looks at once.
    pub(super) fn go_on(&mut self, held: Held) {
        self.look();
        let is_empty = held.found.is_none() && held.slab.as_ref().is_none_or(SlabMut::is_empty);
        self.held = (!is_empty).then(|| Box::new(held));
    }
}

/// What a read found.
pub(super) struct Read {
    pub(super) bytes: usize,
    /// It found as much as there was room for.
    pub(super) filled: bool,
    /// Something was written since the read before.
    pub(super) is_answer: bool,
}

/// Why there is no room to read into.
pub(super) enum Lack {
    /// The system has none.
    System(OutOfMemory),
    /// The ceiling is reached. What there was to read into so far.
    Ceiling(Option<SlabMut>),
}

impl From<OutOfMemory> for Lack {
    fn from(error: OutOfMemory) -> Self {
        Self::System(error)
    }
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Nothing,
    /// A message that was whole, and was delivered.
    One,
    /// Several that were.
    Several,
    /// What is the pumps' to deal with.
    Left,
}

/// Reading, as far as it goes without waiting.
pub(super) struct Intake<'a, P: Protocol, L, H> {
    pub(super) shared: &'a Shared<P, H>,
    pub(super) link: &'a L,
    pub(super) arena: &'a Arena,
    pub(super) kept: &'a mut Kept,
    pub(super) held: Held,
}

impl<'a, P: Protocol, L: Link, H: Host<P>> Intake<'a, P, L, H> {
    pub(super) fn new(shared: &'a Shared<P, H>, link: &'a L, arena: &'a Arena, kept: &'a mut Kept) -> Self {
        let held = kept.held.take().map_or_else(Held::default, |held| *held);
        Self::of(shared, link, arena, kept, held)
    }

    /// [`new`](Self::new), with what is under way.
    pub(super) fn of(shared: &'a Shared<P, H>, link: &'a L, arena: &'a Arena, kept: &'a mut Kept, held: Held) -> Self {
        Self { shared, link, arena, kept, held }
    }

    /// Reads and delivers what is there, of a connection whose pumps have nothing to do.
    pub(super) fn look(&mut self) -> Look {
        let mut reads = 0;
        while reads == 0 || (self.held.hot && self.shared.talk.get() > 0 && !self.shared.is_ended()) {
            match self.find_room() {
                Ok(()) => {}
                Err(Lack::Ceiling(slab)) => {
                    self.held.slab = slab;
                    return Look::Left;
                }
                Err(Lack::System(error)) => {
                    self.held.found = Some(Err(io::Error::new(io::ErrorKind::OutOfMemory, error)));
                    return Look::Left;
                }
            }
            match self.try_read() {
                Ok(read @ Read { bytes: 1.., .. }) => {
                    self.take(&read, Instant::now());
                    self.see(read.filled);
                    self.held.hot = read.filled;
                    reads += 1;
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                    self.held.hot = false;
                    break;
                }
                end => {
                    self.held.found = Some(end);
                    return Look::Left;
                }
            }
        }
        if let Some(turns) = self.shared.host.borrow().turns().filter(|_| reads > 0) {
            turns.note(self.is_one_by_one());
        }
        match reads {
            0 => Look::Nothing,
            _ if !self.is_at_rest() => Look::Left,
            1 if self.shared.calm.get() > 0 => Look::One,
            _ => Look::Several,
        }
    }

    /// Whether messages come one by one, each after an answer.
    pub(super) fn is_one_by_one(&self) -> bool {
        self.shared.calm.get() >= CALM_MIN
    }

    /// Has the protocol take what a `read` found.
    pub(super) fn take(&mut self, read: &Read, now: Instant) {
        self.count_turn(read);
        self.held.hot = read.filled || read.bytes >= SLAB_TINY_BYTES;
        self.received(now);
        if !read.is_answer || self.held.hot || self.len() > 0 || self.unfinished() > 0 {
            self.shared.calm.set(0);
        }
    }

    /// Counts the peer's turns in a conversation, of which `read` begins one or goes on with it.
    fn count_turn(&mut self, read: &Read) {
        let (held, Shared { talk, unasked, .. }) = (&mut self.held, self.shared);
        if held.hot {
            held.turn += read.bytes;
        } else {
            held.turn = read.bytes;
            unasked.set(if read.is_answer { 0 } else { unasked.get().saturating_add(1) });
            talk.set(talk.get().saturating_add(1));
        }
        // Whoever says much at a time talks to himself, as does who is not answered.
        if held.turn > SLAB_LARGE_BYTES || unasked.get() > UNASKED_MAX {
            talk.set(0);
        }
    }

    /// Whether everything that came is delivered, after an answer, and nothing else is to be done.
    fn is_at_rest(&self) -> bool {
        let has_room = || self.shared.incoming.borrow_mut().as_mut().is_some_and(|incoming| incoming.has_room());
        let has_deadline = || self.shared.protocol.borrow().deadline().is_some();
        let is_quiet = self.shared.control.borrow().is_empty() && !self.shared.is_ended() && !has_deadline();
        self.shared.talk.get() > 0 && !self.held.hot && self.len() == 0 && is_quiet && has_room()
    }

    /// Bytes that were read and not taken yet.
    pub(super) fn len(&self) -> usize {
        self.held.slab.as_ref().map_or(0, SlabMut::len)
    }

    /// Has the protocol take what was read.
    pub(super) fn received(&mut self, now: Instant) {
        let Some(slab) = &mut self.held.slab else { return };
        let Need(need) = self.shared.act(|protocol, out| protocol.received(now, slab, out));
        self.kept.need = need;
    }

    pub(super) fn try_read(&mut self) -> io::Result<Read> {
        let most = self.most(self.len());
        let Some(slab) = &mut self.held.slab else { return Err(io::ErrorKind::WouldBlock.into()) };
        let spare = slab.spare_len().min(most);
        let is_answer = self.link.may_be_answered();
        let bytes = self.link.try_read(slab, most)?;
        Ok(Read { bytes, filled: bytes == spare, is_answer })
    }

    /// Remembers what is read apart: whoever sends large frames sends more of them. A read that was filled ends within the
    /// next one, or there are small ones between.
    pub(super) fn see(&mut self, filled: bool) {
        let kept = &mut *self.kept;
        if kept.need >= READ_APART_BYTES_MIN {
            kept.large = kept.need;
        } else if filled {
            kept.large = 0;
        }
    }

    /// Where the next read should end, counted from the first byte held, if one is to be read apart: within the head of the
    /// frame after it. Of one whose size can only be guessed no more than a slab is read, and of a larger one the head.
    fn ahead(&self) -> Option<usize> {
        let Kept { need, large, .. } = *self.kept;
        let guessed = large + SLAB_TINY_BYTES;
        if need >= READ_APART_BYTES_MIN {
            Some(need + SLAB_TINY_BYTES)
        } else if large == 0 {
            None
        } else if self.held.hot && guessed <= SLAB_HUGE_BYTES {
            Some(guessed)
        } else {
            Some(need.max(SLAB_TINY_BYTES))
        }
    }

    /// Bytes that one read takes at most, with `held` there already.
    fn most(&self, held: usize) -> usize {
        self.ahead().map_or(usize::MAX, |end| end.saturating_sub(held).max(SLAB_TINY_BYTES))
    }

    pub(super) fn find_room(&mut self) -> Result<(), Lack> {
        let slab = self.held.slab.take();
        self.held.slab = Some(self.room(slab)?);
        Ok(())
    }

    /// A slab with the unconsumed bytes of `slab` and room for what the protocol needs in all.
    fn room(&mut self, slab: Option<SlabMut>) -> Result<SlabMut, Lack> {
        let need = self.kept.need;
        let held = slab.as_ref().map_or(0, SlabMut::len);
        let least = if need >= READ_APART_BYTES_MIN { need } else { self.ahead().unwrap_or(need) };
        let wanted = if self.held.hot { SlabClass::Huge.bytes() } else { SlabClass::Tiny.bytes() };
        let enough = |slab: &SlabMut| {
            let room_for_more = if self.held.hot { wanted / 4 } else { wanted / 2 };
            slab.capacity() >= need && slab.spare_len() >= if least > held { least - held } else { room_for_more }
        };
        let Some(mut slab) = slab else { return self.lease(None, wanted) };
        if enough(&slab) || (held == 0 && slab.reclaim() && enough(&slab)) {
            return self.prepaid(slab);
        }
        self.lease(Some(slab), wanted)
    }

    /// A slab that is counted, for what is in `slab` and to read into.
    fn lease(&mut self, slab: Option<SlabMut>, wanted: usize) -> Result<SlabMut, Lack> {
        let need = self.kept.need;
        let held = slab.as_ref().map_or(0, SlabMut::len);
        let demand = Demand { least: need.max(held + 1), wanted };
        let protocol = self.shared.protocol.borrow();
        let beside = |input| protocol.beside(input);
        if !self.kept.memory.is_limited() {
            // What is counted, and waited for, has no room for the head of the next frame.
            let ahead = self.ahead().unwrap_or(need);
            let room = self.arena.room(demand.least.max(wanted).max(ahead))?;
            return Ok(moved(slab, room));
        }
        if let Some(room) = self.kept.memory.ample(self.arena, demand, beside) {
            return Ok(moved(slab, room));
        }
        // Better little room than none.
        let slab = slab.filter(|slab| !slab.is_empty() || !slab.is_shared());
        let slab = match slab.map(reclaimed) {
            Some(slab) if has_room(&slab, need) => return self.prepaid(slab),
            slab => slab.filter(|slab| !slab.is_empty()),
        };
        match self.kept.memory.least(self.arena, demand.least, beside)? {
            Some(room) => Ok(moved(slab, room)),
            None => Err(Lack::Ceiling(slab)),
        }
    }

    /// `slab`, once what the protocol leases beside the read is counted.
    fn prepaid(&mut self, slab: SlabMut) -> Result<SlabMut, Lack> {
        if !self.kept.memory.is_limited() {
            return Ok(slab);
        }
        let protocol = self.shared.protocol.borrow();
        if self.kept.memory.prepay(&slab, |input| protocol.beside(input)) {
            Ok(slab)
        } else {
            Err(Lack::Ceiling(Some(slab)))
        }
    }

    /// Keeps for a long wait nothing of an empty slab, and no more than is there or needed where memory is counted.
    pub(super) fn set_aside(&mut self) {
        self.kept.memory.settle();
        let Some(slab) = self.held.slab.take().filter(|slab| !slab.is_empty()) else { return };
        let fitting = SlabClass::rounded(self.kept.need.max(slab.len()));
        let is_small = !self.kept.memory.is_limited() || slab.is_shared() || slab.capacity() <= fitting;
        self.held.slab = Some(if is_small {
            slab
        } else {
            match self.arena.room_beside(&slab, fitting) {
                Ok(room) => moved(Some(slab), room),
                Err(_) => slab,
            }
        });
    }

    /// Bytes of a message that has not ended.
    pub(super) fn unfinished(&self) -> usize {
        self.shared.protocol.borrow().unfinished()
    }

    /// Whether more is held than the reserve, and only the peer can have it given back.
    pub(super) fn hinders(&self) -> bool {
        let much = |slab: &SlabMut| slab.capacity() > RESERVE_BYTES;
        self.kept.memory.is_limited() && (self.held.slab.as_ref().is_some_and(much) || self.unfinished() > 0)
    }
}

/// Whether `slab` holds `need` bytes, and is worth a read.
fn has_room(slab: &SlabMut, need: usize) -> bool {
    slab.capacity() >= need && slab.spare_len() >= need.saturating_sub(slab.len()).max(SLAB_TINY_BYTES / 2)
}

/// `slab`, with the room of what was read before if nobody holds that any more.
fn reclaimed(mut slab: SlabMut) -> SlabMut {
    slab.reclaim();
    slab
}

/// `room`, with the unconsumed bytes of `slab`.
pub(super) fn moved(slab: Option<SlabMut>, mut room: SlabMut) -> SlabMut {
    if let Some(slab) = slab {
        room.extend_from_slice(slab.filled());
    }
    room
}
