//! What each stage of a message's way costs: one thread, no network, no system call.
//!
//! Every figure is for one message of 64 bytes unless its name says otherwise. A stage is timed alone where the public
//! API lets it be; what fills it before and empties it after is not timed.

mod encode;
mod envelope;
mod fair_queue;
mod fan_out;
mod parse;
mod peer;
mod pipe;
mod round_robin;
mod router;
mod topics;

use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use monocoque_core::Message;

/// The customary small message.
const BODY: [u8; 64] = [7; 64];

fn message() -> Message {
    Message::from(&BODY)
}

/// Measures `timed`, which handles `messages`, after `before` and before `after`, which are not timed.
///
/// A turn takes microseconds and a sample thousands of turns: the median turn stands for all of them, so that turns in
/// which the machine did something else do not count.
fn stage<S>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: impl Into<String>,
    messages: usize,
    state: &mut S,
    before: impl Fn(&mut S),
    timed: impl Fn(&mut S),
    after: impl Fn(&mut S),
) {
    group.throughput(Throughput::Elements(messages as u64));
    group.bench_function(BenchmarkId::from_parameter(name.into()), |bencher| {
        bencher.iter_custom(|iterations| {
            let turn = |_| {
                before(state);
                let start = Instant::now();
                timed(state);
                let took = start.elapsed();
                after(state);
                took
            };
            let mut turns: Vec<_> = (0..iterations).map(turn).collect();
            let middle = turns.len() / 2;
            let (_, median, _) = turns.select_nth_unstable(middle);
            median.mul_f64(iterations as f64)
        });
    });
}

fn nothing<S>(_: &mut S) {}

criterion_group! {
    name = stages;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = parse::bench, encode::bench, pipe::bench, fair_queue::bench, round_robin::bench, router::bench,
        envelope::bench, topics::bench, fan_out::bench
}
criterion_main!(stages);
