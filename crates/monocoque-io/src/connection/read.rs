//! The read pump: from the link through the protocol into the incoming pipe.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use monocoque_core::Protocol;
use monocoque_core::limits::{READ_APART_BYTES_MIN, READ_TURN_BYTES, RESERVE_BYTES, SLAB_HUGE_BYTES, SLAB_TINY_BYTES};
use monocoque_core::protocol::Need;
use monocoque_core::slab::{Arena, OutOfMemory, SlabClass, SlabMut};

use super::memory::{Demand, Memory, STALL_INTERVAL};
use super::readable::Wait;
use super::shared::{Shared, TURNS_MAX, WATCH_INTERVAL};
use super::{End, Host, yield_now};
use crate::link::Link;
use crate::placement::Home;

/// Bytes that are read past a full pipe after a write has failed: what the kernel may still hold of the peer's.
const BROKEN_BYTES_MAX: usize = 8 << 20;

pub(super) struct ReadPump<'a, P: Protocol, L, H> {
    pub(super) shared: &'a Shared<P, H>,
    link: &'a L,
    readable: &'a dyn Wait,
    arena: &'a Arena,
    pub(super) home: &'a Home,
    kept: &'a mut Kept,
    /// What was read and not taken yet, and room to read into; nothing while an idle peer is waited for.
    slab: Option<SlabMut>,
    /// The last read filled its room: more is likely there.
    hot: bool,
    /// Room that was read into past a full pipe.
    beyond: usize,
}

/// What a connection that is idle keeps of its reading.
pub(super) struct Kept {
    memory: Memory,
    /// Bytes that the protocol needs to go on.
    need: usize,
    /// What the last frame needed, if it is one that is read apart from others.
    large: usize,
    /// The link was looked at once since it came up, or has something to read.
    met: bool,
    /// Reads. Others have their turn after some of them, however idle it was between: what answers gathers meanwhile.
    turns: u32,
}

impl Kept {
    pub(super) fn new(memory: Memory) -> Self {
        Self { memory, need: 0, large: 0, met: false, turns: 0 }
    }

    /// The link is to be looked at before it is waited for.
    pub(super) fn look(&mut self) {
        self.met = false;
    }
}

/// What a read found.
struct Read {
    bytes: usize,
    /// It found as much as there was room for.
    filled: bool,
}

/// Why there is no room to read into.
enum Lack {
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

impl<'a, P: Protocol, L: Link, H: Host<P>> ReadPump<'a, P, L, H> {
    pub(super) fn new(
        shared: &'a Shared<P, H>,
        link: &'a L,
        readable: &'a dyn Wait,
        arena: &'a Arena,
        home: &'a Home,
        kept: &'a mut Kept,
    ) -> Self {
        Self { shared, link, readable, arena, home, kept, slab: None, hot: false, beyond: 0 }
    }

    /// Reads until the connection ends. From where an idle one waits, if it `waits`.
    pub(super) async fn run(&mut self, mut waits: bool) {
        let mut passed = 0;
        while !self.shared.is_ended() {
            let before = self.held();
            let read = if std::mem::take(&mut waits) {
                self.read_later().await
            } else if self.sees_to_room().await {
                self.read().await
            } else {
                None
            };
            let Some(result) = read else { return };
            let Read { bytes, filled } = match result {
                Ok(Read { bytes: 0, .. }) => return self.end_by_peer(End::PeerClosed { truncated: before }),
                Ok(read) => read,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return self.end_by_peer(End::Link(error));
                }
                Err(error) => return self.shared.end(End::Link(error)),
            };
            let now = self.home.spin.touch();
            self.hot = filled || bytes >= SLAB_TINY_BYTES;
            self.received(now);
            while !self.shared.was_ready.get() && self.was_blocked().await {
                self.received(Instant::now());
            }
            self.see(filled);
            self.kept.memory.settle();
            if self.kept.memory.is_limited() {
                self.kept.memory.progress(bytes, self.shared.delivered.replace(false));
            }
            self.wait_for_room().await;
            self.kept.turns = self.kept.turns.wrapping_add(1);
            passed += bytes;
            if self.kept.turns.is_multiple_of(TURNS_MAX) || passed >= READ_TURN_BYTES {
                passed = 0;
                yield_now().await;
            }
        }
    }

    /// Bytes that were read and not taken yet.
    fn held(&self) -> usize {
        self.slab.as_ref().map_or(0, SlabMut::len)
    }

    /// Has the protocol take what was read.
    fn received(&mut self, now: Instant) {
        let Some(slab) = &mut self.slab else { return };
        let Need(need) = self.shared.act(|protocol, out| protocol.received(now, slab, out));
        self.kept.need = need;
    }

    fn try_read(&mut self) -> io::Result<Read> {
        let most = self.most(self.held());
        let Some(slab) = &mut self.slab else { return Err(io::ErrorKind::WouldBlock.into()) };
        let spare = slab.spare_len().min(most);
        let bytes = self.link.try_read(slab, most)?;
        Ok(Read { bytes, filled: bytes == spare })
    }

    /// Remembers what is read apart: whoever sends large frames sends more of them. A read that was filled ends within the
    /// next one, or there are small ones between.
    fn see(&mut self, filled: bool) {
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
        } else if self.hot && guessed <= SLAB_HUGE_BYTES {
            Some(guessed)
        } else {
            Some(need.max(SLAB_TINY_BYTES))
        }
    }

    /// Bytes that one read takes at most, with `held` there already.
    fn most(&self, held: usize) -> usize {
        self.ahead().map_or(usize::MAX, |end| end.saturating_sub(held).max(SLAB_TINY_BYTES))
    }

    /// The peer has ended the connection: as the protocol understands it, if it does.
    fn end_by_peer(&self, end: End<P::Error>) {
        let why = self.shared.protocol.borrow().left();
        self.shared.end(why.map_or(end, End::Protocol));
    }

    /// Waits for what the handshake waits for that does not come from the peer; whether there was something.
    async fn was_blocked(&self) -> bool {
        let mut look = None;
        poll_fn(|cx| {
            self.shared.watch(cx);
            if self.shared.is_ended() || self.shared.broken.get() {
                return Poll::Ready(false);
            }
            let unblocked = self.shared.protocol.borrow_mut().poll_unblocked(cx);
            if unblocked.is_pending() {
                poll_left(&mut look, cx, || {
                    if self.link.left_unread().is_some() {
                        self.shared.end(End::PeerClosed { truncated: 0 });
                    }
                });
            }
            unblocked
        })
        .await
    }

    /// Reads what is there at once if more is likely there; else waits, without memory if none is pinned. `None` if the
    /// connection has ended meanwhile.
    async fn read(&mut self) -> Option<io::Result<Read>> {
        if self.hot {
            match self.try_read() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Some(result),
            }
            // The room stays while the runtime polls: after a burst comes another.
            self.hot = false;
        }
        if let Some(result) = self.read_soon().await {
            return Some(result);
        }
        self.read_later().await
    }

    /// Reads once the link is readable. Whoever waits for long holds no room to read into.
    async fn read_later(&mut self) -> Option<io::Result<Read>> {
        self.set_aside();
        let ready = if self.hinders() {
            Box::pin(self.readable_in_time()).await
        } else {
            self.shared.read_waits.set(self.slab.is_none() && self.shared.was_ready.get());
            let ready = poll_fn(|cx| self.readable.poll_ready(cx)).await;
            self.shared.read_waits.set(false);
            ready
        };
        if !self.sees_to_room().await {
            return None;
        }
        Some(ready.and_then(|()| self.try_read()))
    }

    /// Reads what comes while the runtime polls in any case.
    async fn read_soon(&mut self) -> Option<io::Result<Read>> {
        // What is there now was seen by the read before. What a peer said before we met is answered with our greeting.
        let mut look = !std::mem::replace(&mut self.kept.met, true);
        poll_fn(|_| {
            let spin = &self.home.spin;
            // Who waits for a message looks himself only where one may answer what was said: a look in vain is lost time.
            let is_expected = !spin.is_read_turn() || self.link.may_be_answered();
            if std::mem::replace(&mut look, true) && is_expected {
                spin.pause();
                match self.try_read() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(Some(result)),
                }
            }
            // Who connects first gets ready first: in a handshake nobody is read ahead of others whose bytes came earlier.
            if self.shared.was_ready.get() && spin.watches() { Poll::Pending } else { Poll::Ready(None) }
        })
        .await
    }

    /// Sees to room for what the protocol needs, and waits for it if it must; whether there is some, or the connection has ended.
    async fn sees_to_room(&mut self) -> bool {
        match self.find_room() {
            Ok(()) => true,
            Err(lack) => Box::pin(self.make_room(lack)).await,
        }
    }

    fn find_room(&mut self) -> Result<(), Lack> {
        let slab = self.slab.take();
        self.slab = Some(self.room(slab)?);
        Ok(())
    }

    /// A slab with the unconsumed bytes of `slab` and room for what the protocol needs in all.
    fn room(&mut self, slab: Option<SlabMut>) -> Result<SlabMut, Lack> {
        let need = self.kept.need;
        let held = slab.as_ref().map_or(0, SlabMut::len);
        let least = if need >= READ_APART_BYTES_MIN { need } else { self.ahead().unwrap_or(need) };
        let wanted = if self.hot { SlabClass::Huge.bytes() } else { SlabClass::Tiny.bytes() };
        let enough = |slab: &SlabMut| {
            let room_for_more = if self.hot { wanted / 4 } else { wanted / 2 };
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
    fn set_aside(&mut self) {
        self.kept.memory.settle();
        let Some(slab) = self.slab.take().filter(|slab| !slab.is_empty()) else { return };
        let fitting = SlabClass::rounded(self.kept.need.max(slab.len()));
        let is_small = !self.kept.memory.is_limited() || slab.is_shared() || slab.capacity() <= fitting;
        self.slab = Some(if is_small {
            slab
        } else {
            match self.arena.room_beside(&slab, fitting) {
                Ok(room) => moved(Some(slab), room),
                Err(_) => slab,
            }
        });
    }

    /// Bytes of a message that has not ended.
    fn unfinished(&self) -> usize {
        self.shared.protocol.borrow().unfinished()
    }

    /// Whether more is held than the reserve, and only the peer can have it given back.
    fn hinders(&self) -> bool {
        let much = |slab: &SlabMut| slab.capacity() > RESERVE_BYTES;
        self.kept.memory.is_limited() && (self.slab.as_ref().is_some_and(much) || self.unfinished() > 0)
    }

    /// Waits for the peer to go on with a message, as long as nobody waits for the memory that is held for it, and for some
    /// time if somebody does.
    async fn readable_in_time(&mut self) -> io::Result<()> {
        let mut look = Box::pin(compio::time::sleep(STALL_INTERVAL));
        poll_fn(|cx| {
            self.shared.watch(cx);
            while look.as_mut().poll(cx).is_ready() {
                if self.kept.memory.has_stalled() {
                    self.shared.end(End::Stalled);
                }
                look = Box::pin(compio::time::sleep(STALL_INTERVAL));
            }
            self.readable.poll_ready(cx)
        })
        .await
    }

    /// Waits for memory, if it is the ceiling that leaves none; whether there is some, or the connection has ended. Silence
    /// in that time is ours.
    async fn make_room(&mut self, lack: Lack) -> bool {
        match lack {
            Lack::System(error) => return self.end_without_memory(error),
            Lack::Ceiling(slab) => self.slab = slab,
        }
        self.set_aside();
        let held = self.held();
        let least = self.kept.need.max(held + 1);
        let mut wait = self.kept.memory.wait(least, held + self.unfinished());
        let mut look = Box::pin(compio::time::sleep(STALL_INTERVAL));
        let mut left = None;
        self.shared.paused.set(true);
        let waited = poll_fn(|cx| {
            self.shared.watch(cx);
            while look.as_mut().poll(cx).is_ready() {
                if self.kept.memory.is_in_the_way(&wait) {
                    self.shared.end(End::Stalled);
                }
                look = Box::pin(compio::time::sleep(STALL_INTERVAL));
            }
            // What will never be enough to go on with is not waited for.
            poll_left(&mut left, cx, || match self.link.left_unread() {
                Some(unread) if held + unread < least => self.end_by_peer(End::PeerClosed { truncated: held + unread }),
                _ => {}
            });
            if self.shared.is_ended() {
                return Poll::Ready(None);
            }
            let protocol = self.shared.protocol.borrow();
            self.kept.memory.poll(&mut wait, |input| protocol.beside(input), cx)
        });
        let charge = waited.await;
        self.shared.paused.set(false);
        self.shared.protocol.borrow_mut().forgive(Instant::now());
        let Some(charge) = charge else { return false };
        match self.kept.memory.lease(self.arena, charge) {
            Ok(room) => {
                self.slab = Some(moved(self.slab.take(), room));
                true
            }
            Err(error) => self.end_without_memory(error),
        }
    }

    fn end_without_memory(&self, error: OutOfMemory) -> bool {
        self.shared.end(End::Link(io::Error::new(io::ErrorKind::OutOfMemory, error)));
        false
    }

    /// Pauses reading while the incoming pipe is full, or too much of the protocol's own waits to be written.
    /// Silence in that time is ours.
    async fn wait_for_room(&mut self) {
        let full = self.shared.incoming.borrow_mut().as_mut().is_some_and(|incoming| !incoming.has_room());
        if !full && !self.shared.is_congested() {
            return;
        }
        if self.shared.broken.get() {
            return self.read_on();
        }
        if self.kept.memory.is_limited() {
            self.set_aside();
        }
        self.shared.paused.set(true);
        poll_fn(|cx| {
            self.shared.watch(cx);
            if self.shared.is_ended() || self.shared.broken.get() {
                return Poll::Ready(());
            }
            if self.shared.is_congested() {
                return Poll::Pending;
            }
            self.shared.incoming.borrow_mut().as_mut().map_or(Poll::Ready(()), |incoming| incoming.poll_room(cx))
        })
        .await;
        self.shared.paused.set(false);
        self.shared.protocol.borrow_mut().forgive(Instant::now());
    }

    /// Nothing can be written any more: only by reading on is the end found. The kernel holds no more than a bound.
    fn read_on(&mut self) {
        self.beyond += SlabClass::Huge.bytes();
        if self.beyond > BROKEN_BYTES_MAX {
            self.shared.end(End::Link(io::ErrorKind::BrokenPipe.into()));
        }
    }
}

/// Looks now and then whether the peer has gone: nothing is read meanwhile that would tell.
fn poll_left(timer: &mut Option<Pin<Box<dyn Future<Output = ()>>>>, cx: &mut Context<'_>, look: impl Fn()) {
    let later = || -> Pin<Box<dyn Future<Output = ()>>> { Box::pin(compio::time::sleep(WATCH_INTERVAL)) };
    let timer = timer.get_or_insert_with(later);
    while timer.as_mut().poll(cx).is_ready() {
        look();
        *timer = later();
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
fn moved(slab: Option<SlabMut>, mut room: SlabMut) -> SlabMut {
    if let Some(slab) = slab {
        room.extend_from_slice(slab.filled());
    }
    room
}
