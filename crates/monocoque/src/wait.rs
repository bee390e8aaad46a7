//! Waiting, on any executor or none: for a hub, and for a task's answer.

use std::future::{Future, poll_fn};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use monocoque_core::sync::Mutex;
use monocoque_core::wait::{Ticket, WaitList};
use monocoque_io::Stopper;

use crate::block_on::awaits;
use crate::context::ContextInner;
use crate::core::Core;

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
    attempt: impl FnMut() -> Option<T>,
) -> Option<T> {
    repeat(list, context, timeout, attempt, || None).await
}

/// [`until`], of what comes with the messages of `core`: who blocks on it reads them.
pub(crate) async fn until_arrived<T>(
    core: &Arc<Core>,
    timeout: Option<Duration>,
    attempt: impl FnMut() -> Option<T>,
) -> Option<T> {
    repeat(core.hub.signals().readable(), &core.context, timeout, attempt, || awaits(core)).await
}

/// Waits for the messages of a socket, and does not look at what its connections lend.
pub(crate) struct Asleep(Weak<Core>);

impl Asleep {
    /// Of who does not look at all.
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        core.hub.signals().turns().sleep_unlooked();
        Self(Arc::downgrade(core))
    }

    /// Of who has looked before.
    pub(crate) fn after_looking(core: &Arc<Core>) -> Self {
        core.hub.signals().turns().sleep();
        Self(Arc::downgrade(core))
    }
}

impl Drop for Asleep {
    fn drop(&mut self) {
        if let Some(core) = self.0.upgrade() {
            core.hub.signals().turns().wake();
        }
    }
}

/// [`until`], with what `waits` gives kept during each wait.
async fn repeat<T>(
    list: &WaitList,
    context: &ContextInner,
    timeout: Option<Duration>,
    mut attempt: impl FnMut() -> Option<T>,
    waits: impl Fn() -> Option<Asleep>,
) -> Option<T> {
    let mut place = Place::new(list);
    let (mut timer, mut asleep) = (None, None);
    poll_fn(|cx| {
        drop(asleep.take());
        if let Poll::Ready(done) = place.poll(cx, &mut attempt) {
            return Poll::Ready(Some(done));
        }
        asleep = waits();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block_on::block_on;

    #[test]
    fn a_wake_from_another_thread_is_seen() {
        let (giver, answer) = answer();
        std::thread::scope(|scope| {
            scope.spawn(|| giver.give(7));
            assert_eq!(block_on(answer), Some(7));
        });
    }

    #[test]
    fn a_task_that_is_dropped_gives_no_answer() {
        let (giver, answer) = answer::<()>();
        drop(giver);
        assert_eq!(block_on(answer), None);
    }
}
