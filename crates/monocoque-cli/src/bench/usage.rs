//! What a process uses: CPU time, memory and descriptors.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of all threads of this process so far.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Bytes of this process that are in memory; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Raises the limit on open descriptors as far as the system lets us, and returns it; `None` is no limit.
pub fn raise_descriptors() -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
    if raised.is_ok() { now.maximum } else { now.current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_told() {
        assert!(cpu_time() > Duration::ZERO);
        assert!(resident_bytes().is_none_or(|bytes| bytes > 4096));
        assert!(raise_descriptors().is_none_or(|limit| limit > 2));
    }
}
