//! `zmq_z85_*` and `zmq_curve_*`.

use std::ffi::CStr;

use libc::{c_char, c_int, size_t};
use monocoque::{SecretKey, new_secret_key, z85};

use crate::errno::EINVAL;
use crate::guard::{call, status};

/// # Safety
/// `to` has room for `text` and a zero.
unsafe fn write(to: *mut c_char, text: &str) {
    // SAFETY: the caller promised the room.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr().cast(), to, text.len());
        to.add(text.len()).write(0);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_z85_encode(to: *mut c_char, data: *const u8, size: size_t) -> *mut c_char {
    call(std::ptr::null_mut(), || {
        // SAFETY: the manual asks it of the caller.
        let data = unsafe { crate::options::bytes(data.cast(), size) }.ok_or(EINVAL)?;
        let text = z85::encode(data).map_err(|_| EINVAL)?;
        // SAFETY: the same.
        unsafe { write(to, &text) };
        Ok(to)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_z85_decode(to: *mut u8, text: *const c_char) -> *mut u8 {
    call(std::ptr::null_mut(), || {
        if text.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the manual asks it of the caller.
        let text = unsafe { CStr::from_ptr(text) };
        let data = z85::decode(text.to_bytes()).ok().filter(|data| !data.is_empty()).ok_or(EINVAL)?;
        // SAFETY: the same.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), to, data.len()) };
        Ok(to)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_curve_keypair(public: *mut c_char, secret: *mut c_char) -> c_int {
    status(|| {
        let key = new_secret_key()?;
        // SAFETY: the manual asks for room for 41 characters each.
        unsafe {
            write(public, &key.public().to_string());
            write(secret, &key.to_z85());
        }
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_curve_public(public: *mut c_char, secret: *const c_char) -> c_int {
    status(|| {
        if secret.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the manual asks it of the caller.
        let secret = unsafe { CStr::from_ptr(secret) }.to_str().map_err(|_| EINVAL)?;
        let key: SecretKey = secret.parse().map_err(|_| EINVAL)?;
        // SAFETY: the manual asks for room for 41 characters.
        unsafe { write(public, &key.public().to_string()) };
        Ok(())
    })
}
