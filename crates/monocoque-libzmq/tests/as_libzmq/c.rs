//! Safe hands for the functions of C: a context, and sockets that are closed at their end.

use std::ffi::{CString, c_void};
use std::io;
use std::ptr;

use monocoque_libzmq::*;

pub const PAIR: i32 = 0;
pub const PUB: i32 = 1;
pub const SUB: i32 = 2;
pub const REQ: i32 = 3;
pub const REP: i32 = 4;
pub const DEALER: i32 = 5;
pub const ROUTER: i32 = 6;
pub const PULL: i32 = 7;
pub const PUSH: i32 = 8;
pub const XPUB: i32 = 9;
pub const XSUB: i32 = 10;
pub const STREAM: i32 = 11;
pub const SERVER: i32 = 12;
pub const DISH: i32 = 15;
pub const DGRAM: i32 = 18;
pub const PEER: i32 = 19;

pub const ROUTING_ID: i32 = 5;
pub const SUBSCRIBE: i32 = 6;
pub const LINGER: i32 = 17;
const EVENTS: i32 = 15;
const LAST_ENDPOINT: i32 = 32;

pub const POLLIN: i32 = 1;
pub const POLLOUT: i32 = 2;

pub const DONTWAIT: i32 = 1;
pub const SNDMORE: i32 = 2;

pub const EFSM: i32 = 156_384_763;

/// `zmq_pollitem_t`.
#[repr(C)]
struct Item {
    socket: *mut c_void,
    fd: i32,
    events: i16,
    revents: i16,
}

/// What a call gave, or the error number.
pub type Called<T> = Result<T, i32>;

fn called(status: i32) -> Called<usize> {
    usize::try_from(status).map_err(|_| io::Error::last_os_error().raw_os_error().unwrap_or_default())
}

/// A context. It ends last, since sockets borrow it.
pub struct Ctx(*mut c_void);

impl Ctx {
    pub fn new() -> Self {
        Self(zmq_ctx_new())
    }

    pub fn set(&self, option: i32, value: i32) -> Called<()> {
        // SAFETY: the context is open.
        called(unsafe { zmq_ctx_set(self.0, option, value) }).map(drop)
    }

    pub fn get(&self, option: i32) -> i32 {
        // SAFETY: the context is open.
        unsafe { zmq_ctx_get(self.0, option) }
    }

    pub fn try_socket(&self, kind: i32) -> Called<Sock<'_>> {
        // SAFETY: the context is open.
        let socket = unsafe { zmq_socket(self.0, kind) };
        if socket.is_null() { called(-1).map(|_| unreachable!("it failed")) } else { Ok(Sock(socket, self)) }
    }

    pub fn socket(&self, kind: i32) -> Sock<'_> {
        let socket = self.try_socket(kind).expect("a socket");
        socket.set_int(LINGER, 0).expect("taken");
        socket
    }

    pub fn shut_down(&self) {
        // SAFETY: the context is open.
        assert_eq!(unsafe { zmq_ctx_shutdown(self.0) }, 0);
    }

    /// Two sockets, joined over TCP; the first is bound.
    pub fn joined(&self, bound: i32, connected: i32) -> (Sock<'_>, Sock<'_>) {
        let (bound, connected) = (self.socket(bound), self.socket(connected));
        connected.connect(&bound.bind("tcp://127.0.0.1:*")).expect("valid");
        (bound, connected)
    }
}

impl Drop for Ctx {
    fn drop(&mut self) {
        // SAFETY: it is not used after, and its sockets are closed.
        assert_eq!(unsafe { zmq_ctx_term(self.0) }, 0);
    }
}

/// A socket. Calls wait for five seconds at most.
pub struct Sock<'a>(pub *mut c_void, #[expect(dead_code, reason = "it is borrowed")] &'a Ctx);

impl Sock<'_> {
    pub fn set(&self, option: i32, value: &[u8]) -> Called<()> {
        // SAFETY: the socket is open, and the value has its length.
        called(unsafe { zmq_setsockopt(self.0, option, value.as_ptr().cast(), value.len()) }).map(drop)
    }

    pub fn set_int(&self, option: i32, value: i32) -> Called<()> {
        self.set(option, &value.to_ne_bytes())
    }

    /// Sets it with no pointer, and this length.
    pub fn set_null(&self, option: i32, len: usize) -> Called<()> {
        assert_eq!(len, 0, "nothing is to be read");
        // SAFETY: the socket is open, and nothing is read.
        called(unsafe { zmq_setsockopt(self.0, option, ptr::null(), len) }).map(drop)
    }

    /// The option's value, read into so much room.
    pub fn get(&self, option: i32, room: usize) -> Called<Vec<u8>> {
        let (mut value, mut len) = (vec![0xaa; room], room);
        // SAFETY: the socket is open, and there is as much room.
        called(unsafe { zmq_getsockopt(self.0, option, value.as_mut_ptr().cast(), &raw mut len) })?;
        value.truncate(len);
        Ok(value)
    }

    pub fn get_int(&self, option: i32) -> Called<i32> {
        self.get(option, 4).map(|value| i32::from_ne_bytes(value.try_into().expect("an int")))
    }

    pub fn events(&self) -> i32 {
        self.get_int(EVENTS).expect("readable")
    }

    /// Binds, and gives the real endpoint.
    pub fn bind(&self, endpoint: &str) -> String {
        let text = CString::new(endpoint).expect("text");
        // SAFETY: the socket is open.
        called(unsafe { zmq_bind(self.0, text.as_ptr()) }).expect("free");
        self.last_endpoint()
    }

    pub fn last_endpoint(&self) -> String {
        let endpoint = self.get(LAST_ENDPOINT, 512).expect("there is room");
        String::from_utf8(endpoint).expect("text").trim_end_matches('\0').to_owned()
    }

    pub fn connect(&self, endpoint: &str) -> Called<()> {
        let text = CString::new(endpoint).expect("text");
        // SAFETY: the socket is open.
        called(unsafe { zmq_connect(self.0, text.as_ptr()) }).map(drop)
    }

    pub fn disconnect(&self, endpoint: &str) -> Called<()> {
        let text = CString::new(endpoint).expect("text");
        // SAFETY: the socket is open.
        called(unsafe { zmq_disconnect(self.0, text.as_ptr()) }).map(drop)
    }

    pub fn send(&self, body: &[u8], flags: i32) -> Called<usize> {
        self.set_int(28, 5000)?;
        // SAFETY: the socket is open, and the body has its length.
        called(unsafe { zmq_send(self.0, body.as_ptr().cast(), body.len(), flags) })
    }

    /// Sends a message of these parts.
    pub fn send_all(&self, parts: &[&[u8]]) -> Called<()> {
        let (last, first) = parts.split_last().expect("a part");
        first.iter().try_for_each(|part| self.send(part, SNDMORE).map(drop))?;
        self.send(last, 0).map(drop)
    }

    /// A part, and whether more follow.
    pub fn recv(&self, flags: i32) -> Called<(Vec<u8>, bool)> {
        self.recv_within(5000, flags)
    }

    /// A part that comes within so long, and whether more follow.
    pub fn recv_within(&self, timeout_ms: i32, flags: i32) -> Called<(Vec<u8>, bool)> {
        self.set_int(27, timeout_ms)?;
        let mut room = vec![0; 1024];
        // SAFETY: the socket is open, and there is as much room.
        let len = called(unsafe { zmq_recv(self.0, room.as_mut_ptr().cast(), room.len(), flags) })?;
        room.truncate(len);
        Ok((room, self.get_int(13)? == 1))
    }

    /// What of `events` a poll finds within so long.
    pub fn poll(&self, events: i32, timeout_ms: i64) -> i32 {
        let mut item = Item { socket: self.0, fd: 0, events: events as i16, revents: 0 };
        // SAFETY: the socket is open, and there is one item.
        called(unsafe { zmq_poll((&raw mut item).cast(), 1, timeout_ms) }).expect("it is open");
        item.revents.into()
    }

    /// All parts of a message.
    pub fn recv_all(&self) -> Called<Vec<Vec<u8>>> {
        let mut parts = Vec::new();
        loop {
            let (part, more) = self.recv(0)?;
            parts.push(part);
            if !more {
                return Ok(parts);
            }
        }
    }
}

impl Drop for Sock<'_> {
    fn drop(&mut self) {
        // SAFETY: it is not used after.
        assert_eq!(unsafe { zmq_close(self.0) }, 0);
    }
}
