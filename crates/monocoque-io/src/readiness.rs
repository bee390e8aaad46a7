//! What descriptors are ready for, now and later: links', and those that are not ours.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use compio::driver::op::{Interest, PollOnce};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

/// A way that bytes go through a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Out of it.
    Read,
    /// Into it.
    Write,
}

/// What a descriptor is asked for, and what it is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    /// Reading does not wait.
    pub readable: bool,
    /// Writing does not wait.
    pub writable: bool,
    /// The other end hung up, or the descriptor is broken: told whether or not it was asked for.
    pub closed: bool,
}

const BROKEN: PollFlags = PollFlags::HUP.union(PollFlags::ERR).union(PollFlags::NVAL);

impl Readiness {
    fn asked(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.readable);
        flags.set(PollFlags::OUT, self.writable);
        flags
    }

    /// What `found` means to whoever asked for this. What is broken fails at once, and so does not wait either.
    fn answered(self, found: PollFlags) -> Self {
        let closed = found.intersects(BROKEN);
        Self {
            readable: self.readable && (closed || found.contains(PollFlags::IN)),
            writable: self.writable && (closed || found.contains(PollFlags::OUT)),
            closed,
        }
    }
}

/// Looks at descriptors without waiting: the answers in the order of what was asked. It is one system call for all.
///
/// # Errors
/// As `poll(2)`.
pub fn look(asked: &[(BorrowedFd<'_>, Readiness)]) -> io::Result<Vec<Readiness>> {
    let mut fds: Vec<_> = asked.iter().map(|&(fd, asked)| PollFd::from_borrowed_fd(fd, asked.asked())).collect();
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    retry_on_intr(|| poll(&mut fds, Some(&now)))?;
    Ok(asked.iter().zip(&fds).map(|(&(_, asked), fd)| asked.answered(fd.revents())).collect())
}

/// Waits on the compio runtime that the caller runs on until `fd` has something to read or room to write, or is
/// broken. What it is when this returns may have changed by the time that the caller comes to it.
///
/// # Errors
/// What the engine says of a descriptor that cannot be waited for.
///
/// # Cancel safety
/// Nothing is read or written. If the future is dropped, the engine gives its share of `fd` up when it next runs.
pub async fn ready(fd: Arc<OwnedFd>, direction: Direction) -> io::Result<()> {
    let interest = match direction {
        Direction::Read => Interest::Readable,
        Direction::Write => Interest::Writable,
    };
    until(fd, interest).await
}

/// Waits for readiness, of descriptors that are ours too.
pub(crate) async fn until(fd: impl AsFd + 'static, interest: Interest) -> io::Result<()> {
    let (result, _) = compio::runtime::submit(PollOnce::new(fd, interest)).await.into();
    result.map(drop)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::{Driver, DriverChoice};

    const BOTH: Readiness = Readiness { readable: true, writable: true, closed: false };
    const READ: Readiness = Readiness { readable: true, writable: false, closed: false };

    fn look_at(fd: &impl AsFd, asked: Readiness) -> Readiness {
        look(&[(fd.as_fd(), asked)]).expect("open")[0]
    }

    #[test]
    fn a_look_tells_what_was_asked_for_and_what_is_broken() {
        let (mut ours, mut theirs) = UnixStream::pair().expect("a pair");
        assert_eq!(look_at(&ours, READ), Readiness::default());
        assert_eq!(look_at(&ours, BOTH), Readiness { readable: false, ..BOTH });
        theirs.write_all(b"x").expect("room");
        assert_eq!(look_at(&ours, BOTH), BOTH);
        ours.read_exact(&mut [0]).expect("there");
        drop(theirs);
        assert_eq!(look_at(&ours, READ), Readiness { closed: true, ..READ });
        assert!(look(&[]).expect("nothing to do").is_empty());
    }

    #[test]
    fn waiting_ends_when_there_is_something_and_may_be_given_up() {
        for driver in [Driver::Uring, Driver::Poll] {
            // io_uring may be refused here; epoll is always there.
            let Ok(runtime) = DriverChoice::Only(driver).runtime() else { continue };
            runtime.block_on(async {
                let (ours, mut theirs) = UnixStream::pair().expect("a pair");
                let fd = Arc::new(OwnedFd::from(ours));
                ready(Arc::clone(&fd), Direction::Write).await.expect("there is room");
                let mut cx = Context::from_waker(Waker::noop());
                for _ in 0..3 {
                    let mut waiting = pin!(ready(Arc::clone(&fd), Direction::Read));
                    assert!(waiting.as_mut().poll(&mut cx).is_pending());
                }
                theirs.write_all(b"x").expect("room");
                ready(fd, Direction::Read).await.expect("there is something");
            });
        }
    }
}
