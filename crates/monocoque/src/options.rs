//! What a socket can be told, parsed once into what each layer needs.

use std::sync::Arc;
use std::time::Duration;

use monocoque_core::limits::HIGH_WATER_MARK_DEFAULT;
use monocoque_core::pipe::Mark;
use monocoque_core::{RoutingId, SocketType};
use monocoque_io::{BackoffConfig, DialConfig, ListenConfig};
use monocoque_pattern::{HubConfig, RouterNotify};
use monocoque_zmtp::{Heartbeat, SessionConfig};

use crate::error::OptionError;

/// A high-water mark for one peer and direction: whole messages, and optionally bytes. Zero means no limit.
///
/// A full peer blocks or drops, as its socket type has it. A message larger than the byte mark still passes
/// when nothing else is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hwm(pub(crate) Mark);

impl Hwm {
    /// At most `messages` messages.
    pub const fn messages(messages: u32) -> Self {
        Self(Mark::messages(messages))
    }

    /// And at most `bytes` bytes of bodies.
    pub const fn bytes(self, bytes: usize) -> Self {
        Self(Mark { bytes, ..self.0 })
    }

    /// No limit.
    pub const fn unlimited() -> Self {
        Self::messages(0)
    }
}

impl Default for Hwm {
    fn default() -> Self {
        Self::messages(HIGH_WATER_MARK_DEFAULT)
    }
}

/// What ends a connected endpoint for good, instead of another attempt (`ZMQ_RECONNECT_STOP`): the event is
/// [`ConnectGivenUp`](crate::Event::ConnectGivenUp). Nothing does by default, but for a peer's ERROR command, after which
/// RFC 37 forbids to try again unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconnectStop {
    /// Nobody listens there.
    pub refused: bool,
    /// The handshake failed.
    pub handshake_failed: bool,
}

/// All options of a socket, with their defaults.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) socket_type: SocketType,
    pub(crate) identity: Option<RoutingId>,
    pub(crate) send_hwm: Hwm,
    pub(crate) recv_hwm: Hwm,
    pub(crate) linger: Option<Duration>,
    pub(crate) reconnect: Option<BackoffConfig>,
    pub(crate) reconnect_stop: ReconnectStop,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) send_timeout: Option<Duration>,
    pub(crate) recv_timeout: Option<Duration>,
    pub(crate) max_message_bytes: Option<u64>,
    pub(crate) immediate: bool,
    pub(crate) conflate: bool,
    pub(crate) listen: ListenConfig,
    pub(crate) hub: HubConfig,
}

impl Options {
    pub(crate) fn new(socket_type: SocketType) -> Self {
        let mut hub = HubConfig::new(socket_type);
        hub.router_handover = true;
        Self {
            socket_type,
            identity: None,
            send_hwm: Hwm::default(),
            recv_hwm: Hwm::default(),
            linger: Some(Duration::from_secs(1)),
            reconnect: Some(BackoffConfig::default()),
            reconnect_stop: ReconnectStop::default(),
            connect_timeout: None,
            handshake_timeout: Some(Duration::from_secs(30)),
            heartbeat: Heartbeat::default(),
            send_timeout: None,
            recv_timeout: None,
            max_message_bytes: None,
            immediate: false,
            conflate: false,
            listen: ListenConfig::default(),
            hub,
        }
    }

    /// What cannot be honoured on this socket type is refused, never ignored.
    pub(crate) fn check(&self) -> Result<(), OptionError> {
        use SocketType::{Client, Dealer, Peer, Pub, Pull, Push, Radio, Req, Router, Server, Sub, XPub};
        let kind = self.socket_type;
        let refuse = |set: bool, option: &'static str, fits: &[SocketType]| {
            if set && !fits.contains(&kind) {
                Err(OptionError::DoesNotApply { option, socket_type: kind })
            } else {
                Ok(())
            }
        };
        refuse(self.conflate, "conflate", &[Dealer, Push, Pull, Pub, Sub])?;
        refuse(self.hub.router_mandatory, "router_mandatory", &[Router])?;
        refuse(self.hub.req_relaxed, "relaxed", &[Req])?;
        refuse(self.hub.xpub_verbose, "xpub_verbose", &[XPub])?;
        refuse(self.hub.xpub_verboser, "xpub_verboser", &[XPub])?;
        refuse(self.hub.xpub_manual, "xpub_manual", &[XPub])?;
        refuse(self.hub.xpub_manual_last_value, "xpub_manual_last_value", &[XPub])?;
        refuse(self.hub.xpub_welcome.is_some(), "welcome", &[XPub])?;
        refuse(self.hub.invert_matching, "invert_matching", &[Pub, XPub, Sub])?;
        refuse(self.hub.probe_router, "probe_router", &[Router, Dealer, Req])?;
        refuse(self.hub.router_notify != RouterNotify::default(), "router_notify", &[Router])?;
        refuse(self.hub.disconnect.is_some(), "disconnect_message", &[Router, Server, Peer])?;
        refuse(self.hub.hiccup.is_some(), "hiccup_message", &[Dealer, Client, Peer])?;
        refuse(self.hub.hello.is_some(), "hello", &[Router, Dealer, Client, Server, Peer])?;
        refuse(self.hub.no_drop, "no_drop", &[Pub, XPub, Radio])
    }

    pub(crate) fn hub_config(&self) -> HubConfig {
        let mut hub = self.hub.clone();
        hub.conflate = self.conflate;
        hub
    }

    pub(crate) fn session_config(&self) -> Arc<SessionConfig> {
        let mut config = SessionConfig::new(self.socket_type);
        config.identity = self.identity.clone();
        config.max_message_bytes = self.max_message_bytes;
        config.handshake_timeout = self.handshake_timeout;
        config.heartbeat = self.heartbeat;
        Arc::new(config)
    }

    pub(crate) fn dial_config(&self) -> DialConfig {
        DialConfig {
            backoff: self.reconnect,
            timeout: self.connect_timeout,
            stop_when_refused: self.reconnect_stop.refused,
            seed: fastrand::u64(..),
            tuning: self.listen.tuning.clone(),
        }
    }

    /// The mark of outgoing pipes; a conflating socket holds one message and needs none.
    pub(crate) fn send_mark(&self) -> Mark {
        self.send_hwm.0
    }

    /// The mark of incoming pipes.
    pub(crate) fn recv_mark(&self) -> Mark {
        self.recv_hwm.0
    }
}
