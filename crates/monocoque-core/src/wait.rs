//! Who waits for a condition, and waking them.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::task::Waker;

use smallvec::SmallVec;

use crate::sync::Mutex;

/// The wakers of tasks and threads that wait for one condition.
///
/// The rule that loses no wake: a waiter registers first and checks its condition after; whoever
/// makes the condition true does so first and calls [`wake_all`](Self::wake_all) after.
#[derive(Debug, Default)]
pub struct WaitList {
    waiting: AtomicUsize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    next_ticket: u64,
    /// In the order of their numbers. One place inline: a socket seldom has two waiters, and waiting should not allocate.
    wakers: SmallVec<[(u64, Waker); 1]>,
}

impl Entries {
    /// Where the entry with this number is. All connections of an endpoint wait in one list: it is not read through.
    fn place(&self, number: u64) -> Option<usize> {
        self.wakers.binary_search_by_key(&number, |&(number, _)| number).ok()
    }
}

/// A waiter's place in a [`WaitList`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

impl WaitList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers `waker`, or renews it under a ticket that was not woken yet.
    pub fn register(&self, ticket: &mut Option<Ticket>, waker: &Waker) {
        let mut entries = self.entries.lock();
        if let Some(Ticket(held)) = *ticket
            && let Some(place) = entries.place(held)
        {
            entries.wakers[place].1.clone_from(waker);
            return;
        }
        let number = entries.next_ticket;
        entries.next_ticket += 1;
        entries.wakers.push((number, waker.clone()));
        *ticket = Some(Ticket(number));
        self.waiting.store(entries.wakers.len(), Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Gives up the place of `ticket`, if it still has one.
    pub fn remove(&self, ticket: &mut Option<Ticket>) {
        let Some(Ticket(held)) = ticket.take() else { return };
        let mut entries = self.entries.lock();
        if let Some(place) = entries.place(held) {
            entries.wakers.remove(place);
        }
        self.waiting.store(entries.wakers.len(), Ordering::Relaxed);
    }

    /// Wakes everyone; costs a fence and a load when nobody waits.
    pub fn wake_all(&self) {
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) == 0 {
            return;
        }
        let woken = {
            let mut entries = self.entries.lock();
            self.waiting.store(0, Ordering::Relaxed);
            std::mem::take(&mut entries.wakers)
        };
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_waiter_is_woken_once_and_leavers_are_not() {
        let (list, stays, leaves) = (WaitList::new(), Arc::new(Count::default()), Arc::new(Count::default()));
        let (mut a, mut b) = (None, None);
        list.register(&mut a, &stays.clone().into());
        list.register(&mut a, &stays.clone().into());
        list.register(&mut b, &leaves.clone().into());
        list.remove(&mut b);
        list.wake_all();
        list.wake_all();
        assert_eq!((stays.0.load(Ordering::Relaxed), leaves.0.load(Ordering::Relaxed)), (1, 0));
        list.register(&mut a, &stays.clone().into());
        list.wake_all();
        assert_eq!(stays.0.load(Ordering::Relaxed), 2);
    }
}
