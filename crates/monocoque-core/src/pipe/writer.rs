//! The writing end as a socket holds it.

use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use super::mark::Mark;
use super::state::{Shared, State, wake};
use super::{BatchSink, Flow, HandOver, InHand, Pace, Refusal};
use crate::batch::BatchWriter;
use crate::limits::AHEAD_BYTES;
use crate::load::Load;
use crate::message::encoded_len;
use crate::slab::Arena;
use crate::{Message, Outgoing};

/// The writing end of a pipe that encodes messages: a socket's.
#[derive(Debug)]
pub struct PipeWriter {
    sink: BatchSink,
    front: Front,
}

/// What the writer has encoded and not handed over.
#[derive(Debug)]
struct Front {
    encoded: BatchWriter,
    /// What may be added without asking: nothing as long as a refusal stands.
    room: Load,
    /// Bytes after which it asks in any case.
    bytes_max: usize,
}

impl Front {
    /// Moves everything into the queue, within what the mark was asked for before.
    fn hand_over(&mut self, state: &mut State, arena: &Arena) {
        if !self.encoded.is_empty() {
            state.put(|queue| queue.join(&mut self.encoded, arena));
        }
    }

    /// Whether a message of `bytes` may be added without asking anyone.
    #[inline]
    fn admits(&self, shared: &Shared, bytes: usize) -> bool {
        self.room.messages > 0 && self.room.bytes >= bytes && !shared.is_eager()
    }

    /// Lets go of a queue that has something new: the reader is woken if it waits.
    #[inline]
    fn release(&mut self, shared: &Shared, mut state: MutexGuard<'_, State>) {
        let waker = state.reader_to_wake();
        // Whoever was just woken is not busy yet: in lockstep it would ask in vain, after every message.
        if waker.is_none() && state.lets_hold_back() && !shared.has_refused() {
            self.room = state.room();
            self.room.bytes = self.room.bytes.min(self.bytes_max);
            shared.hold_back(&mut state);
        } else {
            self.encoded.rest();
        }
        drop(state);
        wake(waker);
    }
}

impl PipeWriter {
    pub(super) fn new(shared: Arc<Shared>, apart: bool) -> Self {
        Self {
            sink: BatchSink::new(shared),
            front: Front { encoded: BatchWriter::new(apart), room: Load::default(), bytes_max: usize::MAX },
        }
    }

    /// Encodes `message` into the pipe. One that is given, not lent, is of no value after.
    ///
    /// # Errors
    /// [`Refusal`]; the pipe holds what it held.
    #[inline]
    pub fn push(&mut self, message: impl Outgoing) -> Result<(), Refusal> {
        self.put(message, false).map(|_| ())
    }

    /// [`push`](Self::push) for those who drop what is refused: what the pipe [refuses](Self::refuses) is refused without its
    /// lock, which the reader needs. Tells how the writer fares, which it looks at every [`AHEAD_BYTES`].
    ///
    /// # Errors
    /// As [`push`](Self::push).
    #[inline]
    pub fn offer(&mut self, message: impl Outgoing) -> Result<Pace, Refusal> {
        self.put(message, true)
    }

    #[inline]
    fn put(&mut self, message: impl Outgoing, drops: bool) -> Result<Pace, Refusal> {
        let (bytes, front) = (encoded_len(message.frames()), &mut self.front);
        if !front.admits(&self.sink.shared, bytes) {
            if drops && self.sink.shared.refuses(bytes) {
                return Err(Refusal::Full);
            }
            if drops {
                front.bytes_max = AHEAD_BYTES;
            }
            return self.push_through(message, bytes, drops);
        }
        front.room.messages -= 1;
        front.encoded.push_message(message, &self.sink.shared.arena);
        // Not beside the other: together they are one load of what the message before stored, across two cache lines where the
        // writer lies so, and wait for it.
        front.room.bytes -= bytes;
        Ok(Pace::Even)
    }

    /// [`push`](Self::push), when the reader wants it at once or the mark has to be asked. Who drops, and keeps the reader from
    /// coming meanwhile, writes before anything is refused.
    #[inline(never)]
    fn push_through(&mut self, message: impl Outgoing, bytes: usize, drops: bool) -> Result<Pace, Refusal> {
        let (shared, front) = (&*self.sink.shared, &mut self.front);
        let mut state = shared.lock();
        if state.is_over() {
            return Err(Refusal::Closed);
        }
        front.hand_over(&mut state, &shared.arena);
        let mut waiting = match drops && !state.admits(bytes) && state.has_last_turn() {
            true => shared.write_through(&mut state).1,
            false => shared.make_room(&mut state, bytes),
        };
        if let Err(refusal) = shared.ask(&mut state, bytes) {
            // Whatever comes next has to ask too, or the size of this one would be remembered too long.
            front.room = Load::default();
            drop(state);
            wake(waiting);
            return Err(refusal);
        }
        state.queue.push_message(message, &shared.arena);
        state.held.add(Load { messages: 1, bytes });
        if state.conflate {
            state.keep_last(&shared.arena);
        }
        if state.has_turn(bytes) {
            let (is_out, also) = shared.write_through(&mut state);
            waiting = waiting.or(also);
            if is_out {
                drop(state);
                wake(waiting);
                return Ok(Pace::Even);
            }
        }
        let pace = state.pace();
        front.release(shared, state);
        wake(waiting);
        Ok(pace)
    }

    /// Whether the message before was refused, of the size of `message` or smaller, and the pipe is not half free since. Asks
    /// nobody, so that one hears a moment late that there is room: for those who drop, and not for those who wait.
    #[inline]
    pub fn refuses(&self, message: &Message) -> bool {
        self.sink.shared.refuses(encoded_len(message.frames()))
    }

    /// Whether it keeps what was encoded before ([`Fanout`](crate::fanout::Fanout)): a pipe with no link behind it encodes what it
    /// does not hand over.
    pub fn takes_encoded(&self) -> bool {
        !self.front.encoded.is_apart()
    }

    /// Where the pipe's slabs come from.
    pub fn arena(&self) -> &Arena {
        &self.sink.shared.arena
    }

    /// Encodes a command, which no mark holds back and which counts as one message.
    pub fn push_command(&mut self, name: &str, body: &[u8]) {
        self.add(|state, arena| state.put(|queue| queue.push_command(name, body, arena)));
    }

    /// Encodes `message` whether or not the pipe is full; a conflating pipe keeps what it has beside it.
    pub fn push_unmarked(&mut self, message: &Message) {
        self.add(|state, arena| state.put(|queue| queue.push_message(message, arena)));
    }

    /// Encodes `message` before everything that is queued, whether or not the pipe is full.
    pub fn push_first(&mut self, message: &Message) {
        self.add(|state, arena| state.put(|queue| queue.push_first(message, arena)));
    }

    /// The end that is given whole batches, which go behind all that was pushed.
    pub fn batches(&mut self) -> &mut BatchSink {
        self.hand_over();
        &mut self.sink
    }

    /// Adds to the queue unless the reader is gone.
    fn add(&mut self, add: impl FnOnce(&mut State, &Arena)) {
        let (shared, front) = (&*self.sink.shared, &mut self.front);
        let mut state = shared.lock();
        if state.is_abandoned() {
            return;
        }
        front.hand_over(&mut state, &shared.arena);
        add(&mut state, &shared.arena);
        front.release(shared, state);
    }

    /// Hands over what the reader asks for.
    pub fn hand_over(&mut self) {
        if !self.front.encoded.is_empty() {
            let mut state = self.sink.shared.lock();
            self.front.hand_over(&mut state, &self.sink.shared.arena);
            if state.conflate {
                state.keep_last(&self.sink.shared.arena);
            }
            self.front.release(&self.sink.shared, state);
        } else {
            // Asked in vain: the reader will wait.
            self.front.encoded.rest();
        }
    }

    /// Whether the pipe would take a message now: one of the size that it refused last, if it did.
    ///
    /// If not, the writer's waker will be called.
    pub fn has_room(&mut self) -> bool {
        let shared = &*self.sink.shared;
        let mut state = shared.lock();
        self.front.hand_over(&mut state, &shared.arena);
        let refused = state.refused_bytes;
        let waiting = shared.make_room(&mut state, refused);
        let has_room = shared.has_room(&mut state);
        drop(state);
        wake(waiting);
        has_room
    }

    /// Whether the pipe would take `message` now. If not, the writer's waker will be called.
    #[inline]
    pub fn has_room_for(&mut self, message: &Message) -> bool {
        let bytes = encoded_len(message.frames());
        self.front.admits(&self.sink.shared, bytes) || self.ask(bytes)
    }

    #[inline(never)]
    fn ask(&mut self, bytes: usize) -> bool {
        let (shared, front) = (&*self.sink.shared, &mut self.front);
        let mut state = shared.lock();
        front.hand_over(&mut state, &shared.arena);
        let waiting = shared.make_room(&mut state, bytes);
        let admitted = state.is_over() || shared.ask(&mut state, bytes).is_ok();
        drop(state);
        wake(waiting);
        if !admitted {
            front.room = Load::default();
        }
        admitted
    }

    /// Ready when the pipe would take a message, or its reader is gone.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.set_waker(cx.waker());
        if self.has_room() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Who is to be called when a full pipe is half free again.
    pub fn set_waker(&self, waker: &Waker) {
        self.sink.set_waker(waker);
    }

    /// Who is asked when the reader wants what was pushed. Without, every message is handed over at once.
    pub fn set_hand_over(&self, owner: Arc<dyn HandOver>) {
        self.sink.shared.lock().hand_over = Some(owner);
    }

    /// What the writer's application has in hand, which says whether it is in the middle of answering.
    pub fn set_in_hand(&self, in_hand: InHand) {
        self.sink.shared.lock().in_hand = Some(in_hand);
    }

    /// Replaces the mark. What is queued stays.
    pub fn set_mark(&self, mark: Mark) {
        self.sink.shared.set_mark(mark);
    }

    /// Keeps the last message only from now on.
    pub fn conflate(&mut self) {
        self.hand_over();
        self.sink.shared.conflate(self.sink.shared.lock());
    }

    /// Messages that the reader has not taken, and those it took and was not credited for.
    pub fn held(&self) -> usize {
        self.sink.shared.lock().held.messages + self.front.encoded.messages()
    }

    /// What has gone through the pipe, and what is in it.
    pub fn flow(&self) -> Flow {
        let state = self.sink.shared.lock();
        let mut held = state.held;
        held.add(self.front.encoded.load());
        Flow::new(state.passed, held)
    }

    /// Messages waiting in the pipe.
    pub fn queued(&self) -> usize {
        self.sink.shared.lock().queue.messages() + self.front.encoded.messages()
    }

    /// Messages that newer ones replaced since the last call (conflating pipes only).
    pub fn take_conflated(&self) -> usize {
        self.sink.take_conflated()
    }

    /// Throws away what is queued; returns how many messages that were.
    pub fn discard(&mut self) -> usize {
        self.hand_over();
        let mut state = self.sink.shared.lock();
        let discarded = state.empty();
        // The reader will not find what was discarded, so the credit for it is due here.
        let waker = self.sink.shared.credit(&mut state, Load::default());
        drop(state);
        wake(waker);
        discarded.messages
    }

    /// No more will come: the reader finds [`Taken::Finished`](super::Taken::Finished) after what is queued.
    pub fn finish(&mut self) {
        self.hand_over();
        self.sink.shared.finish();
    }

    /// Whether the reader is gone.
    pub fn is_closed(&self) -> bool {
        self.sink.shared.has_ended() && self.sink.shared.lock().is_abandoned()
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        // The sink, which goes after this, finishes the pipe.
        self.hand_over();
    }
}
