//! What the library tells of itself: its version, what it has, and what its error numbers mean.

use std::ffi::CStr;

use libc::{c_char, c_int};
use monocoque::{Endpoint, EndpointError, SocketOption};

use crate::errno::{EFSM, EMTHREAD, ENOCOMPATPROTO, ETERM, Errno};

/// The version of libzmq that this stands in for.
const VERSION: (c_int, c_int, c_int) = (4, 3, 5);
const CURVE_SERVER: SocketOption = SocketOption(47);

#[unsafe(no_mangle)]
pub extern "C" fn zmq_errno() -> c_int {
    Errno::last().0
}

#[unsafe(no_mangle)]
pub extern "C" fn zmq_strerror(errno: c_int) -> *const c_char {
    let own: &CStr = match Errno(errno) {
        EFSM => c"It is not this socket's turn to do that",
        ENOCOMPATPROTO => c"Sockets of this type do not use the transport",
        ETERM => c"The context was terminated",
        EMTHREAD => c"The context has no I/O thread for it",
        // SAFETY: it takes any number.
        _ => return unsafe { libc::strerror(errno) },
    };
    own.as_ptr()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int) {
    // SAFETY: the manual asks it of the caller.
    unsafe {
        major.write(VERSION.0);
        minor.write(VERSION.1);
        patch.write(VERSION.2);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_has(capability: *const c_char) -> c_int {
    if capability.is_null() {
        return 0;
    }
    // SAFETY: the manual asks it of the caller.
    let capability = unsafe { CStr::from_ptr(capability) };
    c_int::from(match capability.to_bytes() {
        b"draft" => true,
        b"curve" => CURVE_SERVER.spec().is_some(),
        b"ipc" => has_transport("ipc://path"),
        b"WS" => has_transport("ws://127.0.0.1:1"),
        b"WSS" => has_transport("wss://127.0.0.1:1"),
        _ => false,
    })
}

fn has_transport(endpoint: &str) -> bool {
    !matches!(
        endpoint.parse::<Endpoint>(),
        Err(EndpointError::TransportUnavailable(_) | EndpointError::UnknownTransport(_))
    )
}
