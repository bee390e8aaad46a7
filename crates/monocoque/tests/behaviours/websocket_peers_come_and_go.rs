//! Peers over `ws://` and `wss://`, and one that speaks WebSocket by hand: what they say, how they end, and that a bad
//! one costs only itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use monocoque::{
    Applicant, Context, Credentials, DisconnectReason, Event, FrameFault, Heartbeat, Judging, Message, Pull,
    SessionError, Socket, SocketType, TlsFault, UpgradeFault, Verdict, WsError, new_secret_key,
};
use monocoque_core::protocol::Blame;

use crate::common::tls::{WSS, secure};
use crate::common::{
    PATIENCE, QUICK, disconnected, event, everywhere, handshake_failed, in_shared, number, soon, succeeded,
};

const WS: &str = "ws://127.0.0.1:*/zeromq";
const READY: &[u8] = b"\x02\x05READY\x0bSocket-Type\0\0\0\x04PUSH\x08Identity\0\0\0\0";

/// A client of WebSocket by hand. Its masks are zeros, which are masks too.
struct Raw(TcpStream);

impl Raw {
    fn connect(endpoint: &str) -> Self {
        let address = endpoint.strip_prefix("ws://").and_then(|rest| rest.split('/').next()).expect("an endpoint");
        let stream = TcpStream::connect(address).expect("a listener");
        stream.set_read_timeout(Some(PATIENCE)).expect("open");
        Self(stream)
    }

    /// One that a PULL takes for a PUSH.
    fn connect_as_push(endpoint: &str) -> Self {
        let mut raw = Self::connect(endpoint);
        raw.upgrade("ZWS2.0/NULL");
        raw.send(0x82, READY);
        assert_eq!(
            raw.frame().map(|(first, payload)| (first, payload[..7].to_vec())),
            Some((0x82, READY[..7].to_vec()))
        );
        raw
    }

    fn upgrade(&mut self, protocol: &str) {
        self.write(&request(protocol));
        let head = self.head();
        // spec: 6455, opening handshake — the answer to the sample nonce.
        assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    }

    fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.exactly(1));
        }
        String::from_utf8(head).expect("text")
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("taken");
    }

    fn send(&mut self, first: u8, payload: &[u8]) {
        assert!(payload.len() < 126);
        self.write(&[&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat());
    }

    fn exactly(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.read_exact(&mut bytes).expect("the peer sends it");
        bytes
    }

    /// The next short frame; `None` when the peer has closed.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut first = Vec::new();
        if Read::by_ref(&mut self.0).take(1).read_to_end(&mut first).expect("the peer says or closes") == 0 {
            return None;
        }
        let len = self.exactly(1)[0];
        assert!(len < 126, "a long frame, or a masked one");
        Some((first[0], self.exactly(len.into())))
    }
}

/// With the sample nonce of RFC 6455.
fn request(protocol: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    )
    .into_bytes()
}

async fn bound(ctx: &Context) -> (Socket<Pull>, String) {
    let pull = soon(ctx.pull().bind(WS)).await.expect("free");
    let endpoint = pull.last_endpoint().expect("bound").to_string();
    (pull, endpoint)
}

async fn large_and_empty(ctx: Context, endpoint: &str) {
    let server = soon(secure(ctx.pair()).bind(endpoint)).await.expect("free");
    let client = secure(ctx.pair()).connect(server.last_endpoint().expect("bound").to_string()).expect("sound");
    let large: Vec<u8> = (0..16_usize << 20).map(|at| (at % 253) as u8).collect();
    for message in [Message::new(), large.clone().into(), (large, "", "tail").into()] {
        for (from, to) in [(&client, &server), (&server, &client)] {
            soon(from.send(message.clone())).await.expect("sent");
            assert!(soon(to.recv()).await.expect("received") == message, "{message:?}");
        }
    }
}

#[test]
fn of_16_mib_and_of_nothing_over_ws() {
    everywhere(async |ctx| large_and_empty(ctx, WS).await);
}

#[test]
fn of_16_mib_and_of_nothing_over_wss() {
    everywhere(async |ctx| large_and_empty(ctx, WSS).await);
}

#[test]
fn the_endpoint_and_the_peers_are_told_with_their_path() {
    everywhere(async |ctx: Context| {
        let pull = ctx.pull().build().expect("valid");
        let monitor = pull.monitor();
        let real = soon(pull.bind("ws://127.0.0.1:*")).await.expect("free").to_string();
        assert!(real.starts_with("ws://127.0.0.1:") && real.ends_with('/') && !real.contains('*'), "{real}");
        let push = ctx.push().connect(&real).expect("sound");
        let facts = soon(event(&monitor, succeeded)).await;
        assert_eq!(
            (facts.socket_type, facts.version, facts.mechanism),
            (Some(SocketType::Push), Some((3, 0)), Some("NULL"))
        );
        assert!(facts.remote.starts_with("ws://127.0.0.1:") && facts.remote.ends_with('/'), "{}", facts.remote);
        assert_eq!(*facts.local, *real);
        drop(push);
        pull.unbind(&real).expect("bound there");
        soon(event(&monitor, |event| matches!(event, Event::Closed { .. }).then_some(()))).await;
    });
}

async fn finds_again(ctx: Context, endpoint: &str) {
    let first = soon(secure(ctx.pull()).bind(endpoint)).await.expect("free");
    let real = first.last_endpoint().expect("bound").to_string();
    let push = secure(ctx.push()).reconnect(QUICK).connect(&real).expect("sound");
    soon(push.send(number(1))).await.expect("sent");
    assert_eq!(soon(first.recv()).await.expect("received"), number(1));
    soon(first.close()).await;
    let second = loop {
        if let Ok(second) = soon(secure(ctx.pull()).bind(&real)).await {
            break second;
        }
    };
    soon(push.send(number(2))).await.expect("sent");
    assert_eq!(soon(second.recv()).await.expect("received"), number(2));
}

#[test]
fn a_server_that_restarts_is_found_again() {
    everywhere(async |ctx| finds_again(ctx, WS).await);
    everywhere(async |ctx| finds_again(ctx, WSS).await);
}

#[test]
fn heartbeats_are_pings_of_websocket() {
    in_shared(async |ctx: Context| {
        let interval = Duration::from_millis(30);
        let heartbeat = Heartbeat { interval: Some(interval), timeout: Some(Duration::from_millis(200)), ttl: None };
        let pull = ctx.pull().heartbeat(heartbeat).build().expect("valid");
        let monitor = pull.monitor();
        let endpoint = soon(pull.bind(WS)).await.expect("free").to_string();
        let mut raw = Raw::connect_as_push(&endpoint);
        for _ in 0..3 {
            assert_eq!(raw.frame(), Some((0x89, vec![])));
            raw.send(0x8a, b"");
        }
        raw.send(0x89, b"are you?");
        let pong = std::iter::from_fn(|| raw.frame()).find(|(first, _)| *first == 0x8a);
        assert_eq!(pong, Some((0x8a, b"are you?".to_vec())));
        // From here on nothing is answered.
        let reason = soon(event(&monitor, disconnected)).await;
        assert!(matches!(reason, DisconnectReason::Protocol(SessionError::HeartbeatTimeout { .. })), "{reason}");
        assert_eq!(pull.stats().heartbeat_misses, 1);
    });
}

#[test]
fn a_peer_without_a_mechanism_is_served() {
    in_shared(async |ctx: Context| {
        let router = ctx.router().build().expect("valid");
        let endpoint = soon(router.bind(WS)).await.expect("free").to_string();
        let mut raw = Raw::connect(&endpoint);
        raw.upgrade("ZWS2.0");
        raw.send(0x82, b"\0browser");
        assert_eq!(raw.frame(), Some((0x82, vec![0])));
        raw.send(0x82, b"\x01two");
        raw.send(0x82, b"\0frames");
        let routed = soon(router.recv()).await.expect("received");
        assert_eq!((routed.id.as_bytes(), &routed.message), (&b"browser"[..], &Message::from(["two", "frames"])));
        soon(router.send(routed)).await.expect("sent");
        assert_eq!(raw.frame(), Some((0x82, b"\x01two".to_vec())));
        assert_eq!(raw.frame(), Some((0x82, b"\0frames".to_vec())));
    });
}

#[test]
fn the_end_is_said_with_its_code() {
    in_shared(async |ctx: Context| {
        let (pull, endpoint) = bound(&ctx).await;
        let mut raw = Raw::connect_as_push(&endpoint);
        soon(pull.wait_for_peers(1)).await;
        let closing = soon(pull.close());
        let reading = smol::unblock(move || (raw.frame(), raw));
        let (_, (last, mut raw)) = crate::common::both(closing, reading).await;
        assert_eq!(last, Some((0x88, 1000_u16.to_be_bytes().to_vec())));
        raw.send(0x88, &1000_u16.to_be_bytes());

        let (pull, endpoint) = bound(&ctx).await;
        let monitor = pull.monitor();
        let mut raw = Raw::connect_as_push(&endpoint);
        raw.send(0x82, b"\0last words");
        raw.send(0x88, &1001_u16.to_be_bytes());
        assert_eq!(raw.frame(), Some((0x88, 1001_u16.to_be_bytes().to_vec())));
        assert_eq!(soon(pull.recv()).await.expect("received"), "last words".into());
        assert_eq!(soon(event(&monitor, disconnected)).await, DisconnectReason::PeerClosed { truncated: 0 });

        let mut raw = Raw::connect_as_push(&endpoint);
        raw.send(0x88, b"\x03\xf3gone");
        let complaint = WsError::Closed { code: 1011, reason: "gone".into() };
        assert_eq!(soon(event(&monitor, disconnected)).await, DisconnectReason::WebSocket(complaint));
    });
}

#[test]
fn a_hostile_peer_ends_its_own_connection_and_no_other() {
    in_shared(async |ctx: Context| {
        let pull = ctx.pull().max_message_size(1000).build().expect("valid");
        let monitor = pull.monitor();
        let endpoint = soon(pull.bind(WS)).await.expect("free").to_string();
        let push = ctx.push().connect(&endpoint).expect("sound");
        soon(pull.wait_for_peers(1)).await;
        let frame = |fault: FrameFault| DisconnectReason::WebSocket(WsError::Frame(fault));
        let cases: [(&[u8], DisconnectReason); 6] = [
            (b"\x82\x02\0a", frame(FrameFault::NotMasked)),
            (b"\x02\x82\0\0\0\0\0a", frame(FrameFault::Fragmented)),
            (b"\x89\xfe\x01\x00", frame(FrameFault::ControlTooLong(256))),
            (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", frame(FrameFault::Length(u64::MAX))),
            (b"\x81\x84\0\0\0\0text", frame(FrameFault::Opcode(1))),
            (
                b"\x82\xff\0\0\0\x01\0\0\0\0\0\0\0\0\0",
                DisconnectReason::Protocol(SessionError::LimitExceeded {
                    limit: monocoque::Limit::MessageFrame,
                    asked: (1 << 32) - 1,
                    allowed: 1000,
                }),
            ),
        ];
        for (bytes, reason) in cases {
            let mut raw = Raw::connect_as_push(&endpoint);
            raw.write(bytes);
            assert_eq!(soon(event(&monitor, disconnected)).await, reason);
            let told = if matches!(reason, DisconnectReason::Protocol(_)) { 1009_u16 } else { 1002 };
            assert_eq!(raw.frame(), Some((0x88, told.to_be_bytes().to_vec())), "{reason}");
            assert_eq!(raw.frame(), None);
            soon(push.send("still here")).await.expect("sent");
            assert_eq!(soon(pull.recv()).await.expect("received"), "still here".into());
        }
    });
}

#[test]
fn who_is_no_websocket_client_is_answered_and_turned_away() {
    in_shared(async |ctx: Context| {
        let (pull, endpoint) = bound(&ctx).await;
        let monitor = pull.monitor();
        let endless = [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'a'; 9000]].concat();
        let greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f".to_vec();
        let plain = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_vec();
        for (bytes, status, blame) in [
            (greeting, "400", Blame::PeerMisbehaved),
            (plain, "400", Blame::PeerMisbehaved),
            (endless, "431", Blame::Limit),
        ] {
            let mut raw = Raw::connect(&endpoint);
            raw.write(&bytes);
            let reason = soon(event(&monitor, handshake_failed)).await;
            assert!(matches!(reason, DisconnectReason::WebSocket(WsError::Upgrade(_))), "{reason}");
            assert_eq!(reason.blame(), Some(blame));
            if blame != Blame::Limit {
                // Of a head that was not read to its end the system says a reset.
                assert!(raw.head().starts_with(&format!("HTTP/1.1 {status} ")));
            }
        }
    });
}

#[test]
fn who_speaks_no_tls_or_nothing_at_all_is_turned_away() {
    in_shared(async |ctx: Context| {
        let builder = secure(ctx.pull()).handshake_timeout(Some(Duration::from_millis(100)));
        let pull = builder.build().expect("valid");
        let monitor = pull.monitor();
        let endpoint = soon(pull.bind(WSS)).await.expect("free").to_string().replace("wss://", "ws://");
        let mut raw = Raw::connect(&endpoint);
        raw.write(&request("ZWS2.0"));
        let reason = soon(event(&monitor, handshake_failed)).await;
        assert!(matches!(reason, DisconnectReason::Tls(TlsFault::Misbehaved(_))), "{reason}");
        let _silent = Raw::connect(&endpoint);
        let reason = soon(event(&monitor, handshake_failed)).await;
        assert!(matches!(reason, DisconnectReason::Protocol(SessionError::HandshakeTimeout { .. })), "{reason}");
        let push = secure(ctx.push()).connect(pull.last_endpoint().expect("bound").to_string()).expect("sound");
        soon(push.send("still here")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await.expect("received"), "still here".into());
    });
}

#[test]
fn a_server_that_answers_wrongly_is_left() {
    in_shared(async |ctx: Context| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let push = ctx.push().reconnect(QUICK).build().expect("valid");
        let monitor = push.monitor();
        push.connect(format!("ws://{}/", listener.local_addr().expect("bound"))).expect("sound");
        for (answer, fault) in [
            ("HTTP/1.1 404 Not Found\r\n\r\n", UpgradeFault::Status { status: 404 }),
            (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ZWS2.0\r\n\r\n",
                UpgradeFault::Accept,
            ),
            ("\u{1}", UpgradeFault::NotHttp("the version is malformed")),
        ] {
            let (mut stream, _) = smol::unblock({
                let listener = listener.try_clone().expect("a descriptor");
                move || listener.accept().expect("it comes again")
            })
            .await;
            stream.write_all(answer.as_bytes()).expect("taken");
            let reason = soon(event(&monitor, handshake_failed)).await;
            assert_eq!(reason, DisconnectReason::WebSocket(WsError::Upgrade(fault)));
        }
    });
}

/// A judge that takes its time, and says by what it judged.
fn judge(applicant: Applicant) -> Judging {
    Judging::later(async move {
        smol::future::yield_now().await;
        let mechanism = match applicant.credentials {
            Credentials::Null => "NULL",
            Credentials::Plain { .. } => "PLAIN",
            _ => "CURVE",
        };
        Verdict::accept(format!("{mechanism} at {}", applicant.address))
    })
}

#[test]
fn every_mechanism_is_judged_as_elsewhere() {
    everywhere(async |ctx: Context| {
        let (server, client) = [(); 2].map(|()| new_secret_key().expect("random bytes")).into();
        for endpoint in [WS, WSS] {
            let pulls = [ctx.pull(), ctx.pull().plain_server(true), ctx.pull().curve_server(server.clone())];
            let pushes = [
                ctx.push(),
                ctx.push().plain("ann", "secret"),
                ctx.push().curve_client(server.public(), client.clone()),
            ];
            for ((pull, push), mechanism) in pulls.into_iter().zip(pushes).zip(["NULL", "PLAIN", "CURVE"]) {
                let pull = soon(secure(pull).authenticator(judge).bind(endpoint)).await.expect("free");
                let push = secure(push).connect(pull.last_endpoint().expect("bound").to_string()).expect("sound");
                for message in [Message::from("small"), ["", "two"].into(), vec![3; 300_000].into()] {
                    soon(push.send(message.clone())).await.expect("sent");
                    let (received, peer) = soon(pull.recv_with_peer()).await.expect("received");
                    assert!(received == message, "{message:?}");
                    let user = peer.and_then(|peer| peer.user_id.clone());
                    assert_eq!(user.as_deref(), Some(&*format!("{mechanism} at 127.0.0.1")));
                }
            }
        }
    });
}

#[test]
fn who_judges_takes_nobody_without_a_mechanism() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().authenticator(judge).bind(WS)).await.expect("free");
        let mut raw = Raw::connect(&pull.last_endpoint().expect("bound").to_string());
        raw.write(&request("ZWS2.0"));
        assert!(raw.head().starts_with("HTTP/1.1 400 "));
    });
}

#[test]
fn types_that_speak_no_zmtp_do_not_use_it() {
    in_shared(async |ctx: Context| {
        let stream = ctx.stream().build().expect("valid");
        let refused = soon(stream.bind(WS)).await.map(drop);
        assert!(matches!(refused, Err(monocoque::BindError::Transport(_))), "{refused:?}");
        let raw = ctx.router().router_raw(true).build().expect("valid");
        let refused = raw.connect("ws://127.0.0.1:1/");
        assert!(matches!(refused, Err(monocoque::ConnectError::Transport(_))), "{refused:?}");
    });
}
