//! Which engine completes I/O: io_uring, or epoll where it is refused.

use std::fmt;
use std::io;
use std::str::FromStr;

use compio::driver::op::OpCodeFlag;
use compio::driver::{DriverType, ProactorBuilder};
use compio::runtime::{Runtime, RuntimeBuilder};

/// The engine in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Driver {
    /// io_uring.
    Uring,
    /// epoll.
    Poll,
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Driver::Uring => "io_uring",
            Driver::Poll => "epoll",
        })
    }
}

impl Driver {
    /// The engine of `runtime`.
    pub(crate) fn of(runtime: &Runtime) -> Self {
        match runtime.driver_type() {
            DriverType::IoUring => Driver::Uring,
            _ => Driver::Poll,
        }
    }
}

/// How the engine is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DriverChoice {
    /// io_uring if the kernel allows it, else epoll.
    #[default]
    Auto,
    /// This engine or an error.
    Only(Driver),
}

/// Why no engine could be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// `MONOCOQUE_DRIVER` holds something else than `uring` or `poll`.
    #[error("MONOCOQUE_DRIVER is '{0}': it may be 'uring', 'poll' or 'auto'")]
    UnknownName(String),
    /// The system refused the engine.
    #[error("cannot start the {driver} driver: {source}")]
    Refused {
        /// The engine that was asked for.
        driver: Driver,
        /// What the system said.
        source: io::Error,
    },
}

impl FromStr for DriverChoice {
    type Err = DriverError;

    fn from_str(name: &str) -> Result<Self, DriverError> {
        match name {
            "" | "auto" => Ok(Self::Auto),
            "uring" => Ok(Self::Only(Driver::Uring)),
            "poll" => Ok(Self::Only(Driver::Poll)),
            other => Err(DriverError::UnknownName(other.to_owned())),
        }
    }
}

impl DriverChoice {
    /// What the environment variable `MONOCOQUE_DRIVER` forces; [`Auto`](Self::Auto) if it is unset.
    ///
    /// # Errors
    /// [`DriverError::UnknownName`].
    pub fn from_env() -> Result<Self, DriverError> {
        std::env::var("MONOCOQUE_DRIVER").unwrap_or_default().parse()
    }

    /// Starts a runtime with this engine on the calling thread.
    ///
    /// # Errors
    /// [`DriverError::Refused`] if the engine that was asked for cannot be had.
    pub fn runtime(self) -> Result<Runtime, DriverError> {
        let refused = |driver| move |source| DriverError::Refused { driver, source };
        match self {
            Self::Only(Driver::Poll) => poll().map_err(refused(Driver::Poll)),
            Self::Only(Driver::Uring) => uring().map_err(refused(Driver::Uring)),
            Self::Auto => uring().or_else(|_| poll()).map_err(refused(Driver::Poll)),
        }
    }
}

/// A compio runtime for [`Placement::local`](crate::Placement::local) with the ring flags that give the least
/// latency, on the engine that `MONOCOQUE_DRIVER` names or the best there is.
///
/// Any other compio runtime works too.
///
/// # Errors
/// [`DriverError`].
pub fn local_runtime() -> Result<Runtime, DriverError> {
    DriverChoice::from_env()?.runtime()
}

/// Completions do not interrupt the thread (DEFER_TASKRUN, Linux 6.1), else default flags. Without TASKRUN_FLAG
/// a poll that does not wait would not fetch them.
///
/// Whether the ring can wait for readiness is asked for now. Else compio asks what it can with the first operation, once for the process:
/// who forks in that moment leaves its child to wait for ever for an answer that no thread of it brings. So nobody does who forks
/// after the call that made the process's first ring.
fn uring() -> io::Result<Runtime> {
    let mut plain = ProactorBuilder::new();
    plain.driver_type(DriverType::IoUring).detect_opcode_support(OpCodeFlag::PollAdd);
    let mut quiet = plain.clone();
    quiet.single_issuer(true).defer_taskrun(true).taskrun_flag(true);
    build(quiet).or_else(|_| build(plain))
}

fn poll() -> io::Result<Runtime> {
    let mut builder = ProactorBuilder::new();
    builder.driver_type(DriverType::Poll);
    build(builder)
}

fn build(proactor: ProactorBuilder) -> io::Result<Runtime> {
    RuntimeBuilder::new().with_proactor(proactor).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_driver_is_the_one_that_runs() {
        let runtime = DriverChoice::Only(Driver::Poll).runtime().expect("epoll is always there");
        assert_eq!(Driver::of(&runtime), Driver::Poll);
    }

    #[test]
    fn names_are_strict() {
        assert_eq!("uring".parse::<DriverChoice>().expect("known"), DriverChoice::Only(Driver::Uring));
        assert!(matches!("iocp".parse::<DriverChoice>(), Err(DriverError::UnknownName(name)) if name == "iocp"));
    }
}
