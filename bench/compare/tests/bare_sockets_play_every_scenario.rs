//! Every kind of scenario comes to figures, from the command line of two programs to the sample.

mod support;

use std::time::Duration;

use bench_common::Amount;
use bench_compare::metric::{Metric, Sample};
use bench_compare::trial::{self, Match, Miss};

const LIMIT: Duration = Duration::from_secs(30);
const COUNT: Amount = Amount::Count { warm_up: 10, messages: 200 };
const TIME: Amount = Amount::Time { warm_up: Duration::from_millis(20), length: Duration::from_millis(50) };

fn sample(name: &str, mode: &str, amount: Amount) -> Result<Sample, Miss> {
    let (scenario, raw) = (support::scenario(name), support::contender("raw", mode));
    trial::run(Match { scenario: &scenario, connector: &raw, binder: &raw }, amount, LIMIT).map(|one| one.sample)
}

#[track_caller]
fn has(sample: &Sample, metrics: &[Metric]) {
    for metric in metrics.iter().chain(&[Metric::Rate, Metric::Cpu, Metric::ConnectorCpu, Metric::BinderSwitches]) {
        assert!(sample.get(metric).is_some_and(|value| value.is_finite()), "{metric:?} of {sample:?}");
    }
}

#[test]
fn streams() {
    for name in ["tcp-push-pull-16", "ipc-push-pull-1048576"] {
        has(&sample(name, "large", COUNT).unwrap(), &[]);
        has(&sample(name, "blocking", TIME).unwrap(), &[]);
        has(&sample(name, "framed", COUNT).unwrap(), &[]);
    }
}

#[test]
fn round_trips_in_every_way_of_waiting() {
    for mode in ["blocking", "poll", "spin"] {
        let sample = sample("tcp-req-rep-64-free", mode, COUNT).unwrap();
        has(&sample, &[Metric::P50, Metric::P99]);
        assert!(sample[&Metric::P50] <= sample[&Metric::P99]);
    }
}

#[test]
fn many_in_flight() {
    has(&sample("tcp-dealer-router-64", "blocking", COUNT).unwrap(), &[]);
}

#[test]
fn many_subscribers_and_many_senders() {
    has(&sample("tcp-pub-8-64", "blocking", TIME).unwrap(), &[Metric::Fairness]);
    has(&sample("tcp-fan-in-8-64", "blocking", TIME).unwrap(), &[Metric::Fairness]);
}

#[test]
fn connections_that_come_and_go() {
    has(&sample("tcp-churn", "blocking", COUNT).unwrap(), &[Metric::P50]);
}

#[test]
fn what_cannot_be_is_unsupported() {
    let miss = sample("inproc-push-pull-64", "blocking", COUNT).unwrap_err();
    assert!(matches!(miss, Miss::Unsupported(_)), "{miss:?}");
}
