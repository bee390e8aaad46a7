//! The table of context options: what [`ContextBuilder::option`] looks up, the C ABI and the command line take, and
//! `docs/options.md` shows.

use std::fmt;
use std::str::FromStr;

use monocoque_core::limits::CEILING_BYTES_MIN;
use monocoque_io::Schedule;

use super::OptionValue;
use crate::context::ContextBuilder;

const INT_MAX: i64 = i32::MAX as i64;
/// What libzmq allows for `ZMQ_MAX_SOCKETS`.
const SOCKET_LIMIT: i64 = 65_535;
/// Of real-time threads, on Linux.
const PRIORITY_MAX: i64 = 99;
/// `SCHED_RR`.
const POLICY_MAX: i64 = 2;
const NAME_PREFIX_BYTES_MAX: usize = 16;
/// Of a `zmq_msg_t`.
const MSG_T_BYTES: i64 = 64;

/// A context option by its name; [`number`](Self::number) is libzmq's, or ours from 10,000 on.
///
/// Parses from the name, with or without `ZMQ_`, in upper or lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContextOption(&'static str);

/// What a context option takes and does: an entry of the one table.
#[derive(Debug)]
pub struct ContextOptionSpec {
    option: ContextOption,
    number: u16,
    about: &'static str,
    form: Form,
    method: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Int {
        min: i64,
        max: i64,
        get: fn(&ContextBuilder) -> i64,
        set: fn(&mut ContextBuilder, i64),
    },
    Flag {
        get: fn(&ContextBuilder) -> bool,
        set: fn(&mut ContextBuilder, bool),
    },
    Text {
        max: usize,
        get: fn(&ContextBuilder) -> String,
        set: fn(&mut ContextBuilder, String),
    },
    /// Only read.
    Told(i64),
    /// Only set, to a number from zero on; whether that could be done.
    Done(fn(&mut ContextBuilder, usize) -> bool),
    /// Always so, and why.
    Fixed(i64, &'static str),
}

/// Why a context option was not set or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextOptionError {
    /// No option has this name or number.
    #[error("there is no context option {0}")]
    Unknown(String),
    /// The value is none that the option takes.
    #[error("the context option {option} takes {takes}")]
    OutOfRange {
        /// The option.
        option: ContextOption,
        /// What it takes.
        takes: String,
    },
    /// It can only be read.
    #[error("the context option {0} is only read")]
    ReadOnly(ContextOption),
    /// It can only be set.
    #[error("the context option {0} is only set")]
    WriteOnly(ContextOption),
    /// It has one value here.
    #[error("the context option {option} {why}")]
    NotHere {
        /// The option.
        option: ContextOption,
        /// Why it has no other value.
        why: &'static str,
    },
}

macro_rules! table {
    ($($name:ident = $number:literal, $method:literal, $about:literal, $form:expr;)*) => {
        impl ContextOption {$(
            #[doc = concat!("`ZMQ_", stringify!($name), "`: ", $about, ".")]
            pub const $name: Self = Self(stringify!($name));
        )*}

        static TABLE: &[ContextOptionSpec] = &[$(ContextOptionSpec {
            option: ContextOption::$name,
            number: $number,
            about: $about,
            form: $form,
            method: $method,
        },)*];
    };
}

table! {
    IO_THREADS = 1, "io_threads", "I/O threads; 0 is taken for 1, but through the C ABI means inproc only", Form::Int {
        min: 0, max: INT_MAX, get: |to| to.threads.count as i64, set: |to, count| to.threads.count = count.max(1) as usize,
    };
    MAX_SOCKETS = 2, "max_sockets", "Sockets that there may be at once", Form::Int {
        min: 1,
        max: INT_MAX,
        get: |to| to.defaults.sockets_max.map_or(INT_MAX, |max| max as i64),
        set: |to, max| to.defaults.sockets_max = Some(max as usize),
    };
    SOCKET_LIMIT = 3, "", "The largest MAX_SOCKETS of libzmq; more is taken here", Form::Told(SOCKET_LIMIT);
    THREAD_PRIORITY = 3, "thread_schedule", "Priority of I/O threads under THREAD_SCHED_POLICY", Form::Int {
        min: 0, max: PRIORITY_MAX, get: |to| to.priority, set: |to, priority| { to.priority = priority; schedule(to); },
    };
    THREAD_SCHED_POLICY = 4, "thread_schedule", "Scheduling of I/O threads: 0 as others, 1 FIFO, 2 in turn; as who starts them unless set", Form::Int {
        min: 0, max: POLICY_MAX, get: |to| to.policy, set: |to, policy| { to.policy = policy; schedule(to); },
    };
    MAX_MSGSZ = 5, "max_message_size", "The longest frame that new sockets accept, in bytes", Form::Int {
        min: 0,
        max: INT_MAX,
        get: |to| to.defaults.options.max_message_bytes.map_or(INT_MAX, |max| max as i64),
        set: |to, max| to.defaults.options.max_message_bytes = (max < INT_MAX).then_some(max as u64),
    };
    MSG_T_SIZE = 6, "", "Bytes of a `zmq_msg_t` of the C ABI", Form::Told(MSG_T_BYTES);
    THREAD_AFFINITY_CPU_ADD = 7, "thread_cpus", "Adds a processor that I/O threads may run on; without any, all",
        Form::Done(|to, cpu| {
            if !to.threads.cpus.contains(&cpu) {
                to.threads.cpus.push(cpu);
            }
            true
        });
    THREAD_AFFINITY_CPU_REMOVE = 8, "thread_cpus", "Takes one back that was added", Form::Done(|to, cpu| {
        let at = to.threads.cpus.iter().position(|&known| known == cpu);
        at.map(|at| to.threads.cpus.remove(at)).is_some()
    });
    THREAD_NAME_PREFIX = 9, "thread_name_prefix", "What I/O threads are called, before their number", Form::Text {
        max: NAME_PREFIX_BYTES_MAX,
        get: |to| to.threads.name_prefix.clone(),
        set: |to, prefix| to.threads.name_prefix = prefix,
    };
    ZERO_COPY_RECV = 10, "", "Received bodies of more than 64 bytes are slices of the memory that was read into",
        Form::Fixed(1, "is always on: there is one way for a message");
    IPV6 = 42, "ipv6", "Whether new sockets use IPv6", Form::Flag {
        get: |to| to.defaults.options.ipv6, set: |to, on| to.defaults.options.ipv6 = on,
    };
    BLOCKY = 70, "blocky", "Whether new sockets linger; else their LINGER is 0", Form::Flag {
        get: |to| !to.defaults.options.no_linger, set: |to, on| to.defaults.options.no_linger = !on,
    };
    MEMORY_MAX = 10_000, "memory_max", "A ceiling for what all sockets hold of what their peers sent, in bytes", Form::Int {
        min: CEILING_BYTES_MIN as i64,
        max: i64::MAX,
        get: |to| to.defaults.options.memory_bytes_max.map_or(i64::MAX, |max| max as i64),
        set: |to, max| to.defaults.options.memory_bytes_max = usize::try_from(max).ok().filter(|_| max < i64::MAX),
    };
}

/// Puts policy and priority together, as far as both say something.
fn schedule(to: &mut ContextBuilder) {
    let priority = u8::try_from(to.priority).unwrap_or(0);
    to.threads.schedule = match to.policy {
        1 => Some(Schedule::Fifo(priority.max(1))),
        2 => Some(Schedule::RoundRobin(priority.max(1))),
        // libzmq makes a priority of its own scale the lowest nice value then.
        0 if to.priority > 0 => Some(Schedule::Nice(-20)),
        _ => None,
    };
}

impl ContextOption {
    /// Every context option of libzmq 4.3.5, its drafts included, and ours.
    pub fn all() -> impl Iterator<Item = &'static ContextOptionSpec> {
        TABLE.iter()
    }

    /// The option of this number that can be set or, with `read`, be read: libzmq gives two the number 3.
    pub fn by_number(number: u16, read: bool) -> Option<Self> {
        let able = |spec: &&ContextOptionSpec| if read { spec.is_readable() } else { spec.is_settable() };
        let of_number = || Self::all().filter(|spec| spec.number == number);
        of_number().find(able).or_else(|| of_number().next()).map(|spec| spec.option)
    }

    /// What it is.
    pub fn spec(self) -> &'static ContextOptionSpec {
        Self::all().find(|spec| spec.option == self).expect("only what is in the table can be named")
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.spec().number
    }

    pub(crate) fn get(self, of: &ContextBuilder) -> Result<OptionValue, ContextOptionError> {
        if !self.spec().is_readable() {
            return Err(ContextOptionError::WriteOnly(self));
        }
        Ok(match self.spec().form {
            Form::Told(value) | Form::Fixed(value, _) => value.into(),
            Form::Done(_) => unreachable!("it is not readable"),
            Form::Int { get, .. } => get(of).into(),
            Form::Flag { get, .. } => get(of).into(),
            Form::Text { get, .. } => get(of).into(),
        })
    }

    pub(crate) fn set(self, of: &mut ContextBuilder, value: &OptionValue) -> Result<(), ContextOptionError> {
        let wrong = || ContextOptionError::OutOfRange { option: self, takes: self.spec().takes() };
        match (self.spec().form, value) {
            (Form::Told(_), _) => return Err(ContextOptionError::ReadOnly(self)),
            (Form::Fixed(only, _), &OptionValue::Int(value)) if value == only => {}
            (Form::Fixed(_, why), _) => return Err(ContextOptionError::NotHere { option: self, why }),
            (Form::Int { min, max, set, .. }, &OptionValue::Int(value)) if (min..=max).contains(&value) => {
                set(of, value)
            }
            (Form::Flag { set, .. }, &OptionValue::Int(value @ (0 | 1))) => set(of, value == 1),
            (Form::Text { max, set, .. }, OptionValue::Text(text)) if text.len() <= max => set(of, text.clone()),
            (Form::Done(act), &OptionValue::Int(value)) => {
                let done = usize::try_from(value).is_ok_and(|value| act(of, value));
                return if done { Ok(()) } else { Err(wrong()) };
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

impl fmt::Display for ContextOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for ContextOption {
    type Err = ContextOptionError;

    fn from_str(name: &str) -> Result<Self, ContextOptionError> {
        let upper = name.to_ascii_uppercase().replace('-', "_");
        let plain = upper.strip_prefix("ZMQ_").unwrap_or(&upper);
        let found = Self::all().find(|spec| spec.name() == plain).map(|spec| spec.option);
        found.ok_or_else(|| ContextOptionError::Unknown(name.to_owned()))
    }
}

impl ContextOptionSpec {
    /// The option.
    pub fn option(&self) -> ContextOption {
        self.option
    }

    /// Its name, without `ZMQ_`.
    pub fn name(&self) -> &'static str {
        self.option.0
    }

    /// What it does, in a line.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// The typed way to it: a method of [`ContextBuilder`].
    pub fn method(&self) -> Option<&'static str> {
        (!self.method.is_empty()).then_some(self.method)
    }

    /// Why it has one value here, if so.
    pub fn fixed(&self) -> Option<&'static str> {
        match self.form {
            Form::Fixed(_, why) => Some(why),
            _ => None,
        }
    }

    /// Whether it can be read.
    pub fn is_readable(&self) -> bool {
        // Of the priority libzmq has the number mean another option when it is read.
        !matches!(self.form, Form::Done(_)) && self.option != ContextOption::THREAD_PRIORITY
    }

    /// Whether it can be set.
    pub fn is_settable(&self) -> bool {
        !matches!(self.form, Form::Told(_))
    }

    /// What it takes, in words.
    pub fn takes(&self) -> String {
        match self.form {
            Form::Int { min, max: INT_MAX | i64::MAX, .. } => format!("{min} and more"),
            Form::Int { min, max, .. } => format!("{min} to {max}"),
            Form::Flag { .. } => "0 or 1".to_owned(),
            Form::Text { max, .. } => format!("text of at most {max} bytes"),
            Form::Told(_) => "only read".to_owned(),
            Form::Done(_) => "a processor's number".to_owned(),
            Form::Fixed(only, _) => format!("only {only}"),
        }
    }

    /// What a new context has; `None` if it cannot be read.
    pub fn default(&self) -> Option<OptionValue> {
        self.option.get(&crate::Context::builder()).ok()
    }

    /// The value that `text` writes.
    ///
    /// # Errors
    /// [`ContextOptionError::OutOfRange`] for a number that is none.
    pub fn parse(&self, text: &str) -> Result<OptionValue, ContextOptionError> {
        let wrong = || ContextOptionError::OutOfRange { option: self.option, takes: self.takes() };
        match (self.form, text) {
            (Form::Text { .. }, _) => Ok(text.into()),
            (Form::Flag { .. }, "true" | "on" | "yes") => Ok(true.into()),
            (Form::Flag { .. }, "false" | "off" | "no") => Ok(false.into()),
            _ => text.parse().map(OptionValue::Int).map_err(|_| wrong()),
        }
    }
}
