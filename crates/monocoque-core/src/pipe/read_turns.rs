//! The turn to read, which who waits for a message may have.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use smallvec::SmallVec;

use crate::sync::Mutex;

/// Waits in a row that ended while who waited still looked, before anything is lent to it.
const SOON_MIN: i32 = 16;
/// Waits more, after what was lent was not looked at, or not all that there was to receive came that way.
const HELD_OFF: i32 = 1000;
/// Waits of which one begins with a look at once.
const SAMPLE: u32 = 8;
/// Looks at once that find something, in a row, before lending is held off.
const QUEUES_MAX: u32 = 2;
/// Links that are lent at a time. Each is a system call for whoever looks.
const LENT_MAX: usize = 4;

/// A link that who waits for messages reads, while its connection has nothing to do.
pub trait ReadThrough: fmt::Debug + Send + Sync {
    /// Reads what is there at once and delivers it; whether something came.
    fn read_through(&self) -> bool;

    /// Who was lent it looks no more.
    fn give_back(&self);
}

/// What a socket's connections have lent to whoever waits for its messages.
///
/// Who waits looks again and again for a while, and what comes within that time is read by it, with no other thread on the way. It
/// says how that went ([`ended_soon`](Self::ended_soon), [`give_back`](Self::give_back)): nothing is lent to who sleeps.
#[derive(Debug, Default)]
pub struct ReadTurns {
    /// Waits in a row that ended soon enough; below zero for a while when lending was in vain.
    soon: AtomicI32,
    /// Who waits and looks no more: what is lent to others is not there for it.
    sleepers: AtomicUsize,
    /// Messages come one by one, each after something was written: where they come by a network.
    one_by_one: AtomicBool,
    /// Waits that began.
    waits: AtomicU32,
    /// Looks at once, in a row, that found something.
    queues: AtomicU32,
    /// As long as the list.
    lent: AtomicUsize,
    links: Mutex<Links>,
}

type Links = SmallVec<[Weak<dyn ReadThrough>; LENT_MAX]>;

impl ReadTurns {
    /// Whether a link would be taken: messages are waited for by who looks, and come while it does.
    pub fn are_wanted(&self) -> bool {
        self.may_lend() && self.lent.load(Ordering::Relaxed) < LENT_MAX
    }

    fn may_lend(&self) -> bool {
        self.soon.load(Ordering::Relaxed) >= SOON_MIN && self.sleepers.load(Ordering::Relaxed) == 0
    }

    /// Whether anything is lent.
    #[inline]
    pub fn are_lent(&self) -> bool {
        self.lent.load(Ordering::Relaxed) > 0
    }

    /// Whether messages come one by one, each after something was written: as the connection that read last has [noted](Self::note).
    pub fn are_one_by_one(&self) -> bool {
        self.one_by_one.load(Ordering::Relaxed)
    }

    /// Notes whether messages come one by one.
    #[inline]
    pub fn note(&self, one_by_one: bool) {
        if self.are_one_by_one() != one_by_one {
            self.one_by_one.store(one_by_one, Ordering::Relaxed);
        }
    }

    /// Lends `link` for as long as it lives, until it is [given back](ReadThrough::give_back) or [taken back](Self::take_back);
    /// whether it was taken.
    pub fn lend(&self, link: &Arc<impl ReadThrough + 'static>) -> bool {
        let link = Arc::downgrade(link);
        let mut links = self.links.lock();
        links.retain(|link| link.strong_count() > 0);
        // Under the lock: who gives all back says so before it takes that.
        let is_wanted = self.may_lend() && links.len() < LENT_MAX;
        if is_wanted {
            links.push(link);
        }
        self.lent.store(links.len(), Ordering::Relaxed);
        is_wanted
    }

    /// Who lent `link` has it back.
    pub fn take_back(&self, link: &Arc<impl ReadThrough>) {
        let mut links = self.links.lock();
        links.retain(|lent| !std::ptr::addr_eq(lent.as_ptr(), Arc::as_ptr(link)));
        self.lent.store(links.len(), Ordering::Relaxed);
    }

    /// Reads what was lent; whether something came.
    #[inline]
    pub fn look(&self) -> bool {
        self.are_lent() && self.read_through()
    }

    fn read_through(&self) -> bool {
        // Nothing stays locked: what comes calls wakers of others.
        let links: SmallVec<[_; LENT_MAX]> = self.links.lock().iter().filter_map(Weak::upgrade).collect();
        links.iter().filter(|link| link.read_through()).count() > 0
    }

    /// A wait begins, which looks at once now and then.
    pub fn begin(&self) {
        if self.are_lent() && self.waits.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE) {
            self.look_at_once();
        }
    }

    /// [`look`](Self::look) of who has not waited. Where it finds something again and again, messages are there before they are waited
    /// for, and are better read by an I/O thread, several at a time.
    pub fn look_at_once(&self) -> bool {
        if !self.are_lent() {
            return false;
        }
        let came = self.read_through();
        let queues = if came { self.queues.load(Ordering::Relaxed) + 1 } else { 0 };
        self.queues.store(queues, Ordering::Relaxed);
        if queues >= QUEUES_MAX {
            self.hold_off();
        }
        came
    }

    /// A wait ended while who waited still looked.
    pub fn ended_soon(&self) {
        let soon = self.soon.load(Ordering::Relaxed);
        if soon < SOON_MIN {
            // Whoever said something else meanwhile knows better.
            let _ = self.soon.compare_exchange(soon, soon + 1, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// What comes next is waited for without looking: nothing is lent until it has come soon again for a while.
    pub fn give_back(&self) {
        let is_counted = self.soon.load(Ordering::Relaxed) > 0;
        if (is_counted && self.soon.fetch_min(0, Ordering::Relaxed) >= SOON_MIN) || self.are_lent() {
            self.call_in();
        }
    }

    /// Who waits looks no more, until it says that it is [awake](Self::wake).
    pub fn sleep(&self) {
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        self.give_back();
    }

    /// Who slept does no more.
    pub fn wake(&self) {
        self.sleepers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Lending is of no use: who was lent something does not look at it for long, or has others to listen to.
    pub fn hold_off(&self) {
        self.soon.store(-HELD_OFF, Ordering::Relaxed);
        self.call_in();
    }

    /// Whoever lends after this finds that nothing is wanted.
    fn call_in(&self) {
        let links = {
            let mut links = self.links.lock();
            self.lent.store(0, Ordering::Relaxed);
            std::mem::take(&mut *links)
        };
        links.iter().filter_map(Weak::upgrade).for_each(|link| link.give_back());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Link {
        has_news: AtomicBool,
        given_back: AtomicU32,
    }

    impl ReadThrough for Link {
        fn read_through(&self) -> bool {
            self.has_news.swap(false, Ordering::Relaxed)
        }

        fn give_back(&self) {
            self.given_back.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Turns that are wanted.
    fn wanted() -> ReadTurns {
        let turns = ReadTurns::default();
        for _ in 0..SOON_MIN {
            assert!(!turns.are_wanted());
            turns.ended_soon();
        }
        assert!(turns.are_wanted());
        turns
    }

    #[test]
    fn what_was_lent_is_read_until_it_is_given_back() {
        let (turns, link) = (wanted(), Arc::new(Link::default()));
        assert!(turns.lend(&link) && !turns.look());
        link.has_news.store(true, Ordering::Relaxed);
        assert!(turns.look() && !turns.look());
        turns.give_back();
        turns.take_back(&link);
        link.has_news.store(true, Ordering::Relaxed);
        assert!(!turns.look() && !turns.are_lent() && !turns.are_wanted());
        assert_eq!(link.given_back.load(Ordering::Relaxed), 1);
        assert!(!turns.lend(&link), "whoever gave it back does not look");
    }

    #[test]
    fn a_few_are_lent_at_a_time_of_those_that_live() {
        let (turns, mut links) = (wanted(), [(); LENT_MAX].map(|()| Arc::new(Link::default())));
        assert!(links.iter().all(|link| turns.lend(link)));
        assert!(!turns.are_wanted() && !turns.lend(&Arc::new(Link::default())));
        links[0] = Arc::default();
        assert!(turns.lend(&links[0]), "one of them is gone");
        turns.take_back(&links[1]);
        assert!(turns.are_wanted() && turns.lend(&links[1]));
        links.iter().for_each(|link| turns.take_back(link));
        assert!(!turns.are_lent());
    }

    #[test]
    fn nothing_is_lent_while_somebody_sleeps() {
        let (turns, link) = (wanted(), Arc::new(Link::default()));
        turns.sleep();
        (0..SOON_MIN).for_each(|_| turns.ended_soon());
        assert!(!turns.are_wanted() && !turns.lend(&link), "it is another's wait that ended soon");
        turns.wake();
        assert!(turns.lend(&link));
        turns.sleep();
        assert_eq!((turns.are_lent(), link.given_back.load(Ordering::Relaxed)), (false, 1));
    }

    #[test]
    fn where_messages_are_there_before_they_are_waited_for_lending_is_held_off() {
        let (turns, link) = (wanted(), Arc::new(Link::default()));
        assert!(turns.lend(&link));
        // The first look at once finds something by chance.
        link.has_news.store(true, Ordering::Relaxed);
        (0..10 * SAMPLE).for_each(|_| turns.begin());
        assert!(turns.are_lent() && !link.has_news.load(Ordering::Relaxed));
        let waits = (0..QUEUES_MAX * SAMPLE).take_while(|_| {
            link.has_news.store(true, Ordering::Relaxed);
            turns.begin();
            turns.are_lent()
        });
        assert_eq!(waits.count() as u32, (QUEUES_MAX - 1) * SAMPLE);
        assert_eq!(link.given_back.load(Ordering::Relaxed), 1);
        (0..HELD_OFF).for_each(|_| turns.ended_soon());
        assert!(!turns.are_wanted());
    }

    #[test]
    fn lending_in_vain_is_held_off_for_long() {
        let (turns, link) = (wanted(), Arc::new(Link::default()));
        assert!(turns.lend(&link));
        turns.hold_off();
        assert_eq!(link.given_back.load(Ordering::Relaxed), 1);
        (0..HELD_OFF).for_each(|_| turns.ended_soon());
        assert!(!turns.are_wanted());
        turns.give_back();
        (0..SOON_MIN).for_each(|_| turns.ended_soon());
        assert!(turns.are_wanted(), "a wait that does not look begins the count anew, and not lower");
    }
}
