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
/// Looks in vain of who waits for a message ([`Looks::UntilFound`]) before the runtime has its turn, which costs a system call on
/// io_uring and five on epoll, and what the executor does in between.
const LOOKS_MAX: u32 = 16;

thread_local! {
    /// The polling of the calling thread's runtimes.
    static HERE: RefCell<Vec<Weak<State>>> = const { RefCell::new(Vec::new()) };
}

/// How often who waits for a message looks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// Until something came, within what the runtime can do without its own turn.
    UntilFound,
    /// Once: others on the thread have something to do.
    Once,
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
    only_looked_since: Cell<Option<Instant>>,
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
pub fn take_read_turn(looks: Looks) -> bool {
    let Ok(descriptor) = Runtime::try_with_current(|runtime| runtime.as_raw_fd()) else { return false };
    // Nothing stays borrowed: whoever is looked at may start others.
    let here = |index: usize| HERE.with_borrow(|states| states.get(index).map(Weak::upgrade));
    let mut came = false;
    for index in 0.. {
        match here(index) {
            None => break,
            Some(Some(state)) if state.descriptor == descriptor => came |= Spin(state).take_read_turn(looks),
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

    /// Yields the core before a look at what may have come, if nobody did in this turn. Where it stays away for long, who waits
    /// for a message looks no more until the runtime has had its turn.
    pub(crate) fn pause(&self) {
        if let Some(before) = self.0.only_looked_since.take() {
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
        self.0.only_looked_since.set(Some(before));
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
    fn take_read_turn(&self, looks: Looks) -> bool {
        let state = &*self.0;
        let may_look = state.armed.get() && state.read_turns.get() > 0 && keeps_core();
        if !may_look || state.watchers.borrow().is_empty() {
            return false;
        }
        let before = state.active.take();
        let outer = state.is_read_turn.replace(true);
        let mut now = Instant::now();
        let looks = match looks {
            Looks::UntilFound => LOOKS_MAX,
            Looks::Once => 1,
        };
        for _ in 0..looks {
            self.look(now);
            // Who looks yields before: where nobody did, nobody expects anything.
            let is_expected = state.only_looked_since.take().is_none();
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
            only_looked_since: Cell::new(None),
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
mod tests;
