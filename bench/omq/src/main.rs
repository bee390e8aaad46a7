//! omq-tokio 0.33 in the three ways that its documentation offers, message by message and many at a time.

mod sockets;

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use bench_common::{Group, Library, Mode, Order, Outcome, Setup, on_threads, park_on, together};
use omq_tokio::Context;
use tokio::runtime::Builder;

use sockets::{Front, OmqSocket};

fn main() -> ExitCode {
    bench_common::main::<Omq>()
}

/// What its manual gives as an example of spinning.
const SPIN: Duration = Duration::from_micros(50);

/// Where calls for many messages at once make a difference.
const STREAMS: &[Group] = &[Group::Stream, Group::Flight, Group::Publish, Group::FanIn];

struct Omq {
    front: Front,
    /// Owns an I/O thread: for the blocking modes, and for two threads that meet in one process.
    context: Option<Context>,
    many: bool,
    spin: Duration,
}

impl Library for Omq {
    type Socket = OmqSocket;

    // Exclusive sockets take no options of security.
    const CURVE: Option<&'static [&'static str]> = Some(&["exclusive"]);

    const MODES: &'static [Mode] = &[
        Mode {
            name: "async",
            note: "send and recv on a current-thread runtime, as in its own benchmarks",
            groups: &[],
        },
        Mode { name: "blocking", note: "try_send, else send; recv; I/O on the context's thread", groups: &[] },
        Mode { name: "exclusive", note: "one peer, no driver task, TCP only", groups: &[] },
        Mode { name: "async-many", note: "try_send_many and recv_many_into of up to 256", groups: STREAMS },
        Mode { name: "blocking-many", note: "try_send_many and recv_many_into of up to 256", groups: STREAMS },
        Mode { name: "blocking-spin", note: "blocking with recv_spin of 50 µs", groups: &[Group::Trip] },
    ];

    fn new(mode: &'static str, order: &Order) -> Outcome<Self> {
        let front = match mode {
            "exclusive" => Front::Exclusive,
            _ if mode.starts_with("async") => Front::Async,
            _ => Front::Blocking,
        };
        let is_inproc = order.endpoint.starts_with("inproc:");
        let context = (front == Front::Blocking || is_inproc).then(Context::new);
        let spin = if mode.ends_with("spin") { SPIN } else { Duration::ZERO };
        Ok(Self { front, context, many: mode.ends_with("many"), spin })
    }

    fn run<F: Future>(&'static self, job: F) -> F::Output {
        if self.front == Front::Blocking {
            return park_on(job);
        }
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be had").block_on(job)
    }

    async fn pause(&'static self, time: Duration) {
        match self.front {
            Front::Blocking => thread::sleep(time),
            _ => tokio::time::sleep(time).await,
        }
    }

    async fn open(&'static self, setup: Setup<'_>) -> Outcome<OmqSocket> {
        OmqSocket::open(self.front, self.context.as_ref(), setup, self.many, self.spin).await
    }

    async fn each<F>(&'static self, count: usize, job: impl Fn(usize) -> F + Clone + Send + 'static) -> Outcome
    where
        F: Future<Output = Outcome> + 'static,
    {
        match self.front {
            Front::Blocking => on_threads(count, job),
            _ => together(count, job).await,
        }
    }
}
