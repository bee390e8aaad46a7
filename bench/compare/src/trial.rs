//! One measurement: two programs (or one, inproc) from start to figures.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bench_common::{Amount, Figures, Group, Line};

use crate::contender::Contender;
use crate::metric::{Metric, Sample};
use crate::process::{Event, Process};
use crate::scenario::{Scenario, Transport};

/// How long a program may take to bind.
const BIND_LIMIT: Duration = Duration::from_secs(5);
/// How long one side is listened to before the other has its turn; nothing that is measured waits for it.
const TURN: Duration = Duration::from_millis(20);

/// Who meets in which scenario.
#[derive(Debug, Clone, Copy)]
pub struct Match<'a> {
    /// What they do.
    pub scenario: &'a Scenario,
    /// The side that connects.
    pub connector: &'a Contender,
    /// The side that binds.
    pub binder: &'a Contender,
}

/// What a measurement came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The figures.
    pub sample: Sample,
    /// The engine of the side that binds.
    pub driver: Option<String>,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// A library cannot do this.
    Unsupported(String),
    /// It went wrong.
    Failed(String),
}

/// Runs one measurement, which ends before `limit` or is ended.
///
/// # Errors
/// [`Miss`].
pub fn run(players: Match<'_>, amount: Amount, limit: Duration) -> Result<Trial, Miss> {
    let deadline = Instant::now() + limit;
    let endpoint = Endpoint::new(players.scenario.transport);
    let words = Words { players, amount, endpoint: &endpoint.0 };
    let (roles, cores) = (players.scenario.roles(), players.scenario.cores());
    let mut binder = start(players.binder, &words.of(roles.0, cores.0))?;
    match binder.next(BIND_LIMIT.min(limit)) {
        Event::Line(Line::Ready) => {}
        event => return Err(miss(players.binder, event, "it did not bind")),
    }
    let mut sides = vec![(players.binder, binder, None)];
    if players.scenario.transport != Transport::Inproc {
        sides.push((players.connector, start(players.connector, &words.of(roles.1, cores.1))?, None));
        if players.scenario.group == Group::Stream {
            let id = sides[1].1.id();
            sides[0].1.watch(id);
        }
    }
    let mut sender_ns = Span::default();
    while sides.iter().any(|(_, _, figures)| figures.is_none()) {
        if Instant::now() > deadline {
            return Err(Miss::Failed(overdue(&sides, limit)));
        }
        let mut gathered = false;
        for (contender, process, figures) in sides.iter_mut().filter(|(_, _, figures)| figures.is_none()) {
            match process.next(TURN) {
                Event::Silent => {}
                Event::Line(Line::Begun) => sender_ns.begin(process.watched_ns()),
                Event::Line(Line::Figures(found)) => {
                    sender_ns.end(process.watched_ns());
                    *figures = Some(found);
                }
                Event::Line(Line::Gathered) => gathered = true,
                event => return Err(miss(contender, event, "it said nothing")),
            }
        }
        if gathered {
            sides.iter_mut().for_each(|(_, process, _)| process.go());
        }
    }
    let mut figures = sides.into_iter().filter_map(|(_, _, figures)| figures);
    let binder = figures.next().expect("all sides have figures");
    let connector = figures.next();
    if [Some(&binder), connector.as_ref()].iter().flatten().any(|side| side.messages == 0) {
        return Err(Miss::Failed("nothing was delivered".to_owned()));
    }
    let sample = sample(players.scenario, &binder, connector.as_ref(), sender_ns.length());
    Ok(Trial { sample, driver: binder.driver })
}

/// From one noted time to another; only the side that watches notes any.
#[derive(Debug, Default)]
struct Span(Option<u64>, Option<u64>);

impl Span {
    fn begin(&mut self, at: Option<u64>) {
        self.0 = at.or(self.0);
    }

    fn end(&mut self, at: Option<u64>) {
        self.1 = at.or(self.1);
    }

    fn length(&self) -> Option<u64> {
        Some(self.1?.saturating_sub(self.0?))
    }
}

fn start(contender: &Contender, words: &[String]) -> Result<Process, Miss> {
    Process::start(&contender.path, words).map_err(|error| Miss::Failed(error.to_string()))
}

fn miss(contender: &Contender, event: Event, silence: &str) -> Miss {
    match event {
        Event::Line(Line::Unsupported(reason)) => Miss::Unsupported(reason),
        Event::Line(Line::Failed(reason)) => Miss::Failed(format!("{contender}: {reason}")),
        Event::Line(line) => Miss::Failed(format!("{contender} said {line:?}")),
        Event::Ended(how) => Miss::Failed(format!("{contender} ended: {how}")),
        Event::Silent => Miss::Failed(format!("{contender}: {silence} in time")),
    }
}

/// Which sides had no figures when the time was over; dropping them kills them.
fn overdue(sides: &[(&Contender, Process, Option<Figures>)], limit: Duration) -> String {
    let late = sides.iter().filter(|(_, _, figures)| figures.is_none());
    let late: Vec<String> = late
        .map(|(contender, process, _)| match process.complaints() {
            words if words.is_empty() => contender.to_string(),
            words => format!("{contender} ({words})"),
        })
        .collect();
    format!("no figures within {:.0} s from {}", limit.as_secs_f64(), late.join(" and "))
}

/// The command lines of a measurement.
struct Words<'a> {
    players: Match<'a>,
    amount: Amount,
    endpoint: &'a str,
}

impl Words<'_> {
    fn of(&self, role: &str, core: Option<usize>) -> Vec<String> {
        let Scenario { size, peers, no_drop, curve, .. } = self.players.scenario;
        let binds = role == self.players.scenario.roles().0;
        let contender = if binds { self.players.binder } else { self.players.connector };
        let mut words = vec![
            format!("--role={role}"),
            format!("--mode={}", contender.mode.name),
            format!("--endpoint={}", self.endpoint),
            format!("--size={size}"),
            format!("--peers={peers}"),
        ];
        match self.amount {
            Amount::Count { warm_up, messages } => {
                words.extend([format!("--count={messages}"), format!("--warm-up-count={warm_up}")]);
            }
            Amount::Time { warm_up, length } => words.extend([
                format!("--seconds={}", length.as_secs_f64()),
                format!("--warm-up-seconds={}", warm_up.as_secs_f64()),
            ]),
        }
        words.extend(core.map(|core| format!("--core={core}")));
        words.extend(no_drop.then(|| "--no-drop".to_owned()));
        words.extend(curve.then(|| "--curve".to_owned()));
        words
    }
}

/// What the two sides' figures mean in a scenario, where a sender took `sender_ns` of processor time while the receiver measured.
fn sample(scenario: &Scenario, binder: &Figures, connector: Option<&Figures>, sender_ns: Option<u64>) -> Sample {
    // The side that receives tells the rate: what is sent and lost counts for nothing.
    let judge = match scenario.group {
        Group::Stream | Group::FanIn => binder,
        _ => connector.unwrap_or(binder),
    };
    // A publisher's own messages are not the ones that are delivered.
    let messages = |side: &Figures| if scenario.group == Group::Publish { judge.messages } else { side.messages };
    let per_message = |total: u64, side: &Figures| total as f64 / messages(side).max(1) as f64;
    let mut sample = Sample::new();
    sample.insert(Metric::Rate, judge.messages as f64 * 1e9 / judge.elapsed_ns.max(1) as f64);
    if let Some(latency) = judge.latency {
        sample.insert(Metric::P50, latency.p50_ns as f64 / 1e3);
        sample.insert(Metric::P99, latency.p99_ns as f64 / 1e3);
    }
    let switches =
        |side: &Figures| 1e3 * per_message(side.usage.voluntary_switches + side.usage.involuntary_switches, side);
    let cpu = |side: &Figures| per_message(side.usage.cpu_ns(), side);
    if let Some(connector) = connector {
        // A sender's own window is not that of the work: its messages wait in a queue that may hold all of them.
        let connector_cpu = sender_ns.map_or_else(|| cpu(connector), |total| per_message(total, binder));
        sample.insert(Metric::BinderCpu, cpu(binder));
        sample.insert(Metric::BinderSwitches, switches(binder));
        sample.insert(Metric::ConnectorCpu, connector_cpu);
        sample.insert(Metric::ConnectorSwitches, switches(connector));
        sample.insert(Metric::Cpu, cpu(binder) + connector_cpu);
    } else {
        sample.insert(Metric::Cpu, cpu(binder));
        sample.insert(Metric::ConnectorSwitches, switches(binder));
    }
    let (least, most) = (judge.lanes.iter().min(), judge.lanes.iter().max());
    if let (Some(least), Some(most), true) = (least, most, judge.lanes.len() > 1) {
        sample.insert(Metric::Fairness, *least as f64 / (*most).max(1) as f64);
    }
    sample
}

/// A place to meet that nobody else uses; what it leaves in the file system goes with it.
#[derive(Debug)]
pub struct Endpoint(pub String);

impl Endpoint {
    /// A free port, a new path, or a name.
    pub fn new(transport: Transport) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(match transport {
            Transport::Tcp => format!("tcp://127.0.0.1:{}", free_port()),
            Transport::Ipc => {
                let name = format!("monocoque-bench-{}-{number}.sock", std::process::id());
                format!("ipc://{}", std::env::temp_dir().join(name).display())
            }
            Transport::Inproc => format!("inproc://bench-{number}"),
        })
    }
}

/// A port that was free a moment ago: not every library can bind to one that the system chooses and tell which.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(path) = self.0.strip_prefix("ipc://") {
            // Most libraries remove it themselves, unless they are killed.
            let _ = std::fs::remove_file(path);
        }
    }
}
