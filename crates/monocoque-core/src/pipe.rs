//! The pipe: the only queue between a socket and a connection, and the holder of the high-water mark.
//!
//! One [`PipeWriter`] appends encoded messages under a lock that is hardly ever contended; one
//! [`PipeReader`] takes *everything* in one swap. So locks, atomics and wakes are paid per batch.
//!
//! # Rules
//! - The mark counts whole messages, and optionally bytes, from the push until the reader gives credit.
//!   [`PipeReader::take`] gives it at once (a pump: the batch is on its way); [`PipeReader::next_unit`]
//!   gives it as units are consumed, in steps of half the mark.
//! - The reader is woken only after it found the pipe empty, once.
//! - A writer that was refused is woken when the pipe is down to half the mark.
//! - A message of several frames becomes visible whole or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use crate::sync::Mutex;

use crate::Message;
use crate::batch::{Batch, BatchReader, BatchWriter, Found, Unit, without_first};
use crate::limits::CUTS_MAX;
use crate::slab::Arena;

/// A pipe's high-water mark. Zero means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Whole messages.
    pub messages: u32,
    /// Encoded bytes; a message larger than this still passes an empty pipe.
    pub bytes: usize,
}

impl Mark {
    /// A mark of `messages` messages and any number of bytes.
    pub const fn messages(messages: u32) -> Self {
        Self { messages, bytes: 0 }
    }

    /// The mark of a pipe with no link between: the sum, without limit if either side has none.
    pub const fn joined(self, other: Mark) -> Mark {
        let messages =
            if self.messages == 0 || other.messages == 0 { 0 } else { self.messages.saturating_add(other.messages) };
        let bytes = if self.bytes == 0 || other.bytes == 0 { 0 } else { self.bytes.saturating_add(other.bytes) };
        Mark { messages, bytes }
    }

    fn admits(self, held: Held, bytes: usize) -> bool {
        (self.messages == 0 || held.messages < self.messages as usize)
            && (self.bytes == 0 || held.bytes == 0 || held.bytes + bytes <= self.bytes)
    }

    /// Consumed messages that are credited together: half the mark, rounded up, as in libzmq.
    fn step(self) -> usize {
        if self.messages == 0 { usize::MAX } else { (self.messages as usize).div_ceil(2) }
    }

    fn is_half_free(self, held: Held) -> bool {
        (self.messages == 0 || held.messages <= self.messages as usize / 2)
            && (self.bytes == 0 || held.bytes <= self.bytes / 2)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Held {
    messages: usize,
    bytes: usize,
}

/// Why a pipe did not take a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The pipe is at its mark; the writer's waker will be called at half of it.
    Full,
    /// The reader is gone for good.
    Closed,
}

/// What a reader found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Something was taken.
    Some,
    /// Nothing is there; the reader's waker will be called when there is.
    Empty,
    /// Nothing is there and nothing will come.
    Finished,
}

#[derive(Debug)]
struct State {
    queue: BatchWriter,
    queued_bytes: usize,
    held: Held,
    mark: Mark,
    /// Only the last message is kept.
    conflate: bool,
    conflated: usize,
    reader: Option<Waker>,
    reader_waits: bool,
    reader_gone: bool,
    writer: Option<Waker>,
    writer_waits: bool,
    /// Bytes of the message that was refused last and not followed by one that was taken.
    refused_bytes: usize,
    finished: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    arena: Arena,
    /// Mirrors `finished || reader_gone` for a look without the lock.
    ended: AtomicBool,
}

/// The writing end of a pipe.
#[derive(Debug)]
pub struct PipeWriter {
    shared: Arc<Shared>,
}

/// The reading end of a pipe, with the batch it is parsing.
#[derive(Debug)]
pub struct PipeReader {
    shared: Arc<Shared>,
    parsing: BatchReader,
    taken: Batch,
    /// Units taken into `parsing` and not consumed.
    left: usize,
    /// Consumed and not credited yet.
    owed: Held,
    /// Average encoded size of what is being parsed, so that byte credit needs no second count.
    unit_bytes: usize,
    /// Units after which credit is given: half the mark.
    step: usize,
    /// Connections in a row that broke within the message now in front.
    cuts: u32,
    /// What is in front was put back and not taken since.
    returned: bool,
}

/// A pipe of `mark` whose slabs come from `arena`. With `conflate` it holds the last message only.
pub fn pipe(mark: Mark, conflate: bool, arena: &Arena) -> (PipeWriter, PipeReader) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            queue: BatchWriter::default(),
            queued_bytes: 0,
            held: Held::default(),
            mark,
            conflate,
            conflated: 0,
            reader: None,
            reader_waits: true,
            reader_gone: false,
            writer: None,
            writer_waits: false,
            refused_bytes: 0,
            finished: false,
        }),
        arena: arena.clone(),
        ended: AtomicBool::new(false),
    });
    let reader = PipeReader {
        shared: Arc::clone(&shared),
        parsing: BatchReader::default(),
        taken: Batch::default(),
        left: 0,
        owed: Held::default(),
        unit_bytes: 0,
        step: usize::MAX,
        cuts: 0,
        returned: false,
    };
    (PipeWriter { shared }, reader)
}

impl State {
    fn admit(&mut self, messages: usize, bytes: usize) -> Option<Waker> {
        self.held.messages += messages;
        self.held.bytes += bytes;
        self.queued_bytes += bytes;
        if !std::mem::take(&mut self.reader_waits) {
            return None;
        }
        self.reader.clone()
    }

    fn credit(&mut self, paid: Held) -> Option<Waker> {
        self.held.messages = self.held.messages.saturating_sub(paid.messages);
        self.held.bytes = self.held.bytes.saturating_sub(paid.bytes);
        if !self.writer_waits || !self.mark.is_half_free(self.held) {
            return None;
        }
        self.writer_waits = false;
        self.writer.clone()
    }

    /// Empties the queue, without credit.
    fn empty(&mut self) -> Batch {
        let mut emptied = Batch::default();
        self.queue.take(&mut emptied);
        self.held.messages -= emptied.messages.min(self.held.messages);
        self.held.bytes -= std::mem::take(&mut self.queued_bytes).min(self.held.bytes);
        emptied
    }

    /// Drops all queued messages but the last. Commands are not messages here: they stay.
    fn keep_last(&mut self, arena: &Arena) {
        if self.queue.messages() < 2 {
            return;
        }
        let mut parser = BatchReader::default();
        parser.refill(&mut self.empty());
        let mut units: Vec<_> = std::iter::from_fn(|| parser.next_unit()).collect();
        let is_message = |unit: &Unit| matches!(unit, Unit::Message(_));
        let mut newer = units.iter().filter(|unit| is_message(unit)).count();
        self.conflated += newer.saturating_sub(1);
        units.retain(|unit| {
            newer -= usize::from(is_message(unit));
            !is_message(unit) || newer == 0
        });
        for unit in &units {
            self.queue.push_unit(unit, arena);
            self.queued_bytes += unit.byte_len();
        }
        self.held.messages += units.len();
        self.held.bytes += self.queued_bytes;
    }
}

impl Shared {
    fn conflate(&self) {
        let mut state = self.state.lock();
        state.conflate = true;
        state.keep_last(&self.arena);
        let waker = state.credit(Held::default());
        drop(state);
        wake(waker);
    }

    fn set_mark(&self, mark: Mark) {
        let mut state = self.state.lock();
        state.mark = mark;
        let waker = state.credit(Held::default());
        drop(state);
        wake(waker);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl PipeWriter {
    /// Encodes `message` into the pipe.
    ///
    /// # Errors
    /// [`Refusal`]; the pipe is unchanged.
    #[inline]
    pub fn push(&self, message: &Message) -> Result<(), Refusal> {
        let bytes = message.byte_len();
        let mut state = self.shared.state.lock();
        if state.reader_gone || state.finished {
            return Err(Refusal::Closed);
        }
        if !state.conflate && !state.mark.admits(state.held, bytes) {
            state.writer_waits = true;
            state.refused_bytes = bytes;
            return Err(Refusal::Full);
        }
        state.refused_bytes = 0;
        state.queue.push_message(message, &self.shared.arena);
        let waker = state.admit(1, bytes);
        if state.conflate {
            state.keep_last(&self.shared.arena);
        }
        drop(state);
        wake(waker);
        Ok(())
    }

    /// Encodes a command, which no mark holds back and which counts as one message.
    pub fn push_command(&self, name: &str, body: &[u8]) {
        let mut state = self.shared.state.lock();
        if state.reader_gone {
            return;
        }
        state.queue.push_command(name, body, &self.shared.arena);
        let waker = state.admit(1, body.len());
        drop(state);
        wake(waker);
    }

    /// Encodes `message` whether or not the pipe is full; a conflating pipe keeps what it has beside it.
    pub fn push_unmarked(&self, message: &Message) {
        let mut state = self.shared.state.lock();
        if state.reader_gone {
            return;
        }
        state.queue.push_message(message, &self.shared.arena);
        let waker = state.admit(1, message.byte_len());
        drop(state);
        wake(waker);
    }

    /// Appends whole encoded messages; the mark may be passed by them. Leaves `batch` empty.
    ///
    /// Returns how many messages were lost because the reader is gone.
    pub fn append(&self, batch: &mut Batch) -> usize {
        let (messages, bytes) = (batch.messages, batch.bytes);
        if batch.is_empty() {
            return 0;
        }
        let mut state = self.shared.state.lock();
        if state.reader_gone {
            batch.clear();
            return messages;
        }
        state.queue.append(batch);
        let waker = state.admit(messages, bytes);
        if state.conflate {
            state.keep_last(&self.shared.arena);
        }
        drop(state);
        wake(waker);
        0
    }

    /// Whether the pipe would take a message now: one of the size that it refused last, if it did.
    ///
    /// If not, the writer's waker will be called.
    pub fn has_room(&self) -> bool {
        let mut state = self.shared.state.lock();
        let room = state.reader_gone || state.conflate || state.mark.admits(state.held, state.refused_bytes);
        state.writer_waits |= !room;
        room
    }

    /// Ready when the pipe would take a message, or its reader is gone.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.set_waker(cx.waker());
        if self.has_room() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Who is to be called when a full pipe is half free again.
    pub fn set_waker(&self, waker: &Waker) {
        let mut state = self.shared.state.lock();
        if !state.writer.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.writer = Some(waker.clone());
        }
    }

    /// Replaces the mark. What is queued stays.
    pub fn set_mark(&self, mark: Mark) {
        self.shared.set_mark(mark);
    }

    /// Keeps the last message only from now on.
    pub fn conflate(&self) {
        self.shared.conflate();
    }

    /// Messages that the reader has not taken, and those it took and was not credited for.
    pub fn held(&self) -> usize {
        self.shared.state.lock().held.messages
    }

    /// Messages waiting in the pipe.
    pub fn queued(&self) -> usize {
        self.shared.state.lock().queue.messages()
    }

    /// Messages that newer ones replaced since the last call (conflating pipes only).
    pub fn take_conflated(&self) -> usize {
        std::mem::take(&mut self.shared.state.lock().conflated)
    }

    /// Throws away what is queued; returns how many messages that were.
    pub fn discard(&self) -> usize {
        let mut state = self.shared.state.lock();
        let discarded = state.empty();
        // The reader will not find what was discarded, so the credit for it is due here.
        let waker = state.credit(Held::default());
        drop(state);
        wake(waker);
        discarded.messages
    }

    /// No more will come: the reader finds [`Taken::Finished`] after what is queued.
    pub fn finish(&self) {
        let mut state = self.shared.state.lock();
        state.finished = true;
        self.shared.ended.store(true, Ordering::Release);
        let waker = state.reader.clone();
        drop(state);
        wake(waker);
    }

    /// Whether the reader is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire) && self.shared.state.lock().reader_gone
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.finish();
    }
}

impl PipeReader {
    /// Takes everything queued into `batch`, which must be empty, and credits the writer for it.
    pub fn take(&mut self, batch: &mut Batch) -> Taken {
        let mut state = self.shared.state.lock();
        if state.queue.is_empty() {
            return Self::nothing(&mut state);
        }
        if !std::mem::take(&mut self.returned) {
            // What was taken before went out, or this would not be called.
            self.cuts = 0;
        }
        state.queue.take(batch);
        let paid = Held { messages: batch.messages, bytes: std::mem::take(&mut state.queued_bytes) };
        let waker = state.credit(paid);
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

    fn nothing(state: &mut State) -> Taken {
        if state.finished {
            return Taken::Finished;
        }
        state.reader_waits = true;
        Taken::Empty
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
        if self.left == 0 || self.owed.messages >= self.step {
            self.pay();
        }
        found
    }

    /// [`next_into`](Self::next_into) as a value.
    pub fn next_unit(&mut self) -> Option<Unit> {
        let mut message = Message::new();
        self.next_into(&mut message).map(|found| found.unit(message))
    }

    fn refill(&mut self) -> Taken {
        let mut state = self.shared.state.lock();
        if state.queue.is_empty() {
            return Self::nothing(&mut state);
        }
        state.queue.take(&mut self.taken);
        let bytes = std::mem::take(&mut state.queued_bytes);
        self.step = state.mark.step();
        drop(state);
        self.left = self.taken.messages;
        self.unit_bytes = bytes / self.left.max(1);
        self.owed.bytes += bytes - self.unit_bytes * self.left;
        self.parsing.refill(&mut self.taken);
        Taken::Some
    }

    /// Credits the writer for what was consumed.
    fn pay(&mut self) {
        let paid = std::mem::take(&mut self.owed);
        let waker = self.shared.state.lock().credit(paid);
        wake(waker);
    }

    /// Puts messages that were taken and not sent before everything else that is queued.
    pub fn put_back(&mut self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let mut state = self.shared.state.lock();
        state.held.messages += batch.messages;
        state.held.bytes += batch.bytes;
        state.queued_bytes += batch.bytes;
        state.queue.prepend(batch);
        self.returned = true;
        if state.conflate {
            state.keep_last(&self.shared.arena);
        }
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

    /// Whether the writer has finished and everything was taken.
    pub fn is_finished(&self) -> bool {
        self.left == 0 && {
            let state = self.shared.state.lock();
            state.finished && state.queue.is_empty()
        }
    }

    /// Replaces the mark. What is queued stays.
    pub fn set_mark(&self, mark: Mark) {
        self.shared.set_mark(mark);
    }

    /// Keeps the last message only from now on.
    pub fn conflate(&self) {
        self.shared.conflate();
    }

    /// Messages that wait in the pipe or in the batch being parsed.
    pub fn queued(&self) -> usize {
        self.left + self.shared.state.lock().queue.messages()
    }

    /// Who is to be called when something arrives in a pipe that was found empty, or it is finished.
    pub fn set_waker(&self, waker: &Waker) {
        let mut state = self.shared.state.lock();
        if !state.reader.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.reader = Some(waker.clone());
        }
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.reader_gone = true;
        self.shared.ended.store(true, Ordering::Release);
        let waker = state.writer.clone();
        drop(state);
        wake(waker);
    }
}
