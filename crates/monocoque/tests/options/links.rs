//! Whom listeners let in, and the proxies that connects go through.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use monocoque::{Context, Event, Monitor, OptionValue, SocketOption, SocketType};

use crate::Check;
use crate::common::{IPC, PATIENCE, QUICK, TCP, event, in_shared, soon};

pub const CHECKS: &[(SocketOption, Check)] = &[
    (SocketOption::TCP_ACCEPT_FILTER, addresses),
    (SocketOption::IPC_FILTER_UID, users),
    (SocketOption::IPC_FILTER_GID, groups),
    (SocketOption::IPC_FILTER_PID, processes),
    (SocketOption::SOCKS_PROXY, proxy),
    (SocketOption::SOCKS_USERNAME, login),
    (SocketOption::SOCKS_PASSWORD, login),
];

async fn turned_away(monitor: &Monitor) {
    event(monitor, |event| matches!(event, Event::Filtered { .. }).then_some(())).await;
}

/// The first value lets nobody in who is here, the second does; they add up.
fn lets_in(at: &'static str, option: SocketOption, stranger: OptionValue, ours: OptionValue) {
    in_shared(async move |ctx: Context| {
        let pull = ctx.socket(SocketType::Pull).option(option, stranger).build().expect("valid");
        let monitor = pull.monitor();
        let closed = soon(pull.bind(at)).await.expect("free").to_string();
        let push = ctx.push().reconnect(QUICK).connect(&closed).expect("valid");
        turned_away(&monitor).await;
        assert!(pull.stats().handshakes.filtered > 0);
        assert_eq!(push.peers(), 0);
        pull.set_option(option, ours).expect("valid");
        let open = soon(pull.bind(at)).await.expect("free").to_string();
        push.connect(&open).expect("valid");
        soon(push.send("x")).await.expect("queued");
        soon(pull.wait_for_peers(1)).await;
    });
}

fn addresses() {
    let option = SocketOption::TCP_ACCEPT_FILTER;
    lets_in(TCP, option, "192.0.2.0/24,2001:db8::/32".into(), "127.0.0.0/8".into());
    in_shared(async move |ctx: Context| {
        let pull = ctx.socket(SocketType::Pull).option(option, "192.0.2.1").build().expect("valid");
        assert_eq!(pull.option(option), Ok(b"192.0.2.1/32".to_vec().into()));
        pull.set_option(option, "nonsense").expect_err("no range");
        pull.set_option(option, OptionValue::Unset).expect("clears");
        assert_eq!(pull.option(option), Ok(OptionValue::Unset));
    });
}

fn users() {
    lets_in(IPC, SocketOption::IPC_FILTER_UID, 12_345.into(), rustix::process::getuid().as_raw().into());
}

fn groups() {
    lets_in(IPC, SocketOption::IPC_FILTER_GID, 12_345.into(), rustix::process::getgid().as_raw().into());
}

fn processes() {
    lets_in(IPC, SocketOption::IPC_FILTER_PID, 1.into(), std::process::id().into());
}

/// A SOCKS5 server of one connection, which wants `login` if there is one. It tells the target that it was asked for.
fn socks(login: Option<(&'static str, &'static str)>, to: String) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("free");
    let at = listener.local_addr().expect("bound").to_string();
    let (tell, told) = channel();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("dialed");
        let [version, methods] = take(&mut client);
        let mut offered = vec![0; methods.into()];
        client.read_exact(&mut offered).expect("methods");
        let method = if login.is_some() { 2 } else { 0 };
        assert!(version == 5 && offered.contains(&method));
        client.write_all(&[5, method]).expect("open");
        if let Some((user, password)) = login {
            assert_eq!(take(&mut client), [1]);
            let right = text(&mut client) == user && text(&mut client) == password;
            client.write_all(&[1, (!right).into()]).expect("open");
            if !right {
                return drop(tell.send("wrong".to_owned()));
            }
        }
        assert_eq!(take(&mut client), [5, 1, 0, 3], "a name, to be looked up here");
        let name = text(&mut client);
        let port = u16::from_be_bytes(take(&mut client));
        let upstream = TcpStream::connect(to).expect("it listens");
        // The reply and the peer's first bytes may come in one.
        client.write_all(&[5, 0, 0, 3, 1, b'x', 0, 0]).expect("open");
        tell.send(format!("{name}:{port}")).expect("waited for");
        let (mut from, mut back) = (client.try_clone().expect("open"), upstream.try_clone().expect("open"));
        thread::spawn(move || std::io::copy(&mut back, &mut from));
        let (mut from, mut on) = (client, upstream);
        // Ends with the sockets.
        let _ = std::io::copy(&mut from, &mut on);
    });
    (at, told)
}

fn take<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).expect("there");
    bytes
}

fn text(stream: &mut TcpStream) -> String {
    let [len] = take(stream);
    let mut bytes = vec![0; len.into()];
    stream.read_exact(&mut bytes).expect("there");
    String::from_utf8(bytes).expect("text")
}

fn proxy() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let real = pull.last_endpoint().expect("bound").to_string().replace("tcp://", "");
        let (at, told) = socks(None, real);
        let push = ctx.socket(SocketType::Push).option(SocketOption::SOCKS_PROXY, at);
        let push = push.connect("tcp://nowhere.invalid:77").expect("valid");
        soon(push.send("by proxy")).await.expect("queued");
        assert_eq!(soon(pull.recv()).await, Ok("by proxy".into()));
        assert_eq!(told.recv_timeout(PATIENCE).expect("asked"), "nowhere.invalid:77");
        let sourced = ctx.push().socks_proxy("127.0.0.1:0;proxy:1080").build().expect("a source, and a place");
        assert_eq!(sourced.option(SocketOption::SOCKS_PROXY), Ok("127.0.0.1:*;proxy:1080".as_bytes().into()));
        for bad in ["nonsense", "host:0", "*:1", "a:1;b:0"] {
            ctx.push().socks_proxy(bad).build().expect_err(bad);
        }
    });
}

fn login() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let real = pull.last_endpoint().expect("bound").to_string().replace("tcp://", "");
        let (at, told) = socks(Some(("ann", "secret")), real.clone());
        let right = ctx.push().socks_proxy(at).socks_login("ann", "secret").connect("tcp://host:7").expect("valid");
        soon(right.send("x")).await.expect("queued");
        assert_eq!(soon(pull.recv()).await, Ok("x".into()));
        assert_eq!(told.recv_timeout(PATIENCE).expect("asked"), "host:7");
        let (at, told) = socks(Some(("ann", "secret")), real);
        let wrong = ctx.push().socks_proxy(at).socks_login("ann", "guess").no_reconnect().build().expect("valid");
        let monitor = wrong.monitor();
        wrong.connect("tcp://host:7").expect("valid");
        let kind = event(&monitor, |event| match event {
            Event::ConnectGivenUp { kind, .. } => Some(kind),
            _ => None,
        });
        assert_eq!(kind.await, Some(std::io::ErrorKind::PermissionDenied));
        assert_eq!(told.recv_timeout(PATIENCE).expect("tried"), "wrong");
        assert!(!format!("{:?}", ctx.push().socks_login("ann", "secret")).contains("secret"));
    });
}
