//! libzmq's own tests, compiled against our header and library.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::report::{Row, replace_section};
use super::tree::{Tree, sodium};
use super::under::{self, Under};
use super::{Outcome, in_parallel, must, reference, run_for, total};

/// How long a test may take, and those that take longer where they pass.
const LIMIT: Duration = Duration::from_secs(60);
const LIMIT_SLOW: Duration = Duration::from_secs(120);
const SLOW: &[&str] = &["heartbeats", "security_curve", "security_zap", "shutdown_stress", "proxy", "proxy_steerable"];

/// What is asked of nobody here, by the end or the whole of the name, and why.
const NOT_ASKED: &[(&str, &str)] = &[
    ("_tipc", "needs a module of the kernel"),
    ("_vmci", "needs a hypervisor"),
    ("pubsub", "is about NORM"),
    ("security_gssapi", "needs a Kerberos realm"),
    ("_fuzzer", "reads a corpus that the package does not carry"),
    (
        "wss_transport",
        "checks a host's name against a certificate's subject, which RFC 9525 forbids and rustls does not do",
    ),
    ("_cap_net_admin", "needs a capability"),
];

/// Where ours differs, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "monitor",
        "its three cases of `ZMQ_EVENT_PIPES_STATS` fill four connections and want each queue to hold exactly its mark. A connection \
     of ours takes all of its pipe to write it (docs/decisions/0007), so a pipe has room again before its bytes are gone, the four \
     get different shares, and what waits in a pipe is not what waits for the system",
    ),
    (
        "hwm_pubsub",
        "on a busy machine its `blocking` cases find no send refused of 6000 empty messages under a mark of 2000, which they want once: \
     a connection takes all of its pipe to write it (docs/decisions/0007), and a publisher sees at once that there is room again; \
     libzmq's looks for that a millisecond later",
    ),
];

/// What `cargo xtask libzmq-suite` is told.
#[derive(Debug, Args)]
pub struct Options {
    /// A folder with another libzmq.so.5 to test instead of ours.
    #[arg(long, value_name = "DIR")]
    lib: Option<PathBuf>,
    /// Only tests whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Programs that are compiled or run at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Build libzmq itself too, run the tests with it, and write docs/conformance.md.
    #[arg(long)]
    publish: bool,
    /// Run the tests under this tool: its reports decide, not the outcomes, for some tests look at the clock.
    #[arg(long, value_enum, conflicts_with = "publish")]
    under: Option<Under>,
}

/// One program's run.
#[derive(Debug, Clone)]
struct Run {
    outcome: Outcome,
    passed: usize,
    cases: usize,
    why: String,
    /// What the tool says that it ran under.
    reports: Vec<String>,
}

/// Compiles and runs the tests; fails if one of them does that is not known to differ, or if a tool reports something.
pub fn run(options: &Options) -> io::Result<ExitCode> {
    let library = match (&options.lib, options.under) {
        (None, Some(under)) => under.library()?,
        (library, _) => library.clone(),
    };
    let tree = Tree::new(library)?;
    let names = names(&tree, options.only.as_deref())?;
    println!("compiling {} tests", names.len());
    let common = common(&tree, options.under)?;
    let built = in_parallel(&names, options.jobs, |name| compile(&tree, name, &common, options.under));
    let ours = run_all(&names, &built, options, &tree.ours);
    show(&names, &ours);
    if options.under.is_some() {
        return Ok(show_reports(&names, &ours));
    }
    if options.publish {
        let folder = reference::build(&tree, options.jobs)?;
        let theirs = run_all(&names, &built, options, &folder);
        println!("libzmq itself: {}", total(theirs.iter().map(|run| run.outcome)));
        publish(&names, &ours, &theirs)?;
    }
    let is_well = |(name, run): (&String, &Run)| {
        matches!(run.outcome, Outcome::Passed | Outcome::Skipped) || difference(name).is_some()
    };
    let all_well = names.iter().zip(&ours).all(is_well);
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn names(tree: &Tree, only: Option<&str>) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(tree.folder.join("tests"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let name = name.strip_prefix("test_").and_then(|name| name.strip_suffix(".cpp"));
        names.extend(name.filter(|name| why_not(name).is_none()).map(ToOwned::to_owned));
    }
    names.retain(|name| only.is_none_or(|only| name.contains(only)));
    names.sort();
    Ok(names)
}

fn why_not(name: &str) -> Option<&'static str> {
    let is_it = |of: &str| if of.starts_with('_') { name.ends_with(of) } else { name == of };
    NOT_ASKED.iter().find(|(of, _)| is_it(of)).map(|(_, why)| *why)
}

/// What all programs are linked with.
fn common(tree: &Tree, under: Option<Under>) -> io::Result<Vec<PathBuf>> {
    let objects = tree.folder.join(Under::folder(under, "objects"));
    fs::create_dir_all(&objects)?;
    let sources = [
        "tests/testutil.cpp",
        "tests/testutil_monitoring.cpp",
        "tests/testutil_security.cpp",
        "tests/testutil_unity.cpp",
    ];
    let mut made = Vec::new();
    for source in sources.into_iter().chain(["external/unity/unity.c"]) {
        let object = objects.join(Path::new(source).file_stem().expect("it has a name")).with_extension("o");
        let mut compiler = flags(tree, under);
        if source.ends_with(".c") {
            compiler.args(["-x", "c"]);
        }
        must(compiler.arg("-c").arg(source).arg("-o").arg(&object))?;
        made.push(object);
    }
    Ok(made)
}

fn flags(tree: &Tree, under: Option<Under>) -> std::process::Command {
    let mut compiler = tree.compiler();
    compiler.args(Under::compiler_flags(under));
    compiler.args(["-DUNITY_USE_COMMAND_LINE_ARGS", "-DUNITY_EXCLUDE_FLOAT", "-Iexternal/unity"]);
    compiler
}

/// The program of a test.
fn compile(tree: &Tree, name: &str, common: &[PathBuf], under: Option<Under>) -> Result<PathBuf, String> {
    let folder = tree.folder.join(Under::folder(under, "bin"));
    let program = folder.join(format!("test_{name}"));
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let source = tree.folder.join("tests").join(format!("test_{name}.cpp"));
    let is_new = |made: &Path| Some(made.metadata().ok()?.modified().ok()? > source.metadata().ok()?.modified().ok()?);
    if is_new(&program) == Some(true) {
        return Ok(program);
    }
    let (mut sources, mut defines) = (vec![source], Vec::new());
    if name == "security_curve" {
        // It makes CURVE's commands by itself.
        defines = sodium().ok_or("libsodium is not there")?;
        defines.push("-DZMQ_USE_LIBSODIUM".to_owned());
        sources.extend(["err", "random", "clock"].map(|name| tree.folder.join("src").join(name).with_extension("cpp")));
    }
    let link = || {
        let mut linker = tree.compiler();
        for (at, source) in sources.iter().enumerate() {
            let object = program.with_extension(format!("{at}.o"));
            let mut compiler = flags(tree, under);
            must(compiler.args(["-std=c++11", "-c"]).arg(source).args(&defines).arg("-o").arg(&object))?;
            linker.arg(object);
        }
        linker.args(common).arg("-o").arg(&program).arg("-L").arg(&tree.ours).args(&defines);
        // A function that is not there fails those that call it only.
        linker.args(["-l:libzmq.so.5", "-Wl,-z,lazy", "-Wl,--unresolved-symbols=ignore-all"]);
        must(linker.args(Under::linker_flags(under)?))
    };
    link().map(|_| program.clone()).map_err(|error: io::Error| error.to_string())
}

fn run_all(names: &[String], built: &[Result<PathBuf, String>], options: &Options, library: &Path) -> Vec<Run> {
    let tests: Vec<_> = names.iter().zip(built).collect();
    in_parallel(&tests, options.jobs, |(name, program)| match program {
        Ok(program) => run_one(name, program, library, options.under),
        Err(error) => Run::without_cases(Outcome::Skipped, error.lines().last().unwrap_or_default().to_owned()),
    })
}

/// Once more if it failed: some of the tests look at the clock.
fn run_one(name: &str, program: &Path, library: &Path, under: Option<Under>) -> Run {
    let first = attempt(name, program, library, under);
    match first.outcome {
        Outcome::Passed | Outcome::Skipped => first,
        _ if !first.reports.is_empty() => first,
        _ => attempt(name, program, library, under),
    }
}

fn attempt(name: &str, program: &Path, library: &Path, under: Option<Under>) -> Run {
    let limit = if SLOW.contains(&name) { LIMIT_SLOW } else { LIMIT } * Under::slowness(under);
    let folder = std::env::temp_dir().join(format!("libzmq-suite-{}-{name}", std::process::id()));
    let done = fs::create_dir_all(&folder).and_then(|()| {
        let (mut command, logs) = Under::command(under, program, &folder)?;
        let (output, _) = run_for(limit, command.current_dir(&folder).env("LD_LIBRARY_PATH", library))?;
        Ok((output, logs.map_or_else(|| Ok(Vec::new()), |logs| under::reports(&logs))?))
    });
    // What a test leaves there is of no use; neither is an error here.
    let _ = fs::remove_dir_all(&folder);
    match done {
        Ok((output, reports)) => Run { reports, ..Run::of(&output) },
        Err(error) => Run::without_cases(Outcome::Failed, error.to_string()),
    }
}

impl Run {
    fn without_cases(outcome: Outcome, why: String) -> Self {
        Self { outcome, passed: 0, cases: 0, why, reports: Vec::new() }
    }

    fn of(output: &std::process::Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let count = |word: &str| text.lines().filter(|line| line.contains(word)).count();
        let (passed, failed, ignored) = (count(":PASS"), count(":FAIL"), count(":IGNORE"));
        let outcome = match output.status.code() {
            Some(0) if ignored > 0 && passed + failed == 0 => Outcome::Skipped,
            Some(0) => Outcome::Passed,
            Some(77) => Outcome::Skipped,
            _ => Outcome::by_signal(output.status).unwrap_or(Outcome::Failed),
        };
        let first = text.lines().find(|line| line.contains(":FAIL"));
        let why = first.map(|line| line.rsplit('/').next().unwrap_or(line).to_owned()).unwrap_or_default();
        Self { outcome, passed, cases: passed + failed, why, reports: Vec::new() }
    }

    /// For the report: how it ended, and how many of its cases passed.
    fn told(&self) -> String {
        match self.outcome {
            Outcome::Skipped => self.outcome.word().to_owned(),
            outcome => format!("{} ({} of {})", outcome.word(), self.passed, self.cases),
        }
    }
}

fn show(names: &[String], runs: &[Run]) {
    for (name, run) in names.iter().zip(runs) {
        println!("{:<9}{name:<34}{:>4} of {:<4}{}", run.outcome.word(), run.passed, run.cases, run.why);
    }
    println!("{}", total(runs.iter().map(|run| run.outcome)));
}

/// What the tool said, and whether all of it is known to be the tests' own.
fn show_reports(names: &[String], runs: &[Run]) -> ExitCode {
    let reports = names.iter().zip(runs).flat_map(|(name, run)| run.reports.iter().map(move |text| (name, text)));
    let (theirs, ours): (Vec<_>, Vec<_>) = reports.partition(|(name, text)| under::not_ours(name, text).is_some());
    for (name, text) in &theirs {
        let what = text.lines().next().unwrap_or_default();
        println!("not ours: {name}: {what}: {}", under::not_ours(name, text).unwrap_or_default());
    }
    ours.iter().for_each(|(name, text)| println!("\n=== {name}\n{text}"));
    println!("{} reports, and {} of the tests' own", ours.len(), theirs.len());
    if ours.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn difference(name: &str) -> Option<&'static str> {
    DIFFERENCES.iter().find(|(of, _)| *of == name).map(|(_, why)| *why)
}

fn publish(names: &[String], ours: &[Run], theirs: &[Run]) -> io::Result<()> {
    let rows = names.iter().zip(ours).zip(theirs).map(|((name, our), their)| Row {
        name: format!("`test_{name}`"),
        ours: our.told(),
        theirs: their.told(),
        reason: if our.outcome == their.outcome {
            String::new()
        } else {
            difference(name).unwrap_or_default().to_owned()
        },
    });
    let rows: Vec<Row> = rows.collect();
    let left_out = NOT_ASKED.iter().map(|(of, why)| format!("`{of}` {why}")).collect::<Vec<_>>().join("; ");
    let intro = format!(
        "Ours: {}. libzmq 4.3.5 itself, built and run on the same machine: {}.\n\nLeft out by name: {left_out}.",
        total(ours.iter().map(|run| run.outcome)),
        total(theirs.iter().map(|run| run.outcome))
    );
    replace_section("libzmq-suite", "libzmq's own C tests", &intro, &rows)
}
