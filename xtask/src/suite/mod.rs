//! Suites of others, run against the library that stands in for libzmq: nothing of them is kept in the repository.

pub mod jupyter;
pub mod libzmq;
pub mod perf;
pub mod pyzmq;
mod reference;
mod report;
mod tree;
mod under;

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

/// How a test program, or a test, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    Crashed,
    TimedOut,
    Skipped,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Failed => "fail",
            Self::Crashed => "crash",
            Self::TimedOut => "time-out",
            Self::Skipped => "skip",
        }
    }

    /// That of a program under `timeout(1)`, which ends by the signal that the program ended by, if it did.
    pub fn by_signal(status: ExitStatus) -> Option<Self> {
        match status.signal()? {
            KILLED | ALARMED => Some(Self::TimedOut),
            _ => Some(Self::Crashed),
        }
    }
}

/// What `timeout(1)` kills with, itself too; and what libzmq's tests have the system end them with after their own time.
const KILLED: i32 = 9;
const ALARMED: i32 = 14;

/// Runs `command` for at most `limit`; it and what it started are killed then.
pub fn run_for(limit: Duration, command: &Command) -> io::Result<(Output, Duration)> {
    let began = Instant::now();
    let mut timeout = Command::new("timeout");
    timeout.args(["--signal=KILL", &limit.as_secs().to_string()]).arg(command.get_program()).args(command.get_args());
    timeout.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        timeout.current_dir(folder);
    }
    Ok((timeout.output()?, began.elapsed()))
}

/// Runs `command`, which must succeed.
pub fn must(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("{command:?}: {said}")))
}

/// `N passed, N failed, N skipped`.
pub fn total(outcomes: impl Iterator<Item = Outcome>) -> String {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for outcome in outcomes {
        match outcome {
            Outcome::Passed => passed += 1,
            Outcome::Skipped => skipped += 1,
            _ => failed += 1,
        }
    }
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

/// Applies `work` to each of `items` on `threads` threads; the results in the order of the items.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let done = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let result = work(item);
                    done.lock().expect("no thread panics with it").push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("the threads have ended");
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_aborted_has_crashed_and_who_is_killed_was_out_of_time() {
        let ended = |limit_s: u64, script: &str| {
            let mut shell = Command::new("sh");
            shell.args(["-c", script]);
            let (output, _) = run_for(Duration::from_secs(limit_s), &shell).expect("there is a shell");
            Outcome::by_signal(output.status)
        };
        assert_eq!(ended(60, "kill -ABRT $$"), Some(Outcome::Crashed));
        assert_eq!(ended(60, "kill -ALRM $$"), Some(Outcome::TimedOut));
        assert_eq!(ended(1, "exec sleep 600"), Some(Outcome::TimedOut));
        assert_eq!(ended(60, "exit 1"), None);
    }
}
