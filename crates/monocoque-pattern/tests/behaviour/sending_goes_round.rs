//! PUSH, DEALER and REQ take their peers in turn, in the order of attaching, connected or not.

use monocoque_core::{Message, SocketType};
use monocoque_pattern::SendReason;

use crate::peer::{attach, facts, hub, join, up};

#[test]
fn a_peer_that_is_only_being_connected_to_counts() {
    for kind in [SocketType::Push, SocketType::Dealer] {
        let hub = hub(kind);
        let mut connected = join(&hub, kind.peers()[0]);
        let (link, dialing) = attach(&hub, 100);
        for i in 0..10 {
            hub.try_send(Message::from(format!("{i}"))).expect("room");
        }
        assert_eq!(connected.texts(), ["0", "2", "4", "6", "8"], "{kind}");
        assert_eq!(up(&hub, link, dialing, facts(kind, None)).texts(), ["1", "3", "5", "7", "9"], "{kind}");
    }
}

#[test]
fn without_a_peer_the_message_comes_back() {
    for kind in [SocketType::Push, SocketType::Dealer, SocketType::Req, SocketType::Pair] {
        let refused = hub(kind).try_send(Message::from("mine")).expect_err("no peer");
        assert_eq!(refused.reason, SendReason::NoPeer, "{kind}");
        assert_eq!(refused.message, Message::from("mine"), "{kind}");
    }
}

#[test]
fn a_detached_peer_is_out_and_a_later_one_is_last() {
    let hub = hub(SocketType::Push);
    let mut peers: Vec<_> = (0..3).map(|_| join(&hub, SocketType::Pull)).collect();
    hub.try_send(Message::from("a")).expect("room");
    let gone = peers.remove(0);
    hub.release(gone.link);
    let mut late = join(&hub, SocketType::Pull);
    for text in ["b", "c", "d", "e"] {
        hub.try_send(Message::from(text)).expect("room");
    }
    assert_eq!(peers[0].texts(), ["b", "e"]);
    assert_eq!(peers[1].texts(), ["c"]);
    assert_eq!(late.texts(), ["d"]);
}

#[test]
fn a_pipe_without_a_reader_is_passed_over() {
    let hub = hub(SocketType::Push);
    drop(join(&hub, SocketType::Pull));
    let mut alive = join(&hub, SocketType::Pull);
    hub.try_send(Message::from("a")).expect("room");
    hub.try_send(Message::from("b")).expect("room");
    assert_eq!(alive.texts(), ["a", "b"]);
}
