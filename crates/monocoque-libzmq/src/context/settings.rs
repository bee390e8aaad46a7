//! `zmq_ctx_set` and `zmq_ctx_get`: what a context was told before its first socket, and what it tells its sockets.

use libc::c_int;
use monocoque::{Context, ContextBuilder, ContextOption, OptionValue};

use crate::errno::{EINVAL, Errno};

pub(super) const IO_THREADS: c_int = 1;
const THREAD_NAME_PREFIX: c_int = 9;
const ZERO_COPY_RECV: c_int = 10;

/// What a context may have of sockets before it is told otherwise.
const MAX_SOCKETS_DEFAULT: i64 = 1023;

/// What a context was told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    builder: ContextBuilder,
    /// The same with what was said of the threads' schedule, if anything was, which the system may not allow.
    scheduled: Option<ContextBuilder>,
    /// Zero for a context that does nothing beyond this process.
    pub(crate) io_threads: c_int,
    /// Read back as it was set, which the suite asks for; what is received is shared with what it was read into all the same.
    zero_copy_recv: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let builder = Context::builder().thread_name_prefix("").max_sockets(MAX_SOCKETS_DEFAULT as usize);
        Self { builder, scheduled: None, io_threads: 1, zero_copy_recv: true }
    }
}

impl Settings {
    pub(crate) fn set(&mut self, option: c_int, value: c_int) -> Result<(), Errno> {
        let known = named(option, false)?;
        let value = match known {
            ContextOption::IPV6 | ContextOption::BLOCKY if value > 0 => 1,
            _ => value,
        };
        match option {
            ZERO_COPY_RECV if value >= 0 => {
                self.zero_copy_recv = value != 0;
                return Ok(());
            }
            THREAD_NAME_PREFIX if value >= 0 => return self.put(known, value.to_string()),
            _ => self.put(known, value)?,
        }
        if option == IO_THREADS {
            self.io_threads = value;
        }
        Ok(())
    }

    fn put(&mut self, option: ContextOption, value: impl Into<OptionValue>) -> Result<(), Errno> {
        let value = value.into();
        if matches!(option, ContextOption::THREAD_SCHED_POLICY | ContextOption::THREAD_PRIORITY) {
            let scheduled = self.scheduled.get_or_insert_with(|| self.builder.clone());
            return scheduled.set_option(option, value).map_err(|_| EINVAL);
        }
        if let Some(scheduled) = &mut self.scheduled {
            // What the other takes or refuses, this does.
            let _ = scheduled.set_option(option, value.clone());
        }
        self.builder.set_option(option, value).map_err(|_| EINVAL)
    }

    /// [`set`](Self::set) of bytes: an `int`, or text.
    pub(crate) fn set_bytes(&mut self, option: c_int, value: &[u8]) -> Result<(), Errno> {
        if let Ok(int) = value.try_into().map(c_int::from_ne_bytes)
            && self.set(option, int).is_ok()
        {
            return Ok(());
        }
        if option != THREAD_NAME_PREFIX || value.is_empty() {
            return Err(EINVAL);
        }
        let text = str::from_utf8(value).map_err(|_| EINVAL)?;
        self.put(ContextOption::THREAD_NAME_PREFIX, text.trim_end_matches('\0'))
    }

    pub(crate) fn get(&self, option: c_int) -> Result<c_int, Errno> {
        match option {
            IO_THREADS => Ok(self.io_threads),
            ZERO_COPY_RECV => Ok(self.zero_copy_recv.into()),
            THREAD_NAME_PREFIX => Ok(self.name_prefix().parse().unwrap_or_default()),
            _ => self.number(named(option, true)?),
        }
    }

    /// [`get`](Self::get) as bytes: an `int`, or text with a zero at its end.
    pub(crate) fn get_bytes(&self, option: c_int) -> Result<Vec<u8>, Errno> {
        if option == THREAD_NAME_PREFIX {
            return Ok([self.name_prefix().as_bytes(), &[0]].concat());
        }
        self.get(option).map(|int| int.to_ne_bytes().to_vec())
    }

    fn number(&self, option: ContextOption) -> Result<c_int, Errno> {
        match self.scheduled.as_ref().unwrap_or(&self.builder).get_option(option) {
            Ok(OptionValue::Int(number)) => Ok(number.try_into().unwrap_or(c_int::MAX)),
            _ => Err(EINVAL),
        }
    }

    fn name_prefix(&self) -> String {
        match self.builder.get_option(ContextOption::THREAD_NAME_PREFIX) {
            Ok(OptionValue::Text(prefix)) => prefix,
            _ => String::new(),
        }
    }

    pub(crate) fn is_on(&self, option: ContextOption) -> bool {
        self.number(option) == Ok(1)
    }

    pub(crate) fn max_sockets(&self) -> usize {
        self.number(ContextOption::MAX_SOCKETS).map_or(usize::MAX, |max| max as usize)
    }

    /// The longest message that new sockets accept; any if nothing was said.
    pub(crate) fn max_message_bytes(&self) -> Option<i64> {
        self.number(ContextOption::MAX_MSGSZ).ok().filter(|&max| max < c_int::MAX).map(i64::from)
    }

    /// What to make the kernel's context with. The sockets' number and what they begin with may still change, and are not
    /// the kernel's to say.
    pub(crate) fn builder(&self) -> ContextBuilder {
        self.threads_of(&self.builder)
    }

    /// [`builder`](Self::builder) with the threads scheduled as asked, if anything was.
    pub(crate) fn scheduled(&self) -> Option<ContextBuilder> {
        self.scheduled.as_ref().map(|scheduled| self.threads_of(scheduled))
    }

    fn threads_of(&self, builder: &ContextBuilder) -> ContextBuilder {
        let own = self.name_prefix();
        // libzmq sets the number and the name with blanks or a slash between, as it has room.
        let prefix = if own.is_empty() { "ZMQbg/IO/".to_owned() } else { format!("{own}/ZMQbg/IO/") };
        let mut builder = builder.clone().thread_name_prefix(prefix).ipv6(false).blocky(true);
        for option in [ContextOption::MAX_SOCKETS, ContextOption::MAX_MSGSZ] {
            builder.set_option(option, c_int::MAX).expect("in range");
        }
        builder
    }
}

/// The option of this number, to read it or to set it.
fn named(option: c_int, read: bool) -> Result<ContextOption, Errno> {
    let number = option.try_into().map_err(|_| EINVAL)?;
    ContextOption::by_number(number, read).ok_or(EINVAL)
}
