//! What our sockets say to their application of libzmq's peers that come, go and come again.

use monocoque::{Message, Routed, RouterNotify, RoutingId};
use monocoque_interop::ffi::ZMQ_ROUTING_ID;
use monocoque_interop::fixture::{LOOPBACK, bind, ours, rebind, theirs, theirs_bound, theirs_connected};
use monocoque_interop::zmq::Kind;

#[test]
fn a_router_is_notified() {
    let router = ours(|ctx| ctx.router().router_notify(RouterNotify { connect: true, disconnect: true }));
    let endpoint = bind(&router, LOOPBACK);
    let dealer = theirs(Kind::Dealer);
    dealer.set_bytes(ZMQ_ROUTING_ID, b"theirs").expect("every type takes one");
    dealer.connect(&endpoint).expect("the endpoint is sound");
    let said = |text: &str| Routed::new(RoutingId::new("theirs").expect("valid"), text);
    assert_eq!(router.blocking().recv(), Ok(said("")), "it has come");
    dealer.send(b"hello", false).expect("sent");
    assert_eq!(router.blocking().recv(), Ok(said("hello")));
    drop(dealer);
    assert_eq!(router.blocking().recv(), Ok(said("")), "it has gone");
}

#[test]
fn a_server_hears_of_clients_that_went() {
    let server = ours(|ctx| ctx.server().disconnect_message("gone"));
    let client = theirs_connected(Kind::Client, &bind(&server, LOOPBACK));
    client.send(b"hello", false).expect("sent");
    let hello = server.blocking().recv().expect("a message");
    assert_eq!(hello.message, Message::from("hello"));
    drop(client);
    assert_eq!(server.blocking().recv(), Ok(Routed::new(hello.id, "gone")));
}

#[test]
fn a_dealer_hears_of_a_hiccup() {
    let (router, endpoint) = theirs_bound(Kind::Router, LOOPBACK);
    let dealer = ours(|ctx| ctx.dealer().hiccup_message("hiccup"));
    dealer.connect(&endpoint).expect("the endpoint is sound");
    monocoque_interop::fixture::peers(&dealer, 1);
    drop(router);
    assert_eq!(dealer.blocking().recv(), Ok(Message::from("hiccup")));
    let again = theirs(Kind::Router);
    rebind(&again, &endpoint);
    dealer.blocking().send("still here").expect("sent");
    assert_eq!(again.recv_multipart().expect("a message")[1], b"still here");
}
