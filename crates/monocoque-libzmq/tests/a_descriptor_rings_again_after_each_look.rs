//! `ZMQ_FD` rings for what comes after the last look at its socket, whatever that look was: with libzmq EVENTS need not be read.

use std::ffi::{c_int, c_void};

use monocoque_libzmq::*;

const PAIR: c_int = 0;
const FD: c_int = 14;
const DONTWAIT: c_int = 1;
const POLLIN: i16 = 1;

/// As `zmq_pollitem_t`.
#[repr(C)]
struct Item {
    socket: *mut c_void,
    fd: c_int,
    events: i16,
    revents: i16,
}

/// Two joined sockets, and the descriptor of the second.
unsafe fn joined(context: *mut c_void) -> (*mut c_void, *mut c_void, c_int) {
    // SAFETY: the context is open, and the value has room for a number.
    unsafe {
        let (from, to) = (zmq_socket(context, PAIR), zmq_socket(context, PAIR));
        assert_eq!((zmq_bind(to, c"inproc://fd".as_ptr()), zmq_connect(from, c"inproc://fd".as_ptr())), (0, 0));
        let (mut fd, mut len) = (-1, size_of::<c_int>());
        assert_eq!(zmq_getsockopt(to, FD, (&raw mut fd).cast(), &mut len), 0);
        (from, to, fd)
    }
}

/// Whether it rings, and for how long it was waited for.
fn rings(fd: c_int, timeout_ms: c_int) -> bool {
    let mut asked = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: it is one descriptor that is there.
    unsafe { libc::poll(&raw mut asked, 1, timeout_ms) == 1 }
}

fn check(look: unsafe fn(*mut c_void) -> bool) {
    // SAFETY: handles are closed last, and bodies have their lengths.
    unsafe {
        let context = zmq_ctx_new();
        let (from, to, fd) = joined(context);
        while look(to) {}
        assert!(!rings(fd, 0), "nothing came since the look");
        for n in 0..20 {
            assert_eq!(zmq_send(from, c"x".as_ptr().cast(), 1, 0), 1);
            assert!(rings(fd, 10_000), "message {n}");
            while look(to) {}
            assert!(!rings(fd, 0), "message {n} was looked at");
        }
        assert_eq!((zmq_close(from), zmq_close(to), zmq_ctx_term(context)), (0, 0, 0));
    }
}

unsafe fn receive(from: *mut c_void) -> bool {
    let mut room = [0u8; 1];
    // SAFETY: the caller's socket is open, and the room is as long as it says.
    unsafe { zmq_recv(from, room.as_mut_ptr().cast(), room.len(), DONTWAIT) >= 0 }
}

#[test]
fn which_received_until_nothing_was_there() {
    check(receive);
}

#[test]
fn which_polled() {
    unsafe fn poll(socket: *mut c_void) -> bool {
        let mut item = Item { socket, fd: -1, events: POLLIN, revents: 0 };
        // SAFETY: it is one item.
        let ready = unsafe { zmq_poll((&raw mut item).cast(), 1, 0) } > 0;
        // SAFETY: the caller's.
        ready && unsafe { receive(socket) }
    }
    check(poll);
}
