//! What all handles and actors of one socket share.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock};

use monocoque_core::pipe::{
    BatchSink, BatchSource, Mark, PipeReader, PipeWriter, direct_pipe, pipe_from_link, pipe_to_link,
};
use monocoque_core::protocol::Side;
use monocoque_core::sync::Mutex;
use monocoque_core::wait::WaitList;
use monocoque_core::{Endpoint, RoutingId, SocketType};
use monocoque_io::{Binding, Dialer, Listener, Placement, PlacementGone, Stopper};
use monocoque_pattern::{Hub, LinkId};

use crate::auth::ZapClient;
use crate::close::Phase;
use crate::context::{ContextInner, SocketPlace};
use crate::conversation::Speech;
use crate::error::{BindError, ConnectError, ContextError, EndpointNotFound, OptionError, UnsuitedTransport};
use crate::event_fd::EventFd;
use crate::inproc;
use crate::leaving::Leaving;
use crate::monitor::{Event, Events};
use crate::options::{Marks, Options};
use crate::owner::{Target, ZmtpOwner};
use crate::wait::answer;

/// One socket: its hub, its endpoints, and what its actors report to.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) hub: Hub,
    options: Mutex<Options>,
    /// Held while options change, with what they act on.
    changing: Mutex<()>,
    socket_type: SocketType,
    pub(crate) context: Arc<ContextInner>,
    pub(crate) events: Events,
    /// Woken when a connection ends.
    pub(crate) idle: WaitList,
    pub(crate) state: Mutex<State>,
    event_fd: OnceLock<EventFd>,
    closing: AtomicBool,
    next_connection: AtomicU64,
    /// Held for its drop.
    _place: Option<SocketPlace>,
}

/// What changes under a lock of its own, off the data path.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) endpoints: Vec<Entry>,
    /// Those that were taken off the socket, as long as something that was sent is still on its way there.
    pub(crate) leaving: Vec<Leaving>,
    /// Connections whose handshake is done.
    pub(crate) live: usize,
    /// Bound network endpoints that are not closed yet.
    pub(crate) listening: usize,
    /// Messages that ended connections left unsent after closing began.
    pub(crate) lost: usize,
    /// How far closing has come.
    pub(crate) phase: Phase,
}

/// One bound or connected endpoint.
#[derive(Debug)]
pub(crate) struct Entry {
    /// As the user wrote it.
    pub(crate) written: String,
    /// As it really is.
    pub(crate) endpoint: Endpoint,
    pub(crate) role: Role,
    /// Ends the tasks of this endpoint. Held for its drop.
    pub(crate) stopper: Stopper,
}

/// What an endpoint is to the socket.
#[derive(Debug)]
pub(crate) enum Role {
    /// With what ends the connections that were accepted.
    Bound(Stopper),
    Connected(Arc<Target>),
    BoundInproc,
    ConnectedInproc(LinkId),
    BoundDatagrams,
    ConnectedDatagrams(LinkId),
}

impl Entry {
    /// Whether it was written or resolved as `text`. One for which a port or a path was found is not named by its wildcard.
    fn is_at(&self, text: &str) -> bool {
        let is_wild = |endpoint: Result<Endpoint, _>| endpoint.is_ok_and(|endpoint| endpoint.check_connect().is_err());
        self.endpoint.to_string() == text || (self.written == text && !(self.role.is_bound() && is_wild(text.parse())))
    }
}

impl Role {
    pub(crate) fn is_bound(&self) -> bool {
        matches!(self, Role::Bound(_) | Role::BoundInproc | Role::BoundDatagrams)
    }
}

impl Core {
    pub(crate) fn new(context: &Arc<ContextInner>, options: Options) -> Result<Arc<Self>, OptionError> {
        let place = context.admit()?;
        Ok(Self::make(context, options, Some(place)))
    }

    /// A socket of our own, which is not one of those that the context may have.
    pub(crate) fn uncounted(context: &Arc<ContextInner>, options: Options) -> Arc<Self> {
        Self::make(context, options, None)
    }

    fn make(context: &Arc<ContextInner>, options: Options, place: Option<SocketPlace>) -> Arc<Self> {
        let events = Events::new(options.socket_type);
        let hub = Hub::new(options.hub_config());
        // Where the application's thread does the I/O, it gives way by awaiting.
        let hub = if context.is_local() { hub } else { hub.giving_way(std::thread::yield_now) };
        Arc::new(Self {
            hub,
            socket_type: options.socket_type,
            options: Mutex::new(options),
            changing: Mutex::new(()),
            context: Arc::clone(context),
            events,
            idle: WaitList::new(),
            state: Mutex::default(),
            event_fd: OnceLock::new(),
            closing: AtomicBool::new(false),
            next_connection: AtomicU64::new(1),
            _place: place,
        })
    }

    /// The I/O threads that may serve it.
    pub(crate) fn placement(&self) -> Result<Placement, ContextError> {
        let mask = self.options().affinity;
        Ok(self.context.placement()?.among(mask)?)
    }

    pub(crate) fn socket_type(&self) -> SocketType {
        self.socket_type
    }

    /// The options as they are now.
    pub(crate) fn options(&self) -> MutexGuard<'_, Options> {
        self.options.lock()
    }

    /// The marks of its pipes as they are now.
    pub(crate) fn marks(&self) -> Marks {
        self.options().marks()
    }

    /// Changes the options, and what they act on at once.
    pub(crate) fn change_options(
        &self,
        change: impl FnOnce(&mut Options) -> Result<(), OptionError>,
    ) -> Result<(), OptionError> {
        if self.is_closing() {
            return Err(OptionError::Closed);
        }
        // Until it acts: of two changes the later is the one that does.
        let _changing = self.changing.lock();
        let mut options = self.options();
        let before = options.clone();
        change(&mut options)?;
        let (hub, marks) = (options.hub_config(), options.marks());
        drop(options);
        if hub != before.hub_config() {
            self.hub.reconfigure(hub);
        }
        if marks != before.marks() {
            inproc::set_marks(self, marks);
        }
        Ok(())
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Marks the socket closing; whether it was not before.
    pub(crate) fn begin_closing(&self) -> bool {
        !self.closing.swap(true, Ordering::AcqRel)
    }

    /// A number that no other connection of this socket has.
    pub(crate) fn connection_number(&self) -> u64 {
        self.next_connection.fetch_add(1, Ordering::Relaxed)
    }

    /// A pipe from this socket to a peer.
    ///
    /// Only data conflates: the other way go subscriptions, of which each counts.
    pub(crate) fn outgoing_pipe(&self) -> (PipeWriter, BatchSource) {
        let (mark, conflate) = self.outgoing();
        pipe_to_link(mark, conflate, &self.context.arena)
    }

    /// A pipe from this socket to another of the same process, or to where messages are datagrams.
    pub(crate) fn direct_pipe(&self) -> (PipeWriter, PipeReader) {
        let (mark, conflate) = self.outgoing();
        direct_pipe(mark, conflate, &self.context.arena)
    }

    fn outgoing(&self) -> (Mark, bool) {
        let options = self.options();
        (options.marks().send, options.conflate && self.socket_type().sends())
    }

    /// A pipe from a peer to this socket.
    pub(crate) fn incoming_pipe(&self) -> (BatchSink, PipeReader) {
        pipe_from_link(self.marks().recv, self.conflates_incoming(), &self.context.arena)
    }

    /// A pipe from where messages are datagrams to this socket.
    pub(crate) fn datagrams_pipe(&self) -> (PipeWriter, PipeReader) {
        direct_pipe(self.marks().recv, self.conflates_incoming(), &self.context.arena)
    }

    pub(crate) fn conflates_incoming(&self) -> bool {
        self.options().conflate && self.socket_type().receives()
    }

    /// Enters an endpoint; whether it was, because a socket that closes takes no more of them.
    pub(crate) fn add(&self, written: String, endpoint: Endpoint, role: Role, stopper: Stopper) -> bool {
        let mut state = self.state.lock();
        let open = !self.is_closing();
        if open {
            state.endpoints.push(Entry { written, endpoint, role, stopper });
        }
        open
    }

    /// Binds a network endpoint and starts accepting.
    pub(crate) async fn bind_network(
        self: &Arc<Self>,
        written: &str,
        endpoint: Endpoint,
    ) -> Result<Endpoint, BindError> {
        let placement = self.placement()?;
        let speech = self.speech(&endpoint, Side::Listener)?;
        let config = self.options().listen.clone();
        let binding = bind(&placement, endpoint.clone(), config.clone()).await?;
        let binding = binding.map_err(|source| bind_error(&endpoint, source)).inspect_err(|error| {
            let (endpoint, reason, errno) = (endpoint.to_string(), error.to_string(), error.errno());
            self.events.emit(Event::BindFailed { endpoint, reason, errno });
        })?;
        let (real, descriptor) = (binding.endpoint().clone(), binding.descriptor());
        let (stopper, accepted) = (Stopper::new(), Stopper::new());
        let owner = ZmtpOwner::accepting(self, real.to_string(), speech);
        let arena = self.context.arena.clone();
        let (stop, connections) = (stopper.listen(), accepted.listen());
        let listener = Listener { owner, binding, config, arena, placement: placement.clone(), stop, connections };
        self.events.emit(Event::Listening { endpoint: real.to_string(), descriptor });
        self.state.lock().listening += 1;
        placement.spawn(move |home| listener.run(home)).inspect_err(|_| self.state.lock().listening -= 1)?;
        if !self.add(written.to_owned(), real.clone(), Role::Bound(accepted), stopper) {
            return Err(BindError::Closed);
        }
        Ok(real)
    }

    /// Starts connecting to a network endpoint.
    pub(crate) fn connect_network(
        self: &Arc<Self>,
        written: &str,
        endpoint: Endpoint,
        name: Option<RoutingId>,
    ) -> Result<LinkId, ConnectError> {
        let placement = self.placement()?;
        let speech = self.speech(&endpoint, Side::Dialer)?;
        let (immediate, config) = {
            let options = self.options();
            (options.immediate, options.dial_config())
        };
        let target = Arc::new(Target::new(self.open_link(name)?));
        if !immediate {
            let (writer, reader) = self.outgoing_pipe();
            if self.hub.attach(target.link, writer).is_err() {
                self.hub.release(target.link);
                return Err(ConnectError::Busy(self.socket_type()));
            }
            target.keep(reader);
        }
        let stopper = Stopper::new();
        let dialer = Dialer {
            owner: ZmtpOwner::dialing(self, endpoint.to_string(), speech, &target),
            endpoint: endpoint.clone(),
            config,
            arena: self.context.arena.clone(),
            stop: stopper.listen(),
        };
        let link = target.link;
        let started = placement.spawn(move |home| dialer.run(home)).map_err(ConnectError::from);
        let entered = started.and_then(|()| {
            let open = self.add(written.to_owned(), endpoint, Role::Connected(target), stopper);
            open.then_some(()).ok_or(ConnectError::Closed)
        });
        entered.map(|()| link).inspect_err(|_| {
            self.hub.close_link(link);
        })
    }

    /// What is spoken at an endpoint, by the options as they are.
    fn speech(self: &Arc<Self>, endpoint: &Endpoint, side: Side) -> Result<Speech, OptionError> {
        let options = self.options();
        let mut session = options.session_config();
        if let (None, Some(rules)) = (&session.authenticator, options.security.zap(options.as_libzmq)) {
            let (context, identity) = (Arc::clone(&self.context), options.identity.clone());
            session.authenticator = Some(Arc::new(ZapClient { context, identity, rules }));
        }
        Speech::new(endpoint, side, Arc::new(session), &options.tls, &self.context.arena)
    }

    /// Whether sockets of this type use the transport (`ENOCOMPATPROTO`).
    pub(crate) fn check_transport(&self, endpoint: &Endpoint, binds: bool) -> Result<(), UnsuitedTransport> {
        let raw = self.options().hub.raw;
        let suits = match (self.socket_type(), endpoint) {
            (SocketType::Radio, Endpoint::Udp(_)) => !binds,
            (SocketType::Dish | SocketType::Dgram, Endpoint::Udp(_)) => binds,
            (_, Endpoint::Udp(_)) | (SocketType::Dgram, _) => false,
            (_, Endpoint::Inproc(_)) => !raw,
            (kind, Endpoint::Ws(_)) => !raw && kind.speaks_zmtp(),
            _ => true,
        };
        let unsuited = || UnsuitedTransport { socket_type: self.socket_type(), endpoint: endpoint.clone(), binds };
        suits.then_some(()).ok_or_else(unsuited)
    }

    /// The descriptor that rings when the socket is to be looked at, made at first need.
    pub(crate) fn event_fd(&self) -> io::Result<&EventFd> {
        if self.event_fd.get().is_none() {
            let made = EventFd::new(&self.hub)?;
            // Another thread's may be there by now, and is as good.
            let _ = self.event_fd.set(made);
        }
        Ok(self.event_fd.get().expect("set above"))
    }

    /// Silences the descriptor, if there is one; whether there is.
    #[inline]
    pub(crate) fn silence(&self) -> bool {
        let event_fd = self.event_fd.get();
        event_fd.into_iter().for_each(|event_fd| event_fd.silence(&self.hub));
        event_fd.is_some()
    }

    /// What can be done now: 1 to receive, 2 to send. Whoever waits for the descriptor is called again from here on.
    pub(crate) fn events_now(&self) -> i64 {
        self.silence();
        i64::from(self.can_recv()) | i64::from(self.hub.can_send()) << 1
    }

    /// Whether a message is there, or what connections have lent to who waits has one.
    pub(crate) fn can_recv(&self) -> bool {
        self.hub.can_recv() || (self.hub.signals().turns().look_at_once() && self.hub.can_recv())
    }

    /// Whether the security mechanism, if there is one, can be had there, and has what it needs. In this process (inproc)
    /// none is needed.
    pub(crate) fn check_security(&self, endpoint: &Endpoint) -> Result<(), OptionError> {
        let options = self.options();
        match options.security.name() {
            Some(mechanism) if options.hub.raw || matches!(endpoint, Endpoint::Udp(_)) => {
                Err(OptionError::Unprotected { mechanism, endpoint: endpoint.clone() })
            }
            _ => options.security.check(options.as_libzmq),
        }
    }

    /// A link to whom is connected to: by `name`, or else by the name that the next one was given, if it was.
    pub(crate) fn open_link(&self, name: Option<RoutingId>) -> Result<LinkId, ConnectError> {
        let name = name.or_else(|| self.options().next_name.take());
        let link = self.hub.open();
        let Some(name) = name else { return Ok(link) };
        if self.hub.name(link, Some(name.clone())).is_some() {
            return Ok(link);
        }
        self.hub.release(link);
        Err(ConnectError::NameTaken(name))
    }

    /// Takes what was bound or connected at the endpoint that was written or resolved as `text` off the socket: all of it.
    pub(crate) fn remove(&self, text: &str, bound: bool) -> Result<Vec<Entry>, EndpointNotFound> {
        let matches = |entry: &mut Entry| entry.role.is_bound() == bound && entry.is_at(text);
        let found: Vec<Entry> = self.state.lock().endpoints.extract_if(.., matches).collect();
        if found.is_empty() { Err(EndpointNotFound(text.to_owned())) } else { Ok(found) }
    }

    /// The socket that it was connected to in this process, as this link, is gone: there is nothing left to disconnect.
    pub(crate) fn forget_joined(&self, link: LinkId) {
        let is_it = |entry: &Entry| matches!(entry.role, Role::ConnectedInproc(joined) if joined == link);
        self.state.lock().endpoints.retain(|entry| !is_it(entry));
    }

    /// Whether a socket that is as libzmq's is connected to the endpoint that was written as `text`, and stays as it is then: one
    /// of its type would say or hear everything twice.
    pub(crate) fn stays_connected_to(&self, text: &str) -> bool {
        let once =
            matches!(self.socket_type(), SocketType::Dealer | SocketType::Sub | SocketType::Pub | SocketType::Req);
        let is_there = |entry: &Entry| matches!(entry.role, Role::Connected(_)) && entry.is_at(text);
        once && !self.is_closing() && self.options().as_libzmq && self.state.lock().endpoints.iter().any(is_there)
    }

    /// The last endpoint that was bound or connected (`ZMQ_LAST_ENDPOINT`).
    pub(crate) fn last_endpoint(&self) -> Option<Endpoint> {
        self.state.lock().endpoints.last().map(|entry| entry.endpoint.clone())
    }
}

/// Binds on an I/O runtime: names are looked up there, off its thread.
async fn bind(
    placement: &Placement,
    endpoint: Endpoint,
    config: monocoque_io::ListenConfig,
) -> Result<std::io::Result<Binding>, BindError> {
    let (given, answer) = answer();
    placement.spawn(move |_| async move { given.give(Binding::new(&endpoint, &config).await) })?;
    // The runtime may end before it comes to this, or in the middle of it.
    Ok(answer.await.ok_or(PlacementGone)?)
}

pub(crate) fn bind_error(endpoint: &Endpoint, source: std::io::Error) -> BindError {
    let endpoint = endpoint.to_string();
    match source.kind() {
        std::io::ErrorKind::AddrInUse => BindError::InUse { endpoint },
        _ => BindError::Io { endpoint, source },
    }
}
