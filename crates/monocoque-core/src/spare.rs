//! What is needed while something is under way, kept by each thread for whoever needs it next: none that is idle holds any.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Of each kind, so many are kept.
const SPARES_MAX: usize = 4;

/// What a thread has to lend of one kind: a `static` of `thread_local!`.
#[derive(Debug)]
pub struct Spares<T>(RefCell<Vec<T>>);

impl<T: Default> Spares<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// One that is as new.
    pub fn lend(of: &'static LocalKey<Self>) -> T {
        // Where the thread ends there is none to share any more.
        of.try_with(|spares| spares.0.borrow_mut().pop()).ok().flatten().unwrap_or_default()
    }

    /// Takes one back, which is as new.
    pub fn take_back(of: &'static LocalKey<Self>, spare: T) {
        let _ = of.try_with(|spares| {
            let mut spares = spares.0.borrow_mut();
            if spares.len() < SPARES_MAX {
                spares.push(spare);
            }
        });
    }
}

impl<T: Default> Default for Spares<T> {
    fn default() -> Self {
        Self::new()
    }
}
