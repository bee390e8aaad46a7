//! `zmq_sendiov` and `zmq_recviov`.

use libc::{c_int, c_void, iovec, size_t};
use monocoque::Frame;

use crate::errno::{EINVAL, ENOMEM, Errno};
use crate::guard::call;
use crate::io::length;
use crate::message::Msg;
use crate::socket::{Sock, live};

const SNDMORE: c_int = 2;

impl Sock {
    fn send_all(&self, parts: &[&[u8]], flags: c_int) -> Result<usize, Errno> {
        let mut len = 0;
        for (at, part) in parts.iter().enumerate() {
            let is_last = at + 1 == parts.len();
            let flags = if is_last { flags & !SNDMORE } else { flags };
            self.send(&mut Msg::of_frame(Frame::copy_from_slice(part)), flags)?;
            len = part.len();
        }
        Ok(len)
    }
}

/// Sends each buffer: as one message of several parts with `ZMQ_SNDMORE`, else as one message each. The length of the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_sendiov(socket: *mut c_void, iov: *mut iovec, count: size_t, flags: c_int) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks it of the caller.
        let sock = unsafe { live(socket) }?;
        if count == 0 || iov.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the same.
        let iov = unsafe { std::slice::from_raw_parts(iov, count) };
        // SAFETY: the same.
        let part = |buffer: &iovec| unsafe { crate::options::bytes(buffer.iov_base, buffer.iov_len) }.ok_or(EINVAL);
        let parts: Vec<&[u8]> = iov.iter().map(part).collect::<Result<_, _>>()?;
        sock.send_all(&parts, flags).map(length)
    })
}

/// Receives a part into each buffer, which the caller frees; how many there were.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_recviov(socket: *mut c_void, iov: *mut iovec, count: *mut size_t, flags: c_int) -> c_int {
    call(-1, || {
        // SAFETY: the manual asks it of the caller.
        let (sock, count) = unsafe { (live(socket)?, count.as_mut().ok_or(EINVAL)?) };
        if *count == 0 || iov.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: the same.
        let room = unsafe { std::slice::from_raw_parts_mut(iov, *count) };
        *count = 0;
        for buffer in room {
            let mut msg = Msg::empty();
            sock.recv(&mut msg, flags)?;
            *buffer = copy(&msg)?;
            *count += 1;
            if !msg.is_more() {
                break;
            }
        }
        Ok(length(*count))
    })
}

/// A copy that the C library frees.
fn copy(msg: &Msg) -> Result<iovec, Errno> {
    // SAFETY: it takes any size.
    let base = unsafe { libc::malloc(msg.len().max(1)) };
    if base.is_null() {
        return Err(ENOMEM);
    }
    // SAFETY: there is room for the message.
    unsafe { std::ptr::copy_nonoverlapping(msg.as_slice().as_ptr(), base.cast(), msg.len()) };
    Ok(iovec { iov_base: base, iov_len: msg.len() })
}
