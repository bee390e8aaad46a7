//! pyzmq's own tests, with pyzmq built from its source distribution against our header and library.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Args;

use super::report::{Row, replace_section};
use super::tree::{Tree, named};
use super::{Outcome, must, reference, total};
use crate::libzmq::{root, target_folder};

const PYZMQ: &str = "27.1.0";
const BUILDS: &[&str] =
    &["pip", "scikit-build-core>=0.10", "cython>=3.0", "packaging", "cmake>=3.15", "ninja", "setuptools"];
const TESTS: &[&str] =
    &["pytest", "pytest-asyncio>=0.17", "pytest-rerunfailures", "pytest-timeout", "tornado", "gevent"];
/// Types of Python sources, a server of SSH, and Windows: none of them says anything of the library.
const LEFT_OUT: &[&str] = &["test_mypy", "test_ssh", "test_win32_shim"];
/// Whether these pass is luck, with either library, and those after one that fails find what it left: they run apart.
const RACES: &[&str] = &["test_log.py::TestPubLog::test_blank_root_topic"];
/// A test, and a file of them.
const TEST_LIMIT: Duration = Duration::from_secs(60);
const FILE_LIMIT: Duration = Duration::from_secs(300);

/// What `cargo xtask pyzmq-suite` is told.
#[derive(Debug, Args)]
pub struct Options {
    /// A folder with another libzmq.so.5 to test instead of ours.
    #[arg(long, value_name = "DIR")]
    lib: Option<PathBuf>,
    /// Only files whose name contains this.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Build libzmq itself too, run the tests with it, and write docs/conformance.md.
    #[arg(long)]
    publish: bool,
}

const RACE: &str = "it sends before a subscription can have come over TCP: luck, with either library";

type Outcomes = BTreeMap<String, Outcome>;

/// Builds pyzmq and runs its tests; fails if one of them does that is no race.
pub fn run(options: &Options) -> io::Result<ExitCode> {
    let tree = Tree::new(options.lib.clone())?;
    let python = Python::new(&tree)?;
    let ours = python.run_all(&tree.ours, options.only.as_deref())?;
    println!("{}", total(ours.values().copied()));
    if options.publish {
        let theirs = python.run_all(&reference::build(&tree, 2)?, options.only.as_deref())?;
        println!("libzmq itself: {}", total(theirs.values().copied()));
        publish(&ours, &theirs)?;
    }
    let is_well = |(test, outcome): (&String, &Outcome)| {
        matches!(outcome, Outcome::Passed | Outcome::Skipped) || RACES.contains(&test.as_str())
    };
    let all_well = ours.iter().all(is_well);
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A virtual environment with pyzmq in it, and a copy of its tests: beside its sources, `import zmq` would find those.
pub(super) struct Python {
    pub(super) python: PathBuf,
    tests: PathBuf,
    prefix: PathBuf,
}

impl Python {
    pub(super) fn new(tree: &Tree) -> io::Result<Self> {
        let work = target_folder()?.join("pyzmq-suite");
        let (venv, prefix) = (work.join("venv"), work.join("prefix"));
        let made = Self { python: venv.join("bin/python"), tests: work.join("run"), prefix };
        if made.tests.join("tests").is_dir() {
            return Ok(made);
        }
        fs::create_dir_all(&work)?;
        must(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        println!("installing what pyzmq is built and tested with");
        must(made.pip().args(["-U"]).args(BUILDS).args(TESTS))?;
        let sources = made.sources(&work)?;
        made.prefix(tree)?;
        println!("building pyzmq {PYZMQ}");
        must(&mut made.build(&venv, &sources)?)?;
        fs::create_dir_all(&made.tests)?;
        fs::copy(sources.join("pytest.ini"), made.tests.join("pytest.ini"))?;
        must(Command::new("cp").arg("-r").arg(sources.join("tests")).arg(&made.tests))?;
        Ok(made)
    }

    /// `pip install`, there.
    pub(super) fn pip(&self) -> Command {
        let mut pip = Command::new(&self.python);
        pip.args(["-m", "pip", "install", "-q"]);
        pip
    }

    /// The unpacked source distribution.
    fn sources(&self, work: &Path) -> io::Result<PathBuf> {
        let mut pip = Command::new(&self.python);
        pip.args(["-m", "pip", "download", "-q", "--no-deps", "--no-binary", "pyzmq", "--no-build-isolation"]);
        must(pip.arg(format!("pyzmq=={PYZMQ}")).arg("-d").arg(work))?;
        must(Command::new("tar").arg("-xzf").arg(work.join(format!("pyzmq-{PYZMQ}.tar.gz"))).arg("-C").arg(work))?;
        Ok(work.join(format!("pyzmq-{PYZMQ}")))
    }

    /// Our header and library, as an installation has them.
    fn prefix(&self, tree: &Tree) -> io::Result<()> {
        fs::create_dir_all(self.prefix.join("include"))?;
        for header in ["zmq.h", "zmq_utils.h"] {
            let from = root().join("crates/monocoque-libzmq/include").join(header);
            fs::copy(from, self.prefix.join("include").join(header))?;
        }
        named(&tree.ours.join("libzmq.so.5"), &self.prefix.join("lib")).map(drop)
    }

    fn build(&self, venv: &Path, sources: &Path) -> io::Result<Command> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([venv.join("bin")].into_iter().chain(std::env::split_paths(&path)));
        let mut pip = self.pip();
        pip.args(["--no-build-isolation", "--no-deps", "--force-reinstall", "--no-cache-dir"]).arg(sources);
        pip.env("ZMQ_PREFIX", &self.prefix).env("ZMQ_DRAFT_API", "1").env("PYZMQ_NO_BUNDLE", "1");
        pip.env("PYZMQ_LIBZMQ_RPATH", "OFF").env("PATH", path.map_err(io::Error::other)?);
        Ok(pip)
    }

    fn run_all(&self, library: &Path, only: Option<&str>) -> io::Result<Outcomes> {
        let mut files = Vec::new();
        for entry in fs::read_dir(self.tests.join("tests"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            files.extend(name.strip_suffix(".py").filter(|name| name.starts_with("test_")).map(ToOwned::to_owned));
        }
        files.retain(|file| !LEFT_OUT.contains(&file.as_str()) && only.is_none_or(|only| file.contains(only)));
        files.sort();
        let mut outcomes = Outcomes::new();
        for file in files {
            let races: Vec<_> = RACES.iter().filter(|race| race.starts_with(&format!("{file}.py::"))).collect();
            let without = races.iter().map(|race| format!("--deselect=tests/{race}")).collect::<Vec<_>>();
            let mut found = self.run_part(library, &format!("{file}.py"), &without)?;
            for race in races {
                found.extend(self.run_part(library, race, &[])?);
            }
            println!("{file:<26}{}", total(found.values().copied()));
            let failed = found.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Passed | Outcome::Skipped));
            failed.for_each(|(test, outcome)| println!("    {:<9}{test}", outcome.word()));
            outcomes.extend(found);
        }
        Ok(outcomes)
    }

    /// Runs the tests of a file, or one of them.
    fn run_part(&self, library: &Path, part: &str, more: &[String]) -> io::Result<Outcomes> {
        let mut pytest = Command::new("timeout");
        pytest.args(["--signal=KILL", &FILE_LIMIT.as_secs().to_string()]).arg(&self.python);
        pytest.args(["-m", "pytest", "-v", "--color=no", "-p", "no:cacheprovider", "-o", "addopts=", "--reruns", "1"]);
        pytest.args(["--import-mode=importlib", &format!("--timeout={}", TEST_LIMIT.as_secs())]);
        pytest.args(more).arg(format!("tests/{part}")).current_dir(&self.tests);
        // One test compiles something against zmq.h.
        pytest.env("C_INCLUDE_PATH", self.prefix.join("include")).env("LIBRARY_PATH", self.prefix.join("lib"));
        let output = pytest.env("LD_LIBRARY_PATH", library).output()?;
        let mut outcomes: Outcomes = String::from_utf8_lossy(&output.stdout).lines().filter_map(read_line).collect();
        // All passed; some failed; there were none.
        if !matches!(output.status.code(), Some(0 | 1 | 5)) {
            let outcome = Outcome::by_signal(output.status).unwrap_or(Outcome::Crashed);
            outcomes.insert(format!("{part} (all of it)"), outcome);
        }
        Ok(outcomes)
    }
}

/// `tests/test_x.py::TestX::test_y PASSED [ 10%]`.
fn read_line(line: &str) -> Option<(String, Outcome)> {
    let (test, rest) = line.strip_prefix("tests/")?.rsplit_once(' ').and_then(|(front, last)| {
        let front =
            if last.ends_with("%]") { front.trim_end_matches([' ', '[']) } else { line.strip_prefix("tests/")? };
        front.split_once(' ')
    })?;
    let outcome = match rest.split_whitespace().next()? {
        "PASSED" => Outcome::Passed,
        "FAILED" | "ERROR" => Outcome::Failed,
        "SKIPPED" | "XFAIL" => Outcome::Skipped,
        _ => return None,
    };
    test.contains("::").then(|| (test.to_owned(), outcome))
}

/// A row for each file, and one for each test that differs.
fn publish(ours: &Outcomes, theirs: &Outcomes) -> io::Result<()> {
    let file = |test: &str| test.split("::").next().unwrap_or(test).to_owned();
    let mut files: Vec<String> = ours.keys().chain(theirs.keys()).map(|test| file(test)).collect();
    files.sort();
    files.dedup();
    let told = |of: &Outcomes, name: &str| {
        total(of.iter().filter(|(test, _)| file(test) == name).map(|(_, outcome)| *outcome))
    };
    let mut rows: Vec<Row> = files
        .iter()
        .map(|name| Row {
            name: format!("`{name}`"),
            ours: told(ours, name),
            theirs: told(theirs, name),
            reason: String::new(),
        })
        .collect();
    for (test, outcome) in ours {
        let other = theirs.get(test).copied();
        if other != Some(*outcome) {
            let theirs = other.map_or("-", Outcome::word).to_owned();
            let reason = if RACES.contains(&test.as_str()) { RACE } else { "" }.to_owned();
            rows.push(Row { name: format!("`{test}`"), ours: outcome.word().to_owned(), theirs, reason });
        }
    }
    let intro = format!(
        "pyzmq {PYZMQ} with drafts. Ours: {}. libzmq 4.3.5 itself: {}.",
        total(ours.values().copied()),
        total(theirs.values().copied())
    );
    replace_section("pyzmq-suite", "pyzmq's tests", &intro, &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_pytest_are_read() {
        let read = |line| read_line(line).map(|(test, outcome)| (test, outcome.word()));
        let test = "test_socket.py::TestSocket::test_recv";
        assert_eq!(read("tests/test_socket.py::TestSocket::test_recv PASSED [ 10%]"), Some((test.to_owned(), "pass")));
        assert_eq!(
            read("tests/test_socket.py::TestSocket::test_recv SKIPPED (why) [100%]"),
            Some((test.to_owned(), "skip"))
        );
        assert_eq!(read("tests/test_socket.py::TestSocket::test_recv FAILED"), Some((test.to_owned(), "fail")));
        assert_eq!(read("collected 3 items"), None);
    }
}
