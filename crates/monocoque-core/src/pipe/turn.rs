//! The write turn: who writes to the link next.
//!
//! A connection's pump has it, and leaves it in the pipe while it waits there: whoever sends then writes at once,
//! in its own thread, and no other thread has to wake up for it. What the link does not take is left in front of
//! the queue, and the pump goes on from that byte.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::state::{Shared, State};
use crate::limits::{GATHER_BYTES_MIN, LEAVE_MAX, STREAM_TURN_BYTES, TURN_BYTES_MAX};

/// A link that a sender may write to while the connection's pump waits.
///
/// Used by one thread at a time, under the pipe's lock.
pub trait WriteThrough: fmt::Debug + Send + Sync {
    /// Whether a little is better written by its sender than left to the pump, which writes more at once.
    fn is_due(&self) -> bool;

    /// From now on something waits for a later message to be written with.
    fn leave(&self);

    /// How long ago that was.
    fn left_for(&self) -> Duration;

    /// Writes what the link takes at once of `segments` and of `last` behind them; returns how many bytes.
    ///
    /// Zero leaves it to the pump: because the link takes nothing, or is broken.
    fn write_through(&self, segments: &[Bytes], last: &[u8]) -> usize;

    /// Whether the pump runs on the calling thread, and so does not come before that lets it.
    fn pumps_here(&self) -> bool;
}

/// Whether a socket's application has more messages in hand than the one that it looks at.
///
/// What it sends meanwhile is likely one of many answers, so nobody writes the first of them alone.
#[derive(Debug, Clone, Default)]
pub struct InHand(Arc<AtomicBool>);

impl InHand {
    /// Says so. A hint: it orders nothing.
    #[inline]
    pub fn set(&self, more: bool) {
        self.0.store(more, Ordering::Relaxed);
    }

    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl State {
    /// Whether what is queued, with a message of `bytes` that has just come, is to be written by its sender.
    #[inline]
    pub(super) fn has_turn(&self, bytes: usize) -> bool {
        let at_once = self.reader_waits && bytes <= TURN_BYTES_MAX && (self.is_left || !self.answers_several());
        // Bodies that lie where their owner put them are written from there, sooner or later.
        let much = bytes < GATHER_BYTES_MIN && self.queue.load().bytes >= STREAM_TURN_BYTES;
        let is_due = |turn: &dyn WriteThrough| match self.is_left {
            true => !self.answers_several() || turn.left_for() >= LEAVE_MAX,
            false => turn.is_due(),
        };
        (at_once || much) && self.free_turn().is_some_and(|turn| much || is_due(&**turn))
    }

    /// Whether nobody but a sender on this thread can make room now.
    pub(super) fn has_last_turn(&self) -> bool {
        !self.queue.is_empty() && self.free_turn().is_some_and(|turn| turn.pumps_here())
    }

    /// The reader is at work, and writes next: nothing is left to a sender, and it comes back without being called.
    pub(super) fn take_turn(&mut self) {
        (self.reader_waits, self.is_left, self.turn_is_out) = (false, false, true);
    }

    /// The link, if the reader has left it here.
    #[inline]
    fn free_turn(&self) -> Option<&Arc<dyn WriteThrough>> {
        self.turn.as_ref().filter(|_| !self.turn_is_out && !self.conflate)
    }

    /// Leaves what is queued to the last of several answers, if that writes it sooner than a reader that is away or comes
    /// when this thread lets it; whether it is left.
    pub(super) fn leave_to_the_last(&mut self) -> bool {
        let is_little = self.queue.load().bytes < TURN_BYTES_MAX;
        let waits = self.reader_waits && is_little && self.answers_several();
        match self.free_turn().filter(|turn| waits && (self.reader_is_away || turn.pumps_here())) {
            Some(turn) if !self.is_left => turn.leave(),
            Some(_) => {}
            None => return false,
        }
        self.is_left = true;
        true
    }

    /// Whether the writer's application has more in hand than it has answered.
    pub(super) fn answers_several(&self) -> bool {
        self.in_hand.as_ref().is_some_and(InHand::any)
    }
}

impl Shared {
    /// Writes the queue; whether all of it went out, and whose waker is to be called for the room, if somebody waits. If not all
    /// did, the reader has to be woken.
    pub(super) fn write_through(&self, state: &mut State) -> (bool, Option<Waker>) {
        let Some(turn) = &state.turn else { return (false, None) };
        let was_left = std::mem::take(&mut state.is_left);
        let (segments, last) = state.queue.encoded();
        let sent = turn.write_through(segments, last);
        let load = state.queue.load();
        if sent < load.bytes {
            // From this byte on it is the reader's; and what was left is not left again to a link that takes nothing.
            state.turn_is_out |= sent > 0 || was_left;
            state.sent = sent;
            // One that is away has to come: nobody else waits for the link to take more.
            state.reader_is_away = false;
            return (false, None);
        }
        state.queue.clear();
        (true, self.credit(state, load))
    }

    /// Writes what is left to a later message; if there is anything, whether all of it went out, and whose waker is to be called: who
    /// waits for the room, or the reader, for the rest.
    pub(super) fn write_left(&self, state: &mut State) -> Option<(bool, Option<Waker>)> {
        if !state.is_left || state.free_turn().is_none() {
            return None;
        }
        let (is_out, waiting) = self.write_through(state);
        Some((is_out, if is_out { waiting } else { state.reader_to_wake() }))
    }

    /// Where there is no room for a message of `bytes`, writes what is left to a later one; whose waker is to be called.
    pub(super) fn make_room(&self, state: &mut State, bytes: usize) -> Option<Waker> {
        if state.admits(bytes) { None } else { self.write_left(state)?.1 }
    }
}
