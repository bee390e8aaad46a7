//! All rounds of all scenarios with all contenders, in turn: A, B, C, A, B, C.

use std::time::Duration;

use bench_common::{Amount, Group};

use crate::Outcome;
use crate::args::Args;
use crate::busy::Busy;
use crate::contender::Contender;
use crate::goals::number;
use crate::idle;
use crate::machine::Machine;
use crate::metric::Metric;
use crate::pace::{crossing_ns, loop_us};
use crate::scenario::{Scenario, Transport};
use crate::stats::Summary;
use crate::table::{Row, Table, Trouble};
use crate::trial::{self, Match, Miss, Trial};

/// How long the trial takes that tells how many messages a measurement is.
const CALIBRATION: Duration = Duration::from_millis(150);
/// Before the messages that count.
const WARM_UP: Duration = Duration::from_millis(150);
/// On top of what a trial should take; a program that is not ready then is killed.
const GRACE: Duration = Duration::from_secs(12);
/// For many thousand connections to be made and to speak.
const IDLE_LIMIT: Duration = Duration::from_secs(60);

/// Who meets whom: one contender with itself, or two.
#[derive(Debug, Clone)]
struct Team {
    connector: Contender,
    binder: Contender,
}

impl Team {
    fn is_pair(&self) -> bool {
        self.connector != self.binder
    }

    fn plays(&self, scenario: &Scenario) -> bool {
        let on_a_wire = scenario.transport != Transport::Inproc && scenario.group != Group::Idle;
        self.connector.plays(scenario.group) && self.binder.plays(scenario.group) && (on_a_wire || !self.is_pair())
    }

    fn row(&self, scenario: &Scenario, machine: &Machine) -> Row {
        let both = |of: fn(&Contender) -> String| match self.is_pair() {
            true => format!("{}:{}", of(&self.connector), of(&self.binder)),
            false => of(&self.connector),
        };
        Row {
            scenario: scenario.to_string(),
            title: scenario.title(),
            program: both(|contender| contender.program.clone()),
            contender: both(Contender::to_string),
            version: self.connector.version.clone().filter(|_| !self.is_pair()),
            note: both(|contender| contender.mode.note.clone()),
            driver: None,
            machine: machine.now(),
            samples: Default::default(),
            trouble: None,
        }
    }
}

/// Runs everything that `args` asks for, telling `say` about each step.
///
/// # Errors
/// If a pair names a contender that there is not.
pub fn run(args: &Args, scenarios: &[Scenario], contenders: &[Contender], mut say: impl FnMut(&str)) -> Outcome<Table> {
    let teams = teams(args, contenders)?;
    let machine = Machine { busy: args.busy, ..Machine::here() };
    let _busy = args.busy.then(|| Busy::on(machine.cores)).transpose()?;
    let mut table = Table::default();
    for scenario in scenarios.iter().filter(|scenario| args.wants(scenario, scenarios)) {
        say(&scenario.title());
        let teams: Vec<&Team> = teams.iter().filter(|team| team.plays(scenario)).collect();
        let mut rows: Vec<Row> = teams.iter().map(|team| team.row(scenario, &machine)).collect();
        let mut amounts = vec![None; teams.len()];
        for _ in 0..args.rounds {
            for ((team, row), amount) in teams.iter().zip(&mut rows).zip(&mut amounts) {
                if row.goes_on() {
                    let (before, crossing) = (loop_us(machine.cores), crossing_ns());
                    let mut outcome = play(team, scenario, args.seconds, amount);
                    if let Ok(trial) = &mut outcome {
                        trial.sample.insert(Metric::LoopUs, (before + loop_us(machine.cores)) / 2.0);
                        trial.sample.extend(crossing.map(|time| (Metric::CrossingNs, time)));
                    }
                    note(row, outcome);
                }
            }
        }
        rows.iter().for_each(|row| say(&digest(row)));
        table.rows.extend(rows);
    }
    Ok(table)
}

fn teams(args: &Args, contenders: &[Contender]) -> Outcome<Vec<Team>> {
    let alone = contenders.iter().filter(|contender| args.wants_contender(contender));
    let mut teams: Vec<Team> =
        alone.map(|contender| Team { connector: contender.clone(), binder: contender.clone() }).collect();
    let named = |name: &str| {
        let found = contenders.iter().find(|contender| contender.is(name)).cloned();
        found.ok_or_else(|| format!("there is no contender '{name}'"))
    };
    for pair in &args.pair {
        let (connector, binder) = pair.split_once(':').ok_or("a pair is two names with a colon between")?;
        teams.push(Team { connector: named(connector)?, binder: named(binder)? });
    }
    Ok(teams)
}

/// One measurement, the first time with one before it that tells how long it is to be.
fn play(team: &Team, scenario: &Scenario, seconds: f64, amount: &mut Option<Amount>) -> Result<Trial, Miss> {
    if scenario.group == Group::Idle {
        return idle::run(scenario, &team.binder, IDLE_LIMIT);
    }
    let players = Match { scenario, connector: &team.connector, binder: &team.binder };
    let seconds = scenario.seconds(seconds);
    let limit = GRACE + Duration::from_secs_f64(seconds * 4.0);
    let amount = match amount {
        Some(amount) => *amount,
        None => *amount.insert(calibrate(players, seconds, limit)?),
    };
    trial::run(players, amount, limit)
}

/// What takes about `seconds`: a number of messages, where the sides can agree on one.
///
/// # Errors
/// As a trial.
pub fn calibrate(players: Match<'_>, seconds: f64, limit: Duration) -> Result<Amount, Miss> {
    let timed = |length| Amount::Time { warm_up: WARM_UP, length };
    if !players.scenario.is_counted() {
        return Ok(timed(Duration::from_secs_f64(seconds)));
    }
    let trial = trial::run(players, timed(CALIBRATION), limit)?;
    let rate = trial.sample.get(&Metric::Rate).copied().unwrap_or_default();
    let messages = |seconds: f64| (rate * seconds).ceil().max(1.0) as u64;
    Ok(Amount::Count { warm_up: messages(WARM_UP.as_secs_f64()), messages: messages(seconds) })
}

fn note(row: &mut Row, outcome: Result<Trial, Miss>) {
    match outcome {
        Ok(trial) => {
            row.add(&trial.sample);
            row.driver = trial.driver.or(row.driver.take());
        }
        Err(Miss::Unsupported(reason)) => row.trouble = Some(Trouble::Unsupported(reason)),
        Err(Miss::Failed(reason)) => row.add_failure(reason),
    }
}

/// One line about a row, for someone who watches.
fn digest(row: &Row) -> String {
    let shown =
        [Metric::Rate, Metric::P50, Metric::P99, Metric::Fairness, Metric::SilentKib, Metric::SpokenKib, Metric::Cpu];
    let figures = shown.into_iter().filter_map(|metric| {
        let Summary { median, least, most } = row.summary(metric)?;
        Some(format!("{} {} ({}–{})", metric.title(), number(median), number(least), number(most)))
    });
    let trouble = row.trouble.as_ref().map(|trouble| match trouble {
        Trouble::Unsupported(reason) => format!("unsupported: {reason}"),
        Trouble::Failed(times, reason) => format!("failed {times} times: {reason}"),
    });
    format!("  {:24} {}", row.contender, figures.chain(trouble).collect::<Vec<_>>().join(", "))
}
