//! What is changed acts on the peers that are there.

use monocoque_core::pipe::Mark;
use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::{HubConfig, SendReason};

use crate::peer::{hub, join};

#[test]
fn a_router_becomes_strict_and_lax_again() {
    let hub = hub(SocketType::Router);
    let lost = || hub.try_send(Message::from(["nobody", "x"]));
    lost().expect("dropped");
    hub.reconfigure(HubConfig { router_mandatory: true, ..HubConfig::new(SocketType::Router) });
    assert!(matches!(lost().expect_err("no route").reason, SendReason::NoRoute(_)));
    hub.reconfigure(HubConfig::new(SocketType::Router));
    lost().expect("dropped");
    assert_eq!(hub.drops().of(DropCause::NoRoute), 2);
}

#[test]
fn a_publisher_stops_dropping() {
    let hub = hub(SocketType::XPub);
    let mut subscriber = join(&hub, SocketType::Sub);
    subscriber.send(b"\x01");
    hub.set_marks(|_| (Mark::messages(1), Mark::messages(1)));
    (0..2).for_each(|_| hub.try_send(Message::from("x")).expect("sent or dropped"));
    assert_eq!(hub.drops().of(DropCause::Full), 1);
    hub.reconfigure(HubConfig { no_drop: true, ..HubConfig::new(SocketType::XPub) });
    assert_eq!(hub.try_send(Message::from("x")).expect_err("full").reason, SendReason::Full);
}

#[test]
fn a_mark_that_is_raised_makes_room_and_one_that_is_lowered_takes_it() {
    let hub = hub(SocketType::Push);
    let mut peer = join(&hub, SocketType::Pull);
    hub.set_marks(|_| (Mark::messages(2), Mark::messages(2)));
    (0..2).for_each(|_| hub.try_send(Message::from("x")).expect("room for two"));
    assert!(hub.try_send(Message::from("x")).is_err());
    hub.set_marks(|_| (Mark::messages(3), Mark::messages(3)));
    hub.try_send(Message::from("x")).expect("room for one more");
    hub.set_marks(|_| (Mark::messages(1), Mark::messages(1)));
    assert_eq!(peer.texts().len(), 3);
    hub.try_send(Message::from("x")).expect("room for one");
    assert!(hub.try_send(Message::from("x")).is_err());
}

#[test]
fn an_xpub_begins_to_tell_every_subscription() {
    let hub = hub(SocketType::XPub);
    let mut peers = [join(&hub, SocketType::Sub), join(&hub, SocketType::Sub), join(&hub, SocketType::Sub)];
    for peer in &mut peers[..2] {
        peer.send(b"\x01t");
    }
    assert!(hub.try_recv().is_ok() && hub.try_recv().is_err());
    hub.reconfigure(HubConfig { xpub_verbose: true, ..HubConfig::new(SocketType::XPub) });
    peers[2].send(b"\x01t");
    assert_eq!(hub.try_recv().expect("told"), Message::from(b"\x01t"));
}

#[test]
fn an_xsub_begins_to_pass_on_what_it_counted() {
    let hub = hub(SocketType::XSub);
    let mut publisher = join(&hub, SocketType::Pub);
    (0..2).for_each(|_| hub.subscribe(b"t"));
    hub.unsubscribe(b"t");
    assert_eq!(publisher.texts().len(), 2, "the cancellation waits for the last");
    hub.reconfigure(HubConfig { xsub_verbose_unsubscribe: true, ..HubConfig::new(SocketType::XSub) });
    hub.unsubscribe(b"t");
    hub.unsubscribe(b"t");
    assert_eq!(publisher.texts().len(), 2, "one of them was of no subscription");
}

#[test]
fn each_frame_of_a_subscribers_message_may_subscribe_until_only_the_first_may_begin() {
    let hub = hub(SocketType::XPub);
    let mut peer = join(&hub, SocketType::XSub);
    let mixed = ["text", "\x01a"];
    peer.send(mixed);
    assert_eq!(hub.try_recv().expect("the wish"), Message::from(b"\x01a"));
    assert_eq!(hub.try_recv().expect("the rest"), Message::from("text"));
    hub.reconfigure(HubConfig { only_first_subscribe: true, ..HubConfig::new(SocketType::XPub) });
    peer.send(mixed);
    assert_eq!(hub.try_recv().expect("all of it"), Message::from(mixed));
}
