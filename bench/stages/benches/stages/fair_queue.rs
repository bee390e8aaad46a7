//! Fair queue: a PULL receives from many peers, one message of each before the second of any.

use criterion::Criterion;
use monocoque_core::SocketType::{Pull, Push};
use monocoque_core::{Message, SocketType};
use monocoque_pattern::Hub;

use crate::peer::{Peer, hub_with};
use crate::{Group, message, nothing, stage};

/// Queued by each peer.
const EACH: usize = 128;
const KIND: [SocketType; 2] = [Pull, Push];

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "4 fair queue, receive from");
    let message = message();
    for count in [1, 8, 64] {
        let mut state = hub_with(KIND[0], KIND[1], count);
        let fill = |(_, peers): &mut (Hub, Vec<Peer>)| peers.iter_mut().for_each(|peer| peer.fill(EACH, &message));
        let receive = |(hub, _): &mut (Hub, Vec<Peer>)| {
            let mut into = Message::new();
            for _ in 0..EACH * count {
                hub.try_recv_into(&mut into).expect("queued");
                std::hint::black_box(&into);
            }
        };
        stage(&mut group, count.to_string(), EACH * count, &mut state, fill, receive, nothing);
    }
    group.finish();
}
