//! Waiting, on any executor or none: for a hub, for a task's answer, and for a future on the calling thread.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use monocoque_core::sync::Mutex;
use monocoque_core::wait::{Ticket, WaitList};
use monocoque_io::{SPIN_WINDOW, Stopper};

use crate::context::ContextInner;

/// A place in a wait list that is given up when dropped.
pub(crate) struct Place<'a> {
    list: &'a WaitList,
    ticket: Option<Ticket>,
}

impl<'a> Place<'a> {
    pub(crate) fn new(list: &'a WaitList) -> Self {
        Self { list, ticket: None }
    }

    /// Asks to be woken once. Whoever does looks for what it waits for after that.
    pub(crate) fn register(&mut self, waker: &Waker) {
        self.list.register(&mut self.ticket, waker);
    }

    /// Tries, then registers and tries again, so that no wake between is lost.
    #[inline]
    pub(crate) fn poll<T>(&mut self, cx: &Context<'_>, mut attempt: impl FnMut() -> Option<T>) -> Poll<T> {
        if let Some(done) = attempt() {
            return Poll::Ready(done);
        }
        self.register(cx.waker());
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
pub(crate) struct Timer {
    /// `None` is farther away than the clock reaches.
    deadline: Option<Instant>,
    waiting: Arc<WaitList>,
    ticket: Option<Ticket>,
    /// Ends the task that keeps the time, when the wait is over before.
    _stopper: Stopper,
}

impl Timer {
    pub(crate) fn start(context: &ContextInner, timeout: Duration) -> Self {
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
    pub(crate) fn poll(&mut self, waker: &Waker) -> bool {
        self.waiting.register(&mut self.ticket, waker);
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// What a task is asked: whoever waits gets its answer, or `None` if it was dropped before it gave one.
pub(crate) fn answer<T>() -> (Giver<T>, impl Future<Output = Option<T>>) {
    let question = Arc::new(Question { answer: Mutex::new(None), waiting: WaitList::new() });
    let giver = Giver(Arc::clone(&question));
    let answer = async move {
        let mut place = Place::new(&question.waiting);
        poll_fn(|cx| place.poll(cx, || question.answer.lock().take())).await
    };
    (giver, answer)
}

struct Question<T> {
    /// `Some(None)` when there will be none.
    answer: Mutex<Option<Option<T>>>,
    waiting: WaitList,
}

/// The side of the task.
pub(crate) struct Giver<T>(Arc<Question<T>>);

impl<T> Giver<T> {
    pub(crate) fn give(self, answer: T) {
        *self.0.answer.lock() = Some(Some(answer));
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        self.0.answer.lock().get_or_insert(None);
        self.0.waiting.wake_all();
    }
}

/// Runs `future` to its end on the calling thread, without an executor.
///
/// Between polls the thread waits to be woken: for 50 µs it looks again and again, yielding its core to whoever
/// wants it, because an answer often comes within that time and waking a parked thread takes longer; then it parks.
///
/// It runs any future of this crate on a [shared](crate::Context::new) context, and futures that combine them.
/// It does no I/O itself: a future of a [local](crate::Context::local) context that has to wait never ends here.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use monocoque::{Context, block_on};
///
/// let ctx = Context::new();
/// let reply = block_on(async {
///     let rep = ctx.rep().bind("inproc://question").await?;
///     let req = ctx.req().connect("inproc://question")?;
///     req.send("why").await?;
///     rep.send(rep.recv().await?).await?;
///     Ok::<_, Box<dyn std::error::Error>>(req.recv().await?)
/// })?;
/// assert_eq!(reply, "why".into());
/// # Ok(())
/// # }
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let Some(output) = block_until(future, None) else { unreachable!("there is no deadline") };
    output
}

/// [`block_on`] for at most `limit`; `None` if `future` did not end by then.
///
/// It is polled once at least, and dropped when the time is over: a future of this crate loses nothing by that.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use monocoque::{Context, block_on_timeout};
///
/// let ctx = Context::new();
/// let pull = ctx.pull().build()?;
/// assert!(block_on_timeout(pull.recv(), Duration::from_millis(5)).is_none(), "nobody sends");
/// # Ok(())
/// # }
/// ```
pub fn block_on_timeout<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    // Without a deadline if it is farther away than the clock reaches.
    block_until(future, Instant::now().checked_add(limit))
}

fn block_until<F: Future>(future: F, deadline: Option<Instant>) -> Option<F::Output> {
    let parker = Parker::take();
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    let output = loop {
        parker.woken.swap(false, Ordering::AcqRel);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            break Some(output);
        }
        if !parker.wait(deadline) {
            break None;
        }
    };
    parker.put_back();
    output
}

struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

thread_local! {
    /// This thread's parker while it is in no use. A future that blocks on another finds none here, and the inner
    /// one cannot take its wakes.
    static PARKER: Cell<Option<Arc<Parker>>> = const { Cell::new(None) };
}

impl Parker {
    fn take() -> Arc<Self> {
        let new = || Arc::new(Self { thread: std::thread::current(), woken: AtomicBool::new(false) });
        // There is none while a thread ends, whose destructors may still wait.
        PARKER.try_with(Cell::take).ok().flatten().unwrap_or_else(new)
    }

    fn put_back(self: Arc<Self>) {
        let _ = PARKER.try_with(|place| place.set(Some(self)));
    }

    /// Waits until woken; `false` when `deadline` came first.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let park_from = Instant::now() + SPIN_WINDOW;
        while !self.woken.load(Ordering::Acquire) {
            let now = Instant::now();
            match deadline {
                Some(deadline) if now >= deadline => return false,
                _ if now < park_from => std::thread::yield_now(),
                Some(deadline) => std::thread::park_timeout(deadline - now),
                None => std::thread::park(),
            }
        }
        true
    }
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[test]
    fn what_never_ends_is_given_up_and_what_is_done_is_not() {
        assert_eq!(block_on_timeout(pending::<()>(), Duration::from_millis(1)), None);
        assert_eq!(block_on_timeout(ready(7), Duration::ZERO), Some(7));
        assert_eq!(block_on_timeout(ready(7), Duration::MAX), Some(7));
    }

    #[test]
    fn a_wake_from_another_thread_is_seen() {
        let (giver, answer) = answer();
        std::thread::scope(|scope| {
            scope.spawn(|| giver.give(7));
            assert_eq!(block_on(answer), Some(7));
        });
    }

    #[test]
    fn blocking_within_what_is_blocked_on_loses_no_wake() {
        let mut woken = false;
        let outer = poll_fn(|cx| {
            if std::mem::replace(&mut woken, true) {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            // The inner future ends only after the outer one was woken.
            block_on(async move {
                waker.wake();
                monocoque_io::yield_now().await;
            });
            Poll::Pending
        });
        assert_eq!(block_on_timeout(outer, Duration::from_secs(10)), Some(()));
    }

    #[test]
    fn a_thread_that_ends_may_still_block() {
        struct Last(std::sync::mpsc::Sender<u32>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.0.send(block_on(ready(7))).expect("the test waits for it");
            }
        }
        thread_local! {
            static LAST: Cell<Option<Last>> = const { Cell::new(None) };
        }
        let (told, tells) = std::sync::mpsc::channel();
        let ends = move || {
            // What was made first goes last: after the parker.
            LAST.set(Some(Last(told)));
            block_on(ready(()));
        };
        std::thread::spawn(ends).join().expect("no panic");
        assert_eq!(tells.recv_timeout(Duration::from_secs(30)), Ok(7));
    }

    #[test]
    fn a_task_that_is_dropped_gives_no_answer() {
        let (giver, answer) = answer::<()>();
        drop(giver);
        assert_eq!(block_on(answer), None);
    }
}
