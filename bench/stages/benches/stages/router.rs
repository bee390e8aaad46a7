//! Identity routing: a ROUTER finds the peer that a message names, among many.

use criterion::Criterion;
use monocoque_core::slab::Arena;
use monocoque_core::{RoutingId, SocketType};
use monocoque_pattern::{Hub, HubConfig};

use crate::peer::Peer;
use crate::{Group, message, nothing, stage};

/// Messages to each peer that is written to.
const EACH: usize = 128;
/// Peers that are written to, in turn, however many there are: what differs is the table alone.
const ADDRESSED_MAX: usize = 100;

struct Routing {
    hub: Hub,
    /// Those that are written to.
    addressed: Vec<(RoutingId, Peer)>,
    /// Only known.
    _others: Vec<Peer>,
}

impl Routing {
    fn new(count: usize) -> Self {
        let (hub, arena) = (Hub::new(HubConfig::new(SocketType::Router)), Arena::new());
        let (mut addressed, mut others) = (Vec::new(), Vec::new());
        for at in 0..count {
            let id = RoutingId::new(format!("worker-{at:08}")).expect("valid");
            let peer = Peer::join(&hub, &arena, SocketType::Dealer, Some(id.clone()));
            // Spread over the table.
            if at % count.div_ceil(ADDRESSED_MAX) == 0 { addressed.push((id, peer)) } else { others.push(peer) }
        }
        Self { hub, addressed, _others: others }
    }

    fn route(&mut self) {
        for _ in 0..EACH {
            for (id, _) in &self.addressed {
                self.hub.try_send_to(id, &mut message()).expect("counted, not refused");
            }
        }
    }

    fn drain(&mut self) {
        self.addressed.iter_mut().for_each(|(_, peer)| peer.drain());
        assert_eq!(self.hub.drops().total(), 0);
    }

    fn fill(&mut self) {
        let message = message();
        self.addressed.iter_mut().for_each(|(_, peer)| peer.fill(EACH, &message));
    }

    fn receive(&mut self) {
        let (mut from, mut message) = (RoutingId::generated(0), message());
        for _ in 0..EACH * self.addressed.len() {
            self.hub.try_recv_from(&mut from, &mut message).expect("queued");
            std::hint::black_box((&from, &message));
        }
    }
}

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "6 router");
    for count in [1, 100, 10_000] {
        let mut routing = Routing::new(count);
        let messages = EACH * routing.addressed.len();
        let name = format!("send by id, {count} known");
        stage(&mut group, name, messages, &mut routing, nothing, Routing::route, Routing::drain);
    }
    let mut routing = Routing::new(1);
    stage(&mut group, "receive with id", EACH, &mut routing, Routing::fill, Routing::receive, nothing);
    group.finish();
}
