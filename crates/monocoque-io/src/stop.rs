//! Telling a task to end.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use monocoque_core::wait::{Ticket, WaitList};

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    waiting: WaitList,
}

/// The side that stops. Dropping it stops too.
#[derive(Debug, Default)]
pub struct Stopper(Arc<Shared>);

/// The side that is stopped.
#[derive(Debug)]
pub struct Stop {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Stopper {
    /// A stopper that has not stopped anyone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Something to be stopped by this.
    pub fn listen(&self) -> Stop {
        Stop { shared: Arc::clone(&self.0), ticket: None }
    }

    /// Stops all that listen, now and later.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        self.0.waiting.wake_all();
    }
}

impl Drop for Stopper {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Stop {
    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::SeqCst)
    }

    /// Ready once stopped.
    pub fn poll_stopped(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_stopped() {
            return Poll::Ready(());
        }
        self.shared.waiting.register(&mut self.ticket, cx.waker());
        if self.is_stopped() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until stopped.
    pub async fn stopped(&mut self) {
        poll_fn(|cx| self.poll_stopped(cx)).await;
    }

    /// Runs `future` to its end, or `None` if stopped before.
    pub async fn or_stopped<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| {
            if self.poll_stopped(cx).is_ready() {
                return Poll::Ready(None);
            }
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

impl Clone for Stop {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), ticket: None }
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.shared.waiting.remove(&mut self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::task::Waker;

    use super::*;
    use crate::wakes::Wakes;

    #[test]
    fn everyone_who_listens_is_told_once_and_whoever_comes_later_at_once() {
        let (stopper, wakes) = (Stopper::new(), Arc::new(Wakes::default()));
        let waker = wakes.waker();
        let mut cx = Context::from_waker(&waker);
        let mut first = stopper.listen();
        let mut second = first.clone();
        assert!(first.poll_stopped(&mut cx).is_pending() && first.poll_stopped(&mut cx).is_pending());
        assert!(second.poll_stopped(&mut cx).is_pending());
        stopper.stop();
        stopper.stop();
        assert_eq!(wakes.count(), 2);
        assert!(first.poll_stopped(&mut cx).is_ready() && second.poll_stopped(&mut cx).is_ready());
        assert!(stopper.listen().poll_stopped(&mut cx).is_ready());
    }

    #[test]
    fn dropping_the_stopper_stops_and_dropping_a_listener_is_forgotten() {
        let (stopper, wakes) = (Stopper::new(), Arc::new(Wakes::default()));
        let waker = wakes.waker();
        let (mut stays, mut goes) = (stopper.listen(), stopper.listen());
        assert!(goes.poll_stopped(&mut Context::from_waker(&waker)).is_pending());
        drop(goes);
        assert!(!stays.is_stopped());
        drop(stopper);
        assert!(stays.is_stopped() && stays.poll_stopped(&mut Context::from_waker(&waker)).is_ready());
        assert_eq!(wakes.count(), 0);
    }

    #[test]
    fn a_stop_goes_before_a_result() {
        let stopper = Stopper::new();
        let (mut stop, mut cx) = (stopper.listen(), Context::from_waker(Waker::noop()));
        assert_eq!(pin!(stop.or_stopped(ready(7))).poll(&mut cx), Poll::Ready(Some(7)));
        assert!(pin!(stop.or_stopped(pending::<()>())).poll(&mut cx).is_pending());
        stopper.stop();
        assert_eq!(pin!(stop.or_stopped(ready(7))).poll(&mut cx), Poll::Ready(None));
        assert!(pin!(stop.stopped()).poll(&mut cx).is_ready());
    }
}
