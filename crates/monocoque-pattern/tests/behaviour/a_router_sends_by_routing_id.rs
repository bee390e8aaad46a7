//! ROUTER: identities, generated ones, duplicates, mandatory routes.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, RoutingId, SocketType};
use monocoque_pattern::{Hub, SendReason};

use crate::peer::{hub, hub_with, join, join_as};

fn recv_from(hub: &Hub) -> (RoutingId, Message) {
    let (mut from, mut message) = (id("nobody"), Message::from("nothing"));
    hub.try_recv_from(&mut from, &mut message).expect("a message");
    (from, message)
}

fn id(text: &str) -> RoutingId {
    RoutingId::new(text).expect("valid")
}

#[test]
fn one_envelope_frame_comes_and_goes() {
    let hub = hub(SocketType::Router);
    let (mut a, mut b) = (join_as(&hub, SocketType::Dealer, "a"), join_as(&hub, SocketType::Req, "b"));
    a.send(["x", "y"]);
    assert_eq!(hub.try_recv(), Ok(Message::from(["a", "x", "y"])));
    b.send(["", "question"]);
    let (from, question) = recv_from(&hub);
    assert_eq!((&from, question), (&id("b"), Message::from(["", "question"])));
    hub.try_send_to(&from, &mut Message::from(["", "answer"])).expect("routed");
    hub.try_send(Message::from(["a", "back"])).expect("routed");
    assert_eq!(b.recv(), Some(Message::from(["", "answer"])));
    assert_eq!(a.recv(), Some(Message::from("back")));
}

#[test]
fn a_peer_without_a_name_gets_one() {
    let hub = hub(SocketType::Router);
    let mut peers = [join(&hub, SocketType::Dealer), join(&hub, SocketType::Dealer)];
    for peer in &mut peers {
        peer.send("hello");
        let (from, _) = recv_from(&hub);
        assert!(from.is_generated());
        assert_eq!(from.as_bytes().len(), 5);
        hub.try_send_to(&from, &mut Message::from("yours")).expect("routed");
        assert_eq!(peer.texts(), ["yours"]);
    }
}

#[test]
fn a_second_peer_of_the_same_name_is_never_heard() {
    let hub = hub(SocketType::Router);
    let (mut first, mut second) = (join_as(&hub, SocketType::Dealer, "n"), join_as(&hub, SocketType::Dealer, "n"));
    second.send("intruder");
    first.send("first");
    assert_eq!(hub.try_recv(), Ok(Message::from(["n", "first"])));
    assert!(hub.try_recv().is_err());
    assert_eq!(hub.drops().of(DropCause::NoRoute), 1);
    hub.try_send_to(&id("n"), &mut Message::from("x")).expect("routed");
    hub.down(second.key);
    hub.try_send_to(&id("n"), &mut Message::from("y")).expect("the end of the second does not end the route");
    assert_eq!((first.texts(), second.texts()), (vec!["x".into(), "y".into()], vec![]));
}

#[test]
fn a_name_from_the_routers_own_is_no_name() {
    let hub = hub_with(SocketType::Router, |config| config.router_handover = true);
    let (mut first, mut second) = (join(&hub, SocketType::Dealer), join_as(&hub, SocketType::Dealer, "\0\0\0\0\x01"));
    for peer in [&mut first, &mut second] {
        peer.send("hello");
        let (from, _) = recv_from(&hub);
        hub.try_send_to(&from, &mut Message::from("yours")).expect("routed");
        assert_eq!(peer.texts(), ["yours"], "nobody takes it over");
    }
}

#[test]
fn as_with_libzmq_it_is_one_like_others() {
    let hub = hub_with(SocketType::Router, |config| config.reserved_names = true);
    let mut own = join_as(&hub, SocketType::Dealer, "\0x");
    own.send("x");
    assert_eq!(hub.try_recv(), Ok(Message::from(["\0x", "x"])));
    let mut nameless = join(&hub, SocketType::Dealer);
    nameless.send("x");
    let (generated, _) = recv_from(&hub);
    let mut intruder = join_as(&hub, SocketType::Dealer, generated.as_bytes());
    intruder.send("intruder");
    assert!(hub.try_recv().is_err(), "it is another's");
    hub.try_send_to(&generated, &mut Message::from("yours")).expect("routed");
    assert_eq!((nameless.texts(), intruder.texts()), (vec!["yours".into()], vec![]));
}

#[test]
fn with_handover_the_second_takes_the_route() {
    let hub = hub_with(SocketType::Router, |config| config.router_handover = true);
    let mut first = join_as(&hub, SocketType::Dealer, "n");
    first.send("before");
    let mut second = join_as(&hub, SocketType::Dealer, "n");
    second.send("after");
    assert_eq!(hub.try_recv(), Ok(Message::from(["n", "before"])));
    assert_eq!(hub.try_recv(), Ok(Message::from(["n", "after"])));
    assert!(hub.try_recv().is_err());
    assert!(first.to_hub.is_closed(), "the first is not heard any more");
    hub.try_send_to(&id("n"), &mut Message::from("x")).expect("routed");
    (0..2).for_each(|_| _ = hub.try_send_any(Message::from("any")).expect("room"));
    hub.down(first.key);
    hub.try_send_to(&id("n"), &mut Message::from("y")).expect("the end of the first does not end the route");
    assert_eq!((first.texts(), second.texts()), (vec![], ["x", "any", "any", "y"].map(String::from).to_vec()));
}

#[test]
fn without_a_route_messages_are_dropped_or_come_back() {
    let lax = hub(SocketType::Router);
    lax.try_send_to(&id("nobody"), &mut Message::from("x")).expect("dropped");
    lax.try_send(Message::from(["nobody", "x"])).expect("dropped");
    assert_eq!(lax.drops().of(DropCause::NoRoute), 2);

    let strict = hub_with(SocketType::Router, |config| config.router_mandatory = true);
    let refused = strict.try_send(Message::from(["nobody", "x"])).expect_err("no route");
    assert_eq!((refused.reason, refused.message), (SendReason::NoRoute(id("nobody")), Message::from(["nobody", "x"])));
    let gone = join_as(&strict, SocketType::Dealer, "gone");
    strict.down(gone.key);
    let mut message = Message::from("x");
    assert_eq!(strict.try_send_to(&id("gone"), &mut message), Err(SendReason::NoRoute(id("gone"))));
    assert_eq!(message, "x".into(), "unchanged");
    assert_eq!(strict.drops().total(), 0);
}

#[test]
fn a_message_without_envelope_comes_back() {
    let hub = hub(SocketType::Router);
    let refused = hub.try_send(Message::from("alone")).expect_err("no envelope");
    assert_eq!((refused.reason, refused.message), (SendReason::NoEnvelope, Message::from("alone")));
}
