//! Builds the comparison's workspace and runs its harness.

use std::io;
use std::process::{Command, ExitCode};

use crate::libzmq::root;

/// Runs the harness with `words`, everything built first.
pub fn run(words: &[String]) -> io::Result<ExitCode> {
    // Every program, then the harness, which finds them beside itself.
    let built = cargo("build").arg("--workspace").status()?;
    if !built.success() {
        return Ok(ExitCode::FAILURE);
    }
    let ran = cargo("run").args(["--package", "bench-compare", "--"]).args(words).status()?;
    Ok(if ran.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Cargo on the comparison's workspace, optimised.
fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(command).args(["--release", "--manifest-path"]).arg(root().join("bench/Cargo.toml"));
    cargo
}
