//! Round robin: a PUSH sends to many peers in turn.

use criterion::Criterion;
use monocoque_core::SocketType;
use monocoque_pattern::Hub;

use crate::peer::{Peer, hub_with};
use crate::{Group, message, nothing, stage};

/// Sent to each peer.
const EACH: usize = 128;

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "5 round robin, send to");
    for count in [1, 8, 64] {
        let mut state = hub_with(SocketType::Push, SocketType::Pull, count);
        let send = |(hub, _): &mut (Hub, Vec<Peer>)| {
            let mut message = message();
            for _ in 0..EACH * count {
                hub.try_send_from(&mut message).expect("within the mark");
            }
        };
        let drain = |(_, peers): &mut (Hub, Vec<Peer>)| peers.iter_mut().for_each(Peer::drain);
        stage(&mut group, count.to_string(), EACH * count, &mut state, nothing, send, drain);
    }
    group.finish();
}
