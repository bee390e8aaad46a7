//! Round robin skips full peers; they take their old turn when they have room again.

use monocoque_core::{Message, SocketType};
use monocoque_pattern::SendReason;

use crate::peer::{facts, hub, join_with};

#[test]
fn the_others_get_what_the_full_one_cannot_take() {
    let hub = hub(SocketType::Push);
    let facts = || facts(SocketType::Push, None);
    let mut slow = join_with(&hub, facts(), 2);
    let mut quick = join_with(&hub, facts(), 100);
    for i in 0..8 {
        hub.try_send(Message::from(format!("{i}"))).expect("one has room");
    }
    assert_eq!(slow.texts(), ["0", "2"]);
    assert_eq!(quick.texts(), ["1", "3", "4", "5", "6", "7"]);
    for text in ["a", "b", "c", "d"] {
        hub.try_send(Message::from(text)).expect("both have room");
    }
    assert_eq!(slow.texts(), ["a", "c"]);
    assert_eq!(quick.texts(), ["b", "d"]);
}

#[test]
fn a_full_peer_that_goes_leaves_nobody() {
    let hub = hub(SocketType::Push);
    let mut gone = join_with(&hub, facts(SocketType::Push, None), 4);
    while hub.try_send(Message::from("x")).is_ok() {}
    gone.recv().expect("one of those it holds, and gives no room back for");
    hub.release(gone.link);
    assert_eq!(hub.try_send(Message::from("x")).expect_err("nobody").reason, SendReason::NoPeer);
}

#[test]
fn all_full_is_a_refusal_that_passes() {
    for kind in [SocketType::Push, SocketType::Dealer, SocketType::Pair] {
        let hub = hub(kind);
        let mut only = join_with(&hub, facts(kind, None), 2);
        hub.try_send(Message::from("a")).expect("room");
        assert!(hub.can_send(), "{kind}");
        hub.try_send(Message::from("b")).expect("room");
        assert!(!hub.can_send(), "{kind}");
        let refused = hub.try_send(Message::from("c")).expect_err("full");
        assert_eq!((refused.reason, refused.message), (SendReason::Full, Message::from("c")), "{kind}");
        assert_eq!(only.texts(), ["a", "b"], "{kind}");
        assert!(hub.can_send(), "{kind}");
        hub.try_send(Message::from("c")).expect("room again");
    }
}
