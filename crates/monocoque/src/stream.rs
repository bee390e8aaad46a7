//! Sockets as `Stream` and `Sink`, and split in two.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use monocoque_core::wait::Ticket;
use monocoque_pattern::SendReason;

use crate::error::{RecvError, SendError, TryRecvError};
use crate::kind::{Kind, Receives, Sends};
use crate::socket::Socket;

/// The sending half of a socket.
#[derive(Debug, Clone)]
pub struct SendHalf<K: Kind>(Socket<K>);

/// The receiving half of a socket.
#[derive(Debug, Clone)]
pub struct RecvHalf<K: Kind>(Socket<K>);

impl<K: Sends> SendHalf<K> {
    pub(crate) fn new(socket: Socket<K>) -> Self {
        Self(socket)
    }

    /// As [`Socket::send`].
    ///
    /// # Errors
    /// As [`Socket::send`].
    ///
    /// # Cancel safety
    /// As [`Socket::send`].
    pub async fn send(&self, message: impl Into<K::Out>) -> Result<(), SendError<K::Out>> {
        self.0.send(message).await
    }

    /// As [`Socket::try_send`].
    ///
    /// # Errors
    /// As [`Socket::try_send`].
    pub fn try_send(&self, message: impl Into<K::Out>) -> Result<(), SendError<K::Out>> {
        self.0.try_send(message)
    }

    /// The half as a `Sink`.
    pub fn into_sink(self) -> MessageSink<K> {
        MessageSink::new(self.0)
    }
}

impl<K: Receives> RecvHalf<K> {
    pub(crate) fn new(socket: Socket<K>) -> Self {
        Self(socket)
    }

    /// As [`Socket::recv`].
    ///
    /// # Errors
    /// As [`Socket::recv`].
    ///
    /// # Cancel safety
    /// As [`Socket::recv`].
    pub async fn recv(&self) -> Result<K::In, RecvError> {
        self.0.recv().await
    }

    /// As [`Socket::try_recv`].
    ///
    /// # Errors
    /// As [`Socket::try_recv`].
    pub fn try_recv(&self) -> Result<K::In, TryRecvError> {
        self.0.try_recv()
    }

    /// The half as a `Stream`.
    pub fn into_stream(self) -> MessageStream<K> {
        MessageStream::new(self.0)
    }
}

/// A socket's messages as a `Stream`. Ends when the socket is closed.
pub struct MessageStream<K: Receives> {
    socket: Socket<K>,
    ticket: Option<Ticket>,
}

impl<K: Receives> MessageStream<K> {
    pub(crate) fn new(socket: Socket<K>) -> Self {
        Self { socket, ticket: None }
    }
}

impl<K: Receives> fmt::Debug for MessageStream<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MessageStream").field(&self.socket).finish()
    }
}

impl<K: Receives> Stream for MessageStream<K> {
    type Item = Result<K::In, RecvError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { socket, ticket } = &mut *self;
        let attempt = || match socket.try_recv() {
            Ok(message) => Poll::Ready(Some(Ok(message))),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Failed(RecvError::Closed)) => Poll::Ready(None),
            Err(TryRecvError::Failed(error)) => Poll::Ready(Some(Err(error))),
        };
        if let ready @ Poll::Ready(_) = attempt() {
            return ready;
        }
        socket.core().hub.signals().readable_unlooked().register(ticket, cx.waker());
        attempt()
    }
}

impl<K: Receives> Drop for MessageStream<K> {
    fn drop(&mut self) {
        self.socket.core().hub.signals().readable().remove(&mut self.ticket);
    }
}

/// A socket as a `Sink`. A message is in the socket's queue, or at most one is held here, until flushed.
pub struct MessageSink<K: Sends> {
    socket: Socket<K>,
    held: Option<K::Out>,
    ticket: Option<Ticket>,
}

impl<K: Sends> MessageSink<K> {
    pub(crate) fn new(socket: Socket<K>) -> Self {
        Self { socket, held: None, ticket: None }
    }

    fn attempt(&mut self) -> Poll<Result<(), SendError<K::Out>>> {
        let Some(mut message) = self.held.take() else { return Poll::Ready(Ok(())) };
        match K::try_send(&self.socket.core().hub, &mut message) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(SendReason::Full | SendReason::NoPeer) => {
                self.held = Some(message);
                Poll::Pending
            }
            Err(reason) => Poll::Ready(Err(SendError::new(message, reason))),
        }
    }

    fn poll_held(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError<K::Out>>> {
        if let ready @ Poll::Ready(_) = self.attempt() {
            return ready;
        }
        self.socket.core().hub.signals().writable.register(&mut self.ticket, cx.waker());
        self.attempt()
    }
}

impl<K: Sends> fmt::Debug for MessageSink<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageSink").field("socket", &self.socket).field("held", &self.held.is_some()).finish()
    }
}

// Nothing is pinned by a sink: it holds a handle and at most one message.
impl<K: Sends> Unpin for MessageSink<K> {}

impl<K: Sends, M: Into<K::Out>> Sink<M> for MessageSink<K> {
    type Error = SendError<K::Out>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_held(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: M) -> Result<(), Self::Error> {
        self.held = Some(message.into());
        match self.attempt() {
            Poll::Ready(done) => done,
            Poll::Pending => Ok(()),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_held(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_held(cx)
    }
}

impl<K: Sends> Drop for MessageSink<K> {
    fn drop(&mut self) {
        self.socket.core().hub.signals().writable.remove(&mut self.ticket);
    }
}
