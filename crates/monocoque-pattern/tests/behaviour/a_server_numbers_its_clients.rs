//! SERVER and PEER: numbers of the socket's own, kept by a link through its lives, and never a silent drop.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, RoutingId, SocketType};
use monocoque_pattern::SendReason;

use crate::peer::{attach, facts, hub, join, join_as, up};

#[test]
fn whatever_they_call_themselves() {
    let hub = hub(SocketType::Server);
    let mut clients = [join_as(&hub, SocketType::Client, "same"), join_as(&hub, SocketType::Client, "same")];
    let (mut id, mut message) = (RoutingId::generated(0), Message::new());
    let mut ids = Vec::new();
    for client in &mut clients {
        client.send("hello");
        hub.try_recv_from(&mut id, &mut message).expect("there");
        assert!(id.is_generated());
        ids.push(id.clone());
    }
    assert_ne!(ids[0], ids[1]);
    hub.try_send_to(&ids[1], &mut Message::from("for the second")).expect("routed");
    assert_eq!((clients[0].texts(), clients[1].texts()), (vec![], vec!["for the second".to_owned()]));
}

#[test]
fn and_refuses_what_has_no_route_or_room() {
    for kind in [SocketType::Server, SocketType::Peer] {
        let hub = hub(kind);
        let nobody = RoutingId::generated(9);
        assert_eq!(hub.try_send_to(&nobody, &mut "x".into()), Err(SendReason::NoRoute(nobody)), "{kind}");
        assert_eq!(hub.drops().total(), 0);
    }
}

#[test]
fn a_peer_is_named_before_it_comes_and_between_its_lives() {
    let hub = hub(SocketType::Peer);
    let (link, from_hub) = attach(&hub, 10);
    let id = hub.name(link, None).expect("a PEER");
    assert_eq!(hub.name(link, None), Some(id.clone()), "one name");
    hub.try_send_to(&id, &mut "before".into()).expect("queued");
    let mut peer = up(&hub, link, from_hub, facts(SocketType::Peer, None));
    assert_eq!(peer.texts(), ["before"]);
    peer.send("hello");
    let (mut from, mut message) = (RoutingId::generated(0), Message::new());
    hub.try_recv_from(&mut from, &mut message).expect("there");
    assert_eq!(from, id);
    hub.down(peer.key);
    hub.try_send_to(&id, &mut "between".into()).expect("queued");
    let mut peer = up(&hub, link, peer.from_hub, facts(SocketType::Peer, None));
    hub.try_send_to(&id, &mut "after".into()).expect("queued");
    assert_eq!(peer.texts(), ["between", "after"]);
    hub.close_link(link);
    assert_eq!(hub.try_send_to(&id, &mut "gone".into()), Err(SendReason::NoRoute(id)));
    assert_eq!(hub.drops().total(), 0);
}

#[test]
fn other_types_are_not_named() {
    let hub = hub(SocketType::Server);
    let (link, _from_hub) = attach(&hub, 10);
    assert_eq!(hub.name(link, None), None);
}

#[test]
fn several_frames_of_a_client_are_dropped_and_counted() {
    let hub = hub(SocketType::Server);
    let mut client = join(&hub, SocketType::Client);
    client.send(["one", "two"]);
    assert!(hub.try_recv().is_err());
    assert_eq!(hub.drops().of(DropCause::Unexpected), 1);
}
