//! ROUTER with a name for the link (`ZMQ_CONNECT_ROUTING_ID`): it holds before the peer is there and against what the peer
//! calls itself.

use monocoque_core::{Message, RoutingId, SocketType};

use crate::peer::{attach, facts, hub, join_as, up};

fn id(name: &str) -> RoutingId {
    RoutingId::new(name).expect("valid")
}

#[test]
fn it_is_reached_by_that_name_only() {
    let hub = hub(SocketType::Router);
    let (link, from_hub) = attach(&hub, 10);
    assert_eq!(hub.name(link, Some(id("boss"))), Some(id("boss")));
    hub.try_send(Message::from(["boss", "before"])).expect("queued");
    let mut peer = up(&hub, link, from_hub, facts(SocketType::Dealer, Some("itself")));
    hub.try_send(Message::from(["itself", "nobody"])).expect("dropped");
    assert_eq!(peer.texts(), ["before"]);
    peer.send("hello");
    assert_eq!(hub.try_recv().expect("there"), Message::from(["boss", "hello"]));
    assert_eq!(hub.drops().total(), 1);
}

#[test]
fn a_name_that_is_anothers_is_refused() {
    let hub = hub(SocketType::Router);
    let _other = join_as(&hub, SocketType::Dealer, "boss");
    let (link, _from_hub) = attach(&hub, 10);
    assert_eq!(hub.name(link, Some(id("boss"))), None);
    assert_eq!(hub.name(link, Some(id("second"))), Some(id("second")), "it may have another");
}
