//! Where the nanoseconds of a message go: both sides of a stream under `perf record`, samples grouped by the stage whose
//! source they fall into, and a Markdown table of each stage's part of the processor time that a message takes.
//!
//! Needs `perf`, `addr2line` and `readelf`, and a kernel that lets this user sample it.

mod instructions;
mod samples;
mod stage;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use bench_common::{Figures, Line};
use clap::Parser;

use instructions::Counted;
use stage::Stage;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Prints where the nanoseconds of a message go.
#[derive(Parser)]
struct Args {
    /// The program; bench-ours beside this one by default.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Its modes, a table each.
    #[arg(long, value_delimiter = ',', default_value = "local,shared")]
    modes: Vec<String>,
    /// Where the two sides meet.
    #[arg(long, default_value = "tcp://127.0.0.1:5571")]
    endpoint: String,
    /// Bytes in a message.
    #[arg(long, default_value_t = 64)]
    size: usize,
    /// How long each side measures.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Measure nothing: print the instructions in this file of callgrind's.
    #[arg(long)]
    callgrind: Option<PathBuf>,
    /// With --callgrind: part of the name of the function that is called once for each message.
    #[arg(long, default_value = "try_send")]
    call: String,
}

fn main() -> Outcome {
    let args = Args::parse();
    if let Some(path) = &args.callgrind {
        Counted::read(&std::fs::read_to_string(path)?, &args.call).print();
        return Ok(());
    }
    let beside = std::env::current_exe()?.with_file_name("bench-ours");
    let program = args.program.clone().unwrap_or(beside);
    for mode in &args.modes {
        let sides = measure(&args, &program, mode)?;
        print(mode, &sides);
    }
    Ok(())
}

/// One side's processor time per message, by stage.
struct Side {
    role: &'static str,
    total_ns: f64,
    stages: BTreeMap<Stage, f64>,
}

/// A side that runs under `perf`; it ends with its input.
struct Recorded {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    data: PathBuf,
}

impl Recorded {
    fn start(args: &Args, program: &Path, mode: &str, role: &str) -> Outcome<Self> {
        let data = std::env::temp_dir().join(format!("bench-profile-{}-{role}.data", std::process::id()));
        let mut perf = Command::new("perf");
        perf.args(["record", "--quiet", "--event", "cpu-clock", "--freq", "4000", "--output"]).arg(&data);
        perf.arg("--").arg(program);
        perf.args(["--role", role, "--mode", mode, "--endpoint", &args.endpoint]);
        perf.args(["--size", &args.size.to_string(), "--seconds", &args.seconds.to_string()]);
        let mut child = perf.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Ok(Self { child, lines, data })
    }

    fn line(&mut self) -> Outcome<Line> {
        Ok(serde_json::from_str(&self.lines.next().ok_or("the program has ended")??)?)
    }

    fn figures(&mut self) -> Outcome<Figures> {
        loop {
            match self.line()? {
                Line::Begun => {}
                Line::Figures(figures) => return Ok(figures),
                other => return Err(format!("no figures but {other:?}").into()),
            }
        }
    }

    /// Ends the program and counts its samples.
    fn stages(mut self, program: &Path) -> Outcome<BTreeMap<Stage, u64>> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        let stages = samples::by_stage(&self.data, program);
        // Read, and of no use to anybody else.
        let _ = std::fs::remove_file(&self.data);
        stages
    }
}

fn measure(args: &Args, program: &Path, mode: &str) -> Outcome<[Side; 2]> {
    let mut pull = Recorded::start(args, program, mode, "pull")?;
    match pull.line()? {
        Line::Ready => {}
        other => return Err(format!("not ready but {other:?}").into()),
    }
    let mut push = Recorded::start(args, program, mode, "push")?;
    let figures = [push.figures()?, pull.figures()?];
    let samples = [push.stages(program)?, pull.stages(program)?];
    let mut sides = ["push", "pull"].into_iter().zip(figures).zip(samples).map(|((role, figures), samples)| {
        let total_ns = figures.usage.cpu_ns() as f64 / figures.messages.max(1) as f64;
        let all: u64 = samples.values().sum();
        let share = |count: u64| total_ns * count as f64 / all.max(1) as f64;
        Side { role, total_ns, stages: samples.into_iter().map(|(stage, count)| (stage, share(count))).collect() }
    });
    Ok([sides.next(), sides.next()].map(|side| side.expect("there are two")))
}

fn print(mode: &str, [push, pull]: &[Side; 2]) {
    println!("| {mode} | {} ns | {} ns |\n|---|---|---|", push.role, pull.role);
    for stage in Stage::ALL {
        let of = |side: &Side| side.stages.get(&stage).copied().unwrap_or_default();
        println!("| {} | {:.1} | {:.1} |", stage.title(), of(push), of(pull));
    }
    println!("| **together** | **{:.1}** | **{:.1}** |\n", push.total_ns, pull.total_ns);
}
