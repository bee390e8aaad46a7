//! Topic match: the first frame of a message against every prefix that somebody subscribed to. A PUB that finds none
//! does nothing else; one that finds one also queues the message for its one subscriber. A SUB matches what it receives.

use criterion::Criterion;
use monocoque_core::{Message, SocketType};
use monocoque_pattern::Hub;

use crate::peer::{Peer, hub_with};
use crate::{Group, nothing, stage};

const MESSAGES: usize = 512;
/// Topics that messages go round, so that not one path through the table is hot.
const TOPICS: usize = 64;

fn prefix(number: usize) -> String {
    format!("market/{number:05}/")
}

/// Messages of 64 bytes on topics that are, or are not, among `count` prefixes.
fn messages(count: usize, hit: bool) -> Vec<Message> {
    let topic = |at: usize| {
        let mut topic = prefix(at * count.div_ceil(TOPICS) % count).into_bytes();
        if !hit {
            // As far into the table as a hit: only the last byte differs.
            *topic.last_mut().expect("a prefix has bytes") = b'!';
        }
        topic
    };
    (0..MESSAGES)
        .map(|at| {
            let mut body = topic(at % TOPICS);
            body.resize(64, b'.');
            Message::from(body.as_slice())
        })
        .collect()
}

fn publisher(count: usize) -> (Hub, Vec<Peer>) {
    let (hub, mut peers) = hub_with(SocketType::Pub, SocketType::Sub, 1);
    (0..count).for_each(|at| peers[0].to_hub.push_command("SUBSCRIBE", prefix(at).as_bytes()));
    assert_eq!(hub.subscribers(), 1);
    (hub, peers)
}

fn publish(hub: &Hub, messages: &mut [Message]) {
    messages.iter_mut().for_each(|message| hub.try_send_from(message).expect("a PUB never refuses"));
}

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "8 topic match");
    for count in [1, 100, 10_000] {
        let (hub, mut peers) = publisher(count);
        let (mut hits, mut misses) = (messages(count, true), messages(count, false));
        let publish_to = |messages: &mut Vec<Message>| publish(&hub, messages);
        stage(&mut group, format!("PUB, {count} prefixes, miss"), MESSAGES, &mut misses, nothing, publish_to, nothing);
        let mut state = (&mut hits, &mut peers[0]);
        type State<'a> = (&'a mut Vec<Message>, &'a mut Peer);
        let publish_to = |(messages, _): &mut State<'_>| publish(&hub, messages);
        let drain = |(_, peer): &mut State<'_>| peer.drain();
        stage(&mut group, format!("PUB, {count} prefixes, hit"), MESSAGES, &mut state, nothing, publish_to, drain);
    }
    for count in [1, 100, 10_000] {
        let (hub, mut peers) = hub_with(SocketType::Sub, SocketType::Pub, 1);
        (0..count).for_each(|at| hub.subscribe(prefix(at).as_bytes()));
        for (name, hit) in [("hit", true), ("miss", false)] {
            let messages = messages(count, hit);
            let fill = |peer: &mut Peer| messages.iter().for_each(|message| peer.to_hub.push(message).expect("room"));
            let receive = |_: &mut Peer| {
                let mut into = Message::new();
                while hub.try_recv_into(&mut into).is_ok() {
                    std::hint::black_box(&into);
                }
            };
            stage(
                &mut group,
                format!("SUB, {count} prefixes, {name}"),
                MESSAGES,
                &mut peers[0],
                fill,
                receive,
                nothing,
            );
        }
    }
    group.finish();
}
