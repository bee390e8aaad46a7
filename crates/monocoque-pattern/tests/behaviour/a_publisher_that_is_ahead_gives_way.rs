//! PUB, XPUB, RADIO: who publishes faster than it is read lets others run, but not for ever for one who has stopped reading.

use std::cell::Cell;

use monocoque_core::batch::Batch;
use monocoque_core::limits::{AHEAD_BYTES, GIVE_WAY_MAX};
use monocoque_core::pipe::Taken;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::Hub;

use crate::peer::{Peer, facts, hub, hub_with, join_with};

thread_local! {
    static GAVE_WAY: Cell<u32> = const { Cell::new(0) };
}

fn give_way() {
    GAVE_WAY.set(GAVE_WAY.get() + 1);
}

fn publisher(kind: SocketType) -> Hub {
    hub(kind).giving_way(give_way)
}

/// A subscriber to `topic` whose queue takes `mark` messages.
fn subscriber(hub: &Hub, topic: &str, mark: u32) -> Peer {
    let mut peer = join_with(hub, facts(SocketType::Pub, None), mark);
    peer.subscribe(topic);
    peer
}

/// How often the publisher gave way after each of `count` messages.
fn publish(hub: &Hub, message: &Message, count: usize) -> Vec<u32> {
    let after = |_| {
        let before = GAVE_WAY.get();
        hub.try_send(message.clone()).expect("never refused");
        GAVE_WAY.get() - before
    };
    (0..count).map(after).collect()
}

fn take(peer: &mut Peer) {
    assert_eq!(peer.from_hub.batches().take(&mut Batch::default()), Taken::Some);
}

#[test]
fn when_nobody_has_room_and_not_for_ever() {
    for kind in [SocketType::Pub, SocketType::XPub] {
        let hub = publisher(kind);
        let mut peers = [subscriber(&hub, "", 1), subscriber(&hub, "", 2)];
        assert_eq!(publish(&hub, &"x".into(), 3), [0, 0, 1], "{kind}");
        let more: u32 = publish(&hub, &"x".into(), 100).iter().sum();
        assert_eq!(more, GIVE_WAY_MAX - 1, "{kind}");
        take(&mut peers[1]);
        assert_eq!(publish(&hub, &"x".into(), 3), [0, 0, 1], "{kind}");
    }
    let alone = hub(SocketType::Pub);
    let _peer = subscriber(&alone, "", 1);
    assert_eq!(publish(&alone, &"x".into(), 3), [0; 3], "it was not told how");
}

#[test]
fn when_no_member_of_a_group_has_room() {
    let hub = publisher(SocketType::Radio);
    let mut dish = join_with(&hub, facts(SocketType::Radio, None), 1);
    dish.to_hub.push_command("JOIN", b"group");
    assert_eq!(publish(&hub, &["group", "x"].into(), 2), [0, 1]);
}

#[test]
fn when_one_is_behind() {
    let hub = publisher(SocketType::Pub);
    let (mut peer, quarter) = (subscriber(&hub, "", 1000), Message::from(vec![7; AHEAD_BYTES / 4]));
    assert_eq!(publish(&hub, &quarter, 5), [0, 0, 0, 0, 1], "it looks at every so many bytes");
    take(&mut peer);
    assert_eq!(publish(&hub, &quarter, 4), [0; 4]);
}

#[test]
fn who_stops_reading_costs_no_more_than_so_many_though_others_read() {
    let hub = publisher(SocketType::Pub);
    let (_stopped, mut reads) = (subscriber(&hub, "a", 10), subscriber(&hub, "b", 10));
    let mut gave_way = 0;
    for _ in 0..1000 {
        gave_way += publish(&hub, &"a".into(), 1)[0] + publish(&hub, &"b".into(), 1)[0];
        take(&mut reads);
    }
    assert_eq!(gave_way, GIVE_WAY_MAX);
}

#[test]
fn who_stops_reading_without_a_mark_costs_no_more_either() {
    let hub = publisher(SocketType::Pub);
    let (mut peer, much) = (subscriber(&hub, "", 0), Message::from(vec![7; 2 * AHEAD_BYTES]));
    let gave_way = || publish(&hub, &much, 1000).iter().sum::<u32>();
    assert_eq!([gave_way(), gave_way()], [GIVE_WAY_MAX, 0]);
    take(&mut peer);
    assert_eq!(gave_way(), GIVE_WAY_MAX);
}

#[test]
fn where_the_last_value_is_nobodys() {
    let hub = hub_with(SocketType::XPub, |config| config.xpub_manual_last_value = true).giving_way(give_way);
    let mut peer = subscriber(&hub, "t", 1);
    assert_eq!(hub.try_recv(), Ok("\u{1}t".into()));
    assert!(hub.grant_subscription(b"t"));
    assert_eq!(publish(&hub, &"t".into(), 3), [0, 1, 1], "the first was the peer's own");
    take(&mut peer);
}
