//! What is to be measured: the words of the command line, and those that it gives to its children.

use std::time::Duration;

use monocoque_interop::process::Process;

use crate::Outcome;
use crate::library::Library;

pub const USAGE: &str = "\
compare thr|lat|idle [options]
  thr    PUSH to PULL: messages per second and processor time per message
  lat    REQ and REP: round-trip time and processor time per round trip
  idle   idle peers of a ROUTER: resident memory per connection

  --size BYTES       body of a message          [64]
  --rounds N         rounds, each of every kind [5]
  --seconds S        length of a measurement    [1.5]
  --peers N          connections for idle       [1000]
  --transport tcp|ipc                           [tcp]
  --only NAME        libzmq, shared or local; may be repeated";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Thr,
    Lat,
    Idle,
}

/// The command line.
#[derive(Debug)]
pub struct Order {
    pub measure: Measure,
    pub libraries: Vec<Library>,
    pub bytes: usize,
    pub rounds: usize,
    pub length: Duration,
    pub peers: usize,
    pub ipc: bool,
}

impl Order {
    pub fn parse(words: &[String]) -> Outcome<Self> {
        let (first, mut rest) = words.split_first().ok_or(USAGE)?;
        let measure = match first.as_str() {
            "thr" => Measure::Thr,
            "lat" => Measure::Lat,
            "idle" => Measure::Idle,
            other => return Err(format!("'{other}' is not thr, lat or idle\n\n{USAGE}").into()),
        };
        let length = Duration::from_millis(1_500);
        let mut order = Self { measure, libraries: vec![], bytes: 64, rounds: 5, length, peers: 1_000, ipc: false };
        while let [option, value, ..] = rest {
            match option.as_str() {
                "--size" => order.bytes = value.parse()?,
                "--rounds" => order.rounds = value.parse()?,
                "--seconds" => order.length = Duration::try_from_secs_f64(value.parse()?)?,
                "--peers" => order.peers = value.parse()?,
                "--transport" => order.ipc = value == "ipc",
                "--only" => order.libraries.push(value.parse()?),
                other => return Err(format!("unknown option {other}\n\n{USAGE}").into()),
            }
            rest = &rest[2..];
        }
        if let [word, ..] = rest {
            return Err(format!("{word} lacks a value\n\n{USAGE}").into());
        }
        if order.libraries.is_empty() {
            order.libraries = Library::ALL.to_vec();
        }
        Ok(order)
    }

    /// Where a measurement binds: a path in `folder`, or a loopback port.
    pub fn endpoint(&self, folder: &tempfile::TempDir) -> String {
        if self.ipc { format!("ipc://{}/socket", folder.path().display()) } else { "tcp://127.0.0.1:*".to_owned() }
    }

    /// Starts this program again in the role of `name`.
    pub fn child(&self, name: &str, library: Library, endpoint: &str) -> Outcome<Process> {
        let words = [
            "child".to_owned(),
            name.to_owned(),
            library.name().to_owned(),
            endpoint.to_owned(),
            self.bytes.to_string(),
            self.length.as_secs_f64().to_string(),
            self.peers.to_string(),
        ];
        Ok(Process::start(std::env::current_exe()?, words))
    }

    /// The line in which a child says what it measured, as numbers.
    pub fn numbers(&self, child: &Process) -> Outcome<Vec<u64>> {
        let line = child.line_within(self.length + Duration::from_secs(30)).ok_or("a child says nothing")?;
        let numbers: Result<_, _> = line.split_whitespace().map(str::parse).collect();
        numbers.map_err(|_| format!("a child says '{line}'").into())
    }
}

/// What a child does.
#[derive(Debug)]
pub struct Role {
    pub name: String,
    pub library: Library,
    pub endpoint: String,
    pub bytes: usize,
    pub length: Duration,
    pub peers: usize,
}

impl Role {
    pub fn parse(words: &[String]) -> Outcome<Self> {
        let [name, library, endpoint, bytes, length, peers] = words else { return Err(USAGE.into()) };
        Ok(Self {
            name: name.clone(),
            library: library.parse()?,
            endpoint: endpoint.clone(),
            bytes: bytes.parse()?,
            length: Duration::try_from_secs_f64(length.parse()?)?,
            peers: peers.parse()?,
        })
    }
}
