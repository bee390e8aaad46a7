//! Memory that is needed while something is under way, and shared by all of a thread's pipes: none that is idle holds any.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Of each kind, so many are kept.
const SPARES_MAX: usize = 4;

/// What a thread has to lend of one kind.
pub(crate) struct Spares<T>(RefCell<Vec<Box<T>>>);

impl<T: Default> Spares<T> {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(Vec::new()))
    }

    /// One that is as new.
    pub(crate) fn lend(of: &'static LocalKey<Self>) -> Box<T> {
        // Where the thread ends there is none to share any more.
        of.try_with(|spares| spares.0.borrow_mut().pop()).ok().flatten().unwrap_or_default()
    }

    /// Takes one back, which is as new.
    pub(crate) fn take_back(of: &'static LocalKey<Self>, spare: Box<T>) {
        let _ = of.try_with(|spares| {
            let mut spares = spares.0.borrow_mut();
            if spares.len() < SPARES_MAX {
                spares.push(spare);
            }
        });
    }
}
