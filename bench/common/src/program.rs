//! From the command line to a role, and the leash that ties a program to the harness.

use std::io::BufRead;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use clap::Parser;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::failure::{Failure, Outcome};
use crate::library::{Library, Mode};
use crate::line::{Description, Line};
use crate::order::Order;
use crate::roles;

/// Set when the harness has written a line: every side is there.
pub static GO: AtomicBool = AtomicBool::new(false);

/// The program of a library: plays the role that the command line gives it, until its input ends.
pub fn main<L: Library>() -> ExitCode {
    let order = Order::parse();
    if order.describe {
        let modes = L::MODES.iter().map(Into::into).collect();
        Line::Description(Description { version: L::version(), modes }).print();
        return ExitCode::SUCCESS;
    }
    let Err(failure) = play::<L>(order) else { return ExitCode::SUCCESS };
    let (line, code) = match failure {
        Failure::Unsupported(reason) => (Line::Unsupported(reason), ExitCode::SUCCESS),
        Failure::Failed(reason) => (Line::Failed(reason), ExitCode::FAILURE),
    };
    line.print();
    code
}

fn play<L: Library>(order: Order) -> Outcome {
    order.core.map_or(Ok(()), pin)?;
    raise_descriptor_limit()?;
    tie_to_input();
    let mode = chosen(L::MODES, order.mode.as_deref())?;
    if order.curve && L::CURVE.is_none_or(|without| without.contains(&mode.name)) {
        return Err(Failure::unsupported("no CURVE"));
    }
    let library: &'static L = Box::leak(Box::new(L::new(mode.name, &order)?));
    roles::play(library, &order)
}

fn chosen(modes: &'static [Mode], name: Option<&str>) -> Outcome<Mode> {
    let Some(name) = name else { return Ok(modes[0]) };
    let found = modes.iter().find(|mode| mode.name == name).copied();
    found.ok_or_else(|| Failure::failed(format!("there is no mode '{name}'")))
}

/// Keeps the calling thread, and every thread that it will start, on one core.
///
/// # Errors
/// If there is no such core.
pub fn pin(core: usize) -> Outcome {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Descriptors for the largest scenario, with some to spare.
const DESCRIPTORS: u64 = 16 * 1024;

/// As many descriptors as this process may have: enough, if it may raise its own ceiling.
///
/// # Errors
/// If the limits cannot be read or set.
pub fn raise_descriptor_limit() -> Outcome {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let enough = most.max(DESCRIPTORS);
    // Only a privileged process may raise its ceiling; others have what is below it.
    let raised = setrlimit(Resource::RLIMIT_NOFILE, enough, enough);
    Ok(raised.or_else(|_| setrlimit(Resource::RLIMIT_NOFILE, most, most))?)
}

/// Lines are signals to go on; the end is the end.
fn tie_to_input() {
    thread::spawn(|| {
        for _ in std::io::stdin().lock().lines().map_while(Result::ok) {
            GO.store(true, Ordering::Release);
        }
        std::process::exit(0);
    });
}
