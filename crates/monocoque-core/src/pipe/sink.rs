//! The writing end as a link's read pump holds it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::state::{Shared, keep, wake};
use crate::batch::Batch;

/// The writing end of a pipe that is given whole batches, which were encoded elsewhere: a link's.
#[derive(Debug)]
pub struct BatchSink {
    pub(super) shared: Arc<Shared>,
}

impl BatchSink {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Appends whole encoded messages; the mark may be passed by them. Leaves `batch` empty.
    ///
    /// Returns how many messages were lost because the reader is gone.
    pub fn append(&mut self, batch: &mut Batch) -> usize {
        if batch.is_empty() {
            return 0;
        }
        let (shared, lost) = (&*self.shared, batch.messages);
        let mut state = shared.lock();
        if state.is_abandoned() {
            drop(state);
            batch.clear();
            return lost;
        }
        state.put(|queue| queue.append(batch, &shared.arena));
        if state.conflate {
            state.keep_last(&shared.arena);
        }
        let waker = state.reader_to_wake();
        drop(state);
        wake(waker);
        0
    }

    /// Whether the pipe would take a message now: one of the size that it refused last, if it did.
    ///
    /// If not, the writer's waker will be called.
    pub fn has_room(&mut self) -> bool {
        self.shared.has_room(&mut self.shared.lock())
    }

    /// Ready when the pipe would take a message, or its reader is gone.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.set_waker(cx.waker());
        if self.has_room() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// For who is silent, and does not wait for room: gives up what an empty queue needs not, and who was called for room.
    pub fn rest(&self) {
        let mut state = self.shared.lock();
        state.queue.rest();
        let waker = state.writer.take();
        drop(state);
        drop(waker);
    }

    /// Messages that newer ones replaced since the last call (conflating pipes only).
    pub fn take_conflated(&self) -> usize {
        std::mem::take(&mut self.shared.lock().conflated)
    }

    /// Who is to be called when a full pipe is half free again.
    pub fn set_waker(&self, waker: &Waker) {
        keep(&mut self.shared.lock().writer, waker);
    }
}

impl Drop for BatchSink {
    fn drop(&mut self) {
        self.shared.finish();
    }
}
