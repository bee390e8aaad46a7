//! What I/O threads are called, where they run, and how the system schedules them.

use std::io;

use rustix::thread::{CpuSet, sched_setaffinity};
use thread_priority::{
    Error, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// How the system schedules a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Schedule {
    /// As others (`SCHED_OTHER`), with this nice value: -20 to 19. Below that of the process it needs CAP_SYS_NICE.
    Nice(i8),
    /// Before all others until it waits (`SCHED_FIFO`), with this priority: 1 to 99. It needs CAP_SYS_NICE.
    Fifo(u8),
    /// Before all others, in turn with its equals (`SCHED_RR`), with this priority: 1 to 99. It needs CAP_SYS_NICE.
    RoundRobin(u8),
}

/// The I/O threads of a placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadConfig {
    /// How many there are; at least one.
    pub count: usize,
    /// Each is called this and its number. The system shows the first 15 bytes.
    pub name_prefix: String,
    /// The processors that they may run on; any if empty.
    pub cpus: Vec<usize>,
    /// How the system schedules them; as the thread that starts them if `None`.
    pub schedule: Option<Schedule>,
}

impl Default for ThreadConfig {
    fn default() -> Self {
        Self { count: 1, name_prefix: "monocoque-io-".to_owned(), cpus: Vec::new(), schedule: None }
    }
}

impl ThreadConfig {
    /// The name of the thread with this number.
    pub(crate) fn name(&self, index: usize) -> io::Result<String> {
        if self.name_prefix.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a thread's name has no zero byte"));
        }
        Ok(format!("{}{index}", self.name_prefix))
    }

    /// Acts on the calling thread.
    pub(crate) fn apply(&self) -> io::Result<()> {
        if !self.cpus.is_empty() {
            sched_setaffinity(None, &cpu_set(&self.cpus)?)?;
        }
        self.schedule.map_or(Ok(()), schedule)
    }
}

fn cpu_set(cpus: &[usize]) -> io::Result<CpuSet> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        if cpu >= CpuSet::MAX_CPU {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("there is no processor {cpu}")));
        }
        set.set(cpu);
    }
    Ok(set)
}

fn schedule(schedule: Schedule) -> io::Result<()> {
    match schedule {
        Schedule::Nice(nice) if !(-20..=19).contains(&nice) => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "a nice value is -20 to 19"))
        }
        // On Linux this is the thread's own.
        Schedule::Nice(nice) => Ok(rustix::process::setpriority_process(None, nice.into())?),
        Schedule::Fifo(priority) => realtime(RealtimeThreadSchedulePolicy::Fifo, priority),
        Schedule::RoundRobin(priority) => realtime(RealtimeThreadSchedulePolicy::RoundRobin, priority),
    }
}

fn realtime(policy: RealtimeThreadSchedulePolicy, priority: u8) -> io::Result<()> {
    let invalid = |error: String| io::Error::new(io::ErrorKind::InvalidInput, error);
    let priority = ThreadPriorityValue::try_from(priority).map_err(invalid)?;
    let priority = ThreadPriority::Crossplatform(priority);
    set_thread_priority_and_policy(thread_native_id(), priority, ThreadSchedulePolicy::Realtime(policy)).map_err(
        |error| match error {
            Error::OS(code) => io::Error::from_raw_os_error(code),
            other => invalid(other.to_string()),
        },
    )
}
