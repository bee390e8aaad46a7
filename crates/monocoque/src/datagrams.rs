//! Endpoints of datagrams: RADIO, DISH and DGRAM over UDP. No connection is made, so there is nobody to shake hands with:
//! the endpoint itself is the peer.

use std::sync::Arc;

use monocoque_core::endpoint::UdpEndpoint;
use monocoque_core::pipe::{PipeReader, PipeWriter};
use monocoque_core::stats::DropCause;
use monocoque_core::{Endpoint, SocketType};
use monocoque_io::{Backoff, Datagrams, PlacementGone, Stop, Stopper, sleep};
use monocoque_pattern::{LinkId, PeerFacts};
use monocoque_zmtp::DatagramShape;

use crate::core::{Core, Role};
use crate::error::{BindError, ConnectError};
use crate::monitor::Event;
use crate::wait::answer;

/// One endpoint's pipes, until its task ends.
struct Station {
    core: Arc<Core>,
    link: LinkId,
    outgoing: PipeReader,
    incoming: PipeWriter,
    shape: DatagramShape,
    /// Counted among what the socket has to end.
    is_live: bool,
}

impl Station {
    /// The endpoint as a peer of the socket; `None` if the socket takes no further one.
    fn new(core: &Arc<Core>) -> Option<Self> {
        let link = core.hub.open();
        let (writer, outgoing) = core.direct_pipe();
        let (incoming, reader) = core.datagrams_pipe();
        let ours = core.socket_type();
        let facts = PeerFacts { socket_type: ours.peers()[0], identity: None, commands: true, properties: None };
        if core.hub.attach(link, writer).is_err() || core.hub.up(link, facts, reader).is_err() {
            core.hub.release(link);
            return None;
        }
        if ours == SocketType::Radio {
            core.hub.send_every_group(link);
        }
        let shape = if ours == SocketType::Dgram { DatagramShape::Addressed } else { DatagramShape::Grouped };
        let mut station = Self { core: Arc::clone(core), link, outgoing, incoming, shape, is_live: false };
        station.count(true);
        Some(station)
    }

    /// Whether it is to be counted from here on.
    fn count(&mut self, is_live: bool) {
        let mut state = self.core.state.lock();
        state.live += usize::from(is_live);
        state.live -= usize::from(std::mem::replace(&mut self.is_live, is_live));
        drop(state);
        self.core.idle.wake_all();
    }

    async fn run(mut self, socket: Datagrams, stop: Stop) {
        let pipes = (&mut self.outgoing, &mut self.incoming);
        socket.run(self.shape, pipes, stop, self.core.hub.drops()).await;
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        let unsent = self.outgoing.queued();
        let mut state = self.core.state.lock();
        state.live -= usize::from(self.is_live);
        if self.core.is_closing() && self.core.socket_type().sends() {
            state.lost += unsent;
            self.core.hub.drops().count(DropCause::Linger, unsent as u64);
            let mut rest = Default::default();
            self.outgoing.batches().take(&mut rest);
        }
        drop(state);
        self.core.hub.release(self.link);
        self.core.idle.wake_all();
    }
}

impl Core {
    /// Receives what is sent to `endpoint`, and of a DGRAM sends from it.
    pub(crate) async fn bind_datagrams(
        self: &Arc<Self>,
        written: &str,
        endpoint: UdpEndpoint,
    ) -> Result<Endpoint, BindError> {
        let placement = self.placement()?;
        let config = self.options().datagram_config();
        let (given, opened) = answer();
        let at = endpoint.clone();
        placement.spawn(move |_| async move { given.give(Datagrams::receiving(&at, &config).await) })?;
        let opened = opened.await.ok_or(PlacementGone)?;
        let socket = opened.map_err(|source| crate::core::bind_error(&Endpoint::Udp(endpoint), source))?;
        let real = socket.endpoint().clone();
        let station = Station::new(self).ok_or(BindError::Closed)?;
        let stopper = Stopper::new();
        let stop = stopper.listen();
        if !self.add(written.to_owned(), real.clone(), Role::BoundDatagrams, stopper) {
            return Err(BindError::Closed);
        }
        let (core, endpoint, descriptor) = (Arc::clone(self), real.to_string(), socket.descriptor());
        self.events.emit(Event::Listening { endpoint: endpoint.clone(), descriptor });
        placement.spawn(move |_| async move {
            station.run(socket, stop).await;
            core.events.emit(Event::Closed { endpoint, descriptor });
        })?;
        Ok(real)
    }

    /// Sends what a RADIO has to `endpoint`. Its address is looked up by the task that sends, again and again until there is one.
    pub(crate) fn connect_datagrams(
        self: &Arc<Self>,
        written: &str,
        endpoint: UdpEndpoint,
    ) -> Result<LinkId, ConnectError> {
        let placement = self.placement()?;
        let mut station = Station::new(self).ok_or(ConnectError::Busy(self.socket_type()))?;
        let options = self.options();
        let (link, config, dial) = (station.link, options.datagram_config(), options.dial_config());
        drop(options);
        let stopper = Stopper::new();
        let mut stop = stopper.listen();
        if !self.add(written.to_owned(), Endpoint::Udp(endpoint.clone()), Role::ConnectedDatagrams(link), stopper) {
            return Err(ConnectError::Closed);
        }
        placement.spawn(move |_| async move {
            let mut backoff = dial.backoff.map(|bounds| Backoff::new(bounds, dial.seed));
            let told = Endpoint::Udp(endpoint.clone()).to_string();
            loop {
                let error = match stop.or_stopped(Datagrams::sending(&endpoint, &config)).await {
                    None => return,
                    Some(Ok(socket)) => return station.run(socket, stop).await,
                    Some(Err(error)) => error,
                };
                let (endpoint, kind, reason) = (told.clone(), Some(error.kind()), Some(error.to_string()));
                let Some(backoff) = &mut backoff else {
                    return station.core.events.emit(Event::ConnectGivenUp { endpoint, kind, reason });
                };
                let after = backoff.wait();
                station.core.events.emit(Event::ConnectRetried { endpoint, after, kind, reason });
                // Nobody who closes the socket waits for a name without anything to be sent there.
                let is_idle = station.outgoing.queued() == 0;
                station.count(!is_idle);
                if stop.or_stopped(sleep(after)).await.is_none() {
                    return;
                }
                station.count(true);
            }
        })?;
        Ok(link)
    }
}
