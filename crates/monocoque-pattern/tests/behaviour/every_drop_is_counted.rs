//! Sent equals received plus queued plus dropped, by cause.

use monocoque_core::pipe::{Mark, pipe};
use monocoque_core::slab::Arena;
use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};

use crate::peer::{facts, hub, hub_with, join_with};

#[test]
fn a_slow_subscribers_losses_add_up() {
    let hub = hub(SocketType::Pub);
    let mut peer = join_with(&hub, facts(SocketType::Pub, None), 10);
    peer.subscribe("");
    let mut got = 0;
    for i in 0..1000 {
        hub.try_send(Message::from("x")).expect("never refused");
        if i % 37 == 0 {
            got += peer.texts().len();
        }
    }
    let lost = hub.detach(peer.link);
    assert_eq!(got + lost + hub.drops().of(DropCause::Full) as usize, 1000);
    assert_eq!(hub.drops().of(DropCause::PeerGone) as usize, lost);
}

#[test]
fn conflated_messages_are_counted() {
    let hub = hub_with(SocketType::Push, |config| config.conflate = true);
    let link = hub.open();
    let (writer, mut from_hub) = pipe(Mark::messages(1), true, &Arena::new());
    hub.attach(link, writer).expect("room for a peer");
    (0..5).for_each(|_| hub.try_send(Message::from("x")).expect("conflating pipes are never full"));
    assert!(from_hub.next_unit().is_some() && from_hub.next_unit().is_none());
    assert_eq!(hub.drops().of(DropCause::Conflated), 4);
}

#[test]
fn subscriptions_are_no_messages() {
    let hub = hub(SocketType::Sub);
    let peer = join_with(&hub, facts(SocketType::Sub, None), 10);
    hub.subscribe(b"t");
    assert_eq!(hub.detach(peer.link), 0);
    assert_eq!(hub.drops().total(), 0);
}
