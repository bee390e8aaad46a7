//! SUB, XSUB: each life of a publisher gets the whole set before it counts as a peer.

use monocoque_core::{Message, SocketType};

use crate::peer::{attach, connect, facts, hub, join, received, up};

#[test]
fn a_late_publisher_gets_all_of_them() {
    let hub = hub(SocketType::Sub);
    hub.subscribe(b"b");
    hub.subscribe(b"a");
    hub.subscribe(b"gone");
    hub.unsubscribe(b"gone");
    assert_eq!(join(&hub, SocketType::Pub).texts(), ["\u{9}SUBSCRIBEa", "\u{9}SUBSCRIBEb"]);
}

#[test]
fn nothing_travels_before_the_peer_is_up() {
    let hub = hub(SocketType::Sub);
    let (link, from_hub) = attach(&hub, 10);
    hub.subscribe(b"a");
    assert_eq!((from_hub.queued(), hub.peers()), (0, 0));
    let mut facts = facts(SocketType::Sub, None);
    facts.commands = false;
    assert_eq!(up(&hub, link, from_hub, facts).texts(), ["\u{1}a"]);
}

#[test]
fn after_a_reconnect_the_set_of_then_is_sent_and_not_the_old_queue() {
    let hub = hub(SocketType::Sub);
    let publisher = join(&hub, SocketType::Pub);
    hub.subscribe(b"stale");
    hub.down(publisher.key);
    hub.unsubscribe(b"stale");
    hub.subscribe(b"fresh");
    let mut publisher = publisher.reconnect(&hub, facts(SocketType::Sub, None));
    assert_eq!(publisher.texts(), ["\u{9}SUBSCRIBEfresh"]);
    assert_eq!(hub.drops().total(), 0);
}

#[test]
fn over_inproc_a_subscription_acts_on_the_next_send() {
    let (publisher, subscriber) = (hub(SocketType::Pub), hub(SocketType::Sub));
    subscriber.subscribe(b"a");
    connect((&publisher, SocketType::Pub), (&subscriber, SocketType::Sub));
    publisher.try_send(Message::from("a1")).expect("never refused");
    subscriber.subscribe(b"b");
    publisher.try_send(Message::from("b1")).expect("never refused");
    assert_eq!(received(&subscriber), ["a1", "b1"]);
    subscriber.unsubscribe(b"a");
    publisher.try_send(Message::from("a2")).expect("never refused");
    assert_eq!(received(&subscriber), Vec::<String>::new());
    assert_eq!((publisher.subscribers(), subscriber.drops().total()), (1, 0));
}
