//! The few C functions that the program calls, made safe. All of the program's unsafe code is here.
//!
//! Unlike the wrapper of the interop tests these sockets have libzmq's own defaults, and messages can share content.

use std::error::Error;
use std::ffi::{CStr, CString, c_int, c_void};
use std::fmt;
use std::ptr::NonNull;

use monocoque_interop::ffi::{self, zmq_msg_t};

/// An error number of libzmq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZmqError(c_int);

impl fmt::Display for ZmqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the call takes any number and returns a terminated string that is never freed.
        let text = unsafe { CStr::from_ptr(ffi::zmq_strerror(self.0)) };
        f.write_str(&text.to_string_lossy())
    }
}

impl Error for ZmqError {}

type Result<T = ()> = std::result::Result<T, ZmqError>;

fn last() -> ZmqError {
    // SAFETY: the call has no preconditions.
    ZmqError(unsafe { ffi::zmq_errno() })
}

fn check(result: c_int) -> Result {
    if result == -1 { Err(last()) } else { Ok(()) }
}

/// A context that lives as long as the process.
pub struct Context(NonNull<c_void>);

// SAFETY: libzmq documents contexts as safe to use from any thread.
unsafe impl Sync for Context {}

impl Context {
    pub fn new() -> Result<Self> {
        // SAFETY: the call has no preconditions.
        NonNull::new(unsafe { ffi::zmq_ctx_new() }).map(Self).ok_or_else(last)
    }

    /// Before the first socket.
    pub fn set(&self, option: c_int, value: c_int) -> Result {
        // SAFETY: the context is live.
        check(unsafe { ffi::zmq_ctx_set(self.0.as_ptr(), option, value) })
    }

    pub fn socket(&'static self, kind: c_int) -> Result<Native> {
        // SAFETY: the context is live; it is never terminated.
        NonNull::new(unsafe { ffi::zmq_socket(self.0.as_ptr(), kind) }).map(Native).ok_or_else(last)
    }
}

/// A socket, closed when dropped; it stays on the thread that opened it.
pub struct Native(NonNull<c_void>);

impl Native {
    pub fn set_text(&self, option: c_int, value: &str) -> Result {
        // SAFETY: the socket is live and the value can be read for its length during the call.
        check(unsafe { ffi::zmq_setsockopt(self.0.as_ptr(), option, value.as_ptr().cast(), value.len()) })
    }

    pub fn set(&self, option: c_int, value: c_int) -> Result {
        let value: *const c_int = &value;
        // SAFETY: the socket is live and the value can be read for its length during the call.
        check(unsafe { ffi::zmq_setsockopt(self.0.as_ptr(), option, value.cast(), size_of::<c_int>()) })
    }

    pub fn subscribe_all(&self) -> Result {
        // SAFETY: the socket is live; a length of zero allows any pointer.
        check(unsafe { ffi::zmq_setsockopt(self.0.as_ptr(), ffi::ZMQ_SUBSCRIBE, std::ptr::null(), 0) })
    }

    pub fn bind(&self, endpoint: &str) -> Result {
        let endpoint = CString::new(endpoint).expect("a command line has no zero bytes");
        // SAFETY: the socket is live and the string outlives the call.
        check(unsafe { ffi::zmq_bind(self.0.as_ptr(), endpoint.as_ptr()) })
    }

    pub fn connect(&self, endpoint: &str) -> Result {
        let endpoint = CString::new(endpoint).expect("a command line has no zero bytes");
        // SAFETY: the socket is live and the string outlives the call.
        check(unsafe { ffi::zmq_connect(self.0.as_ptr(), endpoint.as_ptr()) })
    }

    /// Sends a copy.
    #[inline]
    pub fn send(&self, body: &[u8]) -> Result {
        // SAFETY: the socket is live and the body can be read for its length during the call.
        check(unsafe { ffi::zmq_send(self.0.as_ptr(), body.as_ptr().cast(), body.len(), 0) })
    }

    /// Sends a message and leaves an empty one.
    #[inline]
    pub fn send_message(&self, message: &mut Message, more: bool) -> Result {
        let flags = if more { ffi::ZMQ_SNDMORE } else { 0 };
        // SAFETY: the socket is live and the message initialised.
        check(unsafe { ffi::zmq_msg_send(&mut *message.0, self.0.as_ptr(), flags) })
    }

    /// Receives one part, in place of what the message held.
    #[inline]
    pub fn recv(&self, message: &mut Message) -> Result {
        // SAFETY: the socket is live and the message initialised.
        check(unsafe { ffi::zmq_msg_recv(&mut *message.0, self.0.as_ptr(), 0) })
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: the socket is live, and nobody has it after this. It cannot fail then.
        unsafe { ffi::zmq_close(self.0.as_ptr()) };
    }
}

/// A message, boxed since libzmq allows it to move only through its own functions.
pub struct Message(Box<zmq_msg_t>);

impl Message {
    pub fn new() -> Self {
        let mut message = Box::new(zmq_msg_t::uninitialised());
        // SAFETY: the storage is of the right size; initialising it as empty cannot fail.
        unsafe { ffi::zmq_msg_init(&mut *message) };
        Self(message)
    }

    /// A message with a copy of `body`.
    pub fn of(body: &[u8]) -> Result<Self> {
        let mut message = Box::new(zmq_msg_t::uninitialised());
        // SAFETY: the storage is of the right size, the body can be read for its length during the call;
        // on failure nothing was initialised.
        check(unsafe { ffi::zmq_msg_init_buffer(&mut *message, body.as_ptr().cast(), body.len()) })?;
        Ok(Self(message))
    }

    /// Holds what `other` holds, which is shared unless it is very small.
    #[inline]
    pub fn copy_from(&mut self, other: &mut Self) -> Result {
        // SAFETY: both are initialised.
        check(unsafe { ffi::zmq_msg_copy(&mut *self.0, &mut *other.0) })
    }

    #[inline]
    pub fn data(&mut self) -> &[u8] {
        // SAFETY: the message is initialised; its data are that long and unchanged while it is borrowed.
        unsafe {
            let data = ffi::zmq_msg_data(&mut *self.0);
            std::slice::from_raw_parts(data.cast::<u8>().cast_const(), ffi::zmq_msg_size(&*self.0))
        }
    }

    #[inline]
    pub fn more(&self) -> bool {
        // SAFETY: the message is initialised.
        unsafe { ffi::zmq_msg_more(&*self.0) == 1 }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: the message is initialised, and closed only here.
        unsafe { ffi::zmq_msg_close(&mut *self.0) };
    }
}
