//! `zmq_msg_*`.

mod content;
mod loan;
mod peer;

use std::ffi::CStr;

use bytes::Bytes;
use libc::{c_char, c_int, c_void, size_t};

pub(crate) use content::Msg;
pub use content::Msg as zmq_msg_t;
pub use loan::FreeFn;
pub(crate) use loan::wait_until_given_back;

use crate::errno::{EFAULT, EINVAL, Errno};
use crate::guard::{call, status};

const MORE: c_int = 1;
const SRCFD: c_int = 2;
const SHARED: c_int = 3;

/// A message that is there.
///
/// # Safety
/// `msg` is null or a `zmq_msg_t` that nobody else uses meanwhile.
#[inline]
pub(crate) unsafe fn get<'a>(msg: *mut Msg) -> Result<&'a mut Msg, Errno> {
    // SAFETY: the caller promised it.
    let msg = unsafe { msg.as_mut() }.ok_or(EFAULT)?;
    msg.check()?;
    Ok(msg)
}

/// Makes `msg`, whatever was there, into `new`.
///
/// # Safety
/// `msg` is null or has room for a `zmq_msg_t`.
#[inline]
unsafe fn begin(msg: *mut Msg, new: impl FnOnce() -> Result<Msg, Errno>) -> c_int {
    status(|| {
        if msg.is_null() {
            return Err(EFAULT);
        }
        let new = new()?;
        // SAFETY: the caller promised the room; what is there is no message yet.
        unsafe { msg.write(new) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init(msg: *mut Msg) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { begin(msg, || Ok(Msg::empty())) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_size(msg: *mut Msg, size: size_t) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { begin(msg, || Msg::with_size(size)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_buffer(msg: *mut Msg, data: *const c_void, size: size_t) -> c_int {
    let copy = || {
        let mut new = Msg::with_size(size)?;
        if size > 0 {
            if data.is_null() {
                return Err(EINVAL);
            }
            // SAFETY: the caller promised so many bytes there, and the message has room for them.
            unsafe { std::ptr::copy_nonoverlapping(data.cast::<u8>(), new.data().cast::<u8>(), size) };
        }
        Ok(new)
    };
    // SAFETY: the manual asks it of the caller.
    unsafe { begin(msg, copy) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_data(
    msg: *mut Msg,
    data: *mut c_void,
    len: size_t,
    free: Option<FreeFn>,
    hint: *mut c_void,
) -> c_int {
    let own = || match free {
        // SAFETY: the caller promised it so until it is given back.
        Some(free) => Ok(Msg::lent(unsafe { loan::bytes(data, len, free, hint) })),
        None if data.is_null() || len == 0 => Ok(Msg::with_bytes(Bytes::new(), true)),
        // SAFETY: without a function to free it, the caller promised it for as long as any message has it.
        None => Ok(Msg::with_bytes(
            Bytes::from_static(unsafe { std::slice::from_raw_parts(data.cast_const().cast(), len) }),
            true,
        )),
    };
    // SAFETY: the manual asks it of the caller.
    unsafe { begin(msg, own) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_close(msg: *mut Msg) -> c_int {
    // SAFETY: the manual asks it of the caller.
    status(|| unsafe { get(msg) }.map(|msg| loan::at_once(|| msg.close())))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_move(to: *mut Msg, from: *mut Msg) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        unsafe { get(from)? };
        if std::ptr::eq(to, from) {
            return Ok(());
        }
        // SAFETY: the manual asks it of the caller, and they are two.
        let (to, from) = unsafe { (get(to)?, get(from)?) };
        loan::at_once(|| *to = std::mem::replace(from, Msg::empty()));
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_copy(to: *mut Msg, from: *mut Msg) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        unsafe { get(from)? };
        if std::ptr::eq(to, from) {
            return Ok(());
        }
        // SAFETY: the manual asks it of the caller, and they are two.
        let (to, from) = unsafe { (get(to)?, get(from)?) };
        loan::at_once(|| *to = from.share());
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_data(msg: *mut Msg) -> *mut c_void {
    // SAFETY: the manual asks it of the caller.
    call(std::ptr::null_mut(), || unsafe { get(msg) }.map(Msg::data))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_size(msg: *const Msg) -> size_t {
    // SAFETY: the manual asks it of the caller.
    call(0, || unsafe { get(msg.cast_mut()) }.map(|msg| msg.len()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_more(msg: *const Msg) -> c_int {
    // SAFETY: the manual asks it of the caller.
    call(0, || unsafe { get(msg.cast_mut()) }.map(|msg| msg.is_more().into()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_get(msg: *const Msg, property: c_int) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks it of the caller.
        let msg = unsafe { get(msg.cast_mut()) }?;
        match property {
            MORE => Ok(msg.is_more().into()),
            SRCFD => Ok(msg.peer().map_or(-1, |peer| peer.properties().descriptor)),
            SHARED => Ok(msg.is_shared().into()),
            _ => Err(EINVAL),
        }
    })
}

/// There is nothing to set, as in libzmq.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set(_msg: *mut Msg, _property: c_int, _value: c_int) -> c_int {
    status(|| Err(EINVAL))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_gets(msg: *const Msg, property: *const c_char) -> *const c_char {
    call(std::ptr::null(), || {
        if property.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the manual asks both of the caller. What was asked before is kept in the message, which the caller has
        // to itself, so that it may change though it is said to be constant.
        let (msg, property) = unsafe { (get(msg.cast_mut())?, CStr::from_ptr(property)) };
        msg.peer().and_then(|peer| peer.text(property)).ok_or(EINVAL)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set_routing_id(msg: *mut Msg, routing_id: u32) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let msg = unsafe { get(msg) }?;
        if routing_id == 0 {
            return Err(EINVAL);
        }
        msg.set_routing_id(routing_id);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_routing_id(msg: *mut Msg) -> u32 {
    // SAFETY: the manual asks it of the caller.
    call(0, || unsafe { get(msg) }.map(|msg| msg.routing_id()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set_group(msg: *mut Msg, group: *const c_char) -> c_int {
    status(|| {
        if group.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the manual asks both of the caller.
        let (msg, group) = unsafe { (get(msg)?, CStr::from_ptr(group)) };
        msg.set_group(group.to_bytes())
    })
}

/// The empty text where no group was set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_group(msg: *mut Msg) -> *const c_char {
    // SAFETY: the manual asks it of the caller.
    call(std::ptr::null(), || unsafe { get(msg) }.map(|msg| msg.group().unwrap_or_default().as_ptr()))
}
