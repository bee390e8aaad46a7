//! How long a pump leaves to a sender what it could take.

/// Waits in a row, of one kind.
const WAITS_MAX: u8 = 16;
/// Batches that are taken as they are once one was left in vain, with that one.
const HASTE: u8 = 17;

/// A write pump's patience with its sender. That with streams is lost when what was left did not grow, and comes back.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// Waits for more answers to go with those that are there.
    answers: u8,
    /// Waits for a stream's batch to grow.
    streams: u8,
    /// Batches to come that are taken as they are.
    haste: u8,
    /// Messages of the stream's batch when it was left last.
    left: u32,
}

impl Patience {
    /// Whether more answers are waited for, if more are to come.
    pub(super) fn lasts_with_answers(&self) -> bool {
        self.answers < WAITS_MAX
    }

    /// More answers are waited for.
    pub(super) fn wait_for_answers(&mut self) {
        self.answers += 1;
    }

    /// Whether a stream's batch is left to grow, if it does.
    pub(super) fn lasts_with_streams(&self) -> bool {
        self.haste == 0 && self.streams < WAITS_MAX
    }

    /// Whether a stream's batch, of so many messages, is left: it has grown since it was left last.
    pub(super) fn leaves(&mut self, messages: usize) -> bool {
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        let grew = messages > self.left;
        if grew {
            (self.streams, self.left) = (self.streams + 1, messages);
        } else if self.streams == 1 {
            self.haste = HASTE;
        }
        grew
    }

    /// The batch was taken.
    pub(super) fn took(&mut self) {
        self.haste = self.haste.saturating_sub(1);
        self.rest();
    }

    /// Nothing is there.
    pub(super) fn rest(&mut self) {
        *self = Self { haste: self.haste, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_left_for_a_bounded_time() {
        let mut patience = Patience::default();
        for messages in 1..=usize::from(WAITS_MAX) {
            assert!(patience.lasts_with_streams() && patience.leaves(messages), "{messages}");
        }
        assert!(!patience.lasts_with_streams() && patience.lasts_with_answers());
        (0..WAITS_MAX).for_each(|_| patience.wait_for_answers());
        assert!(!patience.lasts_with_answers());
        patience.took();
        assert!(patience.lasts_with_streams() && patience.lasts_with_answers());
    }

    #[test]
    fn what_did_not_grow_is_taken_and_the_next_are_not_left() {
        let mut patience = Patience::default();
        assert!(patience.leaves(3));
        assert!(!patience.leaves(3));
        for taken in 0..HASTE {
            assert!(!patience.lasts_with_streams(), "{taken}");
            patience.took();
        }
        assert!(patience.lasts_with_streams());
    }

    #[test]
    fn what_grew_before_was_not_left_in_vain() {
        let mut patience = Patience::default();
        assert!(patience.leaves(3) && patience.leaves(4) && !patience.leaves(4));
        assert!(patience.lasts_with_streams());
    }

    #[test]
    fn what_its_sender_wrote_is_forgotten() {
        let mut patience = Patience::default();
        assert!(patience.leaves(500));
        patience.rest();
        assert!(patience.leaves(10), "another batch");
    }
}
