//! Programs on a leash: started, listened to, and killed by their own handle when their time is over.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bench_common::Line;

use crate::Outcome;

/// How many of its last words a program is remembered by.
const LAST_WORDS: usize = 3;

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<Said>,
    /// The number of the process whose time is taken with each line; zero for none.
    watched: Arc<AtomicU32>,
    watched_ns: Option<u64>,
    complaints: Arc<Mutex<VecDeque<String>>>,
}

/// A line, and the time that the watched process had used when it came.
type Said = (String, Option<u64>);

/// What came of listening.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The program said this.
    Line(Line),
    /// It ended, or closed its output, without; and how.
    Ended(String),
    /// It said nothing in time.
    Silent,
}

impl Process {
    /// Starts a program.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(path: &Path, words: &[String]) -> Outcome<Self> {
        let mut command = Command::new(path);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("{}: {error}", path.display()))?;
        let output = child.stdout.take().expect("piped");
        let errors = child.stderr.take().expect("piped");
        let (sender, lines) = channel();
        let watched = Arc::new(AtomicU32::new(0));
        let watches = watched.clone();
        thread::spawn(move || {
            each_line(output, |line| {
                let used = Some(watches.load(Ordering::Relaxed)).filter(|&id| id > 0).and_then(cpu_ns);
                sender.send((line, used)).is_ok()
            });
        });
        let complaints = Arc::new(Mutex::new(VecDeque::new()));
        let kept = complaints.clone();
        thread::spawn(move || {
            each_line(errors, |line| {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                if kept.len() == LAST_WORDS {
                    kept.pop_front();
                }
                kept.push_back(line);
                true
            });
        });
        Ok(Self { child, lines, watched, watched_ns: None, complaints })
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// From now on notes with each line how much processor time the process of this number has used.
    pub fn watch(&self, id: u32) {
        self.watched.store(id, Ordering::Relaxed);
    }

    /// What was noted with the line that came last.
    pub fn watched_ns(&self) -> Option<u64> {
        self.watched_ns
    }

    /// The next thing that it says; what is not a line of ours is passed over.
    pub fn next(&mut self, limit: Duration) -> Event {
        let until = std::time::Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(std::time::Instant::now());
            match self.lines.recv_timeout(left) {
                Ok((text, used)) => match serde_json::from_str(&text) {
                    Ok(line) => {
                        self.watched_ns = used;
                        return Event::Line(line);
                    }
                    Err(_) => self.remember(text),
                },
                Err(RecvTimeoutError::Timeout) => return Event::Silent,
                Err(RecvTimeoutError::Disconnected) => return Event::Ended(self.end()),
            }
        }
    }

    /// Tells it to go on. If it has ended, listening will say so.
    pub fn go(&mut self) {
        if let Some(input) = &mut self.child.stdin {
            let _ = input.write_all(b"go\n");
        }
    }

    /// Its last words, for a report of a failure.
    pub fn complaints(&self) -> String {
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.iter().map(String::as_str).collect::<Vec<_>>().join(" / ")
    }

    fn remember(&self, text: String) {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).push_back(text);
    }

    /// Ends it, and says how it had ended by itself, if it had.
    fn end(&mut self) -> String {
        // Its output is closed: it is ending, and the status tells how; a program that lingers is killed.
        thread::sleep(Duration::from_millis(50));
        let status = match self.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            _ => "it closed its output".to_owned(),
        };
        match self.complaints() {
            words if words.is_empty() => status,
            words => format!("{status}: {words}"),
        }
    }
}

/// The processor time of all threads that a process has now (`/proc/PID/task/*/schedstat`).
fn cpu_ns(id: u32) -> Option<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).ok()?;
    let of_thread = |entry: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    Some(tasks.filter_map(of_thread).sum())
}

fn each_line(stream: impl Read, mut take: impl FnMut(String) -> bool) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if !take(line) {
            return;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already: all that matters is that it does not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_with_what_the_watched_process_has_used() {
        let words = ["-c".to_owned(), "echo '\"ready\"'; read go; echo '\"begun\"'; sleep 9".to_owned()];
        let mut process = Process::start(Path::new("/bin/sh"), &words).expect("there is a shell");
        let limit = Duration::from_secs(5);
        assert_eq!((process.next(limit), process.watched_ns()), (Event::Line(Line::Ready), None));
        process.watch(std::process::id());
        process.go();
        assert_eq!(process.next(limit), Event::Line(Line::Begun));
        assert!(process.watched_ns().is_some_and(|used| used > 0), "this process has worked");
        assert_eq!(cpu_ns(u32::MAX), None, "there is no such process");
    }
}
