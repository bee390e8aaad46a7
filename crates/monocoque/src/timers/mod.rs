//! Timers that call back when they are asked to (`zmq_timers(3)`): for loops that wait for sockets and for the time.
//!
//! [`schedule`] knows when timers are due and takes the time as an argument; this layer has the clock and the callbacks.

mod schedule;

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use schedule::Schedule;

/// One timer of a [`Timers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(u64);

impl fmt::Display for TimerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What went wrong with a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimerError {
    /// It was cancelled, or is another's.
    #[error("there is no timer {0}")]
    Unknown(TimerId),
}

/// What a timer calls: with its timers, all of which it may change, itself included, and its own id.
type Callback = Box<dyn FnMut(&mut Timers, TimerId) + Send>;
type Clock = Box<dyn Fn() -> Instant + Send>;

/// Timers that fire again and again, on the thread that calls [`execute`](Self::execute), and only then.
///
/// A timer that is due late fires once, however late, and is due again one interval after that: what was missed is not
/// made up for. The clock is monotonic.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use monocoque::{Context, Interest, Poller, Timers};
///
/// let ctx = Context::new();
/// let pull = ctx.pull().build()?;
/// pull.blocking().bind("inproc://beats")?;
/// let push = ctx.push().connect("inproc://beats")?;
/// let mut timers = Timers::new();
/// timers.add(Duration::from_millis(1), move |timers, id| {
///     push.try_send("beat").expect("there is room");
///     timers.cancel(id).expect("it is this one");
/// });
/// let mut poller = Poller::new();
/// poller.add(&pull, Interest::READABLE, 0)?;
/// // The loop of a program that has both: wait for messages until the next timer is due.
/// while poller.wait_blocking(timers.timeout())?.is_empty() {
///     timers.execute();
/// }
/// assert_eq!(pull.try_recv()?, "beat".into());
/// # Ok(())
/// # }
/// ```
pub struct Timers {
    schedule: Schedule,
    /// `None` while it is being called.
    callbacks: HashMap<TimerId, Option<Callback>>,
    clock: Clock,
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("schedule", &self.schedule).finish()
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

impl Timers {
    /// No timers, by the system's monotonic clock.
    pub fn new() -> Self {
        Self::with_clock(Instant::now)
    }

    /// No timers, by a clock of the caller's: one that stands still until a test moves it, for example.
    pub fn with_clock(clock: impl Fn() -> Instant + Send + 'static) -> Self {
        Self { schedule: Schedule::default(), callbacks: HashMap::new(), clock: Box::new(clock) }
    }

    /// Adds a timer that calls `callback` when `interval` has passed, and every `interval` after that. With an
    /// interval of zero it is due whenever one looks.
    pub fn add(&mut self, interval: Duration, callback: impl FnMut(&mut Timers, TimerId) + Send + 'static) -> TimerId {
        let id = self.schedule.add((self.clock)(), interval);
        self.callbacks.insert(id, Some(Box::new(callback)));
        id
    }

    /// Takes a timer out. It does not fire any more, even if it is due.
    ///
    /// # Errors
    /// [`TimerError::Unknown`].
    pub fn cancel(&mut self, id: TimerId) -> Result<(), TimerError> {
        self.schedule.cancel(id)?;
        self.callbacks.remove(&id);
        Ok(())
    }

    /// Changes the interval of a timer: it is due when the new one has passed from now.
    ///
    /// # Errors
    /// [`TimerError::Unknown`].
    pub fn set_interval(&mut self, id: TimerId, interval: Duration) -> Result<(), TimerError> {
        self.schedule.set_interval((self.clock)(), id, interval)
    }

    /// Begins the interval of a timer anew: it is due when it has passed from now.
    ///
    /// # Errors
    /// [`TimerError::Unknown`].
    pub fn reset(&mut self, id: TimerId) -> Result<(), TimerError> {
        self.schedule.reset((self.clock)(), id)
    }

    /// How many timers there are.
    pub fn len(&self) -> usize {
        self.callbacks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.callbacks.is_empty()
    }

    /// How long it is until a timer is due: the time-out for a [`Poller`](crate::Poller). Zero if one is due now,
    /// `None` if none ever is.
    pub fn timeout(&self) -> Option<Duration> {
        self.schedule.next().map(|due| due.saturating_duration_since((self.clock)()))
    }

    /// Calls every timer that is due, in the order of their times; returns how many that were.
    ///
    /// A timer that another one cancels or resets before its turn does not fire; one that is added meanwhile fires
    /// next time at the earliest.
    pub fn execute(&mut self) -> usize {
        let now = (self.clock)();
        let due = self.schedule.due(now);
        due.into_iter().filter(|&id| self.fire(now, id)).count()
    }

    fn fire(&mut self, now: Instant, id: TimerId) -> bool {
        if !self.schedule.fire(now, id) {
            return false;
        }
        let Some(mut callback) = self.callbacks.get_mut(&id).and_then(Option::take) else {
            // It is running: it executes its own timers.
            return false;
        };
        callback(self, id);
        // Unless it has cancelled itself.
        if let Some(place) = self.callbacks.get_mut(&id) {
            *place = Some(callback);
        }
        true
    }
}
