//! A descriptor that event loops of others can wait for (`ZMQ_FD`).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::{Wake, Waker};

use monocoque_core::sync::Mutex;
use monocoque_core::wait::Ticket;
use monocoque_pattern::{Hub, Signals};
use rustix::event::{EventfdFlags, eventfd};

/// Rings when a message came or room was made, once after each look at the socket.
#[derive(Debug)]
pub(crate) struct EventFd {
    bell: Arc<Bell>,
    /// Places among those who wait to receive and to send.
    tickets: Mutex<(Option<Ticket>, Option<Ticket>)>,
}

#[derive(Debug)]
struct Bell(OwnedFd);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        // It counts to 2^64 - 2, so it never says no.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

impl EventFd {
    /// A descriptor that is readable at first: whoever waits for it looks at the socket before.
    pub(crate) fn new(hub: &Hub) -> io::Result<Self> {
        let fd = eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let event_fd = Self { bell: Arc::new(Bell(fd)), tickets: Mutex::default() };
        event_fd.listen(hub.signals());
        Ok(event_fd)
    }

    /// Silences the bell until something happens from here on. The socket is looked at after this.
    pub(crate) fn silence(&self, hub: &Hub) {
        // Nothing to read means that it did not ring.
        let _ = rustix::io::read(&self.bell.0, &mut [0; 8]);
        self.listen(hub.signals());
    }

    fn listen(&self, signals: &Signals) {
        let waker = Waker::from(Arc::clone(&self.bell));
        let mut tickets = self.tickets.lock();
        signals.readable_unlooked().register(&mut tickets.0, &waker);
        signals.writable.register(&mut tickets.1, &waker);
    }

    pub(crate) fn number(&self) -> i32 {
        self.bell.0.as_raw_fd()
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.0.as_fd()
    }
}
