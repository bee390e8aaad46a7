//! What each stage of a message's way costs: one thread, no network, no system call.
//!
//! Every figure is for one message of 64 bytes unless its name says otherwise. A stage is timed alone where the public
//! API lets it be; what fills it before and empties it after is not timed. What a stage allocates is counted, beside the
//! times, in a turn of its own. The last group is no stage: calls of the kernel, which no stage makes.

mod encode;
mod envelope;
mod fair_queue;
mod fan_out;
mod kernel;
mod parse;
mod peer;
mod pipe;
mod round_robin;
mod router;
mod topics;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use monocoque_core::Message;

/// The customary small message.
const BODY: [u8; 64] = [7; 64];

fn message() -> Message {
    Message::from(&BODY)
}

/// Stages of one kind.
struct Group<'a> {
    name: &'static str,
    rows: BenchmarkGroup<'a, WallTime>,
}

impl<'a> Group<'a> {
    fn new(c: &'a mut Criterion, name: &'static str) -> Self {
        Self { name, rows: c.benchmark_group(name) }
    }

    fn finish(self) {
        self.rows.finish();
    }

    /// Keeps what a message allocates where the program that prints the table looks for it.
    fn note_allocations(&self, case: &str, each: f64) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("allocations").join(self.name);
        fs::create_dir_all(&folder).expect("the target folder is writable");
        fs::write(folder.join(case), each.to_string()).expect("the target folder is writable");
    }
}

/// Turns that warm memory up before allocations are counted.
const WARM_UP_TURNS: usize = 8;

/// Measures `timed`, which handles `messages`, after `before` and before `after`, which are not timed.
///
/// A turn takes microseconds and a sample thousands of turns: the median turn stands for all of them, so that turns in
/// which the machine did something else do not count.
fn stage<S>(
    group: &mut Group<'_>,
    name: impl Into<String>,
    messages: usize,
    state: &mut S,
    before: impl Fn(&mut S),
    timed: impl Fn(&mut S),
    after: impl Fn(&mut S),
) {
    let (name, mut allocations) = (name.into(), None);
    group.rows.throughput(Throughput::Elements(messages as u64));
    group.rows.bench_function(BenchmarkId::from_parameter(&name), |bencher| {
        allocations.get_or_insert_with(|| {
            let turns = (0..=WARM_UP_TURNS).map(|_| {
                before(state);
                let counted = allocation_counter::measure(|| timed(state));
                after(state);
                counted.count_total as f64 / messages as f64
            });
            turns.last().expect("there is one")
        });
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
    // None, if the command line left this one out.
    if let Some(each) = allocations {
        group.note_allocations(&name, each);
    }
}

fn nothing<S>(_: &mut S) {}

criterion_group! {
    name = stages;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = parse::bench, encode::bench, pipe::bench, fair_queue::bench, round_robin::bench, router::bench,
        envelope::bench, topics::bench, fan_out::bench, kernel::bench
}
criterion_main!(stages);
