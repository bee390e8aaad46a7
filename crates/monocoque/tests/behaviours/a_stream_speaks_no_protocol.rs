//! STREAM: plain TCP programs at the other end, both ways round.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use monocoque::{BindError, Context, DropCause, Message, Routed, RoutingId, SendError, Socket, Stream};

use crate::common::{IPC, PATIENCE, QUICK, TCP, eventually, everywhere, in_shared, inproc, soon};

fn plain(endpoint: &str) -> TcpStream {
    let stream = TcpStream::connect(endpoint.trim_start_matches("tcp://")).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("open");
    stream
}

async fn bound(ctx: &Context) -> (Socket<Stream>, String) {
    let stream = soon(ctx.stream().bind(TCP)).await.expect("free");
    let endpoint = stream.last_endpoint().expect("bound").to_string();
    (stream, endpoint)
}

/// Everything that comes of one peer, until so many bytes are there.
async fn collect(stream: &Socket<Stream>, bytes: usize) -> (RoutingId, Vec<u8>) {
    let mut collected = Vec::new();
    loop {
        let Routed { id, message } = soon(stream.recv()).await.expect("received");
        collected.extend_from_slice(message.first());
        if collected.len() >= bytes {
            return (id, collected);
        }
    }
}

#[test]
fn a_peer_comes_is_answered_and_goes() {
    everywhere(async |ctx: Context| {
        let (stream, endpoint) = bound(&ctx).await;
        let mut peer = plain(&endpoint);
        let come = soon(stream.recv()).await.expect("told");
        assert!(come.id.is_generated() && come.message.first().is_empty());
        peer.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("room");
        let (id, request) = collect(&stream, 18).await;
        assert_eq!((&id, request.as_slice()), (&come.id, &b"GET / HTTP/1.0\r\n\r\n"[..]));
        for part in ["HTTP/1.0 200 OK\r\n", "\r\n", "hello"] {
            soon(stream.send((id.clone(), part))).await.expect("sent");
        }
        soon(stream.send((id.clone(), ""))).await.expect("the end");
        let mut answer = String::new();
        smol::unblock(move || peer.read_to_string(&mut answer).map(|_| answer)).await.map_or_else(
            |error| panic!("{error}"),
            |answer| assert_eq!(answer, "HTTP/1.0 200 OK\r\n\r\nhello", "all that was sent, then the end"),
        );
        let after = soon(async {
            loop {
                match stream.send((id.clone(), "x")).await {
                    Err(error) => return error,
                    Ok(()) => smol::future::yield_now().await,
                }
            }
        });
        assert!(matches!(after.await, SendError::NoRoute(_)), "it is gone");
        let mut second = plain(&endpoint);
        let come = soon(stream.recv()).await.expect("told: nothing of the one that we ended");
        assert!(come.message.first().is_empty() && come.id != id);
        second.write_all(b"bye").expect("room");
        drop(second);
        assert_eq!(collect(&stream, 3).await.1, b"bye");
        let gone = soon(stream.recv()).await.expect("told");
        assert_eq!((gone.id, gone.message.first().len()), (come.id, 0));
    });
}

#[test]
fn it_connects_to_a_plain_server_by_a_name_of_its_own() {
    everywhere(async |ctx: Context| {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let stream = ctx.stream().reconnect(QUICK).stream_notify(false).build().expect("valid");
        let name = RoutingId::new("server").expect("valid");
        let at = format!("tcp://{}", server.local_addr().expect("bound"));
        stream.connect_as(&at, name.clone()).expect("valid");
        soon(stream.send((name.clone(), "before it is there"))).await.expect("queued");
        let (mut accepted, _) = smol::unblock(move || server.accept()).await.expect("it connects");
        let mut bytes = [0; 18];
        accepted.set_read_timeout(Some(PATIENCE)).expect("open");
        let (mut accepted, bytes) = smol::unblock(move || {
            accepted.read_exact(&mut bytes).expect("there");
            (accepted, bytes)
        })
        .await;
        assert_eq!(&bytes, b"before it is there");
        accepted.write_all(b"answer").expect("room");
        assert_eq!(collect(&stream, 6).await, (name, b"answer".to_vec()));
    });
}

#[test]
fn large_streams_arrive_in_order_and_whole() {
    in_shared(async |ctx: Context| {
        let (stream, endpoint) = bound(&ctx).await;
        let mut peer = plain(&endpoint);
        let id = soon(stream.recv()).await.expect("told").id;
        let sent: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        let mut back = peer.try_clone().expect("a descriptor");
        let (all, len) = (sent.clone(), sent.len());
        let write = smol::unblock(move || peer.write_all(&all));
        let read = smol::unblock(move || {
            let mut bytes = vec![0; len];
            back.read_exact(&mut bytes).map(|()| bytes)
        });
        let echo = async {
            let mut passed = 0;
            while passed < len {
                let routed = stream.recv().await.expect("received");
                passed += routed.message.first().len();
                stream.send(routed).await.expect("sent");
            }
        };
        let ((written, read), ()) = soon(smol::future::zip(smol::future::zip(write, read), echo)).await;
        written.expect("taken");
        assert!(read.expect("echoed") == sent);
        drop(id);
    });
}

#[test]
fn two_of_them_talk_and_ipc_will_do() {
    everywhere(async |ctx: Context| {
        for at in [TCP, IPC] {
            let server = soon(ctx.stream().bind(at)).await.expect("free");
            let client = ctx.stream().connect(server.last_endpoint().expect("bound").to_string()).expect("valid");
            let there = soon(client.recv()).await.expect("told").id;
            soon(client.send((there, "hello"))).await.expect("sent");
            assert_eq!(collect(&server, 5).await.1, b"hello");
        }
    });
}

#[test]
fn what_it_does_not_take_is_refused() {
    everywhere(async |ctx: Context| {
        let stream = ctx.stream().build().expect("valid");
        assert!(matches!(soon(stream.bind(inproc())).await, Err(BindError::Transport(_))));
        stream.connect(inproc()).expect_err("no inproc");
        let (stream, endpoint) = bound(&ctx).await;
        let _peer = plain(&endpoint);
        let id = soon(stream.recv()).await.expect("told").id;
        let parts = stream.try_send((id, ["two", "frames"]));
        assert!(matches!(parts, Err(SendError::Parts(_))), "{parts:?}");
        let nobody = RoutingId::new("nobody").expect("valid");
        assert!(matches!(stream.try_send((nobody, "x")), Err(SendError::NoRoute(_))));
        assert_eq!(stream.drops().total(), 0);
    });
}

#[test]
fn a_raw_router_does_the_same() {
    everywhere(async |ctx: Context| {
        let router = soon(ctx.router().router_raw(true).bind(TCP)).await.expect("free");
        let endpoint = router.last_endpoint().expect("bound").to_string();
        let mut peer = plain(&endpoint);
        let id = soon(router.recv()).await.expect("told").id;
        peer.write_all(b"hello").expect("room");
        assert_eq!(soon(router.recv()).await, Ok((id.clone(), "hello").into()));
        soon(router.send((id, ""))).await.expect("the end");
        peer.set_read_timeout(Some(Duration::from_secs(10))).expect("open");
        let read = smol::unblock(move || peer.read_to_end(&mut Vec::new())).await;
        assert_eq!(read.expect("the end"), 0);
    });
}

#[test]
fn a_full_peer_refuses_and_a_send_waits_for_it() {
    in_shared(async |ctx: Context| {
        let (stream, endpoint) = bound(&ctx).await;
        let mut peer = plain(&endpoint);
        let id = soon(stream.recv()).await.expect("told").id;
        let body = vec![7; 100_000];
        let mut sent = 0;
        let routed = || (id.clone(), Message::from(body.clone()));
        while stream.try_send(routed()).is_ok() {
            sent += 1;
        }
        assert!(sent >= 1000 && stream.drops().of(DropCause::Full) == 0);
        let total = (sent + 1) * body.len();
        let read = smol::unblock(move || {
            let mut bytes = vec![0; total];
            peer.read_exact(&mut bytes).map(|()| peer)
        });
        let (waited, read) = soon(smol::future::zip(stream.send(routed()), read)).await;
        waited.expect("there is room again");
        let _peer = read.expect("all of it");
        eventually(|| stream.can_send()).await;
    });
}

#[test]
fn a_server_that_closes_is_told_of_and_connected_to_again() {
    everywhere(async |ctx: Context| {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = format!("tcp://{}", server.local_addr().expect("bound"));
        let stream = ctx.stream().reconnect(QUICK).connect(&at).expect("valid");
        for _ in 0..2 {
            let listening = server.try_clone().expect("a descriptor");
            let (accepted, _) = smol::unblock(move || listening.accept()).await.expect("it connects");
            let come = soon(stream.recv()).await.expect("told");
            drop(accepted);
            let gone = soon(stream.recv()).await.expect("told");
            assert_eq!((come.message.first().len(), gone.message.first().len()), (0, 0));
            assert_eq!(come.id, gone.id);
        }
    });
}
