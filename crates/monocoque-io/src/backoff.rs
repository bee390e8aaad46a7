//! How long to wait before the next attempt to connect.

use std::time::Duration;

/// No wait is shorter, but for its jitter: an endpoint of this machine refuses at once.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// No wait is longer, whatever the bounds say, but for its jitter.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The bounds of a [`Backoff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffConfig {
    /// Before the second attempt (`ZMQ_RECONNECT_IVL`).
    pub first: Duration,
    /// The waits double up to this (`ZMQ_RECONNECT_IVL_MAX`); at most `first` means they do not grow.
    pub max: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { first: Duration::from_millis(50), max: Duration::from_secs(5) }
    }
}

/// Waits that double from attempt to attempt, with jitter so that a thousand peers do not come back at once.
#[derive(Debug)]
pub struct Backoff {
    config: BackoffConfig,
    next: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    /// Starts at the first wait. `seed` decides the jitter.
    pub fn new(config: BackoffConfig, seed: u64) -> Self {
        Self { config, next: config.first, random: fastrand::Rng::with_seed(seed) }
    }

    /// The next wait: three quarters to five quarters of the nominal one.
    pub fn wait(&mut self) -> Duration {
        let nominal = self.next.clamp(WAIT_MIN, WAIT_MAX);
        self.next = nominal.saturating_mul(2).min(self.config.max.max(self.config.first));
        nominal.mul_f64(0.75 + self.random.f64() / 2.0)
    }

    /// After a success: back to the first wait.
    pub fn reset(&mut self) {
        self.next = self.config.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_is_a_short_one_that_doubles_too() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(BackoffConfig { first: Duration::ZERO, max: ms(4) }, 7);
        for nominal in [1000, 2000, 4000, 4000] {
            let wait = backoff.wait().as_micros();
            assert!((nominal * 3 / 4..=nominal * 5 / 4).contains(&wait), "{wait} for {nominal}");
        }
    }

    #[test]
    fn waits_double_to_the_bound_and_fall_back() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(BackoffConfig { first: ms(100), max: ms(350) }, 7);
        for nominal in [100, 200, 350, 350] {
            let wait = backoff.wait();
            assert!(wait >= ms(nominal * 3 / 4) && wait <= ms(nominal * 5 / 4), "{wait:?} for {nominal}");
        }
        backoff.reset();
        assert!(backoff.wait() <= ms(125));
    }

    #[test]
    fn absurd_bounds_do_not_overflow() {
        let config = BackoffConfig { first: Duration::MAX, max: Duration::MAX };
        let mut backoff = Backoff::new(config, 7);
        assert!((0..9).all(|_| backoff.wait() <= WAIT_MAX * 5 / 4));
    }

    #[test]
    fn without_a_bound_the_wait_stays() {
        let first = Duration::from_millis(100);
        let mut backoff = Backoff::new(BackoffConfig { first, max: Duration::ZERO }, 7);
        assert!((0..9).all(|_| backoff.wait() <= first * 5 / 4));
    }
}
