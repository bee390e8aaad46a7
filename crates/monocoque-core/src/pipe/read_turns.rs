//! The turn to read, which who waits for a message may have.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use smallvec::SmallVec;

use crate::sync::Mutex;

/// What those who wait have of credit when something is lent to them; with none left it is given back.
const CREDIT: i32 = 16;
/// What a wait costs of it that did not end while who waited still looked; one that did is one more.
const LATE_COSTS: i32 = 2;
/// Waits more, after what was lent was not looked at, or not all that there was to receive came that way.
const HELD_OFF: i32 = 1000;
/// Waits of which one begins with a look at once.
const SAMPLE: u32 = 8;
/// Looks at once that find one message, in a row, before lending is held off.
const QUEUES_MAX: u32 = 2;
/// Looks in a row that find one message, before none is expected to find several.
const SINGLES_MIN: u32 = 16;
/// Links that are lent at a time. Each is a system call for whoever looks.
const LENT_MAX: usize = 4;

/// A link that who waits for messages reads, while its connection has nothing to do.
pub trait ReadThrough: fmt::Debug + Send + Sync {
    /// Reads what is there at once and delivers it.
    fn read_through(&self) -> Came;

    /// Who was lent it sleeps: what comes next is to be read for it.
    fn watch(&self);

    /// Who was lent it looks no more.
    fn give_back(&self);
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Came {
    /// Nothing.
    Nothing,
    /// One message, or what is for others to deal with.
    One,
    /// Several messages at once.
    Several,
}

/// What a socket's connections have lent to whoever waits for its messages.
///
/// Who waits looks again and again for a while, and what comes within that time is read by it, with no other thread on the way. It
/// says how that went ([`ended_soon`](Self::ended_soon), [`sleep`](Self::sleep), [`give_back`](Self::give_back)): nothing is lent to
/// who sleeps, and what was lent before is read for it, until it has slept too often.
#[derive(Debug, Default)]
pub struct ReadTurns {
    /// The credit of those who wait: how often they may still sleep. Below zero for a while when lending was in vain.
    soon: AtomicI32,
    /// Who waits and does not look: what is lent to others is not there for it.
    sleepers: AtomicUsize,
    /// Messages come one by one, each after something was written: where they come by a network.
    one_by_one: AtomicBool,
    /// Waits that began.
    waits: AtomicU32,
    /// Looks at once, in a row, that found one message.
    queues: AtomicU32,
    /// Looks more that find something, of which one is to find several messages, or they come one at a time from then on.
    several: AtomicU32,
    /// As long as the list.
    lent: AtomicUsize,
    links: Mutex<Links>,
}

type Links = SmallVec<[Weak<dyn ReadThrough>; LENT_MAX]>;

impl ReadTurns {
    /// Whether a link would be taken: messages are waited for by who looks, and come while it does, now and then at least.
    pub fn are_wanted(&self) -> bool {
        self.soon.load(Ordering::Relaxed) > 0 && self.sleepers.load(Ordering::Relaxed) == 0 && self.have_place()
    }

    /// Whether no more are lent than may be at a time.
    pub fn have_place(&self) -> bool {
        self.lent.load(Ordering::Relaxed) < LENT_MAX
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
        // Under the lock: who sleeps or gives all back says so before it takes that.
        let has_place = links.len() < LENT_MAX && self.sleepers.load(Ordering::Relaxed) == 0;
        let to_full = |soon| (soon > 0).then_some(CREDIT);
        let is_wanted = has_place && self.soon.fetch_update(Ordering::Relaxed, Ordering::Relaxed, to_full).is_ok();
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
        self.are_lent() && self.read_through() != Came::Nothing
    }

    fn read_through(&self) -> Came {
        let came = self.living().iter().map(|link| link.read_through()).fold(Came::Nothing, Came::max);
        match came {
            Came::Nothing => {}
            Came::One => {
                let left = self.several.load(Ordering::Relaxed).saturating_sub(1);
                self.several.store(left, Ordering::Relaxed);
            }
            Came::Several => self.several.store(SINGLES_MIN, Ordering::Relaxed),
        }
        came
    }

    /// What is lent. Nothing stays locked: what is done with it calls wakers of others.
    fn living(&self) -> SmallVec<[Arc<dyn ReadThrough>; LENT_MAX]> {
        self.links.lock().iter().filter_map(Weak::upgrade).collect()
    }

    /// Whether several messages come at a time, now and then at least.
    fn are_several(&self) -> bool {
        self.several.load(Ordering::Relaxed) > 0
    }

    /// A wait begins, which looks at once where several messages come at a time, and now and then.
    pub fn begin(&self) {
        let is_due = || {
            let samples = self.waits.fetch_add(1, Ordering::Relaxed).is_multiple_of(SAMPLE);
            samples || self.are_several()
        };
        if self.are_lent() && is_due() {
            self.look_at_once();
        }
    }

    /// [`look`](Self::look) of who has not waited. Where it finds one message again and again, and never several, they are there before
    /// they are waited for, and are better read by an I/O thread, several at a time.
    pub fn look_at_once(&self) -> bool {
        if !self.are_lent() {
            return false;
        }
        let came = self.read_through();
        let queues = if came == Came::One && !self.are_several() { self.queues.load(Ordering::Relaxed) + 1 } else { 0 };
        self.queues.store(queues, Ordering::Relaxed);
        if queues >= QUEUES_MAX {
            self.hold_off();
        }
        came != Came::Nothing
    }

    /// A wait ended while who waited still looked.
    pub fn ended_soon(&self) {
        let soon = self.soon.load(Ordering::Relaxed);
        if soon < CREDIT {
            // Whoever said something else meanwhile knows better.
            let _ = self.soon.compare_exchange(soon, soon + 1, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// What comes next is waited for without looking: nothing is lent until a wait has ended soon.
    pub fn give_back(&self) {
        let is_counted = self.soon.load(Ordering::Relaxed) > 0;
        if (is_counted && self.soon.fetch_min(0, Ordering::Relaxed) > 0) || self.are_lent() {
            self.call_in();
        }
    }

    /// Who has looked does so no more, until it says that it is [awake](Self::wake): what is lent is read for it, or given back if
    /// that happens too often.
    pub fn sleep(&self) {
        self.sleepers.fetch_add(1, Ordering::Relaxed);
        if self.soon.load(Ordering::Relaxed) <= LATE_COSTS {
            return self.give_back();
        }
        self.soon.fetch_sub(LATE_COSTS, Ordering::Relaxed);
        self.living().iter().for_each(|link| link.watch());
    }

    /// [`sleep`](Self::sleep) of who does not look at all.
    pub fn sleep_unlooked(&self) {
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
        news: AtomicU32,
        watched: AtomicU32,
        given_back: AtomicU32,
    }

    impl Link {
        /// How often it was watched, and given back.
        fn calls(&self) -> [u32; 2] {
            [&self.watched, &self.given_back].map(|calls| calls.load(Ordering::Relaxed))
        }
    }

    impl ReadThrough for Link {
        fn read_through(&self) -> Came {
            match self.news.swap(0, Ordering::Relaxed) {
                0 => Came::Nothing,
                1 => Came::One,
                _ => Came::Several,
            }
        }

        fn watch(&self) {
            self.watched.fetch_add(1, Ordering::Relaxed);
        }

        fn give_back(&self) {
            self.given_back.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Turns that are wanted.
    fn wanted() -> ReadTurns {
        let turns = ReadTurns::default();
        assert!(!turns.are_wanted(), "nobody has waited");
        turns.ended_soon();
        assert!(turns.are_wanted());
        turns
    }

    fn lent() -> (ReadTurns, Arc<Link>) {
        let (turns, link) = (wanted(), Arc::default());
        assert!(turns.lend(&link));
        (turns, link)
    }

    #[test]
    fn what_was_lent_is_read_until_it_is_given_back() {
        let (turns, link) = lent();
        assert!(!turns.look());
        link.news.store(1, Ordering::Relaxed);
        assert!(turns.look() && !turns.look());
        turns.give_back();
        turns.take_back(&link);
        link.news.store(1, Ordering::Relaxed);
        assert!(!turns.look() && !turns.are_lent() && !turns.are_wanted());
        assert_eq!(link.calls(), [0, 1]);
        assert!(!turns.lend(&link), "whoever gave it back does not look");
    }

    #[test]
    fn a_few_are_lent_at_a_time_of_those_that_live() {
        let (turns, mut links) = (wanted(), [(); LENT_MAX].map(|()| Arc::new(Link::default())));
        assert!(links.iter().all(|link| turns.lend(link)));
        assert!(!turns.are_wanted() && !turns.have_place() && !turns.lend(&Arc::new(Link::default())));
        links[0] = Arc::default();
        assert!(turns.lend(&links[0]), "one of them is gone");
        turns.take_back(&links[1]);
        assert!(turns.are_wanted() && turns.lend(&links[1]));
        links.iter().for_each(|link| turns.take_back(link));
        assert!(!turns.are_lent());
    }

    #[test]
    fn nothing_is_lent_while_somebody_sleeps_and_what_was_is_read_for_it() {
        let (turns, link) = lent();
        turns.sleep();
        turns.ended_soon();
        assert!(!turns.are_wanted() && !turns.lend(&Arc::new(Link::default())), "it is another's wait that ended soon");
        assert_eq!((turns.are_lent(), link.calls()), (true, [1, 0]));
        turns.wake();
        assert!(turns.lend(&Arc::new(Link::default())));
    }

    #[test]
    fn who_sleeps_too_often_gives_all_back() {
        let (turns, link) = lent();
        let sleep = || {
            turns.sleep();
            turns.wake();
            turns.are_lent()
        };
        // One late wait of three.
        for _ in 0..100 {
            assert!(sleep());
            (0..LATE_COSTS).for_each(|_| turns.ended_soon());
        }
        let sleeps = (1..).take_while(|_| sleep()).count() as i32;
        assert_eq!((sleeps + 1) * LATE_COSTS, CREDIT);
        assert_eq!(link.calls(), [100 + sleeps as u32, 1]);
    }

    #[test]
    fn who_does_not_look_gives_all_back_at_once() {
        let (turns, link) = lent();
        turns.sleep_unlooked();
        assert_eq!((turns.are_lent(), link.calls()), (false, [0, 1]));
        turns.wake();
        assert!(!turns.are_wanted());
        turns.ended_soon();
        assert!(turns.are_wanted());
    }

    #[test]
    fn where_messages_are_there_before_they_are_waited_for_lending_is_held_off() {
        let (turns, link) = lent();
        // The first look at once finds something by chance.
        link.news.store(1, Ordering::Relaxed);
        (0..10 * SAMPLE).for_each(|_| turns.begin());
        assert!(turns.are_lent() && link.news.load(Ordering::Relaxed) == 0);
        let waits = (0..QUEUES_MAX * SAMPLE).take_while(|_| {
            link.news.store(1, Ordering::Relaxed);
            turns.begin();
            turns.are_lent()
        });
        assert_eq!(waits.count() as u32, (QUEUES_MAX - 1) * SAMPLE);
        assert_eq!(link.calls(), [0, 1]);
        (0..HELD_OFF).for_each(|_| turns.ended_soon());
        assert!(!turns.are_wanted());
    }

    #[test]
    fn where_several_come_at_a_time_each_wait_begins_with_a_look() {
        let (turns, link) = lent();
        for several in (0..1000).map(|wait| wait % SINGLES_MIN == 0) {
            link.news.store(1 + u32::from(several), Ordering::Relaxed);
            turns.begin();
            assert!(turns.are_lent() && link.news.load(Ordering::Relaxed) == 0);
        }
    }

    #[test]
    fn lending_in_vain_is_held_off_for_long() {
        let (turns, link) = lent();
        turns.hold_off();
        assert_eq!(link.calls(), [0, 1]);
        (0..HELD_OFF).for_each(|_| turns.ended_soon());
        assert!(!turns.are_wanted());
        turns.give_back();
        turns.ended_soon();
        assert!(turns.are_wanted(), "a wait that does not look begins the count anew, and not lower");
    }
}
