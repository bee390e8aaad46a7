//! What happens to connections, in words.

use std::fmt;

use monocoque::{ConnectionFacts, Event, Monitor};

/// Prints events to stderr until the socket is gone.
pub fn print(monitor: Monitor) {
    std::thread::spawn(move || {
        while let Some(event) = monitor.recv_blocking() {
            eprintln!("* {}", Told(&event));
        }
    });
}

/// An event as a line for people.
struct Told<'a>(&'a Event);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Listening { endpoint } => write!(f, "listening at {endpoint}"),
            Event::BindFailed { endpoint, reason } => write!(f, "cannot bind {endpoint}: {reason}"),
            Event::ConnectDelayed { endpoint } => write!(f, "connecting to {endpoint}"),
            Event::Connected(peer) => write!(f, "reached {}", peer.remote),
            Event::ConnectRetried { endpoint, after, reason } => {
                write!(f, "trying {endpoint} again in {} ms{}", after.as_millis(), because(reason.as_deref()))
            }
            Event::ConnectGivenUp { endpoint, reason } => {
                write!(f, "giving {endpoint} up{}", because(reason.as_deref()))
            }
            Event::Accepted(peer) => write!(f, "reached by {} at {}", peer.remote, peer.endpoint),
            Event::AcceptFailed { endpoint, reason } => write!(f, "cannot accept at {endpoint}: {reason}"),
            Event::TooManyHandshakes { endpoint } => write!(f, "too many handshakes at {endpoint}, turned one away"),
            Event::HandshakeSucceeded(peer) => write!(f, "ready: {}", Peer(peer)),
            Event::HandshakeFailed { peer, reason } => write!(f, "no handshake with {}: {reason}", peer.remote),
            Event::Disconnected { peer, reason } => write!(f, "gone: {}: {reason}", Peer(peer)),
            Event::Closed { endpoint } => write!(f, "closed {endpoint}"),
            Event::Lagged(events) => write!(f, "({events} events were too fast to print)"),
            other => write!(f, "{other:?}"),
        }
    }
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// A peer: what it is, its name if it has one, and where.
struct Peer<'a>(&'a ConnectionFacts);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(facts) = self;
        if let Some(kind) = facts.socket_type {
            write!(f, "{kind} ")?;
        }
        if let Some(identity) = &facts.identity {
            write!(f, "'{identity}' ")?;
        }
        f.write_str(&facts.remote)
    }
}
