//! Building a socket: options first, then where it binds or connects.

use std::marker::PhantomData;
use std::time::Duration;

use monocoque_core::{Message, RoutingId, RoutingIdError, SocketType};
use monocoque_io::{AcceptFilter, BackoffConfig, Keepalive, SocketTuning};
use monocoque_pattern::RouterNotify;
use monocoque_zmtp::{Authenticator, CurveKeys, Heartbeat, PublicKey, SecretKey};

use crate::context::Context;
use crate::core::Core;
use crate::error::{BindError, ConnectError, OptionError};
use crate::kind::Kind;
use crate::options::{Hwm, OptionValue, Options, ReconnectStop, SocketOption};
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
        let options = Options::new(socket_type).of_context(context.inner().defaults.options);
        Self { context: context.clone(), options, error: None, kind: PhantomData }
    }

    fn with(mut self, set: impl FnOnce(&mut Options)) -> Self {
        set(&mut self.options);
        self
    }

    /// Sets the option of this number, as [`Socket::set_option`] does later. docs/options.md has them all.
    pub fn option(mut self, option: SocketOption, value: impl Into<OptionValue>) -> Self {
        if let Err(error) = self.options.set(option, &value.into()) {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Sets what has no one value in the table, if the type has the option.
    fn set(mut self, option: SocketOption, set: impl FnOnce(&mut Options)) -> Self {
        match option.check_type(self.options.socket_type) {
            Ok(()) => set(&mut self.options),
            Err(error) => drop(self.error.get_or_insert(error)),
        }
        self
    }

    /// A switch, which may be off on any type.
    fn switch(self, option: SocketOption, on: bool) -> Self {
        let applies = option.check_type(self.options.socket_type).is_ok();
        if on || applies { self.option(option, on) } else { self }
    }

    /// Everything as libzmq 4.3.5 has it: an endless linger, but none of SUB, XSUB and DISH, reconnects every 100 ms, and no
    /// handover of routing ids. What was set before is forgotten.
    pub fn as_libzmq(self) -> Self {
        let context = self.context.inner().defaults.options;
        self.with(|options| *options = Options::libzmq(options.socket_type).of_context(context))
    }

    /// The name under which ROUTER peers know this socket: 1 to 255 bytes that do not begin with zero
    /// (`ZMQ_ROUTING_ID`).
    pub fn identity(mut self, id: impl TryInto<RoutingId, Error: Into<RoutingIdError>>) -> Self {
        match id.try_into() {
            Ok(id) => self.options.identity = Some(id),
            Err(error) => {
                let rule = error.into().to_string();
                self.error.get_or_insert(OptionError::OutOfRange { option: SocketOption::ROUTING_ID, rule });
            }
        }
        self
    }

    /// Tells each peer a property in the handshake, which it may receive this socket's messages with (`ZMQ_METADATA`,
    /// [`Socket::recv_with_peer`]): `name` begins with `X-` and is 255 letters, digits and `-_.+` at most; `value` is not
    /// empty. The first of a name stays.
    pub fn metadata(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        if let Err(rule) = self.options.add_metadata(name.as_ref(), value.as_ref()) {
            self.error.get_or_insert(OptionError::OutOfRange { option: SocketOption::METADATA, rule });
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
        self.with(|options| (options.reconnects, options.reconnect) = (true, bounds))
    }

    /// Connects once and never again (`ZMQ_RECONNECT_IVL` -1).
    pub fn no_reconnect(self) -> Self {
        self.with(|options| options.reconnects = false)
    }

    /// What ends a connected endpoint for good, instead of another attempt (`ZMQ_RECONNECT_STOP`).
    pub fn reconnect_stop(self, when: ReconnectStop) -> Self {
        self.with(|options| options.reconnect_stop = when)
    }

    /// How long the connection to one address may take (`ZMQ_CONNECT_TIMEOUT`); by default, and for zero, the system's own limit.
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
        self.switch(SocketOption::IMMEDIATE, on)
    }

    /// Keeps the last message of each peer only (`ZMQ_CONFLATE`). DEALER, PUSH, PULL, PUB and SUB.
    pub fn conflate(self, on: bool) -> Self {
        self.switch(SocketOption::CONFLATE, on)
    }

    /// Connections that the system holds before they are accepted (`ZMQ_BACKLOG`); 100 by default.
    pub fn backlog(self, connections: i32) -> Self {
        self.with(|options| options.listen.backlog = connections)
    }

    /// The I/O threads that may serve the socket (`ZMQ_AFFINITY`): one bit for each, the first is bit 0; all by default, and
    /// for a mask of zero. A mask without any of the context's threads is an error of the bind or connect.
    pub fn affinity(self, mask: u64) -> Self {
        self.with(|options| options.affinity = mask)
    }

    /// Whom bound endpoints let in (`ZMQ_TCP_ACCEPT_FILTER`, `ZMQ_IPC_FILTER_*`); everyone by default. Who is turned away shows
    /// as [`Event::Filtered`](crate::Event::Filtered), and in the count of handshakes.
    pub fn accept_filter(self, filter: AcceptFilter) -> Self {
        self.with(|options| options.listen.filter = filter)
    }

    /// TCP: the SOCKS5 proxy that connects go through, as `host:port` (`ZMQ_SOCKS_PROXY`). It looks names up.
    pub fn socks_proxy(self, at: impl Into<String>) -> Self {
        self.option(SocketOption::SOCKS_PROXY, at.into())
    }

    /// TCP: the user and password that the SOCKS5 proxy is told if it asks (`ZMQ_SOCKS_USERNAME`, `ZMQ_SOCKS_PASSWORD`): at
    /// most 255 bytes each. They go over the network as they are.
    pub fn socks_login(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.option(SocketOption::SOCKS_USERNAME, user.into()).option(SocketOption::SOCKS_PASSWORD, password.into())
    }

    /// `wss://`, bound: the certificate that is shown, followed by those up to one that clients trust, and its private key,
    /// both as PEM (`ZMQ_WSS_CERT_PEM`, `ZMQ_WSS_KEY_PEM`).
    pub fn tls_identity(self, certificates_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        self.option(SocketOption::WSS_CERT_PEM, certificates_pem.into())
            .option(SocketOption::WSS_KEY_PEM, key_pem.into())
    }

    /// `wss://`, connected: the certificates, as PEM, one of which must have signed the server's (`ZMQ_WSS_TRUST_PEM`). Without
    /// this and [`tls_trust_system`](Self::tls_trust_system) no server is trusted.
    pub fn tls_trust(self, certificates_pem: impl Into<String>) -> Self {
        self.option(SocketOption::WSS_TRUST_PEM, certificates_pem.into())
    }

    /// `wss://`, connected: the certificates that the system trusts may have signed the server's too (`ZMQ_WSS_TRUST_SYSTEM`).
    pub fn tls_trust_system(self, on: bool) -> Self {
        self.switch(SocketOption::WSS_TRUST_SYSTEM, on)
    }

    /// `wss://`, connected: the name or address that the server's certificate must be for (`ZMQ_WSS_HOSTNAME`); the host of the
    /// endpoint by default.
    pub fn tls_server_name(self, name: impl Into<String>) -> Self {
        self.option(SocketOption::WSS_HOSTNAME, name.into())
    }

    /// Handshakes that may be under way at once on each bound endpoint; 1,024 by default.
    pub fn half_open_max(self, handshakes: usize) -> Self {
        self.option(SocketOption::HALF_OPEN_MAX, count(handshakes))
    }

    /// And of one host, an IPv4 address or 64 bits of an IPv6 one: 512 by default, so that no host alone keeps others out.
    pub fn half_open_host_max(self, handshakes: usize) -> Self {
        self.option(SocketOption::HALF_OPEN_HOST_MAX, count(handshakes))
    }

    /// Bytes that the system holds of what is sent on each connection (`ZMQ_SNDBUF`); its own choice by default, but of what
    /// publishers send over TCP to peers on the same machine 128 KiB: it is kept once for all of them in their queues. Over ipc it is
    /// 256 KiB for all others, or what the system allows.
    ///
    /// This and the other options of connections' sockets act on what is bound and connected afterwards. What the system
    /// refuses is an error of the bind, or the reason in [`Event::ConnectRetried`](crate::Event::ConnectRetried).
    pub fn send_buffer(self, bytes: usize) -> Self {
        self.tune(|tuning| tuning.send_buffer_bytes = Some(bytes))
    }

    /// Bytes that the system holds of what each connection has received (`ZMQ_RCVBUF`); its own choice by default.
    pub fn recv_buffer(self, bytes: usize) -> Self {
        self.tune(|tuning| tuning.recv_buffer_bytes = Some(bytes))
    }

    /// TCP: the type of service, or traffic class, of packets (`ZMQ_TOS`).
    pub fn tos(self, class: u8) -> Self {
        self.tune(|tuning| tuning.tos = Some(class.into()))
    }

    /// The priority of packets in this machine's queues (`ZMQ_PRIORITY`); above 6 it needs CAP_NET_ADMIN.
    pub fn priority(self, priority: u32) -> Self {
        self.tune(|tuning| tuning.priority = Some(priority))
    }

    /// TCP: whether the system asks silent peers for a sign of life, and when (`ZMQ_TCP_KEEPALIVE*`); `None` turns it off.
    pub fn keepalive(self, keepalive: Option<Keepalive>) -> Self {
        self.tune(|tuning| tuning.keepalive = Some(keepalive))
    }

    /// TCP: how long sent bytes may stay unacknowledged before the connection is lost (`ZMQ_TCP_MAXRT`).
    pub fn max_retransmit(self, time: Duration) -> Self {
        self.tune(|tuning| tuning.retransmit_max = Some(time))
    }

    /// TCP and UDP: names may have IPv6 addresses, and `*` is every address of both families (`ZMQ_IPV6`); off by default. An
    /// IPv6 address may be written either way.
    pub fn ipv6(self, on: bool) -> Self {
        self.tune(|tuning| tuning.ipv6 = on)
    }

    /// TCP: the interface, or routing domain, that connections keep to (`ZMQ_BINDTODEVICE`).
    pub fn bind_device(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.tune(|tuning| tuning.device = Some(name))
    }

    /// How long a read in the kernel may poll the device (`ZMQ_BUSY_POLL`, in microseconds).
    pub fn busy_poll(self, time: Duration) -> Self {
        let time_us = time.as_micros().try_into().unwrap_or(u32::MAX);
        self.tune(|tuning| tuning.busy_poll_us = Some(time_us))
    }

    /// UDP: routers that a multicast datagram may pass (`ZMQ_MULTICAST_HOPS`); one by default.
    pub fn multicast_hops(self, hops: u8) -> Self {
        self.option(SocketOption::MULTICAST_HOPS, i64::from(hops))
    }

    /// UDP: whether multicast datagrams come back to this machine (`ZMQ_MULTICAST_LOOP`); they do by default.
    pub fn multicast_loop(self, on: bool) -> Self {
        self.option(SocketOption::MULTICAST_LOOP, on)
    }

    fn tune(self, set: impl FnOnce(&mut SocketTuning)) -> Self {
        self.with(|options| set(&mut options.listen.tuning))
    }

    /// ROUTER: sending to a routing id that nobody has is an error (`ZMQ_ROUTER_MANDATORY`), not a counted drop.
    pub fn router_mandatory(self, on: bool) -> Self {
        self.switch(SocketOption::ROUTER_MANDATORY, on)
    }

    /// ROUTER: a new peer with a known routing id takes it over (`ZMQ_ROUTER_HANDOVER`).
    ///
    /// On by default, so that a peer that restarts is reached again before its old connection is known dead.
    pub fn router_handover(self, on: bool) -> Self {
        self.switch(SocketOption::ROUTER_HANDOVER, on)
    }

    /// REQ: a second send before the reply gives the first request up (`ZMQ_REQ_RELAXED`). With
    /// [`correlate`](Self::correlate), which this turns on too: nothing else tells a late reply to the first from that to the
    /// second. The option alone does not, as with libzmq.
    pub fn relaxed(self, on: bool) -> Self {
        let relaxed = self.switch(SocketOption::REQ_RELAXED, on);
        if on { relaxed.correlate(true) } else { relaxed }
    }

    /// REQ: an id goes before every request, and a reply with another is dropped (`ZMQ_REQ_CORRELATE`).
    pub fn correlate(self, on: bool) -> Self {
        self.switch(SocketOption::REQ_CORRELATE, on)
    }

    /// PUB, XPUB, XSUB: a subscriber's message whose first frame is no subscription has none in its other frames either
    /// (`ZMQ_ONLY_FIRST_SUBSCRIBE`).
    pub fn only_first_subscribe(self, on: bool) -> Self {
        self.switch(SocketOption::ONLY_FIRST_SUBSCRIBE, on)
    }

    /// XSUB: every subscription that is taken back is told, not only the last of a topic
    /// (`ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`).
    pub fn xsub_verbose_unsubscribe(self, on: bool) -> Self {
        self.switch(SocketOption::XSUB_VERBOSE_UNSUBSCRIBE, on)
    }

    /// XPUB: every subscription is reported, not only the first of a topic (`ZMQ_XPUB_VERBOSE`).
    pub fn xpub_verbose(self, on: bool) -> Self {
        self.switch(SocketOption::XPUB_VERBOSE, on)
    }

    /// XPUB: every subscription is reported, and every one that is taken back (`ZMQ_XPUB_VERBOSER`).
    pub fn xpub_verboser(self, on: bool) -> Self {
        self.switch(SocketOption::XPUB_VERBOSER, on)
    }

    /// XPUB: subscriptions are told and not in force until [`grant_subscription`](Socket::grant_subscription) says so
    /// (`ZMQ_XPUB_MANUAL`).
    pub fn xpub_manual(self, on: bool) -> Self {
        self.switch(SocketOption::XPUB_MANUAL, on)
    }

    /// XPUB, manual: the message that is sent after a notice was received goes to the peer of that notice only, so that it
    /// gets the last value of what it subscribed to (`ZMQ_XPUB_MANUAL_LAST_VALUE`).
    pub fn xpub_manual_last_value(self, on: bool) -> Self {
        self.switch(SocketOption::XPUB_MANUAL_LAST_VALUE, on)
    }

    /// PUB, XPUB: what each new peer is sent before everything else, whatever it subscribes to (`ZMQ_XPUB_WELCOME_MSG`). A SUB
    /// receives it if it is subscribed to it.
    pub fn welcome(self, message: impl Into<Message>) -> Self {
        self.set(SocketOption::XPUB_WELCOME_MSG, |options| options.hub.xpub_welcome = Some(message.into()))
    }

    /// PUB and XPUB send to those whose subscriptions do *not* match, a SUB receives what its own do not match
    /// (`ZMQ_INVERT_MATCHING`). Set on both sides.
    pub fn invert_matching(self, on: bool) -> Self {
        self.switch(SocketOption::INVERT_MATCHING, on)
    }

    /// ROUTER, DEALER and REQ: sends an empty message to each new peer, so that a ROUTER there learns this socket's name
    /// before anything else is said (`ZMQ_PROBE_ROUTER`).
    pub fn probe_router(self, on: bool) -> Self {
        self.switch(SocketOption::PROBE_ROUTER, on)
    }

    /// ROUTER, DEALER, CLIENT, SERVER and PEER: what each new peer is sent before everything else (`ZMQ_HELLO_MSG`).
    pub fn hello(self, message: impl Into<Message>) -> Self {
        self.set(SocketOption::HELLO_MSG, |options| options.hub.hello = Some(message.into()))
    }

    /// STREAM: an empty message is received of each connection that comes, and that goes (`ZMQ_STREAM_NOTIFY`); on by default.
    pub fn stream_notify(self, on: bool) -> Self {
        self.option(SocketOption::STREAM_NOTIFY, on)
    }

    /// ROUTER: its connections speak no protocol, as those of a STREAM (`ZMQ_ROUTER_RAW`).
    pub fn router_raw(self, on: bool) -> Self {
        self.switch(SocketOption::ROUTER_RAW, on)
    }

    /// ROUTER: an empty message is received of each peer that comes, or goes (`ZMQ_ROUTER_NOTIFY`).
    pub fn router_notify(self, of: RouterNotify) -> Self {
        self.set(SocketOption::ROUTER_NOTIFY, |options| options.hub.router_notify = of)
    }

    /// ROUTER, SERVER and PEER: what is received of each peer that goes, behind all that it sent (`ZMQ_DISCONNECT_MSG`).
    pub fn disconnect_message(self, message: impl Into<Message>) -> Self {
        self.set(SocketOption::DISCONNECT_MSG, |options| options.hub.disconnect = Some(message.into()))
    }

    /// DEALER, CLIENT and PEER: what is received when a connection of this side's making is lost, and will be made again
    /// (`ZMQ_HICCUP_MSG`).
    pub fn hiccup_message(self, message: impl Into<Message>) -> Self {
        self.set(SocketOption::HICCUP_MSG, |options| options.hub.hiccup = Some(message.into()))
    }

    /// PUB, XPUB and RADIO: waits for a full subscriber instead of dropping its copy (`ZMQ_XPUB_NODROP`).
    pub fn no_drop(self, on: bool) -> Self {
        self.switch(SocketOption::XPUB_NODROP, on)
    }

    /// Asks clients for a user name and a password (`ZMQ_PLAIN_SERVER`), of which an [`authenticator`](Self::authenticator)
    /// or a ZAP handler judges: nobody is let in if there is neither. Who is server has nothing to do with who binds. Not
    /// over inproc, where nobody is a stranger.
    pub fn plain_server(self, on: bool) -> Self {
        self.switch(SocketOption::PLAIN_SERVER, on)
    }

    /// Has `judge` decide who is let in: an [`AccessPolicy`](crate::AccessPolicy), a [`PlainTable`](crate::PlainTable), or
    /// a closure from [`Applicant`](crate::Applicant) to [`Verdict`](crate::Verdict) or [`Judging`](crate::Judging). It is
    /// asked about every peer, of NULL too, and no ZAP handler is. It is called on an I/O thread and must not block.
    pub fn authenticator(self, judge: impl Authenticator) -> Self {
        self.set(SocketOption::PLAIN_SERVER, |options| options.security.judge_by(judge))
    }

    /// What a ZAP handler is told that peers want into (`ZMQ_ZAP_DOMAIN`), of at most 255 bytes. With it the handler is asked
    /// about peers of NULL too.
    pub fn zap_domain(self, domain: impl Into<String>) -> Self {
        self.option(SocketOption::ZAP_DOMAIN, domain.into())
    }

    /// With a [`zap_domain`](Self::zap_domain) nobody comes in whom no ZAP handler has judged; without one, CURVE asks none
    /// (`ZMQ_ZAP_ENFORCE_DOMAIN`). Off by default: peers of NULL and CURVE come in while nobody is bound there.
    pub fn zap_enforce_domain(self, on: bool) -> Self {
        self.switch(SocketOption::ZAP_ENFORCE_DOMAIN, on)
    }

    /// Is a CURVE server with these long-term keys, of which clients know the public side of one (`ZMQ_CURVE_SERVER`). All
    /// that is sent is encrypted. Without an [`authenticator`](Self::authenticator) or ZAP handler whoever knows the key,
    /// which is no secret, is let in. A clone of [`CurveKeys`] changes the keys while the socket runs.
    pub fn curve_server(self, keys: impl Into<CurveKeys>) -> Self {
        self.set(SocketOption::CURVE_SERVER, |options| options.security.be_curve_server(keys.into()))
    }

    /// Is a CURVE client that talks to the server with the public key `server` only, and is known to it by `secret`
    /// (`ZMQ_CURVE_SERVERKEY`, `ZMQ_CURVE_SECRETKEY`). All that is sent is encrypted.
    pub fn curve_client(self, server: PublicKey, secret: SecretKey) -> Self {
        self.set(SocketOption::CURVE_SERVERKEY, |options| options.security.be_curve_client(server, secret))
    }

    /// Tells PLAIN servers this user name and password (`ZMQ_PLAIN_USERNAME`, `ZMQ_PLAIN_PASSWORD`), of at most 255 bytes
    /// each. They can be read by whoever can read the connection. Peers that are no PLAIN servers are refused.
    pub fn plain(mut self, username: impl Into<String>, password: impl AsRef<[u8]>) -> Self {
        let result = SocketOption::PLAIN_USERNAME
            .check_type(self.options.socket_type)
            .and_then(|()| self.options.security.set_plain(username.into(), password.as_ref()));
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
        self
    }

    /// The socket, not bound or connected anywhere yet.
    ///
    /// # Errors
    /// [`OptionError`] for the first option that it cannot honour, or for a socket more than the context may have.
    pub fn build(self) -> Result<Socket<K>, OptionError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        Ok(Socket::new(Core::new(self.context.inner(), self.options)?))
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

/// As an option has it, which has no more than 31 bits.
fn count(handshakes: usize) -> OptionValue {
    OptionValue::Int(i32::try_from(handshakes).unwrap_or(i32::MAX).into())
}
