//! monocoque-rs 0.4.2 on compio: each message at once, and coalescing.

mod sockets;
mod typed;

use std::process::ExitCode;
use std::time::Duration;

use bench_common::{Failure, Kind, Library, Mode, Order, Outcome, Setup, note_driver};
use monocoque::rt::{LocalRuntime, sleep};

use sockets::RsSocket;

fn main() -> ExitCode {
    bench_common::main::<MonocoqueRs>()
}

struct MonocoqueRs {
    coalesces: bool,
}

impl Library for MonocoqueRs {
    type Socket = RsSocket;

    const MODES: &'static [Mode] = &[
        Mode { name: "eager", note: "a write for each send, as by default; recv_into", groups: &[] },
        Mode {
            name: "coalescing",
            note: "with_write_coalescing, send_buffered and flush where one has to wait; recv_into",
            groups: &[],
        },
    ];

    fn new(mode: &'static str, _: &Order) -> Outcome<Self> {
        note_driver("compio");
        Ok(Self { coalesces: mode == "coalescing" })
    }

    fn run<F: Future>(&'static self, job: F) -> F::Output {
        LocalRuntime::new().expect("a compio runtime can be had").block_on(job)
    }

    async fn pause(&'static self, time: Duration) {
        sleep(time).await;
    }

    async fn open(&'static self, setup: Setup<'_>) -> Outcome<RsSocket> {
        if setup.endpoint.starts_with("inproc:") {
            return Err(Failure::unsupported("its sockets take no inproc endpoints"));
        }
        if setup.no_drop {
            return Err(Failure::unsupported("its publishers ignore xpub_nodrop"));
        }
        if self.coalesces && matches!(setup.kind, Kind::Req | Kind::Rep) {
            return Err(Failure::unsupported(
                "REQ and REP have no flush, and coalescing keeps the request back for ever",
            ));
        }
        RsSocket::open(setup, self.coalesces).await
    }
}
