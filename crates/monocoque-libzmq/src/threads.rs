//! Stopwatches, `zmq_sleep`, and threads.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use libc::{c_int, c_ulong, c_void};
use monocoque::raw;

use crate::errno::Errno;
use crate::guard::call;

/// `zmq_thread_fn`.
pub type ThreadFn = unsafe extern "C" fn(arg: *mut c_void);

#[unsafe(no_mangle)]
pub extern "C" fn zmq_stopwatch_start() -> *mut c_void {
    Box::into_raw(Box::new(Instant::now())).cast()
}

/// Microseconds so far.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_stopwatch_intermediate(watch: *mut c_void) -> c_ulong {
    // SAFETY: the manual asks for what `zmq_stopwatch_start` gave.
    let began = unsafe { &*watch.cast::<Instant>() };
    began.elapsed().as_micros().try_into().unwrap_or(c_ulong::MAX)
}

/// Microseconds in all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_stopwatch_stop(watch: *mut c_void) -> c_ulong {
    // SAFETY: the manual asks for what `zmq_stopwatch_start` gave, once.
    let time = unsafe { zmq_stopwatch_intermediate(watch) };
    // SAFETY: the same; it was made of a box.
    drop(unsafe { Box::from_raw(watch.cast::<Instant>()) });
    time
}

#[unsafe(no_mangle)]
pub extern "C" fn zmq_sleep(seconds: c_int) {
    std::thread::sleep(Duration::from_secs(seconds.try_into().unwrap_or(0)));
}

/// What the new thread is given.
struct Start(ThreadFn, *mut c_void);

// SAFETY: the caller means it for the other thread.
unsafe impl Send for Start {}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_threadstart(function: ThreadFn, arg: *mut c_void) -> *mut c_void {
    call(std::ptr::null_mut(), || {
        let start = Start(function, arg);
        let run = move || {
            // The whole, so that it is sent as one.
            let Start(function, arg) = { start };
            // SAFETY: it is the user's function, called as the user asked for it.
            unsafe { function(arg) };
        };
        let thread = raw::start_thread("ZMQapp".to_owned(), run).map_err(Errno::from)?;
        Ok(Box::into_raw(Box::new(thread)).cast())
    })
}

/// Waits for the thread to end.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_threadclose(thread: *mut c_void) {
    if thread.is_null() {
        return;
    }
    // SAFETY: the manual asks for what `zmq_threadstart` gave, once; it was made of a box.
    let thread = unsafe { Box::from_raw(thread.cast::<JoinHandle<()>>()) };
    // A panic of C code is none that can be told.
    let _ = thread.join();
}
