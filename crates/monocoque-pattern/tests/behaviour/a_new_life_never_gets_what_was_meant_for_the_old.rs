//! Ghost peers: answers and routes belong to one life of a link.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, RoutingId, SocketType};

use crate::peer::{facts, hub, join, join_as, received};

#[test]
fn an_answer_to_a_peer_that_reconnected_is_dropped() {
    let hub = hub(SocketType::Rep);
    let mut peer = join(&hub, SocketType::Req);
    peer.send(["", "question"]);
    assert_eq!(received(&hub), ["question"]);
    let mut peer = peer.reconnect(&hub, facts(SocketType::Rep, None));
    hub.try_send(Message::from("answer")).expect("accepted, and dropped");
    assert_eq!(peer.texts(), Vec::<String>::new());
    assert_eq!(hub.drops().of(DropCause::NoRoute), 1);
    peer.send(["", "next"]);
    assert_eq!(received(&hub), ["next"], "it is our turn to receive again");
}

#[test]
fn an_answer_that_was_queued_dies_with_its_life() {
    let hub = hub(SocketType::Rep);
    let mut peer = join(&hub, SocketType::Req);
    peer.send(["", "question"]);
    received(&hub);
    hub.try_send(Message::from("answer")).expect("queued");
    let mut peer = peer.reconnect(&hub, facts(SocketType::Rep, None));
    assert_eq!(peer.texts(), Vec::<String>::new());
    assert_eq!(hub.drops().of(DropCause::PeerGone), 1);
}

#[test]
fn what_a_router_queued_goes_to_the_same_id_only() {
    for (next, expected, lost) in [(Some("a"), vec!["for a"], 0), (Some("b"), vec![], 1), (None, vec![], 1)] {
        let hub = hub(SocketType::Router);
        let peer = join_as(&hub, SocketType::Dealer, "a");
        hub.try_send_to(&RoutingId::new("a").expect("valid"), &mut Message::from("for a")).expect("room");
        let mut peer = peer.reconnect(&hub, facts(SocketType::Router, next));
        assert_eq!(peer.texts(), expected, "{next:?}");
        assert_eq!(hub.drops().of(DropCause::PeerGone), lost, "{next:?}");
    }
}

#[test]
fn a_late_end_of_an_old_life_is_ignored() {
    let hub = hub(SocketType::Router);
    let peer = join_as(&hub, SocketType::Dealer, "a");
    let stale = peer.key;
    let mut peer = peer.reconnect(&hub, facts(SocketType::Router, Some("a")));
    hub.down(stale);
    assert_eq!(hub.peers(), 1);
    hub.try_send(Message::from(["a", "still routed"])).expect("room");
    assert_eq!(peer.texts(), ["still routed"]);
}

#[test]
fn a_life_may_begin_before_the_old_one_was_ended() {
    let hub = hub(SocketType::Pull);
    let mut peer = join(&hub, SocketType::Push);
    peer.send("old");
    let crate::peer::Peer { link, from_hub, to_hub, .. } = peer;
    let mut peer = crate::peer::up(&hub, link, from_hub, facts(SocketType::Pull, None));
    peer.send("new");
    assert_eq!(hub.peers(), 1);
    assert_eq!(received(&hub), ["old", "new"]);
    assert!(to_hub.is_closed());
}

#[test]
fn the_subscriptions_of_a_life_die_with_it() {
    let hub = hub(SocketType::Pub);
    let mut peer = join(&hub, SocketType::Sub);
    peer.subscribe("");
    assert_eq!(hub.subscribers(), 1);
    let mut peer = peer.reconnect(&hub, facts(SocketType::Pub, None));
    assert_eq!(hub.subscribers(), 0);
    hub.try_send(Message::from("unheard")).expect("never refused");
    assert_eq!(peer.texts(), Vec::<String>::new());
}
