//! `bench`: every kind, placement and transport gives numbers.

use crate::harness::run;

#[track_caller]
fn measured(line: &str, parts: &[&str]) {
    let out = run(line, "").fine().join("\n");
    for part in parts {
        assert!(out.contains(part), "{line}: {part} is not in {out}");
    }
}

#[test]
fn throughput() {
    for transport in ["tcp", "ipc", "inproc", "ws"] {
        for placement in ["shared", "local"] {
            let line = format!("bench thr -t {transport} --placement {placement} --count 20000 --peers 2 --json");
            let placement = format!("\"placement\":\"{placement}\"");
            measured(&line, &["\"bench\":\"thr\"", "messages_per_second", "cpu_ns", &placement]);
        }
    }
    measured("bench thr --duration 0.1 --size 0 --rounds 2", &["PUSH to PULL, 0 B", "round 2", "median", "sender"]);
}

#[test]
fn round_trips() {
    for transport in ["tcp", "ipc", "inproc", "ws"] {
        for placement in ["shared", "local"] {
            let line = format!("bench lat -t {transport} --placement {placement} --count 200 --json");
            measured(&line, &["\"round_trips\":200", "p50_ns", "p999_ns"]);
        }
    }
    measured("bench lat --duration 0.1", &["REQ to REP", "p99.9"]);
}

#[test]
fn idle_connections() {
    measured("bench idle --peers 50 --json", &["\"peers\":50", "router_bytes_per_connection"]);
    measured("bench idle --peers 5 --transport ipc", &["5 idle ipc connections", "KiB resident each"]);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    assert_eq!(run("bench idle --transport inproc", "").code, Some(1));
    assert_eq!(run("bench lat --peers 2", "").code, Some(1));
    assert_eq!(run("bench thr --endpoint udp://x:1", "").code, Some(1));
}
