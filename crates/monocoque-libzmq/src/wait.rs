//! Waiting on the calling thread, in `poll(2)`: a signal whose handler ran ends it, and descriptors of others can be
//! waited for too.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use libc::{c_int, pollfd, sigset_t};
use monocoque::raw::{HeldSignals, ReadTurns, SPIN_WINDOW, Signals, Ticket, WaitList, glance, keeps_core, yield_core};

use crate::errno::{EAGAIN, EINTR, Errno};

/// Nobody rang since the owner looked.
const QUIET: u8 = 0;
const RUNG: u8 = 1;
/// The owner is in `poll(2)`, or on its way: whoever rings must write to the descriptor.
const ASLEEP: u8 = 2;

/// What a thread is woken by.
#[derive(Debug)]
struct Bell {
    fd: OwnedFd,
    state: AtomicU8,
    /// The process that made it: a forked child shares the descriptor, and must not use it.
    process: u32,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(RUNG, Ordering::AcqRel) == ASLEEP {
            let one = 1u64.to_ne_bytes();
            // SAFETY: the descriptor is open as long as `self`, and `one` is as long as it is said to be.
            unsafe { libc::write(self.fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }
}

thread_local! {
    /// This thread's bell while it is in no use.
    static BELL: Cell<Option<Arc<Bell>>> = const { Cell::new(None) };
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Somebody rang, or a descriptor is ready: look again.
    Look,
    /// The time is over.
    TimedOut,
}

/// The thread's place to wait, until dropped.
pub(crate) struct Waiter {
    bell: Arc<Bell>,
    waker: Waker,
    /// From its first look without sleeping on, until `ppoll(2)` lets them through and says so: a handler that ran while the thread
    /// only looked would end no wait, for ever if nothing else does.
    held: OnceCell<HeldSignals>,
    /// It was rung before, and what was waited for was not there: it may be rung for ever, and never sleep.
    looked: Cell<bool>,
}

impl Waiter {
    pub(crate) fn new() -> Result<Self, Errno> {
        let process = std::process::id();
        // There is none while a thread ends, whose destructors may still wait.
        let kept = BELL.try_with(Cell::take).ok().flatten();
        let bell = match kept.filter(|bell| bell.process == process) {
            Some(bell) => bell,
            None => Arc::new(Bell { fd: event_fd()?, state: AtomicU8::new(QUIET), process }),
        };
        Ok(Self { waker: Waker::from(Arc::clone(&bell)), bell, held: OnceCell::new(), looked: Cell::new(false) })
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Forgets that anybody rang. What is waited for is looked at after this.
    pub(crate) fn quiet(&self) {
        self.bell.state.swap(QUIET, Ordering::AcqRel);
    }

    /// Waits until somebody rings, one of `fds` is ready, or the deadline has passed. What is lent of `turns` it reads meanwhile.
    ///
    /// # Errors
    /// `EINTR` when a signal's handler ran, and what else `poll(2)` says.
    pub(crate) fn wait(
        &self,
        deadline: Option<Instant>,
        fds: &mut Vec<pollfd>,
        mask: Option<&sigset_t>,
        turns: &[&ReadTurns],
    ) -> Result<Woken, Errno> {
        let looks = fds.is_empty() && mask.is_none();
        let woken = if looks && self.rang_soon(deadline, turns) {
            turns.iter().for_each(|turns| turns.ended_soon());
            Woken::Look
        } else {
            turns.iter().for_each(|turns| if looks { turns.sleep() } else { turns.sleep_unlooked() });
            let woken = self.sleep(deadline, fds, mask);
            turns.iter().for_each(|turns| turns.wake());
            woken?
        };
        if woken == Woken::Look && self.looked.replace(true) {
            self.let_signals_through(mask)?;
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Woken::TimedOut);
            }
        }
        Ok(woken)
    }

    /// [`wait`](Self::wait), without looking.
    fn sleep(&self, deadline: Option<Instant>, fds: &mut Vec<pollfd>, mask: Option<&sigset_t>) -> Result<Woken, Errno> {
        let mask = mask.or_else(|| self.held.get().map(HeldSignals::before));
        if self.bell.state.compare_exchange(QUIET, ASLEEP, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return Ok(Woken::Look);
        }
        fds.push(pollfd { fd: self.bell.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        let ready = poll(fds, deadline, mask);
        let bell = fds.pop().expect("pushed above");
        self.bell.state.swap(QUIET, Ordering::AcqRel);
        if bell.revents != 0 {
            self.drain();
        }
        match ready? {
            0 if deadline.is_some_and(|deadline| Instant::now() >= deadline) => Ok(Woken::TimedOut),
            _ => Ok(Woken::Look),
        }
    }

    /// Looks for a short while before the thread sleeps, yielding its core to whoever wants it: an answer often comes
    /// within that time, and waking a sleeping thread takes longer.
    fn rang_soon(&self, deadline: Option<Instant>, turns: &[&ReadTurns]) -> bool {
        self.held.get_or_init(HeldSignals::hold);
        turns.iter().for_each(|turns| turns.begin());
        let rang = || self.bell.state.load(Ordering::Acquire) == RUNG;
        if glance(rang) {
            return true;
        }
        let began = Instant::now();
        let until = began + SPIN_WINDOW;
        let until = deadline.map_or(until, |deadline| until.min(deadline));
        let mut now = began;
        while now < until && keeps_core() {
            if rang() {
                return true;
            }
            now = yield_core(now, turns.iter().any(|turns| turns.are_one_by_one()));
            for turns in turns {
                turns.look();
            }
        }
        rang()
    }

    /// Lets the handlers run of signals that are held, or that `mask` lets through.
    ///
    /// # Errors
    /// `EINTR` when one did.
    fn let_signals_through(&self, mask: Option<&sigset_t>) -> Result<(), Errno> {
        let before = mask.or_else(|| self.held.get().map(HeldSignals::before));
        poll(&mut [], Some(Instant::now()), before).map(drop)
    }

    fn drain(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the descriptor is open, does not block, and `count` is as long as it is said to be.
        unsafe { libc::read(self.bell.fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let _ = BELL.try_with(|place| place.set(Some(Arc::clone(&self.bell))));
    }
}

/// An eventfd that does not block.
pub(crate) fn event_fd() -> Result<OwnedFd, Errno> {
    // SAFETY: it takes no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(Errno::last());
    }
    // SAFETY: it was just made, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `ppoll(2)` until `deadline`; how many descriptors are ready.
pub(crate) fn poll(fds: &mut [pollfd], deadline: Option<Instant>, mask: Option<&sigset_t>) -> Result<c_int, Errno> {
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    let time = left.map(|left| libc::timespec {
        tv_sec: left.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let mask = mask.map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the descriptors are as many as is said, and the others are null or valid for the call.
    let ready = unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, time, mask) };
    if ready < 0 { Err(Errno::last()) } else { Ok(ready) }
}

/// When a time-out in ms that begins now is over; `None` for never.
pub(crate) fn deadline(timeout_ms: i64) -> Option<Instant> {
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).ok()?);
    Instant::now().checked_add(timeout)
}

/// Repeats `attempt` whenever `list` is woken until it gives something.
///
/// # Errors
/// `EAGAIN` when the time is over; `EINTR`.
pub(crate) fn until<T>(list: &WaitList, timeout_ms: i64, attempt: impl FnMut() -> Option<T>) -> Result<T, Errno> {
    repeat(list, &[], timeout_ms, attempt)
}

/// [`until`], of what comes with the messages of a socket.
///
/// # Errors
/// As [`until`].
pub(crate) fn until_arrived<T>(
    signals: &Signals,
    timeout_ms: i64,
    attempt: impl FnMut() -> Option<T>,
) -> Result<T, Errno> {
    repeat(signals.readable(), &[signals.turns()], timeout_ms, attempt)
}

fn repeat<T>(
    list: &WaitList,
    turns: &[&ReadTurns],
    timeout_ms: i64,
    mut attempt: impl FnMut() -> Option<T>,
) -> Result<T, Errno> {
    let deadline = deadline(timeout_ms);
    let waiter = Waiter::new()?;
    let mut place = Place { list, ticket: None };
    loop {
        waiter.quiet();
        list.register(&mut place.ticket, waiter.waker());
        if let Some(done) = attempt() {
            return Ok(done);
        }
        if waiter.wait(deadline, &mut Vec::new(), None, turns)? == Woken::TimedOut {
            return attempt().ok_or(EAGAIN);
        }
    }
}

struct Place<'a> {
    list: &'a WaitList,
    ticket: Option<Ticket>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.list.remove(&mut self.ticket);
    }
}

/// Runs `future` to its end on the calling thread. A signal ends the wait if `may_leave` says so, with `EINTR`.
pub(crate) fn run<F: Future>(future: F, may_leave: impl Fn() -> bool) -> Result<F::Output, Errno> {
    let waiter = Waiter::new()?;
    let mut cx = Context::from_waker(waiter.waker());
    let mut future = pin!(future);
    loop {
        waiter.quiet();
        if let Poll::Ready(done) = future.as_mut().poll(&mut cx) {
            return Ok(done);
        }
        match waiter.wait(None, &mut Vec::new(), None, &[]) {
            Err(EINTR) if !may_leave() => {}
            waited => drop(waited?),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    static HANDLED: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn handler(_signal: c_int) {
        HANDLED.fetch_add(1, Ordering::SeqCst);
    }

    fn raise() -> usize {
        // SAFETY: its handler only counts.
        assert_eq!(unsafe { libc::raise(libc::SIGUSR2) }, 0);
        HANDLED.load(Ordering::SeqCst)
    }

    #[test]
    fn a_signal_that_comes_before_the_thread_sleeps_ends_the_wait() {
        // SAFETY: the handler only counts.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            assert_eq!(libc::sigaction(libc::SIGUSR2, &raw const action, std::ptr::null_mut()), 0);
        }
        assert_eq!(raise(), 1, "nobody waits");
        let waiter = Waiter::new().expect("a descriptor");
        assert!(!waiter.rang_soon(Some(Instant::now()), &[]));
        assert_eq!(raise(), 1, "it is held while the thread looks");
        assert_eq!(waiter.wait(None, &mut Vec::new(), None, &[]), Err(EINTR));
        assert_eq!(HANDLED.load(Ordering::SeqCst), 2);
        assert_eq!(raise(), 2, "it is held until the wait is over");
        drop(waiter);
        assert_eq!(HANDLED.load(Ordering::SeqCst), 3);
        assert_eq!(raise(), 4);
        // Of one that never sleeps, since it is rung each time.
        let waiter = Waiter::new().expect("a descriptor");
        let ring = || {
            waiter.quiet();
            waiter.waker().wake_by_ref();
            waiter.wait(None, &mut Vec::new(), None, &[])
        };
        assert_eq!(ring(), Ok(Woken::Look));
        assert_eq!(raise(), 4, "it is held");
        assert_eq!((ring(), HANDLED.load(Ordering::SeqCst)), (Err(EINTR), 5), "and let through");
        assert_eq!(ring(), Ok(Woken::Look));
        waiter.waker().wake_by_ref();
        assert_eq!(waiter.wait(Some(Instant::now()), &mut Vec::new(), None, &[]), Ok(Woken::TimedOut));
    }
}
