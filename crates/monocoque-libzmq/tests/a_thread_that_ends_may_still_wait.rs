//! Destructors of a thread's own values, and handlers of `atexit`, may call the library when the thread's other values are gone.

use std::cell::RefCell;
use std::ffi::c_void;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use monocoque_libzmq::*;

const PULL: i32 = 7;
const RCVTIMEO: i32 = 27;

/// Receives once more when its thread ends.
struct Last(usize, Sender<Option<i32>>);

impl Drop for Last {
    fn drop(&mut self) {
        self.1.send(receive(self.0 as *mut c_void)).expect("the test waits for it");
    }
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// The errno of a receive that waits for a moment.
fn receive(socket: *mut c_void) -> Option<i32> {
    let mut room = [0u8; 8];
    // SAFETY: the socket is open, and there is so much room.
    assert_eq!(unsafe { zmq_recv(socket, room.as_mut_ptr().cast(), room.len(), 0) }, -1);
    io::Error::last_os_error().raw_os_error()
}

#[test]
fn in_a_destructor() {
    // SAFETY: the handles are closed last, and used by one thread at a time.
    unsafe {
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, PULL);
        let soon = 1i32;
        assert_eq!(zmq_setsockopt(socket, RCVTIMEO, (&raw const soon).cast(), 4), 0);
        let (told, errno) = channel();
        let shared = socket as usize;
        std::thread::spawn(move || {
            // What was made first goes last: after what the wait below keeps for the next one.
            LAST.set(Some(Last(shared, told)));
            assert_eq!(receive(shared as *mut c_void), Some(libc::EAGAIN));
        })
        .join()
        .expect("no panic");
        assert_eq!(errno.recv_timeout(Duration::from_secs(30)), Ok(Some(libc::EAGAIN)));
        assert_eq!((zmq_close(socket), zmq_ctx_term(context)), (0, 0));
    }
}
