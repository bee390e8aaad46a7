//! What happens to a socket's connections, as libzmq tells it.

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Error, Kind, Result, Socket, c_string, check};
use crate::ffi;

/// Makes the endpoints of this process's monitors differ.
static MONITORS: AtomicU64 = AtomicU64::new(0);

/// One event of a monitored socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// One of `ZMQ_EVENT_*`.
    pub event: i32,
    /// What the event carries: a descriptor, an error number, an interval in ms or a ZAP status.
    pub value: u32,
    /// The endpoint concerned.
    pub endpoint: String,
}

/// The events of one socket, from [`Socket::monitor`]. Monitoring ends when this is dropped.
#[derive(Debug)]
pub struct Monitor<'a> {
    socket: &'a Socket,
    events: Socket,
}

impl<'a> Monitor<'a> {
    pub(super) fn start(socket: &'a Socket, events: i32) -> Result<Self> {
        let endpoint = format!("inproc://monitor-{}", MONITORS.fetch_add(1, Ordering::Relaxed));
        let name = c_string(&endpoint)?;
        let receiver = socket.context().socket(Kind::Pair)?;
        // Without a mark, since libzmq's I/O thread would stop at a full one until the events are read.
        receiver.set_int(ffi::ZMQ_RCVHWM, 0)?;
        // SAFETY: the socket is live and used by this thread only, the string outlives the call.
        check(unsafe { ffi::zmq_socket_monitor(socket.raw(), name.as_ptr(), events) })?;
        let monitor = Self { socket, events: receiver };
        monitor.events.connect(&endpoint)?;
        Ok(monitor)
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// `EAGAIN` after [`TIMEOUT_MS`](super::TIMEOUT_MS).
    pub fn next_event(&self) -> Result<Event> {
        let parts = self.events.recv_multipart()?;
        match parts.as_slice() {
            [head, endpoint] => decode(head, endpoint).ok_or(Error::INVALID),
            _ => Err(Error::INVALID),
        }
    }

    /// The next event if it comes within `limit_ms`.
    ///
    /// # Errors
    /// `EAGAIN` if it does not.
    pub fn next_event_within(&self, limit_ms: i32) -> Result<Event> {
        self.events.set_int(ffi::ZMQ_RCVTIMEO, limit_ms)?;
        let event = self.next_event();
        self.events.set_int(ffi::ZMQ_RCVTIMEO, super::TIMEOUT_MS)?;
        event
    }

    /// Passes over other events until one of `event` comes.
    ///
    /// # Errors
    /// As [`next_event`](Self::next_event).
    pub fn wait_for(&self, event: i32) -> Result<Event> {
        loop {
            let next = self.next_event()?;
            if next.event & event != 0 {
                return Ok(next);
            }
        }
    }
}

impl Drop for Monitor<'_> {
    fn drop(&mut self) {
        // SAFETY: the socket is live, since it is borrowed, and used by this thread only; a null endpoint
        // ends the monitoring. It ends before the receiver closes: libzmq would wait to report to nobody.
        unsafe { ffi::zmq_socket_monitor(self.socket.raw(), ptr::null(), 0) };
    }
}

/// Version 1 of the format: a first part of six bytes, and the endpoint.
fn decode(head: &[u8], endpoint: &[u8]) -> Option<Event> {
    let (event, value) = head.split_first_chunk::<2>()?;
    Some(Event {
        event: u16::from_ne_bytes(*event).into(),
        value: u32::from_ne_bytes(value.try_into().ok()?),
        endpoint: String::from_utf8_lossy(endpoint).into_owned(),
    })
}
