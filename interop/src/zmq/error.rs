//! The error of a libzmq call: its number, with the library's own text.

use std::ffi::CStr;
use std::fmt;
use std::io;

use crate::ffi;

/// What the calls of this wrapper return.
pub type Result<T> = std::result::Result<T, Error>;

/// The `errno` that libzmq left: the system's number, or one of its own such as [`ffi::ETERM`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Error(pub i32);

impl Error {
    /// `EINVAL`, for what this wrapper refuses before libzmq sees it.
    pub(super) const INVALID: Self = Self(22);

    /// The number that the last failed call left in this thread.
    pub(super) fn last() -> Self {
        // SAFETY: the call reads a thread-local number and has no preconditions.
        Self(unsafe { ffi::zmq_errno() })
    }

    /// The error number.
    pub fn errno(self) -> i32 {
        self.0
    }

    /// The standard library's name for a system error; libzmq's own numbers have none.
    pub fn kind(self) -> io::ErrorKind {
        io::Error::from_raw_os_error(self.0).kind()
    }

    /// Whether this is `EAGAIN`: the call timed out, or would have had to wait.
    pub fn is_timeout(self) -> bool {
        self.kind() == io::ErrorKind::WouldBlock
    }

    pub(super) fn is_interrupted(self) -> bool {
        self.kind() == io::ErrorKind::Interrupted
    }

    /// libzmq's text for the number.
    pub fn text(self) -> String {
        // SAFETY: the result is a terminated string, static or valid until the next call in this thread,
        // and it is copied before this function returns.
        let text = unsafe { CStr::from_ptr(ffi::zmq_strerror(self.0)) };
        text.to_string_lossy().into_owned()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({}: {})", self.0, self.text())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (errno {})", self.text(), self.0)
    }
}

impl std::error::Error for Error {}
