//! Messages of many frames, and frames of any bytes, in every format.

use crate::harness::{ipc, run, start, start_with};

/// What comes out of a PULL in `to` when `lines` go into a PUSH in `from`.
fn through(from: &str, to: &str, lines: &str) -> Vec<String> {
    let (_directory, endpoint) = ipc();
    let count = lines.lines().count();
    let pull = start(&format!("pull @{endpoint} --count {count} {to}"));
    run(&format!("push {endpoint} {from}"), lines).fine();
    pull.end().fine()
}

#[test]
fn json_lines_keep_frames_apart() {
    let lines = "{\"frames\":[\"a\\tb\",\"\",\"c\\nd\"]}\n{\"hex\":[\"ff00\",\"0a\"]}\n";
    let out = through("--format jsonl", "--format jsonl", lines);
    assert_eq!(out.join("\n") + "\n", lines);
}

#[test]
fn one_format_is_read_as_another() {
    assert_eq!(through("", "--format jsonl", "topic\tbody\n"), ["{\"frames\":[\"topic\",\"body\"]}"]);
    assert_eq!(through("--format hex", "", "686579\t\t21\n"), ["hey\t\t!"]);
    assert_eq!(through("--delimiter |", "--format hex -d :", "a|b\n"), ["61:62"]);
}

#[test]
fn without_a_delimiter_a_line_is_one_frame() {
    let (_directory, endpoint) = ipc();
    let pull = start(&format!("pull @{endpoint} --count 1 --format jsonl"));
    start_with(&["push", &endpoint, "--delimiter", ""]).feed("a\tb\n").end().fine();
    assert_eq!(pull.end().fine(), ["{\"frames\":[\"a\\tb\"]}"]);
}

#[test]
fn long_lines_pass() {
    let line = "x".repeat(1 << 20);
    assert_eq!(through("", "", &(line.clone() + "\n")), [line]);
}
