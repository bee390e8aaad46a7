//! `finish` ends sending; what is queued drains, what was received is read, then all say closed.

use monocoque_core::Message;
use monocoque_core::SocketType;
use monocoque_core::pipe::{Mark, pipe};
use monocoque_core::slab::Arena;
use monocoque_pattern::{Busy, RecvRefused, SendReason};

use crate::peer::{attach, facts, hub, join, up};

#[test]
fn queued_messages_drain_and_received_ones_are_read() {
    let hub = hub(SocketType::Dealer);
    let mut peer = join(&hub, SocketType::Dealer);
    hub.try_send(Message::from("out")).expect("room");
    peer.send("in");
    hub.finish();
    assert_eq!(hub.try_send(Message::from("late")).expect_err("closed").reason, SendReason::Closed);
    assert!(!hub.can_send() && !peer.from_hub.is_finished());
    assert_eq!(peer.texts(), ["out"]);
    assert!(peer.from_hub.is_finished());
    assert_eq!(hub.try_recv(), Ok(Message::from("in")));
    assert_eq!(hub.try_recv(), Err(RecvRefused::Closed));
}

#[test]
fn every_type_that_sends_says_closed() {
    for kind in SocketType::ALL.into_iter().filter(|kind| kind.sends()) {
        let hub = hub(kind);
        hub.finish();
        let refused = hub.try_send(Message::from(["a", "b"])).expect_err("closed");
        assert_eq!((refused.reason, refused.message), (SendReason::Closed, Message::from(["a", "b"])), "{kind}");
    }
}

#[test]
fn a_link_may_still_come_up_to_drain_but_no_new_one_attaches() {
    let hub = hub(SocketType::Push);
    let (link, from_hub) = attach(&hub, 10);
    hub.try_send(Message::from("queued")).expect("room");
    hub.finish();
    let (writer, _reader) = pipe(Mark::messages(1), false, &Arena::new());
    assert_eq!(hub.attach(hub.open(), writer), Err(Busy));
    assert_eq!(up(&hub, link, from_hub, facts(SocketType::Push, None)).texts(), ["queued"]);
}
