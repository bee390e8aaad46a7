//! The reading end.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::gather::Gather;
use super::mark::Mark;
use super::state::{Shared, keep, wake};
use super::{Flow, Taken, WriteThrough};
use crate::Message;
use crate::batch::{Batch, BatchReader, Found, Unit, without_first};
use crate::limits::CUTS_MAX;
use crate::load::Load;

/// The reading end of a pipe, with the batch it is parsing.
#[derive(Debug)]
pub struct PipeReader {
    shared: Arc<Shared>,
    parsing: BatchReader,
    taken: Batch,
    /// Units taken into `parsing` and not consumed.
    left: usize,
    /// Units that were taken into `parsing` last.
    batch: usize,
    gather: Gather,
    /// Consumed and not credited yet.
    owed: Load,
    /// Average encoded size of what is being parsed, so that byte credit needs no second count.
    unit_bytes: usize,
    /// Units after which credit is given: half the mark.
    step: usize,
    /// Connections in a row that broke within the message now in front.
    cuts: u32,
    /// What is in front was put back and not taken since.
    returned: bool,
    /// Bytes of what was taken last that the writer had written already.
    sent: usize,
}

impl PipeReader {
    pub(super) fn new(shared: Arc<Shared>, apart: bool) -> Self {
        Self {
            shared,
            parsing: BatchReader::default(),
            taken: Batch::default(),
            left: 0,
            batch: 0,
            gather: Gather::new(apart),
            owed: Load::default(),
            unit_bytes: 0,
            step: usize::MAX,
            cuts: 0,
            returned: false,
            sent: 0,
        }
    }

    /// Takes everything queued into `batch`, which must be empty, and credits the writer for it.
    pub fn take(&mut self, batch: &mut Batch) -> Taken {
        let mut state = self.shared.lock_ready();
        if state.queue.is_empty() {
            return state.nothing();
        }
        if !std::mem::take(&mut self.returned) {
            // What was taken before went out, or this would not be called.
            self.cuts = 0;
        }
        state.queue.take(batch);
        state.turn_is_out = true;
        self.sent = std::mem::take(&mut state.sent);
        let waker = self.shared.credit(&mut state, Load { messages: batch.messages, bytes: batch.bytes });
        drop(state);
        wake(waker);
        Taken::Some
    }

    /// [`take`](Self::take) for a task; pending while the pipe is empty.
    pub fn poll_take(&mut self, cx: &mut Context<'_>, batch: &mut Batch) -> Poll<Taken> {
        match self.take(batch) {
            Taken::Empty => {}
            taken => return Poll::Ready(taken),
        }
        self.set_waker(cx.waker());
        match self.take(batch) {
            Taken::Empty => Poll::Pending,
            taken => Poll::Ready(taken),
        }
    }

    /// Whether there is something to take, of which more is likely to come in the same breath: the writer's application
    /// is answering one of several messages.
    pub fn is_growing(&self) -> bool {
        let state = self.shared.lock();
        state.answers_several() && (!state.queue.is_empty() || state.holds_back())
    }

    /// Bytes in front of the batch that was taken last that the writer has written to the link already.
    pub fn take_sent(&mut self) -> usize {
        std::mem::take(&mut self.sent)
    }

    /// Lets the writer write to `link` itself, from the next time on that [`take`](Self::take) finds nothing.
    pub fn lend_turn(&mut self, link: Arc<dyn WriteThrough>) {
        let mut state = self.shared.lock();
        state.turn = Some(link);
        state.sent = 0;
        state.turn_is_out = true;
        state.reader_waits = false;
    }

    /// Takes the turn back, until [`take`](Self::take) finds nothing again. Whether the writer has written a message
    /// in part: then the rest, which `take` gives, has to be written before anything else.
    pub fn claim_turn(&mut self) -> bool {
        let mut state = self.shared.lock();
        state.reader_waits = false;
        state.turn_is_out = true;
        state.sent > 0
    }

    /// The link is lost: takes the turn back for good. What [`claim_turn`](Self::claim_turn) says.
    pub fn end_turn(&mut self) -> bool {
        self.shared.lock().turn = None;
        self.claim_turn()
    }

    /// Reads the next message or command, parsed out of what was taken last, into `into`.
    ///
    /// `None` means that the pipe is empty (the waker will be called) or finished.
    #[inline]
    pub fn next_into(&mut self, into: &mut Message) -> Option<Found> {
        if self.left == 0 && self.refill() != Taken::Some {
            return None;
        }
        let found = self.parsing.next_into(into);
        debug_assert!(found.is_some(), "the count of units is exact");
        self.left -= 1;
        self.owed.messages += 1;
        self.owed.bytes += self.unit_bytes;
        let is_end = self.left == 0;
        if is_end {
            // A reader that has read all keeps nothing of it in memory.
            self.parsing.let_go();
        }
        if is_end || self.owed.messages >= self.step {
            self.pay();
        }
        found
    }

    /// [`next_into`](Self::next_into) as a value.
    pub fn next_unit(&mut self) -> Option<Unit> {
        let mut message = Message::new();
        self.next_into(&mut message).map(|found| found.unit(message))
    }

    /// Messages that were taken and not read yet.
    #[inline]
    pub fn in_hand(&self) -> usize {
        self.left
    }

    fn refill(&mut self) -> Taken {
        let gathers = Gather::is_due(self.batch) && self.shared.lock().gathers();
        if gathers {
            self.gather.wait();
        }
        let mut state = self.shared.lock_ready();
        if state.queue.is_empty() {
            return state.nothing();
        }
        state.queue.take(&mut self.taken);
        self.step = state.mark.step();
        drop(state);
        self.left = self.taken.messages;
        self.batch = self.left;
        if gathers {
            self.gather.learn(self.batch);
        }
        self.unit_bytes = self.taken.bytes / self.left.max(1);
        self.owed.bytes += self.taken.bytes - self.unit_bytes * self.left;
        self.parsing.refill(&mut self.taken);
        Taken::Some
    }

    /// Credits the writer for what was consumed.
    fn pay(&mut self) {
        let paid = std::mem::take(&mut self.owed);
        let waker = self.shared.credit(&mut self.shared.lock(), paid);
        wake(waker);
    }

    /// Puts messages that were taken and not sent before everything else that is queued.
    pub fn put_back(&mut self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        self.returned = true;
        self.shared.put_back(batch);
    }

    /// [`put_back`](Self::put_back), when the link broke within the first message of `batch`; `passed` says that
    /// messages before it went out whole.
    ///
    /// A message in which [`CUTS_MAX`] connections in a row broke is given up. Returns how many were: one or none.
    pub fn put_back_cut(&mut self, batch: Batch, passed: bool) -> usize {
        self.cuts = if passed { 1 } else { self.cuts + 1 };
        if self.cuts < CUTS_MAX {
            self.put_back(batch);
            return 0;
        }
        self.cuts = 0;
        self.put_back(without_first(&batch));
        1
    }

    /// Puts a message of the reader's own side before everything that is to be read, or behind what has come by now.
    pub fn say(&mut self, message: &Message, first: bool) {
        let mut state = self.shared.lock();
        state.put(|queue| match first {
            true => queue.push_first(message, &self.shared.arena),
            false => queue.push_message(message, &self.shared.arena),
        });
    }

    /// Whether the writer has finished and everything was taken.
    pub fn is_finished(&self) -> bool {
        self.left == 0 && self.shared.lock().is_drained()
    }

    /// Whether nothing is left to read. Unlike [`queued`](Self::queued) it asks nobody, so that it may be called under
    /// any lock; a message that is held back counts.
    pub fn is_spent(&self) -> bool {
        self.left == 0 && self.shared.lock().is_spent()
    }

    /// Replaces the mark. What is queued stays.
    pub fn set_mark(&self, mark: Mark) {
        self.shared.set_mark(mark);
    }

    /// Keeps the last message only from now on.
    pub fn conflate(&self) {
        self.shared.conflate(self.shared.lock_whole());
    }

    /// What has gone through the pipe, and what is in it, but for what the writer holds back.
    pub fn flow(&self) -> Flow {
        let state = self.shared.lock();
        Flow::new(state.passed, state.held)
    }

    /// Messages that wait in the pipe or in the batch being parsed.
    pub fn queued(&self) -> usize {
        self.left + self.shared.lock_whole().queue.messages()
    }

    /// Who is to be called when something arrives in a pipe that was found empty, or it is finished.
    pub fn set_waker(&self, waker: &Waker) {
        keep(&mut self.shared.lock().reader, waker);
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}
