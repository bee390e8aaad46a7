//! Why a program measures nothing.

use std::error::Error;
use std::fmt::Display;

/// The result of whatever can fail.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The library cannot do this at all, by its own documentation or by its refusal.
    Unsupported(String),
    /// It should, but did not.
    Failed(String),
}

impl Failure {
    /// The library cannot do this, and why.
    pub fn unsupported(reason: impl Display) -> Self {
        Self::Unsupported(reason.to_string())
    }

    /// It went wrong, and how.
    pub fn failed(reason: impl Display) -> Self {
        Self::Failed(reason.to_string())
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::failed(error)
    }
}
