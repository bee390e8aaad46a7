//! Counters: nothing is lost silently.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a message was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropCause {
    /// A pipe was at its high-water mark: a subscriber's, or of a ROUTER or REP the peer's.
    Full = 0,
    /// A ROUTER or REP had no peer of that routing id, or the sender's was another's.
    NoRoute = 1,
    /// The peer went before the message was written, and its queue with it.
    PeerGone = 2,
    /// A newer message took its place (`ZMQ_CONFLATE`).
    Conflated = 3,
    /// Came where nothing of the kind is taken: a reply that nobody waited for, a request without its envelope, data
    /// sent to a PUB.
    Unexpected = 4,
    /// A SUB received what it is not subscribed to any more.
    Unsubscribed = 5,
    /// The linger time ran out at closing.
    Linger = 6,
    /// Connection after connection broke while this message was being written.
    Cut = 7,
    /// The system did not take the datagram: it is too long, or there is no way to its address.
    Undeliverable = 8,
}

impl DropCause {
    /// Every cause, in order of its index.
    pub const ALL: [DropCause; 9] = [
        Self::Full,
        Self::NoRoute,
        Self::PeerGone,
        Self::Conflated,
        Self::Unexpected,
        Self::Unsubscribed,
        Self::Linger,
        Self::Cut,
        Self::Undeliverable,
    ];

    /// A short name for tables and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::NoRoute => "no route",
            Self::PeerGone => "peer gone",
            Self::Conflated => "conflated",
            Self::Unexpected => "unexpected",
            Self::Unsubscribed => "unsubscribed",
            Self::Linger => "linger",
            Self::Cut => "cut",
            Self::Undeliverable => "undeliverable",
        }
    }
}

impl fmt::Display for DropCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Messages dropped, by cause. Counting is lock-free; shared by all parts of one socket.
#[derive(Debug, Default)]
pub struct Drops([AtomicU64; DropCause::ALL.len()]);

impl Drops {
    /// Counts `messages` dropped for `cause`.
    pub fn count(&self, cause: DropCause, messages: u64) {
        if messages > 0 {
            self.0[cause as usize].fetch_add(messages, Ordering::Relaxed);
        }
    }

    /// Messages dropped for `cause` so far.
    pub fn of(&self, cause: DropCause) -> u64 {
        self.0[cause as usize].load(Ordering::Relaxed)
    }

    /// Messages dropped so far, for any cause.
    pub fn total(&self) -> u64 {
        DropCause::ALL.into_iter().map(|cause| self.of(cause)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_counted_apart() {
        let drops = Drops::default();
        for (index, cause) in DropCause::ALL.into_iter().enumerate() {
            assert_eq!(cause as usize, index);
            drops.count(cause, index as u64);
        }
        assert_eq!(drops.of(DropCause::Linger), 6);
        assert_eq!(drops.total(), 36);
    }
}
