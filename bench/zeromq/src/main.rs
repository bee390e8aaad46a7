//! zeromq 0.7 (zmq.rs) on tokio.

mod sockets;

use std::process::ExitCode;
use std::time::Duration;

use bench_common::{Failure, Library, Mode, Order, Outcome, Setup};
use tokio::runtime::{Builder, Runtime};

use sockets::AnySocket;

fn main() -> ExitCode {
    bench_common::main::<Zeromq>()
}

struct Zeromq {
    runtime: Runtime,
}

impl Library for Zeromq {
    type Socket = AnySocket;

    const MODES: &'static [Mode] = &[
        Mode { name: "default", note: "send and recv on tokio's multi-thread runtime", groups: &[] },
        Mode { name: "current-thread", note: "send and recv on tokio's current-thread runtime", groups: &[] },
    ];

    fn new(mode: &'static str, _: &Order) -> Outcome<Self> {
        let mut builder = if mode == "default" { Builder::new_multi_thread() } else { Builder::new_current_thread() };
        Ok(Self { runtime: builder.enable_all().build()? })
    }

    fn run<F: Future>(&'static self, job: F) -> F::Output {
        self.runtime.block_on(job)
    }

    async fn pause(&'static self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn open(&'static self, setup: Setup<'_>) -> Outcome<AnySocket> {
        if setup.endpoint.starts_with("inproc:") {
            return Err(Failure::unsupported("zmq.rs has no inproc transport"));
        }
        if setup.no_drop {
            return Err(Failure::unsupported("zmq.rs publishers always drop"));
        }
        AnySocket::open(setup).await
    }
}
