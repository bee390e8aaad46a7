//! Progress of a measurement: its phases, kept by a thread of their own so that the measuring loop only reads
//! one number, and a bar on the terminal.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The part of a measurement by time that is not counted: memory grows, caches fill.
const WARM_UP_MAX: Duration = Duration::from_millis(200);
/// How often the bar moves, and the most a phase may be late.
const TICK: Duration = Duration::from_millis(20);

/// Where a measurement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Phase {
    WarmUp,
    Measuring,
    Over,
}

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub enum Extent {
    Count(u64),
    Time(Duration),
}

#[derive(Debug, Default)]
struct Shared {
    phase: AtomicU8,
    done: AtomicU64,
    ended: AtomicBool,
}

/// A measurement under way. Ends, and takes its bar off the terminal, when dropped.
#[derive(Debug)]
pub struct Progress {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// Begins now. A measurement by count is over when its loop says so; one by time, after warming up, here.
    pub fn begin(extent: Extent, is_quiet: bool) -> Self {
        let shared = Arc::new(Shared::default());
        if matches!(extent, Extent::Count(_)) {
            shared.phase.store(Phase::Measuring as u8, Ordering::Relaxed);
        }
        let bar = bar(extent, is_quiet);
        let kept = Arc::clone(&shared);
        let thread = std::thread::spawn(move || keep(&kept, extent, &bar));
        Self { shared, thread: Some(thread) }
    }

    #[inline]
    pub fn phase(&self) -> Phase {
        match self.shared.phase.load(Ordering::Relaxed) {
            0 => Phase::WarmUp,
            1 => Phase::Measuring,
            _ => Phase::Over,
        }
    }

    /// Tells how many messages are done.
    #[inline]
    pub fn set(&self, done: u64) {
        self.shared.done.store(done, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A bar that panicked has nothing to say to a measurement.
            let _ = thread.join();
        }
    }
}

/// Advances the phase and the bar until the measurement has ended.
fn keep(shared: &Shared, extent: Extent, bar: &ProgressBar) {
    let begun = Instant::now();
    while !shared.ended.load(Ordering::Relaxed) {
        let elapsed = begun.elapsed();
        let mut next = TICK;
        if let Extent::Time(time) = extent {
            let warm_up = (time / 10).min(WARM_UP_MAX);
            let (phase, until) = match elapsed {
                _ if elapsed < warm_up => (Phase::WarmUp, warm_up - elapsed),
                _ if elapsed < warm_up + time => (Phase::Measuring, warm_up + time - elapsed),
                _ => (Phase::Over, TICK),
            };
            shared.phase.store(phase as u8, Ordering::Relaxed);
            next = next.min(until);
        }
        bar.set_position(match extent {
            Extent::Count(_) => shared.done.load(Ordering::Relaxed),
            Extent::Time(_) => elapsed.as_millis() as u64,
        });
        std::thread::park_timeout(next);
    }
    bar.finish_and_clear();
}

fn bar(extent: Extent, is_quiet: bool) -> ProgressBar {
    if is_quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (length, template) = match extent {
        Extent::Count(count) => (count, "{wide_bar} {human_pos}/{human_len} {eta}"),
        Extent::Time(time) => (time.as_millis() as u64, "{wide_bar} {eta}"),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_by_time_goes_through_its_phases() {
        let progress = Progress::begin(Extent::Time(Duration::from_millis(30)), true);
        let begun = Instant::now();
        let mut seen = Vec::from([Phase::WarmUp]);
        while progress.phase() != Phase::Over {
            assert!(begun.elapsed() < Duration::from_secs(10));
            if seen.last() != Some(&progress.phase()) {
                seen.push(progress.phase());
            }
        }
        assert!(begun.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn a_measurement_by_count_is_not_over_by_itself() {
        assert_eq!(Progress::begin(Extent::Count(5), true).phase(), Phase::Measuring);
    }
}
