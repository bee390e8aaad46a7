//! `bench`: throughput, round trips, and the memory of idle connections.
//!
//! The two sides of a measurement are separate processes, but for inproc: this one measures, and starts itself
//! again as the other side ([`partner`]). Each measurement is written once for both placements.

mod idle;
mod lat;
mod partner;
mod progress;
mod thr;
mod usage;

use std::fmt;
use std::io::Write;
use std::time::Duration;

use monocoque::{Context, Driver, Endpoint, Hwm, Kind, SocketBuilder};
use serde::Serialize;

use crate::args::parse_seconds;
use crate::exit::{EXIT_CODES, Failure};
use crate::placement::Placement;
pub use lat::histogram;
use partner::{Part, PartnerArgs};
use progress::Extent;

/// Kinds of measurement.
#[derive(Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum BenchArgs {
    /// Messages a second from PUSH to PULL, and the CPU time that each costs on both sides.
    #[command(after_help = help("  monocoque bench thr
  monocoque bench thr --size 1024 --transport ipc --duration 10
  monocoque bench thr --count 5000000 --peers 4 --placement local --rounds 5 --json"))]
    Thr(Measure),
    /// Round trips from REQ to REP and back, one at a time: percentiles.
    #[command(after_help = help("  monocoque bench lat
  monocoque bench lat --size 64 --placement local --count 100000 --json"))]
    Lat(Measure),
    /// Memory of connections that say nothing: many DEALERs of another process on one ROUTER.
    #[command(after_help = help("  monocoque bench idle --peers 1000
  monocoque bench idle --peers 5000 --transport ipc --json"))]
    Idle(idle::IdleArgs),
    /// The other side of a measurement.
    #[command(hide = true)]
    Partner(PartnerArgs),
}

fn help(examples: &str) -> String {
    format!("Examples:\n{examples}\n\n{EXIT_CODES}")
}

/// Options of throughput and round trips.
#[derive(Debug, Clone, clap::Args)]
pub struct Measure {
    /// How the two sides are connected.
    #[arg(short, long, value_enum, default_value_t = Transport::Tcp)]
    transport: Transport,
    /// Where to bind, instead of an endpoint of our choice.
    #[arg(short, long, value_name = "ENDPOINT", conflicts_with = "transport")]
    endpoint: Option<String>,
    /// Bytes in each message.
    #[arg(short, long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// Measure this many messages.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Measure for this long.
    #[arg(short, long, value_name = "SECONDS", default_value = "3", value_parser = parse_seconds, conflicts_with = "count")]
    duration: Duration,
    /// Sending sockets, each in a process or thread of its own. Round trips use one.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    peers: u16,
    /// Whether sockets have an I/O thread or share the thread of their user.
    #[arg(long, value_enum, default_value_t = Placement::Shared)]
    placement: Placement,
    /// High-water mark of each peer and direction, in messages; 0 for none.
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    hwm: u32,
    /// Repeat the measurement this many times.
    #[arg(short, long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Print one JSON object for each round.
    #[arg(long)]
    json: bool,
}

/// How two sides are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Through the network stack, on 127.0.0.1.
    Tcp,
    /// Through a Unix socket.
    Ipc,
    /// Within one process.
    Inproc,
    /// In WebSocket frames, through the network stack on 127.0.0.1.
    Ws,
}

impl Transport {
    /// An endpoint that can be bound at any time, by any number of processes.
    pub fn anywhere(self) -> &'static str {
        match self {
            Self::Tcp => "tcp://127.0.0.1:*",
            Self::Ipc => "ipc://*",
            Self::Inproc => "inproc://monocoque",
            Self::Ws => "ws://127.0.0.1:*/monocoque",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ipc => "ipc",
            Self::Inproc => "inproc",
            Self::Ws => "ws",
        }
    }

    fn of(endpoint: &str) -> Result<Self, Failure> {
        match endpoint.parse::<Endpoint>() {
            Ok(Endpoint::Tcp(_)) => Ok(Self::Tcp),
            Ok(Endpoint::Ipc(_)) => Ok(Self::Ipc),
            Ok(Endpoint::Inproc(_)) => Ok(Self::Inproc),
            Ok(Endpoint::Ws(_)) => Ok(Self::Ws),
            Ok(_) => Err(Failure::usage(format!("no measurement over {endpoint}"))),
            Err(error) => Err(Failure::usage(error.to_string())),
        }
    }
}

impl Measure {
    /// The transport, and where to bind.
    fn place(&self) -> Result<(Transport, &str), Failure> {
        match &self.endpoint {
            Some(endpoint) => Ok((Transport::of(endpoint)?, endpoint)),
            None => Ok((self.transport, self.transport.anywhere())),
        }
    }

    fn extent(&self) -> Extent {
        self.count.map_or(Extent::Time(self.duration), Extent::Count)
    }

    /// What the other side of this measurement is told, or one of its other sides.
    fn partner(&self, part: Part, connect: String, count: Option<u64>) -> PartnerArgs {
        PartnerArgs { part, connect, size: self.size, count, peers: 1, hwm: self.hwm, placement: self.placement }
    }

    /// What a socket on either side is built with.
    fn options<K: Kind>(&self, builder: SocketBuilder<K>) -> SocketBuilder<K> {
        builder.hwm(Hwm::messages(self.hwm)).linger(Duration::from_secs(10))
    }
}

/// Runs one kind of measurement.
pub fn run(args: BenchArgs) -> Result<(), Failure> {
    match args {
        BenchArgs::Thr(measure) => rounds::<thr::Round>(&measure),
        BenchArgs::Lat(measure) => rounds::<lat::Round>(&measure),
        BenchArgs::Idle(args) => idle::run(&args),
        BenchArgs::Partner(args) => partner::run(&args),
    }
}

/// One round of a measurement, with what it found.
trait Round: Serialize + Sized {
    /// Measures with both sides in this process.
    async fn within_process(context: &Context, measure: &Measure) -> Result<Self, Failure>;

    /// Measures with the other side in processes of its own.
    async fn between_processes(context: &Context, measure: &Measure) -> Result<Self, Failure>;

    /// What is measured, before the first round.
    fn heading(&self) -> String;

    /// What was found.
    fn line(&self) -> String;

    /// The figure whose median stands for all rounds.
    fn figure(&self) -> f64;

    /// That median in words.
    fn median(figure: f64) -> String;
}

/// What was measured where: how the output of every round begins.
#[derive(Debug, Serialize)]
struct Setting {
    bench: &'static str,
    transport: Transport,
    placement: Placement,
    driver: String,
    size: usize,
}

impl Setting {
    fn new(bench: &'static str, measure: &Measure, driver: Driver) -> Result<Self, Failure> {
        let (transport, _) = measure.place()?;
        let (placement, size) = (measure.placement, measure.size);
        Ok(Self { bench, transport, placement, driver: driver.to_string(), size })
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} placement, {}", self.transport.name(), self.placement, self.driver)
    }
}

/// Measures and prints as many rounds as were asked for, and the median of several.
fn rounds<R: Round>(measure: &Measure) -> Result<(), Failure> {
    let (transport, _) = measure.place()?;
    let mut figures = Vec::new();
    for number in 1..=measure.rounds {
        let round: R = measure.placement.run(async |context| match transport {
            Transport::Inproc => R::within_process(&context, measure).await,
            _ => R::between_processes(&context, measure).await,
        })?;
        figures.push(round.figure());
        if measure.json {
            print_json(&round)?;
            continue;
        }
        let mut out = std::io::stdout().lock();
        if number == 1 {
            writeln!(out, "{}", round.heading())?;
        }
        writeln!(out, "round {number:<2} {}", round.line())?;
    }
    if figures.len() > 1 && !measure.json {
        writeln!(std::io::stdout(), "median   {}", R::median(median(figures)))?;
    }
    Ok(())
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value).map_err(|error| Failure::other(error.to_string()))?;
    Ok(writeln!(std::io::stdout(), "{json}")?)
}

/// The middle one of `values`, by rank.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
