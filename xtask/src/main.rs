//! `cargo xtask`: what the repository's maintainers run.

mod compare;
mod libzmq;
mod suite;

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
    /// Compile libzmq's own tests against our header and library, and run them.
    LibzmqSuite(suite::libzmq::Options),
    /// Build pyzmq against our header and library, and run its tests.
    PyzmqSuite(suite::pyzmq::Options),
    /// Execute a notebook with a Jupyter kernel whose pyzmq runs on our library.
    Jupyter(suite::jupyter::Options),
    /// Run libzmq's own perf programs with our library and with libzmq, and print the ratios.
    LibzmqPerf(suite::perf::Options),
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Compare { words } => compare::run(&words),
        Task::InstallLibzmq { prefix } => libzmq::install(&prefix),
        Task::LibzmqSuite(options) => suite::libzmq::run(&options),
        Task::PyzmqSuite(options) => suite::pyzmq::run(&options),
        Task::Jupyter(options) => suite::jupyter::run(&options),
        Task::LibzmqPerf(options) => suite::perf::run(&options),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
