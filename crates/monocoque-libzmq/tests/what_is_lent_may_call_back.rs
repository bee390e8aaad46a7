//! The function that frees a user's memory may wait for what whoever closes or disconnects a socket holds, and call the library: it is
//! called where nothing of the library is locked. When the context has ended all have been called.

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use monocoque_libzmq::*;

const PUSH: i32 = 8;
const PULL: i32 = 7;
const LINGER: i32 = 17;
const MESSAGES: usize = 10;
const LARGE: &[u8] = &[5; 100_000];
const SMALL: &[u8] = b"small";

/// Is told of each call.
static TOLD: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static FREED: AtomicUsize = AtomicUsize::new(0);
static CALLER: Mutex<Option<ThreadId>> = Mutex::new(None);
/// What an interpreter has one thread hold, and the function needs.
static HELD: Mutex<()> = Mutex::new(());

unsafe extern "C" fn free(_data: *mut c_void, _hint: *mut c_void) {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    // As pyzmq's does: a socket of its own, under a lock.
    // SAFETY: the socket is open, and who has the lock has it for itself.
    assert_eq!(unsafe { zmq_send(TOLD.load(Ordering::SeqCst), ptr::null(), 0, 0) }, 0);
    drop(held);
    *CALLER.lock().expect("no panic") = Some(std::thread::current().id());
    FREED.fetch_add(1, Ordering::SeqCst);
}

fn lend(data: &'static [u8]) -> MaybeUninit<zmq_msg_t> {
    let mut msg = MaybeUninit::uninit();
    let data_at = data.as_ptr().cast_mut().cast();
    // SAFETY: the data are there for ever, and the message has room.
    assert_eq!(unsafe { zmq_msg_init_data(msg.as_mut_ptr(), data_at, data.len(), Some(free), ptr::null_mut()) }, 0);
    msg
}

/// What the socket has not sent when it is closed is dropped.
///
/// # Safety
/// `socket` is one of this library.
unsafe fn give_up(socket: *mut c_void) {
    let now = 0i32;
    // SAFETY: the caller promised the socket, and the value is as long as it is said to be.
    unsafe { zmq_setsockopt(socket, LINGER, (&raw const now).cast(), 4) };
}

/// Queues messages for a peer at `endpoint` and lets go of them by `end`, with a lock held that their function needs.
///
/// # Safety
/// `end` closes no handles but those two.
unsafe fn queue_and_end(data: &'static [u8], endpoint: &CStr, end: unsafe fn(*mut c_void, *mut c_void)) {
    let before = FREED.load(Ordering::SeqCst);
    // SAFETY: each message is begun before it is used, and closed at the end; the sockets are those of the context.
    unsafe {
        let context = zmq_ctx_new();
        let (push, pull) = (zmq_socket(context, PUSH), zmq_socket(context, PULL));
        if endpoint.to_bytes().starts_with(b"inproc") {
            assert_eq!(zmq_bind(pull, endpoint.as_ptr()), 0);
        }
        assert_eq!(zmq_connect(push, endpoint.as_ptr()), 0);
        for _ in 0..MESSAGES {
            let mut sent = lend(data);
            assert!(zmq_msg_send(sent.as_mut_ptr(), push, 0) >= 0);
            zmq_msg_close(sent.as_mut_ptr());
        }
        let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        end(push, pull);
        drop(held);
        // Those that are closed already say so.
        give_up(push);
        zmq_close(push);
        zmq_close(pull);
        assert_eq!(zmq_ctx_term(context), 0);
    }
    assert_eq!(FREED.load(Ordering::SeqCst) - before, MESSAGES);
}

unsafe fn disconnect(push: *mut c_void, _pull: *mut c_void) {
    // SAFETY: the socket is open.
    assert_eq!(unsafe { zmq_disconnect(push, c"ipc://@monocoque-nobody".as_ptr()) }, 0);
}

unsafe fn close_peer(_push: *mut c_void, pull: *mut c_void) {
    // SAFETY: the socket is open.
    assert_eq!(unsafe { zmq_close(pull) }, 0);
}

unsafe fn close_both(push: *mut c_void, pull: *mut c_void) {
    // SAFETY: the sockets are open.
    unsafe {
        give_up(push);
        assert_eq!((zmq_close(push), zmq_close(pull)), (0, 0));
    }
}

#[test]
fn wherever_it_is_let_go_of() {
    let (done, all) = channel();
    // SAFETY: the handles are there until the process ends.
    unsafe {
        let context = zmq_ctx_new();
        let (push, pull) = (zmq_socket(context, PUSH), zmq_socket(context, PULL));
        assert_eq!((zmq_bind(pull, c"inproc://told".as_ptr()), zmq_connect(push, c"inproc://told".as_ptr())), (0, 0));
        TOLD.store(push, Ordering::SeqCst);
    }
    std::thread::spawn(move || {
        for data in [SMALL, LARGE] {
            // SAFETY: the functions close no other handles.
            unsafe {
                queue_and_end(data, c"ipc://@monocoque-nobody", disconnect);
                queue_and_end(data, c"inproc://peer", close_peer);
                queue_and_end(data, c"ipc://@monocoque-nobody", close_both);
            }
        }
        // Whoever closes a message itself is called at once.
        let (mut own, before) = (lend(SMALL), FREED.load(Ordering::SeqCst));
        // SAFETY: the message was begun.
        assert_eq!(unsafe { zmq_msg_close(own.as_mut_ptr()) }, 0);
        assert_eq!(FREED.load(Ordering::SeqCst), before + 1);
        assert_eq!(*CALLER.lock().expect("no panic"), Some(std::thread::current().id()));
        done.send(()).expect("the test waits");
    });
    assert_eq!(all.recv_timeout(Duration::from_secs(60)), Ok(()), "it waits for itself, or a check failed");
}
