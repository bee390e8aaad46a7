//! `demo`: every pattern, over every transport, in both placements, for a moment each.
//!
//! Real sockets of one process exchange real messages; a table tells how many and how fast.

mod lane;

use std::io::{self, Write};
use std::sync::mpsc;
use std::time::Duration;

use monocoque::Context;

use crate::args::parse_ms;
use crate::bench::Transport;
use crate::exit::{EXIT_CODES, Failure, note};
use crate::placement::Placement;
use crate::table::{Column, Table, duration, per_second};
use lane::{PATTERNS, Pattern, Rates};

const HELP: &str = "\
Examples:
  monocoque demo
  MONOCOQUE_DRIVER=poll monocoque demo      the same without io_uring";

const COLUMNS: [Column; 6] = [
    Column::text("pattern", 14),
    Column::text("transport", 9),
    Column::text("placement", 9),
    Column::number("messages/s", 10),
    Column::number("round trip p50", 14),
    Column::number("p99", 9),
];

const NOTES: &str = "\
64-byte messages between two sockets of this process. Shared: an I/O thread serves sockets of any thread.
Local: the thread that uses the sockets does the I/O too. req/rep has one request in flight; its messages/s are
requests answered. push/pull and pub/sub make their round trips on two pairs of sockets, there and back.";

const NEXT: &str = "\
Go on with:
  monocoque rep @tcp://127.0.0.1:5557 --echo                    in one terminal: any ZeroMQ program can call it
  echo hello | monocoque req tcp://127.0.0.1:5557               in another one
  monocoque bench thr --size 1024                               two processes, CPU time for each message
  monocoque bench lat --placement local                         percentiles of round trips
  monocoque proxy -f xsub@tcp://*:5559 -b xpub@tcp://*:5560     a broker
  monocoque doctor                                              what this machine allows
  monocoque --help                                              everything else";

/// How much longer than its moments a row may take before it has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Options of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{HELP}\n\n{EXIT_CODES}"))]
pub struct DemoArgs {
    /// How long each measurement takes.
    #[arg(long, value_name = "MS", default_value = "200", value_parser = parse_ms, hide = true)]
    moment: Duration,
}

/// Runs everything and prints the table.
///
/// # Errors
/// [`Failure::Other`] naming the row that failed.
pub fn run(args: DemoArgs) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let driver = Context::new().driver()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    writeln!(out, "monocoque {} on {driver}, {cores} cores\n", env!("CARGO_PKG_VERSION"))?;
    let mut table = Table::begin(&COLUMNS, &mut out)?;
    for pattern in &PATTERNS {
        for transport in [Transport::Tcp, Transport::Ipc, Transport::Inproc] {
            for placement in [Placement::Shared, Placement::Local] {
                let name = format!("{} over {}, {placement}", pattern.name, transport.name());
                let guard = Guard::new(name.clone(), args.moment * 2 + PATIENCE);
                let rates = measure(pattern, transport, placement, args.moment);
                drop(guard);
                let rates = rates.map_err(|failure| Failure::other(format!("{name}: {failure}")))?;
                table.row(&cells(pattern, transport, placement, &rates))?;
            }
        }
    }
    writeln!(out, "\n{NOTES}\n\n{NEXT}")?;
    Ok(())
}

fn measure(pattern: &Pattern, transport: Transport, placement: Placement, moment: Duration) -> Result<Rates, Failure> {
    placement.run(async |context| lane::measure(&context, pattern, transport, placement, moment).await)
}

fn cells(pattern: &Pattern, transport: Transport, placement: Placement, rates: &Rates) -> [String; 6] {
    let at = |quantile| duration(rates.trips.value_at_quantile(quantile));
    let rate = per_second(rates.messages_per_second);
    [pattern.name.into(), transport.name().into(), placement.to_string(), rate, at(0.5), at(0.99)]
}

/// Ends the program when a row hangs, which a local placement could not notice by itself.
struct Guard {
    /// Closed by dropping.
    _done: mpsc::Sender<()>,
}

impl Guard {
    fn new(name: String, limit: Duration) -> Self {
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || {
            if is_done.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                note!("monocoque: {name}: not finished after {} s", limit.as_secs());
                std::process::exit(5);
            }
        });
        Self { _done: done }
    }
}
