//! Programs under test: started with pipes, watched line by line, never waited for without a deadline.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: Vec<String>,
    pub err: Vec<String>,
}

impl Ended {
    /// Its output, if it ended well.
    #[track_caller]
    pub fn fine(self) -> Vec<String> {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
}

enum Line {
    Out(String),
    Err(String),
}

/// A running program. Killed if it is dropped.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<Line>,
    out: Vec<String>,
    err: Vec<String>,
    deadline: Instant,
}

/// Starts `monocoque` with the words of `line` as its arguments; its input stays open.
pub fn start(line: &str) -> Program {
    start_with(&line.split_whitespace().collect::<Vec<_>>())
}

/// As [`start`], for arguments with spaces in them.
pub fn start_with(arguments: &[&str]) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_monocoque"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program was built");
    let (sent, lines) = mpsc::channel();
    follow(child.stdout.take().expect("piped"), sent.clone(), Line::Out);
    follow(child.stderr.take().expect("piped"), sent, Line::Err);
    let input = child.stdin.take();
    Program { child, input, lines, out: Vec::new(), err: Vec::new(), deadline: Instant::now() + PATIENCE }
}

/// Runs `monocoque` with `input` to its end.
pub fn run(line: &str, input: &str) -> Ended {
    start(line).feed(input).end()
}

fn follow(stream: impl Read + Send + 'static, to: mpsc::Sender<Line>, kind: fn(String) -> Line) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if to.send(kind(String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
    });
}

impl Program {
    /// Writes `input` and leaves it open.
    pub fn say(&mut self, input: &str) {
        let pipe = self.input.as_mut().expect("the input is open");
        pipe.write_all(input.as_bytes()).and_then(|()| pipe.flush()).expect("the program reads its input");
    }

    /// Writes `input` and closes it. A program that ends without reading all of it is judged by how it ended.
    pub fn feed(mut self, input: &str) -> Self {
        let _ = self.input.take().map(|mut pipe| pipe.write_all(input.as_bytes()));
        self
    }

    /// The end of the first line on stderr from here on that contains `part`, after it.
    #[track_caller]
    pub fn told(&mut self, part: &str) -> String {
        loop {
            match self.next() {
                Some(Line::Err(line)) => {
                    self.err.push(line.clone());
                    if let Some((_, rest)) = line.split_once(part) {
                        return rest.to_owned();
                    }
                }
                Some(Line::Out(line)) => self.out.push(line),
                None => panic!("ended without '{part}': {:?} {:?}", self.out, self.err),
            }
        }
    }

    /// The next line on stdout.
    #[track_caller]
    pub fn line(&mut self) -> String {
        loop {
            match self.next() {
                Some(Line::Out(line)) => return line,
                Some(Line::Err(line)) => self.err.push(line),
                None => panic!("ended without a line: {:?}", self.err),
            }
        }
    }

    #[track_caller]
    fn next(&mut self) -> Option<Line> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("still running: {:?} {:?}", self.out, self.err),
        }
    }

    /// Interrupts it, as Ctrl-C does. By another signal: a script without job control has what it starts beside it ignore SIGINT, and so
    /// us too.
    pub fn interrupt(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).expect("it is still running");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        while let Some(line) = self.next() {
            match line {
                Line::Out(line) => self.out.push(line),
                Line::Err(line) => self.err.push(line),
            }
        }
        // Both streams are closed: it is ending.
        let code = self.child.wait().expect("it is our child").code();
        Ended { code, out: std::mem::take(&mut self.out), err: std::mem::take(&mut self.err) }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory for ipc paths, and an endpoint in it.
pub fn ipc() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let endpoint = format!("ipc://{}", directory.path().join("socket").display());
    (directory, endpoint)
}
