//! A peer of ZMTP 2.0 or 1.0, spoken byte by byte, cannot tell our sockets from libzmq's: it hears the same bytes, and
//! what it says is received alike.

use std::io::{Read, Write};
use std::net::TcpStream;

use monocoque::Message;
use monocoque_interop::deadline::{PATIENCE, eventually};
use monocoque_interop::ffi::{ZMQ_ROUTING_ID, ZMQ_SUBSCRIBE};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, take_note, theirs, theirs_bound};
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

const SIGNATURE: &[u8] = b"\xff\0\0\0\0\0\0\0\x01\x7f";

/// The greetings of a nameless peer with the socket type of `number`: of 2.0, and of 1.0.
fn greetings(number: u8) -> [Vec<u8>; 2] {
    [[SIGNATURE, &[1, number, 0, 0]].concat(), vec![1, 0]]
}

/// A peer that has said `greeting`.
fn peer(endpoint: &str, greeting: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(endpoint.strip_prefix("tcp://").expect("tcp")).expect("accepted");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream.write_all(greeting).expect("sent");
    stream
}

fn hear(mut stream: TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).expect("as many");
    bytes
}

/// Messages of every form of header.
fn messages() -> Vec<Vec<Vec<u8>>> {
    let sizes: [&[usize]; 6] = [&[5], &[0], &[1, 0, 3], &[252, 253, 254, 255, 256], &[70_000, 1], &[9000]];
    sizes.map(|sizes| sizes.iter().map(|&len| vec![len as u8; len]).collect()).to_vec()
}

/// Bytes of the messages with headers of at most ten bytes, without the headers that are shorter.
fn spoken(older: bool) -> usize {
    let header = |len: usize| match (older, len) {
        (true, 254..) => 10,
        (false, 256..) => 9,
        _ => 2,
    };
    messages().concat().iter().map(|body| header(body.len()) + body.len()).sum()
}

#[test]
fn every_frame_that_it_is_sent() {
    for (older, greeting) in [false, true].into_iter().zip(greetings(7)) {
        let push = ours(|ctx| ctx.push());
        let endpoint = bind(&push, LOOPBACK);
        let (their_push, their_endpoint) = theirs_bound(Kind::Push, LOOPBACK);
        let (to_us, to_them) = (peer(&endpoint, &greeting), peer(&their_endpoint, &greeting));
        for frames in messages() {
            let message = Message::multipart(frames);
            party::send(&their_push, &message).expect("sent");
            push.blocking().send(message).expect("sent");
        }
        let said = SIGNATURE.len() + if older { 0 } else { 4 };
        let len = said + spoken(older);
        assert!(hear(to_us, len) == hear(to_them, len), "{greeting:?}");
    }
}

#[test]
fn every_frame_that_it_sends() {
    let frames = [b"one".to_vec(), vec![], vec![7; 300]];
    let long = vec![7; 300];
    let of_2_0 = [&b"\x01\x03one\x01\0\x02\0\0\0\0\0\0\x01\x2c"[..], &long].concat();
    let of_1_0 = [&b"\x04\x01one\x01\x01\xff\0\0\0\0\0\0\x01\x2d\0"[..], &long].concat();
    for (traffic, greeting) in [of_2_0, of_1_0].into_iter().zip(greetings(8)) {
        let pull = ours(|ctx| ctx.pull());
        let endpoint = bind(&pull, LOOPBACK);
        let (their_pull, their_endpoint) = theirs_bound(Kind::Pull, LOOPBACK);
        let spoken = [greeting, traffic].concat();
        let _peers = [peer(&endpoint, &spoken), peer(&their_endpoint, &spoken)];
        let message = Message::multipart(frames.clone());
        assert_eq!(pull.blocking().recv().as_ref(), Ok(&message));
        assert_eq!(party::recv(&their_pull), Ok(message));
    }
}

#[test]
fn the_identity_that_it_is_told() {
    for name in ["me".to_owned(), "n".repeat(255)] {
        for (greeting, said) in greetings(6).into_iter().zip([14, 10]) {
            let dealer = ours(|ctx| ctx.dealer().identity(name.as_str()));
            let endpoint = bind(&dealer, LOOPBACK);
            let their_dealer = theirs(Kind::Dealer);
            their_dealer.set_bytes(ZMQ_ROUTING_ID, name.as_bytes()).expect("valid");
            their_dealer.bind(LOOPBACK).expect("free");
            let their_endpoint = their_dealer.last_endpoint().expect("bound");
            let len = said + name.len();
            let heard = hear(peer(&endpoint, &greeting), len);
            assert_eq!(heard, hear(peer(&their_endpoint, &greeting), len));
            assert!(heard.ends_with(name.as_bytes()));
        }
    }
}

#[test]
fn what_a_subscriber_asks_of_it() {
    for (greeting, subscription) in greetings(1).into_iter().zip([&b"\0\x06\x01topic"[..], b"\x07\0\x01topic"]) {
        let sub = ours(|ctx| ctx.subscriber());
        sub.subscribe("topic");
        let endpoint = bind(&sub, LOOPBACK);
        let (their_sub, their_endpoint) = theirs_bound(Kind::Sub, LOOPBACK);
        their_sub.set_bytes(ZMQ_SUBSCRIBE, b"topic").expect("a subscriber");
        let said = if subscription[0] == 0 { 14 } else { 10 };
        let peers = [&endpoint, &their_endpoint].map(|endpoint| peer(endpoint, &greeting));
        let their_peer = peers[1].try_clone().expect("a descriptor");
        eventually("libzmq takes note of its peer", || {
            take_note(&their_sub);
            let mut bytes = [0; 32];
            their_peer.set_nonblocking(true).expect("open");
            let there = their_peer.peek(&mut bytes).unwrap_or(0);
            their_peer.set_nonblocking(false).expect("open");
            (there >= said + 8).then_some(())
        });
        let heard = peers.map(|peer| hear(peer, said + 8));
        assert!(heard.iter().all(|bytes| bytes.ends_with(subscription)), "{heard:?}");
        assert_eq!(heard[0], heard[1]);
    }
}

#[test]
fn what_a_publisher_sends_to_one_that_cannot_subscribe() {
    let publisher = ours(|ctx| ctx.xpub());
    let endpoint = bind(&publisher, LOOPBACK);
    let (their_publisher, their_endpoint) = theirs_bound(Kind::XPub, LOOPBACK);
    let peers = [&endpoint, &their_endpoint].map(|endpoint| peer(endpoint, b"\x01\0"));
    assert_eq!(publisher.blocking().recv(), Ok(Message::from("\u{1}")));
    assert_eq!(party::recv(&their_publisher), Ok(Message::from("\u{1}")));
    publisher.blocking().send("news").expect("sent");
    their_publisher.send(b"news", false).expect("sent");
    let heard = peers.map(|peer| hear(peer, 16));
    assert_eq!(heard[0], [SIGNATURE, b"\x05\0news"].concat());
    assert_eq!(heard[0], heard[1]);
}

#[test]
fn the_library_is_the_one_that_is_meant() {
    assert_eq!(zmq::version(), (4, 3, 5));
}
