//! What the system is told of the sockets under connections: read back from the descriptors themselves.

use std::os::fd::OwnedFd;
use std::time::Duration;

use monocoque::{Any, Context, OptionValue, Socket, SocketBuilder, SocketOption, SocketType};
use monocoque_core::limits::{NEAR_SEND_BUFFER_BYTES, UNIX_SEND_BUFFER_BYTES};
use socket2::{SockAddr, SockRef};

use crate::Check;
use crate::common::{IPC, TCP, in_shared, soon};

pub const CHECKS: &[(SocketOption, Check)] = &[
    (SocketOption::SNDBUF, send_buffer),
    (SocketOption::RCVBUF, recv_buffer),
    (SocketOption::TOS, tos),
    (SocketOption::PRIORITY, priority),
    (SocketOption::TCP_KEEPALIVE, keepalive),
    (SocketOption::TCP_KEEPALIVE_IDLE, keepalive_idle),
    (SocketOption::TCP_KEEPALIVE_INTVL, keepalive_interval),
    (SocketOption::TCP_KEEPALIVE_CNT, keepalive_count),
    (SocketOption::TCP_MAXRT, max_retransmit),
    (SocketOption::IPV6, ipv6),
    (SocketOption::IPV4ONLY, ipv4_only),
    (SocketOption::BINDTODEVICE, bind_device),
    (SocketOption::MULTICAST_HOPS, multicast),
    (SocketOption::MULTICAST_LOOP, multicast),
    (SocketOption::BUSY_POLL, busy_poll),
];

/// Copies of this process's sockets that have `endpoint` at either end.
fn at(endpoint: &str) -> Vec<socket2::Socket> {
    let numbers = std::fs::read_dir("/proc/self/fd")
        .expect("there")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let this = rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty());
    let this = this.expect("this process");
    let copies = numbers.filter_map(|number| {
        let flags = rustix::process::PidfdGetfdFlags::empty();
        rustix::process::pidfd_getfd(&this, number, flags).ok()
    });
    copies.filter(|copy: &OwnedFd| has_end(copy, endpoint)).map(socket2::Socket::from).collect()
}

fn has_end(fd: &OwnedFd, endpoint: &str) -> bool {
    let socket = SockRef::from(fd);
    let ends = [socket.local_addr().ok(), socket.peer_addr().ok()];
    let is_it = |address: SockAddr| match (address.as_socket(), address.as_pathname()) {
        (Some(ip), _) => endpoint.ends_with(&format!(":{}", ip.port())),
        (None, Some(path)) => endpoint.strip_prefix("ipc://").is_some_and(|of| path.as_os_str() == of),
        _ => false,
    };
    ends.into_iter().flatten().any(is_it)
}

fn with(builder: SocketBuilder<Any>, options: &[(SocketOption, OptionValue)]) -> SocketBuilder<Any> {
    options.iter().fold(builder, |builder, (option, value)| builder.option(*option, value.clone()))
}

/// Joins two sockets with these options and looks at all three descriptors under them: listening, accepted and dialed.
fn on_every_descriptor<const N: usize>(options: [(SocketOption, OptionValue); N], check: fn(&socket2::Socket)) {
    under(TCP, (SocketType::Pull, SocketType::Push), options, move |sockets| sockets.iter().for_each(check));
}

/// Joins sockets of these types with these options, the first of which binds, and shows all three descriptors.
fn under<const N: usize>(
    endpoint: &'static str,
    (binds, connects): (SocketType, SocketType),
    options: [(SocketOption, OptionValue); N],
    check: impl Fn(&[socket2::Socket]) + Send + 'static,
) {
    in_shared(async move |ctx: Context| {
        let bound: Socket<Any> = soon(with(ctx.socket(binds), &options).bind(endpoint)).await.expect("allowed");
        let endpoint = bound.last_endpoint().expect("bound").to_string();
        let connected = with(ctx.socket(connects), &options).connect(&endpoint).expect("allowed");
        soon(bound.wait_for_peers(1)).await;
        soon(connected.wait_for_peers(1)).await;
        let sockets = at(&endpoint);
        assert_eq!(sockets.len(), 3);
        check(&sockets);
    });
}

fn send_buffer() {
    on_every_descriptor([(SocketOption::SNDBUF, 50_000.into())], |socket| {
        assert_eq!(socket.send_buffer_size().expect("there"), 100_000, "Linux doubles it");
    });
    publishers_leave_little_to_the_kernel();
    over_ipc_the_kernel_holds_more_than_it_would();
}

/// For peers on this machine, and on the publisher's side only.
fn publishers_leave_little_to_the_kernel() {
    for types in [(SocketType::Pub, SocketType::Sub), (SocketType::XSub, SocketType::XPub)] {
        under(TCP, types, [], |sockets| {
            let little = |socket: &&socket2::Socket| socket.send_buffer_size().ok() == Some(2 * NEAR_SEND_BUFFER_BYTES);
            assert_eq!(sockets.iter().filter(little).count(), 1);
        });
        under(TCP, types, [(SocketOption::SNDBUF, 50_000.into())], |sockets| {
            assert!(sockets.iter().all(|socket| socket.send_buffer_size().ok() == Some(100_000)));
        });
    }
}

/// But of publishers.
fn over_ipc_the_kernel_holds_more_than_it_would() {
    let (unix, _peer) = socket2::Socket::pair(socket2::Domain::UNIX, socket2::Type::STREAM, None).expect("a pair");
    let by_itself = unix.send_buffer_size().expect("there");
    // It gives no more than its administrator allows.
    if by_itself < 2 * UNIX_SEND_BUFFER_BYTES {
        unix.set_send_buffer_size(UNIX_SEND_BUFFER_BYTES).expect("allowed");
    }
    let asked = unix.send_buffer_size().expect("there");
    // Who binds has two of the three.
    for (types, more, as_it_was) in
        [((SocketType::Pull, SocketType::Push), 3, 0), ((SocketType::Pub, SocketType::Sub), 1, 2)]
    {
        under(IPC, types, [], move |sockets| {
            let with = |bytes| sockets.iter().filter(|socket| socket.send_buffer_size().ok() == Some(bytes)).count();
            // A system that has as much by itself is left alone.
            let expected = if asked == by_itself { (3, 3) } else { (more, as_it_was) };
            assert_eq!((with(asked), with(by_itself)), expected, "{types:?}");
        });
    }
    under(IPC, (SocketType::Pull, SocketType::Push), [(SocketOption::SNDBUF, 50_000.into())], |sockets| {
        assert!(sockets.iter().all(|socket| socket.send_buffer_size().ok() == Some(100_000)));
    });
}

fn recv_buffer() {
    on_every_descriptor([(SocketOption::RCVBUF, 50_000.into())], |socket| {
        assert_eq!(socket.recv_buffer_size().expect("there"), 100_000, "Linux doubles it");
    });
}

fn tos() {
    on_every_descriptor([(SocketOption::TOS, 0x28.into())], |socket| {
        assert_eq!(socket.tos_v4().expect("there"), 0x28);
    });
}

fn priority() {
    on_every_descriptor([(SocketOption::PRIORITY, 5.into())], |socket| {
        assert_eq!(socket.priority().expect("there"), 5);
    });
}

fn keepalive() {
    on_every_descriptor([(SocketOption::TCP_KEEPALIVE, 1.into())], |socket| {
        assert!(socket.keepalive().expect("there"));
    });
    on_every_descriptor([(SocketOption::TCP_KEEPALIVE, 0.into())], |socket| {
        assert!(!socket.keepalive().expect("there"));
    });
}

fn keepalive_idle() {
    let on = (SocketOption::TCP_KEEPALIVE, 1.into());
    on_every_descriptor([(SocketOption::TCP_KEEPALIVE_IDLE, 7.into()), on], |socket| {
        assert_eq!(socket.tcp_keepalive_time().expect("there"), Duration::from_secs(7));
    });
}

fn keepalive_interval() {
    let on = (SocketOption::TCP_KEEPALIVE, 1.into());
    on_every_descriptor([on, (SocketOption::TCP_KEEPALIVE_INTVL, 3.into())], |socket| {
        assert_eq!(socket.tcp_keepalive_interval().expect("there"), Duration::from_secs(3));
    });
}

fn keepalive_count() {
    let on = (SocketOption::TCP_KEEPALIVE, 1.into());
    on_every_descriptor([on, (SocketOption::TCP_KEEPALIVE_CNT, 4.into())], |socket| {
        assert_eq!(socket.tcp_keepalive_retries().expect("there"), 4);
    });
}

fn max_retransmit() {
    on_every_descriptor([(SocketOption::TCP_MAXRT, 4_321.into())], |socket| {
        assert_eq!(socket.tcp_user_timeout().expect("there"), Some(Duration::from_millis(4_321)));
    });
}

fn has_ipv6() -> bool {
    std::net::TcpListener::bind("[::1]:0").is_ok()
}

fn dual_stack(option: SocketOption, on: bool) {
    in_shared(async move |ctx: Context| {
        let narrow = soon(ctx.socket(SocketType::Pull).option(option, !on).bind("tcp://*:*")).await.expect("free");
        assert!(narrow.last_endpoint().expect("bound").to_string().starts_with("tcp://0.0.0.0:"));
        if !has_ipv6() {
            return;
        }
        let wide = soon(ctx.socket(SocketType::Pull).option(option, on).bind("tcp://*:*")).await.expect("free");
        let endpoint = wide.last_endpoint().expect("bound").to_string();
        let port = endpoint.strip_prefix("tcp://[::]:").expect("every address of both families");
        let four = ctx.push().connect(format!("tcp://127.0.0.1:{port}")).expect("valid");
        let six = ctx.push().connect(format!("tcp://[::1]:{port}")).expect("valid");
        soon(four.send("4")).await.expect("sent");
        soon(six.send("6")).await.expect("sent");
        let received = [soon(wide.recv()).await.expect("there"), soon(wide.recv()).await.expect("there")];
        assert!(received.contains(&"4".into()) && received.contains(&"6".into()));
    });
}

fn ipv6() {
    dual_stack(SocketOption::IPV6, true);
}

fn ipv4_only() {
    dual_stack(SocketOption::IPV4ONLY, false);
}

fn bind_device() {
    on_every_descriptor([(SocketOption::BINDTODEVICE, "lo".into())], |socket| {
        assert_eq!(socket.device().expect("there"), Some(b"lo".to_vec()));
    });
    in_shared(async |ctx: Context| {
        let nowhere = ctx.socket(SocketType::Pull).option(SocketOption::BINDTODEVICE, "no-such-device");
        soon(nowhere.bind(TCP)).await.expect_err("no such device");
    });
}

fn busy_poll() {
    on_every_descriptor([(SocketOption::BUSY_POLL, 50.into())], |socket| {
        assert_eq!(socket.busy_poll().expect("there"), 50);
    });
}

fn multicast() {
    in_shared(async |ctx: Context| {
        let options = [(SocketOption::MULTICAST_HOPS, 7.into()), (SocketOption::MULTICAST_LOOP, false.into())];
        let dish: Socket<Any> = with(ctx.socket(SocketType::Dish), &options).build().expect("valid");
        // What a machine without a multicast route refuses cannot be shown there.
        let Ok(bound) = soon(dish.bind("udp://127.0.0.1;239.255.77.8:*")).await else { return };
        let sockets = at(&bound.to_string());
        assert_eq!(sockets.len(), 1);
        assert_eq!(sockets[0].multicast_ttl_v4().expect("there"), 7);
        assert!(!sockets[0].multicast_loop_v4().expect("there"));
    });
}
