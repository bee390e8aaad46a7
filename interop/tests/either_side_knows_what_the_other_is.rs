//! Facts about the peer: libzmq's message properties tell of ours, our monitor's events tell of libzmq's.

use monocoque::{Event, SocketType};
use monocoque_interop::deadline::event;
use monocoque_interop::ffi::{ZMQ_METADATA, ZMQ_ROUTING_ID};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, patient, theirs, theirs_bound};
use monocoque_interop::party::kind_of;
use monocoque_interop::zmq::{Kind, Message};

#[test]
fn their_messages_tell_of_us() {
    for (ours, theirs) in [
        (SocketType::Push, Kind::Pull),
        (SocketType::Dealer, Kind::Rep),
        (SocketType::Req, Kind::Router),
        (SocketType::Pair, Kind::Pair),
    ] {
        let (socket, endpoint) = theirs_bound(theirs, LOOPBACK);
        let context = monocoque::Context::new();
        let peer =
            patient(context.socket(ours)).identity("name").metadata("X-Rack", "7").build().expect("the options fit");
        peer.connect(endpoint).expect("the endpoint is sound");
        peer.blocking().send(["", "body"]).expect("sent");
        let mut message = Message::new();
        socket.recv_into(&mut message).expect("a message in time");
        assert_eq!(message.property("Socket-Type").as_deref(), Some(ours.name()));
        assert_eq!(message.property("X-Rack").as_deref(), Some("7"));
        assert_eq!(message.property("Peer-Address").as_deref(), Some("127.0.0.1"));
        let told = ours.tells_identity().then_some("name");
        assert_eq!(message.property("Identity").filter(|name| !name.is_empty()).as_deref(), told, "{ours}");
    }
}

#[test]
fn our_messages_tell_of_them_in_the_same_words() {
    for (ours, theirs_is) in [
        (SocketType::Pull, Kind::Push),
        (SocketType::Rep, Kind::Dealer),
        (SocketType::Router, Kind::Dealer),
        (SocketType::Dealer, Kind::Dealer),
    ] {
        let context = monocoque::Context::new();
        let socket = patient(context.socket(ours)).build().expect("the options fit");
        let endpoint = bind(&socket, LOOPBACK);
        let (peer, twin) = (theirs(theirs_is), theirs(kind_of(ours)));
        twin.bind(LOOPBACK).expect("free");
        let twin_at = twin.last_endpoint().expect("bound");
        peer.set_bytes(ZMQ_ROUTING_ID, b"name").expect("every type takes one");
        peer.set_bytes(ZMQ_METADATA, b"X-Rack:7").expect("a draft has it");
        let told = |at: &str, receive: &dyn Fn() -> Vec<Option<String>>| {
            peer.connect(at).expect("the endpoint is sound");
            peer.send_multipart(&[b"", b"body"]).expect("sent");
            let told = receive();
            peer.disconnect(at).expect("connected");
            told
        };
        // Not "Routing-Id": libzmq's manual has it, and libzmq 4.3.5 answers to "Identity" only.
        let names = ["Socket-Type", "Identity", "User-Id", "Peer-Address", "X-Rack", "x-rack", "X-Other"];
        let by_us = told(&endpoint, &|| {
            let (_, known) = socket.blocking().recv_with_peer().expect("a message in time");
            let known = known.expect("every peer of a network is known");
            let text =
                |name: &str| known.by_libzmq_name(name).map(|value| String::from_utf8_lossy(&value).into_owned());
            names.iter().map(|name| text(name)).collect()
        });
        let by_them = told(&twin_at, &|| {
            let mut message = Message::new();
            twin.recv_into(&mut message).expect("a message in time");
            names.iter().map(|name| message.property(name)).collect()
        });
        assert_eq!(by_us, by_them, "{ours}");
    }
}

#[test]
fn our_events_tell_of_them() {
    for theirs in SocketType::ZMTP {
        let ours = theirs.peers()[0];
        let context = monocoque::Context::new();
        let socket = patient(context.socket(ours)).build().expect("the options fit");
        let monitor = socket.monitor();
        let endpoint = bind(&socket, LOOPBACK);
        let peer = monocoque_interop::fixture::theirs(kind_of(theirs));
        peer.set_bytes(ZMQ_ROUTING_ID, b"name").expect("every type takes one");
        peer.connect(&endpoint).expect("the endpoint is sound");
        let facts = event(&monitor, "the peer is ready", |event| match event {
            Event::HandshakeSucceeded(facts) => Some(facts.clone()),
            _ => None,
        });
        assert_eq!((facts.socket_type, &*facts.endpoint, &*facts.local), (Some(theirs), &*endpoint, &*endpoint));
        assert!(facts.remote.starts_with("tcp://127.0.0.1:"), "{}", facts.remote);
        let told = theirs.tells_identity().then_some(&b"name"[..]);
        assert_eq!(facts.identity.as_ref().map(|id| id.as_bytes()), told, "{theirs}");
    }
}

#[test]
fn a_connection_has_one_number_in_all_its_events() {
    let dealer = ours(|ctx| ctx.dealer());
    let monitor = dealer.monitor();
    let endpoint = bind(&dealer, LOOPBACK);
    for _ in 0..3 {
        let peer = theirs(Kind::Dealer);
        peer.connect(&endpoint).expect("the endpoint is sound");
        let of = |name: &str, number: fn(&Event) -> Option<u64>| event(&monitor, name, number);
        let accepted = of("accepted", |event| match event {
            Event::Accepted(facts) => Some(facts.connection),
            _ => None,
        });
        let ready = of("ready", |event| match event {
            Event::HandshakeSucceeded(facts) => Some(facts.connection),
            _ => None,
        });
        drop(peer);
        let gone = of("gone", |event| match event {
            Event::Disconnected { peer, .. } => Some(peer.connection),
            _ => None,
        });
        assert_eq!((accepted, ready), (ready, gone));
    }
}
