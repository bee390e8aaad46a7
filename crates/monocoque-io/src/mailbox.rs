//! What other threads ask of a runtime: to start tasks, and to wake those that run there.
//!
//! Tasks are woken through here because compio-executor 0.1.4 takes wakes of other threads into a queue of 64 and has a
//! thread that finds it full wait, with whatever locks it holds: if the runtime's own thread waits for one of them, both
//! wait for ever. It also aborts the process when a thread that unwinds wakes a task of another thread; but unwinding
//! drops sockets, and that wakes I/O tasks. So what runs on an I/O runtime has a waker that never waits and may be called
//! by anyone, and one task of the runtime, which only needs to be told once, passes the wakes on.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use monocoque_core::sync::Mutex;

use crate::background::start_thread;
use crate::placement::{Home, PlacementGone};

pub(crate) type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;
pub(crate) type Job = Box<dyn FnOnce(Home) -> LocalFuture + Send>;

/// Jobs that are started in a row. Thousands may come at once, of connections that were parked and are all to end.
pub(crate) const JOBS_MAX: usize = 64;

/// One runtime's mailbox.
#[derive(Default)]
pub(crate) struct Mailbox {
    /// Something came since the last look: asked before the lock, because every turn of the runtime looks.
    news: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    calls: Vec<Arc<Call>>,
    reader: Option<Waker>,
    closed: bool,
    /// Nobody reads any more.
    gone: bool,
}

impl std::fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailbox").field("jobs", &self.state.lock().jobs.len()).finish()
    }
}

impl Mailbox {
    /// Asks for `job` to be started.
    ///
    /// # Errors
    /// [`PlacementGone`] if the runtime has ended.
    pub(crate) fn post(&self, job: Job) -> Result<(), PlacementGone> {
        self.tell(|state| state.jobs.push_back(job))
    }

    /// No more jobs will come.
    pub(crate) fn close(&self) {
        // A runtime that has ended needs not be told.
        let _ = self.tell(|state| state.closed = true);
    }

    fn tell(&self, what: impl FnOnce(&mut State)) -> Result<(), PlacementGone> {
        let mut state = self.state.lock();
        if state.gone {
            return Err(PlacementGone);
        }
        what(&mut state);
        let told = self.news.swap(true, Ordering::AcqRel);
        let reader = if told { None } else { state.reader.clone() };
        drop(state);
        if !reader.is_none_or(wake) {
            // Whoever comes next tells it again.
            self.news.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Jobs that have come in, at most [`JOBS_MAX`]; `None` once closed and empty. Wakes whom other threads have called.
    pub(crate) async fn receive(&self) -> Option<Vec<Job>> {
        let mut known: Option<Waker> = None;
        poll_fn(|cx| {
            let is_known = known.as_ref().is_some_and(|known| known.will_wake(cx.waker()));
            if !self.news.swap(false, Ordering::AcqRel) && is_known {
                return Poll::Pending;
            }
            let mut state = self.state.lock();
            if !is_known {
                known = Some(cx.waker().clone());
                state.reader.clone_from(&known);
            }
            let calls = std::mem::take(&mut state.calls);
            let count = state.jobs.len().min(JOBS_MAX);
            let jobs: Vec<Job> = state.jobs.drain(..count).collect();
            let closed = state.closed;
            drop(state);
            calls.iter().for_each(|call| call.pass_on());
            match jobs.is_empty() {
                false => Poll::Ready(Some(jobs)),
                true if closed => Poll::Ready(None),
                true => Poll::Pending,
            }
        })
        .await
    }

    /// Refuses everything from here on.
    fn end(&self) {
        let mut state = self.state.lock();
        state.gone = true;
        let left = (std::mem::take(&mut state.jobs), std::mem::take(&mut state.calls), state.reader.take());
        drop(state);
        drop(left);
    }
}

/// Ends the mailbox when its runtime drops the task that reads it.
pub(crate) struct Reading(pub(crate) Arc<Mailbox>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Calls `waker` as a thread that does not unwind; whether it could. Without a thread to be had the wake is lost: still
/// better than the process.
fn wake(waker: Waker) -> bool {
    if thread::panicking() {
        return start_thread("monocoque-wake".to_owned(), move || waker.wake()).is_ok();
    }
    waker.wake();
    true
}

/// How a task is woken from any thread, whatever locks that holds.
pub(crate) struct Call {
    task: Waker,
    /// The runtime's.
    thread: ThreadId,
    /// In the mailbox.
    posted: AtomicBool,
    mailbox: Arc<Mailbox>,
}

impl Call {
    /// Wakes `task`, of the calling thread's runtime.
    pub(crate) fn of(task: Waker, mailbox: &Arc<Mailbox>) -> Arc<Self> {
        let (thread, mailbox) = (thread::current().id(), Arc::clone(mailbox));
        Arc::new(Self { task, thread, posted: AtomicBool::new(false), mailbox })
    }

    fn pass_on(&self) {
        // Before the wake: what comes after it has to be a call of its own.
        self.posted.swap(false, Ordering::AcqRel);
        self.task.wake_by_ref();
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if thread::current().id() == self.thread && !thread::panicking() {
            return self.task.wake_by_ref();
        }
        if !self.posted.swap(true, Ordering::AcqRel) {
            // A runtime that has ended wakes nobody.
            let _ = self.mailbox.tell(|state| state.calls.push(Arc::clone(self)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::pin::pin;
    use std::task::Context;

    use super::*;
    use crate::wakes::Wakes;

    #[test]
    fn whom_others_call_is_woken_between_many_jobs() {
        let mailbox = Arc::new(Mailbox::default());
        for _ in 0..2 * JOBS_MAX + 1 {
            mailbox.post(Box::new(|_| Box::pin(ready(())))).expect("it is read");
        }
        let wakes = Arc::new(Wakes::default());
        let receive = || match pin!(mailbox.receive()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(jobs) => jobs.map_or(0, |jobs| jobs.len()),
            Poll::Pending => 0,
        };
        let mut seen = Vec::new();
        for calls in 0..4 {
            let call = Call::of(wakes.waker(), &mailbox);
            thread::spawn(move || call.wake_by_ref()).join().expect("no panic");
            seen.push(receive());
            assert_eq!(wakes.count(), calls + 1);
        }
        assert_eq!(seen, [JOBS_MAX, JOBS_MAX, 1, 0]);
    }
}
