//! How fast the machine itself is at the moment. A virtual core often has one half of a physical core, and somebody else's has the other: then it
//! computes half as fast for some tens of milliseconds. And the host moves virtual cores: then what two of them share is nearer or farther. Nothing that
//! can be seen from here says so.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bench_common::pin;

/// Steps of the loop: some tenths of a millisecond.
const STEPS: u64 = 300_000;
/// Times that a line goes to and fro: some 80 µs, or 400.
const TRIPS: u64 = 1000;
/// Where it takes longer others have one of the cores, and nothing is measured.
const TRIPS_TIME_MAX: Duration = Duration::from_millis(5);

/// How long a fixed loop takes that computes in registers, on all of `cores` at once, in µs: their mean. Of what runs here only who has a core at that moment changes it.
pub fn loop_us(cores: usize) -> f64 {
    let times: Vec<f64> = thread::scope(|scope| {
        let loops: Vec<_> = (0..cores).map(|core| scope.spawn(move || on_core(core))).collect();
        loops.into_iter().map(|one| one.join().expect("a loop does not panic")).collect()
    });
    times.iter().sum::<f64>() / times.len().max(1) as f64
}

fn on_core(core: usize) -> f64 {
    // Where a thread may not have that core, another tells as much.
    let _ = pin(core);
    compute(STEPS / 8);
    let began = Instant::now();
    compute(STEPS);
    began.elapsed().as_secs_f64() * 1e6
}

/// Four chains side by side: as much as one core does at a time.
fn compute(steps: u64) {
    let [mut a, mut b, mut c, mut d] = black_box([1u64, 2, 3, 4]);
    for step in 0..steps {
        a = a.wrapping_mul(5).wrapping_add(1);
        b = b.wrapping_mul(7).wrapping_add(step);
        c ^= c << 3;
        d = d.wrapping_add(d >> 2) ^ step;
    }
    black_box([a, b, c, d]);
}

/// How long what one thread stores takes to be seen by another, on the first two cores, in ns; `None` where they cannot be had, or others have them.
pub fn crossing_ns() -> Option<f64> {
    let (place, until) = (AtomicU64::new(0), Instant::now() + TRIPS_TIME_MAX);
    let comes = |value: u64| {
        for look in 1u64.. {
            if place.load(Ordering::Acquire) == value {
                break;
            }
            if look.is_multiple_of(1024) && Instant::now() >= until {
                return false;
            }
            spin_loop();
        }
        true
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let answers = |trip: u64| {
                let came = comes(2 * trip + 1);
                if came {
                    place.store(2 * trip + 2, Ordering::Release);
                }
                came
            };
            pin(1).is_ok() && (0..=TRIPS).all(answers)
        });
        let asks = |trip: u64| {
            place.store(2 * trip + 1, Ordering::Release);
            comes(2 * trip + 2)
        };
        let there = scope.spawn(move || {
            let both_are_there = pin(0).is_ok() && asks(0);
            let began = Instant::now();
            let is_done = both_are_there && (1..=TRIPS).all(asks);
            is_done.then(|| began.elapsed().as_secs_f64() * 1e9 / (2 * TRIPS) as f64)
        });
        there.join().expect("it does not panic")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_core_has_a_pace_and_one_that_is_not_there_has_that_of_another() {
        assert!(loop_us(2) > 0.0);
        assert!(on_core(usize::from(u16::MAX)) > 0.0);
        assert_eq!(loop_us(0), 0.0);
    }

    #[test]
    fn a_crossing_is_timed_or_given_up() {
        let began = Instant::now();
        assert!(crossing_ns().is_none_or(|time| time > 0.0 && time < began.elapsed().as_nanos() as f64));
    }
}
