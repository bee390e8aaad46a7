//! Monocoque, with the context's own I/O threads and with the caller's, on io_uring and on epoll.

mod any;

use std::cell::OnceCell;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::Duration;

use bench_common::{Failure, Group, Library, Mode, Order, Outcome, Setup, note_driver, on_threads, park_on};
use monocoque::{Context, local_runtime};

use any::{AnySocket, Calls};

fn main() -> ExitCode {
    bench_common::main::<Ours>()
}

struct Ours {
    /// Of the shared placement; a local context belongs to its thread.
    shared: Option<Context>,
    many: bool,
}

/// What says which engine a runtime uses, before it is made.
const DRIVER: &str = "MONOCOQUE_DRIVER";

/// What several I/O threads are for.
const SPREAD: &[Group] = &[Group::Publish, Group::FanIn];
/// What the batch calls are for.
const STREAMS: &[Group] = &[Group::Stream, Group::Flight, Group::Publish, Group::FanIn];

thread_local! {
    static LOCAL: OnceCell<Context> = const { OnceCell::new() };
}

/// Starts this program again with epoll as its engine, as a user of the environment variable does, unless that is how
/// it was started.
fn on_epoll() -> Outcome {
    if std::env::var_os(DRIVER).is_some_and(|driver| driver == "poll") {
        return Ok(());
    }
    let again = Command::new(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(DRIVER, "poll").exec();
    Err(Failure::failed(again))
}

impl Library for Ours {
    type Socket = AnySocket;

    const CURVE: Option<&'static [&'static str]> = Some(&[]);

    const MODES: &'static [Mode] = &[
        Mode { name: "local", note: "send and recv_into; I/O on the caller's compio runtime", groups: &[] },
        Mode { name: "shared", note: "blocking send and recv_into; I/O on the context's thread", groups: &[] },
        Mode { name: "local-epoll", note: "local, on epoll instead of io_uring", groups: &[] },
        Mode { name: "shared-epoll", note: "shared, on epoll instead of io_uring", groups: &[] },
        Mode { name: "shared-2", note: "shared, connections spread over two I/O threads", groups: SPREAD },
        Mode { name: "local-many", note: "send_many and recv_many of up to 256", groups: STREAMS },
        Mode { name: "shared-many", note: "send_many and recv_many of up to 256", groups: STREAMS },
    ];

    fn new(mode: &'static str, _: &Order) -> Outcome<Self> {
        if mode.ends_with("epoll") {
            on_epoll()?;
        }
        let threads = if mode == "shared-2" { 2 } else { 1 };
        let shared = mode.starts_with("shared").then(|| Context::builder().io_threads(threads).build()).transpose()?;
        Ok(Self { shared, many: mode.ends_with("many") })
    }

    fn run<F: Future>(&'static self, job: F) -> F::Output {
        match &self.shared {
            Some(_) => park_on(job),
            None => local_runtime().expect("a compio runtime can be had").block_on(job),
        }
    }

    async fn pause(&'static self, time: Duration) {
        match &self.shared {
            Some(_) => thread::sleep(time),
            None => compio::time::sleep(time).await,
        }
    }

    async fn open(&'static self, setup: Setup<'_>) -> Outcome<AnySocket> {
        let context = match &self.shared {
            Some(context) => context.clone(),
            None if setup.endpoint.starts_with("inproc:") => {
                return Err(Failure::unsupported("the sockets of a local context stay on its thread"));
            }
            None => LOCAL.with(|local| match local.get() {
                Some(context) => Ok(context.clone()),
                None => Context::local().map(|context| local.get_or_init(|| context).clone()),
            })?,
        };
        let socket = AnySocket::open(&context, setup, Calls { block: self.shared.is_some(), many: self.many }).await?;
        note_driver(context.driver()?.to_string());
        Ok(socket)
    }

    async fn each<F>(&'static self, count: usize, job: impl Fn(usize) -> F + Clone + Send + 'static) -> Outcome
    where
        F: Future<Output = Outcome> + 'static,
    {
        match &self.shared {
            Some(_) => on_threads(count, job),
            None => bench_common::together(count, job).await,
        }
    }
}
