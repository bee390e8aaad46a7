//! A closed handle, a null one and one of something else are told, and none of them crashes.

use std::io;
use std::ptr;

use monocoque_libzmq::*;

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or_default()
}

#[test]
fn by_sockets_and_contexts() {
    // SAFETY: what is passed is null, closed, or of another kind, which is the point.
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, 0);
        assert_eq!((zmq_bind(context, c"inproc://a".as_ptr()), errno()), (-1, libc::ENOTSOCK), "of another kind");
        assert_eq!(zmq_close(socket), 0);
        assert_eq!((zmq_close(socket), errno()), (-1, libc::ENOTSOCK), "closed");
        assert_eq!((zmq_send(socket, ptr::null(), 0, 0), errno()), (-1, libc::ENOTSOCK), "closed");
        assert_eq!((zmq_recv(ptr::null_mut(), ptr::null_mut(), 0, 0), errno()), (-1, libc::ENOTSOCK), "null");
        assert_eq!(zmq_ctx_term(context), 0);
        assert_eq!((zmq_ctx_term(context), errno()), (-1, libc::EFAULT), "closed");
        assert!(zmq_socket(context, 0).is_null());
        assert_eq!(errno(), libc::EFAULT);
    }
}

#[test]
fn by_a_context_that_was_shut_down() {
    const ETERM: i32 = 156_384_765;
    // SAFETY: the handles are closed last.
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, 7);
        let shared = socket as usize;
        let waiter = std::thread::spawn(move || {
            let mut room = [0u8; 8];
            let got = zmq_recv(shared as *mut _, room.as_mut_ptr().cast(), room.len(), 0);
            (got, errno())
        });
        assert_eq!(zmq_ctx_shutdown(context), 0);
        assert_eq!(waiter.join().expect("no panic"), (-1, ETERM));
        assert!(zmq_socket(context, 7).is_null());
        assert_eq!(errno(), ETERM);
        assert_eq!((zmq_close(socket), zmq_ctx_term(context)), (0, 0));
    }
}
