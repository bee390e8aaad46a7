//! When timers are due. Holds no clock: the time is an argument.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::{TimerError, TimerId};

#[derive(Debug)]
struct Timer {
    interval: Duration,
    /// `None` is farther away than the clock reaches.
    due: Option<Instant>,
}

/// The times of all timers.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    timers: HashMap<TimerId, Timer>,
    /// Those that are ever due, the next one first; of those that are due together, the oldest.
    order: BTreeSet<(Instant, TimerId)>,
    added: u64,
}

impl Schedule {
    /// Adds a timer that is due when `interval` has passed, and again and again after that.
    pub(super) fn add(&mut self, now: Instant, interval: Duration) -> TimerId {
        self.added += 1;
        let id = TimerId(self.added);
        self.timers.insert(id, Timer { interval, due: None });
        self.restart(now, id, interval);
        id
    }

    /// Takes a timer out.
    pub(super) fn cancel(&mut self, id: TimerId) -> Result<(), TimerError> {
        let timer = self.timers.remove(&id).ok_or(TimerError::Unknown(id))?;
        if let Some(due) = timer.due {
            self.order.remove(&(due, id));
        }
        Ok(())
    }

    /// Changes the interval of a timer, which begins anew.
    pub(super) fn set_interval(&mut self, now: Instant, id: TimerId, interval: Duration) -> Result<(), TimerError> {
        if !self.timers.contains_key(&id) {
            return Err(TimerError::Unknown(id));
        }
        self.restart(now, id, interval);
        Ok(())
    }

    /// Lets a timer's interval begin anew.
    pub(super) fn reset(&mut self, now: Instant, id: TimerId) -> Result<(), TimerError> {
        let interval = self.timers.get(&id).ok_or(TimerError::Unknown(id))?.interval;
        self.restart(now, id, interval);
        Ok(())
    }

    /// When the next timer is due; `None` if none ever is.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|&(due, _)| due)
    }

    /// The timers that are due at `now`, in that order.
    pub(super) fn due(&self, now: Instant) -> Vec<TimerId> {
        self.order.iter().take_while(|&&(due, _)| due <= now).map(|&(_, id)| id).collect()
    }

    /// Takes note that a timer fires at `now`, however late that is: it is due again one interval from now. Returns
    /// whether it does: not if it was cancelled or moved meanwhile.
    pub(super) fn fire(&mut self, now: Instant, id: TimerId) -> bool {
        let Some(timer) = self.timers.get(&id) else { return false };
        let (is_due, interval) = (timer.due.is_some_and(|due| due <= now), timer.interval);
        if is_due {
            self.restart(now, id, interval);
        }
        is_due
    }

    fn restart(&mut self, now: Instant, id: TimerId, interval: Duration) {
        let Some(timer) = self.timers.get_mut(&id) else { return };
        timer.interval = interval;
        let before = std::mem::replace(&mut timer.due, now.checked_add(interval));
        let due = timer.due;
        if let Some(before) = before {
            self.order.remove(&(before, id));
        }
        self.order.extend(due.map(|due| (due, id)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Fires what is due at `now`, as the layer above does.
    fn fire(schedule: &mut Schedule, now: Instant) -> Vec<TimerId> {
        let due = schedule.due(now);
        due.into_iter().filter(|&id| schedule.fire(now, id)).collect()
    }

    #[test]
    fn timers_are_due_in_the_order_of_their_times() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let slow = schedule.add(start, 3 * SECOND);
        let quick = schedule.add(start, SECOND);
        let twin = schedule.add(start, SECOND);
        assert_eq!(schedule.next(), Some(start + SECOND));
        assert!(schedule.due(start).is_empty());
        assert_eq!(fire(&mut schedule, start + SECOND), [quick, twin]);
        assert_eq!(schedule.next(), Some(start + 2 * SECOND));
        assert_eq!(fire(&mut schedule, start + 3 * SECOND), [quick, twin, slow]);
    }

    #[test]
    fn a_timer_that_is_late_fires_once_and_counts_from_then() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let id = schedule.add(start, SECOND);
        let late = start + 10 * SECOND + SECOND / 2;
        assert_eq!(fire(&mut schedule, late), [id]);
        assert!(fire(&mut schedule, late).is_empty());
        assert_eq!(schedule.next(), Some(late + SECOND));
    }

    #[test]
    fn a_reset_and_a_new_interval_begin_anew() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let id = schedule.add(start, 2 * SECOND);
        schedule.reset(start + SECOND, id).expect("known");
        assert_eq!(schedule.next(), Some(start + 3 * SECOND));
        schedule.set_interval(start + SECOND, id, 5 * SECOND).expect("known");
        assert_eq!(schedule.next(), Some(start + 6 * SECOND));
        assert_eq!(fire(&mut schedule, start + 6 * SECOND), [id]);
        assert_eq!(schedule.next(), Some(start + 11 * SECOND));
    }

    #[test]
    fn what_was_moved_or_cancelled_does_not_fire() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let [moved, cancelled] = [(); 2].map(|()| schedule.add(start, SECOND));
        let now = start + SECOND;
        assert_eq!(schedule.due(now), [moved, cancelled]);
        schedule.reset(now, moved).expect("known");
        schedule.cancel(cancelled).expect("known");
        assert!(!schedule.fire(now, moved) && !schedule.fire(now, cancelled));
        assert_eq!(schedule.next(), Some(now + SECOND));
        assert_eq!(schedule.cancel(cancelled), Err(TimerError::Unknown(cancelled)));
        assert_eq!(schedule.reset(now, cancelled), Err(TimerError::Unknown(cancelled)));
        assert_eq!(schedule.set_interval(now, cancelled, SECOND), Err(TimerError::Unknown(cancelled)));
    }

    #[test]
    fn an_interval_beyond_the_clock_is_never_due_and_one_of_nothing_always() {
        let (mut schedule, start) = (Schedule::default(), Instant::now());
        let never = schedule.add(start, Duration::MAX);
        assert_eq!(schedule.next(), None);
        let always = schedule.add(start, Duration::ZERO);
        assert_eq!(fire(&mut schedule, start), [always]);
        assert_eq!(fire(&mut schedule, start), [always], "once each time that one looks");
        schedule.cancel(always).expect("known");
        schedule.set_interval(start, never, SECOND).expect("known");
        assert_eq!(schedule.next(), Some(start + SECOND));
    }
}
