//! How connections are made, kept and given up.

use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use monocoque::{
    Any, BindError, Context, DisconnectReason, Event, OptionValue, RoutingId, Socket, SocketBuilder, SocketOption,
    SocketType,
};

use crate::Check;
use crate::common::raw::{COMMAND, Raw, RawListener};
use crate::common::{
    QUICK, TCP, disconnected, event, eventually, everywhere, handshake_failed, in_local, in_shared, inproc, soon,
    succeeded, watched,
};
use crate::contexts::threads;

pub const CHECKS: &[(SocketOption, Check)] = &[
    (SocketOption::AFFINITY, affinity),
    (SocketOption::ROUTING_ID, routing_id),
    (SocketOption::METADATA, metadata),
    (SocketOption::CONNECT_ROUTING_ID, connect_routing_id),
    (SocketOption::RECONNECT_IVL, reconnect_interval),
    (SocketOption::RECONNECT_IVL_MAX, reconnect_interval_max),
    (SocketOption::RECONNECT_STOP, reconnect_stop),
    (SocketOption::CONNECT_TIMEOUT, connect_timeout),
    (SocketOption::HANDSHAKE_IVL, handshake_interval),
    (SocketOption::HEARTBEAT_IVL, heartbeat_interval),
    (SocketOption::HEARTBEAT_TTL, heartbeat_ttl),
    (SocketOption::HEARTBEAT_TIMEOUT, heartbeat_timeout),
    (SocketOption::MAXMSGSIZE, max_message_size),
    (SocketOption::BACKLOG, backlog),
    (SocketOption::HALF_OPEN_MAX, half_open_max),
    (SocketOption::HALF_OPEN_HOST_MAX, half_open_host_max),
    (SocketOption::HELLO_MSG, hello),
    (SocketOption::DISCONNECT_MSG, disconnect_message),
    (SocketOption::HICCUP_MSG, hiccup_message),
    (SocketOption::TYPE, socket_type),
    (SocketOption::EVENTS, events),
    (SocketOption::FD, descriptor),
    (SocketOption::LAST_ENDPOINT, last_endpoint),
    (SocketOption::THREAD_SAFE, thread_safe),
];

const NOBODY: &str = "tcp://127.0.0.1:1";

async fn bound(builder: SocketBuilder<Any>) -> (Socket<Any>, String) {
    let socket = soon(builder.bind(TCP)).await.expect("free");
    let endpoint = socket.last_endpoint().expect("bound").to_string();
    (socket, endpoint)
}

/// Nobody but the second thread may serve: the first may still be on its way to sleep, and then sleeps.
fn affinity() {
    watched(|| {
        let ctx = Context::builder().io_threads(2).thread_name_prefix("affine-").build().expect("threads");
        smol::block_on(async {
            let (pull, endpoint) = bound(ctx.socket(SocketType::Pull).option(SocketOption::AFFINITY, 2)).await;
            let push = ctx.socket(SocketType::Push).affinity(2).connect(&endpoint).expect("valid");
            let before = switches("affine-0");
            for _ in 0..1000 {
                soon(push.send("x")).await.expect("sent");
                soon(pull.recv()).await.expect("there");
            }
            let second = switches("affine-1");
            assert!(second > 0, "the second serves");
            assert!(switches("affine-0") - before < 10, "the first sleeps");
            let nobody = ctx.socket(SocketType::Pull).affinity(4).bind(TCP);
            assert!(matches!(soon(nobody).await, Err(BindError::Context(_))));
        });
    });
}

/// How often the thread of this name has given its processor up.
fn switches(name: &str) -> u64 {
    let status = std::fs::read_to_string(threads(name, 1)[0].join("status")).expect("there");
    let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
    counts.filter_map(|line| line.rsplit('\t').next()?.parse::<u64>().ok()).sum()
}

fn metadata() {
    in_shared(async |ctx: Context| {
        let (pull, endpoint) = bound(ctx.socket(SocketType::Pull)).await;
        let push = ctx.socket(SocketType::Push).option(SocketOption::METADATA, "X-A:1:2").build().expect("valid");
        push.set_option(SocketOption::METADATA, "X-B:3").expect("valid");
        for wrong in ["X-A", ":1", "X-A:", "A:1"] {
            assert!(push.set_option(SocketOption::METADATA, wrong).is_err(), "{wrong}");
        }
        assert_eq!(push.option(SocketOption::METADATA), Ok(OptionValue::Bytes(b"X-A:1:2\nX-B:3".to_vec())));
        push.connect(&endpoint).expect("valid");
        soon(push.send("x")).await.expect("sent");
        let (_, peer) = soon(pull.recv_with_peer()).await.expect("received");
        let told = [("X-A".to_owned(), b"1:2".to_vec()), ("X-B".to_owned(), b"3".to_vec())];
        assert_eq!(peer.expect("known").metadata, told);
    });
}

fn routing_id() {
    in_shared(async |ctx: Context| {
        let (router, endpoint) = bound(ctx.socket(SocketType::Router)).await;
        let dealer = ctx.socket(SocketType::Dealer).build().expect("valid");
        dealer.set_option(SocketOption::ROUTING_ID, "first").expect("valid");
        dealer.connect(&endpoint).expect("valid");
        soon(dealer.send("x")).await.expect("sent");
        assert_eq!(soon(router.recv()).await, Ok(["first", "x"].into()));
        dealer.set_option(SocketOption::ROUTING_ID, b"second".as_slice()).expect("valid");
        dealer.connect(&endpoint).expect("valid");
        soon(router.wait_for_peers(2)).await;
        soon(router.send(["second", "hello"])).await.expect("sent");
        assert_eq!(soon(dealer.recv()).await, Ok("hello".into()), "what is connected later has the new name");
        for bad in [OptionValue::Unset, "\0zero".into(), vec![7; 256].into()] {
            dealer.set_option(SocketOption::ROUTING_ID, bad).expect_err("no routing id");
        }
    });
}

fn connect_routing_id() {
    everywhere(async |ctx: Context| {
        for at in [TCP.to_owned(), inproc()] {
            let listening = soon(ctx.router().identity("itself").bind(&at)).await.expect("free");
            let at = listening.last_endpoint().expect("bound").to_string();
            let router = ctx.socket(SocketType::Router).build().expect("valid");
            router.set_option(SocketOption::CONNECT_ROUTING_ID, "boss").expect("valid");
            router.connect(&at).expect("valid");
            assert_eq!(router.option(SocketOption::CONNECT_ROUTING_ID), Ok(OptionValue::Unset), "for one connect");
            soon(router.send(["boss", "hello"])).await.expect("queued, connected or not");
            assert_eq!(soon(listening.recv()).await.expect("there").message, "hello".into());
            let boss = RoutingId::new("boss").expect("valid");
            let taken = ctx.router().build().expect("valid");
            taken.connect_as(&at, boss.clone()).expect("valid");
            taken.connect_as(&at, boss.clone()).expect_err("two of one name");
            assert_eq!(taken.disconnect(&at), Ok(()), "the first is still there");
            taken.connect_as("nonsense", boss).expect_err("no endpoint");
            assert_eq!(taken.option(SocketOption::CONNECT_ROUTING_ID), Ok(OptionValue::Unset), "not for the next");
        }
    });
}

/// The waits before the second and the third attempt.
fn waits(ctx: &Context, first: i32, max: i32) -> impl Future<Output = [Duration; 2]> {
    let builder = ctx.socket(SocketType::Push).option(SocketOption::RECONNECT_IVL, first);
    let push = builder.option(SocketOption::RECONNECT_IVL_MAX, max).build().expect("valid");
    let monitor = push.monitor();
    push.connect(NOBODY).expect("valid");
    async move {
        let _push = push;
        let retried = |event| match event {
            Event::ConnectRetried { after, .. } => Some(after),
            _ => None,
        };
        [event(&monitor, retried).await, event(&monitor, retried).await]
    }
}

fn within_jitter(wait: Duration, ms: u64) {
    let nominal = Duration::from_millis(ms);
    assert!(wait >= nominal * 3 / 4 && wait <= nominal * 5 / 4, "{wait:?} for {ms} ms");
}

fn reconnect_interval() {
    in_shared(async |ctx: Context| {
        waits(&ctx, 20, 0).await.into_iter().for_each(|wait| within_jitter(wait, 20));
        let once = ctx.socket(SocketType::Push).option(SocketOption::RECONNECT_IVL, -1).build().expect("valid");
        let monitor = once.monitor();
        once.connect(NOBODY).expect("valid");
        event(&monitor, |event| matches!(event, Event::ConnectGivenUp { .. }).then_some(())).await;
    });
}

fn reconnect_interval_max() {
    in_shared(async |ctx: Context| {
        let [second, third] = waits(&ctx, 20, 30).await;
        within_jitter(second, 20);
        within_jitter(third, 30);
    });
}

fn reconnect_stop() {
    in_shared(async |ctx: Context| {
        let push = ctx.socket(SocketType::Push).option(SocketOption::RECONNECT_STOP, 1).build().expect("valid");
        let monitor = push.monitor();
        push.connect(NOBODY).expect("valid");
        event(&monitor, |event| matches!(event, Event::ConnectGivenUp { .. }).then_some(())).await;
        assert_eq!(push.option(SocketOption::RECONNECT_STOP), Ok(OptionValue::Int(1)));
    });
}

fn connect_timeout() {
    in_shared(async |ctx: Context| {
        // A full backlog does not answer.
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
        listener.bind(&any.into()).expect("free");
        listener.listen(0).expect("bound");
        let at = listener.local_addr().expect("bound").as_socket().expect("tcp");
        let _filling: Vec<_> =
            (0..4).filter_map(|_| TcpStream::connect_timeout(&at, Duration::from_millis(100)).ok()).collect();
        let push = ctx.socket(SocketType::Push).option(SocketOption::CONNECT_TIMEOUT, 50).build().expect("valid");
        let monitor = push.monitor();
        push.connect(format!("tcp://{at}")).expect("valid");
        let kind = event(&monitor, |event| match event {
            Event::ConnectRetried { kind, .. } => Some(kind),
            _ => None,
        });
        assert_eq!(kind.await, Some(std::io::ErrorKind::TimedOut));
    });
}

fn handshake_interval() {
    in_shared(async |ctx: Context| {
        let (pull, endpoint) = bound(ctx.socket(SocketType::Pull).option(SocketOption::HANDSHAKE_IVL, 50)).await;
        let monitor = pull.monitor();
        let mut silent = Raw::connect(&endpoint);
        assert!(matches!(event(&monitor, handshake_failed).await, DisconnectReason::Protocol(_)));
        silent.until_closed();
    });
}

fn heartbeat_interval() {
    in_shared(async |ctx: Context| {
        let (_pull, endpoint) = bound(ctx.socket(SocketType::Pull).option(SocketOption::HEARTBEAT_IVL, 20)).await;
        let mut raw = Raw::connect_as(&endpoint, "PUSH", b"");
        let (flags, body) = raw.frame().expect("a PING");
        assert_eq!((flags, &body[..5]), (COMMAND, &b"\x04PING"[..]));
    });
}

fn heartbeat_ttl() {
    in_shared(async |ctx: Context| {
        let builder = ctx.socket(SocketType::Pull).option(SocketOption::HEARTBEAT_IVL, 20);
        let (pull, endpoint) = bound(builder.option(SocketOption::HEARTBEAT_TTL, 1_250)).await;
        assert_eq!(pull.option(SocketOption::HEARTBEAT_TTL), Ok(OptionValue::Int(1_200)), "in tenths of a second");
        let mut raw = Raw::connect_as(&endpoint, "PUSH", b"");
        assert_eq!(raw.frame().expect("a PING").1, b"\x04PING\x00\x0c");
    });
}

fn heartbeat_timeout() {
    in_shared(async |ctx: Context| {
        let builder = ctx.socket(SocketType::Pull).option(SocketOption::HEARTBEAT_IVL, 10);
        let (pull, endpoint) = bound(builder.option(SocketOption::HEARTBEAT_TIMEOUT, 60)).await;
        let monitor = pull.monitor();
        let start = Instant::now();
        let mut silent = Raw::connect_as(&endpoint, "PUSH", b"");
        event(&monitor, disconnected).await;
        assert!(start.elapsed() >= Duration::from_millis(60));
        silent.until_closed();
    });
}

fn max_message_size() {
    in_shared(async |ctx: Context| {
        let (pull, endpoint) = bound(ctx.socket(SocketType::Pull).option(SocketOption::MAXMSGSIZE, 4)).await;
        let monitor = pull.monitor();
        let mut raw = Raw::connect_as(&endpoint, "PUSH", b"");
        raw.send(&[b"four"]);
        assert_eq!(soon(pull.recv()).await, Ok("four".into()));
        raw.send(&[b"fives"]);
        let reason = event(&monitor, disconnected).await;
        assert!(reason.to_string().contains('5'), "{reason}");
    });
}

fn backlog() {
    // Nobody accepts while this thread is here.
    in_local(async |ctx: Context| {
        let (_pull, endpoint) = bound(ctx.socket(SocketType::Pull).option(SocketOption::BACKLOG, 3)).await;
        let at = endpoint.trim_start_matches("tcp://").parse().expect("an address");
        let connect = |_| TcpStream::connect_timeout(&at, Duration::from_millis(100)).ok();
        let taken: Vec<TcpStream> = (0..10).map_while(connect).collect();
        assert!((3..=6).contains(&taken.len()), "{} were taken", taken.len());
    });
}

fn half_open_max() {
    in_shared(async |ctx: Context| {
        let (pull, endpoint) = bound(ctx.socket(SocketType::Pull).option(SocketOption::HALF_OPEN_MAX, 1)).await;
        let monitor = pull.monitor();
        let _first = Raw::connect(&endpoint);
        event(&monitor, |event| matches!(event, Event::Accepted(_)).then_some(())).await;
        let mut second = Raw::connect(&endpoint);
        event(&monitor, |event| matches!(event, Event::TooManyHandshakes { .. }).then_some(())).await;
        second.until_closed();
    });
}

fn half_open_host_max() {
    in_shared(async |ctx: Context| {
        let (pull, endpoint) = bound(ctx.socket(SocketType::Pull).option(SocketOption::HALF_OPEN_HOST_MAX, 1)).await;
        let monitor = pull.monitor();
        let _first = Raw::connect(&endpoint);
        event(&monitor, |event| matches!(event, Event::Accepted(_)).then_some(())).await;
        let mut second = Raw::connect(&endpoint);
        event(&monitor, |event| matches!(event, Event::TooManyHandshakes { .. }).then_some(())).await;
        second.until_closed();
        // Another host is not kept out.
        let from_elsewhere = endpoint.replace("tcp://", "tcp://127.0.0.2:0;");
        let push = ctx.push().connect(from_elsewhere).expect("sound");
        soon(push.send("hello")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await.expect("there"), "hello".into());
    });
}

fn hello() {
    in_shared(async |ctx: Context| {
        let (router, endpoint) = bound(ctx.socket(SocketType::Router)).await;
        router.set_option(SocketOption::HELLO_MSG, "welcome").expect("valid");
        let mut raw = Raw::connect_as(&endpoint, "DEALER", b"");
        assert_eq!(raw.recv(), Some(vec![b"welcome".to_vec()]));
    });
}

fn disconnect_message() {
    in_shared(async |ctx: Context| {
        let (server, endpoint) = bound(ctx.socket(SocketType::Server)).await;
        server.set_option(SocketOption::DISCONNECT_MSG, "gone").expect("valid");
        Raw::connect_as(&endpoint, "CLIENT", b"").leave();
        assert_eq!(soon(server.recv()).await.expect("told").last(), b"gone".as_slice());
    });
}

fn hiccup_message() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let client = ctx.socket(SocketType::Client).reconnect(QUICK).connect(&listener.endpoint).expect("valid");
        client.set_option(SocketOption::HICCUP_MSG, "hic").expect("valid");
        let monitor = client.monitor();
        let raw = listener.accept_as("SERVER");
        event(&monitor, succeeded).await;
        raw.die();
        assert_eq!(soon(client.recv()).await, Ok("hic".into()));
    });
}

fn socket_type() {
    in_shared(async |ctx: Context| {
        for socket_type in SocketType::ALL {
            let socket = ctx.socket(socket_type).build().expect("valid");
            assert_eq!(socket.option(SocketOption::TYPE), Ok(OptionValue::Int(socket_type as i64)));
        }
    });
}

fn events() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let pair = soon(ctx.socket(SocketType::Pair).bind(&name)).await.expect("free");
        let state = || pair.option(SocketOption::EVENTS);
        assert_eq!(state(), Ok(OptionValue::Int(0)));
        let peer = ctx.pair().connect(&name).expect("valid");
        assert_eq!(state(), Ok(OptionValue::Int(2)));
        soon(peer.send("x")).await.expect("sent");
        eventually(|| state() == Ok(OptionValue::Int(3))).await;
    });
}

/// It rings when a message comes, and is silent after a look until the next.
fn descriptor() {
    everywhere(async |ctx: Context| {
        for at in [TCP.to_owned(), inproc()] {
            let pull = soon(ctx.socket(SocketType::Pull).bind(&at)).await.expect("free");
            let push = ctx.push().connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
            soon(pull.wait_for_peers(1)).await;
            let number = pull.option(SocketOption::FD).expect("there");
            let fd = pull.event_fd().expect("there");
            assert_eq!(number, OptionValue::Int(fd.as_raw_fd().into()));
            let rings = || {
                let mut asked = [PollFd::new(&fd, PollFlags::IN)];
                rustix::event::poll(&mut asked, Some(&Timespec::default())).expect("open") == 1
            };
            assert!(rings(), "at first");
            assert_eq!(pull.option(SocketOption::EVENTS), Ok(OptionValue::Int(0)));
            for n in 0..3 {
                soon(push.send(format!("{n}"))).await.expect("sent");
                eventually(rings).await;
                soon(pull.recv()).await.expect("it came");
                assert_eq!(pull.option(SocketOption::EVENTS), Ok(OptionValue::Int(0)));
            }
        }
    });
}

fn last_endpoint() {
    in_shared(async |ctx: Context| {
        let socket = ctx.socket(SocketType::Pull).build().expect("valid");
        assert_eq!(socket.option(SocketOption::LAST_ENDPOINT), Ok(OptionValue::Unset));
        let real = soon(socket.bind(TCP)).await.expect("free");
        assert_eq!(socket.option(SocketOption::LAST_ENDPOINT), Ok(real.to_string().into()));
    });
}

fn thread_safe() {
    in_shared(async |ctx: Context| {
        for (socket_type, safe) in [(SocketType::Client, true), (SocketType::Req, false)] {
            let socket = ctx.socket(socket_type).build().expect("valid");
            assert_eq!(socket.option(SocketOption::THREAD_SAFE), Ok(safe.into()));
        }
    });
}
