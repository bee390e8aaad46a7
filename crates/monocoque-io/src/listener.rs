//! Listening: one endpoint, accepted from until stopped.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use compio::driver::SharedFd;
use compio::driver::op::Interest;
use futures_util::FutureExt;
use monocoque_core::Endpoint;
use monocoque_core::endpoint::{HostPort, IpcEndpoint};
use monocoque_core::protocol::Side;
use monocoque_core::slab::Arena;
use rustix::fs::stat;
use rustix::net::SocketFlags;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::connection::{self, Begin, Connection, Silent, Stay, yield_now};
use crate::driver::Driver;
use crate::filter::AcceptFilter;
use crate::half_open::{HalfOpen, Handshakes};
use crate::link::StreamLink;
use crate::mailbox::LocalFuture;
use crate::owner::{LinkEvent, LinkFacts, Owner};
use crate::parking::Guest;
use crate::placement::{Home, Placement};
use crate::readiness::until;
use crate::resolve::{endpoint_like, local_addresses, unix_address};
use crate::stop::Stop;
use crate::tuning::SocketTuning;

/// After accepting failed in a way that may stay, for want of a resource say: how long until the next try.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Peers accepted in a row before the other tasks of the thread get their turn: those whom they begin.
const TURNS_MAX: u32 = 16;

/// How a listener behaves.
#[derive(Debug, Clone)]
pub struct ListenConfig {
    /// Connections that the system holds for us before we accept them (`ZMQ_BACKLOG`).
    pub backlog: i32,
    /// Handshakes that may be under way at once; more are turned away.
    pub half_open_max: usize,
    /// And of one host.
    pub half_open_host_max: usize,
    /// Whom it lets in.
    pub filter: AcceptFilter,
    /// What the system is told of each socket.
    pub tuning: SocketTuning,
    /// A socket that is bound and listens already, made elsewhere: it is accepted from instead (`ZMQ_USE_FD`).
    pub adopted: Option<Arc<OwnedFd>>,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            backlog: 100,
            half_open_max: 1024,
            half_open_host_max: 512,
            filter: AcceptFilter::default(),
            tuning: SocketTuning::default(),
            adopted: None,
        }
    }
}

/// A bound socket, not yet accepting.
#[derive(Debug)]
pub struct Binding {
    socket: OwnedFd,
    endpoint: Endpoint,
    claim: Option<PathClaim>,
}

/// A socket file of ours: removed at the end if it is still the one we made.
#[derive(Debug)]
struct PathClaim {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// The directory made for a wildcard; removed with the file.
    _directory: Option<tempfile::TempDir>,
}

impl PathClaim {
    fn new(path: PathBuf, directory: Option<tempfile::TempDir>) -> io::Result<Self> {
        let made = stat(&path)?;
        Ok(Self { path, device: made.st_dev, inode: made.st_ino, _directory: directory })
    }
}

impl Drop for PathClaim {
    fn drop(&mut self) {
        if stat(&self.path).is_ok_and(|now| (now.st_dev, now.st_ino) == (self.device, self.inode)) {
            // Someone may have removed it meanwhile: then there is nothing to do.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Binding {
    /// Binds `endpoint` and starts listening.
    ///
    /// # Errors
    /// As `bind(2)` and `listen(2)`; `NotFound` for a name that is neither interface nor host.
    pub async fn new(endpoint: &Endpoint, config: &ListenConfig) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(_) | Endpoint::Ws(_) | Endpoint::Ipc(_) if config.adopted.is_some() => {
                Self::adopt(endpoint, config)
            }
            Endpoint::Tcp(tcp) => Self::tcp(endpoint, tcp.target(), config).await,
            Endpoint::Ws(ws) => Self::tcp(endpoint, ws.target(), config).await,
            Endpoint::Ipc(ipc) => Self::ipc(ipc, config),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The number of its descriptor.
    pub fn descriptor(&self) -> i32 {
        self.socket.as_raw_fd()
    }

    /// The real endpoint: the port and path that were found for a wildcard.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The socket that was made elsewhere. A path that it is bound to is not ours to remove.
    fn adopt(endpoint: &Endpoint, config: &ListenConfig) -> io::Result<Self> {
        let adopted = config.adopted.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        let socket = Socket::from(adopted.try_clone()?);
        match endpoint {
            Endpoint::Tcp(_) | Endpoint::Ws(_) => Self::of_tcp(endpoint, socket),
            _ => Ok(Self { socket: socket.into(), endpoint: endpoint.clone(), claim: None }),
        }
    }

    async fn tcp(endpoint: &Endpoint, target: &HostPort, config: &ListenConfig) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in local_addresses(target, config.tuning.ipv6).await? {
            match listen_on(&address.into(), config) {
                Ok(socket) => return Self::of_tcp(endpoint, socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn of_tcp(written: &Endpoint, socket: Socket) -> io::Result<Self> {
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let endpoint = endpoint_like(written, address).parse().map_err(io::Error::other)?;
        Ok(Self { socket: socket.into(), endpoint, claim: None })
    }

    fn ipc(endpoint: &IpcEndpoint, config: &ListenConfig) -> io::Result<Self> {
        let (endpoint, directory) = match endpoint {
            IpcEndpoint::Any => {
                let directory = tempfile::Builder::new().prefix("monocoque-").tempdir()?;
                let path = directory.path().join("socket");
                (IpcEndpoint::path(path).map_err(io::Error::other)?, Some(directory))
            }
            other => (other.clone(), None),
        };
        let path = match &endpoint {
            IpcEndpoint::Path(path) => Some(path.clone()),
            _ => None,
        };
        // A later bind takes the path over, as libzmq does; a file that is no socket is left alone.
        path.as_deref().map(remove_stale).transpose()?;
        let socket = listen_on(&unix_address(&endpoint)?, config)?;
        let claim = path.map(|path| PathClaim::new(path, directory)).transpose()?;
        Ok(Self { socket: socket.into(), endpoint: Endpoint::Ipc(endpoint), claim })
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

/// Linux hands nearly all that is set here on to what is accepted over TCP.
fn listen_on(address: &SockAddr, config: &ListenConfig) -> io::Result<Socket> {
    let socket = Socket::new(address.domain(), Type::STREAM, None)?;
    config.tuning.apply(&socket, address)?;
    if address.domain() != Domain::UNIX {
        socket.set_reuse_address(true)?;
        socket.set_tcp_nodelay(true)?;
    }
    socket.bind(address)?;
    socket.listen(config.backlog)?;
    Ok(socket)
}

impl ListenConfig {
    /// Prepares the socket of a peer that may shake hands; else what is to be told of it.
    fn let_in(
        &self,
        peer: &OwnedFd,
        address: Option<IpAddr>,
        remote: &str,
        handshakes: &Arc<Handshakes>,
    ) -> Result<HalfOpen, LinkEvent> {
        let remote = || remote.to_owned();
        if !self.filter.admits(peer, address).map_err(LinkEvent::AcceptFailed)? {
            return Err(LinkEvent::Filtered { remote: remote() });
        }
        let tuned = match address {
            Some(_) => self.tuning.apply_accepted(peer),
            None => self.tuning.apply_unix(peer),
        };
        tuned.map_err(LinkEvent::AcceptFailed)?;
        handshakes.admit(address).ok_or_else(|| LinkEvent::TooManyHandshakes { remote: remote() })
    }
}

/// Accepts peers from a [`Binding`].
#[derive(Debug)]
pub struct Listener<O> {
    /// Who wants the connections.
    pub owner: O,
    /// Where to accept.
    pub binding: Binding,
    /// How to behave.
    pub config: ListenConfig,
    /// What connections read into.
    pub arena: Arena,
    /// The runtimes that connections are spread over.
    pub placement: Placement,
    /// Ends accepting.
    pub stop: Stop,
    /// Ends the connections that were accepted.
    pub connections: Stop,
}

impl<O: Owner> Listener<O> {
    /// Accepts until stopped.
    ///
    /// A failure to accept is reported; after one that may stay, as when descriptors have run out, accepting pauses and goes on.
    pub async fn run(self, home: Home) {
        let Binding { socket, endpoint, claim } = self.binding;
        let (owner, mut stop) = (Arc::new(self.owner), self.stop);
        let socket = Socket::from(socket);
        let descriptor = socket.as_raw_fd();
        if let Err(error) = socket.set_nonblocking(true) {
            owner.event(LinkEvent::AcceptFailed(error));
            return owner.event(LinkEvent::ListenerClosed { descriptor });
        }
        let listening = SharedFd::new(socket);
        let handshakes = Handshakes::new(self.config.half_open_max, self.config.half_open_host_max, stop.clone());
        // Waiting comes first: the engine makes sure of itself at its first operation, which takes a descriptor while there are some.
        let (mut turns, mut is_there) = (0u32, false);
        while !stop.is_stopped() {
            if !is_there {
                match stop.or_stopped(until(listening.clone(), Interest::Readable)).await {
                    None => break,
                    Some(Ok(())) => is_there = true,
                    Some(Err(error)) => {
                        owner.event(LinkEvent::AcceptFailed(error));
                        stop.or_stopped(compio::time::sleep(ACCEPT_PAUSE)).await;
                        continue;
                    }
                }
            }
            turns += 1;
            if turns.is_multiple_of(TURNS_MAX) {
                yield_now().await;
            }
            let (peer, address) = match accept(&listening, home.driver) {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    is_there = false;
                    continue;
                }
                Err(error) => {
                    let may_stay = !is_of_one_peer(&error);
                    owner.event(LinkEvent::AcceptFailed(error));
                    if may_stay {
                        stop.or_stopped(compio::time::sleep(ACCEPT_PAUSE)).await;
                    }
                    continue;
                }
            };
            home.spin.touch();
            let remote = address.map_or_else(|| "ipc://".to_owned(), |address| endpoint_like(&endpoint, address));
            let permit = match self.config.let_in(&peer, address.map(|address| address.ip()), &remote, &handshakes) {
                Ok(permit) => permit,
                Err(event) => {
                    owner.event(event);
                    continue;
                }
            };
            let ends = (endpoint.to_string(), remote);
            let (owner, arena, stop) = (Arc::clone(&owner), self.arena.clone(), self.connections.clone());
            let run = move |home: Home| serve(owner, peer, ends, permit, arena, stop, home);
            if self.placement.spawn(run).is_err() {
                break;
            }
        }
        drop(claim);
        // A wait that was under way holds the socket until its cancellation is through: whoever hears that
        // the listener is closed may bind the address again.
        drop(listening.take().await);
        owner.event(LinkEvent::ListenerClosed { descriptor });
    }
}

/// One connection, from its handshake to its end. It begins at once, so that the future holds nothing that only its beginning needs.
fn serve<O: Owner>(
    owner: Arc<O>,
    peer: OwnedFd,
    (local, remote): (String, String),
    permit: HalfOpen,
    arena: Arena,
    stop: Stop,
    home: Home,
) -> impl Future<Output = ()> {
    let link = StreamLink::new(peer);
    let facts = LinkFacts::new(Side::Listener, local, remote, &link);
    let (protocol, host) = owner.begin(&facts, Some(permit));
    owner.event(LinkEvent::Accepted(facts));
    let running = Connection::new(protocol, link, arena).begin(host, stop, home.clone(), Stay::Soon);
    attend(owner, running, home)
}

type Outcome<O> = connection::Outcome<<O as Owner>::Protocol, StreamLink, <O as Owner>::Host>;

/// Runs a connection until it ends, or is silent.
fn attend<O: Owner>(owner: Arc<O>, running: impl Future<Output = Outcome<O>>, home: Home) -> impl Future<Output = ()> {
    running.map(move |outcome| match outcome {
        Outcome::<O>::Ended(host, ended) => drop(owner.end(host, ended)),
        Outcome::<O>::Silent(silent) => home.park(Box::new(Peer { owner, silent })),
    })
}

/// A connection that is silent, and whose it is.
struct Peer<O: Owner> {
    owner: Arc<O>,
    silent: Silent<O::Protocol, StreamLink, O::Host>,
}

impl<O: Owner> Guest for Peer<O> {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.silent.descriptor()
    }

    fn waits(&mut self, waker: &Waker) -> bool {
        self.silent.waits(waker)
    }

    fn leave(self: Box<Self>, home: Home, begin: Begin, stay: Stay) -> LocalFuture {
        let Self { owner, silent } = *self;
        Box::pin(attend(owner, silent.run(home.clone(), begin, stay), home))
    }
}

/// Accepts a peer that waits for it, as the engine of `driver` wants its descriptor.
fn accept(listening: &Socket, driver: Driver) -> io::Result<(OwnedFd, Option<SocketAddr>)> {
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, driver == Driver::Poll);
    let (peer, address) = rustix::net::acceptfrom_with(listening, flags)?;
    Ok((peer, address.and_then(|address| SocketAddr::try_from(address).ok())))
}

/// Whether it says something of the peer that was next, and nothing of those behind it. After any other, such as a want of
/// descriptors or a socket that does not listen, trying again at once may only burn the core.
///
/// Source: accept(2), "Error handling".
fn is_of_one_peer(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let Some(code) = error.raw_os_error().map(Errno::from_raw_os_error) else { return false };
    let of_network = [
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NONET,
        Errno::NOPROTOOPT,
        Errno::PROTO,
    ];
    matches!(code, Errno::CONNABORTED | Errno::INTR) || of_network.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::tcp_endpoint;

    #[test]
    fn accepting_pauses_after_what_may_stay() {
        use rustix::io::Errno;
        let passes = |errno: Errno| is_of_one_peer(&io::Error::from_raw_os_error(errno.raw_os_error()));
        let staying = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::INVAL, Errno::PERM];
        assert!(!staying.into_iter().any(passes));
        assert!([Errno::CONNABORTED, Errno::INTR, Errno::PROTO].into_iter().all(passes));
        assert!(!is_of_one_peer(&io::ErrorKind::OutOfMemory.into()));
    }

    #[test]
    fn an_ipv6_address_is_written_with_brackets() {
        let endpoint = tcp_endpoint("[::1]:5555".parse().expect("an address"));
        assert_eq!(endpoint.parse::<Endpoint>().expect("an endpoint").to_string(), "tcp://[::1]:5555");
    }

    #[test]
    fn a_claim_is_on_the_file_and_not_on_its_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let write = |text: &str| std::fs::write(&path, text).expect("writable");
        write("ours");
        // A link keeps the old file, so that its number is not given to the new one.
        std::fs::hard_link(&path, directory.path().join("kept")).expect("one file system");
        let claim = PathClaim::new(path.clone(), None).expect("there");
        std::fs::remove_file(&path).expect("there");
        write("theirs");
        drop(claim);
        assert!(path.exists());
        drop(PathClaim::new(path.clone(), None).expect("there"));
        assert!(!path.exists());
    }
}
