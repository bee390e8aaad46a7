//! Programs whose reader goes away end quietly, as `yes | head` does.

use std::fs::File;
use std::io::{BufRead, BufReader, pipe};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{ipc, run, start};

fn monocoque(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_monocoque"));
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command
}

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

#[test]
fn a_proxy_whose_words_nobody_reads_goes_on() {
    let ((_one, front), (_two, back)) = (ipc(), ipc());
    let (reader, writer) = pipe().expect("two");
    drop(reader);
    let mut proxy = monocoque(&format!("proxy -v -f pull@{front} -b push@{back}"));
    let mut proxy = proxy.stderr(writer).spawn().expect("the program was built");
    let pull = start(&format!("pull {back} --count 1"));
    run(&format!("push {front} -m through"), "").fine();
    assert_eq!(pull.end().fine(), ["through"]);
    kill_process(Pid::from_child(&proxy), Signal::TERM).expect("it runs");
    assert_eq!(proxy.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_script_that_cannot_be_written_is_a_failure() {
    let full = File::options().write(true).open("/dev/full").expect("linux");
    let status = monocoque("completions bash").stdout(full).stderr(Stdio::null()).status().expect("built");
    assert_eq!((status.code(), status.signal()), (Some(5), None));
}
