//! While the application has more messages in hand, what it sends is left to grow.

use monocoque_core::SocketType;

use crate::peer::{hub, join};

#[test]
fn until_the_last_of_what_came_is_answered() {
    for kind in [SocketType::Router, SocketType::Dealer, SocketType::Pair] {
        let (hub, theirs) = (hub(kind), kind.peers()[0]);
        let mut peer = join(&hub, theirs);
        (0..3).for_each(|_| peer.send("question"));
        let growing: Vec<_> = (0..3)
            .map(|_| {
                hub.try_send(hub.try_recv().expect("there")).expect("room");
                peer.from_hub.batches().is_growing()
            })
            .collect();
        assert_eq!(growing, [true, true, false], "{kind}");
    }
}

#[test]
fn or_is_destroyed() {
    let hub = hub(SocketType::Dealer);
    let (mut leaves, mut stays) = (join(&hub, SocketType::Router), join(&hub, SocketType::Router));
    (0..3).for_each(|_| leaves.send("question"));
    hub.try_recv().expect("there");
    (0..2).for_each(|_| hub.try_send("answer".into()).expect("room"));
    assert!(stays.from_hub.batches().is_growing());
    hub.close_link(leaves.link);
    assert!(!stays.from_hub.batches().is_growing(), "nothing is in hand any more");
}
