//! Waiting, always with an end: for a future on any thread, for an event, for something that can only be asked.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use monocoque::{DisconnectReason, Event, Monitor, SessionError};

/// How long a test waits for what must come. Far more than anything takes, since machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(20);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The output of `future` if it comes within `limit`; else the future is dropped.
pub fn attempt<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let deadline = Instant::now() + limit;
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        thread::park_timeout(left);
    }
}

/// The output of `future`.
///
/// # Panics
/// If it does not come within [`PATIENCE`].
#[track_caller]
pub fn within<F: Future>(future: F) -> F::Output {
    match attempt(PATIENCE, future) {
        Some(output) => output,
        None => panic!("nothing came within {PATIENCE:?}"),
    }
}

/// What `probe` gives once it gives something. For what can only be asked for, not waited for: a probe that
/// waits a moment by itself costs nothing.
///
/// # Panics
/// If that is not within [`PATIENCE`].
#[track_caller]
pub fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        thread::yield_now();
    }
}

/// What `pick` makes of the first event that it wants; the others are passed over.
///
/// # Panics
/// If there is none within [`PATIENCE`], with the events that there were.
#[track_caller]
pub fn event<T>(monitor: &Monitor, what: &str, pick: impl Fn(&Event) -> Option<T>) -> T {
    let mut passed = Vec::new();
    let picked = attempt(PATIENCE, async {
        while let Some(event) = monitor.recv().await {
            if let Some(picked) = pick(&event) {
                return Some(picked);
            }
            passed.push(event);
        }
        None
    });
    picked.flatten().unwrap_or_else(|| panic!("no event: {what}; but {passed:#?}"))
}

/// Why the next handshake at `monitor` fails.
#[track_caller]
pub fn handshake_failure(monitor: &Monitor) -> DisconnectReason {
    event(monitor, "the handshake fails", |event| match event {
        Event::HandshakeFailed { reason, .. } => Some(reason.clone()),
        _ => None,
    })
}

/// The rule for which the next handshake at `monitor` fails.
#[track_caller]
pub fn broken_rule(monitor: &Monitor) -> SessionError {
    event(monitor, "the handshake fails", |event| match event {
        Event::HandshakeFailed { reason: DisconnectReason::Protocol(error), .. } => Some(error.clone()),
        _ => None,
    })
}
