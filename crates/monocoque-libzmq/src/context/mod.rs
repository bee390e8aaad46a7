//! Contexts: `zmq_ctx_*`, and the old names for them.

mod settings;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use libc::{c_int, c_void, size_t};
use monocoque::raw::{self, Closing, Ticket, WaitList};
use monocoque::{Context, ContextOption, SocketOption, SocketType};

use crate::errno::{EFAULT, EINVAL, EMFILE, ETERM, Errno};
use crate::guard::{call, status};
use crate::handle::{self, Tagged};
use crate::socket::{Sock, lock};
use crate::wait;
use settings::Settings;

/// How long the end of a context waits for what its sockets held to go, when they are closed and have nothing to send.
const GOING_MAX: Duration = Duration::from_secs(1);

/// A context as C has it.
pub(crate) struct Ctx {
    settings: Mutex<Settings>,
    /// Made with the first socket, by what was set until then.
    kernel: Mutex<Option<Context>>,
    /// How many sockets there may be at once, as it was set with the first.
    max_sockets: OnceLock<usize>,
    terminating: AtomicBool,
    sockets: Mutex<Sockets>,
    /// Woken when a socket was closed.
    left: WaitList,
    /// A forked child has no I/O threads.
    process: u32,
}

/// The sockets that are not closed.
#[derive(Default)]
struct Sockets {
    next: u64,
    open: HashMap<u64, Weak<Sock>>,
}

impl Tagged for Arc<Ctx> {
    const TAG: u32 = 0xabad_cafe;
}

/// A socket's place among those of its context. Of a socket it is dropped last, so that whoever waits for the context to
/// end finds it closing in the background by then.
pub(crate) struct Place {
    context: Arc<Ctx>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.context.sockets).open.remove(&self.number);
        self.context.left.wake_all();
    }
}

impl Ctx {
    fn new() -> Self {
        Self {
            settings: Mutex::default(),
            kernel: Mutex::default(),
            max_sockets: OnceLock::new(),
            terminating: AtomicBool::new(false),
            sockets: Mutex::default(),
            left: WaitList::new(),
            process: std::process::id(),
        }
    }

    #[inline]
    pub(crate) fn is_terminating(&self) -> bool {
        self.terminating.load(Ordering::Relaxed)
    }

    /// Whether this is a child that was forked from the process that made the context.
    pub(crate) fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    /// Whether it does nothing beyond this process.
    pub(crate) fn is_inproc_only(&self) -> bool {
        lock(&self.settings).io_threads == 0
    }

    /// A new socket.
    pub(crate) fn socket(self: &Arc<Self>, kind: c_int) -> Result<Arc<Sock>, Errno> {
        let kind = SocketType::ALL.into_iter().find(|&known| known as c_int == kind).ok_or(EINVAL)?;
        if self.is_terminating() {
            return Err(ETERM);
        }
        let settings = lock(&self.settings).clone();
        let mut builder = self.kernel(&settings).socket(kind).as_libzmq();
        builder = builder.option(SocketOption::IPV6, settings.is_on(ContextOption::IPV6));
        if !settings.is_on(ContextOption::BLOCKY) {
            builder = builder.option(SocketOption::LINGER, 0);
        }
        if let Some(bytes) = settings.max_message_bytes() {
            builder = builder.option(SocketOption::MAXMSGSIZE, bytes);
        }
        let place = self.admit(*self.max_sockets.get_or_init(|| settings.max_sockets()))?;
        let number = place.number;
        let sock = Arc::new(Sock {
            socket: builder.build()?,
            kind,
            context: Arc::clone(self),
            send_timeout: AtomicI32::new(-1),
            recv_timeout: AtomicI32::new(-1),
            gathered: Mutex::default(),
            gathers: AtomicBool::new(false),
            left: Mutex::default(),
            leaves: AtomicBool::new(false),
            more: AtomicBool::new(false),
            last_endpoint: Mutex::default(),
            use_fd: AtomicI32::new(-1),
            last_id: Mutex::default(),
            kept: Mutex::default(),
            knows_end: AtomicBool::default(),
            _place: place,
        });
        lock(&self.sockets).open.insert(number, Arc::downgrade(&sock));
        // Whoever ended the context meanwhile has not seen it.
        self.check().map(|()| sock)
    }

    fn check(&self) -> Result<(), Errno> {
        if self.is_terminating() { Err(ETERM) } else { Ok(()) }
    }

    fn admit(self: &Arc<Self>, max: usize) -> Result<Place, Errno> {
        let mut sockets = lock(&self.sockets);
        if sockets.open.len() >= max {
            return Err(EMFILE);
        }
        sockets.next += 1;
        let number = sockets.next;
        sockets.open.insert(number, Weak::new());
        Ok(Place { context: Arc::clone(self), number })
    }

    fn kernel(&self, settings: &Settings) -> Context {
        // What the system does not allow is left alone, as in libzmq.
        let begin = || settings.scheduled().and_then(|builder| builder.build().ok());
        let lazily = || raw::context(settings.builder());
        lock(&self.kernel).get_or_insert_with(|| begin().unwrap_or_else(lazily)).clone()
    }

    /// All calls on its sockets, those under way too, fail from here on.
    fn shut_down(&self) {
        self.terminating.store(true, Ordering::SeqCst);
        let open: Vec<_> = lock(&self.sockets).open.values().filter_map(Weak::upgrade).collect();
        open.iter().for_each(|sock| sock.wake());
    }

    /// Waits until all sockets are closed, and have sent what they had time for.
    fn wait_for_end(&self) -> Result<(), Errno> {
        let mut closing = lock(&self.kernel).as_ref().map(Closing::of);
        let mut ticket = None;
        let ended = wait::run(poll_fn(|cx| self.poll_end(&mut ticket, &mut closing, cx)), || true);
        self.left.remove(&mut ticket);
        ended
    }

    fn poll_end(
        &self,
        ticket: &mut Option<Ticket>,
        closing: &mut Option<Closing>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<()> {
        self.left.register(ticket, cx.waker());
        if !lock(&self.sockets).open.is_empty() {
            return Poll::Pending;
        }
        closing.as_mut().map_or(Poll::Ready(()), |closing| closing.poll(cx))
    }
}

/// # Safety
/// As of [`handle::get`].
unsafe fn get<'a>(context: *mut c_void) -> Result<&'a Arc<Ctx>, Errno> {
    // SAFETY: the caller promised it.
    unsafe { handle::get::<Arc<Ctx>>(context) }.ok_or(EFAULT)
}

#[unsafe(no_mangle)]
pub extern "C" fn zmq_ctx_new() -> *mut c_void {
    call(std::ptr::null_mut(), || Ok(handle::open(Arc::new(Ctx::new()))))
}

/// Goes on where a call that a signal ended left off.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_term(context: *mut c_void) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let ctx = Arc::clone(unsafe { get(context) }?);
        if ctx.is_forked() {
            // It is the parent's, and so are the threads that would end it.
            std::mem::forget(ctx);
            // SAFETY: the same. What it has is left alone.
            std::mem::forget(unsafe { handle::close::<Arc<Ctx>>(context) });
            return Ok(());
        }
        ctx.shut_down();
        ctx.wait_for_end()?;
        // SAFETY: the same. Whoever else ends it has closed the handle then.
        drop(unsafe { handle::close::<Arc<Ctx>>(context) });
        let kernel = lock(&ctx.kernel).take();
        kernel.into_iter().for_each(|kernel| raw::end(kernel, GOING_MAX));
        // Nothing of the user's is needed after this.
        crate::message::wait_until_given_back();
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_shutdown(context: *mut c_void) -> c_int {
    // SAFETY: the manual asks it of the caller.
    status(|| unsafe { get(context) }.map(|ctx| ctx.shut_down()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_set(context: *mut c_void, option: c_int, value: c_int) -> c_int {
    // SAFETY: the manual asks it of the caller.
    status(|| lock(&unsafe { get(context) }?.settings).set(option, value))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_get(context: *mut c_void, option: c_int) -> c_int {
    // SAFETY: the manual asks it of the caller.
    call(-1, || lock(&unsafe { get(context) }?.settings).get(option))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_set_ext(
    context: *mut c_void,
    option: c_int,
    value: *const c_void,
    len: size_t,
) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let ctx = unsafe { get(context) }?;
        // SAFETY: the same.
        let value = unsafe { crate::options::bytes(value, len) }.ok_or(EINVAL)?;
        lock(&ctx.settings).set_bytes(option, value)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_get_ext(
    context: *mut c_void,
    option: c_int,
    value: *mut c_void,
    len: *mut size_t,
) -> c_int {
    status(|| {
        // SAFETY: the manual asks it of the caller.
        let ctx = unsafe { get(context) }?;
        let bytes = lock(&ctx.settings).get_bytes(option)?;
        // SAFETY: the same.
        unsafe { crate::options::answer(&bytes, value, len) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_init(io_threads: c_int) -> *mut c_void {
    if io_threads < 0 {
        return call(std::ptr::null_mut(), || Err(EINVAL));
    }
    let context = zmq_ctx_new();
    // SAFETY: it was just made.
    unsafe { zmq_ctx_set(context, settings::IO_THREADS, io_threads) };
    context
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_term(context: *mut c_void) -> c_int {
    // SAFETY: it asks for the same.
    unsafe { zmq_ctx_term(context) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_ctx_destroy(context: *mut c_void) -> c_int {
    // SAFETY: it asks for the same.
    unsafe { zmq_ctx_term(context) }
}
