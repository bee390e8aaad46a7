//! What happens to connections, told on stderr.

use monocoque::{Any, Event, Monitor, Socket};

use crate::exit::note;

/// Tells what happens to `socket` as often as `-v` was given: in plain words, or as a log.
pub fn tell(socket: &Socket<Any>, verbose: u8) {
    if verbose == 1 || (verbose > 1 && !log()) {
        print(socket.monitor());
    }
}

/// Tells the last of `endpoints` to be given up without a connection, because nobody was there or the peer refused us for good,
/// if all of them are.
pub fn on_all_given_up(monitor: Monitor, endpoints: usize, tell: impl FnOnce(Event) + Send + 'static) {
    std::thread::spawn(move || {
        let mut left = endpoints;
        while let Some(event) = monitor.recv_blocking() {
            left -= usize::from(matches!(event, Event::ConnectGivenUp { reason: Some(_), .. }));
            if left == 0 {
                return tell(event);
            }
        }
    });
}

/// Prints events to stderr until the socket is gone.
fn print(monitor: Monitor) {
    std::thread::spawn(move || {
        while let Some(event) = monitor.recv_blocking() {
            note!("* {event}");
        }
    });
}

/// Logs what all sockets tell; whether this program can.
#[cfg(feature = "tracing")]
fn log() -> bool {
    use std::io::IsTerminal;

    use tracing_subscriber::filter::{LevelFilter, Targets};
    use tracing_subscriber::layer::{Layer, SubscriberExt};
    use tracing_subscriber::util::SubscriberInitExt;

    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let ours = Targets::new().with_target("monocoque", LevelFilter::DEBUG);
    let lines = lines.with_ansi(std::io::stderr().is_terminal()).with_filter(ours);
    // A proxy's other side has begun it already.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    true
}

#[cfg(not(feature = "tracing"))]
fn log() -> bool {
    false
}
