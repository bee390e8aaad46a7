//! `xpub_manual`: what subscribers wish is told, and what they get is the application's to say.

use monocoque_core::SocketType;
use monocoque_pattern::Hub;

use crate::peer::{facts, hub_with, join, received};

fn manual() -> Hub {
    hub_with(SocketType::XPub, |config| config.xpub_manual = true)
}

#[test]
fn in_its_own_words() {
    let hub = manual();
    let (mut a, mut b) = (join(&hub, SocketType::Sub), join(&hub, SocketType::Sub));
    a.subscribe("A");
    b.subscribe("B");
    assert_eq!(hub.try_recv(), Ok("\u{1}A".into()));
    assert!(hub.grant_subscription(b"XA"));
    assert_eq!((hub.try_recv(), hub.subscribers()), (Ok("\u{1}B".into()), 1));
    assert!(hub.grant_subscription(b"XB"));
    for topic in ["A", "B", "XA", "XB"] {
        hub.try_send(topic.into()).expect("sent");
    }
    assert_eq!((a.texts(), b.texts()), (vec!["XA".to_owned()], vec!["XB".to_owned()]));
    b.cancel("B");
    assert_eq!(hub.try_recv(), Ok("\0B".into()));
    assert!(hub.revoke_subscription(b"XB"));
    hub.try_send("XB".into()).expect("sent to nobody");
    assert_eq!(b.texts(), [""; 0]);
}

#[test]
fn every_wish_is_told_and_what_a_peer_wished_is_taken_back_when_it_goes() {
    let hub = manual();
    let (mut a, mut b) = (join(&hub, SocketType::Sub), join(&hub, SocketType::Sub));
    a.subscribe("t");
    b.subscribe("t");
    assert_eq!(received(&hub), ["\u{1}t", "\u{1}t"]);
    assert!(hub.grant_subscription(b"other"), "b's");
    hub.down(a.key);
    assert_eq!(received(&hub), ["\0t"], "though b wishes it still");
    let mut b = b.reconnect(&hub, facts(SocketType::XPub, None));
    assert_eq!(received(&hub), ["\0t"]);
    assert_eq!(hub.subscribers(), 0);
    b.subscribe("again");
    assert_eq!(received(&hub), ["\u{1}again"]);
    hub.down(b.key);
    assert!(!hub.grant_subscription(b"again"), "it is gone");
}

#[test]
fn the_last_value_goes_to_whoever_asked_for_it() {
    let hub = hub_with(SocketType::XPub, |config| config.xpub_manual_last_value = true);
    let (mut a, mut b) = (join(&hub, SocketType::Sub), join(&hub, SocketType::Sub));
    for (peer, name) in [(&mut a, "a"), (&mut b, "b")] {
        peer.subscribe("t");
        assert_eq!(hub.try_recv(), Ok("\u{1}t".into()), "{name}");
        assert!(hub.grant_subscription(b"t"));
        hub.try_send(["t", name].into()).expect("sent");
        assert_eq!(peer.recv(), Some(["t", name].into()));
    }
    hub.try_send("nobody's".into()).expect("sent to nobody");
    hub.try_send("t".into()).expect("sent");
    assert_eq!((a.texts(), b.texts()), (vec!["t".to_owned()], vec!["t".to_owned()]));
}

#[test]
fn only_where_that_is_asked_for() {
    let hub = hub_with(SocketType::XPub, |_| ());
    let mut peer = join(&hub, SocketType::Sub);
    peer.subscribe("t");
    assert_eq!(received(&hub), ["\u{1}t"]);
    assert!(!hub.grant_subscription(b"more"));
}
