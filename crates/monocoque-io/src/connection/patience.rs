//! How long a pump leaves to a sender what it could take.

/// Turns in a row for which a batch is left to grow.
const TURNS_MAX: u8 = 16;
/// Batches that are not left to grow after one was in vain.
const HASTE: u8 = 16;

/// A write pump's patience with its sender. That with streams is lost when what was left did not grow, and comes back.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Turns for which the batch was left to grow.
    turns: u8,
    /// Batches that are taken as they are.
    haste: u8,
    /// Messages of the stream's batch when it was looked at last.
    seen: u32,
}

impl Patience {
    /// Whether the batch may be left for another turn.
    pub(super) fn lasts(&self) -> bool {
        self.turns < TURNS_MAX
    }

    /// Whether it is had with streams.
    pub(super) fn is_had_with_streams(&self) -> bool {
        self.haste == 0
    }

    /// Whether a stream's batch is larger than it was when this was asked last.
    pub(super) fn grew(&mut self, messages: usize) -> bool {
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        std::mem::replace(&mut self.seen, messages) < messages
    }

    /// The batch is left for a turn.
    pub(super) fn wait(&mut self) {
        self.turns += 1;
    }

    /// A batch of `messages` was taken.
    pub(super) fn took(&mut self, messages: usize) {
        let (turns, seen) = (std::mem::take(&mut self.turns), std::mem::take(&mut self.seen));
        self.haste = match turns {
            0 => self.haste.saturating_sub(1),
            1 if messages <= seen as usize => HASTE,
            _ => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_left_for_a_bounded_time() {
        let mut patience = Patience::default();
        for turn in 1..=usize::from(TURNS_MAX) {
            assert!(patience.lasts() && patience.is_had_with_streams() && patience.grew(turn), "{turn}");
            patience.wait();
        }
        assert!(!patience.lasts());
        patience.took(usize::from(TURNS_MAX));
        assert!(patience.lasts() && patience.is_had_with_streams());
    }

    #[test]
    fn what_did_not_grow_is_taken_and_the_next_are_not_left() {
        let mut patience = Patience::default();
        assert!(patience.grew(3));
        patience.wait();
        assert!(!patience.grew(3));
        for taken in 0..HASTE {
            patience.took(3);
            assert!(!patience.is_had_with_streams(), "{taken}");
        }
        patience.took(3);
        assert!(patience.is_had_with_streams());
    }

    #[test]
    fn what_grew_beyond_the_mark_was_not_left_in_vain() {
        let mut patience = Patience::default();
        assert!(patience.grew(3));
        patience.wait();
        patience.took(4);
        assert!(patience.is_had_with_streams());
    }
}
