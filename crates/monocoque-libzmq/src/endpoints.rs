//! `zmq_bind`, `zmq_connect`, `zmq_unbind`, `zmq_disconnect`, and the peers behind endpoints.

use std::ffi::CStr;
use std::net::ToSocketAddrs;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use libc::{c_char, c_int, c_void, size_t};
use monocoque::{ConnectError, Endpoint, SocketType, raw};

use crate::errno::{EHOSTUNREACH, EINVAL, EMTHREAD, ENOENT, ENOTSUP, Errno};
use crate::guard::call;
use crate::io::number;
use crate::options::bytes;
use crate::socket::{Sock, live, lock};
use crate::wait;

const POLLOUT: c_int = 2;
/// How long connections of an endpoint that was unbound may take to end.
const ENDING_MS_MAX: i64 = 100;

impl Sock {
    fn bind(&self, endpoint: &str) -> Result<(), Errno> {
        self.check_threads(endpoint)?;
        let adopts = self.adopt()?;
        let bound = self.socket.blocking().bind(endpoint);
        if adopts {
            raw::adopt(&self.socket, None);
        }
        let real = bound?;
        *lock(&self.last_endpoint) = real.to_string();
        Ok(())
    }

    /// Takes the listening socket that the caller has given away, if one was; whether it was.
    fn adopt(&self) -> Result<bool, Errno> {
        let fd = self.use_fd.swap(-1, Ordering::Relaxed);
        if fd < 0 {
            return Ok(false);
        }
        // SAFETY: it takes any number.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            return Err(Errno::last());
        }
        // SAFETY: it is open, and the manual has the caller give it away.
        raw::adopt(&self.socket, Some(unsafe { OwnedFd::from_raw_fd(fd) }));
        Ok(true)
    }

    fn connect(&self, endpoint: &str) -> Result<(), Errno> {
        self.check_threads(endpoint)?;
        match self.socket.connect(endpoint) {
            // libzmq ends the connection of a second peer and says nothing of it.
            Err(ConnectError::Busy(_)) => endpoint.clone_into(&mut lock(&self.last_endpoint)),
            connected => {
                connected?;
                self.note_last_endpoint();
            }
        }
        Ok(())
    }

    fn connect_peer(&self, endpoint: &str) -> Result<u32, Errno> {
        if self.kind != SocketType::Peer {
            return Err(ENOTSUP);
        }
        self.check_threads(endpoint)?;
        let id = self.socket.connect_peer(endpoint)?;
        self.note_last_endpoint();
        Ok(number(id.as_bytes()))
    }

    fn note_last_endpoint(&self) {
        if let Some(endpoint) = self.socket.last_endpoint() {
            *lock(&self.last_endpoint) = endpoint.to_string();
        }
    }

    /// # Errors
    /// `EMTHREAD` for a network endpoint of a context that was told to have no I/O thread.
    fn check_threads(&self, endpoint: &str) -> Result<(), Errno> {
        let parsed: Endpoint = endpoint.parse()?;
        if !matches!(parsed, Endpoint::Inproc(_)) && self.context.is_inproc_only() {
            return Err(EMTHREAD);
        }
        Ok(())
    }

    /// As in libzmq, it does not matter which of the two an endpoint was.
    fn end(&self, endpoint: &str, is_bound: bool) -> Result<(), Errno> {
        let parsed: Endpoint = endpoint.parse()?;
        self.end_at(endpoint, is_bound).or_else(|missing| {
            // By another name of the same address.
            let Endpoint::Tcp(tcp) = parsed else { return Err(missing) };
            let addresses = tcp.target().to_string().to_socket_addrs().map_err(|_| missing)?;
            addresses.map(|at| format!("tcp://{at}")).find_map(|at| self.end_at(&at, is_bound).ok()).ok_or(missing)
        })
    }

    fn end_at(&self, endpoint: &str, is_bound: bool) -> Result<(), Errno> {
        let unbind = || self.socket.unbind(endpoint);
        let disconnect = || self.socket.disconnect(endpoint);
        let ended = if is_bound { unbind().or_else(|_| disconnect()) } else { disconnect().or_else(|_| unbind()) };
        ended.map_err(|_| ENOENT)?;
        self.wait_for_ends_at(endpoint);
        Ok(())
    }

    /// Connections that were accepted at an endpoint end on an I/O thread. In libzmq too, but before the next message gets
    /// there; so they are waited for.
    fn wait_for_ends_at(&self, endpoint: &str) {
        let is_over = || (!raw::has_accepted_at(&self.socket, endpoint)).then_some(());
        if is_over().is_none() {
            // In time or not: they are ending.
            let _ = wait::until(raw::ended(&self.socket), ENDING_MS_MAX, is_over);
        }
    }
}

/// # Safety
/// As the manual of the function asks.
unsafe fn with<T>(
    failed: T,
    socket: *mut c_void,
    endpoint: *const c_char,
    act: impl FnOnce(&Sock, &str) -> Result<T, Errno>,
) -> T {
    call(failed, || {
        // SAFETY: the caller promised it.
        let sock = unsafe { live(socket) }?;
        if endpoint.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the same.
        let endpoint = unsafe { CStr::from_ptr(endpoint) }.to_str().map_err(|_| EINVAL)?;
        act(sock, endpoint)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_bind(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { with(-1, socket, endpoint, |sock, endpoint| sock.bind(endpoint).map(|()| 0)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_connect(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { with(-1, socket, endpoint, |sock, endpoint| sock.connect(endpoint).map(|()| 0)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_connect_peer(socket: *mut c_void, endpoint: *const c_char) -> u32 {
    // SAFETY: the manual asks it of the caller.
    unsafe { with(0, socket, endpoint, Sock::connect_peer) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_unbind(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { with(-1, socket, endpoint, |sock, endpoint| sock.end(endpoint, true).map(|()| 0)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_disconnect(socket: *mut c_void, endpoint: *const c_char) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { with(-1, socket, endpoint, |sock, endpoint| sock.end(endpoint, false).map(|()| 0)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_get_peer_state(socket: *mut c_void, id: *const c_void, len: size_t) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks it of the caller.
        let sock = unsafe { live(socket) }?;
        if sock.kind != SocketType::Router {
            return Err(ENOTSUP);
        }
        // SAFETY: the same.
        let id = unsafe { bytes(id, len) }.ok_or(EINVAL)?;
        let has_room = sock.hub().has_room_for(id).ok_or(EHOSTUNREACH)?;
        Ok(if has_room { POLLOUT } else { 0 })
    })
}
