//! libzmq's own perf programs with both libraries, and the ratios.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use clap::Args;

use super::tree::Tree;
use super::{must, reference};

const PROGRAMS: &[&str] = &["local_thr", "remote_thr", "local_lat", "remote_lat", "inproc_thr", "inproc_lat"];
const SIZES: &[usize] = &[64, 1024, 65_536];
/// What a measurement may take.
const LIMIT_S: &str = "120";
/// Where ports are taken from, one for each measurement.
static PORT: AtomicU16 = AtomicU16::new(17_300);

/// What `cargo xtask libzmq-perf` is told.
#[derive(Debug, Args)]
pub struct Options {
    /// A folder with another libzmq.so.5 to measure instead of ours.
    #[arg(long, value_name = "DIR")]
    lib: Option<PathBuf>,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// One thing to measure.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Messages in a second: more is better.
    Throughput,
    /// Microseconds one way: less is better.
    Latency,
}

/// Builds the programs, and measures both libraries in turn.
pub fn run(options: &Options) -> io::Result<ExitCode> {
    let tree = Tree::new(options.lib.clone())?;
    let reference = reference::build(&tree, 2)?;
    let bin = tree.folder.join("perf-bin");
    fs::create_dir_all(&bin)?;
    for program in PROGRAMS {
        let mut compiler = tree.compiler();
        compiler.arg(format!("perf/{program}.cpp")).arg("-o").arg(bin.join(program));
        must(compiler.arg("-L").arg(&tree.ours).arg("-l:libzmq.so.5"))?;
    }
    println!("| what | transport | bytes | ours | libzmq | ratio |\n|---|---|---|---|---|---|");
    for kind in [Kind::Throughput, Kind::Latency] {
        for transport in ["tcp", "ipc", "inproc"] {
            for &size in SIZES {
                let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                for _ in 0..options.rounds {
                    ours.extend(measure(&bin, &tree.ours, kind, transport, size)?);
                    theirs.extend(measure(&bin, &reference, kind, transport, size)?);
                }
                let (ours, theirs) = (median(ours), median(theirs));
                println!("| {} | {transport} | {size} | {ours:.1} | {theirs:.1} | {:.2} |", kind.name(), ours / theirs);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Throughput => "messages a second",
            Self::Latency => "microseconds one way",
        }
    }

    fn count(self, size: usize) -> usize {
        match self {
            Self::Throughput => (2_000_000 * 64 / size).clamp(20_000, 2_000_000),
            Self::Latency => 20_000,
        }
    }
}

/// The number that the program prints; none if it failed.
fn measure(bin: &Path, library: &Path, kind: Kind, transport: &str, size: usize) -> io::Result<Option<f64>> {
    let suffix = if let Kind::Latency = kind { "lat" } else { "thr" };
    let (size, count) = (size.to_string(), kind.count(size).to_string());
    if transport == "inproc" {
        let output = program(bin, &format!("inproc_{suffix}"), library).args([&size, &count]).output()?;
        return Ok(number(kind, &String::from_utf8_lossy(&output.stdout)));
    }
    let endpoint = match transport {
        "tcp" => format!("tcp://127.0.0.1:{}", PORT.fetch_add(1, Ordering::Relaxed)),
        _ => format!("ipc://@monocoque-perf-{}", PORT.fetch_add(1, Ordering::Relaxed)),
    };
    let mut local = program(bin, &format!("local_{suffix}"), library);
    let mut remote = program(bin, &format!("remote_{suffix}"), library);
    local.args([&endpoint, &size, &count]).stdout(Stdio::piped());
    remote.args([&endpoint, &size, &count]).stdout(Stdio::piped());
    let (mut local, mut remote) = (local.spawn()?, remote.spawn()?);
    // Throughput is told where messages arrive, latency where they come back to.
    let teller = if let Kind::Latency = kind { &mut remote } else { &mut local };
    let mut said = String::new();
    teller.stdout.take().expect("it is piped").read_to_string(&mut said)?;
    local.wait()?;
    remote.wait()?;
    Ok(number(kind, &said))
}

fn program(bin: &Path, name: &str, library: &Path) -> Command {
    let mut timeout = Command::new("timeout");
    timeout.args(["--signal=KILL", LIMIT_S]).arg(bin.join(name)).env("LD_LIBRARY_PATH", library);
    timeout
}

/// `mean throughput: 1234 [msg/s]`, `average latency: 12.3 [us]`.
fn number(kind: Kind, said: &str) -> Option<f64> {
    let (label, unit) = match kind {
        Kind::Throughput => ("mean throughput:", "[msg/s]"),
        Kind::Latency => ("average latency:", "[us]"),
    };
    let line = said.lines().find(|line| line.starts_with(label) && line.contains(unit))?;
    line[label.len()..].split_whitespace().next()?.parse().ok()
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
