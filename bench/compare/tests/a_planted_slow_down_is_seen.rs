//! A build that is 30 % slower than an earlier one is told by the report's own goals, and one that is not slower is not.
//!
//! What is tested is all of it: programs, rounds in turn, medians, goals. Twice: with programs that say figures which a
//! test knows, and with bare sockets, real processor time and a real waste of it.

mod support;

use std::path::Path;

use bench_compare::args::Args;
use bench_compare::campaign;
use bench_compare::contender::{BASELINE, Contender};
use bench_compare::report::Report;
use clap::Parser;
use support::{acting, folder_with, scenario};

const SCENARIO: &str = "tcp-push-pull-64";
/// Machines are shared and a measurement is short: one quiet attempt of these is enough.
const ATTEMPTS: usize = 6;

/// What the goals say of rate and processor time of `ours/local` and `ours/shared`, each against its baseline.
fn judged(contenders: &[Contender]) -> [Vec<Option<bool>>; 2] {
    let args = Args::parse_from(["compare", "--only", SCENARIO, "--rounds=5", "--seconds=0.15"]);
    let table = campaign::run(&args, &[scenario(SCENARIO)], contenders, |_| {}).expect("there are no pairs");
    let verdicts = Report::on(table).verdicts;
    ["ours/local", "ours/shared"].map(|ours| {
        let of_ours = verdicts.iter().filter(|one| one.ours == ours && one.demand.ends_with("the baseline"));
        of_ours.map(|one| one.met).collect()
    })
}

const SLOWER: [Option<bool>; 2] = [Some(false); 2];
const AS_BEFORE: [Option<bool>; 2] = [Some(true); 2];

/// A program that took so many microseconds for each of a thousand messages, waiting and working.
fn taking(folder: &Path, program: &str, mode: &str, micros: u64) -> Contender {
    let nanos = micros * 1_000_000;
    let usage = format!(r#"{{"user_ns":{nanos},"system_ns":0,"voluntary_switches":0,"involuntary_switches":0}}"#);
    let figures = format!(r#"{{"figures":{{"messages":1000,"elapsed_ns":{nanos},"usage":{usage}}}}}"#);
    acting(
        folder,
        program,
        mode,
        &format!("case $1 in --role=pull) echo '\"ready\"' ;; esac\necho '{figures}'\nread go"),
    )
}

#[test]
fn known_figures_are_judged_exactly() {
    let folder = tempfile::tempdir().expect("there is room");
    let taking = |program: &str, mode: &str, micros| taking(folder.path(), program, mode, micros);
    let before = [taking(BASELINE, "local", 100), taking(BASELINE, "shared", 100)];
    let now = [taking("ours", "local", 130), taking("ours", "shared", 110)];
    assert_eq!(judged(&[now, before].concat()), [SLOWER.to_vec(), AS_BEFORE.to_vec()]);
}

/// Bare sockets in place of a mode of ours, wasting a share of the processor time that they use.
fn bare(folder: &Path, program: &str, mode: &str, slow_down: f64) -> Contender {
    let raw = folder_with("raw").join("bench-raw");
    let own_mode =
        r#"for word; do shift; case $word in --mode=*) word=--mode=blocking ;; esac; set -- "$@" "$word"; done"#;
    acting(folder, program, mode, &format!("{own_mode}\nexec {} \"$@\" --slow-down={slow_down}", raw.display()))
}

#[test]
fn thirty_percent_is_told_from_nothing() {
    let folder = tempfile::tempdir().expect("there is room");
    let bare = |program: &str, mode: &str, slow_down| bare(folder.path(), program, mode, slow_down);
    let before = [bare(BASELINE, "local", 1.0), bare(BASELINE, "shared", 1.0)];
    let now = [bare("ours", "local", 1.3), bare("ours", "shared", 1.0)];
    let contenders = [now, before].concat();
    let mut attempts = Vec::new();
    for _ in 0..ATTEMPTS {
        let [planted, equal] = judged(&contenders);
        if planted == SLOWER && equal == AS_BEFORE {
            return;
        }
        attempts.push((planted, equal));
    }
    panic!("no attempt told the slow-down from nothing: {attempts:?}");
}
