//! A thread that waits in a function returns `EINTR` when a signal's handler ran.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use monocoque_libzmq::*;

static HANDLED: AtomicBool = AtomicBool::new(false);
static WAITER: AtomicU64 = AtomicU64::new(0);

extern "C" fn handler(_signal: libc::c_int) {
    HANDLED.store(true, Ordering::SeqCst);
}

#[test]
fn of_a_receive() {
    // SAFETY: the handler only stores; the handles are closed last.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
        let context = zmq_ctx_new();
        let socket = zmq_socket(context, 7);
        let shared = socket as usize;
        let waiter = std::thread::spawn(move || {
            WAITER.store(libc::pthread_self(), Ordering::SeqCst);
            let mut room = [0u8; 8];
            let got = zmq_recv(shared as *mut _, room.as_mut_ptr().cast(), room.len(), 0);
            (got, io::Error::last_os_error().raw_os_error())
        });
        // Until it has ended: one that comes before the thread sleeps ends nothing.
        while !waiter.is_finished() {
            let thread = WAITER.load(Ordering::SeqCst);
            if thread != 0 {
                libc::pthread_kill(thread, libc::SIGUSR1);
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        assert_eq!(waiter.join().expect("no panic"), (-1, Some(libc::EINTR)));
        assert!(HANDLED.load(Ordering::SeqCst));
        assert_eq!((zmq_close(socket), zmq_ctx_term(context)), (0, 0));
    }
}
