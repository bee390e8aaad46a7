//! The read pump: from the link through the protocol into the incoming pipe.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use monocoque_core::Protocol;
use monocoque_core::limits::SLAB_TINY_BYTES;
use monocoque_core::protocol::Need;
use monocoque_core::slab::{Arena, SlabClass, SlabMut};

use super::shared::{Shared, TURNS_MAX, WATCH_INTERVAL};
use super::{End, Host, yield_now};
use crate::link::Link;
use crate::placement::Home;

/// Bytes that are read past a full pipe after a write has failed: what the kernel may still hold of the peer's.
const BROKEN_BYTES_MAX: usize = 8 << 20;

pub(super) struct ReadPump<'a, 'h, P: Protocol, L, H> {
    pub(super) shared: &'a Shared<'h, P, H>,
    pub(super) link: &'a L,
    pub(super) arena: &'a Arena,
    pub(super) home: &'a Home,
    /// The last read filled its room: more is likely there.
    pub(super) hot: bool,
    /// The link was looked at once.
    pub(super) met: bool,
    /// Room that was read into past a full pipe.
    pub(super) beyond: usize,
}

impl<P: Protocol, L: Link, H: Host<P>> ReadPump<'_, '_, P, L, H> {
    pub(super) async fn run(mut self) {
        let mut slab = self.arena.lease(SlabClass::Tiny);
        let mut need = Need(0);
        let mut turns: u32 = 0;
        while !self.shared.is_ended() {
            slab = match self.room(slab, need.0) {
                Ok(slab) => slab,
                Err(error) => return self.shared.end(End::Link(io::Error::new(io::ErrorKind::OutOfMemory, error))),
            };
            let before = slab.len();
            let spare = slab.spare_len();
            let result;
            (result, slab) = self.read(slab).await;
            let count = match result {
                Ok(0) => return self.shared.end(End::PeerClosed { truncated: before }),
                Ok(count) => count,
                Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
                    continue;
                }
                Err(error) => return self.shared.end(End::Link(error)),
            };
            self.home.spin.touch();
            self.hot = count == spare || count >= SLAB_TINY_BYTES;
            need = self.shared.act(|protocol, out| protocol.received(Instant::now(), &mut slab, out));
            while !self.shared.was_ready.get() && self.was_blocked().await {
                need = self.shared.act(|protocol, out| protocol.received(Instant::now(), &mut slab, out));
            }
            self.wait_for_room().await;
            turns += 1;
            if turns.is_multiple_of(TURNS_MAX) {
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
                self.poll_left(&mut look, cx);
            }
            unblocked
        })
        .await
    }

    /// Looks now and then whether the peer has gone: nothing is read meanwhile that would tell.
    fn poll_left(&self, look: &mut Option<Pin<Box<dyn Future<Output = ()>>>>, cx: &mut Context<'_>) {
        let later = || -> Pin<Box<dyn Future<Output = ()>>> { Box::pin(compio::time::sleep(WATCH_INTERVAL)) };
        let timer = look.get_or_insert_with(later);
        while timer.as_mut().poll(cx).is_ready() {
            if self.link.was_left() {
                return self.shared.end(End::PeerClosed { truncated: 0 });
            }
            *timer = later();
        }
    }

    /// Reads what is there at once if more is likely there; else waits, without memory if none is pinned.
    async fn read(&mut self, mut slab: SlabMut) -> (io::Result<usize>, SlabMut) {
        if self.hot {
            match self.link.try_read(&mut slab) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return (result, slab),
            }
            // The room stays while the runtime polls: after a burst comes another.
            self.hot = false;
        }
        if let Some(result) = self.read_soon(&mut slab).await {
            return (result, slab);
        }
        // Whoever waits for long holds no room to read into.
        let held = Some(slab).filter(|slab| !slab.is_empty());
        let ready = self.link.readable().await;
        let mut slab = held.unwrap_or_else(|| self.arena.lease(SlabClass::Tiny));
        (ready.and_then(|()| self.link.try_read(&mut slab)), slab)
    }

    /// Reads what comes while the runtime polls in any case.
    async fn read_soon(&mut self, slab: &mut SlabMut) -> Option<io::Result<usize>> {
        // What is there now was seen by the read before. What a peer said before we met is answered with our greeting.
        let mut look = !std::mem::replace(&mut self.met, true);
        poll_fn(|cx| {
            if std::mem::replace(&mut look, true) {
                self.home.spin.pause();
                match self.link.try_read(slab) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(Some(result)),
                }
            }
            if self.home.spin.watches(cx.waker()) { Poll::Pending } else { Poll::Ready(None) }
        })
        .await
    }

    /// A slab with the unconsumed bytes of `slab` and room for `need` bytes in all.
    fn room(&self, mut slab: SlabMut, need: usize) -> Result<SlabMut, monocoque_core::slab::OutOfMemory> {
        let held = slab.len();
        let wanted = if self.hot { SlabClass::Huge.bytes() } else { SlabClass::Tiny.bytes() };
        let enough = |slab: &SlabMut| {
            let room_for_more = if self.hot { wanted / 4 } else { wanted / 2 };
            slab.capacity() >= need && slab.spare_len() >= if need > held { need - held } else { room_for_more }
        };
        if enough(&slab) {
            return Ok(slab);
        }
        if held == 0 && slab.reclaim() && enough(&slab) {
            return Ok(slab);
        }
        let mut next = match SlabClass::fitting(need.max(wanted).max(held + 1)) {
            Some(class) => self.arena.lease(class),
            None => SlabMut::exact(need.max(held + 1))?,
        };
        next.extend_from_slice(slab.filled());
        Ok(next)
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
