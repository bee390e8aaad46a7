//! Building a socket: options first, then where it binds or connects.

use std::marker::PhantomData;
use std::time::Duration;

use monocoque_core::{RoutingId, RoutingIdError, SocketType};
use monocoque_io::BackoffConfig;
use monocoque_zmtp::Heartbeat;

use crate::context::Context;
use crate::core::Core;
use crate::error::{BindError, ConnectError, OptionError};
use crate::kind::Kind;
use crate::options::{Hwm, Options};
use crate::socket::Socket;

/// Options of a socket to be. An option that the socket cannot honour is an error when it is built.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it binds, connects or builds"]
pub struct SocketBuilder<K> {
    context: Context,
    options: Options,
    /// The first option that was refused.
    error: Option<OptionError>,
    kind: PhantomData<K>,
}

impl<K: Kind> SocketBuilder<K> {
    pub(crate) fn new(context: &Context, socket_type: SocketType) -> Self {
        Self { context: context.clone(), options: Options::new(socket_type), error: None, kind: PhantomData }
    }

    fn with(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(&mut self.options);
        self
    }

    fn refuse(&mut self, option: &'static str, rule: impl Into<String>) {
        self.error.get_or_insert(OptionError::OutOfRange { option, rule: rule.into() });
    }

    /// The name under which ROUTER peers know this socket: 1 to 255 bytes that do not begin with zero
    /// (`ZMQ_ROUTING_ID`).
    pub fn identity(mut self, id: impl TryInto<RoutingId, Error: Into<RoutingIdError>>) -> Self {
        match id.try_into() {
            Ok(id) => self.options.identity = Some(id),
            Err(error) => self.refuse("identity", error.into().to_string()),
        }
        self
    }

    /// The high-water mark of each direction and peer (`ZMQ_SNDHWM`, `ZMQ_RCVHWM`); 1,000 messages by default.
    pub fn hwm(self, mark: Hwm) -> Self {
        self.send_hwm(mark).recv_hwm(mark)
    }

    /// The high-water mark of what is to be sent to each peer (`ZMQ_SNDHWM`).
    pub fn send_hwm(self, mark: Hwm) -> Self {
        self.with(|options| options.send_hwm = mark)
    }

    /// The high-water mark of what each peer has sent and was not received yet (`ZMQ_RCVHWM`).
    pub fn recv_hwm(self, mark: Hwm) -> Self {
        self.with(|options| options.recv_hwm = mark)
    }

    /// How long a closed socket goes on sending what is queued (`ZMQ_LINGER`); a second by default.
    pub fn linger(self, time: Duration) -> Self {
        self.with(|options| options.linger = Some(time))
    }

    /// A closed socket goes on until everything is sent, however long that takes.
    pub fn linger_forever(self) -> Self {
        self.with(|options| options.linger = None)
    }

    /// The waits between attempts to connect; 50 ms doubling to 5 s by default.
    pub fn reconnect(self, bounds: BackoffConfig) -> Self {
        self.with(|options| options.reconnect = Some(bounds))
    }

    /// Connects once and never again (`ZMQ_RECONNECT_IVL` -1).
    pub fn no_reconnect(self) -> Self {
        self.with(|options| options.reconnect = None)
    }

    /// How long one attempt to connect may take (`ZMQ_CONNECT_TIMEOUT`); the system's own limit by default.
    pub fn connect_timeout(self, limit: Duration) -> Self {
        self.with(|options| options.connect_timeout = Some(limit))
    }

    /// How long a handshake may take (`ZMQ_HANDSHAKE_IVL`); 30 s by default, `None` for any time.
    pub fn handshake_timeout(self, limit: Option<Duration>) -> Self {
        self.with(|options| options.handshake_timeout = limit)
    }

    /// When to ask a silent peer for a sign of life, and when to give it up (`ZMQ_HEARTBEAT_*`); never by default.
    pub fn heartbeat(self, heartbeat: Heartbeat) -> Self {
        self.with(|options| options.heartbeat = heartbeat)
    }

    /// How long a send waits for room (`ZMQ_SNDTIMEO`); for ever by default.
    pub fn send_timeout(self, limit: Duration) -> Self {
        self.with(|options| options.send_timeout = Some(limit))
    }

    /// How long a receive waits for a message (`ZMQ_RCVTIMEO`); for ever by default.
    pub fn recv_timeout(self, limit: Duration) -> Self {
        self.with(|options| options.recv_timeout = Some(limit))
    }

    /// The longest frame that is accepted, in bytes (`ZMQ_MAXMSGSIZE`): a peer that sends a longer one is cut off.
    pub fn max_message_size(self, bytes: u64) -> Self {
        self.with(|options| options.max_message_bytes = Some(bytes))
    }

    /// Queues only for peers that are connected (`ZMQ_IMMEDIATE`), not for those being connected to.
    pub fn immediate(self, on: bool) -> Self {
        self.with(|options| options.immediate = on)
    }

    /// Keeps the last message of each peer only (`ZMQ_CONFLATE`). DEALER, PUSH, PULL, PUB and SUB.
    pub fn conflate(self, on: bool) -> Self {
        self.with(|options| options.conflate = on)
    }

    /// Connections that the system holds before they are accepted (`ZMQ_BACKLOG`); 100 by default.
    pub fn backlog(self, connections: i32) -> Self {
        self.with(|options| options.listen.backlog = connections)
    }

    /// Handshakes that may be under way at once on each bound endpoint; 1,024 by default.
    pub fn half_open_max(self, handshakes: usize) -> Self {
        self.with(|options| options.listen.half_open_max = handshakes)
    }

    /// ROUTER: sending to a routing id that nobody has is an error (`ZMQ_ROUTER_MANDATORY`), not a counted drop.
    pub fn router_mandatory(self, on: bool) -> Self {
        self.with(|options| options.hub.router_mandatory = on)
    }

    /// ROUTER: a new peer with a known routing id takes it over (`ZMQ_ROUTER_HANDOVER`).
    ///
    /// On by default, so that a peer that restarts is reached again before its old connection is known dead.
    pub fn router_handover(self, on: bool) -> Self {
        self.with(|options| options.hub.router_handover = on)
    }

    /// REQ: a second send before the reply gives the first request up (`ZMQ_REQ_RELAXED`).
    pub fn relaxed(self, on: bool) -> Self {
        self.with(|options| options.hub.req_relaxed = on)
    }

    /// XPUB: every subscription is reported, not only the first of a topic (`ZMQ_XPUB_VERBOSE`).
    pub fn xpub_verbose(self, on: bool) -> Self {
        self.with(|options| options.hub.xpub_verbose = on)
    }

    /// PUB and XPUB: waits for a full subscriber instead of dropping its copy (`ZMQ_XPUB_NODROP`).
    pub fn no_drop(self, on: bool) -> Self {
        self.with(|options| options.hub.no_drop = on)
    }

    /// The socket, not bound or connected anywhere yet.
    ///
    /// # Errors
    /// [`OptionError`] for the first option that it cannot honour.
    pub fn build(self) -> Result<Socket<K>, OptionError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.options.check()?;
        Ok(Socket::new(Core::new(self.context.inner(), self.options)))
    }

    /// The socket, bound to `endpoint`.
    ///
    /// # Errors
    /// As [`build`](Self::build) and [`Socket::bind`].
    pub async fn bind(self, endpoint: impl AsRef<str>) -> Result<Socket<K>, BindError> {
        let socket = self.build()?;
        socket.bind(endpoint).await?;
        Ok(socket)
    }

    /// The socket, connecting to `endpoint`. Returns at once.
    ///
    /// # Errors
    /// As [`build`](Self::build) and [`Socket::connect`].
    pub fn connect(self, endpoint: impl AsRef<str>) -> Result<Socket<K>, ConnectError> {
        let socket = self.build()?;
        socket.connect(endpoint)?;
        Ok(socket)
    }
}
