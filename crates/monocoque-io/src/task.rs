//! Tasks of an I/O runtime, which can be polled by others of their thread too.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::mailbox::{Call, LocalFuture, Mailbox};
use crate::spin::Spin;

/// A task: polled by its runtime when it is woken, and by who waits for what it does.
pub(crate) struct Task {
    /// `None` when it is over.
    future: RefCell<Option<LocalFuture>>,
    /// The runtime's, and the one that may be called by any thread.
    wakers: RefCell<Option<(Waker, Waker)>>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

impl Task {
    pub(crate) fn new(future: LocalFuture) -> Rc<Self> {
        Rc::new(Self { future: RefCell::new(Some(future)), wakers: RefCell::default() })
    }

    /// Runs it as a task of the runtime of `mailbox`, with a waker that may be called by any thread, whatever locks it holds.
    pub(crate) async fn run(self: Rc<Self>, mailbox: Arc<Mailbox>, spin: Spin) {
        poll_fn(|cx| {
            let mut wakers = self.wakers.borrow_mut();
            if !wakers.as_ref().is_some_and(|(task, _)| task.will_wake(cx.waker())) {
                *wakers = Some((cx.waker().clone(), Call::of(cx.waker().clone(), &mailbox).into()));
            }
            drop(wakers);
            self.poll(&spin)
        })
        .await;
    }

    /// Polls it, wherever on its thread that is done. Nothing happens if it is being polled already.
    pub(crate) fn poll(self: &Rc<Self>, spin: &Spin) -> Poll<()> {
        let (Ok(mut running), Ok(wakers)) = (self.future.try_borrow_mut(), self.wakers.try_borrow()) else {
            return Poll::Pending;
        };
        let (Some(future), Some((_, call))) = (running.as_mut(), wakers.as_ref()) else { return Poll::Ready(()) };
        let outer = spin.enter(Rc::downgrade(self));
        let polled = future.as_mut().poll(&mut Context::from_waker(call));
        spin.enter(outer);
        if polled.is_ready() {
            *running = None;
        }
        polled
    }

    /// Has the runtime poll it.
    pub(crate) fn wake(&self) {
        if let Some((task, _)) = &*self.wakers.borrow() {
            task.wake_by_ref();
        }
    }
}
