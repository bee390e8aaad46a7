//! `zmq_ctx_set` and `zmq_ctx_get`: what a context was told before its first socket, and what it tells its sockets.

use libc::c_int;
use monocoque::{ContextBuilder, Schedule};

use crate::errno::{EINVAL, Errno};

pub(super) const IO_THREADS: c_int = 1;
const MAX_SOCKETS: c_int = 2;
/// The same number is the largest MAX_SOCKETS when it is read, and a thread's priority when it is set.
const SOCKET_LIMIT: c_int = 3;
const THREAD_PRIORITY: c_int = 3;
const THREAD_SCHED_POLICY: c_int = 4;
const MAX_MSGSZ: c_int = 5;
const MSG_T_SIZE: c_int = 6;
const THREAD_AFFINITY_CPU_ADD: c_int = 7;
const THREAD_AFFINITY_CPU_REMOVE: c_int = 8;
const THREAD_NAME_PREFIX: c_int = 9;
const ZERO_COPY_RECV: c_int = 10;
const IPV6: c_int = 42;
const BLOCKY: c_int = 70;

const SOCKET_LIMIT_VALUE: c_int = 65_535;
const NAME_PREFIX_BYTES_MAX: usize = 16;

/// What a context was told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) io_threads: c_int,
    pub(crate) max_sockets: c_int,
    priority: c_int,
    policy: c_int,
    max_message_bytes: c_int,
    cpus: Vec<usize>,
    name_prefix: String,
    zero_copy_recv: bool,
    pub(crate) ipv6: bool,
    pub(crate) blocky: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            io_threads: 1,
            max_sockets: 1023,
            priority: -1,
            policy: -1,
            max_message_bytes: c_int::MAX,
            cpus: Vec::new(),
            name_prefix: String::new(),
            zero_copy_recv: true,
            ipv6: false,
            blocky: true,
        }
    }
}

impl Settings {
    pub(crate) fn set(&mut self, option: c_int, value: c_int) -> Result<(), Errno> {
        let cpu = usize::try_from(value).map_err(|_| EINVAL);
        match option {
            MAX_SOCKETS if value > 0 => self.max_sockets = value,
            IO_THREADS if value >= 0 => self.io_threads = value,
            THREAD_PRIORITY if value >= 0 => self.priority = value,
            THREAD_SCHED_POLICY if value >= 0 => self.policy = value,
            MAX_MSGSZ if value >= 0 => self.max_message_bytes = value,
            THREAD_AFFINITY_CPU_ADD => {
                let cpu = cpu?;
                if !self.cpus.contains(&cpu) {
                    self.cpus.push(cpu);
                }
            }
            THREAD_AFFINITY_CPU_REMOVE => {
                let cpu = cpu?;
                let at = self.cpus.iter().position(|&known| known == cpu).ok_or(EINVAL)?;
                self.cpus.remove(at);
            }
            THREAD_NAME_PREFIX if value >= 0 => self.name_prefix = value.to_string(),
            ZERO_COPY_RECV if value >= 0 => self.zero_copy_recv = value != 0,
            IPV6 if value >= 0 => self.ipv6 = value != 0,
            BLOCKY if value >= 0 => self.blocky = value != 0,
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    /// [`set`](Self::set) of bytes: an `int`, or text.
    pub(crate) fn set_bytes(&mut self, option: c_int, value: &[u8]) -> Result<(), Errno> {
        if let Ok(int) = value.try_into().map(c_int::from_ne_bytes)
            && self.set(option, int).is_ok()
        {
            return Ok(());
        }
        if option != THREAD_NAME_PREFIX || value.is_empty() || value.len() > NAME_PREFIX_BYTES_MAX {
            return Err(EINVAL);
        }
        let text = str::from_utf8(value).map_err(|_| EINVAL)?;
        self.name_prefix = text.trim_end_matches('\0').to_owned();
        Ok(())
    }

    pub(crate) fn get(&self, option: c_int) -> Result<c_int, Errno> {
        Ok(match option {
            MAX_SOCKETS => self.max_sockets,
            SOCKET_LIMIT => SOCKET_LIMIT_VALUE,
            IO_THREADS => self.io_threads,
            THREAD_SCHED_POLICY => self.policy,
            MAX_MSGSZ => self.max_message_bytes,
            MSG_T_SIZE => size_of::<crate::message::Msg>() as c_int,
            THREAD_NAME_PREFIX => self.name_prefix.parse().unwrap_or_default(),
            ZERO_COPY_RECV => self.zero_copy_recv.into(),
            IPV6 => self.ipv6.into(),
            BLOCKY => self.blocky.into(),
            _ => return Err(EINVAL),
        })
    }

    /// [`get`](Self::get) as bytes: an `int`, or text with a zero at its end.
    pub(crate) fn get_bytes(&self, option: c_int) -> Result<Vec<u8>, Errno> {
        if option == THREAD_NAME_PREFIX {
            return Ok([self.name_prefix.as_bytes(), &[0]].concat());
        }
        self.get(option).map(|int| int.to_ne_bytes().to_vec())
    }

    /// The longest message that new sockets accept; any if nothing was said.
    pub(crate) fn max_message_bytes(&self) -> Option<i64> {
        (self.max_message_bytes < c_int::MAX).then_some(self.max_message_bytes.into())
    }

    pub(crate) fn builder(&self) -> ContextBuilder {
        let builder = monocoque::Context::builder().io_threads(self.io_threads.max(1) as usize);
        let builder = builder.thread_cpus(self.cpus.iter().copied());
        // libzmq sets the number and the name with blanks or a slash between, as it has room.
        if self.name_prefix.is_empty() {
            builder.thread_name_prefix("ZMQbg/IO/")
        } else {
            builder.thread_name_prefix(format!("{}/ZMQbg/IO/", self.name_prefix))
        }
    }

    /// How the system is to schedule I/O threads, if anything was said.
    pub(crate) fn schedule(&self) -> Option<Schedule> {
        let priority = u8::try_from(self.priority).unwrap_or_default();
        match self.policy {
            libc::SCHED_FIFO => Some(Schedule::Fifo(priority.max(1))),
            libc::SCHED_RR => Some(Schedule::RoundRobin(priority.max(1))),
            // libzmq makes a priority of its own scale a nice value then.
            libc::SCHED_OTHER if self.priority > 0 => Some(Schedule::Nice(-20)),
            _ => None,
        }
    }
}
