//! Asking the writer's owner for what the writer holds back.

use std::fmt::Debug;

/// The owner of a writer, whose lock the writer stands under.
///
/// It is called by the reader's thread with no lock of the pipe held.
pub trait HandOver: Debug + Send + Sync {
    /// Has the writer [hand over](super::PipeWriter::hand_over), unless it is in use; whether it was not.
    fn try_hand_over(&self) -> bool;

    /// Has the writer hand over, before it returns.
    fn hand_over(&self);
}
