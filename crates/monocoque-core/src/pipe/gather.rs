//! How long a reader lets a writer gather before it asks for more.

/// A stream's batch of fewer messages than this costs more to ask for than to wait for the next ones.
const BATCH_FEW: usize = 200;
/// Writers that give fewer are slow, or in lockstep: waiting longer would delay what came first.
const BATCH_LEAST: usize = 8;
/// Where a wait begins, in [steps](Gather::wait): about what asking costs both sides.
const STEPS_FIRST: u32 = 2_000;
/// The longest wait for a writer that is a thread of the application: what it takes for 200 messages. An I/O thread may need
/// the core on which the reader waits.
const STEPS_MAX: u32 = 16_000;
/// Batches after which a length that was found is looked for again.
const BATCHES_KEPT: u32 = 64;

/// The wait before a small batch, doubled as long as batches grow with it.
///
/// A writer that streams gives more the longer it is left alone; one that has a limited number of messages in flight does not, and
/// waits for answers itself.
#[derive(Debug)]
pub(super) struct Gather {
    steps: u32,
    /// Messages of the batch before, after half as long a wait; none before the first.
    before: u32,
    /// Batches for which the length stays.
    kept: u32,
    /// The longest wait.
    most: u32,
}

impl Gather {
    /// For a pipe `without_link`, where the writer is the sender itself, or one whose writer reads from a link.
    pub(super) fn new(without_link: bool) -> Self {
        let most = if without_link { STEPS_MAX } else { STEPS_FIRST };
        Self { steps: STEPS_FIRST, before: 0, kept: 0, most }
    }

    fn begin_again(&mut self) {
        (self.steps, self.before, self.kept) = (STEPS_FIRST, 0, 0);
    }

    /// Whether to wait for the next batch, after one of `batch` messages. A batch of one is no stream: whoever sent it may wait
    /// for the answer.
    #[inline]
    pub(super) fn is_due(batch: usize) -> bool {
        (2..BATCH_FEW).contains(&batch)
    }

    /// Waits. Out of line, as what follows: one batch in many needs it.
    ///
    /// A step takes 0.1 to 0.6 ns; a pause of the processor's is no measure, it takes from 4 to 50.
    #[inline(never)]
    pub(super) fn wait(&self) {
        (0..self.steps as usize).for_each(|step| {
            std::hint::black_box(step);
        });
    }

    /// A wait ended with a batch of `batch` messages.
    #[inline(never)]
    pub(super) fn learn(&mut self, batch: usize) {
        if self.kept > 0 {
            self.kept -= 1;
            if self.kept > 0 && batch >= BATCH_LEAST {
                return;
            }
            self.begin_again();
        }
        if batch < BATCH_LEAST {
            self.begin_again();
            return;
        }
        let batch = u32::try_from(batch).unwrap_or(u32::MAX);
        // Asking takes its time whatever the wait, so that even a steady stream less than doubles.
        let grew = u64::from(batch) * 5 >= u64::from(self.before) * 6;
        if !grew {
            self.steps /= 2;
        }
        if grew && self.steps < self.most {
            (self.before, self.steps) = (batch, self.steps * 2);
        } else {
            self.kept = BATCHES_KEPT;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of `batches` waits gave, and how long the next is.
    fn after(gather: &mut Gather, batches: impl IntoIterator<Item = usize>) -> u32 {
        batches.into_iter().for_each(|batch| gather.learn(batch));
        gather.steps
    }

    #[test]
    fn a_stream_is_left_alone_for_longer() {
        let gather = &mut Gather::new(true);
        assert_eq!(after(gather, [20, 30, 50]), 8 * STEPS_FIRST);
        assert_eq!(after(gather, [90; 40]), STEPS_MAX);
    }

    #[test]
    fn what_does_not_grow_is_not_waited_for() {
        let gather = &mut Gather::new(true);
        assert_eq!(after(gather, [100, 100]), STEPS_FIRST);
        assert_eq!(after(gather, [100; BATCHES_KEPT as usize - 1]), STEPS_FIRST, "kept for a while");
        assert_eq!(after(gather, [100, 119]), STEPS_FIRST, "tried once more, for one batch");
    }

    #[test]
    fn a_stream_that_slows_down_is_asked_soon() {
        let gather = &mut Gather::new(true);
        assert_eq!(after(gather, [20, 30, 50, 90, 90, 2]), STEPS_FIRST);
        assert_eq!(after(gather, [2; 200]), STEPS_FIRST);
    }

    #[test]
    fn an_io_thread_is_asked_soon() {
        let gather = &mut Gather::new(false);
        assert_eq!(after(gather, [20, 30, 50, 90]), STEPS_FIRST);
    }

    #[test]
    fn a_length_is_looked_for_again() {
        let gather = &mut Gather::new(true);
        after(gather, [20, 30, 50, 90]);
        let lengths: Vec<_> = (0..200).map(|_| after(gather, [90])).collect();
        assert!(lengths.contains(&STEPS_FIRST) && lengths.iter().all(|&steps| steps <= STEPS_MAX));
    }
}
