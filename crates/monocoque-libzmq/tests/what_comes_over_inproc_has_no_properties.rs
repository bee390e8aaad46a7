//! As with libzmq: a message of another socket of the process tells nothing of its peer, and need not be closed for its sake.

use std::mem::MaybeUninit;
use std::ptr;

use monocoque_libzmq::*;

const REQ: i32 = 3;
const REP: i32 = 4;
const DEALER: i32 = 5;
const ROUTER: i32 = 6;
const PULL: i32 = 7;
const PUSH: i32 = 8;

#[test]
fn of_any_type() {
    for (sends, receives) in [(PUSH, PULL), (DEALER, ROUTER), (REQ, REP)] {
        // SAFETY: each handle and message is valid until it is closed, last.
        unsafe {
            let context = zmq_ctx_new();
            let (to, from) = (zmq_socket(context, receives), zmq_socket(context, sends));
            assert_eq!(zmq_bind(to, c"inproc://a".as_ptr()), 0);
            assert_eq!(zmq_connect(from, c"inproc://a".as_ptr()), 0);
            assert_eq!(zmq_send(from, ptr::null(), 0, 0), 0);
            let mut message = MaybeUninit::<zmq_msg_t>::uninit();
            assert_eq!(zmq_msg_init(message.as_mut_ptr()), 0);
            assert!(zmq_msg_recv(message.as_mut_ptr(), to, 0) >= 0);
            let told = zmq_msg_gets(message.as_ptr(), c"Socket-Type".as_ptr());
            assert!(told.is_null(), "type {sends} to type {receives}");
            assert_eq!(zmq_msg_close(message.as_mut_ptr()), 0);
            assert_eq!((zmq_close(from), zmq_close(to), zmq_ctx_term(context)), (0, 0, 0));
        }
    }
}
