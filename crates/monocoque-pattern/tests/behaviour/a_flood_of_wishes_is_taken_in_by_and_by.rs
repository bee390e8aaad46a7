//! A send or a receive takes in so much of what subscribers sent, and leaves the rest to the next: of one message too.

use monocoque_core::stats::DropCause;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::{Hub, RecvRefused};

use crate::peer::{Peer, facts, hub, hub_with, join, received};

/// Frames of short topics, or commands, that one call takes in.
const WORK: usize = 10_000;

fn wishes(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("\u{1}{at:05}")).collect()
}

fn send(peer: &mut Peer, wishes: &[String]) {
    peer.send(Message::multipart(wishes.iter().map(String::as_str)));
}

/// How many topics there are at each look, until nothing changes.
fn looks(hub: &Hub) -> Vec<usize> {
    let mut seen: Vec<_> = (0..10).map(|_| hub.topics()).collect();
    seen.dedup();
    seen
}

#[test]
fn a_long_message_takes_several_calls_and_keeps_its_order() {
    let publisher = hub(SocketType::Pub);
    let mut peer = join(&publisher, SocketType::Sub);
    send(&mut peer, &wishes(25_000));
    peer.cancel("00000");
    assert_eq!(looks(&publisher), [WORK, 2 * WORK, 24_999]);

    let publisher = hub(SocketType::XPub);
    let mut peer = join(&publisher, SocketType::XSub);
    let all = [wishes(25_000), vec!["text".into()]].concat();
    send(&mut peer, &all);
    peer.send("behind it");
    assert_eq!(received(&publisher), [&all[..], &["behind it".into()]].concat());
    assert_eq!(publisher.try_recv(), Err(RecvRefused::Empty));
}

#[test]
fn commands_and_groups_are_counted_alike() {
    let (publisher, radio) = (hub(SocketType::Pub), hub(SocketType::Radio));
    let (mut peer, mut dish) = (join(&publisher, SocketType::Sub), join(&radio, SocketType::Dish));
    for at in 0..25_000 {
        peer.subscribe(&format!("{at:05}"));
        dish.to_hub.push_command("JOIN", format!("{at:05}").as_bytes());
    }
    assert_eq!(looks(&publisher), [WORK, 2 * WORK, 25_000]);
    assert_eq!(looks(&radio), [WORK, 2 * WORK, 25_000]);
}

#[test]
fn long_topics_count_for_more() {
    let long = |at: usize| format!("{at:03}{}", "x".repeat(512 * 1000 - 3));
    let publisher = hub(SocketType::Pub);
    let mut peer = join(&publisher, SocketType::Sub);
    (0..25).for_each(|at| peer.subscribe(&long(at)));
    assert_eq!(looks(&publisher), [10, 20, 25]);

    let publisher = hub(SocketType::Pub);
    let mut peer = join(&publisher, SocketType::Sub);
    send(&mut peer, &(0..25).map(|at| format!("\u{1}{}", long(at))).collect::<Vec<_>>());
    assert_eq!(looks(&publisher), [10, 20, 25]);
}

#[test]
fn others_are_heard_between_long_messages() {
    let publisher = hub(SocketType::Pub);
    let (mut busy, mut other) = (join(&publisher, SocketType::Sub), join(&publisher, SocketType::Sub));
    (0..3).for_each(|_| send(&mut busy, &wishes(15_000)));
    other.subscribe("other");
    publisher.upstream();
    publisher.try_send(Message::from("other")).expect("a PUB never refuses");
    assert_eq!(other.texts(), ["other"]);
}

#[test]
fn what_is_left_of_a_message_dies_with_its_life() {
    let publisher = hub(SocketType::Pub);
    let mut peer = join(&publisher, SocketType::Sub);
    send(&mut peer, &wishes(45_000));
    assert_eq!(publisher.topics(), WORK);
    let mut peer = peer.reconnect(&publisher, facts(SocketType::Pub, None));
    peer.subscribe("new");
    assert_eq!(looks(&publisher), [0, 1]);
}

#[test]
fn what_is_left_of_a_message_is_destroyed_with_its_link() {
    let publisher = hub_with(SocketType::XPub, |config| config.xpub_verbose = true);
    let mut peer = join(&publisher, SocketType::XSub);
    send(&mut peer, &[wishes(15_000), vec!["text".into()]].concat());
    peer.send("unread");
    assert_eq!(publisher.topics(), WORK);
    send(&mut peer, &[wishes(25_000), vec!["text".into()]].concat());
    assert_eq!(publisher.topics(), 15_000);
    // Of closing, one more look.
    assert_eq!(publisher.close_link(peer.link), 1);
    assert_eq!(publisher.drops().of(DropCause::PeerGone), 1);
    assert_eq!((looks(&publisher), publisher.subscribers()), (vec![0], 0));
}
