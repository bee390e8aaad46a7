//! `cargo xtask`: what the repository's maintainers run.

mod compare;
mod libzmq;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// What the repository's maintainers run.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Measure Monocoque against its peers and write docs/benchmarks.
    #[command(disable_help_flag = true)]
    Compare {
        /// For the harness: `cargo xtask compare --help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// Build the library that stands in for libzmq, and lay it out with headers, pkg-config and CMake files.
    InstallLibzmq {
        /// Where: DIR/lib, DIR/include.
        #[arg(long, value_name = "DIR")]
        prefix: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Compare { words } => compare::run(&words),
        Task::InstallLibzmq { prefix } => libzmq::install(&prefix),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
