//! What a user gave with a function to free it is freed once, when the last message that has it is gone.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use monocoque_libzmq::*;

static FREED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn free(_data: *mut c_void, hint: *mut c_void) {
    assert_eq!(hint.addr(), 7);
    FREED.fetch_add(1, Ordering::SeqCst);
}

/// A message of `data`, which is freed by [`free`].
fn message(data: &'static [u8]) -> MaybeUninit<zmq_msg_t> {
    let mut msg = MaybeUninit::uninit();
    let hint = ptr::without_provenance_mut(7);
    // SAFETY: the data are there for ever, and the message has room.
    let begun =
        unsafe { zmq_msg_init_data(msg.as_mut_ptr(), data.as_ptr().cast_mut().cast(), data.len(), Some(free), hint) };
    assert_eq!(begun, 0);
    msg
}

#[test]
fn by_close_by_copies_and_by_sending() {
    let large = &[5; 4096];
    let mut first = message(large);
    let mut copy = MaybeUninit::uninit();
    // SAFETY: each message is begun before it is used, and closed at the end; the sockets are those of the context.
    unsafe {
        zmq_msg_init(copy.as_mut_ptr());
        assert_eq!(zmq_msg_copy(copy.as_mut_ptr(), first.as_mut_ptr()), 0);
        assert_eq!(zmq_msg_get(copy.as_ptr(), 3), 1, "it is shared");
        zmq_msg_close(first.as_mut_ptr());
        assert_eq!(FREED.load(Ordering::SeqCst), 0, "the copy has it");
        assert_eq!(zmq_msg_size(copy.as_ptr()), 4096);
        zmq_msg_close(copy.as_mut_ptr());
        assert_eq!(FREED.load(Ordering::SeqCst), 1);
        assert_eq!(zmq_msg_close(copy.as_mut_ptr()), -1, "it is no message any more");

        let context = zmq_ctx_new();
        let (push, pull) = (zmq_socket(context, 8), zmq_socket(context, 7));
        assert_eq!((zmq_bind(pull, c"inproc://a".as_ptr()), zmq_connect(push, c"inproc://a".as_ptr())), (0, 0));
        let mut sent = message(large);
        assert_eq!(zmq_msg_send(sent.as_mut_ptr(), push, 0), 4096);
        zmq_msg_close(sent.as_mut_ptr());
        let mut got = MaybeUninit::uninit();
        zmq_msg_init(got.as_mut_ptr());
        assert_eq!(zmq_msg_recv(got.as_mut_ptr(), pull, 0), 4096);
        zmq_msg_close(got.as_mut_ptr());
        assert_eq!((zmq_close(push), zmq_close(pull), zmq_ctx_term(context)), (0, 0, 0));
    }
    assert_eq!(FREED.load(Ordering::SeqCst), 2);
}
