//! What a socket says to each new peer, before everything else, and to each life of it again.

use monocoque_core::{Message, SocketType};

use crate::peer::{attach, facts, hub_with, join, up};

#[test]
fn an_xpub_welcomes_whoever_comes() {
    let hub = hub_with(SocketType::XPub, |config| config.xpub_welcome = Some("welcome".into()));
    let mut peer = join(&hub, SocketType::Sub);
    peer.subscribe("news");
    hub.try_send("news".into()).expect("sent");
    assert_eq!(peer.texts(), ["welcome", "news"]);
    let mut peer = peer.reconnect(&hub, facts(SocketType::XPub, None));
    assert_eq!(peer.texts(), ["welcome"]);
}

#[test]
fn a_dealer_says_hello_and_probes() {
    let set = |config: &mut monocoque_pattern::HubConfig| {
        config.hello = Some(Message::from("hello"));
        config.probe_router = true;
    };
    let hub = hub_with(SocketType::Dealer, set);
    let (link, from_hub) = attach(&hub, 10);
    hub.try_send("queued before anyone was there".into()).expect("room");
    let mut peer = up(&hub, link, from_hub, facts(SocketType::Dealer, None));
    assert_eq!(peer.texts(), ["hello", "", "queued before anyone was there"]);
}
