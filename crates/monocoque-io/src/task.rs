//! Tasks of an I/O runtime, which can be polled by others of their thread too.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::mailbox::{Call, LocalFuture, Mailbox};
use crate::spin::Spin;

/// A task: polled by its runtime when it is woken, and by who waits for what it does.
pub(crate) struct Task {
    work: RefCell<Work>,
    /// The runtime's, and the one that may be called by any thread.
    wakers: RefCell<Option<(Waker, Waker)>>,
    stillness: Cell<Stillness>,
    /// It is among those that are looked at for how still they are.
    listed: Cell<bool>,
}

/// Whether a task has something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stillness {
    /// It has, or says nothing of it.
    None,
    /// It has not, since it was looked at last.
    New,
    /// It had not then, and has not since.
    Lasting,
    /// It is to be parked.
    Parting,
}

enum Work {
    Future(LocalFuture),
    /// It panicked, wherever it was polled.
    Panicked(Box<dyn Any + Send>),
    Over,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}

impl Task {
    pub(crate) fn new(future: LocalFuture) -> Rc<Self> {
        Rc::new(Self {
            work: RefCell::new(Work::Future(future)),
            wakers: RefCell::default(),
            stillness: Cell::new(Stillness::None),
            listed: Cell::new(false),
        })
    }

    /// How still it is, and is from here on.
    pub(crate) fn turn(&self, stillness: Stillness) -> Stillness {
        self.stillness.replace(stillness)
    }

    /// Whether it is listed, and is from here on.
    pub(crate) fn list(&self, listed: bool) -> bool {
        self.listed.replace(listed)
    }

    /// Runs it as a task of the runtime of `mailbox`, with a waker that may be called by any thread, whatever locks it holds.
    #[expect(clippy::manual_async_fn, reason = "an async function holds twice what it is given")]
    pub(crate) fn run(self: Rc<Self>, mailbox: Arc<Mailbox>, spin: Spin) -> impl Future<Output = ()> {
        async move {
            poll_fn(|cx| {
                let mut wakers = self.wakers.borrow_mut();
                if !wakers.as_ref().is_some_and(|(task, _)| task.will_wake(cx.waker())) {
                    *wakers = Some((cx.waker().clone(), Call::of(cx.waker().clone(), &mailbox).into()));
                }
                drop(wakers);
                let polled = self.poll(&spin).unwrap_or(Poll::Pending);
                if polled.is_ready()
                    && let Work::Panicked(payload) = self.work.replace(Work::Over)
                {
                    resume_unwind(payload);
                }
                polled
            })
            .await;
        }
    }

    /// Polls it, wherever on its thread that is done; `None` if it is being polled already. It is ready too when it panics:
    /// that goes on where its runtime polls it, not where somebody only looked.
    pub(crate) fn poll(self: &Rc<Self>, spin: &Spin) -> Option<Poll<()>> {
        let mut work = self.work.try_borrow_mut().ok()?;
        let wakers = self.wakers.try_borrow().ok()?;
        let (Work::Future(future), Some((_, call))) = (&mut *work, wakers.as_ref()) else {
            return Some(Poll::Ready(()));
        };
        let outer = spin.enter(Rc::downgrade(self));
        let mut cx = Context::from_waker(call);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut cx)));
        spin.enter(outer);
        let over = match polled {
            Ok(Poll::Pending) => return Some(Poll::Pending),
            Ok(Poll::Ready(())) => Work::Over,
            Err(payload) => Work::Panicked(payload),
        };
        *work = over;
        Some(Poll::Ready(()))
    }

    /// Has the runtime poll it.
    pub(crate) fn wake(&self) {
        if let Some((task, _)) = &*self.wakers.borrow() {
            task.wake_by_ref();
        }
    }
}
