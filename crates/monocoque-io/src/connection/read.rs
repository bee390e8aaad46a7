//! The read pump: from the link through the protocol into the incoming pipe.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use monocoque_core::Protocol;
use monocoque_core::limits::READ_TURN_BYTES;
use monocoque_core::pipe::ReadTurns;
use monocoque_core::slab::{Arena, OutOfMemory, SlabClass};

use super::intake::{Intake, Kept, Lack, Read, moved};
use super::readable::Wait;
use super::shared::{Shared, TURNS_MAX, WATCH_INTERVAL};
use super::{End, Host, yield_now};
use crate::link::Link;
use crate::placement::Home;

/// Bytes that are read past a full pipe after a write has failed: what the kernel may still hold of the peer's.
const BROKEN_BYTES_MAX: usize = 8 << 20;

pub(super) struct ReadPump<'a, P: Protocol, L, H> {
    pub(super) shared: &'a Shared<P, H>,
    pub(super) home: &'a Home,
    intake: Intake<'a, P, L, H>,
    readable: &'a dyn Wait,
    /// Room that was read into past a full pipe.
    beyond: usize,
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
        // One that was dropped where it waited has not said that it waits no more.
        shared.read_waits.set(false);
        Self { shared, home, intake: Intake::new(shared, link, arena, kept), readable, beyond: 0 }
    }

    /// Reads until the connection ends. From where an idle one waits, if it `waits`.
    pub(super) async fn run(&mut self, mut waits: bool) {
        let mut passed = 0;
        // Who looked where it was lent did not wait for any.
        self.wait_for_room().await;
        while !self.shared.is_ended() {
            let before = self.intake.len();
            let read = if std::mem::take(&mut waits) {
                self.read_later().await
            } else if self.sees_to_room().await {
                self.read().await
            } else {
                None
            };
            let Some(result) = read else { return };
            let read = match result {
                Ok(Read { bytes: 0, .. }) => return self.shared.end_by_peer(End::PeerClosed { truncated: before }),
                Ok(read) => read,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return self.shared.end_by_peer(End::Link(error));
                }
                Err(error) => return self.shared.end(End::Link(error)),
            };
            // Who waits for answers and looks himself lets others have their turn after some (`READ_TURNS_MAX`).
            let is_asked_for = read.is_answer && self.home.spin.is_read_turn();
            let now = self.home.spin.touch();
            self.intake.take(&read, now);
            while !self.shared.was_ready.get() && self.was_blocked().await {
                self.intake.received(Instant::now());
            }
            self.intake.see(read.filled);
            self.intake.kept.memory.settle();
            let delivered = self.shared.delivered.replace(false);
            if delivered {
                self.tell_who_waits();
            }
            if self.intake.kept.memory.is_limited() {
                self.intake.kept.memory.progress(read.bytes, delivered);
            }
            self.wait_for_room().await;
            passed += read.bytes;
            let mut is_due = false;
            if !is_asked_for {
                self.intake.kept.turns = self.intake.kept.turns.wrapping_add(1);
                is_due = self.intake.kept.turns.is_multiple_of(TURNS_MAX);
            }
            if is_due || passed >= READ_TURN_BYTES {
                passed = 0;
                yield_now().await;
            }
        }
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
                    if self.intake.link.left_unread().is_some() {
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
        if let Some(found) = self.intake.held.found.take() {
            return Some(found);
        }
        if self.intake.held.hot {
            match self.intake.try_read() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Some(result),
            }
            // The room stays while the runtime polls: after a burst comes another.
            self.intake.held.hot = false;
        }
        if let Some(result) = self.read_soon().await {
            return Some(result);
        }
        self.read_later().await
    }

    /// Reads once the link is readable. Whoever waits for long holds no room to read into.
    async fn read_later(&mut self) -> Option<io::Result<Read>> {
        self.intake.set_aside();
        let ready = if self.intake.hinders() {
            Box::pin(self.readable_in_time()).await
        } else {
            self.shared.read_waits.set(self.intake.held.slab.is_none() && self.shared.was_ready.get());
            let ready = poll_fn(|cx| self.readable.poll_ready(cx)).await;
            self.shared.read_waits.set(false);
            self.shared.lends.set(false);
            ready
        };
        if !self.sees_to_room().await {
            return None;
        }
        Some(ready.and_then(|()| self.intake.try_read()))
    }

    /// Reads what comes while the runtime polls in any case.
    async fn read_soon(&mut self) -> Option<io::Result<Read>> {
        // What is there now was seen by the read before. What a peer said before we met is answered with our greeting.
        let mut look = !std::mem::replace(&mut self.intake.kept.met, true);
        poll_fn(|_| {
            let spin = &self.home.spin;
            // Who waits for a message looks himself only where one may answer what was said: where none is expected a look is lost time.
            let is_expected = !spin.is_read_turn() || self.intake.link.may_be_answered();
            if std::mem::replace(&mut look, true) && is_expected {
                spin.pause();
                match self.intake.try_read() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(Some(result)),
                }
            }
            if self.may_lend() {
                self.shared.lends.set(true);
                // The write pump is to say whether it has nothing to do either.
                self.shared.wake();
                return Poll::Ready(None);
            }
            // Who connects first gets ready first: in a handshake nobody is read ahead of others whose bytes came earlier.
            if self.shared.was_ready.get() && spin.watches() { Poll::Pending } else { Poll::Ready(None) }
        })
        .await
    }

    /// Whether who waits for messages is to read them.
    fn may_lend(&self) -> bool {
        self.is_lendable() && self.shared.host.borrow().turns().is_some_and(ReadTurns::are_wanted)
    }

    /// Whether who waits for messages is better left to read them: they come in a conversation, and what is said to the peer is
    /// written by who says it.
    fn is_lendable(&self) -> bool {
        let Self { shared, home, intake, .. } = self;
        let is_left_alone = |protocol: &P| protocol.is_verbatim() && protocol.deadline().is_none();
        shared.talk.get() >= intake.kept.lends_after
            && !home.is_local
            && !intake.kept.memory.is_limited()
            && is_left_alone(&shared.protocol.borrow())
    }

    /// How messages come. Who has those of this connection to receive may not come to wait, and so to look at others that were lent
    /// to it.
    fn tell_who_waits(&self) {
        let one_by_one = self.intake.is_one_by_one();
        self.home.spin.note(one_by_one);
        let host = self.shared.host.borrow();
        let Some(turns) = host.turns() else { return };
        turns.note(one_by_one);
        if turns.are_lent() && !(self.is_lendable() && turns.have_place()) {
            turns.hold_off();
        }
    }

    /// Sees to room for what the protocol needs, and waits for it if it must; whether there is some, or the connection has ended.
    async fn sees_to_room(&mut self) -> bool {
        match self.intake.find_room() {
            Ok(()) => true,
            Err(lack) => Box::pin(self.make_room(lack)).await,
        }
    }

    /// Waits for the peer to go on with a message, as long as nobody waits for the memory that is held for it, and for some
    /// time if somebody does.
    async fn readable_in_time(&mut self) -> io::Result<()> {
        let mut look = Box::pin(compio::time::sleep_until(self.intake.kept.memory.next_look()));
        poll_fn(|cx| {
            self.shared.watch(cx);
            while look.as_mut().poll(cx).is_ready() {
                if self.intake.kept.memory.has_stalled() {
                    self.shared.end(End::Stalled);
                }
                look = Box::pin(compio::time::sleep_until(self.intake.kept.memory.next_look()));
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
            Lack::Ceiling(slab) => self.intake.held.slab = slab,
        }
        self.intake.set_aside();
        let held = self.intake.len();
        let least = self.intake.kept.need.max(held + 1);
        let mut wait = self.intake.kept.memory.wait(least, held + self.intake.unfinished());
        let mut look = Box::pin(compio::time::sleep_until(self.intake.kept.memory.next_look()));
        let mut left = None;
        self.shared.paused.set(true);
        let waited = poll_fn(|cx| {
            self.shared.watch(cx);
            while look.as_mut().poll(cx).is_ready() {
                if self.intake.kept.memory.is_in_the_way(&wait) {
                    self.shared.end(End::Stalled);
                }
                look = Box::pin(compio::time::sleep_until(self.intake.kept.memory.next_look()));
            }
            // What will never be enough to go on with is not waited for.
            poll_left(&mut left, cx, || match self.intake.link.left_unread() {
                Some(unread) if held + unread < least => {
                    self.shared.end_by_peer(End::PeerClosed { truncated: held + unread })
                }
                _ => {}
            });
            if self.shared.is_ended() {
                return Poll::Ready(None);
            }
            let protocol = self.shared.protocol.borrow();
            self.intake.kept.memory.poll(&mut wait, |input| protocol.beside(input), cx)
        });
        let charge = waited.await;
        self.shared.paused.set(false);
        self.shared.protocol.borrow_mut().forgive(Instant::now());
        let Some(charge) = charge else { return false };
        match self.intake.kept.memory.lease(self.intake.arena, charge) {
            Ok(room) => {
                self.intake.held.slab = Some(moved(self.intake.held.slab.take(), room));
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
        if self.intake.kept.memory.is_limited() {
            self.intake.set_aside();
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
