//! Empty batches, which the connections of a thread share for their memory: none that has nothing to do holds one.

use monocoque_core::batch::Batch;
use monocoque_core::spare::Spares;

thread_local! {
    static BATCHES: Spares<Batch> = const { Spares::new() };
}

/// An empty batch.
pub(super) fn take() -> Batch {
    Spares::lend(&BATCHES)
}

/// Empties `batch`, for whoever comes next.
pub(super) fn give_back(mut batch: Batch) {
    batch.clear();
    if batch.is_small() {
        Spares::take_back(&BATCHES, batch);
    }
}
