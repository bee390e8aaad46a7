//! How pipes tell a hub that something changed, without its locks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use monocoque_core::pipe::{InHand, ReadTurns};
use monocoque_core::sync::Mutex;
use monocoque_core::wait::WaitList;

use crate::PeerKey;

/// What a caller may wait for, and the notes that pipes leave for the hub.
///
/// The wait lists are fired under the hub's locks, a pipe's peer's or that of a connection that is lent: a waker may schedule,
/// unpark or write to a descriptor, but not call the hub.
#[derive(Debug, Default)]
pub struct Signals {
    pub(crate) readable: WaitList,
    turns: ReadTurns,
    /// A message may be taken that was refused before: room, a new peer, or the end.
    pub writable: WaitList,
    /// A peer came or went, or its subscriptions may have changed.
    pub peers: WaitList,
    ready: Notes<PeerKey>,
    room: Notes<u32>,
    /// Messages that the application is about to receive.
    pub(crate) in_hand: InHand,
}

/// Notes left under a lock of their own, with a flag to look at first.
#[derive(Debug)]
struct Notes<T> {
    any: AtomicBool,
    list: Mutex<Vec<T>>,
}

impl<T> Default for Notes<T> {
    fn default() -> Self {
        Self { any: AtomicBool::new(false), list: Mutex::new(Vec::new()) }
    }
}

impl<T> Notes<T> {
    fn leave(&self, note: T) {
        let mut list = self.list.lock();
        list.push(note);
        self.any.store(true, Ordering::Release);
    }

    #[inline]
    fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Swaps the notes with `empty`, so that both allocations live on.
    fn take(&self, empty: &mut Vec<T>) {
        debug_assert!(empty.is_empty());
        let mut list = self.list.lock();
        std::mem::swap(&mut *list, empty);
        self.any.store(false, Ordering::Release);
    }
}

impl Signals {
    /// A message may be there to receive. Who waits for one looks meanwhile at what [`turns`](Self::turns) lend, and says how that
    /// went, or gives it back.
    pub fn readable(&self) -> &WaitList {
        &self.readable
    }

    /// [`readable`](Self::readable), for who does not look: what connections have lent is given back.
    pub fn readable_unlooked(&self) -> &WaitList {
        self.turns.give_back();
        &self.readable
    }

    /// What connections have lent to who waits for messages.
    pub fn turns(&self) -> &ReadTurns {
        &self.turns
    }

    /// Whether an incoming pipe may have something that nobody looked at yet.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        self.ready.any()
    }

    /// Notes that the incoming pipe of `key` is worth a look.
    pub(crate) fn leave_ready(&self, key: PeerKey) {
        self.ready.leave(key);
    }

    pub(crate) fn take_ready(&self, into: &mut Vec<PeerKey>) {
        self.ready.take(into);
    }

    /// Whether an outgoing pipe that was full may have room.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.room.any()
    }

    /// Notes that the outgoing pipe of `slot` is worth a try.
    pub(crate) fn leave_room(&self, slot: u32) {
        self.room.leave(slot);
    }

    pub(crate) fn take_room(&self, into: &mut Vec<u32>) {
        self.room.take(into);
    }
}

/// Called by an incoming pipe that was found empty and is not any more.
struct Arrival {
    signals: Arc<Signals>,
    key: PeerKey,
    /// What arrives may be a subscription.
    publishes: bool,
}

impl Wake for Arrival {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.signals.leave_ready(self.key);
        self.signals.readable.wake_all();
        if self.publishes {
            self.signals.peers.wake_all();
        }
    }
}

pub(crate) fn arrival_waker(signals: &Arc<Signals>, key: PeerKey, publishes: bool) -> Waker {
    Arc::new(Arrival { signals: Arc::clone(signals), key, publishes }).into()
}
