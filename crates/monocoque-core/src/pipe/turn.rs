//! The write turn: who writes to the link next.
//!
//! A connection's pump has it, and leaves it in the pipe while it waits there: whoever sends then writes at once,
//! in its own thread, and no other thread has to wake up for it. What the link does not take is left in front of
//! the queue, and the pump goes on from that byte.

use std::fmt;

use bytes::Bytes;

use super::state::State;
use crate::limits::TURN_BYTES_MAX;
use crate::load::Load;

/// A link that a sender may write to while the connection's pump waits.
///
/// Used by one thread at a time, under the pipe's lock.
pub trait WriteThrough: fmt::Debug + Send + Sync {
    /// Writes what the link takes at once of `segments`; returns how many bytes.
    ///
    /// Zero leaves it to the pump: because the link takes nothing, or is broken, or to write more at once is better.
    fn write_through(&self, segments: &[Bytes]) -> usize;

    /// Several messages have just come from the link at once: what answers them will be many, too.
    fn expect_many(&self) {}
}

impl State {
    /// Whether a message of `bytes` that has just been queued may be written by its sender.
    #[inline]
    pub(super) fn has_turn(&self, bytes: usize) -> bool {
        self.reader_waits && self.turn.is_some() && bytes <= TURN_BYTES_MAX && !self.conflate
    }

    /// Writes the queue; whether all of it went out. If not, the reader has to be woken.
    pub(super) fn write_through(&mut self) -> bool {
        let Some(turn) = &self.turn else { return false };
        self.queue.take(&mut self.turn_batch);
        let batch = &mut self.turn_batch;
        let sent = turn.write_through(&batch.segments);
        if sent < batch.bytes {
            self.sent = sent;
            self.queue.prepend(std::mem::take(batch));
            return false;
        }
        self.held.sub(Load { messages: batch.messages, bytes: batch.bytes });
        batch.clear();
        true
    }
}
