//! A safe and small face for libzmq, made for tests and benchmarks.
//!
//! Nothing here waits for ever: a new [`Socket`] has send and receive timeouts of [`TIMEOUT_MS`] and a
//! linger of zero, so a lost message fails a test with `EAGAIN` instead of hanging it. A test that needs
//! other values sets them. With linger zero, dropping a socket drops what it has not yet written.
//!
//! Option numbers are those of [`ffi`].

mod context;
mod error;
mod kind;
mod message;
mod monitor;
mod socket;
#[cfg(test)]
mod tests;

use std::ffi::{CString, c_int};

pub use context::Context;
pub use error::{Error, Result};
pub use kind::Kind;
pub use message::Message;
pub use monitor::{Event, Monitor};
pub use socket::{Socket, TIMEOUT_MS};

use crate::ffi;

/// The version of the library that runs: major, minor, patch.
pub fn version() -> (i32, i32, i32) {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: the three pointers are valid for one write each during the call.
    unsafe { ffi::zmq_version(&mut major, &mut minor, &mut patch) };
    (major, minor, patch)
}

/// Whether the library was built with `capability`, such as `ipc`, `draft`, `curve` or `WS`.
pub fn has(capability: &str) -> bool {
    c_string(capability).is_ok_and(|name| {
        // SAFETY: `name` is a terminated string that outlives the call.
        unsafe { ffi::zmq_has(name.as_ptr()) == 1 }
    })
}

/// A terminated copy of `text`; a zero byte inside it is refused with `EINVAL`, as C would misread it.
fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::INVALID)
}

/// Turns the -1 of a C call into the error behind it.
fn check(result: c_int) -> Result<c_int> {
    if result == -1 { Err(Error::last()) } else { Ok(result) }
}

/// As [`check`], repeating the call while signals interrupt it.
fn retry(mut call: impl FnMut() -> c_int) -> Result<c_int> {
    loop {
        match check(call()) {
            Err(error) if error.is_interrupted() => {}
            result => return result,
        }
    }
}
