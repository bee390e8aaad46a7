//! What a command says of itself, and how it ends: one enum for every failure, and the exit code of each.

use std::io;
use std::process::ExitCode;

use monocoque::{BindError, ConnectError, ContextError, DriverError, OptionError, RecvError, SendError};

/// Says a line on stderr. Whoever read that may have gone away, which ends nothing.
macro_rules! note {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
pub(crate) use note;

/// What the help of every command says about exit codes.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done; Ctrl-C counts as done when everything was delivered
  1  usage: an option or a line of input that makes no sense
  2  cannot bind or connect, or the last endpoint was given up
  3  timed out
  4  messages were left undelivered
  5  anything else that failed";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An option or a line of input makes no sense.
    #[error("{0}")]
    Usage(String),
    /// An endpoint cannot be bound or connected to.
    #[error("{0}")]
    Endpoint(String),
    /// What was waited for did not come in time.
    #[error("timed out: {0}")]
    TimedOut(String),
    /// Messages did not reach a peer.
    #[error("{0}")]
    Undelivered(String),
    /// Whoever read our output went away, which is no reason to complain.
    #[error("the output was closed")]
    OutputClosed,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    pub fn other(message: impl Into<String>) -> Self {
        Self::Other(message.into())
    }

    fn code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Usage(_) => 1,
            Self::Endpoint(_) => 2,
            Self::TimedOut(_) => 3,
            Self::Undelivered(_) => 4,
            Self::Other(_) => 5,
        }
    }

    /// Says on stderr what went wrong, and gives the code to exit with.
    pub fn report(&self) -> ExitCode {
        if !matches!(self, Self::OutputClosed) {
            note!("monocoque: {self}");
        }
        ExitCode::from(self.code())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::other(error.to_string()),
        }
    }
}

impl From<OptionError> for Failure {
    fn from(error: OptionError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        match error {
            BindError::Endpoint(_) | BindError::Transport(_) | BindError::Option(_) => Self::usage(error.to_string()),
            BindError::Context(_) => Self::other(error.to_string()),
            _ => Self::Endpoint(error.to_string()),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Endpoint(_) | ConnectError::Transport(_) | ConnectError::Option(_) => {
                Self::usage(error.to_string())
            }
            ConnectError::Context(_) => Self::other(error.to_string()),
            _ => Self::Endpoint(error.to_string()),
        }
    }
}

impl From<ContextError> for Failure {
    fn from(error: ContextError) -> Self {
        Self::other(error.to_string())
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::UnknownName(_) => Self::usage(error.to_string()),
            _ => Self::other(error.to_string()),
        }
    }
}

impl From<SendError> for Failure {
    fn from(error: SendError) -> Self {
        match error {
            SendError::TimedOut(_) => Self::TimedOut(error.to_string()),
            SendError::NoRoute(_) => Self::Undelivered(error.to_string()),
            SendError::NoEnvelope(_) | SendError::Parts(_) => Self::usage(error.to_string()),
            _ => Self::other(error.to_string()),
        }
    }
}

impl From<RecvError> for Failure {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::TimedOut => Self::TimedOut(error.to_string()),
            _ => Self::other(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_output_is_no_failure() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).code(), 0);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::InvalidData)).code(), 5);
    }

    #[test]
    fn every_code_is_explained() {
        let all = [
            Failure::OutputClosed,
            Failure::usage(""),
            Failure::Endpoint(String::new()),
            Failure::TimedOut(String::new()),
            Failure::Undelivered(String::new()),
            Failure::other(""),
        ];
        for (code, failure) in all.iter().enumerate() {
            assert_eq!(usize::from(failure.code()), code);
            assert!(EXIT_CODES.contains(&format!("\n  {code}  ")));
        }
    }
}
