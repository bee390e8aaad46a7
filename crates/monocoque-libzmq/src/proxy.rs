//! `zmq_proxy`, `zmq_proxy_steerable` and `zmq_device`.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use libc::{c_int, c_void};
use monocoque::{Proxy, ProxyError};

use crate::errno::{EFAULT, EINVAL, Errno};
use crate::guard::status;
use crate::socket::{Sock, live};
use crate::wait;

/// Forwards until it is told to end, or the context is.
fn run(front: &Sock, back: &Sock, capture: Option<&Sock>, control: Option<&Sock>) -> Result<(), Errno> {
    let mut proxy = Proxy::new(&front.socket, &back.socket);
    if let Some(capture) = capture {
        proxy = proxy.capture(&capture.socket);
    }
    if let Some(control) = control {
        proxy = proxy.control(&control.socket);
    }
    let socks = || [Some(front), Some(back), capture, control].into_iter().flatten();
    let held = Cell::new(0);
    loop {
        // The proxy is borrowed by its future: what it holds is looked at between two.
        let turn = {
            let mut forwarding = pin!(proxy.run());
            let check = || socks().try_for_each(|sock| sock.check());
            let turn = poll_fn(|cx| poll_unless_ended(check, || forwarding.as_mut().poll(cx)));
            wait::run(turn, || true)
        };
        held.set(proxy.held());
        match turn {
            // What was taken and not sent yet would be lost: a signal ends it another time.
            Err(_) if held.get() > 0 => {}
            ended => return ended?,
        }
    }
}

/// Polls unless the context has ended, and looks for that again before it waits: who ends the context wakes those who wait, and
/// this one may not have been among them yet.
fn poll_unless_ended(
    check: impl Fn() -> Result<(), Errno>,
    poll: impl FnOnce() -> Poll<Result<(), ProxyError>>,
) -> Poll<Result<(), Errno>> {
    check()?;
    match poll() {
        Poll::Ready(ended) => Poll::Ready(ended.map_err(errno)),
        Poll::Pending => check().map_or_else(|error| Poll::Ready(Err(error)), |()| Poll::Pending),
    }
}

fn errno(error: ProxyError) -> Errno {
    match error {
        ProxyError::Closed(_) => crate::errno::ENOTSOCK,
        _ => EINVAL,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_proxy(frontend: *mut c_void, backend: *mut c_void, capture: *mut c_void) -> c_int {
    // SAFETY: it asks for the same.
    unsafe { zmq_proxy_steerable(frontend, backend, capture, std::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_proxy_steerable(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> c_int {
    status(|| {
        if frontend.is_null() || backend.is_null() {
            return Err(EFAULT);
        }
        // SAFETY: the manual asks it of the caller.
        let sock = |handle: *mut c_void| unsafe { live(handle) }.map(|sock| &**sock);
        let maybe = |handle: *mut c_void| if handle.is_null() { Ok(None) } else { sock(handle).map(Some) };
        run(sock(frontend)?, sock(backend)?, maybe(capture)?, maybe(control)?)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_device(_kind: c_int, frontend: *mut c_void, backend: *mut c_void) -> c_int {
    // SAFETY: it asks for the same.
    unsafe { zmq_proxy(frontend, backend, std::ptr::null_mut()) }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::errno::ETERM;

    #[test]
    fn a_context_that_ends_before_the_proxy_waits_ends_it() {
        let ended = Cell::new(false);
        let check = || if ended.get() { Err(ETERM) } else { Ok(()) };
        assert_eq!(poll_unless_ended(check, || Poll::Pending), Poll::Pending);
        let ends_meanwhile = || {
            ended.set(true);
            Poll::Pending
        };
        assert_eq!(poll_unless_ended(check, ends_meanwhile), Poll::Ready(Err(ETERM)));
        assert_eq!(poll_unless_ended(check, || unreachable!("it ended before")), Poll::Ready(Err(ETERM)));
    }
}
