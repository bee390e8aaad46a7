//! The harness's command line.

use std::path::PathBuf;

use clap::Parser;

use crate::contender::{BASELINE, Contender};
use crate::scenario::Scenario;

/// Scenarios of a quick look.
const QUICK: [&str; 5] =
    ["tcp-push-pull-64", "tcp-push-pull-1024", "tcp-req-rep-64-split", "tcp-dealer-router-64", "inproc-push-pull-64"];

/// Measures Monocoque against its peers: rounds in turn, medians, a report.
#[derive(Debug, Clone, Parser)]
#[command(name = "compare")]
pub struct Args {
    /// Measurements of each row.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// About how long each measurement takes, without its warm-up.
    #[arg(long, default_value_t = 0.5)]
    pub seconds: f64,
    /// Only scenarios whose name is, or begins with, one of these.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Only these programs (`libzmq`) and modes (`omq/blocking`).
    #[arg(long, value_delimiter = ',')]
    pub peers: Vec<String>,
    /// Two implementations over the wire, besides (with --peers none: instead of) each with itself: the one that
    /// connects, a colon, the one that binds, such as `ours:libzmq` or `rzmq/default:ours/local`.
    #[arg(long, value_delimiter = ',')]
    pub pair: Vec<String>,
    /// An earlier build of bench-ours, measured in the same rounds as `baseline`; goals tell if this one is slower.
    #[arg(long)]
    pub baseline: Option<PathBuf>,
    /// Beside a loop on each core, which computes: as on a machine that does something else too.
    #[arg(long)]
    pub busy: bool,
    /// A few scenarios, three short rounds.
    #[arg(long)]
    pub quick: bool,
    /// List the scenarios and the contenders, and measure nothing.
    #[arg(long)]
    pub list: bool,
    /// Where the report goes.
    #[arg(long, default_value_os_t = default_out())]
    pub out: PathBuf,
    /// The name of the report's files; `latest` for all scenarios and peers, else `partial`, or `busy`.
    #[arg(long)]
    pub name: Option<String>,
    /// Put the new rows into the report that is there, in place of its own.
    #[arg(long)]
    pub merge: bool,
    /// Measure nothing: write the Markdown and the page again from the JSON.
    #[arg(long)]
    pub render: bool,
}

/// The repository's own folder of figures.
fn default_out() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks").into()
}

impl Args {
    /// The same with what `--quick` means.
    pub fn settled(self) -> Self {
        if !self.quick {
            return self;
        }
        let only = if self.only.is_empty() { QUICK.map(String::from).to_vec() } else { self.only };
        Self { only, rounds: self.rounds.min(3), seconds: self.seconds.min(0.25), ..self }
    }

    /// The name of the report's files.
    pub fn report_name(&self) -> &str {
        let whole = self.only.is_empty() && self.peers.is_empty() && self.pair.is_empty() && self.baseline.is_none();
        let name = self.name.as_deref().or(self.busy.then_some("busy"));
        name.unwrap_or(if whole || self.merge || self.render { "latest" } else { "partial" })
    }

    /// Whether a scenario is wanted. A name means itself if there is one of that name, else all that begin with it.
    pub fn wants(&self, scenario: &Scenario, all: &[Scenario]) -> bool {
        let name = scenario.to_string();
        self.only.is_empty()
            || self.only.iter().any(|only| match all.iter().any(|one| one.to_string() == *only) {
                true => name == *only,
                false => name.starts_with(only.as_str()),
            })
    }

    /// What was asked for and is no scenario, nor the beginning of one.
    pub fn unknown(&self, all: &[Scenario]) -> Vec<&str> {
        let is_known = |only: &str| all.iter().any(|scenario| scenario.to_string().starts_with(only));
        self.only.iter().map(String::as_str).filter(|only| !is_known(only)).collect()
    }

    /// Whether a contender is wanted; a mode of the baseline, if that mode of ours is.
    pub fn wants_contender(&self, contender: &Contender) -> bool {
        let program = if contender.program == BASELINE { "ours" } else { &contender.program };
        let wanted = |peer: &String| peer == program || *peer == format!("{program}/{}", contender.mode.name);
        self.peers.is_empty() || self.peers.iter().any(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    fn chosen(only: &[&str]) -> Vec<String> {
        let args = Args::parse_from(["compare", "--only", &only.join(",")]);
        let all = scenario::all();
        all.iter().filter(|scenario| args.wants(scenario, &all)).map(Scenario::to_string).collect()
    }

    #[test]
    fn a_name_means_itself_and_a_beginning_all_that_begin_so() {
        assert_eq!(chosen(&["tcp-push-pull-64"]), ["tcp-push-pull-64"]);
        assert_eq!(chosen(&["tcp-idle"]), ["tcp-idle-1000", "tcp-idle-10000"]);
    }

    #[test]
    fn what_is_no_scenario_is_told() {
        let args = Args::parse_from(["compare", "--only", "tcp-idle,dealer,ipc"]);
        assert_eq!(args.unknown(&scenario::all()), ["dealer"]);
    }

    #[test]
    fn every_quick_scenario_exists() {
        assert_eq!(chosen(&QUICK).len(), QUICK.len());
    }

    #[test]
    fn a_part_does_not_overwrite_the_whole() {
        let name = |words: &[&str]| Args::parse_from([&["compare"], words].concat()).settled().report_name().to_owned();
        assert_eq!(name(&[]), "latest");
        assert_eq!(name(&["--only", "tcp"]), "partial");
        assert_eq!(name(&["--quick"]), "partial");
        assert_eq!(name(&["--baseline", "bench-ours.old"]), "partial");
        assert_eq!(name(&["--only", "tcp", "--merge"]), "latest");
        assert_eq!(name(&["--busy"]), "busy");
        assert_eq!(name(&["--busy", "--merge"]), "busy");
    }
}
