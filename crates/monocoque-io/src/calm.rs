//! Wakes that a panicking thread may make.
//!
//! compio-executor 0.1.4 aborts the process when a thread that unwinds wakes a task of another thread (its
//! `panic_guard` looks at the thread, not at the wake). But unwinding drops sockets, and dropping a socket
//! wakes I/O tasks: a panic of the application must not become an abort. So tasks on I/O runtimes are polled
//! with a waker that has such a wake made by a thread which does not unwind.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

struct Calm(Waker);

impl Wake for Calm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !std::thread::panicking() {
            return self.0.wake_by_ref();
        }
        let inner = self.0.clone();
        // Without a thread to be had the wake is lost: still better than the process.
        let _ = std::thread::Builder::new().name("monocoque-wake".to_owned()).spawn(move || inner.wake());
    }
}

/// Runs `future` with a waker that may be called while a thread unwinds.
pub(crate) async fn calm<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut known: Option<(Waker, Waker)> = None;
    poll_fn(|cx| {
        let (_, calm) = match &mut known {
            Some(pair) if pair.0.will_wake(cx.waker()) => pair,
            stale => stale.insert((cx.waker().clone(), Arc::new(Calm(cx.waker().clone())).into())),
        };
        future.as_mut().poll(&mut Context::from_waker(calm))
    })
    .await
}
