//! Requests of a REQ socket that any number of others may overtake.

use std::time::Duration;

use monocoque_core::Message;
use monocoque_pattern::{Hub, RequestId};

use crate::error::{RecvError, SendError};
use crate::kind::{Req, in_place};
use crate::socket::Socket;
use crate::wait::until_arrived;

/// Why a request got no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// It could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// It was sent, and no reply came.
    #[error(transparent)]
    Recv(#[from] RecvError),
}

/// A request in flight: given up when dropped.
struct InFlight<'a> {
    hub: &'a Hub,
    id: RequestId,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.hub.forget(self.id);
    }
}

impl Socket<Req> {
    /// Sends a request and waits for its reply; any number may be in flight at once.
    ///
    /// Requests are told apart by an id in their envelope (as `ZMQ_REQ_CORRELATE`), which every REP and ROUTER
    /// gives back. A reply that never comes, or a future that is dropped, holds nothing else up. The strict
    /// alternation of [`send`](Self::send) and [`recv`](Self::recv) is apart from this.
    ///
    /// The reply is waited for as long as the receive time-out of the socket says.
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// If the future is dropped before the request was sent, no peer has it; after that, its reply is dropped
    /// when it comes, and counted as [`DropCause::Unexpected`](crate::DropCause::Unexpected).
    pub async fn request(&self, message: impl Into<Message>) -> Result<Message, RequestError> {
        let limit = self.core().options().recv_timeout;
        self.ask(message.into(), limit).await
    }

    /// [`request`](Self::request), waiting for the reply at most `limit` from when the request was queued: for a peer and for room it
    /// waits as the send time-out of the socket says.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    ///
    /// # Cancel safety
    /// As [`request`](Self::request).
    pub async fn request_timeout(&self, message: impl Into<Message>, limit: Duration) -> Result<Message, RequestError> {
        self.ask(message.into(), Some(limit)).await
    }

    async fn ask(&self, message: Message, limit: Option<Duration>) -> Result<Message, RequestError> {
        let core = self.core();
        let id = self.until_sent(message, |hub, message| in_place(message, |message| hub.request(message))).await?;
        let in_flight = InFlight { hub: &core.hub, id };
        let attempt = || match core.hub.take_reply(in_flight.id) {
            Some(reply) => Some(Ok(reply)),
            None => core.is_closing().then_some(Err(RecvError::Closed)),
        };
        let reply = until_arrived(core, limit, attempt).await;
        Ok(reply.unwrap_or(Err(RecvError::TimedOut))?)
    }
}
