//! A mark of n admits n sends, then refuses or drops by the rule of the type.

use monocoque_core::stats::DropCause;
use monocoque_core::{Frame, Message, RoutingId, SocketType};
use monocoque_pattern::SendReason;

use crate::peer::{facts, hub, hub_with, join_with, up};
use monocoque_core::pipe::{Mark, pipe};
use monocoque_core::slab::Arena;

#[test]
fn exactly_n_sends_succeed() {
    for mark in [1, 2, 3, 10] {
        let hub = hub(SocketType::Push);
        let mut peer = join_with(&hub, facts(SocketType::Push, None), mark);
        let sent = (0..50).take_while(|_| hub.try_send(Message::from("x")).is_ok()).count();
        assert_eq!(sent, mark as usize);
        assert_eq!(hub.queued(), sent);
        assert_eq!(peer.texts().len(), sent);
        assert!(hub.try_send(Message::from("x")).is_ok(), "after draining one more succeeds at once");
    }
}

#[test]
fn a_publisher_drops_or_refuses_what_is_above() {
    for no_drop in [false, true] {
        let hub = hub_with(SocketType::XPub, |config| config.no_drop = no_drop);
        let mut slow = join_with(&hub, facts(SocketType::XPub, None), 3);
        let mut quick = join_with(&hub, facts(SocketType::XPub, None), 100);
        slow.subscribe("");
        quick.subscribe("");
        let refusals: Vec<_> = (0..5).filter_map(|_| hub.try_send(Message::from("x")).err()).collect();
        assert!(refusals.iter().all(|refused| refused.reason == SendReason::Full));
        let expected = if no_drop { (2, 0, 3) } else { (0, 2, 5) };
        assert_eq!((refusals.len(), hub.drops().of(DropCause::Full), quick.texts().len()), expected);
        assert_eq!(slow.texts().len(), 3, "nobody gets a message that one has no room for, or gets it twice");
    }
}

#[test]
fn a_full_subscriber_misses_all_until_half_of_its_queue_is_free() {
    for kind in [SocketType::Pub, SocketType::XPub, SocketType::Radio] {
        let hub = hub(kind);
        let mut peer = join_with(&hub, facts(kind, None), 4);
        match kind {
            SocketType::Radio => peer.to_hub.push_command("JOIN", b"g"),
            _ => peer.subscribe("g"),
        }
        let frames = if kind == SocketType::Radio { 2 } else { 1 };
        let send = || {
            let before = hub.drops().of(DropCause::Full);
            hub.try_send(Message::from(vec![Frame::from("g"); frames])).expect("never refused");
            hub.drops().of(DropCause::Full) - before
        };
        assert_eq!([send(), send(), send(), send(), send(), send()], [0, 0, 0, 0, 1, 1], "{kind}");
        assert!(peer.recv().is_some());
        assert_eq!(send(), 1, "{kind}: three of four are left");
        assert!(peer.recv().is_some());
        assert_eq!([send(), send(), send()], [0, 0, 1], "{kind}");
    }
}

#[test]
fn a_publisher_that_may_not_drop_keeps_to_a_mark_in_bytes() {
    let hub = hub_with(SocketType::Pub, |config| config.no_drop = true);
    let link = hub.open();
    let (writer, from_hub) = pipe(Mark { messages: 0, bytes: 100 }, false, &Arena::new());
    hub.attach(link, writer).expect("room for a peer");
    let mut peer = up(&hub, link, from_hub, facts(SocketType::Pub, None));
    peer.subscribe("");
    let sent = (0..10).take_while(|_| hub.try_send(Message::from(vec![b'x'; 60])).is_ok()).count();
    assert_eq!((sent, peer.texts().len(), hub.drops().total()), (1, 1, 0));
}

#[test]
fn a_router_drops_or_refuses_what_is_above() {
    for mandatory in [false, true] {
        let hub = hub_with(SocketType::Router, |config| config.router_mandatory = mandatory);
        let _peer = join_with(&hub, facts(SocketType::Router, Some("p")), 2);
        let id = RoutingId::new("p").expect("valid");
        let sent: Vec<_> = (0..3).map(|_| hub.try_send_to(&id, &mut Message::from("x"))).collect();
        assert!(sent[..2].iter().all(Result::is_ok));
        assert_eq!(sent[2].as_ref().err(), mandatory.then_some(&SendReason::Full));
        assert_eq!(hub.drops().of(DropCause::Full), u64::from(!mandatory));
        assert_eq!(hub.can_send(), !mandatory);
    }
}
