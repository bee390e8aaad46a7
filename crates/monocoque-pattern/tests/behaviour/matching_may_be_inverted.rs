//! `invert_matching`: a publisher sends to those whose subscriptions do not match, a subscriber keeps what does not.

use monocoque_core::SocketType;
use monocoque_core::stats::DropCause;

use crate::peer::{hub_with, join};

#[test]
fn by_a_publisher() {
    let hub = hub_with(SocketType::Pub, |config| config.invert_matching = true);
    let mut peers = [join(&hub, SocketType::Sub), join(&hub, SocketType::Sub), join(&hub, SocketType::Sub)];
    peers[0].subscribe("a");
    peers[1].subscribe("b");
    for topic in ["ax", "bx", "cx"] {
        hub.try_send(topic.into()).expect("sent");
    }
    let got = peers.each_mut().map(|peer| peer.texts());
    assert_eq!(got, [vec!["bx", "cx"], vec!["ax", "cx"], vec!["ax", "bx", "cx"]]);
}

#[test]
fn by_a_subscriber() {
    let hub = hub_with(SocketType::Sub, |config| config.invert_matching = true);
    let mut peer = join(&hub, SocketType::Pub);
    hub.subscribe(b"a");
    peer.send("ax");
    peer.send("bx");
    assert_eq!(hub.try_recv(), Ok("bx".into()));
    assert_eq!(hub.drops().of(DropCause::Unsubscribed), 1);
}

#[test]
fn topics_are_counted_on_both_sides() {
    let publisher = hub_with(SocketType::XPub, |_| ());
    let mut peers = [join(&publisher, SocketType::Sub), join(&publisher, SocketType::Sub)];
    for (peer, topic) in [(0, "a"), (1, "a"), (1, "b")] {
        peers[peer].subscribe(topic);
    }
    assert_eq!(publisher.topics(), 2);
    peers[1].cancel("b");
    assert_eq!(publisher.topics(), 1);
    let subscriber = hub_with(SocketType::Sub, |_| ());
    ["a", "a", "b"].iter().for_each(|topic| subscriber.subscribe(topic.as_bytes()));
    assert_eq!(subscriber.topics(), 2);
}
