//! What a process has used: processor time and memory.

use std::time::Duration;

use crate::Outcome;

/// Processor time of this process so far, all threads together, in user and system.
pub fn processor_time() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to writable storage of the right type for the whole call.
    let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    assert_eq!(result, 0, "getrusage of oneself cannot fail");
    // SAFETY: the call succeeded and so filled it; besides, all its fields are integers, for which zero is valid.
    let usage = unsafe { usage.assume_init() };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

fn duration(time: libc::timeval) -> Duration {
    // Neither part of a usage is ever negative.
    Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
}

/// Memory of this process that is resident, in KiB.
pub fn resident_kib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Descriptors that this process has open.
pub fn open_descriptors() -> Outcome<usize> {
    // The folder itself is one of them.
    Ok(std::fs::read_dir("/proc/self/fd")?.count() - 1)
}

/// Allows as many descriptors as the system lets this process have.
pub fn raise_descriptor_limit() -> Outcome {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}
