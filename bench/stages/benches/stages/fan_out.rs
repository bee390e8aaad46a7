//! Fan-out: a PUB queues a message for every subscriber. The figure is for each copy.

use criterion::Criterion;
use monocoque_core::SocketType;
use monocoque_pattern::Hub;

use crate::peer::{Peer, hub_with};
use crate::{Group, message, nothing, stage};

/// Messages that are published.
const MESSAGES: usize = 128;

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "9 fan-out, each copy, to");
    for count in [1, 8, 64] {
        let mut state = hub_with(SocketType::Pub, SocketType::Sub, count);
        state.1.iter_mut().for_each(|peer| peer.to_hub.push_command("SUBSCRIBE", b""));
        assert_eq!(state.0.subscribers(), count);
        let publish = |(hub, _): &mut (Hub, Vec<Peer>)| {
            let mut message = message();
            for _ in 0..MESSAGES {
                hub.try_send_from(&mut message).expect("a PUB never refuses");
            }
        };
        let drain = |(hub, peers): &mut (Hub, Vec<Peer>)| {
            peers.iter_mut().for_each(Peer::drain);
            assert_eq!(hub.drops().total(), 0);
        };
        stage(&mut group, count.to_string(), MESSAGES * count, &mut state, nothing, publish, drain);
    }
    group.finish();
}
