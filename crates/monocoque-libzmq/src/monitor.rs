//! `zmq_socket_monitor` and its kin.

use std::ffi::CStr;

use libc::{c_char, c_int, c_void};
use monocoque::{MonitorForm, SocketType, events};

use crate::errno::{EINVAL, EPROTONOSUPPORT, Errno};
use crate::guard::status;
use crate::socket::{Sock, live};

impl Sock {
    fn monitor(&self, endpoint: Option<&str>, mask: u64, version: c_int, kind: c_int) -> Result<(), Errno> {
        let form = match version {
            1 if mask & !events::ALL == 0 => MonitorForm::V1,
            2 => MonitorForm::V2,
            _ => return Err(EINVAL),
        };
        let Some(endpoint) = endpoint else {
            self.socket.stop_monitor();
            return Ok(());
        };
        let scheme = endpoint.split_once("://").ok_or(EINVAL)?.0;
        if scheme != "inproc" {
            return Err(EPROTONOSUPPORT);
        }
        let kind = SocketType::ALL.into_iter().find(|&known| known as c_int == kind).ok_or(EINVAL)?;
        self.socket.stop_monitor();
        Ok(self.socket.monitor_at(endpoint, mask, form, kind)?)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_monitor(socket: *mut c_void, endpoint: *const c_char, mask: c_int) -> c_int {
    // SAFETY: it asks for the same.
    unsafe { zmq_socket_monitor_versioned(socket, endpoint, mask as u64, 1, SocketType::Pair as c_int) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_monitor_versioned(
    socket: *mut c_void,
    endpoint: *const c_char,
    mask: u64,
    version: c_int,
    kind: c_int,
) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let sock = unsafe { live(socket) }?;
        // SAFETY: the same.
        let endpoint = (!endpoint.is_null()).then(|| unsafe { CStr::from_ptr(endpoint) });
        let endpoint = endpoint.map(CStr::to_str).transpose().map_err(|_| EINVAL)?;
        sock.monitor(endpoint, mask, version, kind)
    })
}

/// Tells the monitor how much waits in each pipe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_socket_monitor_pipes_stats(socket: *mut c_void) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        Ok(unsafe { live(socket) }?.socket.monitor_queues()?)
    })
}
