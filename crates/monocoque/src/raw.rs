//! What the C ABI needs beneath the typed API (docs/decisions/0031). It changes with that crate, and without notice.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

pub use monocoque_core::pipe::ReadTurns;
pub use monocoque_core::wait::{Ticket, WaitList};
pub use monocoque_io::{HeldSignals, SPIN_WINDOW, glance, keeps_core, start_thread, yield_core};
pub use monocoque_pattern::{Hub, RecvRefused, SendReason, Signals};

use crate::context::{Context, ContextBuilder, ContextInner};
use crate::kind::Any;
use crate::socket::Socket;

/// The hub of a socket: messages are sent and received there in place, and its signals are what a caller may wait for.
#[inline]
pub fn hub(socket: &Socket<Any>) -> &Hub {
    &socket.core().hub
}

/// Bound endpoints that follow accept from `listener`, which is bound and listens already, instead of a socket of their own;
/// `None` for one of their own again.
pub fn adopt(socket: &Socket<Any>, listener: Option<OwnedFd>) {
    socket.core().options().listen.adopted = listener.map(Arc::new);
}

/// Silences the descriptor of the socket (`ZMQ_FD`) until something happens from here on, if it has one; whether it has. Look at
/// the socket after it.
#[inline]
pub fn silence(socket: &Socket<Any>) -> bool {
    socket.core().silence()
}

/// Whether a connection is there that was accepted at `endpoint`. When one ends, [`ended`] wakes.
pub fn has_accepted_at(socket: &Socket<Any>, endpoint: &str) -> bool {
    socket.core().events.registry().accepted_at(endpoint).next().is_some()
}

/// Woken when a connection has ended.
pub fn ended(socket: &Socket<Any>) -> &WaitList {
    &socket.core().idle
}

/// The context of `builder`, whose I/O threads are started at first need.
pub fn context(builder: ContextBuilder) -> Context {
    Context::of(builder, None)
}

/// Drops `context`, and waits until all that its sockets held is gone too, which tasks on I/O threads may let go of last, and those
/// threads with all that they had. For at most `limit`, in case somebody keeps a socket.
pub fn end(context: Context, limit: Duration) {
    let (held, gone) = channel();
    *context.inner().until_gone.lock() = Some(held);
    let threads = context.inner().take_threads();
    drop(context);
    let deadline = Instant::now() + limit;
    // It ends when its other end is dropped: nothing is ever sent.
    let _ = gone.recv_timeout(limit);
    threads.join(deadline);
}

/// Knows when the sockets of a context that are closing in the background have ended.
#[derive(Debug)]
pub struct Closing {
    context: Arc<ContextInner>,
    ticket: Option<Ticket>,
}

impl Closing {
    /// Of `context`, which may be dropped meanwhile.
    pub fn of(context: &Context) -> Self {
        Self { context: Arc::clone(context.inner()), ticket: None }
    }

    /// Ready when none is closing.
    pub fn poll(&mut self, cx: &TaskContext<'_>) -> Poll<()> {
        let Self { context, ticket } = self;
        context.closing.poll(ticket, cx)
    }
}
