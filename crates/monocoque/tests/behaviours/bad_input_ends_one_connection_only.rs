//! A peer that breaks a rule is cut off, with an event that names the rule; the socket and its other peers go on.

use std::time::Duration;

use monocoque::{Context, DisconnectReason, SessionError};
use monocoque_zmtp::{Limit, PeerIncompatible, PeerMisbehaved};

use crate::common::raw::{COMMAND, LONG, MORE, Raw, RawListener, command, frame, greeting, ready};
use crate::common::{IPC, QUICK, TCP, disconnected, event, handshake_failed, in_shared, soon, succeeded};

/// Who is bad, and how it ends.
struct Case {
    name: &'static str,
    /// Whether the handshake is done first.
    ready: bool,
    bytes: Vec<u8>,
    reason: DisconnectReason,
}

fn misbehaved(rule: PeerMisbehaved) -> DisconnectReason {
    DisconnectReason::Protocol(rule.into())
}

fn limit(limit: Limit, asked: u64, allowed: u64) -> DisconnectReason {
    DisconnectReason::Protocol(SessionError::LimitExceeded { limit, asked, allowed })
}

fn greeted(rest: Vec<u8>) -> Vec<u8> {
    [&greeting(1, "NULL")[..], &rest].concat()
}

fn handshakes() -> Vec<Case> {
    let case = |name, bytes, reason| Case { name, ready: false, bytes, reason };
    let incompatible = |what: PeerIncompatible| DisconnectReason::Protocol(what.into());
    let mut old = greeting(1, "NULL").to_vec();
    old[10] = 0;
    vec![
        case("garbage", vec![0x5a; 200], misbehaved(PeerMisbehaved::Signature { at: 0, byte: 0x5a })),
        case(
            "a web browser",
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            misbehaved(PeerMisbehaved::Signature { at: 0, byte: b'G' }),
        ),
        case(
            "half a signature",
            vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7e],
            misbehaved(PeerMisbehaved::Signature { at: 9, byte: 0x7e }),
        ),
        case("a version that there is not", old, incompatible(PeerIncompatible::Version { major: 0 })),
        case(
            "another mechanism",
            greeting(1, "PLAIN").to_vec(),
            incompatible(PeerIncompatible::Mechanism { ours: "NULL", theirs: "PLAIN".into() }),
        ),
        case(
            "a mechanism in small letters",
            greeting(1, "null").to_vec(),
            misbehaved(PeerMisbehaved::MechanismName { at: 0, byte: b'n' }),
        ),
        case("a message first", greeted(frame(0, b"hello")), misbehaved(PeerMisbehaved::MessageInHandshake)),
        case(
            "a wrong socket type",
            greeted(ready("PUB", b"")),
            incompatible(PeerIncompatible::SocketType {
                ours: monocoque::SocketType::Pull,
                theirs: monocoque::SocketType::Pub,
            }),
        ),
        case(
            "an unknown socket type",
            greeted(ready("CARRIER-PIGEON", b"")),
            incompatible(PeerIncompatible::UnknownSocketType { theirs: "CARRIER-PIGEON".into() }),
        ),
        case("no socket type", greeted(command("READY", b"")), misbehaved(PeerMisbehaved::NoSocketType)),
        case(
            "READY that ends too soon",
            greeted(command("READY", b"\x0bSocket-Type\0\0\0\x09PU")),
            misbehaved(PeerMisbehaved::PropertyTruncated),
        ),
        case(
            "an unknown command first",
            greeted(command("BOO", b"")),
            misbehaved(PeerMisbehaved::UnknownCommand("BOO".into())),
        ),
        case(
            "an oversized handshake",
            greeted([&[COMMAND | LONG][..], &(1_u64 << 40).to_be_bytes()].concat()),
            limit(Limit::HandshakeCommand, 1 << 40, 64 << 10),
        ),
        case(
            "a refusal",
            greeted(command("ERROR", b"\x02no")),
            DisconnectReason::Protocol(SessionError::HandshakeRefused { reason: "no".into() }),
        ),
    ]
}

fn traffic() -> Vec<Case> {
    let case = |name, bytes, reason| Case { name, ready: true, bytes, reason };
    vec![
        case("a reserved bit", vec![0x08, 0], misbehaved(PeerMisbehaved::ReservedFlagBits(0x08))),
        case("all bits", vec![0xff; 16], misbehaved(PeerMisbehaved::ReservedFlagBits(0xff))),
        case("a command with more", vec![COMMAND | MORE, 1, 0], misbehaved(PeerMisbehaved::CommandWithMore)),
        case("a nameless command", vec![COMMAND, 0], misbehaved(PeerMisbehaved::CommandName)),
        case("an unknown command", command("BOO", b"data"), misbehaved(PeerMisbehaved::UnknownCommand("BOO".into()))),
        case("READY twice", ready("PUSH", b""), misbehaved(PeerMisbehaved::UnexpectedCommand("READY".into()))),
        case("a short PING", command("PING", b"\0"), misbehaved(PeerMisbehaved::PingTooShort(1))),
        case(
            "a frame over the limit",
            [&[LONG][..], &1001_u64.to_be_bytes()].concat(),
            limit(Limit::MessageFrame, 1001, 1000),
        ),
        case(
            "a frame beyond all limits",
            [&[LONG][..], &u64::MAX.to_be_bytes()].concat(),
            misbehaved(PeerMisbehaved::FrameSize(u64::MAX)),
        ),
        case(
            "a refusal after READY",
            command("ERROR", b"\x02no"),
            DisconnectReason::Protocol(SessionError::HandshakeRefused { reason: "no".into() }),
        ),
    ]
}

#[test]
fn and_an_event_names_the_rule() {
    in_shared(async |ctx: Context| {
        for transport in [TCP, IPC] {
            let pull = ctx.pull().max_message_size(1000).build().expect("valid");
            let endpoint = soon(pull.bind(transport)).await.expect("free").to_string();
            let monitor = pull.monitor();
            let mut good = Raw::connect_as(&endpoint, "PUSH", b"");
            event(&monitor, succeeded).await;
            for case in handshakes().into_iter().chain(traffic()) {
                let mut bad = Raw::connect(&endpoint);
                if case.ready {
                    bad.shake_hands("PUSH", b"");
                    bad.send(&[b"last sound words"]);
                }
                bad.write(&case.bytes);
                let reason = match case.ready {
                    true => event(&monitor, disconnected).await,
                    false => event(&monitor, handshake_failed).await,
                };
                assert_eq!(reason, case.reason, "{transport} {}", case.name);
                assert!(reason.blame().is_some());
                bad.until_closed();
                if case.ready {
                    assert_eq!(soon(pull.recv()).await, Ok("last sound words".into()), "{}", case.name);
                }
                good.send(&[case.name.as_bytes()]);
                assert_eq!(soon(pull.recv()).await, Ok(case.name.into()));
                assert_eq!(pull.peers(), 1, "{}", case.name);
            }
        }
    });
}

#[test]
fn whatever_the_type_of_the_socket() {
    in_shared(async |ctx: Context| {
        for kind in monocoque::SocketType::ZMTP {
            let socket = soon(ctx.socket(kind).bind(TCP)).await.expect("free");
            let (endpoint, monitor) = (socket.last_endpoint().expect("bound").to_string(), socket.monitor());
            let peer = kind.peers()[0].name();
            let _good = Raw::connect_as(&endpoint, peer, b"");
            for bytes in [&[0x80, 1, 0][..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64]] {
                let mut bad = Raw::connect_as(&endpoint, peer, b"");
                bad.write(bytes);
                let reason = event(&monitor, |e| disconnected(e.clone()).or_else(|| handshake_failed(e))).await;
                // A PAIR or CHANNEL has its peer and turns the other away before it can do harm.
                let refused = kind.is_exclusive() && reason == DisconnectReason::Refused;
                assert!(matches!(reason, DisconnectReason::Protocol(_)) || refused, "{kind} {reason:?}");
                assert_eq!(socket.peers(), 1, "{kind}");
            }
        }
    });
}

#[test]
fn a_peer_that_stops_in_the_middle() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let (endpoint, monitor) = (pull.last_endpoint().expect("bound").to_string(), pull.monitor());
        for len in [0, 1, 9, 10, 11, 63] {
            let mut raw = Raw::connect(&endpoint);
            raw.write(&greeting(1, "NULL")[..len]);
            raw.stop_sending();
            raw.until_closed();
            let reason = event(&monitor, handshake_failed).await;
            assert_eq!(reason, DisconnectReason::PeerClosed { truncated: len });
        }
        for (bytes, truncated) in [(&b""[..], 0), (&[0], 1), (&[0, 5, 1, 2], 4), (&[2, 0, 0, 0], 4)] {
            let mut raw = Raw::connect_as(&endpoint, "PUSH", b"");
            raw.write(bytes);
            raw.leave();
            assert_eq!(event(&monitor, disconnected).await, DisconnectReason::PeerClosed { truncated });
        }
        // The first frame of two is whole, the message is not: it must not be seen.
        let mut raw = Raw::connect_as(&endpoint, "PUSH", b"");
        raw.write(&frame(MORE, b"first of two"));
        raw.leave();
        event(&monitor, disconnected).await;
        assert!(pull.try_recv().is_err());
    });
}

#[test]
fn a_peer_that_never_says_a_word_or_not_enough() {
    in_shared(async |ctx: Context| {
        let allowed = Duration::from_millis(50);
        let pull = soon(ctx.pull().handshake_timeout(Some(allowed)).bind(TCP)).await.expect("free");
        let (endpoint, monitor) = (pull.last_endpoint().expect("bound").to_string(), pull.monitor());
        for bytes in [vec![], greeting(1, "NULL")[..20].to_vec(), greeting(1, "NULL").to_vec()] {
            let mut raw = Raw::connect(&endpoint);
            raw.write(&bytes);
            let reason = event(&monitor, handshake_failed).await;
            assert_eq!(reason, DisconnectReason::Protocol(SessionError::HandshakeTimeout { allowed }));
            raw.until_closed();
        }
        let mut good = Raw::connect_as(&endpoint, "PUSH", b"");
        good.send(&[b"hello"]);
        assert_eq!(soon(pull.recv()).await, Ok("hello".into()));
    });
}

#[test]
fn too_many_handshakes_are_turned_away_and_room_comes_back() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().half_open_max(2).bind(TCP)).await.expect("free");
        let (endpoint, monitor) = (pull.last_endpoint().expect("bound").to_string(), pull.monitor());
        let silent = [Raw::connect(&endpoint), Raw::connect(&endpoint)];
        let mut third = Raw::connect(&endpoint);
        let turned_away = |event| matches!(event, monocoque::Event::TooManyHandshakes { .. }).then_some(());
        event(&monitor, turned_away).await;
        third.until_closed();
        drop(silent);
        event(&monitor, handshake_failed).await;
        event(&monitor, handshake_failed).await;
        let mut good = Raw::connect_as(&endpoint, "PUSH", b"");
        good.send(&[b"hello"]);
        assert_eq!(soon(pull.recv()).await, Ok("hello".into()));
    });
}

#[test]
fn a_dialer_tries_again_after_a_bad_listener_but_not_after_a_refusal() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let push = ctx.push().reconnect(QUICK).connect(&listener.endpoint).expect("valid");
        let monitor = push.monitor();
        soon(push.send("hello")).await.expect("queued");
        for _ in 0..3 {
            listener.accept().write(b"SSH-2.0-OpenSSH_9.6\r\n");
            let reason = event(&monitor, handshake_failed).await;
            assert_eq!(reason, misbehaved(PeerMisbehaved::Signature { at: 0, byte: b'S' }));
        }
        let mut good = listener.accept_as("PULL");
        assert_eq!(good.recv(), Some(vec![b"hello".to_vec()]), "the queue has outlived them all");
        good.die();
        event(&monitor, disconnected).await;
        let mut refusing = listener.accept();
        refusing.write(&greeted(command("ERROR", b"\x07go away")));
        let reason = event(&monitor, handshake_failed).await;
        let refused = SessionError::HandshakeRefused { reason: "go away".into() };
        assert_eq!(reason, DisconnectReason::Protocol(refused));
        // The dialer has ended and says so.
        let given_up = |event| matches!(event, monocoque::Event::ConnectGivenUp { .. }).then_some(());
        event(&monitor, given_up).await;
    });
}

#[test]
fn any_split_of_the_bytes_is_the_same() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let body = vec![7; 300];
        let bytes =
            greeted([ready("PUSH", b""), frame(MORE, b"a"), command("PING", b"\0\0"), frame(0, &body)].concat());
        let mut raw = Raw::connect(&endpoint);
        bytes.iter().for_each(|&byte| raw.write(&[byte]));
        assert_eq!(soon(pull.recv()).await, Ok((&b"a"[..], &body[..]).into()));
    });
}
