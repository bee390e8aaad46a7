//! The `monocoque` command: every socket type, a broker, a probe, measurements and a demonstration.
//!
//! One module for each command; [`args`] has the command line, [`exit`] the exit codes. Everything is done over
//! the library's public API; only [`probe`] also names the variants of its session errors.

#![forbid(unsafe_code)]

mod args;
mod bench;
mod curve;
mod demo;
mod doctor;
mod events;
mod exit;
mod format;
mod interrupt;
mod options;
mod placement;
mod probe;
mod proxy;
mod socket;
mod table;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command, Job};
use crate::exit::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing help into a pipe that was closed is no failure either.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()));
        }
    };
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let job: Job = match command {
        Command::Proxy(args) => return proxy::run(args),
        Command::Probe(args) => return probe::run(args),
        Command::Bench(args) => return bench::run(args),
        Command::Doctor => return doctor::run(),
        Command::Options { name } => return options::run(name.as_deref().unwrap_or_default()),
        Command::Demo(args) => return demo::run(args),
        Command::Curve(command) => return curve::run(command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "monocoque", &mut script);
            return Ok(std::io::stdout().write_all(&script)?);
        }
        Command::Pub(command) => command.into(),
        Command::Sub(command) => command.into(),
        Command::Push(command) => command.into(),
        Command::Pull(command) => command.into(),
        Command::Req(command) => command.into(),
        Command::Rep(command) => command.into(),
        Command::Dealer(command) => command.into(),
        Command::Router(command) => command.into(),
        Command::Pair(command) => command.into(),
        Command::XPub(command) => command.into(),
        Command::XSub(command) => command.into(),
        Command::Stream(command) => command.into(),
        Command::Dgram(command) => command.into(),
        Command::Client(command) => command.into(),
        Command::Server(command) => command.into(),
        Command::Radio(command) => command.into(),
        Command::Dish(command) => command.into(),
        Command::Scatter(command) => command.into(),
        Command::Gather(command) => command.into(),
        Command::Peer(command) => command.into(),
        Command::Channel(command) => command.into(),
    };
    socket::run(job)
}
