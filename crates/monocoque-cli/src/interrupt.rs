//! Ctrl-C: the first one ends a command in good order, the second one at once.

use std::sync::atomic::{AtomicBool, Ordering};

/// The exit code of a command that was interrupted twice: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// Calls `end` at the first Ctrl-C or SIGTERM, on a thread of its own.
///
/// Without a handler the signal ends the process as ever, so that failing to install one is no failure.
pub fn on_first(end: impl FnOnce() + Send + 'static) {
    static WAS_INTERRUPTED: AtomicBool = AtomicBool::new(false);
    let mut end = Some(end);
    let _ = ctrlc::set_handler(move || {
        if WAS_INTERRUPTED.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED);
        }
        if let Some(end) = end.take() {
            std::thread::spawn(end);
        }
    });
}
