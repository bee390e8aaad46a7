//! The stopwatch of a role with many sockets: a counter for each lane, watched by a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::line::{Figures, Line};
use crate::order::{Amount, Order};
use crate::usage::Usage;

/// How often the watching thread looks while it waits for the lanes.
const LOOK: Duration = Duration::from_millis(2);

/// Messages by lane, each with a cache line of its own.
#[derive(Debug, Clone)]
pub struct Tallies(Arc<[Lane]>);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Lane(AtomicU64);

impl Tallies {
    /// `count` lanes, all at zero.
    pub fn new(count: usize) -> Self {
        Self((0..count).map(|_| Lane::default()).collect())
    }

    /// `count` messages more on a lane, which only one thread adds to at a time.
    #[inline]
    pub fn add(&self, lane: usize, count: usize) {
        let lane = &self.0[lane].0;
        lane.store(lane.load(Ordering::Relaxed) + count as u64, Ordering::Relaxed);
    }

    fn counts(&self) -> Vec<u64> {
        self.0.iter().map(|lane| lane.0.load(Ordering::Relaxed)).collect()
    }

    /// Reports once: when every lane has begun, and `gate` (if any) has opened after that was said, the warm-up begins,
    /// then the window.
    pub fn watch(&self, order: &Order, gate: Option<&'static AtomicBool>) {
        let tallies = self.clone();
        let Amount::Time { warm_up, length } = order.time() else { unreachable!("the time is a time") };
        thread::spawn(move || {
            while tallies.counts().contains(&0) {
                thread::sleep(LOOK);
            }
            if let Some(gate) = gate {
                Line::Gathered.print();
                while !gate.load(Ordering::Acquire) {
                    thread::sleep(LOOK);
                }
            }
            thread::sleep(warm_up);
            let (began, usage, before) = (Instant::now(), Usage::now(), tallies.counts());
            thread::sleep(length);
            let lanes: Vec<u64> = tallies.counts().iter().zip(before).map(|(after, before)| after - before).collect();
            let figures = Figures {
                messages: lanes.iter().sum(),
                elapsed_ns: began.elapsed().as_nanos() as u64,
                usage: Usage::now() - usage,
                lanes,
                ..Figures::default()
            };
            Line::Figures(figures.with_driver()).print();
        });
    }
}
