//! A program that was started to ignore a signal does, as after `nohup`.

use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{ipc, run};

#[test]
fn of_a_hangup() {
    let (_directory, endpoint) = ipc();
    let program = env!("CARGO_BIN_EXE_monocoque");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" pull \"$1\" --count 2", program, &format!("@{endpoint}")]);
    let pull = shell.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("there is a shell");
    // It listens, so that its handlers are there.
    run(&format!("push {endpoint} -m before"), "").fine();
    kill_process(Pid::from_child(&pull), Signal::HUP).expect("it runs");
    run(&format!("push {endpoint} -m after"), "").fine();
    let ended = pull.wait_with_output().expect("it ends");
    assert_eq!((ended.status.code(), &ended.stdout[..]), (Some(0), &b"before\nafter\n"[..]));
}
