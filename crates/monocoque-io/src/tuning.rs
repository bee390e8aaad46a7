//! What the system is told of each socket: buffers, priorities, keep-alive.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, SockAddr, SockRef, Socket, TcpKeepalive};

/// Congestion control over loopback. It never paces what it sends, is part of every Linux, and is every process's to choose.
const LOOPBACK_CONGESTION: &[u8] = b"reno";

/// When TCP itself asks a silent peer for a sign of life (`SO_KEEPALIVE`). What is `None` is the system's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keepalive {
    /// Silence before the first question (`TCP_KEEPIDLE`), in whole seconds.
    pub idle: Option<Duration>,
    /// Time between questions (`TCP_KEEPINTVL`), in whole seconds.
    pub interval: Option<Duration>,
    /// Questions without an answer after which the connection is lost (`TCP_KEEPCNT`).
    pub probes: Option<u32>,
}

/// Options of the sockets under connections. `None` leaves each to the system.
///
/// They are set before a socket connects or listens. What is accepted over TCP has what its listener has, but for the priority; a
/// Unix socket has nothing of its listener.
/// Of TCP, what connects to a loopback address or listens on one uses Reno, which does not pace, whatever the system's congestion control is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SocketTuning {
    /// Bytes that the kernel holds for us to be sent (`SO_SNDBUF`); Linux doubles it for its own books.
    pub send_buffer_bytes: Option<usize>,
    /// The same for TCP peers on this machine, if nothing is said for all. There is no distance that more could fill.
    pub near_send_buffer_bytes: Option<usize>,
    /// The same for Unix sockets, if nothing is said for all. The kernel does not let it grow as it does TCP's, and gives what its
    /// administrator allows at most.
    pub unix_send_buffer_bytes: Option<usize>,
    /// Bytes that the kernel holds for us to be read (`SO_RCVBUF`); doubled likewise.
    pub recv_buffer_bytes: Option<usize>,
    /// Priority of packets in the machine's queues (`SO_PRIORITY`); above 6 it needs a capability.
    pub priority: Option<u32>,
    /// Microseconds that a read in the kernel may poll the device (`SO_BUSY_POLL`).
    pub busy_poll_us: Option<u32>,
    /// The interface, or routing domain, that TCP connections keep to (`SO_BINDTODEVICE`).
    pub device: Option<String>,
    /// TCP: the type of service, or traffic class, of packets (`IP_TOS`, `IPV6_TCLASS`).
    pub tos: Option<u32>,
    /// TCP: keep-alive on, with these times, or off.
    pub keepalive: Option<Option<Keepalive>>,
    /// TCP: how long sent bytes may stay unacknowledged before the connection is lost (`TCP_USER_TIMEOUT`).
    pub retransmit_max: Option<Duration>,
    /// Names may have IPv6 addresses, and `*` is every address of both families (`ZMQ_IPV6`). An IPv6 address may be
    /// written either way.
    pub ipv6: bool,
}

impl SocketTuning {
    /// Sets all options that are there and fit the socket, which will connect to `address` or listen there.
    ///
    /// # Errors
    /// As `setsockopt(2)`: `PermissionDenied` without the capability that an option needs, `NotFound` without the device.
    pub fn apply(&self, socket: &Socket, address: &SockAddr) -> io::Result<()> {
        let domain = address.domain();
        let Some(address) = address.as_socket() else {
            return self.apply_unix(socket);
        };
        self.apply_datagram(socket, domain)?;
        if address.ip().to_canonical().is_loopback() {
            // Before there is a connection: what paces one does so to its end. It is only faster; where it cannot be had, what the
            // system does is right too.
            let _ = socket.set_tcp_congestion(LOOPBACK_CONGESTION);
        }
        set(self.retransmit_max, |time| socket.set_tcp_user_timeout(Some(time)))?;
        set(self.keepalive, |keepalive| match keepalive {
            None => socket.set_keepalive(false),
            Some(times) => socket.set_tcp_keepalive(&times.params()),
        })
    }

    /// Sets the options that datagrams have too.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_datagram(&self, socket: &Socket, domain: Domain) -> io::Result<()> {
        set(self.send_buffer_bytes, |bytes| socket.set_send_buffer_size(bytes))?;
        set(self.recv_buffer_bytes, |bytes| socket.set_recv_buffer_size(bytes))?;
        set(self.busy_poll_us, |time_us| socket.set_busy_poll(time_us))?;
        if domain != Domain::UNIX {
            self.apply_ip(socket, domain)?;
        }
        // Last: Linux derives a priority from the type of service.
        set(self.priority, |priority| socket.set_priority(priority))
    }

    /// Sets what a socket that was accepted over TCP does not have from its listener.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_accepted(&self, socket: impl AsFd) -> io::Result<()> {
        set(self.priority, |priority| SockRef::from(&socket).set_priority(priority))?;
        self.apply_connected(socket)
    }

    /// Sets the options of a Unix socket, accepted or not.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_unix(&self, socket: impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(&socket);
        // Linux says twice what it was told.
        if let Some(bytes) = self.unix_send_buffer_bytes.filter(|_| self.send_buffer_bytes.is_none())
            && socket.send_buffer_size()? < 2 * bytes
        {
            socket.set_send_buffer_size(bytes)?;
        }
        self.apply_datagram(&socket, Domain::UNIX)
    }

    /// Sets what depends on where the peer is.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub fn apply_connected(&self, socket: impl AsFd) -> io::Result<()> {
        let Some(bytes) = self.near_send_buffer_bytes.filter(|_| self.send_buffer_bytes.is_none()) else {
            return Ok(());
        };
        let socket = SockRef::from(&socket);
        if is_near(&socket) { socket.set_send_buffer_size(bytes) } else { Ok(()) }
    }

    fn apply_ip(&self, socket: &Socket, domain: Domain) -> io::Result<()> {
        if domain == Domain::IPV6 {
            // Whatever the system's default is: `[::]` takes IPv4 too.
            socket.set_only_v6(false)?;
        }
        set(self.device.as_ref(), |device| socket.bind_device(Some(device.as_bytes())))?;
        set(self.tos, |tos| if domain == Domain::IPV6 { socket.set_tclass_v6(tos) } else { socket.set_tos_v4(tos) })
    }
}

impl Keepalive {
    fn params(self) -> TcpKeepalive {
        let mut params = TcpKeepalive::new();
        if let Some(idle) = self.idle {
            params = params.with_time(idle);
        }
        if let Some(interval) = self.interval {
            params = params.with_interval(interval);
        }
        if let Some(probes) = self.probes {
            params = params.with_retries(probes);
        }
        params
    }
}

/// Whether both ends of a TCP connection are on this machine. Not, if the peer has gone already.
fn is_near(socket: &Socket) -> bool {
    let ip = |address: io::Result<SockAddr>| Some(address.ok()?.as_socket()?.ip().to_canonical());
    ip(socket.peer_addr()).is_some_and(|peer| peer.is_loopback() || ip(socket.local_addr()) == Some(peer))
}

fn set<T>(value: Option<T>, set: impl FnOnce(T) -> io::Result<()>) -> io::Result<()> {
    value.map_or(Ok(()), set)
}

#[cfg(test)]
mod tests {
    use socket2::Type;

    use super::*;

    /// Everything that needs no capability.
    pub(crate) fn all() -> SocketTuning {
        let keepalive =
            Keepalive { idle: Some(Duration::from_secs(7)), interval: Some(Duration::from_secs(3)), probes: Some(4) };
        SocketTuning {
            send_buffer_bytes: Some(50_000),
            recv_buffer_bytes: Some(60_000),
            priority: Some(5),
            tos: Some(0x28),
            keepalive: Some(Some(keepalive)),
            retransmit_max: Some(Duration::from_millis(4_321)),
            ..SocketTuning::default()
        }
    }

    fn tcp(address: &str) -> SockAddr {
        address.parse::<std::net::SocketAddr>().expect("an address").into()
    }

    fn check(socket: &Socket, domain: Domain) {
        assert_eq!(socket.send_buffer_size().expect("there"), 100_000, "doubled by Linux");
        assert_eq!(socket.recv_buffer_size().expect("there"), 120_000);
        if domain == Domain::UNIX {
            return;
        }
        assert_eq!(socket.priority().expect("there"), 5);
        let tos = if domain == Domain::IPV6 { socket.tclass_v6() } else { socket.tos_v4() };
        assert_eq!(tos.expect("there"), 0x28);
        assert!(socket.keepalive().expect("there"));
        assert_eq!(socket.tcp_keepalive_time().expect("there"), Duration::from_secs(7));
        assert_eq!(socket.tcp_keepalive_interval().expect("there"), Duration::from_secs(3));
        assert_eq!(socket.tcp_keepalive_retries().expect("there"), 4);
        assert_eq!(socket.tcp_user_timeout().expect("there"), Some(Duration::from_millis(4_321)));
    }

    #[test]
    fn each_option_is_on_the_descriptor_and_on_what_it_accepts() {
        for address in [tcp("127.0.0.1:0"), tcp("[::1]:0"), SockAddr::unix("/nowhere").expect("short")] {
            let socket = Socket::new(address.domain(), Type::STREAM, None).expect("a socket");
            all().apply(&socket, &address).expect("no capability needed");
            check(&socket, address.domain());
        }
        let listening = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = tcp("127.0.0.1:0");
        all().apply(&listening, &any).expect("no capability needed");
        listening.bind(&any).expect("free");
        listening.listen(1).expect("bound");
        let _peer = std::net::TcpStream::connect(listening.local_addr().expect("bound").as_socket().expect("tcp"));
        let (accepted, _) = listening.accept().expect("it connected");
        assert!(accepted.tcp_congestion().expect("there").starts_with(LOOPBACK_CONGESTION));
        all().apply_accepted(&accepted).expect("no capability needed");
        check(&accepted, Domain::IPV4);
    }

    #[test]
    fn nothing_is_paced_over_loopback_and_elsewhere_the_system_chooses() {
        let chosen = |address: &str| {
            let socket = Socket::new(tcp(address).domain(), Type::STREAM, None).expect("a socket");
            let before = socket.tcp_congestion().expect("there");
            SocketTuning::default().apply(&socket, &tcp(address)).expect("no capability needed");
            (before, socket.tcp_congestion().expect("there"))
        };
        for near in ["127.0.0.1:0", "127.1.2.3:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert!(chosen(near).1.starts_with(LOOPBACK_CONGESTION), "{near}");
        }
        for any in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0"] {
            let (before, after) = chosen(any);
            assert_eq!(before, after, "{any}");
        }
    }

    #[test]
    fn a_peer_on_this_machine_may_have_a_send_buffer_of_its_own() {
        let near = SocketTuning { near_send_buffer_bytes: Some(50_000), ..SocketTuning::default() };
        let listener = std::net::TcpListener::bind("[::]:0").expect("free");
        let port = listener.local_addr().expect("bound").port();
        for host in ["127.0.0.1", "127.1.2.3", "::1"] {
            let ours = Socket::from(std::net::TcpStream::connect((host, port)).expect("it listens"));
            let (theirs, _) = listener.accept().expect("it connected");
            near.apply_connected(&ours).expect("allowed");
            near.apply_accepted(&theirs).expect("allowed");
            for socket in [&ours, &Socket::from(theirs)] {
                assert_eq!(socket.send_buffer_size().expect("there"), 100_000, "{host}");
            }
            let all = SocketTuning { send_buffer_bytes: Some(60_000), ..near.clone() };
            let before = ours.send_buffer_size().expect("there");
            all.apply_connected(&ours).expect("allowed");
            assert_eq!(ours.send_buffer_size().expect("there"), before, "what is said for all is for this one too");
        }
        let (unix, _peer) = Socket::pair(Domain::UNIX, Type::STREAM, None).expect("a pair");
        let before = unix.send_buffer_size().expect("there");
        near.apply_connected(&unix).expect("nothing to do");
        assert_eq!(unix.send_buffer_size().expect("there"), before);
    }

    #[test]
    fn an_accepted_unix_socket_is_tuned_by_itself() {
        let directory = tempfile::tempdir().expect("writable");
        let address = SockAddr::unix(directory.path().join("socket")).expect("short");
        let plain = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        let by_itself = plain.send_buffer_size().expect("there");
        let asked = by_itself / 2 + 1000;
        plain.set_send_buffer_size(asked).expect("allowed");
        let more = plain.send_buffer_size().expect("there");
        let of = |bytes| SocketTuning { unix_send_buffer_bytes: Some(bytes), ..SocketTuning::default() };
        let said = SocketTuning { unix_send_buffer_bytes: Some(asked), ..all() };
        for (tuning, bytes) in [(of(asked), more), (of(70_000), by_itself), (said, 100_000)] {
            let listening = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            tuning.apply(&listening, &address).expect("no capability needed");
            listening.bind(&address).expect("free");
            listening.listen(1).expect("bound");
            let connecting = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
            tuning.apply(&connecting, &address).expect("no capability needed");
            connecting.connect(&address).expect("it listens");
            let (accepted, _) = listening.accept().expect("it connected");
            tuning.apply_unix(&accepted).expect("no capability needed");
            for socket in [&connecting, &accepted] {
                assert_eq!(socket.send_buffer_size().expect("there"), bytes, "doubled by Linux");
            }
            std::fs::remove_file(directory.path().join("socket")).expect("there");
        }
    }

    #[test]
    fn keep_alive_may_be_off_and_a_device_must_be_there() {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_keepalive(true).expect("allowed");
        let off = SocketTuning { keepalive: Some(None), ..SocketTuning::default() };
        off.apply(&socket, &tcp("127.0.0.1:0")).expect("allowed");
        assert!(!socket.keepalive().expect("there"));
        let nowhere = SocketTuning { device: Some("no-such-device".into()), ..SocketTuning::default() };
        assert!(nowhere.apply(&socket, &tcp("127.0.0.1:0")).is_err());
        let unix = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        nowhere.apply(&unix, &SockAddr::unix("/nowhere").expect("short")).expect("an ipc socket keeps to no device");
    }
}
