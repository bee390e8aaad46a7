//! Bounded polling before a runtime parks.
//!
//! Waking a parked thread costs its waker tens of microseconds, so after any activity the runtime polls for
//! [`WINDOW`], yielding the core each turn, before it sleeps in the kernel. The window closes after a few
//! misses, so an idle program uses no CPU, and opens again when activity becomes frequent.
//!
//! While it polls, connections that were just read from are looked at directly, a few of them: a read that finds
//! nothing costs less than a turn of the ring, and what arrives is there without a completion.
//!
//! It is a task like any other: it works on every compio runtime, the caller's own included.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use compio::runtime::Runtime;

/// How long a runtime polls after its last activity.
pub const WINDOW: Duration = Duration::from_micros(50);
/// Windows that may pass without a hit before polling stops.
const MISSES_MAX: u32 = 4;
/// Connections that are looked at in each turn.
const WATCHERS_MAX: usize = 4;
/// Activity this close to the one before opens the window again.
const FREQUENT: Duration = Duration::from_micros(250);

/// One runtime's polling state. Lives on its thread.
#[derive(Debug, Clone)]
pub(crate) struct Spin(Rc<State>);

#[derive(Debug)]
struct State {
    last: Cell<Instant>,
    armed: Cell<bool>,
    misses: Cell<u32>,
    /// Something happened since the last turn.
    active: Cell<bool>,
    /// The last turn yielded nothing because of that.
    deferred: Cell<bool>,
    /// Nobody has yielded the core in this turn.
    pause_is_due: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// Connections to look at in the next turn.
    watchers: RefCell<Vec<Waker>>,
}

impl Spin {
    /// Starts the polling task on `runtime`.
    pub(crate) fn start(runtime: &Runtime) -> Self {
        let spin = Self(Rc::new(State {
            last: Cell::new(Instant::now()),
            armed: Cell::new(false),
            misses: Cell::new(0),
            active: Cell::new(false),
            deferred: Cell::new(false),
            pause_is_due: Cell::new(false),
            waker: RefCell::new(None),
            watchers: RefCell::default(),
        }));
        let weak = Rc::downgrade(&spin.0);
        let polling = poll_fn(move |cx| match weak.upgrade() {
            None => Poll::Ready(()),
            Some(state) => {
                state.turn(cx.waker());
                Poll::Pending
            }
        });
        runtime.spawn(polling).detach();
        spin
    }

    /// Whether the runtime polls and has a look at what `waker` wakes in its next turn; it has to ask again then.
    pub(crate) fn watches(&self, waker: &Waker) -> bool {
        let mut watchers = self.0.watchers.borrow_mut();
        if watchers.iter().any(|watcher| watcher.will_wake(waker)) {
            return true;
        }
        let watches = self.0.armed.get() && watchers.len() < WATCHERS_MAX;
        if watches {
            watchers.push(waker.clone());
        }
        watches
    }

    /// Yields the core before a look at what may have come, if this turn still has to.
    pub(crate) fn pause(&self) {
        self.0.pause();
    }

    /// Something happened: poll for a while.
    pub(crate) fn touch(&self) {
        let state = &*self.0;
        let now = Instant::now();
        state.active.set(true);
        if now.duration_since(state.last.replace(now)) < FREQUENT {
            state.misses.set(0);
        }
        if !state.armed.get() && state.misses.get() < MISSES_MAX {
            state.armed.set(true);
            if let Some(waker) = &*state.waker.borrow() {
                waker.wake_by_ref();
            }
        }
    }
}

impl State {
    fn turn(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
        if !self.armed.get() {
            return;
        }
        let mut watchers = self.watchers.borrow_mut();
        // Something came since the turn before: who is woken by it runs first, before the core goes to others. Those who watch
        // come behind it in any case, and one of them yields.
        if self.active.take() && watchers.is_empty() && !self.deferred.replace(true) {
            return waker.wake_by_ref();
        }
        self.deferred.set(false);
        let goes_on = self.last.get().elapsed() < WINDOW;
        self.pause_is_due.set(goes_on);
        if watchers.is_empty() {
            self.pause();
        }
        // Before this task: what comes while others have the core is read before they have it again.
        watchers.drain(..).for_each(Waker::wake);
        if goes_on {
            waker.wake_by_ref();
        } else {
            self.misses.set(self.misses.get() + 1);
            self.armed.set(false);
        }
    }

    /// Yields the core, once a turn.
    fn pause(&self) {
        if self.pause_is_due.take() {
            std::thread::yield_now();
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(waker) = self.waker.get_mut().take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Bench {
        spin: Spin,
        wakes: Arc<Wakes>,
    }

    impl Bench {
        /// A spin whose last activity was an hour ago and whose task was polled once.
        fn new() -> Self {
            let last = Instant::now().checked_sub(Duration::from_secs(3600)).expect("the machine is up for long");
            let state = State {
                last: Cell::new(last),
                armed: Cell::new(false),
                misses: Cell::new(0),
                active: Cell::new(false),
                deferred: Cell::new(false),
                pause_is_due: Cell::new(false),
                waker: RefCell::new(None),
                watchers: RefCell::default(),
            };
            let bench = Self { spin: Spin(Rc::new(state)), wakes: Arc::default() };
            bench.turn();
            bench
        }

        /// Polls the task; returns whether it wants to be polled again at once.
        fn turn(&self) -> bool {
            let before = self.wakes.0.load(Ordering::Relaxed);
            self.spin.0.turn(&Waker::from(Arc::clone(&self.wakes)));
            self.wakes.0.load(Ordering::Relaxed) > before
        }

        /// Activity, and then none for longer than the window.
        fn miss(&self) -> bool {
            let before = self.wakes.0.load(Ordering::Relaxed);
            self.spin.touch();
            let woken = self.wakes.0.load(Ordering::Relaxed) > before;
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
        bench.spin.touch();
        // In the future, so that a slow machine does not end the window.
        bench.spin.0.last.set(Instant::now() + Duration::from_secs(3600));
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
        bench.spin.touch();
        bench.spin.0.last.set(Instant::now() + Duration::from_secs(3600));
        bench.spin.touch();
        assert!(bench.spin.0.armed.get());
    }

    #[test]
    fn a_few_are_watched_while_it_polls_and_all_are_let_go_when_the_window_is_over() {
        let (bench, tasks) = (Bench::new(), [(); 10].map(|()| Arc::new(Wakes::default())));
        let wakers = tasks.each_ref().map(|task| Waker::from(Arc::clone(task)));
        let woken = || tasks.iter().map(|task| task.0.load(Ordering::Relaxed)).sum::<u32>();
        assert!(!bench.spin.watches(&wakers[0]), "nothing has happened");
        bench.spin.touch();
        bench.spin.0.last.set(Instant::now() + Duration::from_secs(3600));
        assert!((0..10).all(|_| bench.spin.watches(&wakers[0])), "one that asks twice takes one place");
        let watched = wakers.iter().filter(|waker| bench.spin.watches(waker)).count();
        assert_eq!(watched, WATCHERS_MAX);
        assert!(bench.turn() && bench.turn());
        assert_eq!(woken(), WATCHERS_MAX as u32, "once, until they ask again");
        assert!(bench.spin.watches(&wakers[0]));
        bench.age(Duration::from_secs(7200));
        assert!(!bench.turn());
        assert_eq!(woken(), WATCHERS_MAX as u32 + 1);
        assert!(!bench.spin.watches(&wakers[0]), "the ring takes over");
    }

    #[test]
    fn who_is_woken_by_what_came_runs_before_the_core_is_yielded() {
        let (bench, task) = (Bench::new(), Arc::new(Wakes::default()));
        let waker = Waker::from(Arc::clone(&task));
        bench.spin.touch();
        bench.spin.0.last.set(Instant::now() + Duration::from_secs(3600));
        assert!(bench.spin.watches(&waker));
        assert!(bench.turn() && bench.spin.0.pause_is_due.get(), "who watches is behind them, yields, and looks");
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        bench.spin.pause();
        assert!(!bench.spin.0.pause_is_due.get(), "once a turn");
        bench.spin.touch();
        bench.spin.0.last.set(Instant::now() + Duration::from_secs(3600));
        assert!(bench.turn() && bench.spin.0.deferred.get(), "nobody watches: others have work first");
        assert!(bench.turn() && !bench.spin.0.deferred.get(), "then the turn itself yields");
        assert!(!bench.spin.0.pause_is_due.get());
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
