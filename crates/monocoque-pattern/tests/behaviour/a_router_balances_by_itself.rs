//! ROUTER in load-balancer mode: the hub picks, skipping full and lost peers.

use monocoque_core::{Message, RoutingId, SocketType};
use monocoque_pattern::SendReason;

use crate::peer::{facts, hub, join_as, join_with};

#[test]
fn bodies_go_round_and_the_ring_heals() {
    let hub = hub(SocketType::Router);
    assert_eq!(hub.try_send_any(Message::from("x")).expect_err("nobody").reason, SendReason::NoPeer);
    let mut a = join_with(&hub, facts(SocketType::Router, Some("a")), 1);
    let mut b = join_as(&hub, SocketType::Dealer, "b");
    let c = join_as(&hub, SocketType::Dealer, "c");
    let send = |text: &str| hub.try_send_any(Message::from(text)).map(|id| id.to_string());
    assert_eq!([send("1"), send("2"), send("3")], ["a", "b", "c"].map(|id| Ok(id.to_owned())));
    hub.down(c.key);
    assert_eq!([send("4"), send("5")], ["b", "b"].map(|id| Ok(id.to_owned())), "a is full, c is gone");
    assert_eq!(a.texts(), ["1"]);
    assert_eq!([send("6"), send("7")], ["a", "b"].map(|id| Ok(id.to_owned())), "a is back in its place");
    assert_eq!(b.texts(), ["2", "4", "5", "7"]);
    assert_eq!(a.texts(), ["6"]);
}

#[test]
fn a_peer_that_was_filled_by_name_is_skipped_and_heals() {
    let hub = hub(SocketType::Router);
    let mut only = join_with(&hub, facts(SocketType::Router, Some("a")), 1);
    hub.try_send_to(&RoutingId::new("a").expect("valid"), &mut Message::from("1")).expect("room");
    let refused = hub.try_send_any(Message::from("2")).expect_err("full");
    assert_eq!((refused.reason, refused.message), (SendReason::Full, Message::from("2")));
    assert_eq!(only.texts(), ["1"]);
    hub.try_send_any(Message::from("2")).expect("room again");
    hub.release(only.link);
    assert_eq!(hub.try_send_any(Message::from("3")).expect_err("nobody").reason, SendReason::NoPeer);
}
