//! The edge of every function: an error becomes an errno, and a panic goes no further.

use std::panic::{AssertUnwindSafe, catch_unwind};

use libc::c_int;

use crate::errno::{EFAULT, Errno};

/// Runs `body`; on an error leaves its errno and returns `failed`.
#[inline]
pub(crate) fn call<T>(failed: T, body: impl FnOnce() -> Result<T, Errno>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(done)) => done,
        Ok(Err(errno)) => fail(failed, errno),
        Err(_) => {
            panicked();
            fail(failed, EFAULT)
        }
    }
}

/// [`call`] of what returns 0 or -1.
#[inline]
pub(crate) fn status(body: impl FnOnce() -> Result<(), Errno>) -> c_int {
    call(-1, || body().map(|()| 0))
}

#[cold]
fn fail<T>(failed: T, errno: Errno) -> T {
    errno.leave();
    failed
}

/// The panic itself has been reported by the hook.
#[cold]
fn panicked() {
    eprintln!("monocoque: a panic was caught in a function of zmq.h, which returns EFAULT: please report it");
}
