//! What happens to connections, told on stderr.

use monocoque::Monitor;

/// Prints events to stderr until the socket is gone.
pub fn print(monitor: Monitor) {
    std::thread::spawn(move || {
        while let Some(event) = monitor.recv_blocking() {
            eprintln!("* {event}");
        }
    });
}
