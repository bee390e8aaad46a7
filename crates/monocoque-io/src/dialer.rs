//! Dialing: one endpoint, connected again and again.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use compio::driver::SharedFd;
use compio::driver::op::Connect;
use futures_util::FutureExt;
use monocoque_core::Endpoint;
use monocoque_core::endpoint::TcpEndpoint;
use monocoque_core::protocol::Side;
use monocoque_core::slab::Arena;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::backoff::{Backoff, BackoffConfig};
use crate::connection::Connection;
use crate::driver::Driver;
use crate::link::StreamLink;
use crate::owner::{LinkEvent, LinkFacts, Owner, Retry};
use crate::placement::Home;
use crate::resolve::{endpoint_like, route, unix_address};
use crate::socks::{NEGOTIATION_TIME_MAX, SocksProxy};
use crate::stop::Stop;
use crate::tuning::SocketTuning;

/// How a dialer behaves.
#[derive(Debug, Clone, Default)]
pub struct DialConfig {
    /// The waits between attempts; `None` means one attempt only (`ZMQ_RECONNECT_IVL` -1).
    pub backoff: Option<BackoffConfig>,
    /// How long the connection to one address may take; `None`, like zero, leaves it to the system.
    pub timeout: Option<Duration>,
    /// A refused attempt is the last one.
    pub stop_when_refused: bool,
    /// What decides the jitter.
    pub seed: u64,
    /// The proxy that TCP connections go through.
    pub proxy: Option<SocksProxy>,
    /// What the system is told of each socket.
    pub tuning: SocketTuning,
}

/// Connects to one endpoint.
#[derive(Debug)]
pub struct Dialer<O> {
    /// Who wants the connections.
    pub owner: O,
    /// Where to connect.
    pub endpoint: Endpoint,
    /// How to behave.
    pub config: DialConfig,
    /// What connections read into.
    pub arena: Arena,
    /// Ends dialing, and the connection.
    pub stop: Stop,
}

impl<O: Owner> Dialer<O> {
    /// Connects and runs the connections one after the other until stopped.
    ///
    /// The name is resolved anew at every attempt, off the I/O thread, and every address it has is tried.
    #[expect(clippy::manual_async_fn, reason = "an async function holds twice what it is given")]
    pub fn run(mut self, home: Home) -> impl Future<Output = ()> {
        async move {
            let mut backoff = self.config.backoff.map(|bounds| Backoff::new(bounds, self.config.seed));
            loop {
                self.owner.event(LinkEvent::ConnectDelayed);
                // Boxed: a connection that is up has no room for it.
                let attempt = Box::pin(attempt(&self.endpoint, &self.config, home.driver));
                let error = match self.stop.or_stopped(attempt).await {
                    None => return,
                    Some(Err(error)) => Some(error),
                    Some(Ok((link, facts))) => match self.connection(link, facts, &home).await {
                        (_, Retry::No) => return,
                        (was_ready, Retry::Yes) => {
                            backoff.iter_mut().filter(|_| was_ready).for_each(Backoff::reset);
                            None
                        }
                    },
                };
                if self.stop.is_stopped() {
                    return;
                }
                let refused = error.as_ref().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
                let Some(backoff) = backoff.as_mut().filter(|_| !(refused && self.config.stop_when_refused)) else {
                    return self.owner.event(LinkEvent::ConnectGivenUp { error });
                };
                let after = backoff.wait();
                self.owner.event(LinkEvent::ConnectRetried { after, error });
                self.stop.or_stopped(compio::time::sleep(after)).await;
            }
        }
    }

    fn connection(
        &self,
        link: StreamLink,
        facts: LinkFacts,
        home: &Home,
    ) -> impl Future<Output = (bool, Retry)> + use<'_, O> {
        let (protocol, host) = self.owner.begin(&facts, None);
        self.owner.event(LinkEvent::Connected(facts));
        let connection = Connection::new(protocol, link, self.arena.clone());
        let running = connection.run(host, self.stop.clone(), home.clone());
        running.map(|(host, ended)| (ended.was_ready, self.owner.end(host, ended)))
    }
}

async fn attempt(endpoint: &Endpoint, config: &DialConfig, driver: Driver) -> io::Result<(StreamLink, LinkFacts)> {
    let (socket, local, remote) = match endpoint {
        Endpoint::Tcp(tcp) => connect_stream(endpoint, tcp, config, driver).await?,
        Endpoint::Ws(ws) => {
            let tcp = TcpEndpoint::new(ws.target().clone());
            connect_stream(endpoint, &tcp, config, driver).await?
        }
        Endpoint::Ipc(ipc) => {
            let socket = connect(&unix_address(ipc)?, None, config, driver).await?;
            // Our end has no name.
            (socket, "ipc://".to_owned(), endpoint.to_string())
        }
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    let link = StreamLink::new(socket);
    let facts = LinkFacts::new(Side::Dialer, local, remote, &link);
    Ok((link, facts))
}

/// Connects to `tcp`, through the proxy if there is one; names both ends as `endpoint` is.
async fn connect_stream(
    endpoint: &Endpoint,
    tcp: &TcpEndpoint,
    config: &DialConfig,
    driver: Driver,
) -> io::Result<(OwnedFd, String, String)> {
    match &config.proxy {
        Some(proxy) => {
            let socket = connect_by(proxy, tcp, config, driver).await?;
            let (socket, local) = with_local(endpoint, socket);
            Ok((socket, local, endpoint_to(endpoint)))
        }
        None => {
            let (socket, target) = connect_tcp(tcp, config, driver).await?;
            let (socket, local) = with_local(endpoint, socket);
            Ok((socket, local, endpoint_like(endpoint, target)))
        }
    }
}

async fn connect_tcp(endpoint: &TcpEndpoint, config: &DialConfig, driver: Driver) -> io::Result<(OwnedFd, SocketAddr)> {
    let route = route(endpoint, config.tuning.ipv6).await?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (source, target) in route.targets {
        match connect(&target.into(), source, config, driver).await {
            Ok(socket) => return Ok((socket, target)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Connects to the proxy, from the endpoint's source if it has one, and has that connect to the endpoint.
async fn connect_by(
    proxy: &SocksProxy,
    endpoint: &TcpEndpoint,
    config: &DialConfig,
    driver: Driver,
) -> io::Result<OwnedFd> {
    let first = TcpEndpoint::new(proxy.at.clone());
    let source = endpoint.source().or(proxy.source.as_ref());
    let first = source.map_or(first.clone(), |source| first.with_source(source.clone()));
    let (socket, _) = connect_tcp(&first, config, driver).await?;
    let negotiating = proxy.negotiate(socket, endpoint.target());
    let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "the SOCKS proxy does not answer");
    compio::time::timeout(NEGOTIATION_TIME_MAX, negotiating).await.map_err(silent)?
}

/// A socket with its own end, named as `endpoint` is.
fn with_local(endpoint: &Endpoint, socket: OwnedFd) -> (OwnedFd, String) {
    let socket = Socket::from(socket);
    let local = socket.local_addr().ok().and_then(|address| address.as_socket());
    (socket.into(), local.map_or_else(String::new, |local| endpoint_like(endpoint, local)))
}

/// The far end as it is written: only the proxy knows its address.
fn endpoint_to(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp(tcp) => format!("tcp://{}", tcp.target()),
        other => other.to_string(),
    }
}

async fn connect(
    target: &SockAddr,
    source: Option<SocketAddr>,
    DialConfig { tuning, timeout, .. }: &DialConfig,
    driver: Driver,
) -> io::Result<OwnedFd> {
    let kind = if driver == Driver::Poll { Type::STREAM.nonblocking() } else { Type::STREAM };
    let socket = Socket::new(target.domain(), kind, None)?;
    tuning.apply(&socket, target)?;
    if target.domain() != Domain::UNIX {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(source) = source {
        socket.set_reuse_address(true)?;
        socket.bind(&source.into())?;
    }
    let shared = SharedFd::new(socket);
    let connecting = compio::runtime::submit(Connect::new(shared.clone(), target.clone()));
    // Of each address by itself: the next may answer.
    let limit = timeout.filter(|limit| !limit.is_zero()).and_then(|limit| Instant::now().checked_add(limit));
    let connected = match limit {
        None => connecting.await,
        Some(limit) => compio::time::timeout_at(limit, connecting).await.map_err(|_| io::ErrorKind::TimedOut)?,
    };
    let (result, operation) = connected.into();
    drop(operation);
    result?;
    if target.domain() == Domain::UNIX {
        // A full backlog answers a non-blocking connect over ipc with EAGAIN, which compio's epoll driver takes for
        // a connect that is under way, and so for a success.
        shared.peer_addr()?;
    }
    tuning.apply_connected(&*shared)?;
    shared
        .try_unwrap()
        .map(OwnedFd::from)
        .map_err(|_| io::Error::other("the connecting operation still holds the socket"))
}

#[cfg(test)]
mod tests {
    use crate::DriverChoice;
    use crate::listener::{Binding, ListenConfig};

    use super::*;

    #[test]
    fn both_ends_are_tuned_before_they_meet() {
        let tuning = SocketTuning { priority: Some(5), send_buffer_bytes: Some(50_000), ..SocketTuning::default() };
        let check = |socket: &OwnedFd| {
            let socket = socket2::SockRef::from(socket);
            assert_eq!((socket.priority().ok(), socket.send_buffer_size().ok()), (Some(5), Some(100_000)));
        };
        for driver in [Driver::Poll, Driver::Uring] {
            let Ok(runtime) = DriverChoice::Only(driver).runtime() else { continue };
            runtime.block_on(async {
                let config = ListenConfig { tuning: tuning.clone(), ..ListenConfig::default() };
                let endpoint = "tcp://127.0.0.1:*".parse().expect("valid");
                let binding = Binding::new(&endpoint, &config).await.expect("free");
                let Endpoint::Tcp(bound) = binding.endpoint() else { unreachable!("it is tcp") };
                let dialing = |tuning: &SocketTuning| DialConfig { tuning: tuning.clone(), ..DialConfig::default() };
                let (socket, ..) = connect_tcp(bound, &dialing(&tuning), driver).await.expect("it listens");
                check(&socket);
                let nowhere = SocketTuning { device: Some("no-such-device".into()), ..tuning.clone() };
                assert!(connect_tcp(bound, &dialing(&nowhere), driver).await.is_err());
                let config = ListenConfig { tuning: nowhere, ..ListenConfig::default() };
                assert!(Binding::new(&endpoint, &config).await.is_err());
            });
        }
    }
}
