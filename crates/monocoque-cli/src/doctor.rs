//! `doctor`: what this machine allows, which driver that means, and how to get more.

use std::fs;
use std::io::{self, Write};

use monocoque::{Context, Driver, DriverChoice};
use rustix::process::{Resource, getrlimit};

use crate::exit::Failure;
use crate::table::{Column, Table};

const COLUMNS: [Column; 3] = [Column::text("what", 24), Column::text("here", 34), Column::text("", 7)];

/// Fewer descriptors than this are few for a program with many peers.
const DESCRIPTORS_MIN: u64 = 16_384;
/// Less than this holds connections up that come in bursts.
const BACKLOG_MIN: u64 = 1_024;
/// Less than this limits a stream over long lines: 100 ms at 1 Gbit/s is 12.5 MB.
const SOCKET_BUFFER_MIN: u64 = 4 << 20;

/// One line of the diagnosis.
struct Check {
    what: &'static str,
    here: String,
    /// What could be better, and how.
    advice: Option<String>,
}

impl Check {
    fn fine(what: &'static str, here: impl Into<String>) -> Self {
        Self { what, here: here.into(), advice: None }
    }

    fn advise(self, is_needed: bool, advice: impl Into<String>) -> Self {
        Self { advice: is_needed.then(|| advice.into()), ..self }
    }
}

/// Prints the diagnosis.
pub fn run() -> Result<(), Failure> {
    let checks = [
        kernel(),
        uring(),
        uring_switch(),
        seccomp(),
        choice(),
        driver(),
        cores(),
        descriptors(),
        locked_memory(),
        backlog(),
        socket_buffer("receive buffer, largest", "net/core/rmem_max"),
        socket_buffer("send buffer, largest", "net/core/wmem_max"),
    ];
    let mut out = io::stdout().lock();
    let mut table = Table::begin(&COLUMNS, &mut out)?;
    for check in &checks {
        let mark = if check.advice.is_some() { "see below" } else { "" };
        table.row(&[check.what.into(), check.here.clone(), mark.into()])?;
    }
    let advice: Vec<_> = checks.iter().filter_map(|check| Some((check.what, check.advice.as_deref()?))).collect();
    if advice.is_empty() {
        writeln!(out, "\nNothing to improve.")?;
    }
    for (what, advice) in advice {
        writeln!(out, "\n{what}: {advice}")?;
    }
    Ok(())
}

fn kernel() -> Check {
    let system = rustix::system::uname();
    let release = system.release().to_string_lossy().into_owned();
    let is_old = version(&release).is_some_and(|version| version < (6, 1));
    let here = format!("{} {release}", system.sysname().to_string_lossy());
    Check::fine("system", here).advise(is_old, "io_uring is at its best from Linux 6.1 on; everything works without.")
}

/// Major and minor of a kernel release such as `6.1.0-18-amd64`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn uring() -> Check {
    match DriverChoice::Only(Driver::Uring).runtime() {
        Ok(_) => Check::fine("io_uring", "allowed"),
        Err(error) => Check::fine("io_uring", "refused").advise(
            true,
            format!(
                "{error}. epoll is used instead: correct, but slower. Look at kernel.io_uring_disabled and at the \
                 seccomp profile (Docker refuses io_uring by default: --security-opt seccomp=unconfined, or a profile \
                 that allows io_uring_setup, io_uring_enter and io_uring_register)."
            ),
        ),
    }
}

fn uring_switch() -> Check {
    let what = "io_uring_disabled";
    match sysctl("kernel/io_uring_disabled").as_deref() {
        Some("0") => Check::fine(what, "0 (allowed for everyone)"),
        Some("1") => Check::fine(what, "1 (allowed for one group)")
            .advise(true, "Run as a member of kernel.io_uring_group, or: sysctl -w kernel.io_uring_disabled=0"),
        Some("2") => Check::fine(what, "2 (forbidden)").advise(true, "sysctl -w kernel.io_uring_disabled=0"),
        Some(other) => Check::fine(what, other),
        None => Check::fine(what, "no such switch (before Linux 6.6)"),
    }
}

fn seccomp() -> Check {
    let mode = status("Seccomp:");
    Check::fine(
        "seccomp",
        match mode.as_deref() {
            Some("0") => "none".into(),
            Some("1") => "strict".into(),
            Some("2") => "a filter is in place".into(),
            Some(other) => format!("mode {other}"),
            None => "unknown".to_owned(),
        },
    )
}

fn choice() -> Check {
    let what = "MONOCOQUE_DRIVER";
    match (std::env::var("MONOCOQUE_DRIVER"), DriverChoice::from_env()) {
        (_, Err(error)) => Check::fine(what, "not understood").advise(true, format!("{error}.")),
        (Ok(set), Ok(DriverChoice::Only(driver))) => Check::fine(what, format!("{set}: {driver} or nothing")),
        _ => Check::fine(what, "not set: io_uring, else epoll"),
    }
}

fn driver() -> Check {
    match Context::new().driver() {
        Ok(driver) => Check::fine("driver in use", driver.to_string()),
        Err(error) => Check::fine("driver in use", "none").advise(true, format!("{error}.")),
    }
}

fn cores() -> Check {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let advice = "A shared context's I/O thread and its user take turns on one core; local placement suits it better.";
    Check::fine("cores for this process", cores.to_string()).advise(cores < 2, advice)
}

fn descriptors() -> Check {
    let limit = getrlimit(Resource::Nofile);
    let is_low = limit.current.is_some_and(|current| current < DESCRIPTORS_MIN);
    let here = format!("{} (may be raised to {})", shown(limit.current), shown(limit.maximum));
    let advice = "Every connection takes a descriptor. ulimit -n 65536, or LimitNOFILE=65536 in a systemd unit.";
    Check::fine("open descriptors", here).advise(is_low, advice)
}

fn locked_memory() -> Check {
    let limit = getrlimit(Resource::Memlock);
    // Rings of kernels before 5.12 count as locked memory.
    let here = limit.current.map_or_else(|| "no limit".into(), |bytes| format!("{} KiB", bytes / 1024));
    let is_low = limit.current.is_some_and(|bytes| bytes < 1 << 20);
    let advice = "Kernels before 5.12 count rings as locked memory: ulimit -l unlimited if io_uring is refused.";
    Check::fine("locked memory", here).advise(is_low, advice)
}

fn backlog() -> Check {
    let limit = sysctl("net/core/somaxconn");
    let is_low = limit.as_deref().and_then(|limit| limit.parse().ok()).is_some_and(|limit: u64| limit < BACKLOG_MIN);
    let advice = "Connections that wait to be accepted are cut off at this number: sysctl -w net.core.somaxconn=4096";
    Check::fine("connections waiting", limit.unwrap_or_else(|| "unknown".into())).advise(is_low, advice)
}

fn socket_buffer(what: &'static str, name: &str) -> Check {
    let limit = sysctl(name);
    let bytes = limit.as_deref().and_then(|limit| limit.parse::<u64>().ok());
    let here = bytes.map_or_else(|| "unknown".into(), |bytes| format!("{} KiB", bytes / 1024));
    let advice = format!(
        "Bounds buffers that a program sets by hand; on fast long-distance lines: sysctl -w {}={}. Buffers that the \
         kernel sizes by itself are not affected.",
        name.replace('/', "."),
        SOCKET_BUFFER_MIN * 4
    );
    Check::fine(what, here).advise(bytes.is_some_and(|bytes| bytes < SOCKET_BUFFER_MIN), advice)
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "no limit".into(), |limit| limit.to_string())
}

fn sysctl(name: &str) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().to_owned())
}

fn status(key: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_releases_are_read() {
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("5.15.133"), Some((5, 15)));
        assert_eq!(version("unknown"), None);
    }
}
