//! PLAIN (RFC 24): who is let in, who is told why not, and what breaks a rule.

mod harness;

use std::sync::Arc;
use std::time::Instant;

use harness::{End, command, converse};
use monocoque_core::SocketType::{self, Pair, Pull, Push};
use monocoque_core::protocol::{Blame, ProtocolError, Side};
use monocoque_zmtp::{
    Limit, PeerIncompatible, PeerMisbehaved, PlainClient, PlainTable, Secret, Security, SessionConfig, SessionError,
};

fn with(kind: SocketType, security: Security) -> SessionConfig {
    let mut config = SessionConfig::new(kind);
    config.security = security;
    config
}

fn client(kind: SocketType, password: &str) -> SessionConfig {
    let password = Secret::new(password).expect("short");
    with(kind, Security::PlainClient(Arc::new(PlainClient::new("ann", password).expect("short"))))
}

fn server(kind: SocketType) -> SessionConfig {
    let mut config = with(kind, Security::PlainServer);
    config.authenticator = Some(Arc::new(PlainTable::new([("ann", "secret")]).expect("short")));
    config
}

fn meet(a: SessionConfig, b: SessionConfig, piece: usize) -> (End, End) {
    let now = Instant::now();
    let (mut a, mut b) = (End::new(a, Side::Dialer, now), End::new(b, Side::Listener, now));
    converse(&mut a, &mut b, piece);
    (a, b)
}

/// The greeting of a peer that speaks PLAIN.
fn greeting() -> Vec<u8> {
    let mut greeting = harness::greeting(1);
    greeting[12..17].copy_from_slice(b"PLAIN");
    greeting
}

#[test]
fn the_right_password_makes_both_ready_however_the_bytes_are_split() {
    for piece in 1..200 {
        let (a, b) = meet(client(Push, "secret"), server(Pull), piece);
        let (at_a, at_b) = (a.outcome.ready.expect("ready"), b.outcome.ready.expect("ready"));
        assert_eq!((at_a.socket_type, at_b.socket_type), (Pull, Push));
        assert_eq!((at_a.mechanism, at_b.mechanism), ("PLAIN", "PLAIN"));
        assert_eq!((a.outcome.error, b.outcome.error), (None, None));
    }
}

#[test]
fn the_longest_credentials_are_let_in() {
    let long = [b'x'; 255];
    let password = Secret::new(long).expect("short enough");
    let client = Security::PlainClient(Arc::new(PlainClient::new(long, password).expect("short enough")));
    let mut server = with(Pull, Security::PlainServer);
    server.authenticator = Some(Arc::new(PlainTable::new([(long, long)]).expect("short enough")));
    let (a, b) = meet(with(Push, client), server, usize::MAX);
    assert!(a.outcome.ready.is_some() && b.outcome.ready.is_some());
}

#[test]
fn who_binds_need_not_be_the_server() {
    let (a, b) = meet(server(Push), client(Pull, "secret"), usize::MAX);
    assert!(a.outcome.ready.is_some() && b.outcome.ready.is_some());
}

#[test]
fn a_wrong_password_is_told_to_both_sides() {
    let (a, b) = meet(client(Push, "guess"), server(Pull), usize::MAX);
    let [at_client, at_server] = [a.outcome.error, b.outcome.error].map(|error| error.expect("refused"));
    assert_eq!(at_server, SessionError::AuthenticationFailed { status: 400 });
    assert_eq!(at_client, SessionError::HandshakeRefused { reason: "400".into() });
    assert_eq!((at_client.status(), at_server.status()), (Some(400), Some(400)));
    assert_eq!((at_client.blame(), at_client.may_retry()), (Blame::Refused, false));
    assert!(a.outcome.ready.is_none() && b.outcome.ready.is_none());
    assert!(b.outcome.written.ends_with(b"\x04\x0a\x05ERROR\x03400"));
}

#[test]
fn credentials_do_not_make_types_fit() {
    let (a, b) = meet(client(Push, "secret"), server(Push), usize::MAX);
    assert_eq!(b.outcome.error, Some(PeerIncompatible::SocketType { ours: Push, theirs: Push }.into()));
    assert_eq!(a.outcome.error.and_then(|error| error.status()), None);
    assert!(a.outcome.ready.is_none() && b.outcome.ready.is_none());
}

#[test]
fn another_mechanism_is_refused_by_both() {
    let (a, b) = meet(SessionConfig::new(Push), server(Pull), usize::MAX);
    let refused = |ours, theirs: &str| Some(PeerIncompatible::Mechanism { ours, theirs: theirs.into() }.into());
    assert_eq!((a.outcome.error, b.outcome.error), (refused("NULL", "PLAIN"), refused("PLAIN", "NULL")));
    assert!(!b.outcome.written.ends_with(b"READY"), "nothing is said to a stranger");
}

#[test]
fn peers_of_older_versions_have_no_password_to_tell() {
    for opening in [&b"\x01\0"[..], b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\0"] {
        let mut server = End::new(server(Pull), Side::Listener, Instant::now());
        server.feed(opening);
        let error = PeerIncompatible::Mechanism { ours: "PLAIN", theirs: "NULL".into() };
        assert_eq!(server.outcome.error, Some(error.into()));
        assert_eq!(server.outcome.ready, None);
    }
}

#[test]
fn a_client_that_skips_or_bends_a_step_is_named() {
    let hello = command("HELLO", b"\x03ann\x06secret");
    let unexpected = |name: &str| SessionError::from(PeerMisbehaved::UnexpectedCommand(name.into()));
    let ready = b"\x0bSocket-Type\0\0\0\x04PUSH";
    let too_long = SessionError::LimitExceeded { limit: Limit::HandshakeCommand, asked: 519, allowed: 518 };
    let cases = [
        (command("INITIATE", ready), unexpected("INITIATE")),
        (command("READY", ready), unexpected("READY")),
        (command("WELCOME", b""), unexpected("WELCOME")),
        ([hello.clone(), hello.clone()].concat(), unexpected("HELLO")),
        ([hello.clone(), command("READY", ready)].concat(), unexpected("READY")),
        (command("HELLO", b"\x03ann\x07secret"), PeerMisbehaved::MalformedCommand("HELLO").into()),
        (command("HELLO", b"\x03ann\x06secret!"), PeerMisbehaved::MalformedCommand("HELLO").into()),
        (command("HELLOO", b""), PeerMisbehaved::UnknownCommand("HELLOO".into()).into()),
        (command("ERROR", b"\x03400"), unexpected("ERROR")),
        (b"\x06\0\0\0\0\0\0\x02\x07".to_vec(), too_long),
        ([hello.clone(), harness::frame(0, b"early")].concat(), PeerMisbehaved::MessageInHandshake.into()),
        ([hello, command("INITIATE", b"")].concat(), PeerMisbehaved::NoSocketType.into()),
    ];
    for (bytes, error) in cases {
        let mut server = End::new(server(Pull), Side::Listener, Instant::now());
        server.feed(&[greeting(), bytes].concat());
        assert_eq!((server.outcome.error, server.outcome.ready), (Some(error), None));
    }
}

#[test]
fn a_server_that_skips_or_bends_a_step_is_named() {
    let cases = [
        (command("READY", b""), PeerMisbehaved::UnexpectedCommand("READY".into())),
        (command("HELLO", b"\0\0"), PeerMisbehaved::UnexpectedCommand("HELLO".into())),
        (command("WELCOME", b"!"), PeerMisbehaved::MalformedCommand("WELCOME")),
        (command("WELCOME", b"").repeat(2), PeerMisbehaved::UnexpectedCommand("WELCOME".into())),
    ];
    for (bytes, error) in cases {
        let mut client = End::new(client(Pair, "secret"), Side::Dialer, Instant::now());
        client.feed(&[greeting(), bytes].concat());
        assert_eq!((client.outcome.error, client.outcome.ready), (Some(error.into()), None));
    }
}

#[test]
fn what_libzmq_says_for_an_error_is_understood_from_a_server_only() {
    let error = harness::frame(4, b"^RROR\x03400");
    let mut client = End::new(client(Push, "guess"), Side::Dialer, Instant::now());
    client.feed(&[greeting(), error.clone()].concat());
    assert_eq!(client.outcome.error.and_then(|error| error.status()), Some(400));
    let mut server = End::new(server(Pull), Side::Listener, Instant::now());
    server.feed(&[greeting(), error].concat());
    assert_eq!(server.outcome.error, Some(PeerMisbehaved::CommandName.into()));
}

#[test]
fn only_a_server_says_that_it_is_one_and_it_speaks_second() {
    let [mut server, mut client] =
        [server(Pull), client(Push, "secret")].map(|config| End::new(config, Side::Listener, Instant::now()));
    server.feed(&greeting());
    client.feed(&greeting());
    assert_eq!((server.outcome.written.len(), server.outcome.written[32]), (64, 1));
    assert_eq!(client.outcome.written[32], 0);
    assert_eq!(client.outcome.written[64..], command("HELLO", b"\x03ann\x06secret"));
}
