//! A ROUTER names its peers as they named themselves, or makes a name up; either library's, for either's.

use monocoque::{DropCause, Message, RoutingId, SendError};
use monocoque_interop::deadline::eventually;
use monocoque_interop::ffi::{ZMQ_CONNECT_ROUTING_ID, ZMQ_ROUTING_ID};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, theirs, theirs_bound, theirs_connected};
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

fn named(kind: Kind, name: &[u8]) -> zmq::Socket {
    let socket = theirs(kind);
    socket.set_bytes(ZMQ_ROUTING_ID, name).expect("every type takes one");
    socket
}

#[test]
fn our_router_sees_the_names_of_their_dealers() {
    let router = ours(|ctx| ctx.router());
    let endpoint = bind(&router, LOOPBACK);
    let longest = [b'n'; 255];
    for name in [&b"d"[..], b"with a \0 inside", &[0xff, 1, 0], &longest] {
        let dealer = named(Kind::Dealer, name);
        dealer.connect(&endpoint).expect("the endpoint is sound");
        dealer.send(b"question", false).expect("sent");
        let asked = router.blocking().recv().expect("a question");
        assert_eq!((asked.id.as_bytes(), asked.message), (name, Message::from("question")));
        router.blocking().send((asked.id, ["two", "parts"])).expect("sent");
        assert_eq!(party::recv(&dealer), Ok(Message::from(["two", "parts"])));
    }
}

#[test]
fn their_router_sees_the_names_of_our_dealers() {
    let (router, endpoint) = theirs_bound(Kind::Router, LOOPBACK);
    let longest = "n".repeat(255);
    for name in ["d", "with a \0 inside", "\u{ff}", &longest] {
        let dealer = ours(|ctx| ctx.dealer().identity(name));
        dealer.connect(&endpoint).expect("the endpoint is sound");
        dealer.blocking().send("question").expect("sent");
        assert_eq!(party::recv(&router), Ok(Message::from([name, "question"])));
        party::send(&router, &Message::from([name, "two", "parts"])).expect("sent");
        assert_eq!(dealer.blocking().recv(), Ok(Message::from(["two", "parts"])));
    }
}

#[test]
fn our_router_tells_nameless_dealers_apart() {
    let router = ours(|ctx| ctx.router());
    let endpoint = bind(&router, LOOPBACK);
    let dealers = [(); 3].map(|()| theirs_connected(Kind::Dealer, &endpoint));
    for (number, dealer) in dealers.iter().enumerate() {
        dealer.send(&[number as u8], false).expect("sent");
    }
    let mut names = Vec::new();
    for _ in &dealers {
        let asked = router.blocking().recv().expect("a question");
        assert_eq!((asked.id.as_bytes().len(), asked.id.as_bytes()[0]), (5, 0));
        names.push(asked.id.clone());
        router.blocking().send(asked).expect("sent");
    }
    for (number, dealer) in dealers.iter().enumerate() {
        assert_eq!(party::recv(dealer), Ok(Message::from(&[number as u8])));
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), dealers.len());
}

#[test]
fn their_router_tells_our_nameless_dealers_apart() {
    let (router, endpoint) = theirs_bound(Kind::Router, LOOPBACK);
    let dealers = [(); 3].map(|()| ours(|ctx| ctx.dealer()));
    for (number, dealer) in dealers.iter().enumerate() {
        dealer.connect(&endpoint).expect("the endpoint is sound");
        dealer.blocking().send(&[number as u8]).expect("sent");
    }
    for _ in &dealers {
        let asked = party::recv(&router).expect("a question");
        assert_eq!((asked.len(), asked[0].len(), asked[0][0]), (2, 5, 0));
        party::send(&router, &asked).expect("sent");
    }
    for (number, dealer) in dealers.iter().enumerate() {
        assert_eq!(dealer.blocking().recv(), Ok(Message::from(&[number as u8])));
    }
}

#[test]
fn an_identity_of_ours_is_seen_from_req_and_router_too() {
    let (router, endpoint) = theirs_bound(Kind::Router, LOOPBACK);
    let req = ours(|ctx| ctx.req().identity("asker"));
    req.connect(&endpoint).expect("the endpoint is sound");
    req.blocking().send("question").expect("sent");
    assert_eq!(party::recv(&router), Ok(Message::from(["asker", "", "question"])));

    let theirs = named(Kind::Router, b"theirs");
    let ours = ours(|ctx| ctx.router().identity("ours").router_mandatory(true));
    theirs.connect(&bind(&ours, LOOPBACK)).expect("the endpoint is sound");
    monocoque_interop::fixture::peers(&ours, 1);
    ours.blocking().send((RoutingId::new("theirs").expect("a name"), "hello")).expect("sent");
    assert_eq!(party::recv(&theirs), Ok(Message::from(["ours", "hello"])));
}

#[test]
fn a_name_that_we_are_given_by_their_router_leads_to_us() {
    // ZMQ_CONNECT_ROUTING_ID: their ROUTER connects, and names the peer itself, without telling it.
    let dealer = ours(|ctx| ctx.dealer());
    let endpoint = bind(&dealer, LOOPBACK);
    let router = theirs(Kind::Router);
    router.set_bytes(ZMQ_CONNECT_ROUTING_ID, b"nickname").expect("a ROUTER");
    router.connect(&endpoint).expect("the endpoint is sound");
    party::send(&router, &Message::from(["nickname", "hello"])).expect("sent");
    assert_eq!(dealer.blocking().recv(), Ok(Message::from("hello")));
}

#[test]
fn a_name_that_nobody_has_is_an_error_or_a_counted_drop() {
    let nobody = || RoutingId::new("nobody").expect("a name");
    let strict = ours(|ctx| ctx.router().router_mandatory(true));
    let endpoint = bind(&strict, LOOPBACK);
    let _dealer = theirs_connected(Kind::Dealer, &endpoint);
    monocoque_interop::fixture::peers(&strict, 1);
    let refused = strict.try_send((nobody(), "lost"));
    assert!(
        matches!(&refused, Err(SendError::NoRoute(unrouted))
        if unrouted.id == nobody() && unrouted.message.message == Message::from("lost")),
        "{refused:?}"
    );

    let lenient = ours(|ctx| ctx.router());
    bind(&lenient, LOOPBACK);
    lenient.try_send((nobody(), "lost")).expect("dropped");
    assert_eq!(lenient.drops().of(DropCause::NoRoute), 1);
}

#[test]
fn two_peers_of_one_name_the_later_one_has_it() {
    let router = ours(|ctx| ctx.router());
    let endpoint = bind(&router, LOOPBACK);
    let twin = || {
        let dealer = named(Kind::Dealer, b"twin");
        dealer.connect(&endpoint).expect("the endpoint is sound");
        dealer
    };
    let earlier = twin();
    earlier.send(b"earlier", false).expect("sent");
    assert_eq!(router.blocking().recv().expect("a message").message, Message::from("earlier"));
    let later = twin();
    later.send(b"later", false).expect("sent");
    let heard = router.blocking().recv().expect("a message");
    assert_eq!(heard.message, Message::from("later"));
    eventually("the later one is answered", || {
        router.blocking().send((heard.id.clone(), "answer")).expect("sent");
        (party::recv(&later) == Ok(Message::from("answer"))).then_some(())
    });
}
