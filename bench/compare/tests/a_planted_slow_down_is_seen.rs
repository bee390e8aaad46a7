//! A program that is made 30 % slower is reported as slower, by about that.

mod support;

use std::time::Duration;

use bench_common::Amount;
use bench_compare::campaign::calibrate;
use bench_compare::contender::Contender;
use bench_compare::metric::Metric;
use bench_compare::stats::Summary;
use bench_compare::trial::{self, Match};

const PLANTED: f64 = 1.3;
const LIMIT: Duration = Duration::from_secs(30);
const ROUNDS: usize = 5;
/// Machines are shared and a measurement is short: one quiet attempt of these is enough.
const ATTEMPTS: usize = 6;

/// What two contenders that differ by nothing, and two of which the second is slowed down, come to.
#[derive(Debug)]
struct Attempt {
    equal_cpu: f64,
    slowed_cpu: f64,
    slowed_rate: f64,
}

impl Attempt {
    fn made(raw: &Contender) -> Self {
        let scenario = support::scenario("tcp-push-pull-64");
        let players = Match { scenario: &scenario, connector: raw, binder: raw };
        let amount: Amount = calibrate(players, 0.15, LIMIT).expect("bare sockets work");
        let slow_downs = [1.0, 1.0, PLANTED];
        let mut samples = [vec![], vec![], vec![]];
        for _ in 0..ROUNDS {
            for (slow_down, samples) in slow_downs.iter().zip(&mut samples) {
                samples.push(trial::run(players, amount, *slow_down, LIMIT).expect("bare sockets work").sample);
            }
        }
        let median = |who: usize, metric| {
            let values: Vec<f64> = samples[who].iter().map(|sample| sample[&metric]).collect();
            Summary::of(&values).expect("there were rounds").median
        };
        Self {
            equal_cpu: median(1, Metric::Cpu) / median(0, Metric::Cpu),
            slowed_cpu: median(2, Metric::Cpu) / median(0, Metric::Cpu),
            slowed_rate: median(2, Metric::Rate) / median(0, Metric::Rate),
        }
    }

    fn tells(&self) -> bool {
        (0.9..1.1).contains(&self.equal_cpu)
            && (PLANTED - 0.15..PLANTED + 0.2).contains(&self.slowed_cpu)
            && (0.55..0.95).contains(&self.slowed_rate)
    }
}

#[test]
fn thirty_percent_is_told_from_nothing() {
    let raw = support::contender("raw", "blocking");
    let mut attempts = Vec::new();
    for _ in 0..ATTEMPTS {
        let attempt = Attempt::made(&raw);
        if attempt.tells() {
            return;
        }
        attempts.push(attempt);
    }
    panic!("no attempt told the slow-down from nothing: {attempts:#?}");
}
