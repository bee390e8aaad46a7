//! What needs no peer: help, versions, the diagnosis, the demonstration.

use crate::harness::run;

#[test]
fn help_is_no_failure_and_no_command_is_one() {
    let help = run("--help", "").fine().join("\n");
    assert!(help.contains("monocoque demo") && help.contains("Exit codes"), "{help}");
    assert!(run("--version", "").fine().concat().starts_with("monocoque "));
    assert!(run("push --help", "").fine().join("\n").contains("Examples"));
    assert!(!run("completions bash", "").fine().is_empty());
    assert_eq!(run("", "").code, Some(1));
    assert_eq!(run("publish", "").code, Some(1));
}

#[test]
fn the_doctor_names_the_driver() {
    let out = run("doctor", "").fine().join("\n");
    assert!(out.contains("io_uring") && out.contains("driver in use") && out.contains("open descriptors"), "{out}");
}

#[test]
fn the_demo_has_a_row_for_every_pattern_transport_and_placement() {
    let out = run("demo --moment 10", "").fine();
    for pattern in ["push/pull", "pub/sub", "req/rep", "dealer/router", "pair/pair"] {
        let rows: Vec<_> = out.iter().filter(|row| row.starts_with(pattern)).collect();
        assert_eq!(rows.len(), 6, "{pattern}: {out:#?}");
        for (transport, row) in ["tcp", "tcp", "ipc", "ipc", "inproc", "inproc"].iter().zip(&rows) {
            assert!(row.contains(transport) && row.contains('s'), "{row}");
        }
    }
    assert!(out.iter().any(|line| line.starts_with("Go on with")), "{out:#?}");
}
