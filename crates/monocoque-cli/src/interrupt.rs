//! Ctrl-C: the first one ends a command in good order, the second one at once.

use std::fs;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// The exit code of a command that was interrupted twice: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// Calls `end` at the first Ctrl-C, SIGTERM or SIGHUP, on a thread of its own.
///
/// What whoever started us has us ignore stays ignored: `nohup` does so of SIGHUP, and a shell of SIGINT where it has no job
/// control. Without a handler the signal ends the process as ever, so that failing to install one is no failure.
pub fn on_first(end: impl FnOnce() + Send + 'static) {
    let ignored = ignored();
    let heard = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
    let Ok(mut signals) = Signals::new(heard) else { return };
    thread::spawn(move || {
        let mut came = signals.forever();
        if came.next().is_some() {
            thread::spawn(end);
        }
        if came.next().is_some() {
            std::process::exit(INTERRUPTED);
        }
    });
}

/// Signals that this process ignores, a bit for each, the lowest for signal 1 (proc(5), `SigIgn`); none where that is not told.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default()
}
