//! What the tests of the harness begin with.

// Each test is a program of its own and uses a part.
#![allow(dead_code)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use bench_common::{Group, ModeDescription};
use bench_compare::contender::{self, Contender};
use bench_compare::scenario::{self, Scenario};

/// The folder with the program of that name, built as the tests are.
pub fn folder_with(program: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a test is a program");
    let folder = here.ancestors().nth(2).expect("a test is in deps").to_owned();
    let target = folder.parent().expect("the folder of the profile is in the target folder");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", &format!("bench-{program}"), "--target-dir"]).arg(target);
    assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo runs").success());
    folder
}

/// A mode of a program of ours.
pub fn contender(program: &str, mode: &str) -> Contender {
    let modes = contender::of_program(&folder_with(program), program, None).expect("it describes itself");
    modes.into_iter().find(|contender| contender.mode.name == mode).expect("it has the mode")
}

/// A program that does what a shell script says.
pub fn script(folder: &Path, text: &str) -> Contender {
    acting(folder, "script", "shell", text)
}

/// A shell script in place of a program in one of its modes.
pub fn acting(folder: &Path, program: &str, mode: &str, text: &str) -> Contender {
    let path = folder.join(format!("{program}-{mode}"));
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("the folder is writable");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mode = ModeDescription { name: mode.into(), note: String::new(), groups: Vec::<Group>::new() };
    Contender { program: program.into(), version: None, path, mode }
}

/// The scenario of that name.
pub fn scenario(name: &str) -> Scenario {
    scenario::all().into_iter().find(|scenario| scenario.to_string() == name).expect("there is one")
}
