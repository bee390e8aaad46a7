//! A context: the I/O threads that sockets share.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use super::{Error, Kind, Result, Socket, check, retry};
use crate::ffi;

/// A libzmq context, shared by its clones and by the sockets opened in it; the last of them terminates it.
#[derive(Clone, Debug)]
pub struct Context(Arc<Handle>);

impl Context {
    /// A context with libzmq's defaults, among them one I/O thread.
    ///
    /// # Errors
    /// `EMFILE` if the process has no file descriptors left.
    pub fn new() -> Result<Self> {
        // SAFETY: the call has no preconditions.
        let raw = unsafe { ffi::zmq_ctx_new() };
        NonNull::new(raw).map(|raw| Self(Arc::new(Handle(raw)))).ok_or_else(Error::last)
    }

    /// Sets a context option; those about threads must come before the first socket.
    ///
    /// # Errors
    /// `EINVAL` for an unknown option or a value out of range.
    pub fn set(&self, option: i32, value: i32) -> Result<()> {
        // SAFETY: the handle is a live context, which any thread may use.
        check(unsafe { ffi::zmq_ctx_set(self.raw(), option, value) }).map(drop)
    }

    /// Reads a context option.
    ///
    /// # Errors
    /// `EINVAL` for an unknown option.
    pub fn get(&self, option: i32) -> Result<i32> {
        // SAFETY: the handle is a live context, which any thread may use.
        check(unsafe { ffi::zmq_ctx_get(self.raw(), option) })
    }

    /// Opens a socket with the timeouts and the linger of this wrapper.
    ///
    /// # Errors
    /// `EMFILE` at the limit of sockets, `ETERM` after [`shutdown`](Self::shutdown).
    pub fn socket(&self, kind: Kind) -> Result<Socket> {
        Socket::open(self.clone(), kind)
    }

    /// Makes every present and later call on this context's sockets fail with `ETERM`.
    ///
    /// # Errors
    /// None are expected of a live context.
    pub fn shutdown(&self) -> Result<()> {
        // SAFETY: the handle is a live context, which any thread may use.
        check(unsafe { ffi::zmq_ctx_shutdown(self.raw()) }).map(drop)
    }

    pub(super) fn raw(&self) -> *mut c_void {
        self.0.0.as_ptr()
    }
}

/// Owns the context: terminated once, by the last clone.
#[derive(Debug)]
struct Handle(NonNull<c_void>);

// SAFETY: libzmq documents contexts as safe to use and to terminate from any thread.
unsafe impl Send for Handle {}
// SAFETY: as above; no call on a context needs exclusion by the caller.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: this is the last reference, each socket holds one, so every socket is closed and nobody
        // can call into the context again; an interrupted termination may be repeated.
        // The only other failure is a bad pointer, which a live context excludes.
        let _ = retry(|| unsafe { ffi::zmq_ctx_term(self.0.as_ptr()) });
    }
}
