//! Disconnecting throws away what was queued in either direction; losing a connection does not.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::{Busy, UpRefused};

use crate::peer::{attach, facts, hub, join, received};
use monocoque_core::pipe::{Mark, pipe};
use monocoque_core::slab::Arena;

#[test]
fn closing_loses_both_queues_and_counts_them() {
    for polled in [false, true] {
        let hub = hub(SocketType::Dealer);
        let mut peer = join(&hub, SocketType::Dealer);
        hub.try_send(Message::from("out")).expect("room");
        peer.send("in 1");
        peer.send("in 2");
        assert!(!polled || hub.can_recv());
        assert_eq!(hub.close_link(peer.link), 3);
        assert_eq!(hub.drops().of(DropCause::PeerGone), 3);
        assert_eq!((received(&hub), hub.peers(), hub.queued()), (Vec::<String>::new(), 0, 0));
        assert!(peer.to_hub.is_closed() && peer.from_hub.is_finished());
    }
}

#[test]
fn detaching_keeps_what_was_received() {
    let hub = hub(SocketType::Dealer);
    let mut peer = join(&hub, SocketType::Dealer);
    hub.try_send(Message::from("out")).expect("room");
    peer.send("in");
    assert_eq!(hub.detach(peer.link), 1);
    assert_eq!(hub.drops().of(DropCause::PeerGone), 1);
    assert_eq!(received(&hub), ["in"]);
}

#[test]
fn a_lost_connection_keeps_the_queue_for_the_next() {
    let hub = hub(SocketType::Push);
    let peer = join(&hub, SocketType::Pull);
    hub.try_send(Message::from("before")).expect("room");
    hub.down(peer.key);
    assert_eq!(hub.peers(), 0);
    hub.try_send(Message::from("between")).expect("room");
    let mut peer = peer.reconnect(&hub, facts(SocketType::Push, None));
    assert_eq!(peer.texts(), ["before", "between"]);
    assert_eq!(hub.drops().total(), 0);
}

#[test]
fn the_name_of_a_closed_link_leads_nowhere() {
    let hub = hub(SocketType::Push);
    let (link, _from_hub) = attach(&hub, 10);
    hub.close_link(link);
    let mut other = join(&hub, SocketType::Pull);
    let (writer, reader) = pipe(Mark::messages(1), false, &Arena::new());
    assert_eq!(hub.attach(link, writer), Err(Busy));
    assert_eq!(hub.up(link, facts(SocketType::Push, None), reader), Err(UpRefused::Closed));
    assert_eq!((hub.detach(link), hub.release(link), hub.close_link(link)), (0, 0, 0));
    hub.try_send(Message::from("safe")).expect("room");
    assert_eq!(other.texts(), ["safe"]);
}
