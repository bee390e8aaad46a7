//! `zmq_timers_*`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::time::Duration;

use libc::{c_int, c_long, c_void, size_t};
use monocoque::{TimerId, Timers};

use crate::errno::{EFAULT, EINVAL, Errno};
use crate::guard::{call, status};
use crate::handle::{self, Tagged};

/// `zmq_timer_fn`.
pub type TimerFn = unsafe extern "C" fn(id: c_int, arg: *mut c_void);

/// Timers as C has them: one thread's at a time, as the manual says.
#[derive(Default)]
struct Clock {
    timers: RefCell<Timers>,
    /// While a function is called that may change them, those that are being executed.
    executing: Cell<Option<NonNull<Timers>>>,
    ids: RefCell<HashMap<c_int, TimerId>>,
    next: Cell<c_int>,
}

impl Tagged for Clock {
    const TAG: u32 = 0xcafe_dada;
}

/// What a timer calls.
#[derive(Clone, Copy)]
struct Call {
    clock: *const Clock,
    function: TimerFn,
    id: c_int,
    arg: *mut c_void,
}

// SAFETY: it is called by the thread that executes the timers only.
unsafe impl Send for Call {}

impl Call {
    fn make(self, timers: &mut Timers) {
        // SAFETY: the timers belong to the clock, which is there while they are executed.
        let clock = unsafe { &*self.clock };
        let outer = clock.executing.replace(Some(NonNull::from(timers)));
        // SAFETY: it is the user's function, called as the user asked for it.
        unsafe { (self.function)(self.id, self.arg) };
        clock.executing.set(outer);
    }
}

impl Clock {
    /// The timers, also if it is a timer's function that asks.
    fn with<T>(&self, act: impl FnOnce(&mut Timers) -> T) -> T {
        match self.executing.get() {
            // SAFETY: they were handed to the function that asks, by a reference that nobody uses meanwhile.
            Some(mut executing) => act(unsafe { executing.as_mut() }),
            None => act(&mut self.timers.borrow_mut()),
        }
    }

    fn id(&self, id: c_int) -> Result<TimerId, Errno> {
        self.ids.borrow().get(&id).copied().ok_or(EINVAL)
    }

    fn add(&self, interval_ms: usize, function: TimerFn, arg: *mut c_void) -> c_int {
        self.next.set(self.next.get() + 1);
        let id = self.next.get();
        let call = Call { clock: self, function, id, arg };
        let timer = self.with(|timers| {
            timers.add(Duration::from_millis(interval_ms as u64), move |timers, _| {
                // The whole, so that it is sent as one.
                let call = call;
                call.make(timers);
            })
        });
        self.ids.borrow_mut().insert(id, timer);
        id
    }

    fn cancel(&self, id: c_int) -> Result<(), Errno> {
        let timer = self.id(id)?;
        self.ids.borrow_mut().remove(&id);
        self.with(|timers| timers.cancel(timer)).map_err(|_| EINVAL)
    }
}

/// # Safety
/// As the manual of each function asks it.
unsafe fn get<'a>(timers: *mut c_void) -> Result<&'a Clock, Errno> {
    // SAFETY: the caller promised it.
    unsafe { handle::get::<Clock>(timers) }.ok_or(EFAULT)
}

#[unsafe(no_mangle)]
pub extern "C" fn zmq_timers_new() -> *mut c_void {
    call(std::ptr::null_mut(), || Ok(handle::open(Clock::default())))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_destroy(timers: *mut *mut c_void) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let timers = unsafe { timers.as_mut() }.ok_or(EFAULT)?;
        // SAFETY: the same.
        unsafe { handle::close::<Clock>(*timers) }.ok_or(EFAULT)?;
        *timers = std::ptr::null_mut();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_add(
    timers: *mut c_void,
    interval_ms: size_t,
    function: Option<TimerFn>,
    arg: *mut c_void,
) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks it of the caller.
        let clock = unsafe { get(timers) }?;
        Ok(clock.add(interval_ms, function.ok_or(EFAULT)?, arg))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_cancel(timers: *mut c_void, id: c_int) -> c_int {
    // SAFETY: the manual asks it of the caller.
    status(|| unsafe { get(timers) }?.cancel(id))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_set_interval(timers: *mut c_void, id: c_int, interval_ms: size_t) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let clock = unsafe { get(timers) }?;
        let (timer, interval) = (clock.id(id)?, Duration::from_millis(interval_ms as u64));
        clock.with(|timers| timers.set_interval(timer, interval)).map_err(|_| EINVAL)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_reset(timers: *mut c_void, id: c_int) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let clock = unsafe { get(timers) }?;
        let timer = clock.id(id)?;
        clock.with(|timers| timers.reset(timer)).map_err(|_| EINVAL)
    })
}

/// Rounded up: who waits so long finds the timer due.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_timeout(timers: *mut c_void) -> c_long {
    call(-1, || {
        // SAFETY: the manual asks it of the caller.
        let timeout = unsafe { get(timers) }?.with(|timers| timers.timeout());
        Ok(timeout.map_or(-1, |left| left.as_micros().div_ceil(1000).try_into().unwrap_or(c_long::MAX)))
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_timers_execute(timers: *mut c_void) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        unsafe { get(timers) }?.with(Timers::execute);
        Ok(())
    })
}
