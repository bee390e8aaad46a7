//! The pipe: the only queue between a socket and a connection, and the holder of the high-water mark.
//!
//! One [`PipeWriter`] encodes messages into its *front*, which is its own, and hands that over to the *queue*, which
//! both ends share under a lock; one [`PipeReader`] takes the whole queue in one swap. A link holds the smaller ends of whole
//! batches, [`BatchSource`] and [`BatchSink`]. A reader that waits is handed
//! the first message at once. While it is busy with what it took, messages gather in the front, without a lock, an
//! atomic operation or a wake, until it comes back and asks for them ([`HandOver`]), or the mark is
//! reached. A reader that waits may also leave its link to the writer ([`BatchSource::lend_turn`]): the message goes out
//! at once, and nobody is woken.
//!
//! # Rules
//! - The mark counts whole messages, and optionally encoded bytes, from the push until the reader gives credit.
//!   [`BatchSource::take`] gives it at once (a pump: the batch is on its way); [`PipeReader::next_unit`]
//!   gives it as units are consumed, in steps of half the mark, and for all of them when it finds nothing more. So the last of
//!   them may count until the reader comes back; not where bytes are counted too, or no messages: there it gives it for all of
//!   a batch with the last.
//! - The reader is woken only after it found the pipe empty, once; and once more if it was called for what is then left to the
//!   last of several answers, and has to come before that.
//! - A writer that was refused is woken when the pipe is down to half the mark. One that drops ([`PipeWriter::offer`]) is refused
//!   the same again until then, without asking.
//! - A message of several frames becomes visible whole or not at all.

mod gather;
mod hand_over;
mod mark;
mod read_turns;
mod reader;
mod sink;
mod source;
mod state;
mod turn;
mod writer;

use std::sync::Arc;

pub use self::hand_over::HandOver;
pub use self::mark::Mark;
pub use self::read_turns::{Came, ReadThrough, ReadTurns};
pub use self::reader::PipeReader;
pub use self::sink::BatchSink;
pub use self::source::BatchSource;
pub use self::turn::{InHand, WriteThrough};
pub use self::writer::PipeWriter;

use self::state::Shared;
use crate::batch::BatchWriter;
use crate::load::Load;
use crate::slab::Arena;

/// How a writer fares whose message was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As far as it knows, as its reader does.
    Even,
    /// More waits for the reader than a core's cache keeps (`AHEAD_BYTES`).
    Ahead,
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

/// What has gone through a pipe, and what is in it: messages, and their encoded bytes. Commands count as messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// Messages that have left it.
    pub messages: u64,
    /// Bytes of those.
    pub bytes: u64,
    /// Messages that are in it; those that were read count for the writer until it has credit for them.
    pub queued_messages: u64,
    /// Bytes of those.
    pub queued_bytes: u64,
}

impl Flow {
    fn new(passed: Load, held: Load) -> Self {
        Self {
            messages: passed.messages as u64,
            bytes: passed.bytes as u64,
            queued_messages: held.messages as u64,
            queued_bytes: held.bytes as u64,
        }
    }

    /// Adds another pipe's.
    pub fn add(&mut self, other: Flow) {
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.queued_messages += other.queued_messages;
        self.queued_bytes += other.queued_bytes;
    }

    /// Everything that was ever put in, with nothing in it any more.
    #[must_use]
    pub fn all_passed(self) -> Self {
        Self {
            messages: self.messages + self.queued_messages,
            bytes: self.bytes + self.queued_bytes,
            queued_messages: 0,
            queued_bytes: 0,
        }
    }

    /// What has left it, with nothing in it.
    #[must_use]
    pub fn emptied(self) -> Self {
        Self { queued_messages: 0, queued_bytes: 0, ..self }
    }
}

/// A pipe of `mark` whose slabs come from `arena`. With `conflate` it holds the last message only.
pub fn pipe(mark: Mark, conflate: bool, arena: &Arena) -> (PipeWriter, PipeReader) {
    let shared = between(mark, conflate, arena, false);
    (PipeWriter::new(Arc::clone(&shared), false), PipeReader::new(shared, false))
}

/// [`pipe`] from a socket to a link, which writes what it takes and does not parse it.
pub fn pipe_to_link(mark: Mark, conflate: bool, arena: &Arena) -> (PipeWriter, BatchSource) {
    let shared = between(mark, conflate, arena, false);
    (PipeWriter::new(Arc::clone(&shared), false), BatchSource::new(shared))
}

/// [`pipe`] from a link, whose protocol has encoded what it gives, to a socket.
pub fn pipe_from_link(mark: Mark, conflate: bool, arena: &Arena) -> (BatchSink, PipeReader) {
    let shared = between(mark, conflate, arena, false);
    (BatchSink::new(Arc::clone(&shared)), PipeReader::new(shared, false))
}

/// [`pipe`] with no link behind it: what is taken out of it is read ([`PipeReader::next_unit`]), never written.
pub fn direct_pipe(mark: Mark, conflate: bool, arena: &Arena) -> (PipeWriter, PipeReader) {
    let shared = between(mark, conflate, arena, true);
    (PipeWriter::new(Arc::clone(&shared), true), PipeReader::new(shared, true))
}

fn between(mark: Mark, conflate: bool, arena: &Arena, apart: bool) -> Arc<Shared> {
    Arc::new(Shared::new(mark, conflate, arena, BatchWriter::new(apart)))
}
