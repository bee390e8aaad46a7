//! How much a pipe may hold.

use crate::load::Load;

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

    /// Whether a pipe that holds `held` takes a message of `bytes`.
    pub(super) fn admits(self, held: Load, bytes: usize) -> bool {
        (self.messages == 0 || held.messages < self.messages as usize)
            && (self.bytes == 0 || held.bytes == 0 || held.bytes + bytes <= self.bytes)
    }

    /// What a pipe that holds `held` takes for certain.
    pub(super) fn room(self, held: Load) -> Load {
        let left = |mark: usize, held: usize| if mark == 0 { usize::MAX } else { mark.saturating_sub(held) };
        Load { messages: left(self.messages as usize, held.messages), bytes: left(self.bytes, held.bytes) }
    }

    /// Consumed messages that are credited together: half the mark, rounded up, as in libzmq.
    pub(super) fn step(self) -> u32 {
        if self.messages == 0 { u32::MAX } else { self.messages.div_ceil(2) }
    }

    pub(super) fn is_half_free(self, held: Load) -> bool {
        (self.messages == 0 || held.messages <= self.messages as usize / 2)
            && (self.bytes == 0 || held.bytes <= self.bytes / 2)
    }
}
