//! Where and when a row was measured.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What every row records.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores that a process may use.
    pub cores: usize,
    /// The processor's name.
    pub processor: String,
    /// The kernel's release.
    pub kernel: String,
    /// The load average of the last minute, when the row was begun.
    pub load: f64,
    /// A loop computed on each core.
    #[serde(default)]
    pub busy: bool,
    /// The commit of this repository.
    pub commit: String,
    /// Seconds since 1970.
    pub unix_time: u64,
}

impl Machine {
    /// This machine, now.
    pub fn here() -> Self {
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            processor: processor().unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease"),
            commit: commit().unwrap_or_default(),
            ..Self::default()
        }
        .now()
    }

    /// The same machine at another time.
    pub fn now(&self) -> Self {
        let load = read("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default();
        let unix_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { load, unix_time, ..self.clone() }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn processor() -> Option<String> {
    let text = read("/proc/cpuinfo");
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The commit that the harness runs in, with a mark if the tree has changes.
fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--abbrev=10"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
