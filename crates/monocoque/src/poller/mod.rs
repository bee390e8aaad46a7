//! Waiting for many sockets and descriptors at once (`zmq_poller_wait_all(3)`).

mod descriptor;
mod interest;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use monocoque_core::wait::WaitList;

use crate::block_on::{awaits, block_on, block_on_timeout};
use crate::context::{Context, ContextInner};
use crate::core::Core;
use crate::error::ContextError;
use crate::kind::{Any, Kind};
use crate::socket::Socket;
use crate::wait::{Place, Timer};
use descriptor::{Descriptor, WatchError};
pub use interest::Interest;

/// What one socket or descriptor is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// What it was added with.
    pub token: usize,
    /// Receiving or reading would not wait. Only if that was of interest.
    pub readable: bool,
    /// Sending or writing would not wait. Only if that was of interest.
    pub writable: bool,
    /// The socket was closed; the descriptor's other end hung up, or it is broken. With any interest; it is told
    /// again and again until the entry is removed.
    pub closed: bool,
}

/// What went wrong with a poller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PollError {
    /// It is in the poller already.
    #[error("the poller has this socket or descriptor already")]
    Duplicate,
    /// It is not in the poller.
    #[error("the poller does not have this socket or descriptor")]
    Unknown,
    /// The system does not let this descriptor be polled.
    #[error("cannot poll the descriptor with token {token}: {source}")]
    Io {
        /// What it was, or was to be, added with.
        token: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The descriptors cannot be looked at.
    #[error("cannot poll: {0}")]
    System(#[source] io::Error),
    /// The runtime that watches descriptors cannot run, or has ended.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// Without an interest or a time-out the wait would never end.
    #[error("there is nothing to wait for")]
    NothingToWaitFor,
    /// The calling thread would have to do the I/O that it waits for: it runs the runtime of a socket's
    /// [local](Context::local) context.
    #[error("a thread cannot block until its own runtime has done something")]
    OwnRuntime,
}

/// Sockets and descriptors that are waited for together.
///
/// Level-triggered: whatever is ready when a wait begins, or becomes ready during it, is returned, and returned again
/// by the next wait until it is dealt with. A token is any number that helps its user to tell entries apart; two
/// entries may have the same.
///
/// The poller has a handle of each of its sockets and a duplicate of each descriptor: both stay open until they are
/// removed or the poller is dropped. Descriptors are watched by the I/O runtime of the first socket's context; without
/// a socket, by a context of the poller's own.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
/// use monocoque::{Context, Interest, Poller};
///
/// const JOBS: usize = 0;
/// const CONSOLE: usize = 1;
///
/// let ctx = Context::new();
/// let jobs = ctx.pull().build()?;
/// jobs.blocking().bind("inproc://jobs")?;
/// let (console, mut terminal) = UnixStream::pair()?;
/// let mut poller = Poller::new();
/// poller.add(&jobs, Interest::READABLE, JOBS)?;
/// poller.add_fd(&console, Interest::READABLE, CONSOLE)?;
///
/// terminal.write_all(b"help")?;
/// let ready = poller.wait_blocking(None)?;
/// assert!(ready.len() == 1 && ready[0].token == CONSOLE && ready[0].readable);
/// # Ok(())
/// # }
/// ```
pub struct Poller {
    sockets: Vec<SocketEntry>,
    descriptors: Vec<FdEntry>,
    /// Rung when a watch of a descriptor ends.
    bell: Arc<WaitList>,
    /// Made when descriptors or the time are to be watched, and there is no socket.
    own: Option<Context>,
}

struct SocketEntry {
    socket: Socket<Any>,
    interest: Interest,
    token: usize,
}

struct FdEntry {
    descriptor: Descriptor,
    interest: Interest,
    token: usize,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sockets, descriptors, .. } = self;
        f.debug_struct("Poller").field("sockets", &sockets.len()).field("descriptors", &descriptors.len()).finish()
    }
}

impl Default for Poller {
    fn default() -> Self {
        Self::new()
    }
}

impl Poller {
    /// A poller of nothing.
    pub fn new() -> Self {
        Self { sockets: Vec::new(), descriptors: Vec::new(), bell: Arc::default(), own: None }
    }

    /// How many sockets and descriptors there are.
    pub fn len(&self) -> usize {
        self.sockets.len() + self.descriptors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a socket. Clones of it are the same socket.
    ///
    /// # Errors
    /// [`PollError::Duplicate`].
    pub fn add<K: Kind>(&mut self, socket: &Socket<K>, interest: Interest, token: usize) -> Result<(), PollError> {
        if self.position(socket).is_some() {
            return Err(PollError::Duplicate);
        }
        self.sockets.push(SocketEntry { socket: socket.as_any(), interest, token });
        Ok(())
    }

    /// Changes what a socket is waited for.
    ///
    /// # Errors
    /// [`PollError::Unknown`].
    pub fn modify<K: Kind>(&mut self, socket: &Socket<K>, interest: Interest) -> Result<(), PollError> {
        let at = self.position(socket).ok_or(PollError::Unknown)?;
        self.sockets[at].interest = interest;
        Ok(())
    }

    /// Takes a socket out.
    ///
    /// # Errors
    /// [`PollError::Unknown`].
    pub fn remove<K: Kind>(&mut self, socket: &Socket<K>) -> Result<(), PollError> {
        let at = self.position(socket).ok_or(PollError::Unknown)?;
        self.sockets.remove(at);
        Ok(())
    }

    /// Adds a descriptor: a network socket, a pipe, a terminal, whatever `poll(2)` takes.
    ///
    /// It is known by its number, and is to be removed before that number is closed and becomes another file's.
    ///
    /// # Errors
    /// [`PollError::Duplicate`]; [`PollError::Io`] if there is no descriptor left for the duplicate.
    pub fn add_fd(&mut self, fd: &impl AsFd, interest: Interest, token: usize) -> Result<(), PollError> {
        let fd = fd.as_fd();
        if self.fd_position(&fd).is_some() {
            return Err(PollError::Duplicate);
        }
        let descriptor = Descriptor::new(fd.as_raw_fd(), fd).map_err(|source| PollError::Io { token, source })?;
        self.descriptors.push(FdEntry { descriptor, interest, token });
        Ok(())
    }

    /// Changes what a descriptor is waited for.
    ///
    /// # Errors
    /// [`PollError::Unknown`].
    pub fn modify_fd(&mut self, fd: &impl AsRawFd, interest: Interest) -> Result<(), PollError> {
        let at = self.fd_position(fd).ok_or(PollError::Unknown)?;
        self.descriptors[at].interest = interest;
        Ok(())
    }

    /// Takes a descriptor out.
    ///
    /// # Errors
    /// [`PollError::Unknown`].
    pub fn remove_fd(&mut self, fd: &impl AsRawFd) -> Result<(), PollError> {
        let at = self.fd_position(fd).ok_or(PollError::Unknown)?;
        self.descriptors.remove(at);
        Ok(())
    }

    fn position<K: Kind>(&self, socket: &Socket<K>) -> Option<usize> {
        self.sockets.iter().position(|entry| Arc::ptr_eq(entry.socket.core(), socket.core()))
    }

    fn fd_position(&self, fd: &impl AsRawFd) -> Option<usize> {
        self.descriptors.iter().position(|entry| entry.descriptor.number == fd.as_raw_fd())
    }

    /// Waits until something is ready, at most for `timeout`; without one, for as long as it takes. Returns all that
    /// is ready, sockets first, in the order in which they were added: nothing when the time was over.
    ///
    /// With a time-out of zero it only looks. What is told may be taken by another task before the caller comes to
    /// it, so that `try_recv` and `try_send` are what follows.
    ///
    /// # Errors
    /// [`PollError::NothingToWaitFor`], [`PollError::System`], [`PollError::Io`], [`PollError::Context`].
    ///
    /// # Cancel safety
    /// Nothing is received, sent, read or written: if the future is dropped, the next wait finds the same.
    pub async fn wait(&mut self, timeout: Option<Duration>) -> Result<Vec<Readiness>, PollError> {
        self.check(timeout)?;
        self.wait_for_any(timeout).await
    }

    /// [`wait`](Self::wait) for plain threads.
    ///
    /// # Errors
    /// As [`wait`](Self::wait); and [`PollError::OwnRuntime`] when it had to wait on the thread of a local context.
    pub fn wait_blocking(&mut self, timeout: Option<Duration>) -> Result<Vec<Readiness>, PollError> {
        self.check(timeout)?;
        let ready = self.look()?;
        if !ready.is_empty() {
            return Ok(ready);
        }
        if timeout == Some(Duration::ZERO) {
            return look_at_once(&self.sockets, &self.descriptors);
        }
        if self.sockets.iter().any(|entry| entry.socket.core().context.runs_here()) {
            return Err(PollError::OwnRuntime);
        }
        let waiting = self.wait_for_any(None);
        match timeout {
            None => block_on(waiting),
            Some(limit) => block_on_timeout(waiting, limit).unwrap_or_else(|| Ok(Vec::new())),
        }
    }

    fn check(&self, timeout: Option<Duration>) -> Result<(), PollError> {
        let mut interests = self.sockets.iter().map(|entry| entry.interest);
        let mut fd_interests = self.descriptors.iter().map(|entry| entry.interest);
        let is_looked_at = |interest: Interest| interest != Interest::NONE;
        match timeout.is_some() || interests.any(is_looked_at) || fd_interests.any(is_looked_at) {
            true => Ok(()),
            false => Err(PollError::NothingToWaitFor),
        }
    }

    async fn wait_for_any(&mut self, timeout: Option<Duration>) -> Result<Vec<Readiness>, PollError> {
        let context = self.context();
        let Self { sockets, descriptors, bell, .. } = self;
        let (sockets, bell) = (&*sockets, &*bell);
        let mut places: Vec<Place<'_>> = Vec::new();
        let (mut timer, mut asleep) = (None, Vec::new());
        poll_fn(|cx| -> Poll<Result<Vec<Readiness>, PollError>> {
            asleep.clear();
            let ready = look(sockets, descriptors)?;
            if !ready.is_empty() {
                return Poll::Ready(Ok(ready));
            }
            if timeout == Some(Duration::ZERO) {
                return Poll::Ready(look_at_once(sockets, descriptors));
            }
            if places.is_empty() {
                places = places_of(sockets, bell);
            }
            places.iter_mut().for_each(|place| place.register(cx.waker()));
            descriptors.iter_mut().try_for_each(|entry| entry.watch(&context, bell))?;
            // What came before it was registered calls nobody.
            let ready = look(sockets, descriptors)?;
            if !ready.is_empty() {
                return Poll::Ready(Ok(ready));
            }
            let readers = sockets.iter().filter(|entry| entry.interest.is_readable());
            asleep.extend(readers.filter_map(|entry| awaits(entry.socket.core())));
            let Some(timeout) = timeout else { return Poll::Pending };
            let timer = timer.get_or_insert_with(|| Timer::start(&context, timeout));
            if timer.poll(cx.waker()) { Poll::Ready(Ok(ready)) } else { Poll::Pending }
        })
        .await
    }

    /// Whose runtime watches descriptors and the time.
    fn context(&mut self) -> Arc<ContextInner> {
        match self.sockets.first() {
            Some(entry) => Arc::clone(&entry.socket.core().context),
            None => Arc::clone(self.own.get_or_insert_with(Context::new).inner()),
        }
    }

    fn look(&self) -> Result<Vec<Readiness>, PollError> {
        look(&self.sockets, &self.descriptors)
    }
}

/// All that is ready now, with what connections have lent to who waits: this time nobody waits.
fn look_at_once(sockets: &[SocketEntry], descriptors: &[FdEntry]) -> Result<Vec<Readiness>, PollError> {
    let readers = sockets.iter().filter(|entry| entry.interest.is_readable());
    let came = readers.filter(|entry| entry.core().hub.signals().turns().look_at_once()).count() > 0;
    if came { look(sockets, descriptors) } else { Ok(Vec::new()) }
}

/// All that is ready now.
fn look(sockets: &[SocketEntry], descriptors: &[FdEntry]) -> Result<Vec<Readiness>, PollError> {
    let mut ready: Vec<_> = sockets.iter().filter_map(SocketEntry::look).collect();
    let looked_at = || descriptors.iter().filter(|entry| entry.interest != Interest::NONE);
    let asked: Vec<_> = looked_at().map(|entry| (entry.descriptor.fd(), entry.asked())).collect();
    if asked.is_empty() {
        return Ok(ready);
    }
    let found = monocoque_io::look(&asked).map_err(PollError::System)?;
    ready.extend(looked_at().zip(found).filter_map(|(entry, found)| {
        let monocoque_io::Readiness { readable, writable, closed } = found;
        (readable || writable || closed).then_some(Readiness { token: entry.token, readable, writable, closed })
    }));
    Ok(ready)
}

/// The lists whose wakes may make a difference.
fn places_of<'a>(sockets: &'a [SocketEntry], bell: &'a WaitList) -> Vec<Place<'a>> {
    let lists = sockets.iter().filter(|entry| entry.interest != Interest::NONE).flat_map(|entry| {
        let (signals, interest) = (entry.core().hub.signals(), entry.interest);
        [interest.is_readable().then(|| signals.readable()), interest.is_writable().then_some(&signals.writable)]
    });
    lists.flatten().chain([bell]).map(Place::new).collect()
}

impl SocketEntry {
    fn core(&self) -> &Core {
        self.socket.core()
    }

    /// What it is ready for, if that is anything of interest.
    fn look(&self) -> Option<Readiness> {
        let Self { interest, token, .. } = *self;
        if interest == Interest::NONE {
            return None;
        }
        // A closing socket is marked first, and wakes whoever waits after.
        let closed = self.core().is_closing();
        let readable = interest.is_readable() && self.core().hub.can_recv();
        let writable = interest.is_writable() && self.core().hub.can_send();
        (readable || writable || closed).then_some(Readiness { token, readable, writable, closed })
    }
}

impl FdEntry {
    fn asked(&self) -> monocoque_io::Readiness {
        let (readable, writable) = (self.interest.is_readable(), self.interest.is_writable());
        monocoque_io::Readiness { readable, writable, closed: false }
    }

    fn watch(&mut self, context: &ContextInner, bell: &Arc<WaitList>) -> Result<(), PollError> {
        let Self { interest, token, .. } = *self;
        self.descriptor.watch(interest, context, bell).map_err(|error| match error {
            WatchError::Io(source) => PollError::Io { token, source },
            WatchError::Context(error) => PollError::Context(error),
        })
    }
}
