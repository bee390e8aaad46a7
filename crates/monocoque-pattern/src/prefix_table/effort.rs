//! What tests count instead of time: rows that were moved, and bytes that were compared.

use std::cell::Cell;

thread_local! {
    static MOVED: Cell<usize> = const { Cell::new(0) };
    static COMPARED: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn moved(rows: usize) {
    MOVED.set(MOVED.get() + rows);
}

/// As many bytes as it takes to find where two differ.
pub(super) fn compared(prefix: &[u8], topic: &[u8]) {
    let agreed = prefix.iter().zip(topic).take_while(|(a, b)| a == b).count();
    COMPARED.set(COMPARED.get() + agreed + 1);
}

/// Rows that `act` moved and bytes that it compared.
pub(super) fn of(act: impl FnOnce()) -> (usize, usize) {
    let (moved, compared) = (MOVED.get(), COMPARED.get());
    act();
    (MOVED.get() - moved, COMPARED.get() - compared)
}
