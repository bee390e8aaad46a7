//! Closing: what is queued is sent for as long as the linger time allows, then counted.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use monocoque_core::stats::{DropCause, Drops};
use monocoque_core::wait::{Ticket, WaitList};

use crate::core::{Core, Entry, Role, State};
use crate::inproc;
use crate::wait::until;

/// How long stopped connections may take to hand back what they did not send.
const STOP_TIME_MAX: Duration = Duration::from_secs(2);

/// What became of a socket's messages when it was closed: the same for all who close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CloseReport {
    /// Messages that were queued for network peers and not sent within the linger time.
    pub undelivered: usize,
}

/// Sockets of one context that are closing in the background.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    count: Mutex<Count>,
    /// None is closing any more.
    changed: Condvar,
    /// Woken with `changed`, for those who do not wait on a thread.
    waiting: WaitList,
}

#[derive(Debug, Default)]
struct Count {
    closing: usize,
    /// Threads that wait for none to be: to notify a condition is a system call, whether anyone waits for it or not.
    waiting: usize,
}

impl Closing {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks until background closing has ended; each is bounded by its linger time.
    pub(crate) fn wait(&self) {
        let mut count = self.count();
        count.waiting += 1;
        let waited = self.changed.wait_while(count, |count| count.closing > 0);
        waited.unwrap_or_else(PoisonError::into_inner).waiting -= 1;
    }

    /// Ready when none is closing; if not, the waker is called when one has ended.
    pub(crate) fn poll(&self, ticket: &mut Option<Ticket>, cx: &Context<'_>) -> Poll<()> {
        self.waiting.register(ticket, cx.waker());
        if self.count().closing > 0 {
            return Poll::Pending;
        }
        self.waiting.remove(ticket);
        Poll::Ready(())
    }
}

/// Counts one background closing until dropped, on whatever way it ends.
struct Counted(Arc<Core>);

impl Counted {
    fn new(core: Arc<Core>) -> Self {
        core.context.closing.count().closing += 1;
        Self(core)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let closing = &self.0.context.closing;
        let mut count = closing.count();
        count.closing -= 1;
        if count.closing > 0 {
            return;
        }
        let is_awaited = count.waiting > 0;
        drop(count);
        if is_awaited {
            closing.changed.notify_all();
        }
        closing.waiting.wake_all();
    }
}

/// How far a socket has come on its way out. Kept with the socket, so that whoever closes it next goes on where a
/// dropped [`close`] left off.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Phase {
    #[default]
    Open,
    /// What is queued is sent, since then.
    Lingering(Instant),
    /// The endpoints were told to end.
    Stopping,
    /// There is nothing left to end.
    Closed,
}

/// Closes without anyone waiting for it: the last handle was dropped.
pub(crate) fn close_in_background(core: Arc<Core>) {
    if core.context.is_forked() {
        // It is the parent's, and so are the threads that would end it.
        std::mem::forget(core);
        return;
    }
    if core.state.lock().is_closed() {
        return;
    }
    if !core.state.lock().needs_runtime() {
        begin(&core);
        return;
    }
    let counted = Counted::new(Arc::clone(&core));
    // If the runtime has ended there are no connections left to close.
    let _ = core.context.spawn(move || async move {
        close(&counted.0).await;
    });
}

/// Closes `core` and waits for it. Any number may, at once or one after the other: they wait for the same end.
pub(crate) async fn close(core: &Arc<Core>) -> CloseReport {
    let lingered = begin(core);
    let left = core.options().linger.map(|time| time.saturating_sub(lingered));
    until(&core.idle, &core.context, left, || core.state.lock().is_drained().then_some(())).await;
    core.state.lock().stop();
    let has_stopped = || core.state.lock().has_stopped().then_some(());
    until(&core.idle, &core.context, Some(STOP_TIME_MAX), has_stopped).await;
    finish(core)
}

/// The socket takes nothing more. Returns how long it has been on its way out.
fn begin(core: &Core) -> Duration {
    core.begin_closing();
    core.hub.finish();
    inproc::close(core);
    core.state.lock().linger()
}

/// Whoever comes here first counts what was not sent, for all.
fn finish(core: &Core) -> CloseReport {
    let mut state = core.state.lock();
    let ended = state.finish(core.hub.drops());
    let report = CloseReport { undelivered: state.lost };
    drop(state);
    // A connection that did not stop in time has nobody left to keep its messages for: it counts them itself.
    ended.iter().for_each(|entry| entry.role.retire());
    core.idle.wake_all();
    report
}

impl Role {
    /// Messages that wait for a connection of this endpoint.
    pub(crate) fn queued(&self) -> usize {
        match self {
            Role::Connected(target) => target.queued(),
            _ => 0,
        }
    }

    /// No connection of this endpoint will come any more.
    pub(crate) fn retire(&self) {
        if let Role::Connected(target) = self {
            target.retire();
        }
    }
}

impl State {
    fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Whether anything is to be sent or ended beyond this process's own memory.
    fn needs_runtime(&self) -> bool {
        !self.leaving.is_empty()
            || self.endpoints.iter().any(|entry| !matches!(entry.role, Role::BoundInproc | Role::ConnectedInproc(_)))
    }

    /// Its endpoints, and those that leave it.
    fn ends(&self) -> impl Iterator<Item = &Entry> {
        self.endpoints.iter().chain(self.leaving.iter().map(|leaving| &leaving.entry))
    }

    fn linger(&mut self) -> Duration {
        match self.phase {
            Phase::Open => {
                self.phase = Phase::Lingering(Instant::now());
                Duration::ZERO
            }
            Phase::Lingering(since) => since.elapsed(),
            Phase::Stopping | Phase::Closed => Duration::MAX,
        }
    }

    /// Whether no connection is up and nothing waits for one, or nobody waits for that any more.
    fn is_drained(&self) -> bool {
        matches!(self.phase, Phase::Stopping | Phase::Closed)
            || (self.live == 0 && self.ends().all(|entry| entry.role.queued() == 0))
    }

    /// Tells all endpoints to end. They stay, with what they keep, for whoever finishes.
    fn stop(&mut self) {
        if let Phase::Lingering(_) = self.phase {
            self.phase = Phase::Stopping;
            self.ends().for_each(|entry| {
                entry.stopper.stop();
                if let Role::Bound(accepted) = &entry.role {
                    accepted.stop();
                }
            });
        }
    }

    fn has_stopped(&self) -> bool {
        self.is_closed() || self.live + self.listening == 0
    }

    /// Counts what endpoints keep, and returns them.
    fn finish(&mut self, drops: &Drops) -> Vec<Entry> {
        self.phase = Phase::Closed;
        let kept: usize = self.ends().map(|entry| entry.role.queued()).sum();
        drops.count(DropCause::Linger, kept as u64);
        self.lost += kept;
        let leaving = std::mem::take(&mut self.leaving).into_iter().map(|leaving| leaving.entry);
        std::mem::take(&mut self.endpoints).into_iter().chain(leaving).collect()
    }
}
