//! The reading end as a socket holds it.

use std::sync::Arc;
use std::task::Waker;

use super::gather::Gather;
use super::mark::Mark;
use super::state::{Shared, wake};
use super::{BatchSource, Flow, Taken};
use crate::Message;
use crate::batch::{Batch, BatchReader, Found, Unit};
use crate::load::Load;
use crate::spare::Spares;

/// The reading end of a pipe that is read message by message, with the batch it is parsing: a socket's.
#[derive(Debug)]
pub struct PipeReader {
    source: BatchSource,
    /// While there is something to read.
    parsing: Option<Box<Parsing>>,
    /// Units taken into `parsing` and not consumed.
    left: usize,
    /// Units that were taken into `parsing` last.
    batch: usize,
    gather: Gather,
    /// Consumed and not credited yet.
    owed: Load,
    /// Units after which credit is given: half the mark.
    step: u32,
    /// Units that the step under way lacks. It is counted from step to step, whatever was credited between.
    step_lacks: u32,
    /// All that was read is credited with the last of it: the mark counts bytes, of which a step says nothing, or no messages, and
    /// then there are no steps.
    pays_at_end: bool,
}

/// What a reader needs to parse a batch, in cache lines of its own: a writer's may be its neighbour.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Parsing {
    reader: BatchReader,
    taken: Batch,
    /// Average encoded size of what is being parsed, so that byte credit needs no second count.
    unit_bytes: usize,
}

impl Parsing {
    /// Whether it is worth keeping for others.
    fn is_small(&self) -> bool {
        self.taken.is_small() && self.reader.is_small()
    }
}

thread_local! {
    static PARSINGS: Spares<Box<Parsing>> = const { Spares::new() };
}

impl PipeReader {
    pub(super) fn new(shared: Arc<Shared>, apart: bool) -> Self {
        Self {
            source: BatchSource::new(shared),
            parsing: None,
            left: 0,
            batch: 0,
            gather: Gather::new(apart),
            owed: Load::default(),
            step: u32::MAX,
            step_lacks: u32::MAX,
            pays_at_end: false,
        }
    }

    /// The end that takes whole batches, of what is not in hand.
    pub fn batches(&mut self) -> &mut BatchSource {
        &mut self.source
    }

    /// Reads the next message or command, parsed out of what was taken last, into `into`.
    ///
    /// `None` means that the pipe is empty (the waker will be called) or finished.
    #[inline]
    pub fn next_into(&mut self, into: &mut Message) -> Option<Found> {
        if self.left == 0 && self.refill() != Taken::Some {
            return None;
        }
        let parsing = self.parsing.as_mut()?;
        let found = parsing.reader.next_into(into);
        debug_assert!(found.is_some(), "the count of units is exact");
        self.left -= 1;
        self.owed.messages += 1;
        self.owed.bytes += parsing.unit_bytes;
        let is_end = self.left == 0;
        if is_end {
            // A reader that has read all keeps nothing of it in memory.
            parsing.reader.let_go();
        }
        self.step_lacks -= 1;
        let is_step = self.step_lacks == 0;
        if is_step {
            self.step_lacks = self.step;
        }
        if is_step || (is_end && self.pays_at_end) {
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
        let gathers = Gather::is_due(self.batch) && self.source.shared.lock().gathers();
        if gathers {
            self.gather.wait();
        }
        let mut state = self.source.shared.lock_ready();
        if state.queue.is_empty() {
            // It has read all and asks for more: it has nothing in hand.
            let waker = self.source.shared.credit(&mut state, std::mem::take(&mut self.owed));
            let nothing = state.nothing();
            drop(state);
            wake(waker);
            self.rest();
            return nothing;
        }
        let parsing = self.parsing.get_or_insert_with(|| Spares::lend(&PARSINGS));
        state.queue.take(&mut parsing.taken);
        self.step = state.mark.step();
        self.pays_at_end = state.mark.bytes > 0 || state.mark.messages == 0;
        drop(state);
        self.step_lacks = self.step_lacks.min(self.step);
        self.left = parsing.taken.messages;
        self.batch = self.left;
        if gathers {
            self.gather.learn(self.batch);
        }
        parsing.unit_bytes = parsing.taken.bytes / self.left.max(1);
        self.owed.bytes += parsing.taken.bytes - parsing.unit_bytes * self.left;
        parsing.reader.refill(&mut parsing.taken);
        Taken::Some
    }

    /// It has nothing to parse for a while.
    fn rest(&mut self) {
        if let Some(parsing) = self.parsing.take_if(|parsing| parsing.is_small()) {
            Spares::take_back(&PARSINGS, parsing);
        }
        self.parsing = None;
    }

    /// Credits the writer for what was consumed.
    fn pay(&mut self) {
        let paid = std::mem::take(&mut self.owed);
        let waker = self.source.shared.credit(&mut self.source.shared.lock(), paid);
        wake(waker);
    }

    /// Puts a message of the reader's own side before everything that is to be read, or behind what has come by now.
    pub fn say(&mut self, message: &Message, first: bool) {
        let mut state = self.source.shared.lock();
        state.put(|queue| match first {
            true => queue.push_first(message, &self.source.shared.arena),
            false => queue.push_message(message, &self.source.shared.arena),
        });
    }

    /// Whether the writer has finished and everything was taken.
    pub fn is_finished(&self) -> bool {
        self.left == 0 && self.source.shared.lock().is_drained()
    }

    /// Whether nothing is left to read. Unlike [`queued`](Self::queued) it asks nobody, so that it may be called under
    /// any lock; a message that is held back counts.
    pub fn is_spent(&self) -> bool {
        self.left == 0 && self.source.shared.lock().is_spent()
    }

    /// Replaces the mark. What is queued stays, and what was read is credited as it would have been.
    pub fn set_mark(&self, mark: Mark) {
        self.source.shared.set_mark(mark);
    }

    /// Keeps the last message only from now on.
    pub fn conflate(&self) {
        self.source.shared.conflate(self.source.shared.lock_whole());
    }

    /// What has gone through the pipe, and what is in it, but for what the writer holds back.
    pub fn flow(&self) -> Flow {
        let state = self.source.shared.lock();
        let (mut passed, mut held) = (state.passed, state.held);
        passed.add(self.owed);
        held.sub(self.owed);
        Flow::new(passed, held)
    }

    /// Messages that wait in the pipe or in the batch being parsed.
    pub fn queued(&self) -> usize {
        self.left + self.source.queued()
    }

    /// Who is to be called when something arrives in a pipe that was found empty, or it is finished.
    pub fn set_waker(&self, waker: &Waker) {
        self.source.set_waker(waker);
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        // What was read has left the pipe, for whoever counts it at the other end.
        self.pay();
    }
}
