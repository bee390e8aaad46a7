//! Giving the core to others between two looks, as long as it comes back soon.
//!
//! Who polls yields its core to whoever wants it. Where that is somebody who works for the same end (the other side, an I/O
//! thread), the core is back within microseconds. Where somebody computes, it is gone for the whole of the other's slice,
//! milliseconds. Of a stream much has come by then; but where messages come one by one each of them costs that: then waiting in the kernel
//! is sooner, which runs who is woken before who computes.

use std::cell::Cell;
use std::thread::yield_now;
use std::time::{Duration, Instant};

/// A yield from which the core comes back later than this lost a slice.
const SLICE: Duration = Duration::from_micros(500);
/// Two lost within this time are no accident.
const REPEATED: Duration = Duration::from_millis(20);
/// How long nobody polls on that thread then, and twice as long each time that it is still so, up to the second: finding out
/// costs a slice.
const REST: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(2)];

/// What a thread knows of its core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Core {
    /// It comes back.
    Kept,
    /// A slice was lost then, or a rest was over. After the next one it rests for so long.
    Lost(Instant, Duration),
    /// Others compute on it: nobody polls before. It rests for so long.
    Contended(Instant, Duration),
}

thread_local! {
    static CORE: Cell<Core> = const { Cell::new(Core::Kept) };
}

/// Yields the core of the calling thread, which waits for something that comes `one_by_one`, or for one of many.
pub fn yield_core(one_by_one: bool) {
    if !one_by_one {
        return yield_now();
    }
    let before = Instant::now();
    yield_now();
    let now = Instant::now();
    if now.duration_since(before) >= SLICE {
        CORE.set(CORE.get().lost(before, now));
    }
}

/// Whether polling is worth its while on the calling thread: the core that it yields comes back soon.
#[inline]
pub fn keeps_core() -> bool {
    let Core::Contended(until, rest) = CORE.get() else { return true };
    let now = Instant::now();
    let is_over = until <= now;
    if is_over {
        CORE.set(Core::Lost(now, (2 * rest).min(REST[1])));
    }
    is_over
}

impl Core {
    /// After a slice was lost, from `yielded` to `back`.
    fn lost(self, yielded: Instant, back: Instant) -> Self {
        match self {
            Self::Lost(before, rest) if yielded.saturating_duration_since(before) < REPEATED => {
                Self::Contended(back + rest, rest)
            }
            Self::Contended(until, _) if back < until => self,
            _ => Self::Lost(back, REST[0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_slices_lost_in_a_row_and_no_single_ones_end_polling_for_a_while() {
        let now = Instant::now();
        let (after, lost) = (|part: u32| now + REPEATED * part / 2, |at| Core::Lost(at, REST[0]));
        let contended = |at| Core::Contended(at + REST[0], REST[0]);
        assert_eq!(Core::Kept.lost(now, after(5)), lost(after(5)));
        assert_eq!(lost(now).lost(after(2), after(3)), lost(after(3)), "an accident");
        assert_eq!(lost(now).lost(after(1), after(9)), contended(after(9)), "however long it takes");
        assert_eq!(contended(now).lost(now, after(1)), contended(now), "it is so already");
        assert_eq!(Core::Contended(now, REST[0]).lost(now, after(1)), lost(after(1)), "one is none in a row");
    }

    #[test]
    fn who_lost_its_core_does_not_poll_until_the_time_is_over() {
        std::thread::spawn(|| {
            assert!(keeps_core());
            CORE.set(Core::Contended(Instant::now() + Duration::from_secs(3600), REST[0]));
            assert!(!keeps_core());
            for (rest, next) in [(REST[0], 2 * REST[0]), (REST[1], REST[1])] {
                CORE.set(Core::Contended(Instant::now(), rest));
                assert!(keeps_core());
                assert!(
                    matches!(CORE.get(), Core::Lost(_, rest) if rest == next),
                    "the next slice that is lost is enough"
                );
            }
        })
        .join()
        .expect("no panic");
    }
}
