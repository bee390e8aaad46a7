//! What one library's socket says by itself to each new peer, the other's hears: welcome, hello, probe.

use monocoque::{Message, Routed, RoutingId};
use monocoque_interop::deadline::eventually;
use monocoque_interop::ffi::{ZMQ_HELLO_MSG, ZMQ_PROBE_ROUTER, ZMQ_ROUTING_ID, ZMQ_SUBSCRIBE, ZMQ_XPUB_WELCOME_MSG};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, take_note, theirs, theirs_bound};
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

#[test]
fn their_subscriber_is_welcomed() {
    let xpub = ours(|ctx| ctx.xpub().welcome("welcome"));
    let endpoint = bind(&xpub, LOOPBACK);
    let sub = theirs(Kind::Sub);
    sub.set_bytes(ZMQ_SUBSCRIBE, b"wel").expect("a SUB");
    sub.connect(&endpoint).expect("the endpoint is sound");
    assert_eq!(party::recv(&sub), Ok(Message::from("welcome")));
}

#[test]
fn our_subscriber_is_welcomed() {
    let xpub = theirs(Kind::XPub);
    xpub.set_bytes(ZMQ_XPUB_WELCOME_MSG, b"welcome").expect("an XPUB");
    xpub.bind(LOOPBACK).expect("bound");
    let sub = ours(|ctx| ctx.subscriber());
    sub.subscribe("wel");
    sub.connect(xpub.last_endpoint().expect("bound")).expect("the endpoint is sound");
    let welcome = eventually("libzmq takes note of the peer", || {
        take_note(&xpub);
        sub.try_recv().ok()
    });
    assert_eq!(welcome, Message::from("welcome"));
}

#[test]
fn their_router_is_probed() {
    let (router, endpoint) = theirs_bound(Kind::Router, LOOPBACK);
    let dealer = ours(|ctx| ctx.dealer().identity("ours").probe_router(true));
    dealer.connect(&endpoint).expect("the endpoint is sound");
    assert_eq!(party::recv(&router), Ok(Message::from(["ours", ""])));
    party::send(&router, &Message::from(["ours", "known by now"])).expect("sent");
    assert_eq!(dealer.blocking().recv(), Ok(Message::from("known by now")));
}

#[test]
fn our_router_is_probed() {
    let router = ours(|ctx| ctx.router());
    let endpoint = bind(&router, LOOPBACK);
    let dealer = theirs(Kind::Dealer);
    dealer.set_bytes(ZMQ_ROUTING_ID, b"theirs").expect("every type takes one");
    dealer.set_int(ZMQ_PROBE_ROUTER, 1).expect("a DEALER");
    dealer.connect(&endpoint).expect("the endpoint is sound");
    let id = RoutingId::new("theirs").expect("valid");
    assert_eq!(router.blocking().recv(), Ok(Routed::new(id, "")));
}

#[test]
fn their_server_says_hello() {
    let server = theirs(Kind::Server);
    server.set_bytes(ZMQ_HELLO_MSG, b"hello").expect("a SERVER");
    server.bind(LOOPBACK).expect("bound");
    let client = ours(|ctx| ctx.client());
    client.connect(server.last_endpoint().expect("bound")).expect("the endpoint is sound");
    assert_eq!(client.blocking().recv(), Ok(Message::from("hello")));
}

#[test]
fn our_server_says_hello() {
    let server = ours(|ctx| ctx.server().hello("hello"));
    let endpoint = bind(&server, LOOPBACK);
    let client = theirs(Kind::Client);
    client.connect(&endpoint).expect("the endpoint is sound");
    let mut heard = zmq::Message::new();
    client.recv_into(&mut heard).expect("a message in time");
    assert_eq!(heard.data(), b"hello");
}
