//! Bounded polling before a runtime parks.
//!
//! Waking a parked thread costs its waker tens of microseconds, so after any activity the runtime polls for
//! [`WINDOW`], yielding the core each turn, before it sleeps in the kernel. The window closes after a few
//! misses, so an idle program uses no CPU, and opens again when activity becomes frequent.
//!
//! It is a task like any other: it works on every compio runtime, the caller's own included.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use compio::runtime::Runtime;

/// How long a runtime polls after its last activity.
const WINDOW: Duration = Duration::from_micros(50);
/// Windows that may pass without a hit before polling stops.
const MISSES_MAX: u32 = 4;
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
    waker: RefCell<Option<Waker>>,
}

impl Spin {
    /// Starts the polling task on `runtime`.
    pub(crate) fn start(runtime: &Runtime) -> Self {
        let spin = Self(Rc::new(State {
            last: Cell::new(Instant::now()),
            armed: Cell::new(false),
            misses: Cell::new(0),
            waker: RefCell::new(None),
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

    /// Something happened: poll for a while.
    pub(crate) fn touch(&self) {
        let state = &*self.0;
        let now = Instant::now();
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
        if self.last.get().elapsed() < WINDOW {
            std::thread::yield_now();
            waker.wake_by_ref();
        } else {
            self.misses.set(self.misses.get() + 1);
            self.armed.set(false);
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
