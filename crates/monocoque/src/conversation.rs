//! What connections speak: ZMTP on their streams as they are, or in WebSocket, or in WebSocket over TLS.
//!
//! Which of them is the endpoint's to say. One actor drives them all: the choice is looked at once for each batch.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use monocoque_core::batch::Batch;
use monocoque_core::endpoint::{Endpoint, Host, WsEndpoint};
use monocoque_core::protocol::{Blame, Need, Output, Protocol, ProtocolError, Side};
use monocoque_core::slab::{Arena, SlabMut};
use monocoque_io::LinkFacts;
use monocoque_pattern::host as peer_host;
use monocoque_tls::{Tls, TlsConfig, TlsError, TlsFault};
use monocoque_ws::{WsConfig, WsError, WsSession};
use monocoque_zmtp::{PeerInfo, Session, SessionConfig, SessionError};

use crate::auth::ENTROPY;
use crate::error::OptionError;
use crate::options::TlsOptions;

/// What the connections of an endpoint speak, by its scheme and the options as they were when it was made.
#[derive(Debug, Clone)]
pub(crate) struct Speech {
    session: Arc<SessionConfig>,
    layers: Layers,
}

#[derive(Debug, Clone)]
enum Layers {
    None,
    Ws(Arc<WsConfig>),
    Wss(Arc<WsConfig>, TlsConfig, Arena),
}

impl Speech {
    /// At `endpoint`, where we are `side`.
    ///
    /// # Errors
    /// [`OptionError::Tls`] if TLS cannot be had with the options as they are.
    pub(crate) fn new(
        endpoint: &Endpoint,
        side: Side,
        session: Arc<SessionConfig>,
        tls: &TlsOptions,
        arena: &Arena,
    ) -> Result<Self, OptionError> {
        let layers = match endpoint {
            Endpoint::Ws(ws) => {
                let ws_config = Arc::new(WsConfig {
                    session: Arc::clone(&session),
                    host: host(ws),
                    path: ws.path().to_owned(),
                    entropy: ENTROPY,
                    arena: arena.clone(),
                });
                if ws.is_secure() {
                    Layers::Wss(ws_config, tls.config(ws, side)?, arena.clone())
                } else {
                    Layers::Ws(ws_config)
                }
            }
            _ => Layers::None,
        };
        Ok(Self { session, layers })
    }

    /// The beginning of one connection.
    pub(crate) fn begin(&self, facts: &LinkFacts) -> Conversation {
        // Asked for only by who judges.
        let judges = self.session.authenticator.is_some();
        let address = if judges { peer_host(&facts.remote).unwrap_or_default() } else { "" };
        let ws = |config: &Arc<WsConfig>| WsSession::new(Arc::clone(config), facts.side).of_peer_at(address);
        match &self.layers {
            Layers::None => Conversation::Zmtp(Session::new(Arc::clone(&self.session), facts.side).of_peer_at(address)),
            Layers::Ws(config) => Conversation::Ws(Box::new(ws(config))),
            Layers::Wss(config, tls, arena) => {
                Conversation::Wss(Box::new(Tls::new(ws(config), tls.clone(), arena.clone())))
            }
        }
    }
}

/// What the request calls the server. A scope is this machine's own affair (RFC 6874).
fn host(ws: &WsEndpoint) -> String {
    match ws.target().host() {
        Host::V6 { addr, .. } => format!("[{addr}]:{}", ws.target().port()),
        host => format!("{host}:{}", ws.target().port()),
    }
}

/// One connection's protocol. What is rarer is boxed, so that it does not make the others larger.
#[derive(Debug)]
pub(crate) enum Conversation {
    Zmtp(Session),
    Ws(Box<WsSession>),
    Wss(Box<Tls<WsSession>>),
}

/// Why one was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConversationError {
    #[error(transparent)]
    Session(SessionError),
    #[error(transparent)]
    WebSocket(WsError),
    #[error(transparent)]
    Tls(TlsFault),
}

impl From<SessionError> for ConversationError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<WsError> for ConversationError {
    fn from(error: WsError) -> Self {
        match error {
            WsError::Session(error) => Self::Session(error),
            error => Self::WebSocket(error),
        }
    }
}

impl From<TlsError<WsError>> for ConversationError {
    fn from(error: TlsError<WsError>) -> Self {
        match error {
            TlsError::Within(error) => error.into(),
            TlsError::Tls(fault) => Self::Tls(fault),
        }
    }
}

impl ProtocolError for ConversationError {
    fn blame(&self) -> Blame {
        match self {
            Self::Session(error) => error.blame(),
            Self::WebSocket(error) => error.blame(),
            Self::Tls(fault) => fault.blame(),
        }
    }

    fn may_retry(&self) -> bool {
        match self {
            Self::Session(error) => error.may_retry(),
            Self::WebSocket(error) => error.may_retry(),
            Self::Tls(_) => true,
        }
    }

    fn is_end(&self) -> bool {
        match self {
            Self::Session(error) => error.is_end(),
            Self::WebSocket(error) => error.is_end(),
            Self::Tls(fault) => fault.is_end(),
        }
    }
}

/// Calls whichever it is.
macro_rules! speak {
    ($conversation:expr, $one:ident => $call:expr) => {
        match $conversation {
            Conversation::Zmtp($one) => $call,
            Conversation::Ws($one) => $call,
            Conversation::Wss($one) => $call,
        }
    };
}

impl Protocol for Conversation {
    type Peer = PeerInfo;
    type Error = ConversationError;

    fn connected(&mut self, now: Instant, out: &mut Output<PeerInfo>) {
        speak!(self, one => one.connected(now, out));
    }

    #[inline]
    fn received(
        &mut self,
        now: Instant,
        input: &mut SlabMut,
        out: &mut Output<PeerInfo>,
    ) -> Result<Need, ConversationError> {
        Ok(speak!(self, one => one.received(now, input, out)?))
    }

    #[inline]
    fn beside(&self, input: usize) -> usize {
        speak!(self, one => one.beside(input))
    }

    fn unfinished(&self) -> usize {
        speak!(self, one => one.unfinished())
    }

    fn poll_unblocked(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        speak!(self, one => one.poll_unblocked(cx))
    }

    #[inline]
    fn send(&mut self, now: Instant, batch: &mut Batch, out: &mut Output<PeerInfo>) -> Result<(), ConversationError> {
        speak!(self, one => one.send(now, batch, out)?);
        Ok(())
    }

    fn finish(&mut self, out: &mut Output<PeerInfo>) {
        speak!(self, one => one.finish(out));
    }

    fn deadline(&self) -> Option<Instant> {
        speak!(self, one => one.deadline())
    }

    fn timeout(&mut self, now: Instant, out: &mut Output<PeerInfo>) -> Result<(), ConversationError> {
        speak!(self, one => one.timeout(now, out)?);
        Ok(())
    }

    fn judge(&mut self, now: Instant) -> Result<(), ConversationError> {
        speak!(self, one => one.judge(now)?);
        Ok(())
    }

    fn is_verbatim(&self) -> bool {
        speak!(self, one => one.is_verbatim())
    }

    fn left(&self) -> Option<ConversationError> {
        speak!(self, one => one.left().map(ConversationError::from))
    }

    fn forgive(&mut self, now: Instant) {
        speak!(self, one => one.forgive(now));
    }
}
