//! One message of each peer before the second of any, message by message.

use monocoque_core::SocketType;
use monocoque_pattern::RecvRefused;

use crate::peer::{facts, hub, join, received};

#[test]
fn a_busy_peer_does_not_drown_the_others() {
    for kind in [SocketType::Pull, SocketType::Dealer, SocketType::XSub] {
        let hub = hub(kind);
        let mut peers: Vec<_> = (0..3).map(|_| join(&hub, kind.peers()[0])).collect();
        (0..10).for_each(|i| peers[0].send(format!("a{i}")));
        peers[1].send("b0");
        peers[2].send("c0");
        peers[2].send("c1");
        let got = received(&hub);
        assert_eq!(got[..5], ["a0", "b0", "c0", "a1", "c1"], "{kind}");
        assert_eq!(got.len(), 13, "{kind}");
        assert_eq!(hub.try_recv(), Err(RecvRefused::Empty), "{kind}");
    }
}

#[test]
fn what_a_lost_peer_sent_is_read_before_what_it_sends_next() {
    let hub = hub(SocketType::Pull);
    let mut peer = join(&hub, SocketType::Push);
    for life in 0..3 {
        peer.send(format!("{life}a"));
        peer.send(format!("{life}b"));
        peer = peer.reconnect(&hub, facts(SocketType::Pull, None));
    }
    assert_eq!(received(&hub), ["0a", "0b", "1a", "1b", "2a", "2b"]);
    peer.send("now");
    assert_eq!(received(&hub), ["now"]);
}

#[test]
fn ten_thousand_peers_are_heard() {
    let hub = hub(SocketType::Pull);
    let mut peers: Vec<_> = (0..10_000).map(|_| join(&hub, SocketType::Push)).collect();
    assert_eq!(hub.try_recv(), Err(RecvRefused::Empty));
    for round in 0..10_000 {
        peers[round * 7 % 10_000].send(format!("{round}"));
        assert_eq!(received(&hub), [format!("{round}")]);
    }
    assert_eq!(hub.peers(), 10_000);
}
