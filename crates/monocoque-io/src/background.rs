//! Threads of our own, on which no handler of a signal runs.

use std::io;
use std::thread::{Builder, JoinHandle};

use nix::sys::signal::{SigSet, SigmaskHow, Signal};

/// Signals of a fault of the thread itself. One that is blocked kills the process, and nobody is told where.
const FAULTS: [Signal; 5] = [Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGSEGV, Signal::SIGTRAP];

/// Starts a thread that blocks all signals but those of faults, as libzmq's do: they are for the application's threads, which may
/// wait to be interrupted, or for its `signalfd`.
///
/// # Errors
/// If the system has no thread to give.
pub fn start_thread<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let mut blocked = SigSet::all();
    FAULTS.iter().for_each(|&fault| blocked.remove(fault));
    // A thread begins with the mask of the one that starts it.
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let started = Builder::new().name(name).spawn(body);
    before.thread_set_mask()?;
    started
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
