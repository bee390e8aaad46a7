//! Bounded polling before a runtime parks.
//!
//! Waking a parked thread costs its waker tens of microseconds, so after any activity the runtime polls for
//! [`WINDOW`], yielding the core each turn, before it sleeps in the kernel. The window closes after a few
//! misses, so an idle program uses no CPU, and opens again when activity becomes frequent. It stays closed where the core does not
//! come back soon ([`keeps_core`]).
//!
//! While it polls, connections that were just read from are looked at directly, a few of them: a read that finds
//! nothing costs less than a turn of the ring, and what arrives is there without a completion. Who waits for a message on
//! the runtime's own thread looks itself ([`take_read_turn`]) before it leaves that to the runtime.
//!
//! It is a task like any other: it works on every compio runtime, the caller's own included.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use compio::runtime::Runtime;

use crate::task::Task;
use crate::yielding::{SLICE, keeps_core, yield_core};

/// How long a runtime polls after its last activity.
pub const WINDOW: Duration = Duration::from_micros(50);
/// Windows that may pass without a hit before polling stops.
const MISSES_MAX: u32 = 4;
/// Connections that are looked at in each turn.
const WATCHERS_MAX: usize = 4;
/// Activity this close to the one before opens the window again.
const FREQUENT: Duration = Duration::from_micros(250);
/// Looks of who waits for a message, of those that find something, until the runtime has its turn.
const READ_TURNS_MAX: u32 = 16;
/// Looks in vain of who waits for a message, [patiently](Patience::Long), until the runtime has its turn, which costs a system call
/// on io_uring and five on epoll, and what the executor does in between.
const LOOKS_MAX: u32 = 16;

thread_local! {
    /// The polling of the calling thread's runtimes.
    static HERE: RefCell<Vec<Weak<State>>> = const { RefCell::new(Vec::new()) };
}

/// How long who waits for a message looks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until something came, within what the runtime can do without its own turn.
    Long,
    /// Once: others on the thread have something to do.
    Short,
}

/// One runtime's polling state. Lives on its thread.
#[derive(Debug, Clone)]
pub(crate) struct Spin(Rc<State>);

#[derive(Debug)]
struct State {
    /// Of the runtime's driver.
    descriptor: RawFd,
    last: Cell<Instant>,
    armed: Cell<bool>,
    misses: Cell<u32>,
    /// Something happened since the last turn.
    active: Cell<bool>,
    /// The last turn yielded nothing because of that.
    deferred: Cell<bool>,
    /// Since when nothing was done but look, while nobody has yielded the core in this look.
    pause_due_since: Cell<Option<Instant>>,
    /// When the core came back in this look, while nothing has come.
    resumed_at: Cell<Option<Instant>>,
    /// Those who watch are looking for what came.
    is_looking: Cell<bool>,
    /// This look is of who waits for a message.
    is_read_turn: Cell<bool>,
    /// What came last was one of messages that come one by one.
    one_by_one: Cell<bool>,
    /// Looks that others than the runtime have until its next turn.
    read_turns: Cell<u32>,
    waker: RefCell<Option<Waker>>,
    /// The task that is being polled.
    current: RefCell<Weak<Task>>,
    /// Connections to look at in the next turn.
    watchers: RefCell<Vec<Weak<Task>>>,
    /// Who is woken in the next turn.
    patient: RefCell<Vec<Waker>>,
    /// Empty between looks; kept for its memory.
    spare: RefCell<Vec<Weak<Task>>>,
}

/// Has those connections in use read that may be answered, of the runtime that the calling thread is in; whether something
/// came. Not more often than the runtime can do without its own turn.
pub fn take_read_turn(patience: Patience) -> bool {
    let Ok(descriptor) = Runtime::try_with_current(|runtime| runtime.as_raw_fd()) else { return false };
    // Nothing stays borrowed: whoever is looked at may start others.
    let here = |index: usize| HERE.with_borrow(|states| states.get(index).map(Weak::upgrade));
    let mut came = false;
    for index in 0.. {
        match here(index) {
            None => break,
            Some(Some(state)) if state.descriptor == descriptor => came |= Spin(state).take_read_turn(patience),
            Some(_) => {}
        }
    }
    came
}

impl Spin {
    /// Starts the polling task on `runtime`.
    pub(crate) fn start(runtime: &Runtime) -> Self {
        let spin = Self(Rc::new(State::new(runtime.as_raw_fd(), Instant::now())));
        HERE.with_borrow_mut(|states| states.push(Rc::downgrade(&spin.0)));
        let polled = Polled(Rc::downgrade(&spin.0));
        let polling = poll_fn(move |cx| match polled.0.upgrade() {
            None => Poll::Ready(()),
            Some(state) => {
                Self(state).turn(cx.waker());
                Poll::Pending
            }
        });
        runtime.spawn(polling).detach();
        spin
    }

    /// `task` is being polled from here on; who was before.
    pub(crate) fn enter(&self, task: Weak<Task>) -> Weak<Task> {
        self.0.current.replace(task)
    }

    /// The task that is being polled.
    pub(crate) fn current(&self) -> Option<Rc<Task>> {
        self.0.current.borrow().upgrade()
    }

    /// Whether the runtime polls and has a look at the calling task in its next turn; it has to ask again then.
    pub(crate) fn watches(&self) -> bool {
        let mut watchers = self.0.watchers.borrow_mut();
        let current = self.0.current.borrow();
        if watchers.iter().any(|watcher| watcher.ptr_eq(&current)) {
            return true;
        }
        let watches = self.0.armed.get() && watchers.len() < WATCHERS_MAX && current.strong_count() > 0;
        if watches {
            watchers.push(current.clone());
        }
        watches
    }

    /// Yields the core before a look at what may have come, if nobody did in this turn.
    pub(crate) fn pause(&self) {
        if let Some(before) = self.0.pause_due_since.take() {
            let now = yield_core(before, self.0.one_by_one.get());
            if self.0.is_read_turn.get() && now.duration_since(before) >= SLICE {
                // The runtime had to wait for long: it is next.
                self.0.read_turns.set(0);
            }
            self.0.resumed_at.set(Some(now));
        }
    }

    /// Whether those who watch are looking for what came; whoever is polled now is one of them.
    pub(crate) fn is_looking(&self) -> bool {
        self.0.is_looking.get()
    }

    /// Whether this look is of who waits for a message: then nobody looks who expects none.
    pub(crate) fn is_read_turn(&self) -> bool {
        self.0.is_read_turn.get()
    }

    /// Has `waker` called in the next turn, after whoever else is due; `false` if the runtime does not poll, and so may not come
    /// to it for long.
    pub(crate) fn next_turn(&self, waker: &Waker) -> bool {
        let is_near = self.0.armed.get();
        if is_near {
            self.0.patient.borrow_mut().push(waker.clone());
        }
        is_near
    }

    /// Notes whether messages come one by one: who waits for one of many lets others have the core for as long as they want it.
    pub(crate) fn note(&self, one_by_one: bool) {
        self.0.one_by_one.set(one_by_one);
    }

    /// Something happened, at the time that this returns: poll for a while.
    pub(crate) fn touch(&self) -> Instant {
        let state = &*self.0;
        // What a look finds came while the core was away.
        let now = state.resumed_at.take().unwrap_or_else(Instant::now);
        state.active.set(true);
        if now.duration_since(state.last.replace(now)) < FREQUENT {
            state.misses.set(0);
        }
        if !state.armed.get() && state.misses.get() < MISSES_MAX && keeps_core() {
            state.armed.set(true);
            if let Some(waker) = &*state.waker.borrow() {
                waker.wake_by_ref();
            }
        }
        now
    }

    fn turn(&self, waker: &Waker) {
        let state = &*self.0;
        let mut known = state.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
        drop(known);
        // One that is woken asks again when it is polled, and not before.
        state.patient.borrow_mut().drain(..).for_each(Waker::wake);
        if !state.armed.get() {
            return;
        }
        state.read_turns.set(READ_TURNS_MAX);
        // Something came since the turn before: who is woken by it runs first, before the core goes to others.
        if state.active.take() && !state.deferred.replace(true) {
            return waker.wake_by_ref();
        }
        state.deferred.set(false);
        let now = Instant::now();
        if now.duration_since(state.last.get()) < WINDOW && keeps_core() {
            self.look(now);
            self.pause();
            state.resumed_at.set(None);
            // Who is woken by what came now is before this task already.
            state.active.set(false);
            waker.wake_by_ref();
        } else {
            state.misses.set(state.misses.get() + 1);
            state.armed.set(false);
            let watchers = state.watchers.take();
            watchers.iter().filter_map(Weak::upgrade).for_each(|task| task.wake());
        }
    }

    /// Has those who watch look for what came; the first of them yields the core before, of which this thread has done nothing
    /// but look since `before`.
    fn look(&self, before: Instant) {
        self.0.pause_due_since.set(Some(before));
        let outer = self.0.is_looking.replace(true);
        let mut watchers = self.0.watchers.replace(self.0.spare.take());
        for task in watchers.drain(..).filter_map(|task| task.upgrade()) {
            match task.poll(self) {
                Some(Poll::Pending) => {}
                // Its own place in the runtime is left.
                Some(Poll::Ready(())) => task.wake(),
                // It watches on.
                None => self.0.watchers.borrow_mut().push(Rc::downgrade(&task)),
            }
        }
        self.0.spare.replace(watchers);
        self.0.is_looking.set(outer);
    }

    /// [`look`](Self::look) for who waits for a message, if one is left until the runtime's turn; whether something came.
    fn take_read_turn(&self, patience: Patience) -> bool {
        let state = &*self.0;
        let may_look = state.armed.get() && state.read_turns.get() > 0 && keeps_core();
        if !may_look || state.watchers.borrow().is_empty() {
            return false;
        }
        let before = state.active.take();
        let outer = state.is_read_turn.replace(true);
        let mut now = Instant::now();
        let looks = match patience {
            Patience::Long => LOOKS_MAX,
            Patience::Short => 1,
        };
        for _ in 0..looks {
            self.look(now);
            // Who looks yields before: where nobody did, nobody expects anything.
            let is_expected = state.pause_due_since.take().is_none();
            let Some(resumed_at) = state.resumed_at.take().filter(|_| is_expected && !state.active.get()) else {
                break;
            };
            if resumed_at.duration_since(state.last.get()) >= WINDOW || !keeps_core() {
                break;
            }
            now = resumed_at;
        }
        state.is_read_turn.set(outer);
        let came = state.active.get();
        state.active.set(came || before);
        // Who found nothing looks again when the runtime has had its turn.
        state.read_turns.set(if came { state.read_turns.get().saturating_sub(1) } else { 0 });
        came
    }
}

/// Held by the polling task. When it goes nobody is watched any more: its runtime has ended, and another may get the
/// number of its descriptor.
struct Polled(Weak<State>);

impl Drop for Polled {
    fn drop(&mut self) {
        if let Some(state) = self.0.upgrade() {
            state.armed.set(false);
            state.misses.set(MISSES_MAX);
            drop(state.watchers.take());
            drop(state.patient.take());
        }
    }
}

impl State {
    /// Of the runtime whose descriptor this is; `last` is when something happened last.
    fn new(descriptor: RawFd, last: Instant) -> Self {
        Self {
            descriptor,
            last: Cell::new(last),
            armed: Cell::new(false),
            misses: Cell::new(0),
            active: Cell::new(false),
            deferred: Cell::new(false),
            pause_due_since: Cell::new(None),
            resumed_at: Cell::new(None),
            is_looking: Cell::new(false),
            is_read_turn: Cell::new(false),
            one_by_one: Cell::new(false),
            read_turns: Cell::new(0),
            waker: RefCell::new(None),
            current: RefCell::default(),
            watchers: RefCell::default(),
            patient: RefCell::default(),
            spare: RefCell::default(),
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(waker) = self.waker.get_mut().take() {
            waker.wake();
        }
        // A thread that ends has none left.
        let _ = HERE.try_with(|states| states.borrow_mut().retain(|state| state.strong_count() > 0));
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;
    use std::task::Context;

    use super::*;
    use crate::mailbox::Mailbox;
    use crate::wakes::Wakes;

    /// Activity in the future, so that a slow machine does not end the window.
    fn touch(spin: &Spin) {
        spin.touch();
        spin.0.last.set(Instant::now() + Duration::from_secs(3600));
    }

    struct Bench {
        spin: Spin,
        wakes: Arc<Wakes>,
    }

    /// A task in the hands of the test, which is its runtime.
    struct Hand {
        place: Pin<Box<dyn Future<Output = ()>>>,
        wakes: Arc<Wakes>,
        polls: Rc<Cell<u32>>,
    }

    impl Hand {
        /// Polls it as its runtime does.
        fn poll(&mut self) -> Poll<()> {
            self.place.as_mut().poll(&mut Context::from_waker(&self.wakes.waker()))
        }
    }

    impl Bench {
        /// A spin whose last activity was an hour ago and whose task was polled once.
        fn new() -> Self {
            let last = Instant::now().checked_sub(Duration::from_secs(3600)).expect("the machine is up for long");
            let bench = Self { spin: Spin(Rc::new(State::new(-1, last))), wakes: Arc::default() };
            bench.turn();
            bench
        }

        /// A task that does `work` whenever it is polled, and was polled once.
        fn task(&self, mut work: impl FnMut(&Spin) -> Poll<()> + 'static) -> Hand {
            let (spin, polls) = (self.spin.clone(), Rc::new(Cell::new(0)));
            let counted = Rc::clone(&polls);
            let task = Task::new(Box::pin(poll_fn(move |_| {
                counted.set(counted.get() + 1);
                work(&spin)
            })));
            let place = Box::pin(task.run(Arc::new(Mailbox::default()), self.spin.clone()));
            let mut hand = Hand { place, wakes: Arc::default(), polls };
            assert!(hand.poll().is_pending());
            hand
        }

        /// One that has to look, and does `work` the `nth` time that it is polled.
        fn looker(&self, nth: u32, work: impl Fn(&Spin) + 'static) -> Hand {
            let mut polls = 0;
            self.task(move |spin| {
                spin.pause();
                polls += 1;
                if polls == nth {
                    work(spin);
                }
                spin.watches();
                Poll::Pending
            })
        }

        /// One that has to look and finds nothing.
        fn idler(&self) -> Hand {
            self.task(|spin| {
                spin.pause();
                spin.watches();
                Poll::Pending
            })
        }

        /// Polls the task; returns whether it wants to be polled again at once.
        fn turn(&self) -> bool {
            let before = self.wakes.count();
            self.spin.turn(&self.wakes.waker());
            self.wakes.count() > before
        }

        /// Activity, and the turn that leaves others their time because of it.
        fn arm(&self) {
            touch(&self.spin);
            assert!(self.turn(), "it polls");
        }

        /// Activity, and then none for longer than the window.
        fn miss(&self) -> bool {
            let before = self.wakes.count();
            self.spin.touch();
            let woken = self.wakes.count() > before;
            self.turn();
            self.age(FREQUENT + WINDOW);
            assert!(!self.turn(), "the window is over");
            woken
        }

        fn age(&self, by: Duration) {
            let last = &self.spin.0.last;
            last.set(last.get().checked_sub(by).expect("the machine is up for long"));
        }
    }

    #[test]
    fn nothing_is_polled_before_anything_happens() {
        assert!(!Bench::new().turn());
    }

    #[test]
    fn after_activity_it_polls_until_the_window_is_over() {
        let bench = Bench::new();
        touch(&bench.spin);
        assert!(bench.turn() && bench.turn());
        bench.age(Duration::from_secs(7200));
        assert!(!bench.turn() && !bench.turn());
    }

    #[test]
    fn rare_activity_closes_the_window_and_frequent_activity_opens_it() {
        let bench = Bench::new();
        let polled = (0..10).filter(|_| bench.miss()).count();
        assert_eq!(polled, MISSES_MAX as usize);
        // The first is as far from the one before as ever; the second is close to it.
        touch(&bench.spin);
        bench.spin.touch();
        assert!(bench.spin.0.armed.get());
    }

    #[test]
    fn a_few_are_watched_while_it_polls_and_all_are_let_go_when_the_window_is_over() {
        let bench = Bench::new();
        let mut tasks = [(); 10].map(|()| bench.idler());
        let polled = |tasks: &[Hand]| tasks.iter().map(|task| task.polls.get()).sum::<u32>();
        let woken = |tasks: &[Hand]| tasks.iter().map(|task| task.wakes.count()).sum::<u32>();
        assert!(bench.spin.0.watchers.borrow().is_empty(), "nothing has happened");
        bench.arm();
        (0..3).for_each(|_| assert!(tasks[0].poll().is_pending()));
        assert_eq!(bench.spin.0.watchers.borrow().len(), 1, "one that asks twice takes one place");
        tasks.iter_mut().for_each(|task| assert!(task.poll().is_pending()));
        let before = polled(&tasks);
        assert!(bench.turn() && bench.turn());
        assert_eq!(polled(&tasks) - before, 2 * WATCHERS_MAX as u32, "those who ask again are polled again");
        assert_eq!(woken(&tasks), 0, "where they are watched, not by their runtime");
        bench.age(Duration::from_secs(7200));
        assert!(!bench.turn());
        assert_eq!(woken(&tasks), WATCHERS_MAX as u32, "then their runtime does");
        let before = polled(&tasks);
        tasks.iter_mut().for_each(|task| assert!(task.poll().is_pending()));
        assert!(!bench.turn());
        assert_eq!(polled(&tasks) - before, 10, "the ring takes over");
    }

    #[test]
    fn who_is_woken_by_what_came_runs_before_the_core_is_yielded() {
        let bench = Bench::new();
        bench.arm();
        assert!(bench.turn(), "twice in a row nobody waits for others");
        let mut task = bench.idler();
        touch(&bench.spin);
        assert!(bench.turn());
        assert_eq!(task.polls.get(), 1, "something came from elsewhere: others have work first");
        assert!(bench.turn());
        assert_eq!(task.polls.get(), 2);
        assert!(bench.spin.0.pause_due_since.get().is_none(), "it yielded before it looked");
        assert!(bench.spin.0.resumed_at.get().is_none(), "what comes later came later");
        assert!(task.poll().is_pending() && bench.spin.0.pause_due_since.get().is_none(), "once a turn");
        drop(task);
        assert!(bench.turn() && bench.spin.0.pause_due_since.get().is_none(), "nobody watches: the turn itself yields");
    }

    #[test]
    fn what_a_look_finds_is_in_hand_before_the_next_look_without_a_turn_for_it() {
        let bench = Bench::new();
        bench.arm();
        let task = bench.task(|spin| {
            touch(spin);
            spin.watches();
            Poll::Pending
        });
        // What the first poll found.
        assert!(bench.turn());
        let before = task.polls.get();
        (0..3).for_each(|_| assert!(bench.turn()));
        assert_eq!(task.polls.get() - before, 3);
    }

    #[test]
    fn who_waits_looks_itself_as_often_as_it_finds_something_up_to_a_bound() {
        let bench = Bench::new();
        assert!(!bench.spin.take_read_turn(Patience::Long), "nothing has happened");
        bench.arm();
        assert!(!bench.spin.take_read_turn(Patience::Long), "nobody watches");
        let finds = Rc::new(Cell::new(true));
        let found = Rc::clone(&finds);
        let task = bench.task(move |spin| {
            spin.pause();
            if found.get() {
                touch(spin);
            }
            spin.watches();
            Poll::Pending
        });
        let hits = (0..).take_while(|_| bench.spin.take_read_turn(Patience::Long)).count();
        assert_eq!(hits, READ_TURNS_MAX as usize);
        assert_eq!(task.polls.get(), 1 + READ_TURNS_MAX);
        finds.set(false);
        assert!(bench.turn() && bench.turn(), "the runtime has its turn");
        let before = task.polls.get();
        assert!(!bench.spin.take_read_turn(Patience::Long) && !bench.spin.take_read_turn(Patience::Long));
        assert_eq!(task.polls.get() - before, LOOKS_MAX, "no look after those in vain until the next turn");
    }

    #[test]
    fn who_waits_looks_more_than_once_before_the_runtime_has_its_turn() {
        let bench = Bench::new();
        bench.arm();
        // It finds something the third time that it is looked at, and no more.
        let task = bench.looker(4, touch);
        assert!(bench.spin.take_read_turn(Patience::Long));
        assert_eq!(task.polls.get(), 4);
        assert!(bench.turn() && bench.turn(), "the runtime has its turn");
        let before = task.polls.get();
        while bench.spin.take_read_turn(Patience::Long) {}
        assert_eq!(task.polls.get() - before, LOOKS_MAX);
        assert!(!bench.spin.take_read_turn(Patience::Long) && bench.spin.0.pause_due_since.get().is_none());
        assert_eq!(task.polls.get() - before, LOOKS_MAX, "the runtime's turn is next");
    }

    #[test]
    fn what_a_look_finds_first_came_when_the_core_was_back() {
        let bench = Bench::new();
        bench.arm();
        let looks = Rc::new(Cell::new(0));
        let count = Rc::clone(&looks);
        let _task = bench.task(move |spin| {
            spin.pause();
            if let Some(resumed_at) = spin.0.resumed_at.get() {
                assert_eq!(spin.touch(), resumed_at);
                assert!(spin.0.resumed_at.get().is_none(), "what comes after it is timed by itself");
                count.set(count.get() + 1);
            }
            spin.watches();
            Poll::Pending
        });
        assert!(bench.spin.take_read_turn(Patience::Long) && bench.spin.take_read_turn(Patience::Long));
        assert_eq!(looks.get(), 2);
        touch(&bench.spin);
        bench.turn();
        bench.turn();
        assert!(looks.get() > 2, "whoever has it look");
        assert!(bench.spin.0.resumed_at.get().is_none());
    }

    #[test]
    fn nobody_looks_on_when_the_window_is_over_or_the_core_is_lost() {
        let endings: [fn(&Spin); 2] = [
            |spin| {
                spin.0
                    .last
                    .set(Instant::now().checked_sub(Duration::from_secs(3600)).expect("the machine is up for long"))
            },
            |_| crate::yielding::lose_core(),
        ];
        for ends in endings {
            std::thread::spawn(move || {
                let bench = Bench::new();
                bench.arm();
                let task = bench.looker(3, ends);
                assert!(!bench.spin.take_read_turn(Patience::Long));
                assert_eq!(task.polls.get(), 3);
            })
            .join()
            .expect("no panic");
        }
    }

    #[test]
    fn who_knows_that_others_have_something_to_do_looks_once() {
        let bench = Bench::new();
        bench.arm();
        let task = bench.looker(4, touch);
        assert!(!bench.spin.take_read_turn(Patience::Short));
        assert_eq!(task.polls.get(), 2);
    }

    #[test]
    fn the_runtime_has_its_turn_after_a_slice_was_lost_whatever_was_found_then() {
        std::thread::spawn(|| {
            let bench = Bench::new();
            bench.arm();
            let task = bench.looker(3, |spin| {
                let since = Instant::now().checked_sub(SLICE).expect("the machine is up for longer");
                spin.0.pause_due_since.set(Some(since));
                spin.pause();
                touch(spin);
            });
            assert!(bench.spin.take_read_turn(Patience::Long) && !bench.spin.take_read_turn(Patience::Long));
            assert_eq!(task.polls.get(), 3);
            assert!(bench.turn() && bench.turn(), "the runtime has its turn");
            assert_ne!(bench.spin.0.read_turns.get(), 0);
        })
        .join()
        .expect("no panic");
    }

    #[test]
    fn nobody_looks_where_no_message_is_expected() {
        let bench = Bench::new();
        bench.arm();
        let silent = bench.task(|spin| {
            assert!(spin.watches());
            Poll::Pending
        });
        assert!(!bench.spin.take_read_turn(Patience::Long) && !bench.spin.0.is_read_turn.get());
        assert_eq!(silent.polls.get(), 2, "once");
        assert_eq!(bench.spin.0.read_turns.get(), 0, "nor asks again before the next turn");
        assert!(bench.spin.0.pause_due_since.get().is_none(), "the core was not yielded, and nobody does it later");
    }

    #[test]
    fn a_task_that_ends_where_it_is_watched_leaves_its_place_in_the_runtime() {
        let bench = Bench::new();
        bench.arm();
        let mut polls = 0;
        let mut task = bench.task(move |spin| {
            polls += 1;
            assert!(polls < 3, "polled after its end");
            if polls == 1 && spin.watches() { Poll::Pending } else { Poll::Ready(()) }
        });
        assert!(bench.turn());
        assert_eq!(task.wakes.count(), 1);
        assert!(task.poll().is_ready());
    }

    #[test]
    fn a_task_that_is_being_polled_is_not_polled_from_within() {
        let bench = Bench::new();
        bench.arm();
        let task = bench.task(|spin| {
            if spin.0.watchers.borrow().is_empty() {
                assert!(spin.watches());
            }
            assert!(!spin.take_read_turn(Patience::Long));
            assert_eq!(spin.0.watchers.borrow().len(), 1, "it watches on");
            Poll::Pending
        });
        assert_eq!(task.polls.get(), 1);
        assert!(bench.turn());
        assert_eq!(task.polls.get(), 2);
    }

    #[test]
    fn a_look_within_a_read_turn_leaves_it_one() {
        let bench = Bench::new();
        bench.arm();
        let _looks = bench.task(|spin| {
            let outer = spin.is_read_turn();
            spin.take_read_turn(Patience::Long);
            assert_eq!(spin.is_read_turn(), outer);
            spin.watches();
            Poll::Pending
        });
        assert!(!bench.spin.take_read_turn(Patience::Long) && !bench.spin.is_read_turn());
    }

    #[test]
    fn a_panic_ends_its_own_task_and_not_who_looked() {
        let bench = Bench::new();
        bench.arm();
        let mut polls = 0;
        let mut bad = bench.task(move |spin| {
            polls += 1;
            assert!(polls < 2, "as planned");
            spin.watches();
            Poll::Pending
        });
        let good = bench.idler();
        assert!(bench.turn(), "it polls on");
        assert_eq!(good.polls.get(), 2);
        assert!(!bench.spin.is_looking() && !bench.spin.is_read_turn());
        assert_eq!(bad.wakes.count(), 1);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bad.poll()));
        let payload = ended.expect_err("it panics where its runtime polls it");
        assert_eq!(payload.downcast_ref(), Some(&"as planned"));
    }

    #[test]
    fn who_has_patience_is_woken_in_the_next_turn_once_and_not_kept_when_the_window_is_over() {
        let (bench, wakes) = (Bench::new(), Arc::<Wakes>::default());
        assert!(!bench.spin.next_turn(&wakes.waker()), "nothing has happened, and a turn may be long in coming");
        bench.arm();
        assert!(bench.spin.next_turn(&wakes.waker()));
        assert_eq!(wakes.count(), 0);
        assert!(bench.turn() && bench.turn());
        assert_eq!(wakes.count(), 1);
        assert!(bench.spin.next_turn(&wakes.waker()));
        bench.age(Duration::from_secs(7200));
        assert!(!bench.turn());
        assert_eq!(wakes.count(), 2);
        assert!(!bench.spin.next_turn(&wakes.waker()));
        bench.arm();
        assert!(bench.spin.next_turn(&wakes.waker()));
        drop(Polled(Rc::downgrade(&bench.spin.0)));
        assert!(bench.spin.0.patient.borrow().is_empty() && !bench.spin.next_turn(&wakes.waker()));
    }

    #[test]
    fn nobody_is_watched_when_the_runtime_has_ended() {
        let bench = Bench::new();
        bench.arm();
        let task = bench.idler();
        assert_eq!(bench.spin.0.watchers.borrow().len(), 1);
        drop(Polled(Rc::downgrade(&bench.spin.0)));
        assert!(!bench.spin.take_read_turn(Patience::Long) && !bench.spin.watches());
        bench
            .spin
            .0
            .last
            .set(Instant::now().checked_sub(Duration::from_secs(3600)).expect("the machine is up for long"));
        bench.spin.touch();
        assert!(!bench.spin.0.armed.get(), "nothing arms it again");
        assert_eq!(task.polls.get(), 1);
    }

    #[test]
    fn a_read_turn_is_of_the_runtime_that_the_thread_is_in() {
        assert!(!take_read_turn(Patience::Long), "the thread is in none");
        let runtimes = [(); 2].map(|()| crate::DriverChoice::default().runtime().expect("a driver"));
        let looked = Rc::new(Cell::new(0));
        let spin = runtimes[0].block_on(async { Spin::start(&runtimes[0]) });
        let (count, watching) = (Rc::clone(&looked), spin.clone());
        let task = Task::new(Box::pin(poll_fn(move |_| {
            count.set(count.get() + 1);
            touch(&watching);
            watching.watches();
            Poll::Pending
        })));
        touch(&spin);
        spin.0.read_turns.set(READ_TURNS_MAX);
        let mut place = Box::pin(task.run(Arc::new(Mailbox::default()), spin.clone()));
        assert!(place.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(!runtimes[1].block_on(async { take_read_turn(Patience::Long) }));
        assert_eq!(looked.get(), 1);
        assert!(runtimes[0].block_on(async { take_read_turn(Patience::Long) }));
        drop((place, spin));
        drop(runtimes);
        assert!(HERE.with_borrow(Vec::is_empty), "nothing is left of what has ended");
    }

    #[test]
    fn the_task_ends_with_the_last_handle() {
        let runtime = crate::DriverChoice::default().runtime().expect("a driver");
        runtime.block_on(async {
            let spin = Spin::start(&runtime);
            let state = Rc::downgrade(&spin.0);
            drop(spin);
            assert!(state.upgrade().is_none());
        });
    }
}
