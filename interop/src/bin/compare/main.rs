//! Monocoque and libzmq measured in turn, in one run, on this machine.
//!
//! `cargo run --release -p monocoque-interop --bin compare -- thr` prints a Markdown table. Sender and receiver are
//! processes of their own (this program again, as `child`), the libraries take turns round by round, and each
//! is used in its usual way with its default options.

mod idle;
mod lat;
mod library;
mod order;
mod report;
mod thr;
mod usage;

use std::error::Error;
use std::process::ExitCode;

use order::{Measure, Order, Role};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        Some("child") => Role::parse(&words[1..]).and_then(run_child),
        Some("-h" | "--help") | None => {
            println!("{}", order::USAGE);
            return ExitCode::SUCCESS;
        }
        Some(_) => Order::parse(&words).and_then(|order| run(&order)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: &Order) -> Outcome {
    match order.measure {
        Measure::Thr => thr::run(order),
        Measure::Lat => lat::run(order),
        Measure::Idle => idle::run(order),
    }
}

/// One end of a measurement. Ends with its parent, however that ends; to each line that it is written it answers
/// with the processor time that it has used, in nanoseconds.
fn run_child(role: Role) -> Outcome {
    if role.name == "idle-dealers" {
        return idle::dealers(&role);
    }
    std::thread::spawn(|| {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            println!("{}", usage::processor_time().as_nanos());
        }
        std::process::exit(0);
    });
    match role.name.as_str() {
        "thr-receiver" => thr::receiver(&role),
        "thr-sender" => thr::sender(&role),
        "lat-server" => lat::server(&role),
        "lat-client" => lat::client(&role),
        "idle-router" => idle::router(&role),
        other => Err(format!("no such role: {other}").into()),
    }
}
