//! Tools that watch the memory of a test: valgrind's memcheck, and the address sanitizer.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use super::must;
use super::tree::named;
use crate::libzmq::{cargo, target_folder};

/// The platform that the sanitizer's build is for; named, so that build scripts and macros are built without it.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// As rustc's distributions have it, without or with this in its name.
const RUNTIMES: &[&str] = &["librustc-stable_rt.asan.a", "librustc-nightly_rt.asan.a"];

/// Reports that are the tests' own, by the test and a part of the text, and why.
const THEIRS: &[(&str, &str, &str)] = &[
    (
        "fork",
        "leak of",
        "a forked child has the memory of its parent's threads, and not the threads that would free it",
    ),
    (
        "fork",
        "definitely lost",
        "a forked child has the memory of its parent's threads, and not the threads that would free it",
    ),
    ("monitor", "get_monitor_event", "it frees nothing after an assertion that differs here (docs/conformance.md)"),
];

/// Why what a tool reports of a test is none of ours, if it is not.
pub fn not_ours(test: &str, report: &str) -> Option<&'static str> {
    THEIRS.iter().find(|(of, part, _)| *of == test && report.contains(part)).map(|(_, _, why)| *why)
}

/// What a test is run under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Under {
    /// memcheck, with definite leaks. On the epoll driver: valgrind knows too little of io_uring to follow it.
    Valgrind,
    /// The tests and our library instrumented, with the leaks that LeakSanitizer finds.
    Asan,
}

impl Under {
    /// The library to run, if it is another.
    pub fn library(self) -> io::Result<Option<PathBuf>> {
        match self {
            Self::Valgrind => Ok(None),
            Self::Asan => instrumented().map(Some),
        }
    }

    /// Where what is compiled for it lies.
    pub fn folder(under: Option<Self>, name: &str) -> String {
        match under {
            Some(Self::Asan) => format!("{name}-asan"),
            _ => name.to_owned(),
        }
    }

    pub fn compiler_flags(under: Option<Self>) -> &'static [&'static str] {
        match under {
            Some(Self::Asan) => &["-g", "-fsanitize=address", "-fno-omit-frame-pointer"],
            _ => &[],
        }
    }

    /// For a program: rustc's runtime of the sanitizer, which is newer than the compiler's, instead of that.
    pub fn linker_flags(under: Option<Self>) -> io::Result<Vec<OsString>> {
        if under != Some(Self::Asan) {
            return Ok(Vec::new());
        }
        let sysroot = must(Command::new("rustc").args(["--print", "sysroot"]))?;
        let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).join("lib");
        let runtime = RUNTIMES.iter().map(|name| folder.join(name)).find(|file| file.exists());
        let runtime = runtime.ok_or_else(|| io::Error::other("rustc has no runtime of the address sanitizer"))?;
        let words = ["-rdynamic", "-Wl,--whole-archive"].map(OsString::from);
        let rest = ["-Wl,--no-whole-archive", "-ldl", "-lrt", "-lm"].map(OsString::from);
        Ok(words.into_iter().chain([runtime.into_os_string()]).chain(rest).collect())
    }

    /// How much longer a test may take.
    pub fn slowness(under: Option<Self>) -> u32 {
        match under {
            Some(Self::Valgrind) => 4,
            Some(Self::Asan) => 2,
            None => 1,
        }
    }

    /// `program` under the tool, and the folder where that writes, below `folder`.
    pub fn command(under: Option<Self>, program: &Path, folder: &Path) -> io::Result<(Command, Option<PathBuf>)> {
        let Some(under) = under else { return Ok((Command::new(program), None)) };
        let logs = folder.join("logs");
        fs::create_dir_all(&logs)?;
        let command = match under {
            Self::Valgrind => {
                let mut valgrind = Command::new("valgrind");
                valgrind.args(["--quiet", "--leak-check=full", "--show-leak-kinds=definite", "--num-callers=40"]);
                valgrind.args(["--errors-for-leak-kinds=definite", "--error-exitcode=99", "--fair-sched=yes"]);
                valgrind.arg(format!("--log-file={}/%p", logs.display())).arg(program);
                valgrind.env("MONOCOQUE_DRIVER", "poll");
                valgrind
            }
            Self::Asan => {
                let mut alone = Command::new(program);
                alone.env("ASAN_OPTIONS", format!("detect_leaks=1:log_path={}/asan", logs.display()));
                alone
            }
        };
        Ok((command, Some(logs)))
    }
}

/// What a tool reported: each error, leak or part of one, with its stack.
pub fn reports(logs: &Path) -> io::Result<Vec<String>> {
    let mut reports = Vec::new();
    for entry in fs::read_dir(logs)? {
        let text = fs::read(entry?.path())?;
        reports.extend(paragraphs(&String::from_utf8_lossy(&text)).into_iter().filter(|text| has_stack(text)));
    }
    Ok(reports)
}

/// The paragraphs of `text`, without the `==PID== ` before each line.
fn paragraphs(text: &str) -> Vec<String> {
    let bare = |line: &str| {
        let (_, rest) = line.strip_prefix("==")?.split_once("==")?;
        Some(rest.strip_prefix(' ').unwrap_or(rest).to_owned())
    };
    let lines: Vec<String> = text.lines().map(|line| bare(line).unwrap_or_else(|| line.to_owned())).collect();
    let parts = lines.split(|line| line.trim().is_empty());
    parts.filter(|part| !part.is_empty()).map(|part| part.join("\n")).collect()
}

fn has_stack(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with("at 0x") || line.trim_start().starts_with("#0 0x"))
}

/// Our library with every access to memory checked, built by the stable compiler with what only a nightly one allows.
fn instrumented() -> io::Result<PathBuf> {
    let target = target_folder()?.join("asan");
    let mut build = cargo();
    build
        .args(["build", "--release", "--package", "monocoque-libzmq", "--target", TARGET, "--target-dir"])
        .arg(&target);
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address").env("CARGO_INCREMENTAL", "0");
    // Half the time to build; a report names the same places.
    build.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    if !build.status()?.success() {
        return Err(io::Error::other("the library does not build with the address sanitizer"));
    }
    named(&target.join(TARGET).join("release/libmonocoque_libzmq.so"), &target.join("ours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_paragraph_with_a_stack() {
        let memcheck = "==7== Invalid read of size 4\n==7==    at 0x1: f (a.c:1)\n==7== \n==7== 8 bytes lost\n==7==    at 0x2: g\n";
        let sanitizer = "=====\n==7==ERROR: LeakSanitizer: leaks\n\nDirect leak of 8 bytes\n    #0 0x1 in malloc\n\nSUMMARY: 8 bytes\n";
        let count = |text: &str| paragraphs(text).iter().filter(|text| has_stack(text)).count();
        assert_eq!((count(memcheck), count(sanitizer)), (2, 1));
        assert_eq!(paragraphs(memcheck)[0], "Invalid read of size 4\n   at 0x1: f (a.c:1)");
    }
}
