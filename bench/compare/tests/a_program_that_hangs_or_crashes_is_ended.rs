//! A program that does not do its part is ended at the deadline, and its row says what it did.

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bench_common::Amount;
use bench_compare::contender::Contender;
use bench_compare::trial::{self, Match, Miss, Trial};
use support::script;

fn run(program: &Contender, limit: Duration) -> Result<Trial, Miss> {
    let scenario = support::scenario("tcp-push-pull-64");
    let amount = Amount::Count { warm_up: 1, messages: 1 };
    trial::run(Match { scenario: &scenario, connector: program, binder: program }, amount, limit)
}

#[track_caller]
fn failure(program: &Contender, limit: Duration) -> String {
    match run(program, limit) {
        Err(Miss::Failed(reason)) => reason,
        other => panic!("it failed: {other:?}"),
    }
}

#[test]
fn one_that_hangs_is_killed_at_the_deadline_and_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let binds = r#"[ "$1" = --role=pull ] && echo '"ready"'"#;
    let program = script(folder.path(), &format!("echo $$ >> {}; {binds}; exec sleep 300", pids.display()));
    let began = Instant::now();
    let reason = failure(&program, Duration::from_secs(1));
    assert!(reason.starts_with("no figures within") && reason.contains("script/shell"), "{reason}");
    assert!(began.elapsed() < Duration::from_secs(100), "not when it would have ended by itself");
    let pids = fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2, "both sides were started");
    for pid in pids.lines() {
        assert!(!Path::new("/proc").join(pid).exists(), "{pid} stayed");
    }
}

#[test]
fn one_that_never_binds_is_said_to() {
    let folder = tempfile::tempdir().unwrap();
    let reason = failure(&script(folder.path(), "exec sleep 300"), Duration::from_millis(200));
    assert!(reason.contains("did not bind"), "{reason}");
}

#[test]
fn one_that_crashes_leaves_its_status_and_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let reason = failure(&script(folder.path(), "echo that was too much >&2; exit 3"), Duration::from_secs(20));
    assert!(reason.contains("exit status: 3") && reason.contains("that was too much"), "{reason}");
}

#[test]
fn one_that_cannot_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let program = script(folder.path(), r#"echo '{"unsupported":"no such transport"}'"#);
    assert_eq!(run(&program, Duration::from_secs(20)), Err(Miss::Unsupported("no such transport".into())));
}
