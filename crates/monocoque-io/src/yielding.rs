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
/// How long nobody polls on that thread then: finding out that it is still so costs two slices.
const REST: Duration = Duration::from_millis(200);

/// What a thread knows of its core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Core {
    /// It comes back.
    Kept,
    /// A slice was lost then.
    Lost(Instant),
    /// Others compute on it: nobody polls before.
    Contended(Instant),
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
    let Core::Contended(until) = CORE.get() else { return true };
    let is_over = until <= Instant::now();
    if is_over {
        CORE.set(Core::Kept);
    }
    is_over
}

impl Core {
    /// After a slice was lost, from `yielded` to `back`.
    fn lost(self, yielded: Instant, back: Instant) -> Self {
        match self {
            Self::Lost(before) if yielded.saturating_duration_since(before) < REPEATED => Self::Contended(back + REST),
            Self::Contended(until) if back < until => self,
            _ => Self::Lost(back),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_slices_lost_in_a_row_and_no_single_ones_end_polling_for_a_while() {
        let now = Instant::now();
        let after = |part: u32| now + REPEATED * part / 2;
        assert_eq!(Core::Kept.lost(now, after(5)), Core::Lost(after(5)));
        assert_eq!(Core::Lost(now).lost(after(2), after(3)), Core::Lost(after(3)), "an accident");
        assert_eq!(Core::Lost(now).lost(after(1), after(9)), Core::Contended(after(9) + REST), "however long it takes");
        let contended = Core::Contended(after(2));
        assert_eq!(contended.lost(now, after(1)), contended, "it is so already");
        assert_eq!(contended.lost(after(2), after(3)), Core::Lost(after(3)), "one is none in a row");
    }

    #[test]
    fn who_lost_its_core_does_not_poll_until_the_time_is_over() {
        std::thread::spawn(|| {
            assert!(keeps_core());
            CORE.set(Core::Contended(Instant::now() + Duration::from_secs(3600)));
            assert!(!keeps_core());
            CORE.set(Core::Contended(Instant::now()));
            assert!(keeps_core());
            assert_eq!(CORE.get(), Core::Kept);
        })
        .join()
        .expect("no panic");
    }
}
