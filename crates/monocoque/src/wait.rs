//! Waiting for a hub, on any executor or none.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use monocoque_core::wait::{Ticket, WaitList};
use monocoque_io::Stopper;

use crate::context::ContextInner;

/// How long a blocked thread polls, yielding, before it parks.
const WINDOW: Duration = Duration::from_micros(50);

/// A place in a wait list that is given up when dropped.
pub(crate) struct Place<'a> {
    list: &'a WaitList,
    ticket: Option<Ticket>,
}

impl<'a> Place<'a> {
    pub(crate) fn new(list: &'a WaitList) -> Self {
        Self { list, ticket: None }
    }

    /// Tries, then registers and tries again, so that no wake between is lost.
    #[inline]
    pub(crate) fn poll<T>(&mut self, cx: &Context<'_>, mut attempt: impl FnMut() -> Option<T>) -> Poll<T> {
        if let Some(done) = attempt() {
            return Poll::Ready(done);
        }
        self.list.register(&mut self.ticket, cx.waker());
        attempt().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.list.remove(&mut self.ticket);
    }
}

/// Repeats `attempt` whenever `list` is woken until it gives something; `None` after `timeout`.
pub(crate) async fn until<T>(
    list: &WaitList,
    context: &ContextInner,
    timeout: Option<Duration>,
    mut attempt: impl FnMut() -> Option<T>,
) -> Option<T> {
    let mut place = Place::new(list);
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(done) = place.poll(cx, &mut attempt) {
            return Poll::Ready(Some(done));
        }
        let Some(timeout) = timeout else { return Poll::Pending };
        let timer = timer.get_or_insert_with(|| Timer::start(context, timeout));
        if timer.poll(cx.waker()) { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

/// A deadline kept by an I/O runtime, so that it works under any executor.
struct Timer {
    /// `None` is farther away than the clock reaches.
    deadline: Option<Instant>,
    waiting: Arc<WaitList>,
    ticket: Option<Ticket>,
    /// Ends the task that keeps the time, when the wait is over before.
    _stopper: Stopper,
}

impl Timer {
    fn start(context: &ContextInner, timeout: Duration) -> Self {
        let (deadline, waiting) = (Instant::now().checked_add(timeout), Arc::new(WaitList::new()));
        let stopper = Stopper::new();
        if deadline.is_some() {
            let woken = Arc::downgrade(&waiting);
            context.after(timeout, stopper.listen(), move || {
                if let Some(waiting) = woken.upgrade() {
                    waiting.wake_all();
                }
            });
        }
        Self { deadline, waiting, ticket: None, _stopper: stopper }
    }

    /// Whether the deadline has passed; if not, `waker` is called when it has.
    fn poll(&mut self, waker: &Waker) -> bool {
        self.waiting.register(&mut self.ticket, waker);
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}

/// Runs `future` on the calling thread: polls for a bounded window, yielding the core, then parks.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    thread_local! {
        static PARKER: Arc<Parker> =
            Arc::new(Parker { thread: std::thread::current(), woken: AtomicBool::new(false) });
    }
    let parker = PARKER.with(Arc::clone);
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        parker.woken.store(false, Ordering::Release);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        let parked_at = Instant::now() + WINDOW;
        while !parker.woken.load(Ordering::Acquire) {
            if Instant::now() < parked_at {
                std::thread::yield_now();
            } else {
                std::thread::park();
            }
        }
    }
}
