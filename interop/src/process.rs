//! Processes that tests and benchmarks start, talk to by lines, and never leave behind.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A process of ours, killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// Starts `program`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, words: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// The next line of its output, if it comes within `limit`.
    pub fn line_within(&self, limit: Duration) -> Option<String> {
        self.lines.recv_timeout(limit).ok()
    }

    /// The next line of its output.
    ///
    /// # Panics
    /// If it does not come within [`PATIENCE`](crate::deadline::PATIENCE).
    #[track_caller]
    pub fn line(&self) -> String {
        self.line_within(crate::deadline::PATIENCE).expect("it says something in time")
    }

    /// Writes a line to its input.
    ///
    /// # Panics
    /// If it reads no more.
    pub fn write_line(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().expect("not closed"), "{line}").expect("it reads");
    }

    /// Ends its input.
    pub fn close_input(&mut self) {
        self.child.stdin = None;
    }

    /// Whether it ends by itself, well, within [`PATIENCE`](crate::deadline::PATIENCE).
    pub fn ends_well(&mut self) -> bool {
        let ended = || self.child.try_wait().expect("it was started");
        crate::deadline::eventually("the process ends", ended).success()
    }

    /// Stops it: the kernel goes on acknowledging what is sent to it, but it does nothing.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it, without a word to its peers but those of the kernel.
    ///
    /// # Panics
    /// If it has ended and was waited for.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already: all that matters is that it does not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
