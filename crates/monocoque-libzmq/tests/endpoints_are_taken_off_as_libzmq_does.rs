//! What a program may rely on of endpoints: one connection to each for those who would hear everything twice, all of them
//! ended together, and what was sent delivered.

use std::ffi::{CStr, c_int, c_void};

use monocoque_libzmq::*;

const PUB: c_int = 1;
const SUB: c_int = 2;
const PULL: c_int = 7;
const PUSH: c_int = 8;
const XPUB: c_int = 9;
const SUBSCRIBE: c_int = 6;
const LINGER: c_int = 17;
const RCVTIMEO: c_int = 27;
const LAST_ENDPOINT: c_int = 32;
const ENOENT: c_int = libc::ENOENT;

unsafe fn bound(socket: *mut c_void, at: &CStr) -> [u8; 256] {
    let (mut endpoint, mut len) = ([0; 256], 256);
    // SAFETY: the socket is open, and the room is as long as it says.
    unsafe {
        assert_eq!(zmq_bind(socket, at.as_ptr()), 0);
        assert_eq!(zmq_getsockopt(socket, LAST_ENDPOINT, endpoint.as_mut_ptr().cast(), &mut len), 0);
    }
    endpoint
}

unsafe fn set(socket: *mut c_void, option: c_int, value: c_int) -> c_int {
    // SAFETY: the socket is open, and the value is a number.
    unsafe { zmq_setsockopt(socket, option, (&raw const value).cast(), size_of::<c_int>()) }
}

unsafe fn receive(socket: *mut c_void, timeout_ms: c_int) -> c_int {
    let mut room = [0u8; 8];
    // SAFETY: the same.
    unsafe {
        assert_eq!(set(socket, RCVTIMEO, timeout_ms), 0);
        zmq_recv(socket, room.as_mut_ptr().cast(), room.len(), 0)
    }
}

#[test]
fn a_subscriber_connected_twice_hears_once() {
    for at in [c"tcp://127.0.0.1:*", c"ipc://*"] {
        // SAFETY: handles are closed last.
        unsafe {
            let context = zmq_ctx_new();
            let (publisher, subscriber) = (zmq_socket(context, XPUB), zmq_socket(context, SUB));
            let endpoint = bound(publisher, at);
            let endpoint = endpoint.as_ptr().cast();
            assert_eq!(zmq_setsockopt(subscriber, SUBSCRIBE, std::ptr::null(), 0), 0);
            assert_eq!([zmq_connect(subscriber, endpoint), zmq_connect(subscriber, endpoint)], [0, 0]);
            assert_eq!(receive(publisher, 10_000), 1, "its subscription");
            assert_eq!((zmq_send(publisher, c"1".as_ptr().cast(), 1, 0), receive(subscriber, 10_000)), (1, 1));
            assert_eq!(receive(subscriber, 50), -1, "once is enough");
            assert_eq!(zmq_disconnect(subscriber, endpoint), 0);
            assert_eq!((zmq_disconnect(subscriber, endpoint), zmq_errno()), (-1, ENOENT));
            assert_eq!((zmq_close(publisher), zmq_close(subscriber), zmq_ctx_term(context)), (0, 0, 0));
        }
    }
}

#[test]
fn what_was_sent_before_a_disconnect_arrives() {
    for at in [c"tcp://127.0.0.1:*", c"ipc://*", c"inproc://here"] {
        // SAFETY: handles are closed last.
        unsafe {
            let context = zmq_ctx_new();
            let (pull, push) = (zmq_socket(context, PULL), zmq_socket(context, PUSH));
            let endpoint = bound(pull, at);
            let endpoint = endpoint.as_ptr().cast();
            for n in 0..20 {
                assert_eq!((zmq_connect(push, endpoint), zmq_send(push, c"1".as_ptr().cast(), 1, 0)), (0, 1));
                assert_eq!(zmq_disconnect(push, endpoint), 0);
                assert_eq!(receive(pull, 10_000), 1, "{at:?}: message {n}");
            }
            assert_eq!((zmq_close(pull), zmq_close(push), zmq_ctx_term(context)), (0, 0, 0));
        }
    }
}

#[test]
fn a_linger_time_may_be_set_after_a_shutdown() {
    // SAFETY: handles are closed last.
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, PUB);
        let push = zmq_socket(context, PUSH);
        assert_eq!(zmq_connect(push, c"tcp://127.0.0.1:1".as_ptr()), 0);
        assert_eq!(zmq_send(push, c"1".as_ptr().cast(), 1, 0), 1);
        assert_eq!(zmq_ctx_shutdown(context), 0);
        assert_eq!(set(push, LINGER, 0), 0, "else it would wait for ever for somebody to come");
        assert_eq!(zmq_send(socket, c"1".as_ptr().cast(), 1, 0), -1);
        assert_eq!(set(socket, LINGER, 0), -1, "it was told");
        assert_eq!((zmq_close(push), zmq_close(socket), zmq_ctx_term(context)), (0, 0, 0));
    }
}
