//! A message whose last part is refused is forgotten with the parts before it: what is sent next begins another.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use monocoque_libzmq::zmq_socket_get_peer_state;

use crate::c::{
    Ctx, DEALER, DGRAM, DONTWAIT, POLLOUT, PULL, PUSH, ROUTER, ROUTING_ID, SNDMORE, STREAM, SUB, SUBSCRIBE, Sock, XPUB,
};

const SNDHWM: i32 = 23;
const RCVHWM: i32 = 24;
const ROUTER_MANDATORY: i32 = 33;
const XPUB_NODROP: i32 = 69;

/// A connection to `stream`, with the id that it is known by there.
fn connection(stream: &Sock<'_>, endpoint: &str) -> (TcpStream, Vec<u8>) {
    let connection = TcpStream::connect(endpoint.trim_start_matches("tcp://")).expect("it listens");
    connection.set_read_timeout(Some(Duration::from_secs(10))).expect("a time");
    let told = stream.recv_all().expect("told of it");
    (connection, told[0].clone())
}

#[test]
fn of_a_stream_whose_client_went_meanwhile() {
    let ctx = Ctx::new();
    let stream = ctx.socket(STREAM);
    let endpoint = stream.bind("tcp://127.0.0.1:*");
    let (gone, its_id) = connection(&stream, &endpoint);
    let (mut other, id) = connection(&stream, &endpoint);
    stream.send(&its_id, SNDMORE).expect("it is there");
    drop(gone);
    assert_eq!(stream.recv_all(), Ok(vec![its_id, Vec::new()]), "it has gone");
    assert_eq!(stream.send(b"lost", SNDMORE), Ok(4));
    stream.send(&id, SNDMORE).expect("it is there");
    stream.send(b"hello", SNDMORE).expect("it is there");
    let mut came = [0; 5];
    other.read_exact(&mut came).expect("it came");
    assert_eq!(&came, b"hello");
}

#[test]
fn of_a_router_whose_peer_went_meanwhile() {
    let ctx = Ctx::new();
    let router = ctx.socket(ROUTER);
    router.set_int(ROUTER_MANDATORY, 1).expect("taken");
    let endpoint = router.bind("tcp://127.0.0.1:*");
    let dealer = |id: &[u8]| {
        let dealer = ctx.socket(DEALER);
        dealer.set(ROUTING_ID, id).expect("taken");
        dealer.connect(&endpoint).expect("valid");
        dealer.send(b"here", 0).expect("room");
        assert_eq!(router.recv_all(), Ok(vec![id.to_vec(), b"here".to_vec()]));
        dealer
    };
    let (a, b) = (dealer(b"a"), dealer(b"b"));
    router.send(b"a", SNDMORE).expect("it is there");
    drop(a);
    let until = Instant::now() + Duration::from_secs(10);
    // SAFETY: the socket is open, and the id has a byte.
    while unsafe { zmq_socket_get_peer_state(router.0, b"a".as_ptr().cast(), 1) } >= 0 {
        assert!(Instant::now() < until, "it does not go");
        std::thread::yield_now();
    }
    assert_eq!(router.send(b"for a", 0), Ok(5), "it was let pass, and is lost");
    assert_eq!(router.send(b"a", SNDMORE), Err(libc::EHOSTUNREACH));
    router.send_all(&[b"b", b"for b"]).expect("it is there");
    assert_eq!(b.recv_all(), Ok(vec![b"for b".to_vec()]));
    let again = dealer(b"a");
    router.send_all(&[b"a", b"for a"]).expect("it is there");
    assert_eq!(again.recv_all(), Ok(vec![b"for a".to_vec()]), "and nothing else");
}

#[test]
fn of_a_datagram_that_goes_nowhere() {
    let ctx = Ctx::new();
    let (from, to) = (ctx.socket(DGRAM), ctx.socket(DGRAM));
    from.bind("udp://127.0.0.1:*");
    let place = to.bind("udp://127.0.0.1:*");
    let place = place.trim_start_matches("udp://").as_bytes();
    from.send(b"nowhere", SNDMORE).expect("a first part");
    assert_eq!(from.send(b"x", 0), Err(libc::EINVAL));
    from.send(place, SNDMORE).expect("a first part");
    assert_eq!(from.send(b"x", SNDMORE), Err(libc::EINVAL), "it has two parts");
    from.send(b"x", 0).expect("two parts");
    assert_eq!(to.recv_all().map(|mut parts| parts.pop()), Ok(Some(b"x".to_vec())));
}

#[test]
fn of_a_publisher_that_waits_for_room() {
    let ctx = Ctx::new();
    let (xpub, sub) = (ctx.socket(XPUB), ctx.socket(SUB));
    xpub.set_int(XPUB_NODROP, 1).expect("taken");
    xpub.set_int(SNDHWM, 2).expect("taken");
    sub.set_int(RCVHWM, 2).expect("taken");
    xpub.bind("inproc://topics");
    sub.connect("inproc://topics").expect("bound");
    sub.set(SUBSCRIBE, b"t").expect("taken");
    assert_eq!(xpub.recv(0), Ok((b"\x01t".to_vec(), false)));
    for round in 0..2 {
        let mut sent = 0;
        while xpub.send(b"topic", SNDMORE | DONTWAIT).is_ok() {
            assert_eq!(xpub.send(&[sent], DONTWAIT), Ok(1), "the first part was let pass");
            sent += 1;
        }
        assert!(sent >= 2, "round {round}");
        assert_eq!(xpub.send(b"another", SNDMORE | DONTWAIT), Ok(7), "nobody asked for it");
        assert_eq!(xpub.send(b"", 0), Ok(0));
        for n in 0..sent {
            assert_eq!(sub.recv_all(), Ok(vec![b"topic".to_vec(), vec![n]]), "round {round}");
        }
    }
}

#[test]
fn of_one_who_lost_its_only_peer_meanwhile() {
    let ctx = Ctx::new();
    let (push, pull) = (ctx.socket(PUSH), ctx.socket(PULL));
    push.bind("inproc://work");
    pull.connect("inproc://work").expect("bound");
    push.send(b"a", SNDMORE).expect("room");
    drop(pull);
    assert_eq!(push.send(b"b", DONTWAIT), Err(libc::EAGAIN));
    assert_eq!(push.poll(POLLOUT, 0), 0, "nobody is there");
    let pull = ctx.socket(PULL);
    pull.connect("inproc://work").expect("bound");
    push.send_all(&[b"a", b"b"]).expect("room");
    assert_eq!(pull.recv_all(), Ok(vec![b"a".to_vec(), b"b".to_vec()]));
}
