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
    }

    pub(crate) fn wrote(&self, result: &io::Result<usize>) {
        count(&self.writes, &self.bytes_written, result);
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

fn count(calls: &AtomicU64, bytes: &AtomicU64, result: &io::Result<usize>) {
    calls.fetch_add(1, Ordering::Relaxed);
    if let Ok(more) = result {
        bytes.fetch_add(*more as u64, Ordering::Relaxed);
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
