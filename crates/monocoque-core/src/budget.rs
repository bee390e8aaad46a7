//! A ceiling for memory that many take, and whose turn it is when it is spent.
//!
//! Whoever takes memory holds a [`Charge`] for it, which gives back when it is dropped: for a slab, with its last view.
//! Those who wait are served in the order in which they came, each as soon as there is room for all that it asks. While
//! somebody waits nobody else takes anything, so that who asks for much is not passed by for ever by those who ask for
//! little.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use smallvec::SmallVec;

use crate::sync::Mutex;

/// Bytes that may be held at once. A handle: clones share them.
#[derive(Clone)]
pub struct Budget(Arc<Account>);

struct Account {
    bytes_max: usize,
    held: AtomicUsize,
    put_off: AtomicU64,
    /// How many wait; read without the lock by who gives back.
    waiting: AtomicUsize,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    /// In the order of their numbers.
    waiters: VecDeque<Waiter>,
    next: u64,
    /// What all of them hold.
    holding: usize,
}

struct Waiter {
    number: u64,
    bytes: usize,
    holding: usize,
    waker: Waker,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("held", &self.held()).field("bytes_max", &self.bytes_max()).finish()
    }
}

impl Budget {
    /// A budget of `bytes`, nothing of it taken.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Account {
            bytes_max: bytes,
            held: AtomicUsize::new(0),
            put_off: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            queue: Mutex::default(),
        }))
    }

    /// Bytes that may be held at once.
    pub fn bytes_max(&self) -> usize {
        self.0.bytes_max
    }

    /// Bytes that are held now.
    pub fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.bytes_max().saturating_sub(self.held())
    }

    /// How often somebody had to wait so far.
    pub fn put_off(&self) -> u64 {
        self.0.put_off.load(Ordering::Relaxed)
    }

    /// Whether somebody waits.
    pub fn is_short(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    /// Takes `bytes`, unless they are more than is left or somebody waits.
    pub fn try_take(&self, bytes: usize) -> Option<Charge> {
        (self.0.waiting.load(Ordering::Relaxed) == 0 && self.0.admit(bytes)).then(|| self.charge(bytes))
    }

    /// Takes `bytes` whatever is left: for what cannot wait, and was waited for before.
    pub fn take(&self, bytes: usize) -> Charge {
        self.0.held.fetch_add(bytes, Ordering::SeqCst);
        self.charge(bytes)
    }

    /// Takes `bytes` when it is the turn of `place` and there is room for them. With nothing else held, there always is.
    pub fn poll_take(&self, place: &mut Place, bytes: usize, cx: &Context<'_>) -> Poll<Charge> {
        let mut queue = self.0.queue.lock();
        match &place.queued {
            None => {
                queue.next += 1;
                let number = queue.next;
                let (holding, waker) = (place.holding, cx.waker().clone());
                queue.waiters.push_back(Waiter { number, bytes, holding, waker });
                queue.holding += holding;
                place.queued = Some(Queued { budget: self.clone(), number, bytes });
                self.0.put_off.fetch_add(1, Ordering::Relaxed);
                // Announced before it is looked what is left: who gives back does so in the other order.
                self.0.waiting.store(queue.waiters.len(), Ordering::SeqCst);
                drop(queue);
                self.0.serve();
                queue = self.0.queue.lock();
            }
            Some(queued) => {
                if let Some(waiter) = queue.waiter(queued.number) {
                    waiter.waker.clone_from(cx.waker());
                }
            }
        }
        let number = place.queued.as_ref().map_or(0, |queued| queued.number);
        if queue.waiter(number).is_some() {
            return Poll::Pending;
        }
        drop(queue);
        // Whoever is no more in the queue was served.
        let served = place.queued.take().map_or(0, |queued| queued.bytes);
        Poll::Ready(self.charge(served))
    }

    fn charge(&self, bytes: usize) -> Charge {
        Charge { budget: self.clone(), bytes }
    }
}

impl Account {
    /// Takes `bytes` if there is room.
    fn admit(&self, bytes: usize) -> bool {
        let more = |held: usize| {
            let sum = held.checked_add(bytes)?;
            (held == 0 || sum <= self.bytes_max).then_some(sum)
        };
        self.held.fetch_update(Ordering::SeqCst, Ordering::Relaxed, more).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.serve();
        }
    }

    /// Serves who waits, from the front, as far as what is left goes.
    fn serve(&self) {
        let mut served = SmallVec::<[Waker; 4]>::new();
        let mut queue = self.queue.lock();
        while queue.waiters.front().is_some_and(|first| self.admit(first.bytes)) {
            let Some(first) = queue.waiters.pop_front() else { break };
            queue.holding -= first.holding;
            served.push(first.waker);
        }
        self.waiting.store(queue.waiters.len(), Ordering::SeqCst);
        drop(queue);
        served.into_iter().for_each(Waker::wake);
    }

    /// Whoever waits under `number` does so no more; whether it was served before.
    fn leave(&self, number: u64) -> bool {
        let mut queue = self.queue.lock();
        let found = queue.waiters.binary_search_by_key(&number, |waiter| waiter.number);
        if let Some(left) = found.ok().and_then(|at| queue.waiters.remove(at)) {
            queue.holding -= left.holding;
        }
        self.waiting.store(queue.waiters.len(), Ordering::SeqCst);
        found.is_err()
    }
}

impl Queue {
    fn waiter(&mut self, number: u64) -> Option<&mut Waiter> {
        let at = self.waiters.binary_search_by_key(&number, |waiter| waiter.number).ok()?;
        self.waiters.get_mut(at)
    }
}

/// Bytes that were taken off a [`Budget`]; given back when it is dropped.
#[must_use = "a dropped charge gives back"]
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Charge").field(&self.bytes).finish()
    }
}

impl Charge {
    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it was taken off.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Parts `bytes` from it, or all there is.
    pub fn split(&mut self, bytes: usize) -> Charge {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.charge(bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.0.give_back(self.bytes);
    }
}

/// Somebody's place in the queue of a [`Budget`], if it has one; given up when it is dropped.
#[derive(Debug, Default)]
pub struct Place {
    holding: usize,
    queued: Option<Queued>,
}

impl Place {
    /// A place for somebody who holds `bytes` of what others wait for, and gives them back only when it was served.
    pub fn holding(bytes: usize) -> Self {
        Self { holding: bytes, queued: None }
    }

    /// Whether those who wait hold half of the budget themselves, so that they wait for each other, and this is the one
    /// that holds most.
    pub fn blocks_others(&self) -> bool {
        let Some(Queued { budget, number, .. }) = &self.queued else { return false };
        let queue = budget.0.queue.lock();
        // Each of many asks, so that most of the time it must not take a look at all.
        queue.holding >= budget.bytes_max() / 2
            && queue.waiters.iter().max_by_key(|waiter| waiter.holding).is_some_and(|most| most.number == *number)
    }
}

#[derive(Debug)]
struct Queued {
    budget: Budget,
    number: u64,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(Queued { budget, number, bytes }) = self.queued.take() else { return };
        if budget.0.leave(number) {
            // Served, and it did not come to take it.
            budget.0.give_back(bytes);
        } else {
            // Whoever stood behind it may be content with less.
            budget.0.serve();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn poll(budget: &Budget, place: &mut Place, bytes: usize) -> Option<Charge> {
        match budget.poll_take(place, bytes, &Context::from_waker(Waker::noop())) {
            Poll::Ready(charge) => Some(charge),
            Poll::Pending => None,
        }
    }

    #[test]
    fn what_is_dropped_can_be_taken_again() {
        let budget = Budget::new(100);
        let mut first = budget.try_take(60).expect("room");
        assert!(budget.try_take(41).is_none());
        let part = first.split(20);
        drop(first);
        assert_eq!((budget.held(), budget.left(), part.bytes()), (20, 80, 20));
        let _over = budget.take(100);
        assert_eq!((budget.held(), budget.left()), (120, 0));
    }

    #[test]
    fn whoever_came_first_is_served_first_and_is_not_passed_by() {
        let budget = Budget::new(100);
        let held = budget.try_take(80).expect("room");
        let (mut much, mut little) = (Place::default(), Place::default());
        assert!(poll(&budget, &mut much, 50).is_none());
        assert!(poll(&budget, &mut little, 10).is_none());
        assert!(budget.try_take(1).is_none(), "somebody waits");
        drop(held);
        assert_eq!(budget.held(), 60, "both are served at once");
        let (much, little) = (poll(&budget, &mut much, 50), poll(&budget, &mut little, 10));
        assert_eq!(much.zip(little).map(|(much, little)| (much.bytes(), little.bytes())), Some((50, 10)));
        assert_eq!((budget.held(), budget.put_off()), (0, 2));
    }

    #[test]
    fn who_leaves_lets_the_next_one_have_it() {
        let budget = Budget::new(100);
        let held = budget.try_take(80).expect("room");
        let (mut much, mut little, mut served) = (Place::default(), Place::default(), Place::default());
        assert!(poll(&budget, &mut much, 50).is_none());
        assert!(poll(&budget, &mut little, 10).is_none());
        drop(much);
        drop(poll(&budget, &mut little, 10).expect("its turn"));
        assert!(poll(&budget, &mut served, 30).is_none());
        drop(held);
        assert_eq!(budget.held(), 30);
        drop(served);
        assert_eq!(budget.held(), 0, "what was not fetched is given back");
    }

    #[test]
    fn who_waits_for_each_other_is_found_out() {
        let budget = Budget::new(100);
        let _held = budget.try_take(100).expect("room");
        let (mut none, mut little, mut much) = (Place::default(), Place::holding(20), Place::holding(40));
        assert!(poll(&budget, &mut none, 10).is_none() && poll(&budget, &mut little, 10).is_none());
        assert!(budget.is_short() && !little.blocks_others());
        assert!(poll(&budget, &mut much, 10).is_none());
        assert_eq!([&none, &little, &much].map(Place::blocks_others), [false, false, true]);
    }

    #[test]
    fn more_than_all_is_given_to_who_is_alone() {
        let budget = Budget::new(10);
        let held = budget.try_take(1).expect("room");
        assert!(budget.try_take(11).is_none());
        drop(held);
        assert_eq!(budget.try_take(11).map(|charge| charge.bytes()), Some(11));
    }

    #[test]
    fn threads_that_take_and_wait_all_come_to_their_turn() {
        struct Unpark(thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let budget = Budget::new(100);
        thread::scope(|scope| {
            for amount in [10, 30, 60, 100] {
                let budget = &budget;
                scope.spawn(move || {
                    let waker = Arc::new(Unpark(thread::current())).into();
                    for _ in 0..2_000 {
                        let mut place = Place::default();
                        let charge = loop {
                            match budget.poll_take(&mut place, amount, &Context::from_waker(&waker)) {
                                Poll::Ready(charge) => break charge,
                                Poll::Pending => thread::park(),
                            }
                        };
                        assert!(budget.held() <= 100);
                        drop(charge);
                    }
                });
            }
        });
        assert_eq!(budget.held(), 0);
    }
}
