//! Closing: what is queued is sent for as long as the linger time allows, then counted.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use monocoque_core::stats::DropCause;

use crate::core::{Core, Role, State};
use crate::inproc;
use crate::wait::until;

/// How long stopped connections may take to hand back what they did not send.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// What became of a socket's messages when it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CloseReport {
    /// Messages that were queued for network peers and not sent within the linger time.
    pub undelivered: usize,
}

/// Sockets of one context that are closing in the background.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Closing {
    fn count(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for background closing to end; each is bounded by its linger time. A local context cannot wait:
    /// its runtime is this very thread.
    pub(crate) fn wait_in_drop(&self, is_local: bool) {
        if is_local {
            return;
        }
        let waited = self.changed.wait_while(self.count(), |count| *count > 0);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// Counts one background closing until dropped, on whatever way it ends.
struct Counted(Arc<Core>);

impl Counted {
    fn new(core: Arc<Core>) -> Self {
        *core.context.closing.count() += 1;
        Self(core)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let closing = &self.0.context.closing;
        *closing.count() -= 1;
        closing.changed.notify_all();
    }
}

/// Closes without anyone waiting for it: the last handle was dropped.
pub(crate) fn close_in_background(core: Arc<Core>) {
    // A close that was begun and dropped goes on here.
    if core.state.lock().closed {
        return;
    }
    if core
        .state
        .lock()
        .endpoints
        .iter()
        .all(|entry| matches!(entry.role, Role::BoundInproc | Role::ConnectedInproc(_)))
    {
        core.begin_closing();
        core.hub.finish();
        return inproc::close(&core);
    }
    let counted = Counted::new(Arc::clone(&core));
    // If the runtime has ended there are no connections left to close.
    let _ = core.context.spawn(move || async move {
        close(&counted.0).await;
    });
}

/// Closes `core` and waits for it.
pub(crate) async fn close(core: &Arc<Core>) -> CloseReport {
    if core.begin_closing() {
        core.hub.finish();
        inproc::close(core);
    }
    let is_drained = || core.state.lock().is_drained().then_some(());
    until(&core.idle, &core.context, core.options.linger, is_drained).await;
    let endpoints = std::mem::take(&mut core.state.lock().endpoints);
    endpoints.iter().for_each(|entry| entry.stopper.stop());
    let has_stopped = || {
        let state = core.state.lock();
        (state.live + state.listening == 0).then_some(())
    };
    until(&core.idle, &core.context, Some(STOP_TIME_MAX), has_stopped).await;
    let kept: usize = endpoints.iter().map(|entry| entry.role.queued()).sum();
    core.hub.drops().count(DropCause::Linger, kept as u64);
    let mut state = core.state.lock();
    state.closed = true;
    CloseReport { undelivered: kept + std::mem::take(&mut state.lost) }
}

impl Role {
    /// Messages that wait for a connection of this endpoint.
    fn queued(&self) -> usize {
        match self {
            Role::Connected(target) => target.queued(),
            _ => 0,
        }
    }
}

impl State {
    /// Whether no connection is up and nothing waits for one.
    fn is_drained(&self) -> bool {
        self.live == 0 && self.endpoints.iter().all(|entry| entry.role.queued() == 0)
    }
}
