//! Signals are the application's: threads of our own run no handlers, and a thread may hold them for a while.

use std::io;
use std::marker::PhantomData;
use std::thread::{Builder, JoinHandle};

use nix::libc::sigset_t;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Signals of a fault of the thread itself. One that is blocked kills the process, and nobody is told where.
const FAULTS: [Signal; 5] = [Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGSEGV, Signal::SIGTRAP];

/// All signals but those of faults are blocked on the calling thread until it is dropped; their handlers run then.
#[derive(Debug)]
pub struct HeldSignals {
    before: SigSet,
    /// Of this thread only.
    _here: PhantomData<*const ()>,
}

impl HeldSignals {
    /// Blocks them from here on, on the calling thread.
    pub fn hold() -> Self {
        let mut held = SigSet::all();
        FAULTS.iter().for_each(|&fault| held.remove(fault));
        let before = held.thread_swap_mask(SigmaskHow::SIG_BLOCK).expect("to block is a way to change a mask");
        Self { before, _here: PhantomData }
    }

    /// What was blocked before: with it `ppoll(2)` lets the held ones through.
    pub fn before(&self) -> &sigset_t {
        self.before.as_ref()
    }
}

impl Drop for HeldSignals {
    fn drop(&mut self) {
        // It was the thread's mask, so it is one.
        let _ = self.before.thread_set_mask();
    }
}

/// Starts a thread that blocks all signals but those of faults, as libzmq's do: they are for the application's threads, which may
/// wait to be interrupted, or for its `signalfd`.
///
/// # Errors
/// If the system has no thread to give.
pub fn start_thread<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // A thread begins with the mask of the one that starts it.
    let _held = HeldSignals::hold();
    Builder::new().name(name).spawn(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_blocks_what_its_creator_does_not() {
        let mask = || SigSet::thread_get_mask().expect("a thread has one");
        let before = mask();
        let there = start_thread("quiet".to_owned(), mask).expect("a thread").join().expect("no panic");
        assert!(there.contains(Signal::SIGTERM) && there.contains(Signal::SIGUSR1) && !there.contains(Signal::SIGSEGV));
        assert!(!before.contains(Signal::SIGTERM) && mask() == before);
    }
}
