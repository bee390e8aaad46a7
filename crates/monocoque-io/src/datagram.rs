//! Datagrams: one UDP socket, whose messages go out and come in one by one.
//!
//! There is no connection, no handshake and no back pressure: what the system does not take is lost and counted, and so is
//! what comes while the socket's queue is full.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use compio::driver::SharedFd;
use compio::driver::op::Interest;
use monocoque_core::batch::Found;
use monocoque_core::endpoint::{Host, HostPort, UdpEndpoint};
use monocoque_core::pipe::{PipeReader, PipeWriter, Refusal};
use monocoque_core::protocol::DatagramForm;
use monocoque_core::stats::{DropCause, Drops};
use monocoque_core::{Endpoint, Message};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recvfrom, sendmsg_addr};
use socket2::{Domain, Protocol, Socket, Type};

use crate::connection::yield_now;
use crate::readiness::until;
use crate::resolve::{interface_index, local_addresses};
use crate::stop::Stop;
use crate::tuning::SocketTuning;

/// The longest datagram is shorter.
const DATAGRAM_BYTES_MAX: usize = 64 * 1024;
/// Datagrams in a row before the other tasks of the thread get their turn.
const TURNS_MAX: u32 = 64;

/// How datagrams are sent and received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatagramConfig {
    /// Routers that a multicast datagram may pass (`IP_MULTICAST_TTL`).
    pub multicast_hops: u32,
    /// Whether multicast datagrams come back to this machine (`IP_MULTICAST_LOOP`).
    pub multicast_loop: bool,
    /// What the system is told of the socket.
    pub tuning: SocketTuning,
}

impl Default for DatagramConfig {
    fn default() -> Self {
        Self { multicast_hops: 1, multicast_loop: true, tuning: SocketTuning::default() }
    }
}

/// An open UDP socket.
#[derive(Debug)]
pub struct Datagrams {
    socket: Socket,
    endpoint: Endpoint,
    /// Where messages without an address go.
    target: Option<SocketAddr>,
}

impl Datagrams {
    /// A socket that receives what is sent to `endpoint`, a member of the group if that is a multicast address.
    ///
    /// # Errors
    /// As `bind(2)`; `NotFound` for a name that is neither interface nor host.
    pub async fn receiving(endpoint: &UdpEndpoint, config: &DatagramConfig) -> io::Result<Self> {
        let address = first(endpoint.target(), config.tuning.ipv6).await?;
        let socket = open(address, endpoint, config).await?;
        if address.ip().is_multicast() {
            socket.set_reuse_address(true)?;
        }
        socket.bind(&bindable(address).into())?;
        join(&socket, address, endpoint).await?;
        let mut bound = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        bound.set_ip(address.ip());
        let endpoint = format!("udp://{bound}").parse().map_err(io::Error::other)?;
        Ok(Self { socket, endpoint, target: None })
    }

    /// A socket that sends to `endpoint`.
    ///
    /// # Errors
    /// As `socket(2)`; `NotFound` for a name that is no host.
    pub async fn sending(endpoint: &UdpEndpoint, config: &DatagramConfig) -> io::Result<Self> {
        let target = first(endpoint.target(), config.tuning.ipv6).await?;
        let socket = open(target, endpoint, config).await?;
        Ok(Self { socket, endpoint: Endpoint::Udp(endpoint.clone()), target: Some(target) })
    }

    /// The number of its descriptor.
    pub fn descriptor(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// The real endpoint: the port that was found for a wildcard.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends what is `outgoing` and receives into `incoming` until stopped, or until the former is finished and written.
    ///
    /// # Cancel safety
    /// Not cancel-safe: use `stop`.
    pub async fn run(
        self,
        form: impl DatagramForm,
        (outgoing, incoming): (&mut PipeReader, &mut PipeWriter),
        mut stop: Stop,
        drops: &Drops,
    ) {
        let fd = SharedFd::new(Arc::new(self.socket));
        let sending = async {
            let mut turns = 0;
            while let Some(message) = poll_fn(|cx| poll_next(outgoing, cx)).await {
                let sent = match form.encode(&message) {
                    Some((address, head, body)) => send(&fd, address.or(self.target), &head, &body).await,
                    None => Err(io::ErrorKind::InvalidInput.into()),
                };
                drops.count(DropCause::Undeliverable, u64::from(sent.is_err()));
                rest(&mut turns).await;
            }
        };
        let receiving = async {
            let (mut buffer, mut turns) = (vec![0; DATAGRAM_BYTES_MAX], 0);
            loop {
                let Ok((len, from)) = receive(&fd, &mut buffer).await else {
                    // An error that stays must not keep the thread.
                    yield_now().await;
                    continue;
                };
                let cause = match form.decode(from, &buffer[..len]).map(|message| incoming.push(&message)) {
                    Some(Ok(())) => None,
                    Some(Err(Refusal::Full)) => Some(DropCause::Full),
                    Some(Err(Refusal::Closed)) => return,
                    None => Some(DropCause::Unexpected),
                };
                cause.into_iter().for_each(|cause| drops.count(cause, 1));
                rest(&mut turns).await;
            }
        };
        let (mut sending, mut receiving) = (pin!(sending), pin!(receiving));
        let either = poll_fn(|cx| {
            if sending.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            receiving.as_mut().poll(cx)
        });
        stop.or_stopped(either).await;
    }
}

/// The next message; `None` when the pipe is finished and read.
fn poll_next(outgoing: &mut PipeReader, cx: &Context<'_>) -> Poll<Option<Message>> {
    outgoing.set_waker(cx.waker());
    let mut message = Message::new();
    loop {
        match outgoing.next_into(&mut message) {
            Some(Found::Message) => return Poll::Ready(Some(message)),
            // A subscriber's wishes have nobody to go to.
            Some(Found::Command) => {}
            None if outgoing.is_finished() => return Poll::Ready(None),
            None => return Poll::Pending,
        }
    }
}

async fn rest(turns: &mut u32) {
    *turns += 1;
    if turns.is_multiple_of(TURNS_MAX) {
        yield_now().await;
    }
}

async fn send(fd: &SharedFd<Arc<Socket>>, to: Option<SocketAddr>, head: &[u8], body: &[u8]) -> io::Result<()> {
    let to = to.ok_or(io::ErrorKind::AddrNotAvailable)?;
    loop {
        let (slices, mut none) = ([IoSlice::new(head), IoSlice::new(body)], SendAncillaryBuffer::default());
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match sendmsg_addr(&**fd, &to, &slices, &mut none, flags).map_err(io::Error::from) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => until(fd.clone(), Interest::Writable).await?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            sent => return sent.map(drop),
        }
    }
}

async fn receive(fd: &SharedFd<Arc<Socket>>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    loop {
        match recvfrom(&**fd, &mut *buffer, RecvFlags::DONTWAIT).map_err(io::Error::from) {
            Ok((len, _, from)) => {
                let from = from.and_then(|from| SocketAddr::try_from(from).ok());
                return from.map(|from| (len, from)).ok_or_else(|| io::ErrorKind::AddrNotAvailable.into());
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => until(fd.clone(), Interest::Readable).await?,
            // What an earlier datagram met, such as a port that nobody has.
            Err(error) => return Err(error),
        }
    }
}

/// The system takes no group of a link's own to bind, unless it is told which link.
fn bindable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_multicast() && v6.scope_id() == 0 => (Ipv6Addr::UNSPECIFIED, v6.port()).into(),
        other => other,
    }
}

async fn first(written: &HostPort, ipv6: bool) -> io::Result<SocketAddr> {
    local_addresses(written, ipv6).await?.into_iter().next().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

async fn open(address: SocketAddr, endpoint: &UdpEndpoint, config: &DatagramConfig) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    config.tuning.apply_datagram(&socket, domain)?;
    if address.ip().is_multicast() {
        match address {
            SocketAddr::V4(_) => {
                socket.set_multicast_ttl_v4(config.multicast_hops)?;
                socket.set_multicast_loop_v4(config.multicast_loop)?;
                if let Some(IpAddr::V4(interface)) = interface(endpoint).await? {
                    socket.set_multicast_if_v4(&interface)?;
                }
            }
            SocketAddr::V6(group) => {
                socket.set_multicast_hops_v6(config.multicast_hops)?;
                socket.set_multicast_loop_v6(config.multicast_loop)?;
                socket.set_multicast_if_v6(index(group, endpoint).await?)?;
            }
        }
    }
    Ok(socket)
}

/// The address of the interface that was named for multicast.
async fn interface(endpoint: &UdpEndpoint) -> io::Result<Option<IpAddr>> {
    match endpoint.interface() {
        None | Some(Host::Any) => Ok(None),
        Some(host) => {
            let written = HostPort::new(host.clone(), 0).map_err(io::Error::other)?;
            Ok(Some(first(&written, false).await?.ip()))
        }
    }
}

/// The number of the interface for an IPv6 group: that of its scope, or that was named; 0 leaves it to the system.
async fn index(group: SocketAddrV6, endpoint: &UdpEndpoint) -> io::Result<u32> {
    match (group.scope_id(), endpoint.interface()) {
        (0, None | Some(Host::Any)) => Ok(0),
        (0, Some(named)) => interface_index(named).await,
        (scope, _) => Ok(scope),
    }
}

async fn join(socket: &Socket, group: SocketAddr, endpoint: &UdpEndpoint) -> io::Result<()> {
    match group {
        SocketAddr::V4(group) if group.ip().is_multicast() => {
            let interface = match interface(endpoint).await? {
                Some(IpAddr::V4(interface)) => interface,
                _ => std::net::Ipv4Addr::UNSPECIFIED,
            };
            socket.join_multicast_v4(group.ip(), &interface)
        }
        SocketAddr::V6(group) if group.ip().is_multicast() => {
            socket.join_multicast_v6(group.ip(), index(group, endpoint).await?)
        }
        _ => Ok(()),
    }
}
