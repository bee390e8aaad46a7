//! What a program says to the harness: one JSON object a line.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::library::{Group, Mode};
use crate::usage::Usage;

/// One line of a program's output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// The answer to `--describe`.
    Description(Description),
    /// The endpoint is bound.
    Ready,
    /// Every socket of this program has received its first message.
    Gathered,
    /// The window has begun.
    Begun,
    /// What was measured; a program goes on working after it, so that the other side can finish too.
    Figures(Figures),
    /// The library cannot do this, and why.
    Unsupported(String),
    /// It went wrong, and how.
    Failed(String),
}

/// A program, and the ways in which it uses its library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The library's version, where the program can tell it.
    pub version: Option<String>,
    /// The first is the default.
    pub modes: Vec<ModeDescription>,
}

/// A mode, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeDescription {
    /// On the command line and in the report.
    pub name: String,
    /// What it means.
    pub note: String,
    /// The groups of scenarios that it is for; all, if it names none.
    pub groups: Vec<Group>,
}

impl From<&Mode> for ModeDescription {
    fn from(mode: &Mode) -> Self {
        Self { name: mode.name.to_owned(), note: mode.note.to_owned(), groups: mode.groups.to_vec() }
    }
}

/// One side's measurement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Messages (or round trips, or connections) in the window.
    pub messages: u64,
    /// The window, from its first to its last message.
    pub elapsed_ns: u64,
    /// What the whole process used in the window.
    pub usage: Usage,
    /// Messages by lane (by sender, by subscriber) when there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<u64>,
    /// Of each round trip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// The engine that completes I/O, if the library says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
}

/// Percentiles of round trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50_ns: u64,
    /// Exceeded by one in a hundred.
    pub p99_ns: u64,
    /// Exceeded by one in a thousand.
    pub p999_ns: u64,
}

impl Latency {
    /// The percentiles of `trips_ns`; none without trips.
    pub fn of(trips_ns: &mut [u64]) -> Option<Self> {
        trips_ns.sort_unstable();
        let at = |share: usize| trips_ns.get(trips_ns.len() * share / 1000).copied();
        Some(Self { p50_ns: at(500)?, p99_ns: at(990)?, p999_ns: at(999)? })
    }
}

static DRIVER: Mutex<Option<String>> = Mutex::new(None);

/// Says which engine completes I/O; figures printed later carry it.
pub fn note_driver(name: impl Into<String>) {
    *DRIVER.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
}

impl Figures {
    /// The same with the engine that was noted.
    pub(crate) fn with_driver(self) -> Self {
        Self { driver: DRIVER.lock().unwrap_or_else(PoisonError::into_inner).clone(), ..self }
    }
}

impl Line {
    /// Writes the line to the harness; a harness that is gone is no reason to go on.
    pub fn print(&self) {
        let text = serde_json::to_string(self).expect("lines have no keys but strings");
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            std::process::exit(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_the_pipe() {
        let figures = Figures { messages: 3, latency: Latency::of(&mut [30, 10, 20]), ..Figures::default() };
        for line in [Line::Ready, Line::Gathered, Line::Unsupported("no ipc".into()), Line::Figures(figures)] {
            let text = serde_json::to_string(&line).unwrap();
            assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line, "{text}");
        }
    }

    #[test]
    fn percentiles_are_of_the_sorted_trips() {
        let mut trips: Vec<u64> = (1..=1000).rev().collect();
        let latency = Latency::of(&mut trips).unwrap();
        assert_eq!((latency.p50_ns, latency.p99_ns, latency.p999_ns), (501, 991, 1000));
        assert_eq!(Latency::of(&mut []), None);
    }
}
