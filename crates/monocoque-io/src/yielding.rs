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
pub(crate) const SLICE: Duration = Duration::from_micros(500);
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

/// Yields the core of the calling thread, which has done nothing but look since `before`, and waits for something that comes
/// `one_by_one`, or for one of many. Returns the time at which the core is back.
pub fn yield_core(before: Instant, one_by_one: bool) -> Instant {
    yield_now();
    let now = Instant::now();
    if one_by_one && now.duration_since(before) >= SLICE {
        CORE.set(CORE.get().lost(before, now));
    }
    now
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

/// Looks that are had before the core is yielded: some two microseconds, in which another core sends, receives and sends back.
const GLANCES: u32 = 128;
/// Waits that begin without, after one in which they were had in vain, and at most.
const SKIPS: [u32; 2] = [8, 1024];

/// Whether a thread has looked in vain.
#[derive(Debug, Clone, Copy)]
struct Glances {
    /// Waits that are to begin without.
    skips: u32,
    /// As many the next time.
    next: u32,
}

thread_local! {
    static GLANCED: Cell<Glances> = const { Cell::new(Glances { skips: 0, next: SKIPS[0] }) };
}

/// Looks for a moment, at the begin of a wait, without giving the core away: who works on another core may be that quick. Whether
/// it `is_there`. Where it never is, that is seldom tried.
pub fn glance(is_there: impl Fn() -> bool) -> bool {
    let mut state = GLANCED.get();
    if state.skips > 0 {
        state.skips -= 1;
        GLANCED.set(state);
        return false;
    }
    let came = (0..GLANCES).any(|_| {
        std::hint::spin_loop();
        is_there()
    });
    GLANCED.set(match came {
        true => Glances { skips: 0, next: SKIPS[0] },
        false => Glances { skips: state.next, next: (2 * state.next).min(SKIPS[1]) },
    });
    came
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

/// Others compute on the core of the calling thread, for an hour.
#[cfg(test)]
pub(crate) fn lose_core() {
    CORE.set(Core::Contended(Instant::now() + Duration::from_secs(3600), REST[0]));
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
    fn who_glanced_in_vain_seldom_does_it_again_and_who_found_something_does() {
        std::thread::spawn(|| {
            let looks = Cell::new(0);
            let glances = |there| {
                looks.set(0);
                let came = glance(|| {
                    looks.set(looks.get() + 1);
                    there
                });
                (came, looks.get())
            };
            for skips in [SKIPS[0], 2 * SKIPS[0]].into_iter().chain((5..=10).map(|power| 1 << power)).chain([SKIPS[1]])
            {
                assert_eq!(glances(false), (false, GLANCES));
                assert!((0..skips).all(|_| glances(true) == (false, 0)), "{skips}");
            }
            assert_eq!([glances(true), glances(true), glances(false)], [(true, 1), (true, 1), (false, GLANCES)]);
            assert!((0..SKIPS[0]).all(|_| glances(true) == (false, 0)) && glances(true).0);
        })
        .join()
        .expect("no panic");
    }

    #[test]
    fn a_core_that_is_away_twice_is_lost_to_who_waits_for_one_message_and_not_to_a_stream() {
        let lose = |one_by_one| {
            std::thread::spawn(move || {
                let before = Instant::now().checked_sub(SLICE).expect("the machine is up for longer");
                for _ in 0..2 {
                    assert!(yield_core(before, one_by_one) >= before + SLICE);
                }
                keeps_core()
            })
            .join()
            .expect("no panic")
        };
        assert_eq!([lose(true), lose(false)], [false, true]);
    }

    #[test]
    fn who_lost_its_core_does_not_poll_until_the_time_is_over() {
        std::thread::spawn(|| {
            assert!(keeps_core());
            lose_core();
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
