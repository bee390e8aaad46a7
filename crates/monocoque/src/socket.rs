//! The socket: one body for all types.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use monocoque_core::stats::Drops;
use monocoque_core::{Endpoint, Group, GroupTooLong, Message, RoutingId, SocketType};
use monocoque_pattern::{Hub, LinkId, PeerProperties, SendReason};

use crate::blocking::Blocking;
use crate::close::{CloseReport, close, close_in_background};
use crate::core::Core;
use crate::error::{BindError, ConnectError, EndpointNotFound, OptionError, RecvError, SendError, TryRecvError};
use crate::event_fd::EventFd;
use crate::inproc;
use crate::kind::{Any, Dish, Kind, Peer, Pub, Radio, Receives, Router, Sends, Stream, Sub, XPub, XSub, in_place};
use crate::monitor::{Monitor, MonitorError, MonitorForm, Snapshot, monitor_at, monitor_queues, stop_monitor};
use crate::options::{OptionValue, SocketOption};
use crate::stats::SocketStats;
use crate::stream::{MessageSink, MessageStream, RecvHalf, SendHalf};
use crate::wait::{until, until_arrived};

/// A ZeroMQ socket of type `K`, bound and connected to any number of endpoints.
///
/// A handle: clones are the same socket, and all methods take `&self`, so that one task may send while
/// another receives. When the last handle is dropped the socket is closed as by [`close`](Self::close), in
/// the background.
pub struct Socket<K> {
    pub(crate) handle: Arc<Handle>,
    kind: PhantomData<fn() -> K>,
}

/// Counts the user's handles apart from the references that actors hold.
pub(crate) struct Handle {
    pub(crate) core: Arc<Core>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        close_in_background(Arc::clone(&self.core));
    }
}

impl<K> Clone for Socket<K> {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle), kind: PhantomData }
    }
}

impl<K: Kind> fmt::Debug for Socket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = self.core();
        f.debug_struct("Socket").field("type", &core.socket_type()).field("peers", &core.hub.peers()).finish()
    }
}

impl<K: Kind> Socket<K> {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { handle: Arc::new(Handle { core }), kind: PhantomData }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.handle.core
    }

    /// A handle of the same socket that shows messages as they are: with the routing id of a ROUTER as their first
    /// frame.
    pub(crate) fn as_any(&self) -> Socket<Any> {
        Socket { handle: Arc::clone(&self.handle), kind: PhantomData }
    }

    /// The type of the socket.
    pub fn socket_type(&self) -> SocketType {
        self.core().socket_type()
    }

    /// Binds `endpoint` and accepts peers there. Returns the real endpoint: the port or path that was found
    /// for a wildcard.
    ///
    /// # Errors
    /// [`BindError`]; the socket's other endpoints are not affected.
    ///
    /// # Cancel safety
    /// If the future is dropped, the endpoint is either bound or not; bind again to find out.
    pub async fn bind(&self, endpoint: impl AsRef<str>) -> Result<Endpoint, BindError> {
        let written = endpoint.as_ref();
        let core = self.core();
        let parsed: Endpoint = written.parse()?;
        parsed.check_bind()?;
        core.check_transport(&parsed, true).map_err(BindError::Transport)?;
        core.check_security(&parsed)?;
        if core.is_closing() {
            return Err(BindError::Closed);
        }
        match &parsed {
            Endpoint::Inproc(name) => inproc::bind(core, name.as_str(), parsed.clone()).map(|()| parsed),
            Endpoint::Udp(udp) => core.bind_datagrams(written, udp.clone()).await,
            _ => core.bind_network(written, parsed).await,
        }
    }

    /// Connects to `endpoint`, now and again until it is disconnected. Returns at once: whether anyone listens
    /// there shows in [`wait_for_peers`](Self::wait_for_peers) and the [`monitor`](Self::monitor).
    ///
    /// # Errors
    /// [`ConnectError`]; the socket's other endpoints are not affected.
    pub fn connect(&self, endpoint: impl AsRef<str>) -> Result<(), ConnectError> {
        if self.core().stays_connected_to(endpoint.as_ref()) {
            return Ok(());
        }
        self.link_to(endpoint.as_ref(), None).map(drop)
    }

    fn link_to(&self, written: &str, name: Option<RoutingId>) -> Result<LinkId, ConnectError> {
        let core = self.core();
        let parsed: Endpoint = written.parse()?;
        parsed.check_connect()?;
        core.check_transport(&parsed, false).map_err(ConnectError::Transport)?;
        core.check_security(&parsed)?;
        if core.is_closing() {
            return Err(ConnectError::Closed);
        }
        match &parsed {
            Endpoint::Inproc(inproc) => inproc::connect(core, parsed.clone(), inproc.as_str(), name),
            Endpoint::Udp(udp) => core.connect_datagrams(written, udp.clone()),
            _ => core.connect_network(written, parsed, name),
        }
    }

    /// Stops accepting at `endpoint`, as [`bind`](Self::bind) returned it, and ends the connections accepted there. What was
    /// sent to them goes on its way for as long as the socket lingers; what they sent may still be received. Sockets joined
    /// over inproc stay joined.
    ///
    /// # Errors
    /// [`EndpointNotFound`].
    pub fn unbind(&self, endpoint: impl AsRef<str>) -> Result<(), EndpointNotFound> {
        let core = self.core();
        core.remove(endpoint.as_ref(), true)?.into_iter().for_each(|entry| core.unbind(entry));
        Ok(())
    }

    /// Ends every connection to `endpoint` and does not connect again. What was sent there goes on its way for as long as the
    /// socket lingers ([`linger`](crate::SocketBuilder::linger)), within this process without a limit; what was received from
    /// there is dropped.
    ///
    /// # Errors
    /// [`EndpointNotFound`], also where the socket that was bound there, in this process, is gone.
    pub fn disconnect(&self, endpoint: impl AsRef<str>) -> Result<(), EndpointNotFound> {
        let core = self.core();
        core.remove(endpoint.as_ref(), false)?.into_iter().for_each(|entry| core.disconnect(entry));
        Ok(())
    }

    /// The endpoint that was bound or connected last (`ZMQ_LAST_ENDPOINT`).
    pub fn last_endpoint(&self) -> Option<Endpoint> {
        self.core().last_endpoint()
    }

    /// Peers that are connected and have shaken hands.
    pub fn peers(&self) -> usize {
        self.core().hub.peers()
    }

    /// Waits until at least `count` peers are connected, or the socket is closed.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn wait_for_peers(&self, count: usize) {
        self.until_there(None, |hub| hub.peers() >= count).await;
    }

    /// [`wait_for_peers`](Self::wait_for_peers) for at most `limit`; whether they came.
    ///
    /// # Cancel safety
    /// Cancel-safe.
    pub async fn wait_for_peers_timeout(&self, count: usize, limit: Duration) -> bool {
        self.until_there(Some(limit), |hub| hub.peers() >= count).await
    }

    /// Waits until no peer is there, or the socket is closed.
    pub(crate) async fn until_alone(&self) {
        self.until_there(None, |hub| hub.peers() == 0).await;
    }

    /// Waits until the peers are as `wanted`, the time is over, or the socket is closed; whether they are.
    async fn until_there(&self, limit: Option<Duration>, wanted: impl Fn(&Hub) -> bool) -> bool {
        let core = self.core();
        let there = || if wanted(&core.hub) { Some(true) } else { core.is_closing().then_some(false) };
        until(&core.hub.signals().peers, &core.context, limit, there).await.unwrap_or(false)
    }

    /// Sets an option of a socket that is there. When it acts, [`OptionSpec::takes_effect`](crate::OptionSpec::takes_effect)
    /// says: at once, on live peers too, or on what is bound and connected afterwards.
    ///
    /// # Errors
    /// [`OptionError`]; the option is then as before.
    pub fn set_option(&self, option: SocketOption, value: impl Into<OptionValue>) -> Result<(), OptionError> {
        option.known()?.change(self.core(), &value.into())
    }

    /// The value of an option.
    ///
    /// # Errors
    /// [`OptionError`] for one that the type does not have, or that is only set.
    pub fn option(&self, option: SocketOption) -> Result<OptionValue, OptionError> {
        option.known()?.read(self.core())
    }

    /// A descriptor for event loops of others (`ZMQ_FD`): readable when the socket is to be looked at, with
    /// [`can_recv`](Socket::can_recv), [`can_send`](Socket::can_send) or, which also silences it,
    /// [`option`](Self::option) of [`SocketOption::EVENTS`]. It says "look", not "there is a message": receive until nothing
    /// is there, then read EVENTS, then wait.
    ///
    /// # Errors
    /// As `eventfd(2)`.
    pub fn event_fd(&self) -> io::Result<BorrowedFd<'_>> {
        self.core().event_fd().map(EventFd::as_fd)
    }

    /// What happens to this socket's connections from now on.
    pub fn monitor(&self) -> Monitor {
        self.core().events.subscribe()
    }

    /// What there is now, and what happens from then on: in one step, so that nothing is missed or told twice.
    pub fn watch(&self) -> (Snapshot, Monitor) {
        self.core().events.watch()
    }

    /// Tells events as libzmq does (`zmq_socket_monitor_versioned`): binds a socket of type `kind`, a PAIR, at the inproc
    /// `endpoint`, which sends each event in `mask` (see [`events`](crate::events)) as a message, until this socket is gone.
    /// Of version 2 the type may be PUB or PUSH too.
    ///
    /// # Errors
    /// [`MonitorError`].
    pub fn monitor_at(
        &self,
        endpoint: impl AsRef<str>,
        mask: u64,
        form: MonitorForm,
        kind: SocketType,
    ) -> Result<(), MonitorError> {
        monitor_at(self.core(), endpoint.as_ref(), mask, form, kind)
    }

    /// Ends what [`monitor_at`](Self::monitor_at) began last: its socket sends `MONITOR_STOPPED`, and is gone.
    pub fn stop_monitor(&self) {
        stop_monitor(self.core());
    }

    /// Has the monitor that [`monitor_at`](Self::monitor_at) began last tell of each connection what waits on it
    /// (`zmq_socket_monitor_pipes_stats`, [`Event::Queues`](crate::Event::Queues)).
    ///
    /// # Errors
    /// [`MonitorError::NotAsked`], [`MonitorError::NoConnection`].
    pub fn monitor_queues(&self) -> Result<(), MonitorError> {
        monitor_queues(self.core())
    }

    /// What the socket has done so far and holds now, in numbers. Costs what is asked for it here, and sending and
    /// receiving nothing.
    pub fn stats(&self) -> SocketStats {
        SocketStats::of(self.core())
    }

    /// Messages dropped so far, by cause.
    pub fn drops(&self) -> &Drops {
        self.core().hub.drops()
    }

    /// The same socket for plain threads.
    pub fn blocking(&self) -> Blocking<'_, K> {
        Blocking::new(self)
    }

    /// Closes the socket for all its handles: goes on sending what is queued for the linger time, ends all
    /// connections, and says what was not delivered. Whoever else closes it, meanwhile or later, waits for the same
    /// end and gets the same report; the linger time runs from the first.
    ///
    /// What came over a network before stays receivable. What other sockets of the context queued over inproc,
    /// and this one had not begun to read, is dropped and counted at them.
    ///
    /// # Cancel safety
    /// Closing has begun when the future is first polled. If it is dropped, the next close goes on with it,
    /// or the drop of the last handle.
    pub async fn close(self) -> CloseReport {
        close(self.core()).await
    }
}

impl<K: Kind> Socket<K> {
    /// Repeats `attempt` until a peer has room for `message`, or the send time-out runs out.
    pub(crate) async fn until_sent<M, T>(
        &self,
        message: M,
        attempt: impl Fn(&Hub, &mut M) -> Result<T, SendReason>,
    ) -> Result<T, SendError<M>> {
        let core = self.core();
        let mut message = message;
        let attempt = || match attempt(&core.hub, &mut message) {
            Err(SendReason::Full | SendReason::NoPeer) => None,
            done => Some(done),
        };
        let send_timeout = core.options().send_timeout;
        match until(&core.hub.signals().writable, &core.context, send_timeout, attempt).await {
            Some(done) => done.map_err(|reason| SendError::new(message, reason)),
            None => Err(SendError::TimedOut(Box::new(message))),
        }
    }
}

impl<K: Sends> Socket<K> {
    /// Queues a message, waiting while every peer that it may go to is at its high-water mark.
    ///
    /// `Ok` means that a queue on this machine took the message; it says nothing about a peer having received it.
    ///
    /// # Errors
    /// [`SendError`], with the message inside.
    ///
    /// # Cancel safety
    /// If the future is dropped before completion, no peer has the message and the socket is unchanged.
    #[inline]
    pub async fn send(&self, message: impl Into<K::Out>) -> Result<(), SendError<K::Out>> {
        let mut message = message.into();
        match K::try_send(&self.core().hub, &mut message) {
            Ok(()) => Ok(()),
            Err(SendReason::Full | SendReason::NoPeer) => self.until_sent(message, K::try_send).await,
            Err(reason) => Err(SendError::new(message, reason)),
        }
    }

    /// Queues a message if a peer can take it now.
    ///
    /// # Errors
    /// [`SendError::Full`] gives the message back when none can; else as [`send`](Self::send).
    #[inline]
    pub fn try_send(&self, message: impl Into<K::Out>) -> Result<(), SendError<K::Out>> {
        let mut message = message.into();
        K::try_send(&self.core().hub, &mut message).map_err(|reason| SendError::new(message, reason))
    }

    /// Queues messages in order, waiting as [`send`](Self::send) does; returns how many were sent.
    ///
    /// # Errors
    /// The error of the first message that was not sent; the ones after it are dropped with the iterator.
    ///
    /// # Cancel safety
    /// If the future is dropped, a front part of the messages was sent.
    pub async fn send_many<M: Into<K::Out>>(
        &self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<usize, SendError<K::Out>> {
        let mut sent = 0;
        for message in messages {
            self.send(message).await?;
            sent += 1;
        }
        Ok(sent)
    }

    /// Whether a message could be queued now.
    pub fn can_send(&self) -> bool {
        self.core().hub.can_send()
    }
}

impl<K: Receives> Socket<K> {
    /// The next message, waiting for it.
    ///
    /// # Errors
    /// [`RecvError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, no message is lost.
    #[inline]
    pub async fn recv(&self) -> Result<K::In, RecvError> {
        if let Ok(message) = K::try_recv(&self.core().hub) {
            return Ok(message);
        }
        self.recv_waiting().await
    }

    /// The next message, waiting for it, into one that the caller has. After an error it holds nothing of value.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// If the future is dropped, no message is lost.
    #[inline]
    pub async fn recv_into(&self, into: &mut K::In) -> Result<(), RecvError> {
        if K::try_recv_into(&self.core().hub, into).is_err() {
            *into = self.recv_waiting().await?;
        }
        Ok(())
    }

    async fn recv_waiting(&self) -> Result<K::In, RecvError> {
        self.until_received(|| self.next()).await
    }

    /// Repeats `attempt` until it receives something, or the receive time-out runs out.
    async fn until_received<T>(&self, attempt: impl Fn() -> Result<T, TryRecvError>) -> Result<T, RecvError> {
        let core = self.core();
        let attempt = || match attempt() {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Failed(error)) => Some(Err(error)),
        };
        if core.context.runs_here() {
            // What a connection of this thread has to read is there sooner than by a turn of the runtime.
            let mut looks = monocoque_io::Looks::UntilFound;
            while monocoque_io::take_read_turn(looks) {
                if let Some(received) = attempt() {
                    return received;
                }
                // What came is for somebody else on this thread, or not all there is to it.
                looks = monocoque_io::Looks::Once;
            }
        }
        let recv_timeout = core.options().recv_timeout;
        let received = until_arrived(core, recv_timeout, attempt).await;
        received.unwrap_or(Err(RecvError::TimedOut))
    }

    /// The next message if it is there.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] when nothing is there; else as [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&self) -> Result<K::In, TryRecvError> {
        self.looking(|| self.next())
    }

    #[inline]
    pub(crate) fn next(&self) -> Result<K::In, TryRecvError> {
        K::try_recv(&self.core().hub).map_err(TryRecvError::from)
    }

    /// `attempt`, and once more if it found nothing and what connections have lent to who waits has something.
    #[inline]
    fn looking<T>(&self, attempt: impl Fn() -> Result<T, TryRecvError>) -> Result<T, TryRecvError> {
        match attempt() {
            Err(TryRecvError::Empty) if self.core().hub.signals().turns().look_at_once() => attempt(),
            received => received,
        }
    }

    /// The next message and what is known of the peer that it came from, waiting for it: the peer's address, socket type,
    /// routing id, user id, `X-` properties (`zmq_msg_gets`), and the number of the connection. Of UDP, nothing.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// If the future is dropped, no message is lost.
    pub async fn recv_with_peer(&self) -> Result<(K::In, Option<Arc<PeerProperties>>), RecvError> {
        self.until_received(|| self.next_with_peer()).await
    }

    /// [`recv_with_peer`](Self::recv_with_peer) of a message that is there.
    ///
    /// # Errors
    /// As [`try_recv`](Self::try_recv).
    pub fn try_recv_with_peer(&self) -> Result<(K::In, Option<Arc<PeerProperties>>), TryRecvError> {
        self.looking(|| self.next_with_peer())
    }

    fn next_with_peer(&self) -> Result<(K::In, Option<Arc<PeerProperties>>), TryRecvError> {
        K::try_recv_with_peer(&self.core().hub).map_err(TryRecvError::from)
    }

    /// Appends up to `max` messages to `into`, waiting for the first only; returns how many.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), if there was no first message.
    ///
    /// # Cancel safety
    /// If the future is dropped, no message is lost and `into` is unchanged.
    pub async fn recv_many(&self, into: &mut Vec<K::In>, max: usize) -> Result<usize, RecvError> {
        if max == 0 {
            return Ok(0);
        }
        into.push(self.recv().await?);
        let mut count = 1;
        while count < max
            && let Ok(message) = self.next()
        {
            into.push(message);
            count += 1;
        }
        Ok(count)
    }

    /// Whether a message is there.
    pub fn can_recv(&self) -> bool {
        self.core().can_recv()
    }

    /// The messages as a `Stream`; it ends when the socket is closed.
    pub fn into_stream(self) -> MessageStream<K> {
        MessageStream::new(self)
    }
}

impl<K: Sends> Socket<K> {
    /// The socket as a `Sink` of messages.
    pub fn into_sink(self) -> MessageSink<K> {
        MessageSink::new(self)
    }
}

impl<K: Sends + Receives> Socket<K> {
    /// Two halves of the same socket, one to send and one to receive.
    pub fn split(self) -> (SendHalf<K>, RecvHalf<K>) {
        (SendHalf::new(self.clone()), RecvHalf::new(self))
    }
}

/// Socket types that subscribe.
macro_rules! subscribes {
    ($($kind:ident)*) => {$(
        impl Socket<$kind> {
            /// Asks for messages whose first frame begins with `topic`; everything for an empty one. Counted: each
            /// subscription is taken back once. Live and future publishers are told.
            pub fn subscribe(&self, topic: impl AsRef<[u8]>) {
                self.core().hub.subscribe(topic.as_ref());
            }

            /// Takes one subscription to `topic` back; whether there was one.
            pub fn unsubscribe(&self, topic: impl AsRef<[u8]>) -> bool {
                self.core().hub.unsubscribe(topic.as_ref())
            }
        }
    )*};
}
subscribes!(Sub XSub Any);

/// Socket types that are members of groups.
macro_rules! joins {
    ($($kind:ident)*) => {$(
        impl Socket<$kind> {
            /// Becomes a member of `group`: receives what any RADIO sends to it. Live and future RADIOs are told. Whether
            /// it was no member before.
            ///
            /// # Errors
            /// [`GroupTooLong`]: no RADIO has such a group.
            pub fn join(&self, group: impl AsRef<[u8]>) -> Result<bool, GroupTooLong> {
                let group = Group::new(group)?;
                Ok(self.core().hub.join(group.as_bytes()))
            }

            /// Is no member of `group` any more; whether it was one.
            pub fn leave(&self, group: impl AsRef<[u8]>) -> bool {
                self.core().hub.leave(group.as_ref())
            }
        }
    )*};
}
joins!(Dish Any);

/// Socket types that publish.
macro_rules! publishes {
    ($($kind:ident)*) => {$(
        impl Socket<$kind> {
            /// Peers with at least one subscription, or in at least one group.
            pub fn subscribers(&self) -> usize {
                self.core().hub.subscribers()
            }

            /// Waits until at least `count` peers have subscribed to something, so that no first message is lost,
            /// or the socket is closed.
            ///
            /// # Cancel safety
            /// Cancel-safe.
            pub async fn wait_for_subscribers(&self, count: usize) {
                self.until_there(None, |hub| hub.subscribers() >= count).await;
            }

            /// [`wait_for_subscribers`](Self::wait_for_subscribers) for at most `limit`; whether they came.
            ///
            /// # Cancel safety
            /// Cancel-safe.
            pub async fn wait_for_subscribers_timeout(&self, count: usize, limit: Duration) -> bool {
                self.until_there(Some(limit), |hub| hub.subscribers() >= count).await
            }
        }
    )*};
}
publishes!(Pub XPub Radio Any);

impl Socket<Router> {
    /// Load-balancer mode: queues `message`, which has no envelope, for the next peer in turn that has room, and
    /// says which one that was. Waits while there is none.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_any(&self, message: impl Into<Message>) -> Result<RoutingId, SendError> {
        self.until_sent(message.into(), |hub, message| in_place(message, |message| hub.try_send_any(message))).await
    }
}

/// Socket types that see subscriptions.
macro_rules! grants {
    ($($kind:ident)*) => {$(
        impl Socket<$kind> {
            /// An XPUB with `xpub_manual`: subscribes the peer whose notice was received last to `topic`, which need not be
            /// the one that it asked for; whether it is still there.
            pub fn grant_subscription(&self, topic: impl AsRef<[u8]>) -> bool {
                self.core().hub.grant_subscription(topic.as_ref())
            }

            /// An XPUB with `xpub_manual`: takes a subscription of the peer whose notice was received last away; whether it
            /// is still there.
            pub fn revoke_subscription(&self, topic: impl AsRef<[u8]>) -> bool {
                self.core().hub.revoke_subscription(topic.as_ref())
            }
        }
    )*};
}
grants!(XPub Any);

/// Socket types that publish or subscribe.
macro_rules! has_topics {
    ($($kind:ident)*) => {$(
        impl Socket<$kind> {
            /// Different topics that peers subscribed to (PUB, XPUB), or that this socket did (SUB, XSUB), or groups that were
            /// joined (RADIO, DISH). (`ZMQ_TOPICS_COUNT`)
            pub fn topics(&self) -> usize {
                self.core().hub.topics()
            }
        }
    )*};
}
has_topics!(Pub XPub Sub XSub Radio Dish Any);

/// Socket types whose application names the peers that they connect to.
macro_rules! takes_names {
    ($($kind:ident)*) => {$(
        impl Socket<$kind> {
            /// Connects to `endpoint`, as [`connect`](Self::connect) does, to a peer that is known here as `id`, whatever it
            /// calls itself (`ZMQ_CONNECT_ROUTING_ID`). What is sent to it before it is connected waits in its queue.
            ///
            /// # Errors
            /// As [`connect`](Self::connect); [`ConnectError::NameTaken`] if `id` is another peer's, and
            /// [`ConnectError::Nameless`] for a type other than ROUTER and STREAM.
            pub fn connect_as(&self, endpoint: impl AsRef<str>, id: RoutingId) -> Result<(), ConnectError> {
                if !matches!(self.socket_type(), SocketType::Router | SocketType::Stream) {
                    return Err(ConnectError::Nameless(self.socket_type()));
                }
                self.link_to(endpoint.as_ref(), Some(id)).map(drop)
            }
        }
    )*};
}
takes_names!(Router Stream Any);

/// Socket types that name the peers that they connect to.
macro_rules! names_peers {
    ($($kind:ident)*) => {$(
        impl Socket<$kind> {
            /// Connects to `endpoint`, as [`connect`](Self::connect) does, and names the peer there. What is sent to it
            /// before it is connected waits in its queue; the name stays through reconnects.
            ///
            /// # Errors
            /// As [`connect`](Self::connect), and [`ConnectError::Nameless`] for a type other than PEER.
            pub fn connect_peer(&self, endpoint: impl AsRef<str>) -> Result<RoutingId, ConnectError> {
                if self.socket_type() != SocketType::Peer {
                    return Err(ConnectError::Nameless(self.socket_type()));
                }
                let link = self.link_to(endpoint.as_ref(), None)?;
                self.core().hub.name(link, None).ok_or(ConnectError::Closed)
            }
        }
    )*};
}
names_peers!(Peer Any);
