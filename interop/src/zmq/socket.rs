//! A socket, with bounded waits.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;

use super::{Context, Error, Kind, Message, Monitor, Result, c_string, check, retry};
use crate::ffi;

/// How long a new socket's sends and receives wait, in milliseconds.
pub const TIMEOUT_MS: i32 = 10_000;

/// The longest option value that [`Socket::get_bytes`] reads; endpoints and keys are far shorter.
const OPTION_BYTES_MAX: usize = 1024;

/// A libzmq socket, closed when dropped. It may move between threads but serves one at a time.
#[derive(Debug)]
pub struct Socket {
    raw: NonNull<c_void>,
    /// Keeps the context alive until this socket is closed; [`Drop::drop`] runs before it goes.
    context: Context,
}

// SAFETY: libzmq allows a socket to migrate between threads with a full fence, which every safe way of
// moving a value to another thread has. It is not `Sync`: two threads may not use it at once.
unsafe impl Send for Socket {}

impl Socket {
    pub(super) fn open(context: Context, kind: Kind) -> Result<Self> {
        // SAFETY: the context is live.
        let raw = unsafe { ffi::zmq_socket(context.raw(), kind as c_int) };
        let socket = Self { raw: NonNull::new(raw).ok_or_else(Error::last)?, context };
        socket.set_int(ffi::ZMQ_SNDTIMEO, TIMEOUT_MS)?;
        socket.set_int(ffi::ZMQ_RCVTIMEO, TIMEOUT_MS)?;
        socket.set_int(ffi::ZMQ_LINGER, 0)?;
        Ok(socket)
    }

    /// Tells the events in `events` as messages of `version` on a PAIR that is bound at `endpoint`.
    ///
    /// # Errors
    /// `EINVAL`, `EPROTONOSUPPORT`, and those of binding.
    pub fn monitor_at(&self, endpoint: &str, events: u64, version: i32) -> Result<()> {
        let name = c_string(endpoint)?;
        // SAFETY: the socket is live and used by this thread only, the string outlives the call.
        let started =
            unsafe { ffi::zmq_socket_monitor_versioned(self.raw(), name.as_ptr(), events, version, ffi::ZMQ_PAIR) };
        check(started).map(drop)
    }

    /// Reports this socket's `events` (`ZMQ_EVENT_*`) from now on, one monitor at a time.
    ///
    /// # Errors
    /// libzmq's, such as `ETERM` after the context's shutdown.
    pub fn monitor(&self, events: i32) -> Result<Monitor<'_>> {
        Monitor::start(self, events)
    }

    /// The context that this socket belongs to.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Accepts peers at `endpoint`; a `*` port or path is read back with [`last_endpoint`](Self::last_endpoint).
    ///
    /// # Errors
    /// libzmq's, such as `EADDRINUSE`.
    pub fn bind(&self, endpoint: &str) -> Result<()> {
        self.with_text(endpoint, ffi::zmq_bind)
    }

    /// Connects to `endpoint`, in the background and again when the connection is lost.
    ///
    /// # Errors
    /// libzmq's, such as `EPROTONOSUPPORT`; an absent peer is not one.
    pub fn connect(&self, endpoint: &str) -> Result<()> {
        self.with_text(endpoint, ffi::zmq_connect)
    }

    /// Connects a PEER and returns the routing id of the other side.
    ///
    /// # Errors
    /// libzmq's, such as `ENOTSUP` for other types.
    pub fn connect_peer(&self, endpoint: &str) -> Result<u32> {
        let endpoint = c_string(endpoint)?;
        // SAFETY: the socket is live and used by this thread only, the string outlives the call.
        match unsafe { ffi::zmq_connect_peer(self.raw(), endpoint.as_ptr()) } {
            0 => Err(Error::last()),
            routing_id => Ok(routing_id),
        }
    }

    /// Stops accepting at an endpoint, named as by [`last_endpoint`](Self::last_endpoint).
    ///
    /// # Errors
    /// `ENOENT` for an endpoint that is not bound.
    pub fn unbind(&self, endpoint: &str) -> Result<()> {
        self.with_text(endpoint, ffi::zmq_unbind)
    }

    /// Ends a connection made with [`connect`](Self::connect).
    ///
    /// # Errors
    /// `ENOENT` for an endpoint that is not connected.
    pub fn disconnect(&self, endpoint: &str) -> Result<()> {
        self.with_text(endpoint, ffi::zmq_disconnect)
    }

    /// Lets a DISH receive the messages of `group`.
    ///
    /// # Errors
    /// `EINVAL` if it already does, or if the name is too long.
    pub fn join(&self, group: &str) -> Result<()> {
        self.with_text(group, ffi::zmq_join)
    }

    /// Takes back a [`join`](Self::join).
    ///
    /// # Errors
    /// `EINVAL` if the group was not joined.
    pub fn leave(&self, group: &str) -> Result<()> {
        self.with_text(group, ffi::zmq_leave)
    }

    /// The last endpoint bound or connected, with wildcards resolved.
    ///
    /// # Errors
    /// `ETERM` after the context's shutdown.
    pub fn last_endpoint(&self) -> Result<String> {
        let mut bytes = self.get_bytes(ffi::ZMQ_LAST_ENDPOINT)?;
        bytes.pop_if(|last| *last == 0);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Sets an integer or boolean option.
    ///
    /// # Errors
    /// `EINVAL` for a value or an option that the socket does not take.
    pub fn set_int(&self, option: i32, value: i32) -> Result<()> {
        self.set_bytes(option, &value.to_ne_bytes())
    }

    /// Sets a 64-bit option: `ZMQ_MAXMSGSIZE`, `ZMQ_AFFINITY`.
    ///
    /// # Errors
    /// As [`set_int`](Self::set_int).
    pub fn set_i64(&self, option: i32, value: i64) -> Result<()> {
        self.set_bytes(option, &value.to_ne_bytes())
    }

    /// Sets an option that is text or bytes.
    ///
    /// # Errors
    /// As [`set_int`](Self::set_int).
    pub fn set_bytes(&self, option: i32, value: &[u8]) -> Result<()> {
        // SAFETY: the socket is live and used by this thread only, `value` is readable for its length.
        check(unsafe { ffi::zmq_setsockopt(self.raw(), option, value.as_ptr().cast(), value.len()) }).map(drop)
    }

    /// Reads an integer or boolean option.
    ///
    /// # Errors
    /// `EINVAL` for an option that cannot be read, or is not four bytes long.
    pub fn get_int(&self, option: i32) -> Result<i32> {
        let mut value = [0; 4];
        self.get_into(option, &mut value)?;
        Ok(i32::from_ne_bytes(value))
    }

    /// Reads an option that is text or bytes; text comes with its terminating zero.
    ///
    /// # Errors
    /// `EINVAL` for an option that cannot be read, or is a number.
    pub fn get_bytes(&self, option: i32) -> Result<Vec<u8>> {
        let mut value = vec![0; OPTION_BYTES_MAX];
        let len = self.get_into(option, &mut value)?;
        value.truncate(len);
        Ok(value)
    }

    /// Sends one part; `more` says that the message goes on.
    ///
    /// # Errors
    /// `EAGAIN` at the send timeout, and the errors of the socket type.
    pub fn send(&self, data: &[u8], more: bool) -> Result<()> {
        let flags = if more { ffi::ZMQ_SNDMORE } else { 0 };
        // SAFETY: the socket is live and used by this thread only, `data` is readable for its length.
        retry(|| unsafe { ffi::zmq_send(self.raw(), data.as_ptr().cast(), data.len(), flags) }).map(drop)
    }

    /// Sends the parts as one message.
    ///
    /// # Errors
    /// As [`send`](Self::send); `EINVAL` for no parts at all.
    pub fn send_multipart(&self, parts: &[&[u8]]) -> Result<()> {
        let (last, first) = parts.split_last().ok_or(Error::INVALID)?;
        first.iter().try_for_each(|part| self.send(part, true))?;
        self.send(last, false)
    }

    /// Sends a part with its group or routing id, leaving `message` empty; a refused one is unchanged.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_message(&self, message: &mut Message, more: bool) -> Result<()> {
        let flags = if more { ffi::ZMQ_SNDMORE } else { 0 };
        // SAFETY: the socket is live and used by this thread only, the message is initialised and ours.
        retry(|| unsafe { ffi::zmq_msg_send(message.raw(), self.raw(), flags) }).map(drop)
    }

    /// Receives one part.
    ///
    /// # Errors
    /// `EAGAIN` at the receive timeout, and the errors of the socket type.
    pub fn recv(&self) -> Result<Vec<u8>> {
        let mut message = Message::new();
        self.recv_into(&mut message)?;
        Ok(message.data().to_vec())
    }

    /// Receives one whole message, part by part.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_multipart(&self) -> Result<Vec<Vec<u8>>> {
        let mut parts = Vec::new();
        let mut message = Message::new();
        loop {
            self.recv_into(&mut message)?;
            parts.push(message.data().to_vec());
            if !message.more() {
                return Ok(parts);
            }
        }
    }

    /// Receives one part into `message`, replacing what it held, and returns its length: the cheap call.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_into(&self, message: &mut Message) -> Result<usize> {
        // SAFETY: the socket is live and used by this thread only, the message is initialised and ours.
        retry(|| unsafe { ffi::zmq_msg_recv(message.raw(), self.raw(), 0) })?;
        Ok(message.data().len())
    }

    /// Waits until one of `events` (`ZMQ_POLLIN`, `ZMQ_POLLOUT`) holds; returns those that do, 0 at the timeout.
    ///
    /// # Errors
    /// `ETERM` after the context's shutdown.
    pub fn poll(&self, events: i32, timeout_ms: i32) -> Result<i32> {
        let mut item = ffi::zmq_pollitem_t { socket: self.raw(), fd: 0, events: events as i16, revents: 0 };
        // SAFETY: one item is passed and it is writable; its socket is live and used by this thread only.
        retry(|| unsafe { ffi::zmq_poll(&mut item, 1, timeout_ms.into()) })?;
        Ok(item.revents.into())
    }

    /// Reads an option into `value`, whose length libzmq wants exact for numbers, and returns its length.
    fn get_into(&self, option: i32, value: &mut [u8]) -> Result<usize> {
        let mut len = value.len();
        // SAFETY: the socket is live and used by this thread only; `value` is writable for `len` bytes,
        // and libzmq lowers `len` to what it wrote.
        check(unsafe { ffi::zmq_getsockopt(self.raw(), option, value.as_mut_ptr().cast(), &mut len) })?;
        Ok(len)
    }

    pub(super) fn raw(&self) -> *mut c_void {
        self.raw.as_ptr()
    }

    /// Calls a function that takes the socket and a string.
    fn with_text(&self, text: &str, call: unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int) -> Result<()> {
        let text = c_string(text)?;
        // SAFETY: every `call` passed here is one of libzmq's on a socket and a terminated string; the
        // socket is live and used by this thread only, and the string outlives the call.
        check(unsafe { call(self.raw(), text.as_ptr()) }).map(drop)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the socket is live, and this is the only place that closes it.
        unsafe { ffi::zmq_close(self.raw()) };
    }
}
