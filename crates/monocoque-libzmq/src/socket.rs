//! Sockets: the handle, its two directions, and `zmq_socket` and `zmq_close`.
//!
//! The `monocoque` crate sends and receives whole messages, this API frames. What is sent frame by frame is gathered here
//! until the last, after the first was let pass; what is received frame by frame waits here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libc::{c_int, c_void};
use monocoque::raw::{self, Hub};
use monocoque::{Any, Socket, SocketType};

use crate::context::{Ctx, Place};
use crate::errno::{EFAULT, ENOTSOCK, ETERM, Errno};
use crate::guard::{call, status};
use crate::handle::{self, Tagged};
use crate::io::{Gathered, Left};

/// A socket as C has it.
pub(crate) struct Sock {
    pub(crate) socket: Socket<Any>,
    pub(crate) kind: SocketType,
    pub(crate) context: Arc<Ctx>,
    /// Time-outs in ms, here as well because each call that waits asks for them.
    pub(crate) send_timeout: AtomicI32,
    pub(crate) recv_timeout: AtomicI32,
    /// Frames of a message that is not whole yet; looked at only if `gathers`.
    pub(crate) gathered: Mutex<Gathered>,
    pub(crate) gathers: AtomicBool,
    /// Frames of a message that was received and not taken whole; looked at only if `leaves`.
    pub(crate) left: Mutex<Left>,
    pub(crate) leaves: AtomicBool,
    /// Whether more frames follow the one that was received last.
    pub(crate) more: AtomicBool,
    /// The endpoint that was bound or connected last, also if it is gone.
    pub(crate) last_endpoint: Mutex<String>,
    /// The listening socket of the caller's that was given last; -1 for none.
    pub(crate) use_fd: AtomicI32,
    /// STREAM: of whom a message was received last.
    pub(crate) last_id: Mutex<Option<Vec<u8>>>,
    /// Options that do nothing here, as they were set.
    pub(crate) kept: Mutex<HashMap<c_int, Vec<u8>>>,
    /// A call was told that the context ends.
    pub(crate) knows_end: AtomicBool,
    /// Held for its drop, after all others.
    pub(crate) _place: Place,
}

impl Tagged for Arc<Sock> {
    const TAG: u32 = 0xbadd_ecaf;
}

impl Sock {
    #[inline]
    pub(crate) fn hub(&self) -> &Hub {
        raw::hub(&self.socket)
    }

    /// # Errors
    /// `ETERM` when the context has been told to end.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), Errno> {
        if self.context.is_terminating() { Err(self.tell_end()) } else { Ok(()) }
    }

    #[cold]
    fn tell_end(&self) -> Errno {
        self.knows_end.store(true, Ordering::Relaxed);
        ETERM
    }

    /// [`check`](Self::check) for options, which a socket takes until some other call was told: programs set the linger time
    /// between `zmq_ctx_shutdown` and `zmq_close`.
    pub(crate) fn check_option(&self) -> Result<(), Errno> {
        if self.knows_end.load(Ordering::Relaxed) { self.check() } else { Ok(()) }
    }

    /// Whether several threads may use it at once.
    pub(crate) fn is_thread_safe(&self) -> bool {
        matches!(
            self.kind,
            SocketType::Server
                | SocketType::Client
                | SocketType::Radio
                | SocketType::Dish
                | SocketType::Gather
                | SocketType::Scatter
                | SocketType::Peer
                | SocketType::Channel
        )
    }

    pub(crate) fn timeout(of: &AtomicI32) -> i64 {
        of.load(Ordering::Relaxed).into()
    }

    /// Whoever waits looks again.
    pub(crate) fn wake(&self) {
        let signals = self.hub().signals();
        signals.readable().wake_all();
        signals.writable.wake_all();
        signals.peers.wake_all();
    }
}

/// What a panic left is good enough: it is lists of frames.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The socket of a handle.
///
/// # Errors
/// `ENOTSOCK` if it is none.
///
/// # Safety
/// As of [`handle::get`].
#[inline]
pub(crate) unsafe fn get<'a>(socket: *mut c_void) -> Result<&'a Arc<Sock>, Errno> {
    // SAFETY: the caller promised it.
    unsafe { handle::get::<Arc<Sock>>(socket) }.ok_or(ENOTSOCK)
}

/// [`get`], of a context that goes on.
///
/// # Safety
/// The same.
#[inline]
pub(crate) unsafe fn live<'a>(socket: *mut c_void) -> Result<&'a Arc<Sock>, Errno> {
    // SAFETY: the caller promised it.
    let sock = unsafe { get(socket) }?;
    sock.check()?;
    Ok(sock)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket(context: *mut c_void, kind: c_int) -> *mut c_void {
    call(std::ptr::null_mut(), || {
        // SAFETY: the manual asks it of the caller.
        let context = unsafe { handle::get::<Arc<Ctx>>(context) }.ok_or(EFAULT)?;
        context.socket(kind).map(handle::open)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_close(socket: *mut c_void) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let sock = *unsafe { handle::close::<Arc<Sock>>(socket) }.ok_or(ENOTSOCK)?;
        if sock.context.is_forked() {
            // It is the parent's, and so are the threads that would end it.
            std::mem::forget(sock);
            return Ok(());
        }
        drop(sock);
        Ok(())
    })
}
