//! Descriptors in a poller: a duplicate of the user's, and what watches it on an I/O runtime.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use monocoque_core::sync::Mutex;
use monocoque_core::wait::WaitList;
use monocoque_io::{Direction, Stopper, ready};

use super::Interest;
use crate::context::ContextInner;
use crate::error::ContextError;

/// One descriptor.
///
/// An operation of the engine may live on for a moment after whoever asked for it is gone; the duplicate keeps the
/// file open until then, whatever its user does.
#[derive(Debug)]
pub(super) struct Descriptor {
    /// By which its user knows it.
    pub(super) number: RawFd,
    fd: Arc<OwnedFd>,
    /// For reading and for writing.
    watches: [Option<Watch>; 2],
}

impl Descriptor {
    pub(super) fn new(number: RawFd, fd: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self { number, fd: Arc::new(fd.try_clone_to_owned()?), watches: [None, None] })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Has it watched for `interest` and for nothing else. Where a watch has ended, another one begins.
    ///
    /// A watch outlives the wait that began it: the next wait finds it running.
    pub(super) fn watch(
        &mut self,
        interest: Interest,
        context: &ContextInner,
        bell: &Arc<WaitList>,
    ) -> Result<(), WatchError> {
        let wanted = [(Direction::Read, interest.is_readable()), (Direction::Write, interest.is_writable())];
        for (watch, (direction, wanted)) in self.watches.iter_mut().zip(wanted) {
            if !wanted {
                *watch = None;
                continue;
            }
            if watch.as_ref().is_some_and(Watch::is_running) {
                continue;
            }
            if let Some(error) = watch.take().and_then(|ended| ended.error()) {
                return Err(WatchError::Io(error));
            }
            *watch = Some(Watch::start(&self.fd, direction, context, bell)?);
        }
        Ok(())
    }
}

/// Why a descriptor cannot be watched.
#[derive(Debug)]
pub(super) enum WatchError {
    Io(io::Error),
    Context(ContextError),
}

impl From<ContextError> for WatchError {
    fn from(error: ContextError) -> Self {
        Self::Context(error)
    }
}

/// A task that waits for a descriptor, once. Ends when dropped.
struct Watch {
    state: Arc<Mutex<State>>,
    _stopper: Stopper,
}

#[derive(Debug)]
enum State {
    Running,
    /// With the error that ended it, if it was one.
    Ended(Option<io::Error>),
}

impl Watch {
    fn start(
        fd: &Arc<OwnedFd>,
        direction: Direction,
        context: &ContextInner,
        bell: &Arc<WaitList>,
    ) -> Result<Self, ContextError> {
        let (stopper, fd) = (Stopper::new(), Arc::clone(fd));
        let mut stop = stopper.listen();
        let state = Arc::new(Mutex::new(State::Running));
        let mut teller = Teller { state: Arc::clone(&state), bell: Arc::clone(bell), error: None };
        context.spawn(move || async move {
            if let Some(Err(error)) = stop.or_stopped(ready(fd, direction)).await {
                teller.error = Some(error);
            }
            drop(teller);
        })?;
        Ok(Self { state, _stopper: stopper })
    }

    fn is_running(&self) -> bool {
        matches!(*self.state.lock(), State::Running)
    }

    fn error(&self) -> Option<io::Error> {
        match &mut *self.state.lock() {
            State::Running => None,
            State::Ended(error) => error.take(),
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.state.lock()).finish()
    }
}

/// Tells the poller that a watch has ended, on whatever way: a runtime that ends drops its tasks.
struct Teller {
    state: Arc<Mutex<State>>,
    bell: Arc<WaitList>,
    error: Option<io::Error>,
}

impl Drop for Teller {
    fn drop(&mut self) {
        *self.state.lock() = State::Ended(self.error.take());
        self.bell.wake_all();
    }
}
