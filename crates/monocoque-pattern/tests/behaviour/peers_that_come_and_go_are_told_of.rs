//! What a socket says to its own application of a peer: notices of a ROUTER, messages of disconnection and hiccup.

use monocoque_core::{Message, SocketType};
use monocoque_pattern::{Hub, RouterNotify};

use crate::peer::{facts, hub_with, join, join_as};

fn all(hub: &Hub) -> Vec<Message> {
    std::iter::from_fn(|| hub.try_recv().ok()).collect()
}

#[test]
fn a_router_is_notified_around_what_they_say() {
    for (connect, disconnect) in [(true, false), (false, true), (true, true)] {
        let hub = hub_with(SocketType::Router, |config| {
            config.router_notify = RouterNotify { connect, disconnect };
        });
        let mut peer = join_as(&hub, SocketType::Dealer, "peer");
        peer.send("hello");
        hub.down(peer.key);
        let notice = || Message::from(["peer", ""]);
        let mut expected = vec![Message::from(["peer", "hello"])];
        if connect {
            expected.insert(0, notice());
        }
        if disconnect {
            expected.push(notice());
        }
        assert_eq!(all(&hub), expected);
    }
}

#[test]
fn a_server_hears_of_clients_that_went_whatever_ended_them() {
    for released in [false, true] {
        let hub = hub_with(SocketType::Server, |config| config.disconnect = Some("gone".into()));
        let mut peer = join(&hub, SocketType::Client);
        peer.send("hello");
        if released {
            hub.release(peer.link);
        } else {
            hub.down(peer.key);
        }
        let said: Vec<_> = all(&hub).iter().map(|message| message[1].to_vec()).collect();
        assert_eq!(said, [&b"hello"[..], b"gone"]);
    }
}

#[test]
fn but_not_of_one_that_the_application_parts_from() {
    let hub = hub_with(SocketType::Server, |config| config.disconnect = Some("gone".into()));
    let mut peer = join(&hub, SocketType::Client);
    peer.send("unread");
    assert_eq!((hub.close_link(peer.link), hub.drops().total()), (1, 1), "what it sent, and nothing of our own");
    assert_eq!(all(&hub), []);
}

#[test]
fn even_by_a_receiver_that_found_its_pipe_finished_before() {
    let hub = hub_with(SocketType::Server, |config| config.disconnect = Some("gone".into()));
    let mut peer = join(&hub, SocketType::Client);
    peer.to_hub.finish();
    assert_eq!(all(&hub), []);
    hub.down(peer.key);
    assert_eq!(all(&hub).len(), 1);
}

#[test]
fn a_dealer_hears_of_each_hiccup() {
    let hub = hub_with(SocketType::Dealer, |config| config.hiccup = Some("hiccup".into()));
    let mut peer = join(&hub, SocketType::Router);
    for _ in 0..2 {
        peer.send("hello");
        hub.interrupted(peer.key);
        assert_eq!(all(&hub), ["hello".into(), "hiccup".into()]);
        peer = crate::peer::up(&hub, peer.link, peer.from_hub, facts(SocketType::Dealer, None));
    }
    hub.down(peer.key);
    assert_eq!(all(&hub), [], "nobody connects again");
}
