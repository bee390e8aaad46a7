//! The `monocoque` command against a script of Python's zmq package: what each sends, the other prints.
//!
//! The package is installed once, into a virtual environment under `target/`, unless Python has it already.
//! Where there is no Python, or no way to install it, the tests say so and pass, unless
//! `MONOCOQUE_REQUIRE_PYZMQ` is set.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use monocoque_interop::fixture::{vacant_path, vacant_port};
use monocoque_interop::process::Process;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pyzmq/peer.py");
const LINES: [&str; 4] = ["one", "two\tframes", "umlaute: äöü", "\tan empty frame first"];

/// A Python that has zmq.
static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
    let system = PathBuf::from("python3");
    if has_zmq(&system) {
        return Ok(system);
    }
    let folder = target_folder().join("pyzmq");
    let python = folder.join("bin/python");
    if !has_zmq(&python) {
        run(Command::new(&system).args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "pyzmq"]))?;
    }
    if has_zmq(&python) { Ok(python) } else { Err("pyzmq was installed, but does not import".to_owned()) }
});

/// The command, built if need be.
static MONOCOQUE: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = target_folder();
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "monocoque-cli", "--target-dir"]).arg(&target);
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    run(&mut build).expect("the command builds");
    target.join("debug/monocoque")
});

/// The folder that this test was built into.
fn target_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    // target/PROFILE/deps/TEST
    test.ancestors().nth(3).expect("cargo's folders").to_owned()
}

fn has_zmq(python: &Path) -> bool {
    Command::new(python).args(["-c", "import zmq"]).output().is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.status.success().then_some(()).ok_or_else(said)
}

/// pyzmq's side, if there is one on this machine.
fn pyzmq<const N: usize>(words: [&str; N]) -> Option<Process> {
    match &*PYTHON {
        Ok(python) => {
            // Before the script's time runs.
            LazyLock::force(&MONOCOQUE);
            Some(Process::start(python, [&[SCRIPT], &words[..]].concat()))
        }
        Err(reason) if std::env::var_os("MONOCOQUE_REQUIRE_PYZMQ").is_none() => {
            eprintln!("pyzmq cannot be had here, so nothing is tested: {reason}");
            None
        }
        Err(reason) => panic!("{reason}"),
    }
}

fn monocoque<const N: usize>(words: [&str; N]) -> Process {
    Process::start(&*MONOCOQUE, words)
}

/// Writes [`LINES`] to `from` and expects `to` to print them; both end well then.
fn passes(mut from: Process, mut to: Process) {
    LINES.iter().for_each(|line| from.write_line(line));
    from.close_input();
    LINES.iter().for_each(|line| assert_eq!(to.line(), *line));
    assert!(from.ends_well() && to.ends_well());
}

/// Writes each of [`LINES`] to `asker` and expects it to print the same; `answerer` ends after the last.
fn is_answered(mut asker: Process, mut answerer: Process) {
    for line in LINES {
        asker.write_line(line);
        assert_eq!(asker.line(), line);
    }
    asker.close_input();
    assert!(asker.ends_well() && answerer.ends_well());
}

#[test]
fn our_push_to_their_pull() {
    let endpoint = vacant_port();
    let Some(pull) = pyzmq(["pull", "bind", &endpoint, "4"]) else { return };
    passes(monocoque(["push", "--connect", &endpoint]), pull);
}

#[test]
fn their_push_to_our_pull() {
    let endpoint = vacant_port();
    let Some(push) = pyzmq(["push", "connect", &endpoint]) else { return };
    passes(push, monocoque(["pull", "--bind", &endpoint, "--count", "4"]));
}

#[test]
fn our_push_to_their_pull_over_ipc_with_us_bound() {
    let (_folder, endpoint) = vacant_path();
    let Some(pull) = pyzmq(["pull", "connect", &endpoint, "4"]) else { return };
    passes(monocoque(["push", "--bind", &endpoint]), pull);
}

#[test]
fn our_publisher_to_their_subscriber() {
    let endpoint = vacant_port();
    let Some(sub) = pyzmq(["sub", "connect", &endpoint, "4"]) else { return };
    passes(monocoque(["pub", "--bind", &endpoint]), sub);
}

#[test]
fn their_publisher_to_our_subscriber() {
    let endpoint = vacant_port();
    let Some(xpub) = pyzmq(["xpub", "bind", &endpoint]) else { return };
    passes(xpub, monocoque(["sub", "--connect", &endpoint, "--count", "4"]));
}

#[test]
fn our_req_asks_their_rep() {
    let endpoint = vacant_port();
    let Some(rep) = pyzmq(["rep", "bind", &endpoint, "4"]) else { return };
    is_answered(monocoque(["req", "--connect", &endpoint]), rep);
}

#[test]
fn their_req_asks_our_rep() {
    let endpoint = vacant_port();
    let Some(req) = pyzmq(["req", "connect", &endpoint]) else { return };
    is_answered(req, monocoque(["rep", "--bind", &endpoint, "--echo", "--count", "4"]));
}

#[test]
fn our_req_asks_their_router() {
    let endpoint = vacant_port();
    let Some(router) = pyzmq(["router", "bind", &endpoint, "4"]) else { return };
    is_answered(monocoque(["req", "--connect", &endpoint]), router);
}
