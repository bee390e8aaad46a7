//! The samples: a row for each scenario and contender, and what a row says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::contender::BASELINE;
use crate::machine::Machine;
use crate::metric::{Metric, Sample};
use crate::scenario::Scenario;
use crate::stats::Summary;

/// One contender in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub scenario: String,
    /// For people.
    pub title: String,
    /// The program; of a pair both, with a colon.
    pub program: String,
    /// Program and mode; of a pair both, the one that connects first.
    pub contender: String,
    /// Version of its library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the mode means.
    pub note: String,
    /// The engine that completes I/O, if the library says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Where and when.
    pub machine: Machine,
    /// The figures, round by round.
    pub samples: BTreeMap<Metric, Vec<f64>>,
    /// Why there are none, or not as many as rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// Why figures are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// The library cannot do it.
    Unsupported(String),
    /// It did not do it: how many times, and why the last time.
    Failed(usize, String),
}

impl Row {
    /// Adds the figures of one trial.
    pub fn add(&mut self, sample: &Sample) {
        for (metric, value) in sample {
            self.samples.entry(*metric).or_default().push(*value);
        }
    }

    /// Counts a trial that failed.
    pub fn add_failure(&mut self, reason: String) {
        let times = if let Some(Trouble::Failed(times, _)) = self.trouble { times + 1 } else { 1 };
        self.trouble = Some(Trouble::Failed(times, reason));
    }

    /// Whether it is worth trying again: a library that cannot, or that has only failed twice, is not.
    pub fn goes_on(&self) -> bool {
        match &self.trouble {
            None => true,
            Some(Trouble::Unsupported(_)) => false,
            Some(Trouble::Failed(times, _)) => *times < 2 || !self.samples.is_empty(),
        }
    }

    /// What its samples of a metric come to.
    pub fn summary(&self, metric: Metric) -> Option<Summary> {
        Summary::of(self.samples.get(&metric)?)
    }

    /// The median of a metric.
    pub fn median(&self, metric: Metric) -> Option<f64> {
        self.summary(metric).map(|summary| summary.median)
    }
}

/// Every row of a report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// In the order of the scenarios, then of the contenders.
    pub rows: Vec<Row>,
}

impl Table {
    /// Takes the rows of `newer` in place of its own of the same scenario and contender.
    pub fn merge(&mut self, newer: Self) {
        for row in newer.rows {
            let same = |old: &&mut Row| (&old.scenario, &old.contender) == (&row.scenario, &row.contender);
            match self.rows.iter_mut().find(same) {
                Some(old) => *old = row,
                None => self.rows.push(row),
            }
        }
    }

    /// Puts the rows in the order of the scenarios, those of one scenario as they are.
    pub fn sort(&mut self, order: &[Scenario]) {
        let names: Vec<String> = order.iter().map(Scenario::to_string).collect();
        self.rows.sort_by_key(|row| names.iter().position(|name| *name == row.scenario));
    }

    /// The rows of a scenario.
    pub fn of_scenario<'a>(&'a self, scenario: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.scenario == scenario)
    }

    /// The names of the scenarios that have rows, each once.
    pub fn scenarios(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !names.contains(&row.scenario.as_str()) {
                names.push(&row.scenario);
            }
        }
        names
    }

    /// The best median of a metric in a scenario among the rows that `select` picks, and whose it is.
    pub fn best(&self, scenario: &str, metric: Metric, select: impl Fn(&Row) -> bool) -> Option<(&Row, f64)> {
        let medians = self.rows.iter().filter(|row| row.scenario == scenario && select(row));
        let medians = medians.filter_map(|row| Some((row, row.median(metric)?)));
        medians.reduce(|best, next| if metric.better(best.1, next.1) == best.1 { best } else { next })
    }
}

/// Whether a row is of a messaging library that is not ours, alone.
pub fn is_peer(row: &Row) -> bool {
    !matches!(row.program.as_str(), "ours" | BASELINE | "raw") && !row.program.contains(':')
}
