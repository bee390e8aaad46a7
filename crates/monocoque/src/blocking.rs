//! Sockets for plain threads: the same core, waited for on the calling thread.

use std::sync::Arc;
use std::time::Duration;

use monocoque_core::{Endpoint, Message, RoutingId};
use monocoque_pattern::{PeerProperties, SendReason};

use crate::block_on::block_on;
use crate::close::CloseReport;
use crate::error::{BindError, RecvError, SendError};
use crate::kind::{Any, Kind, Pub, Radio, Receives, Req, Router, Sends, XPub};
use crate::request::RequestError;
use crate::socket::Socket;

/// A socket whose waiting methods block the calling thread.
///
/// A blocked thread polls for a bounded window, yielding the core, and then parks. Of a
/// [local](crate::Context::local) context these methods never return if they have to wait: the thread that
/// would do the I/O is the one that waits.
#[derive(Debug)]
pub struct Blocking<'a, K: Kind>(&'a Socket<K>);

impl<'a, K: Kind> Blocking<'a, K> {
    pub(crate) fn new(socket: &'a Socket<K>) -> Self {
        Self(socket)
    }

    /// As [`Socket::bind`].
    ///
    /// # Errors
    /// As [`Socket::bind`].
    pub fn bind(&self, endpoint: impl AsRef<str>) -> Result<Endpoint, BindError> {
        block_on(self.0.bind(endpoint))
    }

    /// As [`Socket::wait_for_peers`].
    pub fn wait_for_peers(&self, count: usize) {
        block_on(self.0.wait_for_peers(count));
    }

    /// As [`Socket::wait_for_peers_timeout`].
    pub fn wait_for_peers_timeout(&self, count: usize, limit: Duration) -> bool {
        block_on(self.0.wait_for_peers_timeout(count, limit))
    }

    /// As [`Socket::close`].
    pub fn close(self) -> CloseReport {
        block_on(self.0.clone().close())
    }
}

impl<K: Sends> Blocking<'_, K> {
    /// As [`Socket::send`].
    ///
    /// # Errors
    /// As [`Socket::send`].
    #[inline]
    pub fn send(&self, message: impl Into<K::Out>) -> Result<(), SendError<K::Out>> {
        let mut message = message.into();
        match K::try_send(&self.0.core().hub, &mut message) {
            Ok(()) => Ok(()),
            Err(SendReason::Full | SendReason::NoPeer) => block_on(self.0.until_sent(message, K::try_send)),
            Err(reason) => Err(SendError::new(message, reason)),
        }
    }
}

impl<K: Receives> Blocking<'_, K> {
    /// As [`Socket::recv`].
    ///
    /// # Errors
    /// As [`Socket::recv`].
    #[inline]
    pub fn recv(&self) -> Result<K::In, RecvError> {
        match self.0.next() {
            Ok(message) => Ok(message),
            Err(_) => block_on(self.0.recv()),
        }
    }

    /// As [`Socket::recv_into`].
    ///
    /// # Errors
    /// As [`Socket::recv_into`].
    #[inline]
    pub fn recv_into(&self, into: &mut K::In) -> Result<(), RecvError> {
        match K::try_recv_into(&self.0.core().hub, into) {
            Ok(()) => Ok(()),
            Err(_) => block_on(self.0.recv_into(into)),
        }
    }

    /// As [`Socket::recv_with_peer`].
    ///
    /// # Errors
    /// As [`Socket::recv_with_peer`].
    pub fn recv_with_peer(&self) -> Result<(K::In, Option<Arc<PeerProperties>>), RecvError> {
        block_on(self.0.recv_with_peer())
    }

    /// As [`Socket::recv_many`].
    ///
    /// # Errors
    /// As [`Socket::recv_many`].
    pub fn recv_many(&self, into: &mut Vec<K::In>, max: usize) -> Result<usize, RecvError> {
        block_on(self.0.recv_many(into, max))
    }
}

impl Blocking<'_, Req> {
    /// As [`Socket::request`].
    ///
    /// # Errors
    /// As [`Socket::request`].
    pub fn request(&self, message: impl Into<Message>) -> Result<Message, RequestError> {
        block_on(self.0.request(message))
    }
}

impl Blocking<'_, Router> {
    /// As [`Socket::send_any`].
    ///
    /// # Errors
    /// As [`Socket::send_any`].
    pub fn send_any(&self, message: impl Into<Message>) -> Result<RoutingId, SendError> {
        block_on(self.0.send_any(message))
    }
}

macro_rules! publishes {
    ($($kind:ident)*) => {$(
        impl Blocking<'_, $kind> {
            /// As `Socket::wait_for_subscribers`.
            pub fn wait_for_subscribers(&self, count: usize) {
                block_on(self.0.wait_for_subscribers(count));
            }

            /// As `Socket::wait_for_subscribers_timeout`.
            pub fn wait_for_subscribers_timeout(&self, count: usize, limit: Duration) -> bool {
                block_on(self.0.wait_for_subscribers_timeout(count, limit))
            }
        }
    )*};
}
publishes!(Pub XPub Radio Any);
