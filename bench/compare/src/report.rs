//! The report: JSON for programs, Markdown for the repository, a page with charts for a person.

mod chart;
mod html;
mod markdown;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::goals::{self, Verdict, number};
use crate::metric::Metric;
use crate::stats::Summary;
use crate::table::{Row, Table, Trouble};

/// All that was measured, and what it shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The samples.
    pub table: Table,
    /// The demands, judged.
    pub verdicts: Vec<Verdict>,
}

impl Report {
    /// A report on `table`.
    pub fn on(table: Table) -> Self {
        let verdicts = goals::judge(&table);
        Self { table, verdicts }
    }

    /// The report that is in a folder under a name.
    ///
    /// # Errors
    /// If there is none, or it is not one.
    pub fn read(folder: &Path, name: &str) -> Outcome<Self> {
        Ok(serde_json::from_slice(&fs::read(folder.join(format!("{name}.json")))?)?)
    }

    /// Writes the three files.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn write(&self, folder: &Path, name: &str) -> Outcome {
        fs::create_dir_all(folder)?;
        let file = |extension| folder.join(format!("{name}.{extension}"));
        fs::write(file("json"), serde_json::to_string_pretty(self)? + "\n")?;
        fs::write(file("md"), self.markdown())?;
        fs::write(file("html"), self.html()?)?;
        Ok(())
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// As a page that needs nothing else.
    ///
    /// # Errors
    /// If a chart cannot be drawn.
    pub fn html(&self) -> Outcome<String> {
        html::render(self)
    }
}

/// The columns of a scenario's table, of those that its rows have.
fn columns(table: &Table, scenario: &str) -> Vec<Metric> {
    let has = |metric: &Metric| table.of_scenario(scenario).any(|row| row.samples.contains_key(metric));
    [
        Metric::Rate,
        Metric::P50,
        Metric::P99,
        Metric::Fairness,
        Metric::SilentKib,
        Metric::SpokenKib,
        Metric::Cpu,
        Metric::ConnectorCpu,
        Metric::BinderCpu,
        Metric::ConnectorSwitches,
        Metric::BinderSwitches,
    ]
    .into_iter()
    .filter(has)
    .collect()
}

/// The columns whose ratios to others are shown: what a scenario is about.
fn is_principal(metric: Metric) -> bool {
    matches!(metric, Metric::Rate | Metric::P50 | Metric::P99 | Metric::SilentKib | Metric::Cpu)
}

/// Why a row has no figures, or fewer than it should.
fn trouble(row: &Row) -> Option<String> {
    Some(match row.trouble.as_ref()? {
        Trouble::Unsupported(reason) => format!("unsupported: {reason}"),
        Trouble::Failed(times, reason) => {
            let tried = times + row.samples.values().next().map_or(0, Vec::len);
            format!("failed {times} of {tried} times: {reason}")
        }
    })
}

/// Name and version.
fn named(row: &Row) -> String {
    match &row.version {
        Some(version) => format!("{} {version}", row.contender),
        None => row.contender.clone(),
    }
}

/// Where all of it was measured, and how fast that was by itself, as far as that is known.
fn places(table: &Table) -> Vec<String> {
    let mut places: Vec<(String, Vec<&Row>)> = Vec::new();
    for row in &table.rows {
        let at = &row.machine;
        let busy = if at.busy { "with a busy loop on each, " } else { "" };
        let (cores, processor, kernel, commit) = (at.cores, &at.processor, &at.kernel, &at.commit);
        let place = format!("{cores} cores ({processor}), {busy}Linux {kernel}, commit {commit}");
        match places.iter_mut().find(|(known, _)| *known == place) {
            Some((_, rows)) => rows.push(row),
            None => places.push((place, vec![row])),
        }
    }
    places.into_iter().map(|(place, rows)| place + &pace(&rows)).collect()
}

fn pace(rows: &[&Row]) -> String {
    let told = [
        (Metric::LoopUs, "µs", "a fixed loop on each core took"),
        (Metric::CrossingNs, "ns", "a cache line went from one core to the other in"),
    ];
    let told = told.into_iter().filter_map(|(metric, unit, what)| {
        let samples = rows.iter().filter_map(|row| row.samples.get(&metric)).flatten();
        let Summary { median, least, most } = Summary::of(&samples.copied().collect::<Vec<f64>>())?;
        let (median, least, most) = (number(median), number(least), number(most));
        Some(format!("; {what} {median} {unit} beside the median trial, {least} at best and {most} at worst"))
    });
    told.collect()
}

#[cfg(test)]
mod tests;
