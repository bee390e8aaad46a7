//! `zmq_poll` and `zmq_ppoll`.

use std::time::Instant;

use libc::{c_int, c_long, c_short, c_void, pollfd, sigset_t};
use monocoque::raw::{self, Ticket, WaitList};

use crate::errno::{EFAULT, EINVAL, Errno};
use crate::guard::call;
use crate::socket::{Sock, get};
use crate::wait::{self, Waiter, Woken};

pub(crate) const POLLIN: c_short = 1;
pub(crate) const POLLOUT: c_short = 2;
pub(crate) const POLLERR: c_short = 4;
pub(crate) const POLLPRI: c_short = 8;

/// `zmq_pollitem_t`.
#[repr(C)]
pub struct PollItem {
    socket: *mut c_void,
    fd: c_int,
    events: c_short,
    revents: c_short,
}

/// Waits until `look` finds something ready among `socks` and `fds`, which are as the system left them; what it found.
///
/// # Errors
/// `EINTR`, and what `look` finds wrong.
pub(crate) fn wait_for(
    socks: &[&Sock],
    fds: &mut Vec<pollfd>,
    timeout_ms: i64,
    mask: Option<&sigset_t>,
    mut look: impl FnMut(&[pollfd]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    if !fds.is_empty() || mask.is_some() {
        wait::poll(fds, Some(Instant::now()), mask)?;
    }
    let ready = look(fds)?;
    if ready > 0 {
        return Ok(ready);
    }
    let turns: Vec<_> = socks.iter().map(|sock| sock.hub().signals().turns()).collect();
    if timeout_ms == 0 {
        // Nobody waits and looks, so this does.
        let came = turns.iter().filter(|turns| turns.look_at_once()).count() > 0;
        return if came { look(fds) } else { Ok(0) };
    }
    let deadline = wait::deadline(timeout_ms);
    let waiter = Waiter::new()?;
    let mut places = Places::of(socks);
    loop {
        waiter.quiet();
        places.register(&waiter);
        let ready = look(fds)?;
        if ready > 0 {
            return Ok(ready);
        }
        let woken = waiter.wait(deadline, fds, mask, &turns)?;
        if woken == Woken::Look && !fds.is_empty() {
            // Somebody may have rung before the system was asked.
            wait::poll(fds, Some(Instant::now()), None)?;
        }
        if woken == Woken::TimedOut {
            return look(fds);
        }
    }
}

/// Places in the lists of sockets, given up when dropped.
struct Places<'a>(Vec<(&'a WaitList, Option<Ticket>)>);

impl<'a> Places<'a> {
    fn of(socks: &[&'a Sock]) -> Self {
        let lists = socks.iter().flat_map(|sock| {
            let signals = sock.hub().signals();
            [signals.readable(), &signals.writable]
        });
        Self(lists.map(|list| (list, None)).collect())
    }

    fn register(&mut self, waiter: &Waiter) {
        self.0.iter_mut().for_each(|(list, ticket)| list.register(ticket, waiter.waker()));
    }
}

impl Drop for Places<'_> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(list, ticket)| list.remove(ticket));
    }
}

/// What of `events` a socket is ready for.
///
/// # Errors
/// `ETERM`.
pub(crate) fn ready(sock: &Sock, events: c_short) -> Result<c_short, Errno> {
    sock.check()?;
    let look = || {
        let mut ready = 0;
        if events & POLLIN != 0 && sock.can_recv() {
            ready |= POLLIN;
        }
        if events & POLLOUT != 0 && sock.can_send() {
            ready |= POLLOUT;
        }
        ready
    };
    let ready = look();
    // Whoever waits for the descriptor has looked, and is told of what comes from here on.
    let silenced = ready == 0 && raw::silence(&sock.socket);
    Ok(if silenced { look() } else { ready })
}

/// A descriptor to ask the system about.
pub(crate) fn asked(fd: c_int, events: c_short) -> pollfd {
    let map = |ours: c_short, theirs: c_short| if events & ours != 0 { theirs } else { 0 };
    let events = map(POLLIN, libc::POLLIN) | map(POLLOUT, libc::POLLOUT) | map(POLLPRI, libc::POLLPRI);
    pollfd { fd, events, revents: 0 }
}

/// What the system said of a descriptor.
pub(crate) fn told(fd: &pollfd) -> c_short {
    let known = libc::POLLIN | libc::POLLOUT | libc::POLLPRI;
    let map = |theirs: c_short, ours: c_short| if fd.revents & theirs != 0 { ours } else { 0 };
    let others = if fd.revents & !known != 0 { POLLERR } else { 0 };
    map(libc::POLLIN, POLLIN) | map(libc::POLLOUT, POLLOUT) | map(libc::POLLPRI, POLLPRI) | others
}

fn poll(items: &mut [PollItem], timeout_ms: i64, mask: Option<&sigset_t>) -> Result<usize, Errno> {
    let mut socks = Vec::with_capacity(items.len());
    let mut fds = Vec::new();
    for item in &*items {
        if item.socket.is_null() {
            fds.push(asked(item.fd, item.events));
        } else {
            // SAFETY: the manual asks it of the caller.
            socks.push(&**unsafe { get(item.socket) }?);
        }
    }
    if items.is_empty() {
        return wait::poll(&mut [], wait::deadline(timeout_ms), mask).map(|_| 0);
    }
    let watched = socks.clone();
    wait_for(&watched, &mut fds, timeout_ms, mask, |fds| {
        let (mut socks, mut fds) = (socks.iter(), fds.iter());
        let mut count = 0;
        for item in &mut *items {
            item.revents = match item.socket.is_null() {
                true => fds.next().map_or(0, told),
                false => ready(socks.next().expect("one for each"), item.events)?,
            };
            count += usize::from(item.revents != 0);
        }
        Ok(count)
    })
}

/// # Safety
/// As the manual of `zmq_poll` asks it.
unsafe fn poll_items(items: *mut PollItem, count: c_int, timeout_ms: c_long, mask: *const sigset_t) -> c_int {
    call(-1, || {
        let count = usize::try_from(count).map_err(|_| EINVAL)?;
        if items.is_null() && count > 0 {
            return Err(EFAULT);
        }
        // SAFETY: the caller promised so many.
        let items = if count == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(items, count) } };
        // SAFETY: the same.
        let mask = unsafe { mask.as_ref() };
        poll(items, timeout_ms, mask).map(|ready| ready as c_int)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poll(items: *mut PollItem, count: c_int, timeout_ms: c_long) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { poll_items(items, count, timeout_ms, std::ptr::null()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ppoll(
    items: *mut PollItem,
    count: c_int,
    timeout_ms: c_long,
    mask: *const sigset_t,
) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { poll_items(items, count, timeout_ms, mask) }
}
