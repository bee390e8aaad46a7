//! XPUB: what its application hears of subscribers.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::RecvRefused;

use crate::peer::{connect, facts, hub, hub_with, join, received};

#[test]
fn a_topic_is_told_once_for_all_peers() {
    let hub = hub(SocketType::XPub);
    let (mut a, mut b) = (join(&hub, SocketType::Sub), join(&hub, SocketType::Sub));
    a.subscribe("t");
    b.subscribe("t");
    b.send(b"\x01old form");
    assert!(hub.can_recv());
    assert_eq!(received(&hub), ["\u{1}t", "\u{1}old form"]);
    a.cancel("t");
    b.cancel("never");
    assert_eq!(hub.try_recv(), Err(RecvRefused::Empty));
    b.cancel("t");
    b.send(b"\x00old form");
    assert_eq!(received(&hub), ["\0t", "\0old form"]);
}

#[test]
fn verbose_tells_each_subscription() {
    let hub = hub_with(SocketType::XPub, |config| config.xpub_verbose = true);
    let (mut a, mut b) = (join(&hub, SocketType::Sub), join(&hub, SocketType::Sub));
    a.subscribe("t");
    a.subscribe("t");
    b.subscribe("t");
    a.cancel("t");
    b.cancel("t");
    assert_eq!(received(&hub), ["\u{1}t", "\u{1}t", "\u{1}t", "\0t"]);
}

#[test]
fn verboser_tells_each_that_is_taken_back_too_and_what_nobody_had() {
    let hub = hub_with(SocketType::XPub, |config| config.xpub_verboser = true);
    let (mut a, mut b) = (join(&hub, SocketType::Sub), join(&hub, SocketType::Sub));
    a.subscribe("t");
    b.subscribe("t");
    a.cancel("t");
    a.cancel("t");
    b.cancel("t");
    assert_eq!(received(&hub), ["\u{1}t", "\u{1}t", "\0t", "\0t", "\0t"]);
}

#[test]
fn verboser_tells_each_that_a_peer_which_goes_had() {
    let hub = hub_with(SocketType::XPub, |config| config.xpub_verboser = true);
    let (mut a, mut b) = (join(&hub, SocketType::Sub), join(&hub, SocketType::Sub));
    a.subscribe("t");
    b.subscribe("t");
    hub.down(a.key);
    hub.down(b.key);
    assert_eq!(received(&hub), ["\u{1}t", "\u{1}t", "\0t", "\0t"]);
}

#[test]
fn a_subscriber_that_goes_takes_its_subscriptions_back() {
    for end in 0..4 {
        let hub = hub(SocketType::XPub);
        let (mut gone, mut stays) = (join(&hub, SocketType::Sub), join(&hub, SocketType::Sub));
        gone.subscribe("both");
        gone.subscribe("mine");
        stays.subscribe("both");
        assert_eq!(received(&hub), ["\u{1}both", "\u{1}mine"]);
        gone.subscribe("unseen");
        match end {
            0 => hub.down(gone.key),
            1 => _ = hub.release(gone.link),
            2 => _ = hub.close_link(gone.link),
            _ => _ = gone.reconnect(&hub, facts(SocketType::XPub, None)),
        }
        assert_eq!(received(&hub), ["\u{1}unseen", "\0mine", "\0unseen"], "{end}");
        assert_eq!(hub.subscribers(), 1);
    }
}

#[test]
fn messages_of_subscribers_pass_through_an_xpub_and_not_a_pub() {
    for (kind, expected, dropped) in [(SocketType::XPub, vec!["hello", ""], 0), (SocketType::Pub, vec![], 2)] {
        let hub = hub(kind);
        let mut peer = join(&hub, SocketType::XSub);
        peer.send("hello");
        peer.send("");
        hub.upstream();
        assert_eq!(received(&hub), expected, "{kind}");
        assert_eq!(hub.drops().of(DropCause::Unexpected), dropped, "{kind}");
    }
}

#[test]
fn over_inproc_the_very_next_receive_sees_it() {
    let (publisher, subscriber) = (hub(SocketType::XPub), hub(SocketType::XSub));
    connect((&publisher, SocketType::XPub), (&subscriber, SocketType::XSub));
    subscriber.try_send(Message::from(b"\x01A")).expect("never refused");
    assert_eq!(publisher.try_recv(), Ok(Message::from(b"\x01A")));
    subscriber.try_send(Message::from("upstream")).expect("room");
    assert_eq!(publisher.try_recv(), Ok(Message::from("upstream")));
    publisher.try_send(Message::from("A1")).expect("never refused");
    assert_eq!(subscriber.try_recv(), Ok(Message::from("A1")));
}

#[test]
fn a_flood_of_subscriptions_is_taken_in_whole() {
    let hub = hub(SocketType::XPub);
    let mut peer = join(&hub, SocketType::Sub);
    (0..25_000).for_each(|i| peer.subscribe(&format!("{i:05}")));
    assert_eq!(received(&hub).len(), 25_000);
    (0..25_000).for_each(|_| peer.subscribe("00000"));
    peer.subscribe("behind the flood");
    // So many are taken in by one call, and nothing is to be told of these.
    assert_eq!([received(&hub), received(&hub)], [[""; 0]; 2]);
    assert_eq!(received(&hub), ["\u{1}behind the flood"]);
}

#[test]
fn what_a_flood_left_unread_dies_with_its_life() {
    let hub = hub(SocketType::XPub);
    let mut peer = join(&hub, SocketType::Sub);
    (0..25_000).for_each(|i| peer.subscribe(&format!("{i:05}")));
    hub.down(peer.key);
    let told = received(&hub);
    let on = told.iter().filter(|notice| notice.starts_with('\u{1}')).count();
    assert_eq!((on * 2, hub.subscribers()), (told.len(), 0));
}
