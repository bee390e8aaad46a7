//! `zmq_atomic_counter_*`: the manual has them take what `zmq_atomic_counter_new` gave, and nothing else.

use std::sync::atomic::{AtomicI32, Ordering};

use libc::{c_int, c_void};

/// # Safety
/// `counter` is one of `zmq_atomic_counter_new`, and not destroyed yet.
unsafe fn get<'a>(counter: *mut c_void) -> &'a AtomicI32 {
    // SAFETY: the caller promised it.
    unsafe { &*counter.cast() }
}

#[unsafe(no_mangle)]
pub extern "C" fn zmq_atomic_counter_new() -> *mut c_void {
    Box::into_raw(Box::new(AtomicI32::new(0))).cast()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_set(counter: *mut c_void, value: c_int) {
    // SAFETY: the manual asks it of the caller.
    unsafe { get(counter) }.store(value, Ordering::SeqCst);
}

/// The value before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_inc(counter: *mut c_void) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { get(counter) }.fetch_add(1, Ordering::SeqCst)
}

/// 0 when the counter has come to zero, else 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_dec(counter: *mut c_void) -> c_int {
    // SAFETY: the manual asks it of the caller.
    c_int::from(unsafe { get(counter) }.fetch_sub(1, Ordering::SeqCst) != 1)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_value(counter: *mut c_void) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { get(counter) }.load(Ordering::SeqCst)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_atomic_counter_destroy(counter: *mut *mut c_void) {
    // SAFETY: the manual asks it of the caller.
    if let Some(counter) = unsafe { counter.as_mut() }.filter(|counter| !counter.is_null()) {
        // SAFETY: it was made of a box, and is destroyed once.
        drop(unsafe { Box::from_raw(counter.cast::<AtomicI32>()) });
        *counter = std::ptr::null_mut();
    }
}
