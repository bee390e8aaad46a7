//! CURVE (RFC 26) between two sessions: who is let in, what they then exchange, and what is refused.

mod harness;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use harness::{End, converse, decode, encode};
use monocoque_core::batch::Unit;
use monocoque_core::pipe::PipeWriter;
use monocoque_core::protocol::{Output, Protocol, ProtocolError, Side};
use monocoque_core::slab::SlabMut;
use monocoque_core::{Message, SocketType};
use monocoque_zmtp::{
    Applicant, Credentials, CurveClient, CurveKeys, CurveServer, Entropy, Limit, PeerIncompatible, PeerMisbehaved,
    Refusal, SecretKey, Security, Session, SessionConfig, SessionError, Verdict,
};

static DRAWN: AtomicU8 = AtomicU8::new(1);

/// Differs from call to call, which is all that these tests need.
const ENTROPY: Entropy = Entropy::new(|bytes| {
    bytes.fill(DRAWN.fetch_add(1, Ordering::Relaxed));
    true
});

fn secret(fill: u8) -> SecretKey {
    SecretKey::from_bytes([fill; 32])
}

fn config(security: Security) -> SessionConfig {
    let mut config = SessionConfig::new(SocketType::Pair);
    config.security = security;
    config
}

fn curve_client(server: u8) -> Security {
    let server = secret(server).public();
    Security::CurveClient(Arc::new(CurveClient {
        server,
        public: secret(1).public(),
        secret: secret(1),
        entropy: ENTROPY,
    }))
}

fn curve_server(secrets: &[u8]) -> Security {
    server_with(CurveKeys::new(secrets.iter().map(|&fill| secret(fill))))
}

fn server_with(keys: CurveKeys) -> Security {
    Security::CurveServer(Arc::new(CurveServer { keys, entropy: ENTROPY }))
}

/// Lets in `known` only, under the name of the key.
fn only(known: u8) -> impl Fn(Applicant) -> Verdict {
    move |applicant| match applicant.credentials {
        Credentials::Curve { key } if key == secret(known).public() => Verdict::accept(key.to_string()),
        _ => Verdict::deny(),
    }
}

/// A dialer and a listener that have said all they have to say, in pieces of `piece` bytes.
fn meet(dialer: Security, listener: Security, piece: usize) -> (End, End) {
    meet_judged(dialer, config(listener), piece)
}

fn meet_judged(dialer: Security, listener: SessionConfig, piece: usize) -> (End, End) {
    let now = Instant::now();
    let mut dialer = End::new(config(dialer), Side::Dialer, now);
    let mut listener = End::new(listener, Side::Listener, now);
    converse(&mut dialer, &mut listener, piece);
    (dialer, listener)
}

fn user(end: &End) -> Option<&str> {
    end.outcome.ready.as_ref().expect("ready").user_id.as_deref()
}

/// A dialer and a listener of CURVE that are ready.
fn ready() -> (End, End) {
    let (dialer, listener) = meet(curve_client(2), curve_server(&[2]), usize::MAX);
    assert!(dialer.outcome.ready.is_some(), "{:?} {:?}", dialer.outcome.error, listener.outcome.error);
    (dialer, listener)
}

/// The boxes of messages with these bodies.
fn sealed(from: &mut End, bodies: &[&[u8]]) -> Vec<u8> {
    from.send(&mut encode(|writer: &mut PipeWriter| {
        bodies.iter().for_each(|body| writer.push_unmarked(&Message::from(*body)));
    }));
    from.take_written()
}

#[test]
fn a_temporary_refusal_is_tried_again() {
    assert!(SessionError::HandshakeRefused { reason: "300".into() }.may_retry());
    assert!(!SessionError::HandshakeRefused { reason: "500".into() }.may_retry());
}

#[test]
fn curve_peers_become_ready_in_any_pieces() {
    for piece in [1, 7, 64, usize::MAX] {
        let (mut client, mut server) = meet(curve_client(2), curve_server(&[2]), piece);
        assert_eq!(user(&server), None);
        let large = vec![5; 20_000];
        let bodies = [&b""[..], b"a", &large, b"b", &[7; 255], &[8; 256], &large, &large, b"c"];
        let boxes = sealed(&mut client, &bodies);
        assert!(!boxes.windows(100).any(|bytes| bytes == &large[..100]));
        boxes.chunks(piece.min(boxes.len())).for_each(|bytes| server.feed(bytes));
        assert_eq!(server.outcome.error, None);
        let wanted: Vec<_> = bodies.iter().map(|body| Unit::Message(Message::from(*body))).collect();
        assert_eq!(decode(&mut server.deliver), wanted);
    }
}

#[test]
fn a_long_batch_is_sealed_in_parts_that_end_with_a_message() {
    let (mut client, mut server) = ready();
    let long = Message::multipart([vec![1; 100_000], vec![2; 100_000], vec![], vec![3; 300]]);
    let messages: Vec<Message> = (0..40u8).map(|n| Message::from(vec![n; 20_000])).chain([long]).collect();
    let mut batch = encode(|writer: &mut PipeWriter| messages.iter().for_each(|one| writer.push_unmarked(one)));
    let parts = client.send(&mut batch);
    assert!((6..=9).contains(&parts), "{parts} parts of about 128 KiB");
    server.feed(&client.take_written());
    assert_eq!(server.outcome.error, None);
    let wanted: Vec<_> = messages.into_iter().map(Unit::Message).collect();
    assert_eq!(decode(&mut server.deliver), wanted);
}

#[test]
fn a_server_may_have_several_keys() {
    for known in [2, 3] {
        let (client, server) = meet(curve_client(known), curve_server(&[2, 3]), usize::MAX);
        assert!(client.outcome.ready.is_some() && server.outcome.ready.is_some());
    }
}

#[test]
fn a_client_that_knows_another_key_is_not_answered() {
    let (client, server) = meet(curve_client(9), curve_server(&[2]), usize::MAX);
    assert_eq!(server.outcome.error, Some(PeerMisbehaved::BoxForged("HELLO").into()));
    assert!(client.outcome.ready.is_none());
}

#[test]
fn a_client_knows_what_it_means_that_the_server_leaves_now() {
    let now = Instant::now();
    let (mut session, mut out) = (Session::new(config(curve_client(9)), Side::Dialer), Output::default());
    session.connected(now, &mut out);
    assert_eq!(session.left(), None, "it may be anybody");
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10], greeting[32]) = (0xff, 0x7f, 3, 1);
    greeting[12..17].copy_from_slice(b"CURVE");
    let mut input = SlabMut::exact(64).expect("memory");
    input.extend_from_slice(&greeting);
    session.received(now, &mut input, &mut out).expect("sound");
    assert_eq!(session.left(), Some(SessionError::HelloUnanswered));
}

#[test]
fn the_keys_of_a_server_may_be_changed_while_it_runs() {
    let keys = CurveKeys::new([secret(2)]);
    let (client, _) = meet(curve_client(2), server_with(keys.clone()), usize::MAX);
    assert!(client.outcome.ready.is_some());
    keys.replace([secret(3)]);
    let (client, _) = meet(curve_client(2), server_with(keys.clone()), usize::MAX);
    assert!(client.outcome.ready.is_none());
    let (client, _) = meet(curve_client(3), server_with(keys), usize::MAX);
    assert!(client.outcome.ready.is_some());
}

#[test]
fn a_client_that_is_not_listed_is_refused() {
    let mut server = config(curve_server(&[2]));
    server.authenticator = Some(Arc::new(only(7)));
    let (client, listener) = meet_judged(curve_client(2), server.clone(), usize::MAX);
    assert_eq!(listener.outcome.error, Some(SessionError::AuthenticationFailed { status: 400 }));
    assert_eq!(client.outcome.error, Some(SessionError::HandshakeRefused { reason: "400".into() }));
    server.authenticator = Some(Arc::new(only(1)));
    let (client, listener) = meet_judged(curve_client(2), server.clone(), 1);
    assert!(client.outcome.ready.is_some());
    assert_eq!(user(&listener), Some(secret(1).public().to_string().as_str()));
    server.authenticator = Some(Arc::new(|_: Applicant| Verdict::Refused(Refusal::Temporary)));
    let (client, listener) = meet_judged(curve_client(2), server, usize::MAX);
    assert_eq!(listener.outcome.error, Some(SessionError::AuthenticationFailed { status: 300 }));
    assert_eq!((client.outcome.error, client.outcome.ready), (None, None), "it is told nothing");
}

#[test]
fn of_a_stranger_no_long_command_is_awaited() {
    let mut server = End::new(config(curve_server(&[1])), Side::Listener, Instant::now());
    let mut greeting = harness::greeting(1);
    greeting[12..17].copy_from_slice(b"CURVE");
    server.feed(&[greeting, b"\x06\0\0\0\0\0\0\x02\x07".to_vec()].concat());
    let too_long = SessionError::LimitExceeded { limit: Limit::HandshakeCommand, asked: 519, allowed: 518 };
    assert_eq!(server.outcome.error, Some(too_long));
}

#[test]
fn another_mechanism_is_told_apart() {
    let (client, server) = meet(Security::Null, curve_server(&[2]), usize::MAX);
    let differs = |ours, theirs: &str| Some(PeerIncompatible::Mechanism { ours, theirs: theirs.into() }.into());
    assert_eq!(server.outcome.error, differs("CURVE", "NULL"));
    assert_eq!(client.outcome.error, differs("NULL", "CURVE"));
}

#[test]
fn a_box_that_comes_twice_ends_the_connection() {
    let (mut client, mut server) = ready();
    let first = sealed(&mut client, &[b"pay"]);
    server.feed(&first);
    server.feed(&first);
    assert_eq!(server.outcome.error, Some(PeerMisbehaved::NonceReused { nonce: 3, last: 3 }.into()));
    assert_eq!(decode(&mut server.deliver).len(), 1);
}

#[test]
fn a_box_that_was_changed_anywhere_delivers_nothing() {
    let len = sealed(&mut ready().0, &[b"pay"]).len();
    for bit in 0..len * 8 {
        let (mut client, mut server) = ready();
        let mut changed = sealed(&mut client, &[b"pay"]);
        changed[bit / 8] ^= 1 << (bit % 8);
        server.feed(&changed);
        let delivered = decode(&mut server.deliver);
        // The outer flag for a command means nothing: what counts is in the box.
        assert!(delivered.is_empty() || bit == 2, "bit {bit}: {delivered:?}");
    }
}

#[test]
fn a_plain_frame_after_the_handshake_ends_the_connection() {
    let (_, mut server) = ready();
    server.feed(b"\x00\x03pay");
    assert_eq!(server.outcome.error, Some(PeerMisbehaved::NotSealed.into()));
    assert!(decode(&mut server.deliver).is_empty());
}

#[test]
fn a_handshake_replayed_on_another_connection_fails_at_its_cookie() {
    let now = Instant::now();
    let server = || config(curve_server(&[2]));
    let mut client = End::new(config(curve_client(2)), Side::Dialer, now);
    let (mut first, mut second) = (End::new(server(), Side::Listener, now), End::new(server(), Side::Listener, now));
    while first.outcome.ready.is_none() {
        let said = client.take_written();
        first.feed(&said);
        second.feed(&said);
        client.feed(&first.take_written());
    }
    assert_eq!(second.outcome.error, Some(PeerMisbehaved::Cookie.into()));
}

#[test]
fn no_change_of_a_handshake_is_let_in() {
    let server = || config(curve_server(&[2]));
    for at in 0..300usize {
        let now = Instant::now();
        let mut client = End::new(config(curve_client(2)), Side::Dialer, now);
        let mut listener = End::new(server(), Side::Listener, now);
        let mut sent = 0;
        for _ in 0..8 {
            let mut said = client.take_written();
            // From behind the greeting on.
            if let Some(byte) = (64 + at).checked_sub(sent).and_then(|at| said.get_mut(at)) {
                // The cleartext size of a command is judged by its shape; all else is under a box.
                *byte ^= 0x10;
            }
            sent += said.len();
            listener.feed(&said);
            client.feed(&listener.take_written());
        }
        let padding = (at > 2 + 8 - 1) && at < 2 + 6 + 74;
        assert!(listener.outcome.ready.is_none() || padding, "byte {at}");
    }
}
