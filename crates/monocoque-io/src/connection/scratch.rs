//! Empty batches, which the connections of a thread share for their memory: none that has nothing to do holds one.

use std::cell::RefCell;

use monocoque_core::batch::Batch;

/// What one connection uses at once: what it delivers, and what it writes.
const BATCHES_MAX: usize = 2;

thread_local! {
    static BATCHES: RefCell<Vec<Batch>> = const { RefCell::new(Vec::new()) };
}

/// An empty batch.
pub(super) fn take() -> Batch {
    // Where the thread ends there is none to share any more.
    BATCHES.try_with(|batches| batches.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Empties `batch`, for whoever comes next.
pub(super) fn give_back(mut batch: Batch) {
    batch.clear();
    let _ = BATCHES.try_with(|batches| {
        let mut batches = batches.borrow_mut();
        if batches.len() < BATCHES_MAX {
            batches.push(batch);
        }
    });
}
