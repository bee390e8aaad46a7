//! `zmq_poller_*`.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, Weak};

use libc::{c_int, c_long, c_short, c_void};

use crate::errno::{EAGAIN, EFAULT, EINVAL, Errno};
use crate::guard::{call, status};
use crate::handle::{self, Tagged};
use crate::poll::{POLLERR, POLLIN, POLLOUT, POLLPRI, asked, ready, told, wait_for};
use crate::socket::{Sock, get, lock};

/// What an event of no descriptor has.
const NO_FD: c_int = -1;

/// `zmq_poller_event_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PollerEvent {
    socket: *mut c_void,
    fd: c_int,
    user_data: *mut c_void,
    events: c_short,
}

impl PollerEvent {
    const NONE: Self = Self { socket: std::ptr::null_mut(), fd: NO_FD, user_data: std::ptr::null_mut(), events: 0 };
}

/// Sockets and descriptors that are waited for together.
#[derive(Default)]
struct Poller {
    items: Vec<Item>,
    /// Whether a socket has come that has no descriptor of its own, gone or not: the poller has one from then on.
    has_fd: bool,
    /// Where the descriptors of such sockets are watched, made when it is asked for. It stays the same.
    fd: Option<OwnedFd>,
}

struct Item {
    what: What,
    user_data: *mut c_void,
    events: c_short,
}

enum What {
    /// Weak, because a poller keeps no socket open.
    Socket(*mut c_void, Weak<Sock>),
    Fd(c_int),
}

/// A poller's handle.
struct Handle(Mutex<Poller>);

impl Tagged for Handle {
    const TAG: u32 = 0xca11_ab1e;
}

impl Poller {
    fn position(&self, is_it: impl Fn(&What) -> bool) -> Result<usize, Errno> {
        self.items.iter().position(|item| is_it(&item.what)).ok_or(EINVAL)
    }

    fn add(
        &mut self,
        what: What,
        is_it: impl Fn(&What) -> bool,
        user_data: *mut c_void,
        events: c_short,
    ) -> Result<(), Errno> {
        check_events(events)?;
        if self.position(is_it).is_ok() {
            return Err(EINVAL);
        }
        let item = Item { what, user_data, events };
        if let Some(sock) = item.silent() {
            self.has_fd = true;
            self.fd.iter().try_for_each(|fd| watch(fd, libc::EPOLL_CTL_ADD, &sock))?;
        }
        self.items.push(item);
        Ok(())
    }

    fn modify(&mut self, is_it: impl Fn(&What) -> bool, events: c_short) -> Result<(), Errno> {
        check_events(events)?;
        let at = self.position(is_it)?;
        self.items[at].events = events;
        Ok(())
    }

    fn remove(&mut self, is_it: impl Fn(&What) -> bool) -> Result<(), Errno> {
        let at = self.position(is_it)?;
        let item = self.items.remove(at);
        if let (Some(fd), Some(sock)) = (&self.fd, item.silent()) {
            watch(fd, libc::EPOLL_CTL_DEL, &sock)?;
        }
        Ok(())
    }

    /// Fills `events` from its front, and the rest with nothing; how many there are.
    fn wait(&self, events: &mut [PollerEvent], timeout_ms: i64) -> Result<usize, Errno> {
        if timeout_ms < 0 && self.items.iter().all(|item| item.events == 0) {
            return Err(EFAULT);
        }
        let held: Vec<Option<Arc<Sock>>> = self.items.iter().map(Item::sock).collect();
        let socks: Vec<&Sock> = held.iter().flatten().map(|sock| &**sock).collect();
        let asks = |item: &Item| match item.what {
            // Of one that nothing is asked of not even its end is told.
            What::Fd(fd) => Some(asked(if item.events == 0 { NO_FD } else { fd }, item.events)),
            What::Socket(..) => None,
        };
        let mut fds: Vec<_> = self.items.iter().filter_map(asks).collect();
        let found = wait_for(&socks, &mut fds, timeout_ms, None, |fds| {
            let mut fds = fds.iter();
            let mut found = 0;
            for (item, sock) in self.items.iter().zip(&held) {
                let event = match &item.what {
                    What::Fd(fd) => item.event(std::ptr::null_mut(), *fd, fds.next().map_or(0, told)),
                    What::Socket(handle, _) => {
                        let is_ready = sock.as_ref().map_or(Ok(0), |sock| ready(sock, item.events))?;
                        item.event(*handle, NO_FD, is_ready)
                    }
                };
                if let Some(place) = events.get_mut(found).filter(|_| event.events != 0) {
                    *place = event;
                    found += 1;
                }
            }
            Ok(found)
        })?;
        if found == 0 {
            return Err(EAGAIN);
        }
        events[found..].fill(PollerEvent::NONE);
        Ok(found)
    }

    /// A descriptor that is readable when one of the thread-safe sockets is to be looked at, which have none of their own.
    fn fd(&mut self) -> Result<c_int, Errno> {
        if let Some(fd) = &self.fd {
            return Ok(fd.as_raw_fd());
        }
        if !self.has_fd {
            return Err(EINVAL);
        }
        // SAFETY: it takes no pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(Errno::last());
        }
        // SAFETY: it was just made, and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        self.items.iter().filter_map(Item::silent).try_for_each(|sock| watch(&fd, libc::EPOLL_CTL_ADD, &sock))?;
        Ok(self.fd.insert(fd).as_raw_fd())
    }
}

/// Adds to `fd` the descriptor that says that the socket is to be looked at, or takes it off.
fn watch(fd: &OwnedFd, how: c_int, sock: &Sock) -> Result<(), Errno> {
    let bell = sock.socket.event_fd()?.as_raw_fd();
    let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
    // SAFETY: both descriptors are open, and the event is valid for the call.
    if unsafe { libc::epoll_ctl(fd.as_raw_fd(), how, bell, &raw mut event) } < 0 {
        return Err(Errno::last());
    }
    Ok(())
}

impl Item {
    /// The socket, if it has no descriptor of its own.
    fn silent(&self) -> Option<Arc<Sock>> {
        self.sock().filter(|sock| sock.is_thread_safe())
    }

    fn sock(&self) -> Option<Arc<Sock>> {
        match &self.what {
            What::Socket(_, sock) => sock.upgrade(),
            What::Fd(_) => None,
        }
    }

    fn event(&self, socket: *mut c_void, fd: c_int, events: c_short) -> PollerEvent {
        PollerEvent { socket, fd, user_data: self.user_data, events }
    }
}

fn check_events(events: c_short) -> Result<(), Errno> {
    if events & !(POLLIN | POLLOUT | POLLERR | POLLPRI) == 0 { Ok(()) } else { Err(EINVAL) }
}

fn is_socket(handle: *mut c_void) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Socket(known, _) if *known == handle)
}

fn is_fd(fd: c_int) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Fd(known) if *known == fd)
}

fn check_fd(fd: c_int) -> Result<(), Errno> {
    if fd == NO_FD { Err(Errno(libc::EBADF)) } else { Ok(()) }
}

/// # Safety
/// As the manual of each function asks it.
unsafe fn with<T>(failed: T, poller: *mut c_void, act: impl FnOnce(&mut Poller) -> Result<T, Errno>) -> T {
    call(failed, || {
        // SAFETY: the caller promised it.
        let handle = unsafe { handle::get::<Handle>(poller) }.ok_or(EFAULT)?;
        act(&mut lock(&handle.0))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn zmq_poller_new() -> *mut c_void {
    call(std::ptr::null_mut(), || Ok(handle::open(Handle(Mutex::default()))))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_destroy(poller: *mut *mut c_void) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let poller = unsafe { poller.as_mut() }.ok_or(EFAULT)?;
        // SAFETY: the same.
        unsafe { handle::close::<Handle>(*poller) }.ok_or(EFAULT)?;
        *poller = std::ptr::null_mut();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_size(poller: *mut c_void) -> c_int {
    // SAFETY: the manual asks it of the caller.
    unsafe { with(-1, poller, |poller| Ok(poller.items.len() as c_int)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_add(
    poller: *mut c_void,
    socket: *mut c_void,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    let add = |poller: &mut Poller| {
        // SAFETY: the manual asks it of the caller.
        let sock = unsafe { get(socket) }?;
        poller.add(What::Socket(socket, Arc::downgrade(sock)), is_socket(socket), user_data, events).map(|()| 0)
    };
    // SAFETY: the same.
    unsafe { with(-1, poller, add) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_modify(poller: *mut c_void, socket: *mut c_void, events: c_short) -> c_int {
    let modify = |poller: &mut Poller| {
        // SAFETY: the manual asks it of the caller.
        unsafe { get(socket) }?;
        poller.modify(is_socket(socket), events).map(|()| 0)
    };
    // SAFETY: the same.
    unsafe { with(-1, poller, modify) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_remove(poller: *mut c_void, socket: *mut c_void) -> c_int {
    let remove = |poller: &mut Poller| {
        // SAFETY: the manual asks it of the caller.
        unsafe { get(socket) }?;
        poller.remove(is_socket(socket)).map(|()| 0)
    };
    // SAFETY: the same.
    unsafe { with(-1, poller, remove) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_add_fd(
    poller: *mut c_void,
    fd: c_int,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    let add = |poller: &mut Poller| {
        check_fd(fd)?;
        poller.add(What::Fd(fd), is_fd(fd), user_data, events).map(|()| 0)
    };
    // SAFETY: the manual asks it of the caller.
    unsafe { with(-1, poller, add) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_modify_fd(poller: *mut c_void, fd: c_int, events: c_short) -> c_int {
    let modify = |poller: &mut Poller| {
        check_fd(fd)?;
        poller.modify(is_fd(fd), events).map(|()| 0)
    };
    // SAFETY: the manual asks it of the caller.
    unsafe { with(-1, poller, modify) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_remove_fd(poller: *mut c_void, fd: c_int) -> c_int {
    let remove = |poller: &mut Poller| {
        check_fd(fd)?;
        poller.remove(is_fd(fd)).map(|()| 0)
    };
    // SAFETY: the manual asks it of the caller.
    unsafe { with(-1, poller, remove) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_wait(poller: *mut c_void, event: *mut PollerEvent, timeout_ms: c_long) -> c_int {
    // SAFETY: the manual asks it of the caller.
    let found = unsafe { zmq_poller_wait_all(poller, event, 1, timeout_ms) };
    if found < 0 {
        // SAFETY: the same.
        unsafe { event.as_mut() }.into_iter().for_each(|event| *event = PollerEvent::NONE);
    }
    // One was found, and no more could be.
    found.min(0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_wait_all(
    poller: *mut c_void,
    events: *mut PollerEvent,
    count: c_int,
    timeout_ms: c_long,
) -> c_int {
    let wait = |poller: &mut Poller| {
        if events.is_null() {
            return Err(EFAULT);
        }
        let count = usize::try_from(count).map_err(|_| EINVAL)?;
        // SAFETY: the manual asks it of the caller.
        let events = unsafe { std::slice::from_raw_parts_mut(events, count) };
        poller.wait(events, timeout_ms).map(|found| found as c_int)
    };
    // SAFETY: the same.
    unsafe { with(-1, poller, wait) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_poller_fd(poller: *mut c_void, fd: *mut c_int) -> c_int {
    let tell = |poller: &mut Poller| {
        let found = poller.fd()?;
        // SAFETY: the manual asks it of the caller.
        *unsafe { fd.as_mut() }.ok_or(EFAULT)? = found;
        Ok(0)
    };
    // SAFETY: the same.
    unsafe { with(-1, poller, tell) }
}
