//! The crates below the I/O layer have no runtime, no socket and no clock, and unsafe code stays where
//! ARCHITECTURE.md says it is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PURE: [&str; 5] =
    ["monocoque-core", "monocoque-secretbox", "monocoque-zmtp", "monocoque-ws", "monocoque-pattern"];

/// Dependencies that mean an operating system, a runtime or a source of randomness.
const FORBIDDEN: [&str; 14] = [
    "compio",
    "tokio",
    "smol",
    "async-io",
    "socket2",
    "libc",
    "rustix",
    "nix",
    "mio",
    "polling",
    "io-uring",
    "rand",
    "fastrand",
    "getrandom",
];

/// Ways to reach a clock, a file or a socket through the standard library.
const IMPURE: [&str; 8] = [
    "Instant::now",
    "SystemTime",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::",
    "std::fs",
    "std::thread::sleep",
    "std::env::",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("entry").path());
    entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|p| p.extension().is_some_and(|e| e == "rs"))
        .collect()
}

/// The code of a source file, without comments and without its test module.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("readable");
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    shipped.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn pure_crates_depend_on_no_runtime_and_no_operating_system() {
    for name in PURE {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--package", name])
            .current_dir(workspace())
            .output()
            .expect("cargo runs");
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8(tree.stdout).expect("names are UTF-8");
        let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(names.contains(name));
        let found: Vec<_> = FORBIDDEN.into_iter().filter(|forbidden| names.contains(forbidden)).collect();
        assert_eq!(found, [""; 0], "dependencies of {name}");
    }
}

#[test]
fn pure_crates_read_no_clock_and_open_nothing() {
    for name in PURE {
        for path in sources(&workspace().join("crates").join(name).join("src")) {
            if path.file_name().is_some_and(|file| file == "tests.rs") {
                continue;
            }
            let code = code(&path);
            let found: Vec<_> = IMPURE.into_iter().filter(|impure| code.contains(impure)).collect();
            assert_eq!(found, [""; 0], "{}", path.display());
        }
    }
}

#[test]
fn unsafe_code_is_only_where_the_architecture_says() {
    let root = workspace();
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("readable");
    let mut named = 0;
    for krate in fs::read_dir(root.join("crates")).expect("readable") {
        for path in sources(&krate.expect("entry").path().join("src")) {
            let uses =
                code(&path).split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| *word == "unsafe").count();
            if uses == 0 {
                continue;
            }
            let relative = path.strip_prefix(&root).expect("inside").display().to_string();
            assert!(architecture.contains(&format!("`{relative}`")), "{relative} has unsafe code and is not named");
            let text = fs::read_to_string(&path).expect("readable");
            assert!(text.contains("// SAFETY:"), "{relative} argues for none of it");
            named += 1;
        }
    }
    assert!(named > 0, "the slab is unsafe code, and was not found");
}
