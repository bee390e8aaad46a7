//! A machine that does something else too: a loop on each core, beside what is measured.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use bench_common::pin;

use crate::Outcome;

/// Loops that compute until this is dropped.
#[derive(Debug)]
pub struct Busy {
    is_over: Arc<AtomicBool>,
    loops: Vec<JoinHandle<()>>,
}

impl Busy {
    /// One loop on each of `cores`.
    ///
    /// # Errors
    /// If a thread cannot be had, or not on its core.
    pub fn on(cores: usize) -> Outcome<Self> {
        let mut busy = Self { is_over: Arc::default(), loops: Vec::new() };
        for core in 0..cores {
            let (is_over, (tell, told)) = (Arc::clone(&busy.is_over), std::sync::mpsc::channel());
            busy.loops.push(thread::Builder::new().name(format!("busy-{core}")).spawn(move || {
                let pinned = pin(core);
                let runs = pinned.is_ok();
                // Whoever waits for it is there.
                let _ = tell.send(pinned);
                while runs && !is_over.load(Ordering::Relaxed) {
                    spin_loop();
                }
            })?);
            told.recv()?.map_err(|failure| format!("no loop on core {core}: {failure:?}"))?;
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.loops.drain(..).for_each(|one| one.join().expect("a loop does not panic"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_core_has_a_loop_until_it_is_over() {
        let busy = Busy::on(1).expect("every machine has one");
        assert_eq!((busy.loops.len(), busy.loops[0].is_finished()), (1, false));
        let is_over = Arc::clone(&busy.is_over);
        drop(busy);
        assert!(is_over.load(Ordering::Relaxed));
    }

    #[test]
    fn a_core_that_is_not_there_is_told() {
        assert!(Busy::on(usize::from(u16::MAX)).is_err());
    }
}
