//! The function that frees a user's memory is called when the message was sent, however small it is: not while it waits for a
//! peer, and not when it was refused.

use std::ffi::{CString, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use monocoque_libzmq::*;

const PUSH: i32 = 8;
const PULL: i32 = 7;
const DONTWAIT: i32 = 1;
const SNDMORE: i32 = 2;

static FREED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn free(_data: *mut c_void, _hint: *mut c_void) {
    FREED.fetch_add(1, Ordering::SeqCst);
}

fn freed() -> usize {
    FREED.load(Ordering::SeqCst)
}

/// Whoever writes lets go after the peer may have read.
fn wait_until_freed(count: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while freed() < count {
        assert!(Instant::now() < deadline, "{} of {count}", freed());
        std::thread::yield_now();
    }
    assert_eq!(freed(), count);
}

fn lend(data: &'static [u8]) -> MaybeUninit<zmq_msg_t> {
    let mut msg = MaybeUninit::uninit();
    let data_at = data.as_ptr().cast_mut().cast();
    // SAFETY: the data are there for ever, and the message has room.
    assert_eq!(unsafe { zmq_msg_init_data(msg.as_mut_ptr(), data_at, data.len(), Some(free), ptr::null_mut()) }, 0);
    msg
}

/// Receives frames into one message after the other.
///
/// # Safety
/// `socket` is one of this library.
unsafe fn receive(socket: *mut c_void, expected: &[&[u8]]) {
    for body in expected {
        let mut room = [0; 16];
        // SAFETY: the caller promised the socket, and there is so much room.
        let len = unsafe { zmq_recv(socket, room.as_mut_ptr().cast(), room.len(), 0) };
        assert_eq!(&room[..usize::try_from(len).expect("received")], *body);
    }
}

#[test]
fn by_a_peer_that_comes_late_and_not_by_a_refusal() {
    let endpoint = CString::new(format!("ipc://@monocoque-late-{}", std::process::id())).expect("no zero");
    let something: &'static [u8] = b"something";
    // SAFETY: each message is begun before it is used, and closed at the end; the sockets are those of the context.
    unsafe {
        let context = zmq_ctx_new();
        let (push, alone, pull) = (zmq_socket(context, PUSH), zmq_socket(context, PUSH), zmq_socket(context, PULL));

        let mut refused = lend(something);
        for flags in [DONTWAIT, DONTWAIT | SNDMORE] {
            assert_eq!(zmq_msg_send(refused.as_mut_ptr(), alone, flags), -1);
            assert_eq!(
                (zmq_msg_data(refused.as_mut_ptr()), zmq_msg_size(refused.as_ptr())),
                (something.as_ptr().cast_mut().cast(), 9)
            );
        }
        assert_eq!(freed(), 0);
        zmq_msg_close(refused.as_mut_ptr());
        assert_eq!(freed(), 1);

        assert_eq!(zmq_connect(push, endpoint.as_ptr()), 0);
        for flags in [0, SNDMORE, 0] {
            let mut sent = lend(something);
            assert_eq!(zmq_msg_send(sent.as_mut_ptr(), push, flags), 9);
            zmq_msg_close(sent.as_mut_ptr());
        }
        assert_eq!(freed(), 1, "nobody is there yet");
        assert_eq!(zmq_bind(pull, endpoint.as_ptr()), 0);
        receive(pull, &[something; 3]);
        wait_until_freed(4);

        // More of them than one write takes.
        for number in 0..500 {
            let mut sent = lend(if number % 7 == 0 { b"" } else { something });
            assert!(zmq_msg_send(sent.as_mut_ptr(), push, if number % 3 == 0 { SNDMORE } else { 0 }) >= 0);
        }
        let body = |number: usize| if number.is_multiple_of(7) { &b""[..] } else { something };
        receive(pull, &(0..500).map(body).collect::<Vec<_>>());
        wait_until_freed(504);

        for socket in [push, alone, pull] {
            assert_eq!(zmq_close(socket), 0);
        }
        assert_eq!(zmq_ctx_term(context), 0);
    }
}
