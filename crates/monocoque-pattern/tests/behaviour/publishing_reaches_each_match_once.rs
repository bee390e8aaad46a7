//! PUB, XPUB: overlapping subscriptions deliver once; unmatched messages go nowhere.

use monocoque_core::{Message, SocketType};

use crate::peer::{hub, join};

#[test]
fn overlapping_subscriptions_deliver_once() {
    for kind in [SocketType::Pub, SocketType::XPub] {
        let hub = hub(kind);
        let mut peers = [join(&hub, SocketType::Sub), join(&hub, SocketType::XSub), join(&hub, SocketType::Sub)];
        ["", "a", "ab", "abc"].into_iter().for_each(|topic| peers[0].subscribe(topic));
        peers[1].subscribe("ab");
        for text in ["abcd", "ax", "b"] {
            hub.try_send(Message::from([text, "body"])).expect("never refused");
        }
        assert_eq!(peers[0].texts(), ["abcd", "ax", "b"], "{kind}");
        assert_eq!(peers[1].texts(), ["abcd"], "{kind}");
        assert_eq!(peers[2].texts(), Vec::<String>::new(), "{kind}");
        assert_eq!((hub.peers(), hub.subscribers(), hub.drops().total()), (3, 2, 0), "{kind}");
    }
}

#[test]
fn a_cancelled_topic_leaves_the_shorter_one() {
    let hub = hub(SocketType::Pub);
    let mut peer = join(&hub, SocketType::Sub);
    peer.subscribe("a");
    peer.subscribe("ab");
    peer.cancel("ab");
    hub.try_send(Message::from("abc")).expect("never refused");
    peer.cancel("a");
    hub.try_send(Message::from("abc")).expect("never refused");
    assert_eq!(peer.texts(), ["abc"]);
    assert_eq!(hub.subscribers(), 0);
}
