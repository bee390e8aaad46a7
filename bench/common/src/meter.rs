//! The stopwatch of a role with one socket.

use std::time::{Duration, Instant};

use crate::line::{Figures, Latency, Line};
use crate::order::{Amount, Order};
use crate::usage::{Usage, thread_time};

/// Messages between two looks at the clock; below it a look would cost as much as the messages.
const STRIDE: u64 = 64;

/// Counts messages, measures those in the window after the warm-up, and reports once.
#[derive(Debug)]
pub struct Meter {
    amount: Amount,
    seen: u64,
    /// When to look next, in messages.
    next: u64,
    stride: u64,
    warm_at: Option<Instant>,
    begun: Option<Begun>,
    trips_ns: Vec<u64>,
    brake: Option<Brake>,
    silent: bool,
}

#[derive(Debug)]
struct Begun {
    at: Instant,
    usage: Usage,
    seen: u64,
}

impl Meter {
    /// A meter for messages that go one way.
    pub fn new(order: &Order) -> Self {
        let amount = order.amount();
        let (next, trips) = match amount {
            Amount::Count { warm_up, messages } => (warm_up.max(1), messages),
            Amount::Time { .. } => (1, 0),
        };
        Self {
            amount,
            seen: 0,
            next,
            stride: if order.size > 4096 { 1 } else { STRIDE },
            warm_at: None,
            begun: None,
            trips_ns: Vec::with_capacity(trips.min(1 << 22) as usize),
            brake: Brake::new(order),
            silent: false,
        }
    }

    /// A meter for round trips, whose times are handed in.
    pub fn of_trips(order: &Order) -> Self {
        Self { stride: 1, ..Self::new(order) }
    }

    /// A meter that reports nothing: the other thread of this process does.
    pub fn silent(self) -> Self {
        Self { silent: true, ..self }
    }

    /// `count` messages more.
    #[inline]
    pub fn add(&mut self, count: usize) {
        self.seen += count as u64;
        if self.seen >= self.next {
            self.look();
        }
        if let Some(brake) = &mut self.brake {
            brake.pull();
        }
    }

    /// One round trip more, and how long it took.
    #[inline]
    pub fn add_trip(&mut self, began: Instant) {
        if self.begun.is_some() && self.next != u64::MAX {
            self.trips_ns.push(began.elapsed().as_nanos() as u64);
        }
        self.add(1);
    }

    #[cold]
    fn look(&mut self) {
        let now = Instant::now();
        match self.amount {
            Amount::Count { messages, .. } if self.begun.is_none() => {
                self.begin();
                self.next = self.seen + messages;
            }
            Amount::Count { .. } => self.end(now),
            Amount::Time { warm_up, length } => {
                self.next = self.seen + self.stride;
                let warm = now >= *self.warm_at.get_or_insert(now + warm_up);
                match &self.begun {
                    None if warm => self.begin(),
                    Some(begun) if now - begun.at >= length => self.end(now),
                    _ => {}
                }
            }
        }
    }

    fn begin(&mut self) {
        if !self.silent {
            Line::Begun.print();
        }
        self.begun = Some(Begun { at: Instant::now(), usage: Usage::now(), seen: self.seen });
    }

    fn end(&mut self, now: Instant) {
        self.next = u64::MAX;
        let Some(begun) = &self.begun else { return };
        let figures = Figures {
            messages: self.seen - begun.seen,
            elapsed_ns: (now - begun.at).as_nanos() as u64,
            usage: Usage::now() - begun.usage,
            latency: Latency::of(&mut self.trips_ns),
            ..Figures::default()
        };
        if !self.silent {
            Line::Figures(figures.with_driver()).print();
        }
    }
}

/// Wastes processor time in proportion to what was used, so that a test can plant a slow-down.
#[derive(Debug)]
struct Brake {
    share: f64,
    calls: u32,
    last: Duration,
}

impl Brake {
    /// Calls between two looks at the clock, which must not slow down by itself.
    const STRIDE: u32 = 64;

    fn new(order: &Order) -> Option<Self> {
        (order.slow_down > 1.0).then(|| Self { share: order.slow_down - 1.0, calls: 0, last: thread_time() })
    }

    fn pull(&mut self) {
        self.calls += 1;
        if !self.calls.is_multiple_of(Self::STRIDE) {
            return;
        }
        let now = thread_time();
        let until = now + (now - self.last).mul_f64(self.share);
        while thread_time() < until {
            std::hint::spin_loop();
        }
        self.last = thread_time();
    }
}
