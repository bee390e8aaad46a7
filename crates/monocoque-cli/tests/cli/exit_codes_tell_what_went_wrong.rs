//! One exit code for each kind of failure, and a line on stderr that says more.

use std::net::TcpListener;

use crate::harness::{ipc, run, start};

#[track_caller]
fn fails(line: &str, code: i32, part: &str) {
    let ended = run(line, "a line\n");
    assert_eq!(ended.code, Some(code), "{ended:?}");
    assert!(ended.err.join("\n").contains(part), "{ended:?}");
}

#[test]
fn what_makes_no_sense_is_1() {
    fails("pull", 1, "name an endpoint");
    fails("pull --echo ipc://x", 1, "--echo");
    fails("pull @tcp://127.0.0.1:notaport", 1, "port");
    fails("push udp://127.0.0.1:1", 1, "udp");
    fails("dealer ipc://@never --identity= ", 1, "routing id");
    fails("proxy --frontend pull@ipc://@a --backend sub@ipc://@b", 1, "nothing can be forwarded");
}

#[test]
fn a_bad_line_is_1_and_named() {
    let (_directory, endpoint) = ipc();
    let _pull = start(&format!("pull @{endpoint}"));
    fails(&format!("push {endpoint} --format jsonl"), 1, "line 1: not a message");
}

#[test]
fn what_cannot_be_bound_is_2() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp://{}", taken.local_addr().expect("it is bound"));
    fails(&format!("pull @{endpoint}"), 2, "in use");
}

#[test]
fn what_takes_too_long_is_3() {
    let (_directory, endpoint) = ipc();
    fails(&format!("pull @{endpoint} --timeout 50"), 3, "no message came");
    fails(&format!("push {endpoint} --timeout 50"), 3, "no peer came");
    fails(&format!("pub @{endpoint} --timeout 50"), 3, "no subscriber came");
}

#[test]
fn what_no_peer_got_is_4() {
    let (_directory, endpoint) = ipc();
    fails(&format!("push {endpoint} --no-wait --linger 50"), 4, "1 were still queued");
}

#[test]
fn an_interrupt_is_a_good_end() {
    let (directory, endpoint) = ipc();
    let mut pull = start(&format!("pull @{endpoint} -v"));
    pull.told("listening at");
    pull.interrupt();
    pull.end().fine();
    let left = std::fs::read_dir(directory.path()).expect("the directory is there").count();
    assert_eq!(left, 0, "the socket's file is gone");
}

#[test]
fn waiting_for_peers_can_be_interrupted() {
    let mut push = start("push tcp://127.0.0.1:9 -v");
    push.told("connecting to");
    push.interrupt();
    push.end().fine();
}
