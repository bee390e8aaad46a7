//! What a socket can be told, parsed once into what each layer needs.

use std::fmt;
use std::time::Duration;

use monocoque_core::endpoint::HostPort;
use monocoque_core::limits::{
    CEILING_MESSAGE_PART, HIGH_WATER_MARK_DEFAULT, NEAR_SEND_BUFFER_BYTES, UNIX_SEND_BUFFER_BYTES,
};
use monocoque_core::pipe::Mark;
use monocoque_core::{Endpoint, EndpointError, RoutingId, SocketType};
use monocoque_io::{BackoffConfig, DatagramConfig, DialConfig, Keepalive, ListenConfig, SocksProxy};
use monocoque_pattern::HubConfig;
use monocoque_zmtp::{Heartbeat, SessionConfig};

use crate::error::OptionError;
use security::SecurityOptions;
pub(crate) use tls::TlsOptions;

mod contexts;
mod numbers;
mod security;
mod spec;
mod table;
mod tls;

pub use contexts::{ContextOption, ContextOptionError, ContextOptionSpec};
pub use spec::{OptionSpec, OptionValue, SocketOption, TakesEffect};

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

/// What a context gives its new sockets to begin with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ContextOptions {
    pub(crate) max_message_bytes: Option<u64>,
    /// The ceiling for what peers send.
    pub(crate) memory_bytes_max: Option<usize>,
    pub(crate) no_linger: bool,
    pub(crate) ipv6: bool,
}

/// How a SOCKS proxy is reached and logged in to. An empty user is none.
#[derive(Clone, Default)]
pub(crate) struct Socks {
    pub(crate) at: Option<HostPort>,
    pub(crate) source: Option<HostPort>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

/// Without the password.
impl fmt::Debug for Socks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks").field("at", &self.at).field("user", &self.user).finish_non_exhaustive()
    }
}

impl Socks {
    /// Sets the place; text that is empty means none.
    pub(crate) fn set_place(&mut self, text: Option<&str>) -> Result<(), String> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            (self.at, self.source) = (None, None);
            return Ok(());
        };
        let parsed: Endpoint = format!("tcp://{text}").parse().map_err(|error: EndpointError| error.to_string())?;
        parsed.check_connect().map_err(|error| error.to_string())?;
        match parsed {
            Endpoint::Tcp(tcp) => (self.at, self.source) = (Some(tcp.target().clone()), tcp.source().cloned()),
            _ => return Err("takes HOST:PORT, or SOURCE;HOST:PORT".to_owned()),
        }
        Ok(())
    }

    /// As it was set.
    pub(crate) fn place(&self) -> Option<String> {
        let at = self.at.as_ref()?;
        Some(self.source.as_ref().map_or_else(|| at.to_string(), |source| format!("{source};{at}")))
    }

    fn proxy(&self) -> Option<SocksProxy> {
        let login = self.user.clone().map(|user| (user, self.password.clone().unwrap_or_default()));
        self.at.clone().map(|at| SocksProxy { at, source: self.source.clone(), login })
    }
}

/// The marks of a socket's pipes to and from each peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) send: Mark,
    pub(crate) recv: Mark,
}

/// All options of a socket, with their defaults.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) socket_type: SocketType,
    pub(crate) identity: Option<RoutingId>,
    pub(crate) send_hwm: Hwm,
    pub(crate) recv_hwm: Hwm,
    pub(crate) linger: Option<Duration>,
    pub(crate) reconnects: bool,
    pub(crate) reconnect: BackoffConfig,
    pub(crate) reconnect_stop: ReconnectStop,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) handshake_timeout: Option<Duration>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) send_timeout: Option<Duration>,
    pub(crate) recv_timeout: Option<Duration>,
    pub(crate) max_message_bytes: Option<u64>,
    /// What a message may take below the ceiling of the context, in bytes.
    message_room_bytes: Option<u64>,
    pub(crate) immediate: bool,
    pub(crate) conflate: bool,
    pub(crate) security: SecurityOptions,
    pub(crate) tls: TlsOptions,
    /// The I/O threads that may serve the socket, one bit for each; all if there is none.
    pub(crate) affinity: u64,
    pub(crate) listen: ListenConfig,
    pub(crate) hub: HubConfig,
    /// The proxy of TCP connects, as `host:port`, and what it is told.
    pub(crate) socks: Socks,
    /// The name of whom is connected to next.
    pub(crate) next_name: Option<RoutingId>,
    /// What the peers are told beside what the protocol tells, in order.
    pub(crate) metadata: Vec<(String, Vec<u8>)>,
    /// UDP: routers that a multicast datagram may pass, and whether it comes back to this machine.
    pub(crate) multicast: (u32, bool),
    /// What keep-alive begins with when it is turned on.
    keepalive_times: Keepalive,
    /// Told back, and always so.
    stop_after_disconnect: bool,
    /// Whether it does what libzmq does where that is not a default but a rule of ours: inproc joins sockets of types that do not
    /// suit each other, keys need not be a pair, and peers wait for a ZAP handler that has gone.
    pub(crate) as_libzmq: bool,
}

impl Options {
    pub(crate) fn new(socket_type: SocketType) -> Self {
        let mut hub = HubConfig::new(socket_type);
        hub.router_handover = true;
        let mut listen = ListenConfig::default();
        if socket_type.publishes() {
            listen.tuning.near_send_buffer_bytes = Some(NEAR_SEND_BUFFER_BYTES);
        } else {
            listen.tuning.unix_send_buffer_bytes = Some(UNIX_SEND_BUFFER_BYTES);
        }
        Self {
            socket_type,
            identity: None,
            send_hwm: Hwm::default(),
            recv_hwm: Hwm::default(),
            linger: Some(Duration::from_secs(1)),
            reconnects: true,
            reconnect: BackoffConfig::default(),
            reconnect_stop: ReconnectStop::default(),
            connect_timeout: None,
            handshake_timeout: Some(Duration::from_secs(30)),
            heartbeat: Heartbeat::default(),
            send_timeout: None,
            recv_timeout: None,
            max_message_bytes: None,
            message_room_bytes: None,
            immediate: false,
            conflate: false,
            security: SecurityOptions::default(),
            tls: TlsOptions::default(),
            affinity: 0,
            listen,
            hub,
            socks: Socks::default(),
            next_name: None,
            metadata: Vec::new(),
            multicast: (1, true),
            keepalive_times: Keepalive::default(),
            stop_after_disconnect: false,
            as_libzmq: false,
        }
    }

    /// The defaults of libzmq 4.3.5, where they differ (docs/decisions/0001).
    pub(crate) fn libzmq(socket_type: SocketType) -> Self {
        let mut options = Self::new(socket_type);
        options.hub.router_handover = false;
        options.hub.reserved_names = true;
        options.as_libzmq = true;
        options.linger = if socket_type.subscribes() { Some(Duration::ZERO) } else { None };
        options.reconnect = BackoffConfig { first: Duration::from_millis(100), max: Duration::ZERO };
        options
    }

    /// A routing id that the application chooses: libzmq reserves none.
    fn chosen_name(&self, bytes: Option<&[u8]>) -> Result<RoutingId, String> {
        let bytes = bytes.unwrap_or_default();
        let id = if self.as_libzmq { RoutingId::received(bytes) } else { RoutingId::new(bytes) };
        id.map_err(|error| error.to_string())
    }

    /// With what their context has them begin with.
    pub(crate) fn of_context(mut self, context: ContextOptions) -> Self {
        if context.no_linger {
            self.linger = Some(Duration::ZERO);
        }
        self.max_message_bytes = context.max_message_bytes;
        self.message_room_bytes = context.memory_bytes_max.map(|bytes| (bytes / CEILING_MESSAGE_PART) as u64);
        self.listen.tuning.ipv6 = context.ipv6;
        self
    }

    /// Sets an option by its number, if the socket type has it.
    pub(crate) fn set(&mut self, option: SocketOption, value: &OptionValue) -> Result<(), OptionError> {
        option.check_type(self.socket_type)?;
        option.known()?.set(self, value)
    }

    /// Tells the peers one more property. The first of a name stays, as with libzmq.
    pub(crate) fn add_metadata(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        if !name.starts_with("X-") || value.is_empty() {
            return Err("takes a name that begins with X- and a value that is not empty".to_owned());
        }
        if self.metadata.iter().any(|(known, _)| known == name) {
            return Ok(());
        }
        // Judged with those that are there: all of them have to fit.
        let mut config = self.session_config();
        config.add_metadata(name, value).map_err(|error| error.to_string())?;
        self.metadata.push((name.to_owned(), value.to_vec()));
        Ok(())
    }

    pub(crate) fn hub_config(&self) -> HubConfig {
        let mut hub = self.hub.clone();
        hub.conflate = self.conflate;
        hub
    }

    pub(crate) fn session_config(&self) -> SessionConfig {
        let mut config = SessionConfig::new(self.socket_type);
        config.identity = self.identity.clone();
        config.max_message_bytes = self.max_message_bytes.into_iter().chain(self.message_room_bytes).min();
        config.max_multipart_bytes = self.message_room_bytes;
        config.handshake_timeout = self.handshake_timeout;
        config.heartbeat = self.heartbeat;
        config.security = self.security.session();
        config.authenticator = self.security.authenticator();
        config.raw = self.hub.raw;
        for (name, value) in &self.metadata {
            config.add_metadata(name.as_str(), value.as_slice()).expect("it was judged when it was set");
        }
        config
    }

    pub(crate) fn dial_config(&self) -> DialConfig {
        DialConfig {
            backoff: self.reconnects.then_some(self.reconnect),
            timeout: self.connect_timeout,
            stop_when_refused: self.reconnect_stop.refused,
            seed: fastrand::u64(..),
            proxy: self.socks.proxy(),
            tuning: self.listen.tuning.clone(),
        }
    }

    pub(crate) fn datagram_config(&self) -> DatagramConfig {
        let (multicast_hops, multicast_loop) = self.multicast;
        DatagramConfig { multicast_hops, multicast_loop, tuning: self.listen.tuning.clone() }
    }

    /// The marks of its pipes; a conflating socket's hold one message and need none.
    pub(crate) fn marks(&self) -> Marks {
        Marks { send: self.send_hwm.0, recv: self.recv_hwm.0 }
    }
}
