//! What both ends of a pipe share.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, MutexGuard};
use std::task::Waker;

use super::mark::Mark;
use super::{HandOver, InHand, Pace, Refusal, Taken, WriteThrough};
use crate::batch::{Batch, BatchReader, BatchWriter, Unit};
use crate::limits::{AHEAD_BYTES, GIVE_WAY_MAX, SLAB_LARGE_BYTES, STREAM_TURN_BYTES};
use crate::load::Load;
use crate::slab::Arena;
use crate::sync::Mutex;

/// Looks at a busy writer before its lock is waited for: some microseconds, less than a wait costs.
const ASK_SPINS: usize = 100;

/// In the order of declaration: what the writer looks at for every message lies at the end, a cache line and more from what
/// either side changes with every batch.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) arena: Arena,
    /// The writer hands over at its next push, and asks before it holds anything back again.
    ///
    /// Set under the lock by whoever makes it so, cleared by the writer alone. While it is clear, the queue has
    /// something or the reader is busy with what it took, so it asks before it waits.
    eager: AtomicBool,
    /// Mirrors `finished || reader_gone` for a look without the lock.
    ended: AtomicBool,
    /// Bytes from which a message is refused, as the last one was, until the pipe is half free again or takes a smaller one; zero
    /// when none is.
    ///
    /// Changed under the lock and read without it: for those who drop, and not for those who wait.
    refused_from: AtomicU32,
}

/// What changes with every batch first.
#[derive(Debug)]
#[repr(C)]
pub(super) struct State {
    pub(super) queue: BatchWriter,
    pub(super) held: Load,
    /// What has left the pipe so far.
    pub(super) passed: Load,
    /// Bytes that had left it when the writer was last found ahead, and how often in a row it was with as many.
    passed_before: usize,
    looks: u32,
    /// Bytes in front of the queue that the writer has written.
    pub(super) sent: usize,
    pub(super) reader_waits: bool,
    writer_waits: bool,
    /// The writer has held nothing back since the reader asked last and was answered. If not, it may hold something back.
    asked: bool,
    /// The reader writes, or will before it waits again.
    pub(super) turn_is_out: bool,
    /// The reader is elsewhere: of several answers the last is written with all the others, and it is called for none.
    pub(super) reader_is_away: bool,
    /// What is queued is left to a later message to be written with.
    pub(super) is_left: bool,
    reader_gone: bool,
    finished: bool,
    /// Only the last message is kept.
    pub(super) conflate: bool,
    pub(super) conflated: usize,
    pub(super) mark: Mark,
    /// Bytes of the message that was refused last and not followed by one that was taken.
    pub(super) refused_bytes: usize,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
    /// Has the writer hand over its front.
    pub(super) hand_over: Option<Arc<dyn HandOver>>,
    /// What the writer may write to while the reader waits.
    pub(super) turn: Option<Arc<dyn WriteThrough>>,
    /// Of the writer's application.
    pub(super) in_hand: Option<InHand>,
}

impl Shared {
    pub(super) fn new(mark: Mark, conflate: bool, arena: &Arena, queue: BatchWriter) -> Self {
        let state = State {
            queue,
            held: Load::default(),
            passed: Load::default(),
            passed_before: 0,
            looks: 0,
            mark,
            conflate,
            conflated: 0,
            reader: None,
            reader_waits: true,
            reader_is_away: false,
            is_left: false,
            reader_gone: false,
            writer: None,
            writer_waits: false,
            asked: true,
            hand_over: None,
            refused_bytes: 0,
            finished: false,
            turn: None,
            turn_is_out: false,
            sent: 0,
            in_hand: None,
        };
        Self {
            state: Mutex::new(state),
            arena: arena.clone(),
            eager: AtomicBool::new(true),
            ended: AtomicBool::new(false),
            refused_from: AtomicU32::new(0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    #[inline]
    pub(super) fn is_eager(&self) -> bool {
        self.eager.load(Ordering::Acquire)
    }

    /// Whether a message of `bytes` is refused without being asked for.
    #[inline]
    pub(super) fn refuses(&self, bytes: usize) -> bool {
        let from = self.refused_from.load(Ordering::Acquire);
        from != 0 && bytes >= from as usize
    }

    /// Asks for room for `bytes`, of which the answer is remembered; if there is none, the writer will be woken.
    pub(super) fn ask(&self, state: &mut State, bytes: usize) -> Result<(), Refusal> {
        let admits = state.admits(bytes);
        state.refused_bytes = if admits { 0 } else { bytes };
        state.writer_waits |= !admits;
        // What is over refuses nothing for want of room.
        let from = if state.is_over() { 0 } else { u32::try_from(state.refused_bytes).unwrap_or(u32::MAX) };
        if self.refused_from.load(Ordering::Relaxed) != from {
            self.refused_from.store(from, Ordering::Release);
        }
        if admits { Ok(()) } else { Err(Refusal::Full) }
    }

    /// [`ask`](Self::ask) for a message of the size that was refused last.
    pub(super) fn has_room(&self, state: &mut State) -> bool {
        state.is_abandoned() || self.ask(state, state.refused_bytes).is_ok()
    }

    /// Whether the last message was refused, and the pipe is not half free since.
    pub(super) fn has_refused(&self) -> bool {
        self.refused_from.load(Ordering::Acquire) != 0
    }

    /// Gives the writer credit; returns its waker if it waits for this.
    pub(super) fn credit(&self, state: &mut State, paid: Load) -> Option<Waker> {
        state.held.sub(paid);
        state.passed.add(paid);
        if !state.writer_waits || !state.mark.is_half_free(state.held) {
            return None;
        }
        self.admit(state)
    }

    /// The writer waits no more; returns its waker.
    fn admit(&self, state: &mut State) -> Option<Waker> {
        state.writer_waits = false;
        self.refused_from.store(0, Ordering::Release);
        state.writer.clone()
    }

    /// The writer asks no more before it holds back.
    pub(super) fn hold_back(&self, state: &mut State) {
        state.asked = false;
        self.eager.store(false, Ordering::Release);
    }

    /// The state, with something in its queue if there is anything: has the writer hand over what it holds back. Only if
    /// the queue has something and the writer is busy, what it holds back stays there. What it pushes from here on it hands
    /// over at once, until it has handed over something to a reader that does not wait.
    pub(super) fn lock_ready(&self) -> MutexGuard<'_, State> {
        let mut state = self.ask_writer(self.state.lock(), false);
        // The writer may have held back again in between; a reader that then waits would not be woken for it.
        while state.queue.is_empty() && state.holds_back() {
            state = self.ask_writer(state, false);
        }
        state
    }

    /// The state, with everything in its queue that was pushed before.
    pub(super) fn lock_whole(&self) -> MutexGuard<'_, State> {
        self.ask_writer(self.state.lock(), true)
    }

    /// Has the writer hand over. One that is busy is waited for if `insists`, or if there is nothing else to read.
    fn ask_writer<'a>(&'a self, mut state: MutexGuard<'a, State>, insists: bool) -> MutexGuard<'a, State> {
        // A writer that has finished holds nothing back.
        if state.finished || std::mem::replace(&mut state.asked, true) {
            return state;
        }
        self.eager.store(true, Ordering::Release);
        let (hand_over, waits) = (state.hand_over.clone(), insists || state.queue.is_empty());
        drop(state);
        let asked = hand_over.is_none_or(|owner| owner.try_hand_over() || (waits && self.wait_for(&*owner)));
        let mut state = self.state.lock();
        // One that was busy has to be asked again.
        state.asked &= asked;
        state
    }

    /// Waits for a busy writer. Its next push hands over by itself, sooner than its lock is to be had.
    fn wait_for(&self, owner: &dyn HandOver) -> bool {
        let pushed = (0..ASK_SPINS).any(|_| {
            std::hint::spin_loop();
            !self.is_eager()
        });
        if !pushed {
            owner.hand_over();
        }
        true
    }

    /// The writer is done.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock();
        state.finished = true;
        self.end();
        let waker = state.reader.clone();
        drop(state);
        wake(waker);
    }

    /// The reader is gone.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.reader_gone = true;
        self.end();
        let waker = state.writer.clone();
        // The link is not to outlive its connection.
        let turn = state.turn.take();
        drop(state);
        drop(turn);
        wake(waker);
    }

    fn end(&self) {
        self.eager.store(true, Ordering::Release);
        self.refused_from.store(0, Ordering::Release);
        self.ended.store(true, Ordering::Release);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn put_back(&self, batch: Batch) {
        let mut state = self.state.lock();
        let back = Load { messages: batch.messages, bytes: batch.bytes };
        state.held.add(back);
        state.passed.sub(back);
        state.queue.prepend(batch);
        if state.conflate {
            state.keep_last(&self.arena);
        }
        // The writer has to ask before it holds more.
        self.eager.store(true, Ordering::Release);
    }

    pub(super) fn conflate(&self, mut state: MutexGuard<'_, State>) {
        state.conflate = true;
        self.eager.store(true, Ordering::Release);
        state.keep_last(&self.arena);
        // There is room for whatever comes.
        let waker = if state.writer_waits { self.admit(&mut state) } else { None };
        drop(state);
        wake(waker);
    }

    pub(super) fn set_mark(&self, mark: Mark) {
        let mut state = self.state.lock();
        state.mark = mark;
        // The writer has to ask before it holds more.
        self.eager.store(true, Ordering::Release);
        // One that was refused may have room now, though the pipe is not down to half of the new mark.
        let room = state.writer_waits && self.has_room(&mut state);
        let waker = if room { self.admit(&mut state) } else { None };
        drop(state);
        wake(waker);
    }
}

impl State {
    /// Whether there is room for a message of `bytes`.
    pub(super) fn admits(&self, bytes: usize) -> bool {
        self.conflate || self.mark.admits(self.held, bytes)
    }

    /// Whether something is there that may well grow: a sender that fills the pipe meanwhile may write it, there is room for as much
    /// again, and it is less than one write's worth. Not the rest of what a sender has written in part.
    pub(super) fn may_grow(&self) -> bool {
        let is_little = self.mark.is_half_free(self.held) && self.held.bytes < SLAB_LARGE_BYTES;
        self.turn.is_some() && self.sent == 0 && !self.queue.is_empty() && is_little
    }

    /// Whether nothing that is pushed will ever be read.
    pub(super) fn is_over(&self) -> bool {
        self.reader_gone || self.finished
    }

    /// Whether the reader is gone.
    pub(super) fn is_abandoned(&self) -> bool {
        self.reader_gone
    }

    /// Whether the reader found nothing, has not been called since, and will be.
    pub(super) fn waits(&self) -> bool {
        // One that is not away has been called for what is left.
        self.reader_waits && !self.finished && (!self.is_left || self.reader_is_away)
    }

    /// Whether nothing is left to read, as far as can be told without asking the writer. If it holds something back,
    /// the reader was told, and has not looked since.
    pub(super) fn is_spent(&self) -> bool {
        self.queue.is_empty() && !self.holds_back()
    }

    /// Whether all that there may be is what the writer holds back.
    pub(super) fn gathers(&self) -> bool {
        self.queue.is_empty() && self.holds_back()
    }

    /// Whether the writer may hold something back.
    pub(super) fn holds_back(&self) -> bool {
        !self.asked && !self.finished
    }

    /// Whether the writer is done and everything was taken.
    pub(super) fn is_drained(&self) -> bool {
        self.finished && self.queue.is_empty()
    }

    /// Whether the reader comes back and asks for what the writer holds back.
    pub(super) fn lets_hold_back(&self) -> bool {
        !self.reader_waits && !self.conflate && !self.is_over() && self.hand_over.is_some()
    }

    /// How the writer fares who puts something in. A reader that waits is only woken by it, and so not behind; one that took
    /// nothing in [`GIVE_WAY_MAX`] looks has stopped, and is not waited for.
    pub(super) fn pace(&mut self) -> Pace {
        if self.held.bytes <= AHEAD_BYTES || self.reader_waits {
            return Pace::Even;
        }
        if std::mem::replace(&mut self.passed_before, self.passed.bytes) != self.passed.bytes {
            self.looks = 0;
        }
        self.looks = self.looks.saturating_add(1);
        if self.looks <= GIVE_WAY_MAX { Pace::Ahead } else { Pace::Even }
    }

    /// What the writer may add without asking: room, and no more than is worth a write.
    pub(super) fn room(&self) -> Load {
        let mut room = self.mark.room(self.held);
        if self.turn.is_some() {
            room.bytes = room.bytes.min(STREAM_TURN_BYTES);
        }
        room
    }

    /// Puts something into the queue, whether or not the mark allows.
    pub(super) fn put(&mut self, put: impl FnOnce(&mut BatchWriter)) {
        let before = self.queue.load();
        put(&mut self.queue);
        let mut more = self.queue.load();
        more.sub(before);
        self.held.add(more);
    }

    /// Something came into the queue: the waker of a reader that waits, once; and again if what it was called for was left.
    pub(super) fn reader_to_wake(&mut self) -> Option<Waker> {
        let was_left = self.is_left;
        if self.leave_to_the_last() {
            // One that runs on this thread comes as soon as that lets it, and nobody else stands in for it.
            return if was_left || self.reader_is_away { None } else { self.reader.clone() };
        }
        if std::mem::take(&mut self.reader_waits) { self.reader.clone() } else { None }
    }

    /// Empties the queue, without credit.
    pub(super) fn empty(&mut self) -> Batch {
        let mut emptied = Batch::default();
        self.queue.take(&mut emptied);
        // One that was called for what was left comes, and finds what there is then.
        self.reader_waits &= !self.is_left || self.reader_is_away;
        self.is_left = false;
        self.held.sub(Load { messages: emptied.messages, bytes: emptied.bytes });
        emptied
    }

    /// The reader found nothing.
    pub(super) fn nothing(&mut self) -> Taken {
        if self.finished {
            return Taken::Finished;
        }
        self.reader_waits = true;
        self.turn_is_out = false;
        Taken::Empty
    }

    /// Drops all queued messages but the last. Commands are not messages here: they stay.
    pub(super) fn keep_last(&mut self, arena: &Arena) {
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
        units.iter().for_each(|unit| self.queue.push_unit(unit, arena));
        self.held.add(self.queue.load());
    }
}

pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Keeps `waker` in `place`, unless that has it.
pub(super) fn keep(place: &mut Option<Waker>, waker: &Waker) {
    if !place.as_ref().is_some_and(|known| known.will_wake(waker)) {
        *place = Some(waker.clone());
    }
}
