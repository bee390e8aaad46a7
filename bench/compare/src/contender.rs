//! Who is measured: programs, and the modes that they describe.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench_common::{Group, Line, ModeDescription};

use crate::Outcome;
use crate::process::{Event, Process};

/// The programs: the name of each and the package whose version it has, if it cannot tell.
const PROGRAMS: [(&str, Option<&str>); 7] = [
    ("ours", None),
    ("libzmq", None),
    ("omq", Some("omq-tokio")),
    ("monocoque-rs", Some("monocoque-rs")),
    ("rzmq", Some("rzmq")),
    ("zeromq", Some("zeromq")),
    ("raw", None),
];

/// The name under which an earlier build of ours is measured.
pub const BASELINE: &str = "baseline";

/// What was locked when this harness was built, the peers among it.
const LOCK: &str = include_str!("../../Cargo.lock");

/// How long a program may take to describe itself.
const DESCRIBE_LIMIT: Duration = Duration::from_secs(10);

/// A program in one of its modes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// Of the program, such as `libzmq`.
    pub program: String,
    /// Of its library.
    pub version: Option<String>,
    /// The executable.
    pub path: PathBuf,
    /// How it uses its library.
    pub mode: ModeDescription,
}

impl Contender {
    /// Whether the mode is for scenarios of this group.
    pub fn plays(&self, group: Group) -> bool {
        self.mode.groups.is_empty() || self.mode.groups.contains(&group)
    }

    /// Whether `selector`, a program or program/mode, means this one.
    pub fn is(&self, selector: &str) -> bool {
        self.program == selector || self.to_string() == selector
    }
}

/// The name: what `--peers` and `--pair` select by.
impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.program, self.mode.name)
    }
}

/// Every mode of every program in `folder`.
///
/// # Errors
/// If a program is missing or does not describe itself.
pub fn all(folder: &Path) -> Outcome<Vec<Contender>> {
    let mut all = Vec::new();
    for (program, package) in PROGRAMS {
        all.extend(of_program(folder, program, package)?);
    }
    Ok(all)
}

/// Every mode of one program in `folder`.
///
/// # Errors
/// If the program is missing or does not describe itself.
pub fn of_program(folder: &Path, program: &str, package: Option<&str>) -> Outcome<Vec<Contender>> {
    of_path(&folder.join(format!("bench-{program}")), program, package)
}

/// Every mode of the program at `path`, under the name `program`.
///
/// # Errors
/// If the program is missing or does not describe itself.
pub fn of_path(path: &Path, program: &str, package: Option<&str>) -> Outcome<Vec<Contender>> {
    let described = match Process::start(path, &["--describe".to_owned()])?.next(DESCRIBE_LIMIT) {
        Event::Line(Line::Description(description)) => description,
        other => return Err(format!("{} does not describe itself: {other:?}", path.display()).into()),
    };
    let version = described.version.or_else(|| locked_version(LOCK, package?));
    Ok(described
        .modes
        .into_iter()
        .map(|mode| Contender { program: program.to_owned(), version: version.clone(), path: path.to_owned(), mode })
        .collect())
}

/// The version of `package` in a lock file.
fn locked_version(lock: &str, package: &str) -> Option<String> {
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("name = \"{package}\"\n")))?;
    let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
    Some(version.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_the_lock() {
        let lock =
            "[[package]]\nname = \"rzmq\"\nversion = \"0.5.28\"\n\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\n";
        assert_eq!(locked_version(lock, "rzmq").as_deref(), Some("0.5.28"));
        assert_eq!(locked_version(lock, "zeromq"), None);
    }
}
