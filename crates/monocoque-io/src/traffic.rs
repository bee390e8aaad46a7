//! What crossed a link, counted where the system is called: once a call, so that messages cost nothing.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one link, shared by all that read and write it.
#[derive(Debug, Default)]
pub struct LinkTraffic {
    reads: AtomicU64,
    bytes_read: AtomicU64,
    writes: AtomicU64,
    bytes_written: AtomicU64,
    /// Bytes that went before the last read that found something.
    written_at_read: AtomicU64,
}

/// What they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkCounts {
    /// Calls to read, those that found nothing included.
    pub reads: u64,
    /// Bytes that came.
    pub bytes_read: u64,
    /// Calls to write, those that the system took nothing of included.
    pub writes: u64,
    /// Bytes that went.
    pub bytes_written: u64,
}

impl LinkTraffic {
    pub(crate) fn read(&self, result: &io::Result<usize>) {
        count(&self.reads, &self.bytes_read, result);
        if result.is_ok() {
            self.written_at_read.store(self.bytes_written.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    pub(crate) fn wrote(&self, result: &io::Result<usize>) {
        count(&self.writes, &self.bytes_written, result);
    }

    /// Whether there was a write after the last read that found something.
    pub(crate) fn wrote_since_read(&self) -> bool {
        self.bytes_written.load(Ordering::Relaxed) != self.written_at_read.load(Ordering::Relaxed)
    }

    /// Bytes that came by now.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    /// The counts by now.
    pub fn counts(&self) -> LinkCounts {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LinkCounts {
            reads: of(&self.reads),
            bytes_read: of(&self.bytes_read),
            writes: of(&self.writes),
            bytes_written: of(&self.bytes_written),
        }
    }
}

/// One thread at a time reads a link, and one has the turn to write.
fn count(calls: &AtomicU64, bytes: &AtomicU64, result: &io::Result<usize>) {
    let add = |counter: &AtomicU64, more| counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    add(calls, 1);
    if let Ok(more) = result {
        add(bytes, *more as u64);
    }
}

impl LinkCounts {
    /// Adds another link's.
    pub fn add(&mut self, other: LinkCounts) {
        self.reads += other.reads;
        self.bytes_read += other.bytes_read;
        self.writes += other.writes;
        self.bytes_written += other.bytes_written;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_come_between_a_write_and_what_is_read_next() {
        let traffic = LinkTraffic::default();
        traffic.wrote(&Err(io::ErrorKind::WouldBlock.into()));
        assert!(!traffic.wrote_since_read());
        traffic.wrote(&Ok(5));
        assert!(traffic.wrote_since_read());
        traffic.read(&Err(io::ErrorKind::WouldBlock.into()));
        assert!(traffic.wrote_since_read(), "nothing was there");
        traffic.read(&Ok(7));
        assert!(!traffic.wrote_since_read());
        let counts = traffic.counts();
        assert_eq!((counts.reads, counts.bytes_read, counts.writes, counts.bytes_written), (2, 7, 2, 5));
    }
}
