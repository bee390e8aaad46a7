//! Waiting on the calling thread, with a limit: every future of the library is cancel-safe, so one that does
//! not end in time is dropped.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long a thread polls, yielding the core, before it parks; as the library's own blocking methods.
const WINDOW: Duration = Duration::from_micros(50);

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

/// Runs `future` to its end.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let Some(output) = within(None, future) else { unreachable!("without a limit there is no time-out") };
    output
}

/// Runs `future` for at most `limit`; `None` if it did not end by then.
pub fn within<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    let parker = Arc::new(Parker { thread: std::thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        parker.woken.store(false, Ordering::Release);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        if !parker.wait(deadline) {
            return None;
        }
    }
}

impl Parker {
    /// Waits until woken; `false` when `deadline` came first.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        let park_from = Instant::now() + WINDOW;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_ends_is_given_up() {
        assert_eq!(within(Some(Duration::from_millis(1)), std::future::pending::<()>()), None);
        assert_eq!(within(Some(Duration::ZERO), std::future::ready(7)), Some(7));
    }

    #[test]
    fn a_wake_from_another_thread_is_seen() {
        let context = monocoque::Context::new();
        let pull = context.pull().build().expect("no options");
        block_on(pull.bind("inproc://wake")).expect("free");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let push = context.push().connect("inproc://wake").expect("bound");
                block_on(push.send("late")).expect("taken");
            });
            assert_eq!(block_on(pull.recv()).expect("sent").first(), "late");
        });
    }
}
