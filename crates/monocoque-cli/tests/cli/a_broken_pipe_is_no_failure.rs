//! Programs whose reader goes away end quietly, as `yes | head` does.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::harness::{ipc, start};

#[test]
fn a_pull_whose_reader_left_ends_quietly() {
    let (_directory, endpoint) = ipc();
    let mut pull = Command::new(env!("CARGO_BIN_EXE_monocoque"));
    pull.args(["pull", &format!("@{endpoint}")]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut pull = pull.spawn().expect("the program was built");
    let _push = start(&format!("push {endpoint} -m line --count 1000000 --linger 0"));
    let mut line = String::new();
    let mut out = BufReader::new(pull.stdout.take().expect("piped"));
    out.read_line(&mut line).expect("lines come");
    assert_eq!(line, "line\n");
    drop(out);
    let ended = pull.wait_with_output().expect("it ends, its output being closed");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}
