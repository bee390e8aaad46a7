//! When `zmq_ctx_term` returns, the I/O threads have ended, as with libzmq: a program may fork, or look at its descriptors.

use std::ptr::null_mut;

use monocoque_libzmq::*;

const PULL: libc::c_int = 7;
const ROUNDS: usize = 200;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("of this process").count()
}

/// Starts a context with I/O threads, and ends it.
fn round() {
    // SAFETY: the handles are closed last.
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, PULL);
        assert_ne!(socket, null_mut());
        assert_eq!(zmq_bind(socket, c"tcp://127.0.0.1:*".as_ptr()), 0);
        assert_eq!((zmq_close(socket), zmq_ctx_term(context)), (0, 0));
    }
}

#[test]
fn their_descriptors_are_closed() {
    // What this thread keeps to wait with is made by the first.
    round();
    let before = descriptors();
    let after: Vec<usize> = (0..ROUNDS).map(|_| (round(), descriptors()).1).collect();
    assert_eq!(after, [before; ROUNDS]);
}
