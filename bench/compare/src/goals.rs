//! What the figures have to show: issue 3's table, encoded, and whether a report shows it.

use serde::{Deserialize, Serialize};

use crate::contender::BASELINE;
use crate::metric::Metric;
use crate::stats::ratio;
use crate::table::{Row, Table, Trouble, is_peer};

/// Ours, in the two placements that goals name.
const LOCAL: &str = "ours/local";
const SHARED: &str = "ours/shared";
/// The table is of default options; libzmq tuned is among the peers, of whom the best counts.
const LIBZMQ: &str = "libzmq/default";
const BOTH: &[&str] = &[LOCAL, SHARED];
const LOCAL_EPOLL: &[&str] = &["ours/local-epoll"];
const SHARED_EPOLL: &[&str] = &["ours/shared-epoll"];
/// Connections spread over several I/O threads, on both sides of the comparison.
const SHARED_2: &[&str] = &["ours/shared-2"];
const LIBZMQ_2: &str = "libzmq/io-threads-2";

/// A peer delivers the same rate if it is at least this part of ours.
const SAME_RATE: f64 = 0.9;

/// What a figure of ours is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    /// The best mode of one program.
    Program(&'static str),
    /// The best mode of the best peer, libzmq among them.
    BestPeer,
    /// The best mode of all that deliver the same rate.
    PeerOfSameRate,
    /// One mode of one program.
    Contender(&'static str),
    /// The same mode of an earlier build; no demand where there is none.
    Baseline,
    /// A plain number.
    Nothing,
}

/// A bound on a figure, or on its ratio to another's.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Against::{Baseline, BestPeer, Contender, Nothing, PeerOfSameRate, Program};
use Bound::{AtLeast, AtMost};

/// One demand on some scenarios.
struct Goal {
    /// Names of scenarios, with `*` for any ending.
    scenarios: &'static [&'static str],
    /// Whose figure.
    ours: &'static [&'static str],
    metric: Metric,
    bound: Bound,
    against: Against,
}

const fn goal(
    scenarios: &'static [&'static str],
    ours: &'static [&'static str],
    metric: Metric,
    bound: Bound,
    against: Against,
) -> Goal {
    Goal { scenarios, ours, metric, bound, against }
}

const STREAM_64: &[&str] = &["tcp-push-pull-64", "ipc-push-pull-64"];
const STREAM_16: &[&str] = &["tcp-push-pull-16", "ipc-push-pull-16"];
const STREAM_MIDDLE: &[&str] = &[
    "tcp-push-pull-256",
    "tcp-push-pull-1024",
    "tcp-push-pull-4096",
    "ipc-push-pull-256",
    "ipc-push-pull-1024",
    "ipc-push-pull-4096",
];
const STREAM_LARGE: &[&str] = &[
    "tcp-push-pull-16384",
    "tcp-push-pull-65536",
    "tcp-push-pull-1048576",
    "ipc-push-pull-16384",
    "ipc-push-pull-65536",
    "ipc-push-pull-1048576",
];
const STREAM_INPROC: &[&str] = &["inproc-push-pull-64", "inproc-push-pull-1024"];
const TRIP_SPLIT: &[&str] = &["tcp-req-rep-64-split"];
const TRIP_SAME: &[&str] = &["tcp-req-rep-64-same"];
const TRIP_TCP: &[&str] = &["tcp-req-rep-64-split", "tcp-req-rep-64-same"];
const TRIP_IPC: &[&str] = &["ipc-req-rep-64-*"];
const TRIP_INPROC: &[&str] = &["inproc-req-rep-64-*"];
const FLIGHT: &[&str] = &["tcp-dealer-router-64"];
const PUBLISH: &[&str] = &["tcp-pub-*"];
const FAN_IN: &[&str] = &["tcp-fan-in-*"];
const IDLE: &[&str] = &["tcp-idle-*"];
const CHURN: &[&str] = &["tcp-churn"];
/// Issue 5: streams, and handshakes, of CURVE.
const CURVE: &[&str] =
    &["tcp-push-pull-64-curve", "tcp-push-pull-1024-curve", "tcp-push-pull-65536-curve", "tcp-churn-curve"];
const ALL: &[&str] = &["*"];

/// Issue 3, "Must show", row by row, then what else is demanded. Where a row names no placement both have to show it; within a process there is
/// the shared one only.
const GOALS: &[Goal] = &[
    goal(STREAM_64, &[SHARED], Metric::Rate, AtLeast(4.0), Contender(LIBZMQ)),
    goal(STREAM_64, &[SHARED], Metric::Rate, AtLeast(2.2), Program("omq")),
    goal(STREAM_64, &[LOCAL], Metric::Rate, AtLeast(8.0), Contender(LIBZMQ)),
    goal(STREAM_64, &[LOCAL], Metric::Rate, AtLeast(1.7), BestPeer),
    goal(STREAM_16, &[LOCAL], Metric::Rate, AtLeast(1.5), BestPeer),
    goal(STREAM_MIDDLE, BOTH, Metric::Rate, AtLeast(0.85), Program("raw")),
    goal(STREAM_MIDDLE, BOTH, Metric::Rate, AtLeast(1.0), BestPeer),
    goal(STREAM_LARGE, BOTH, Metric::Rate, AtLeast(0.95), Program("raw")),
    goal(STREAM_LARGE, BOTH, Metric::Rate, AtLeast(1.0), BestPeer),
    goal(STREAM_INPROC, &[SHARED], Metric::Rate, AtLeast(4.0), Contender(LIBZMQ)),
    goal(STREAM_INPROC, &[SHARED], Metric::Rate, AtLeast(1.0), BestPeer),
    goal(TRIP_SPLIT, &[LOCAL], Metric::P50, AtMost(0.2), Contender(LIBZMQ)),
    goal(TRIP_SPLIT, &[SHARED], Metric::P50, AtMost(0.3), Contender(LIBZMQ)),
    goal(TRIP_SPLIT, BOTH, Metric::P50, AtMost(1.0), BestPeer),
    goal(TRIP_SAME, &[LOCAL], Metric::P50, AtMost(0.5), Contender(LIBZMQ)),
    goal(TRIP_SAME, &[LOCAL], Metric::P50, AtMost(1.0), BestPeer),
    goal(TRIP_SAME, &[SHARED], Metric::P50, AtMost(0.7), Contender(LIBZMQ)),
    goal(TRIP_TCP, BOTH, Metric::P99, AtMost(0.5), Contender(LIBZMQ)),
    goal(TRIP_TCP, &[LOCAL], Metric::P50, AtMost(1.3), Contender("raw/poll")),
    goal(TRIP_IPC, BOTH, Metric::P50, AtMost(1.0), BestPeer),
    goal(TRIP_INPROC, &[SHARED], Metric::P50, AtMost(1.0), BestPeer),
    goal(FLIGHT, &[LOCAL], Metric::Rate, AtLeast(1.3), BestPeer),
    goal(FLIGHT, &[SHARED], Metric::Rate, AtLeast(2.5), Contender(LIBZMQ)),
    goal(PUBLISH, BOTH, Metric::Rate, AtLeast(2.5), Contender(LIBZMQ)),
    goal(PUBLISH, BOTH, Metric::Rate, AtLeast(1.2), BestPeer),
    goal(FAN_IN, BOTH, Metric::Rate, AtLeast(3.0), Contender(LIBZMQ)),
    goal(FAN_IN, BOTH, Metric::Rate, AtLeast(1.2), BestPeer),
    goal(FAN_IN, BOTH, Metric::Fairness, AtLeast(0.7), Nothing),
    goal(IDLE, BOTH, Metric::SilentKib, AtMost(2.0), Nothing),
    goal(CHURN, BOTH, Metric::Rate, AtLeast(1.5), Contender(LIBZMQ)),
    goal(CHURN, BOTH, Metric::Rate, AtLeast(1.0), BestPeer),
    goal(CURVE, BOTH, Metric::Rate, AtLeast(1.5), Contender(LIBZMQ)),
    goal(CURVE, BOTH, Metric::Rate, AtLeast(1.0), Program("omq")),
    goal(ALL, BOTH, Metric::Cpu, AtMost(1.0), PeerOfSameRate),
    // "Deliver", 4: several I/O threads. The same demands, with as many on libzmq's side.
    goal(PUBLISH, SHARED_2, Metric::Rate, AtLeast(2.5), Contender(LIBZMQ_2)),
    goal(FAN_IN, SHARED_2, Metric::Rate, AtLeast(3.0), Contender(LIBZMQ_2)),
    goal(FAN_IN, SHARED_2, Metric::Fairness, AtLeast(0.7), Nothing),
    // "Deliver", 5: epoll within 25 % of io_uring on every row.
    goal(ALL, LOCAL_EPOLL, Metric::Rate, AtLeast(0.75), Contender(LOCAL)),
    goal(ALL, SHARED_EPOLL, Metric::Rate, AtLeast(0.75), Contender(SHARED)),
    goal(IDLE, LOCAL_EPOLL, Metric::SilentKib, AtMost(1.25), Contender(LOCAL)),
    goal(IDLE, SHARED_EPOLL, Metric::SilentKib, AtMost(1.25), Contender(SHARED)),
    // Not slower than before, where an earlier build is measured too. The margin is the machine's drift within a run.
    goal(ALL, BOTH, Metric::Rate, AtLeast(0.85), Baseline),
    goal(ALL, BOTH, Metric::Cpu, AtMost(1.15), Baseline),
    goal(ALL, BOTH, Metric::P50, AtMost(1.15), Baseline),
    goal(ALL, BOTH, Metric::SilentKib, AtMost(1.15), Baseline),
];

/// One demand, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The scenario's name.
    pub scenario: String,
    /// Whose figure.
    pub ours: String,
    /// The demand in words.
    pub demand: String,
    /// Whether it is met; nothing if there are no figures to tell.
    pub met: Option<bool>,
    /// The figures, or what is missing.
    pub shown: String,
}

/// Judges every demand on the scenarios of a report.
pub fn judge(table: &Table) -> Vec<Verdict> {
    let scenarios = table.scenarios();
    let mut verdicts = Vec::new();
    for goal in GOALS {
        for scenario in scenarios.iter().filter(|name| goal.scenarios.iter().any(|pattern| fits(pattern, name))) {
            for ours in goal.ours {
                verdicts.extend(goal.judge(table, scenario, ours));
            }
        }
    }
    verdicts
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

impl Goal {
    /// Nothing for rows that were not measured, and for demands that do not concern them.
    fn judge(&self, table: &Table, scenario: &str, ours: &str) -> Option<Verdict> {
        let row = table.of_scenario(scenario).find(|row| row.contender == ours)?;
        if self.against == Baseline && !table.of_scenario(scenario).any(|row| row.program == BASELINE) {
            return None;
        }
        let Some(value) = row.median(self.metric) else {
            // Idle rows have no processor time, and a local context no sockets between threads: a demand on all
            // scenarios does not concern them. It does concern a row that failed.
            let concerns = self.scenarios != ALL || matches!(row.trouble, Some(Trouble::Failed(..)));
            return concerns.then(|| self.verdict(scenario, ours, None, "no figures of ours".to_owned()));
        };
        if self.against == Nothing {
            return Some(self.verdict(scenario, ours, Some(self.bound.holds(value)), number(value)));
        }
        let Some((other, yardstick)) = self.yardstick(table, scenario, row) else {
            let (met, why) = match self.against {
                PeerOfSameRate => (Some(true), "no peer delivers the same rate"),
                _ => (None, "nothing to hold it against"),
            };
            return Some(self.verdict(scenario, ours, met, why.to_owned()));
        };
        let shown =
            |ratio| format!("×{ratio:.2} ({} against {} of {})", number(value), number(yardstick), other.contender);
        let Some(ratio) = ratio(value, yardstick) else {
            return Some(self.verdict(scenario, ours, None, "the other's figure is zero".to_owned()));
        };
        Some(self.verdict(scenario, ours, Some(self.bound.holds(ratio)), shown(ratio)))
    }

    fn yardstick<'a>(&self, table: &'a Table, scenario: &str, ours: &Row) -> Option<(&'a Row, f64)> {
        let select = |row: &Row| match self.against {
            Program(name) => row.program == name,
            Contender(name) => row.contender == name,
            BestPeer => is_peer(row),
            PeerOfSameRate => is_peer(row) && same_rate(row, ours),
            Baseline => row.contender.strip_prefix(BASELINE) == ours.contender.strip_prefix("ours"),
            Nothing => false,
        };
        table.best(scenario, self.metric, select)
    }

    fn verdict(&self, scenario: &str, ours: &str, met: Option<bool>, shown: String) -> Verdict {
        let demand = match self.against {
            Nothing => format!("{} {}", self.metric.title(), self.bound.words("")),
            Program(name) | Contender(name) => format!("{} {} {name}", self.metric.title(), self.bound.words("×")),
            BestPeer => format!("{} {} the best peer", self.metric.title(), self.bound.words("×")),
            PeerOfSameRate => format!("{} below every peer of the same rate", self.metric.title()),
            Baseline => format!("{} {} the baseline", self.metric.title(), self.bound.words("×")),
        };
        Verdict { scenario: scenario.to_owned(), ours: ours.to_owned(), demand, met, shown }
    }
}

fn same_rate(peer: &Row, ours: &Row) -> bool {
    let rates = peer.median(Metric::Rate).zip(ours.median(Metric::Rate));
    rates.is_some_and(|(peer, ours)| peer >= ours * SAME_RATE)
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            AtLeast(bound) => value >= bound,
            AtMost(bound) => value <= bound,
        }
    }

    fn words(self, sign: &str) -> String {
        match self {
            AtLeast(bound) => format!("≥ {sign}{bound}"),
            AtMost(bound) => format!("≤ {sign}{bound}"),
        }
    }
}

/// Four digits, with the larger units.
pub fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1e6 => format!("{:.2} M", value / 1e6),
        large if large >= 1e4 => format!("{:.1} k", value / 1e3),
        large if large >= 100.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    fn row(contender: &str, metric: Metric, value: f64) -> Row {
        let program = contender.split('/').next().unwrap().to_owned();
        Row {
            scenario: "tcp-push-pull-64".into(),
            title: String::new(),
            program,
            contender: contender.into(),
            version: None,
            note: String::new(),
            driver: None,
            machine: Default::default(),
            samples: [(metric, vec![value])].into(),
            trouble: None,
        }
    }

    fn met(table: &Table, ours: &str, against: &str) -> Vec<Option<bool>> {
        let verdicts = judge(table).into_iter();
        verdicts.filter(|one| one.ours == ours && one.demand.ends_with(against)).map(|one| one.met).collect()
    }

    #[test]
    fn every_scenario_has_a_goal_and_every_goal_a_scenario() {
        let names: Vec<String> = scenario::all().iter().map(ToString::to_string).collect();
        for goal in GOALS {
            for pattern in goal.scenarios {
                assert!(names.iter().any(|name| fits(pattern, name)), "{pattern}");
            }
        }
        let special: Vec<&Goal> = GOALS.iter().filter(|goal| goal.scenarios != ALL).collect();
        for name in names.iter().filter(|name| !name.ends_with("-free")) {
            let found = special.iter().any(|goal| goal.scenarios.iter().any(|pattern| fits(pattern, name)));
            assert!(found, "{name}");
        }
    }

    #[test]
    fn a_goal_is_held_against_the_best_mode_of_a_program() {
        let table = |best| Table {
            rows: vec![
                row("ours/shared", Metric::Rate, 22.0),
                row("omq/async", Metric::Rate, 5.0),
                row("omq/blocking", Metric::Rate, best),
            ],
        };
        assert_eq!(met(&table(10.0), "ours/shared", "omq"), [Some(true)]);
        assert_eq!(met(&table(10.1), "ours/shared", "omq"), [Some(false)]);
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        let table = Table { rows: vec![row("ours/local", Metric::Rate, 80.0)] };
        assert_eq!(met(&table, "ours/local", LIBZMQ), [None]);
        assert_eq!(met(&table, "ours/shared", LIBZMQ), []);
    }

    #[test]
    fn epoll_is_held_against_io_uring_of_the_same_placement() {
        let table = |rate| Table {
            rows: vec![
                row("ours/local", Metric::Rate, 100.0),
                row("ours/shared", Metric::Rate, 400.0),
                row("ours/local-epoll", Metric::Rate, rate),
            ],
        };
        assert_eq!(met(&table(76.0), "ours/local-epoll", LOCAL), [Some(true)]);
        assert_eq!(met(&table(74.0), "ours/local-epoll", LOCAL), [Some(false)]);
    }

    #[test]
    fn an_earlier_build_is_demanded_nothing_of_and_no_peer() {
        let ours = row("ours/local", Metric::Rate, 100.0);
        let alone = Table { rows: vec![ours.clone()] };
        assert_eq!(met(&alone, "ours/local", "the baseline"), []);
        let both = Table { rows: vec![ours, row("baseline/local", Metric::Rate, 120.0)] };
        assert_eq!(met(&both, "ours/local", "the best peer").iter().flatten().count(), 0);
        assert_eq!(met(&both, "ours/local", "messages/s ≥ ×0.85 the baseline"), [Some(false)]);
    }

    #[test]
    fn a_row_that_failed_is_told_where_all_rows_are_judged() {
        let mut failed = row("ours/local-epoll", Metric::Rate, 0.0);
        failed.samples.clear();
        let judged = |row: &Row| met(&Table { rows: vec![row.clone()] }, "ours/local-epoll", LOCAL);
        failed.trouble = Some(Trouble::Failed(2, String::new()));
        assert_eq!(judged(&failed), [None]);
        failed.trouble = Some(Trouble::Unsupported(String::new()));
        assert_eq!(judged(&failed), []);
    }

    #[test]
    fn processor_time_is_held_against_peers_of_the_same_rate_only() {
        let with = |contender, rate, cpu| {
            let mut row = row(contender, Metric::Rate, rate);
            row.samples.insert(Metric::Cpu, vec![cpu]);
            row
        };
        let table = |rate| Table { rows: vec![with("ours/local", 100.0, 50.0), with("omq/async", rate, 10.0)] };
        assert_eq!(met(&table(95.0), "ours/local", "same rate"), [Some(false)]);
        assert_eq!(met(&table(50.0), "ours/local", "same rate"), [Some(true)]);
    }
}
