//! How fast the machine itself is at the moment. A virtual core often has one half of a physical core, and somebody else's has the other: then it
//! computes half as fast for some tens of milliseconds, and nothing that can be seen from here says so.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use bench_common::pin;

/// Steps of the loop: a fifth of a millisecond, or a third.
const STEPS: u64 = 200_000;

/// How long a fixed loop takes that computes in registers, on all of `cores` at once, in µs: their mean. What is measured does not change it.
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
    let mut chains = [1u64, 2, 3, 4];
    for step in 0..steps {
        let [a, b, c, d] = &mut chains;
        *a = a.wrapping_mul(5).wrapping_add(1);
        *b = b.wrapping_mul(7).wrapping_add(step);
        *c ^= *c << 3;
        *d = d.wrapping_add(*d >> 2) ^ step;
        chains = black_box(chains);
    }
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
}
