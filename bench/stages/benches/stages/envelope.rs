//! REQ and REP: the envelope put on, taken off, kept, put back and checked. A "message" is a whole round trip: a
//! request and its reply. The same trip between two DEALERs, which have no envelope, is what remains without.

use criterion::Criterion;
use monocoque_core::{Frame, Message, SocketType};
use monocoque_pattern::{Hub, HubConfig};

use crate::peer::{Peer, connect, hub_with};
use crate::{Group, message, nothing, stage};

const TRIPS: usize = 128;

/// Both ends of a conversation, joined by pipes.
struct Pair {
    asks: Hub,
    answers: Hub,
}

impl Pair {
    fn new(asks: SocketType, answers: SocketType) -> Self {
        let pair = Self { asks: Hub::new(HubConfig::new(asks)), answers: Hub::new(HubConfig::new(answers)) };
        connect((&pair.asks, asks), (&pair.answers, answers));
        pair
    }

    fn trips(&mut self) {
        let mut message = message();
        for _ in 0..TRIPS {
            self.asks.try_send_from(&mut message).expect("a peer");
            self.answers.try_recv_into(&mut message).expect("a request");
            self.answers.try_send_from(&mut message).expect("it asked");
            self.asks.try_recv_into(&mut message).expect("a reply");
        }
    }
}

/// A REP that finds requests queued, and answers each with its own body.
fn serve((rep, _): &mut (Hub, Vec<Peer>)) {
    let mut message = Message::new();
    for _ in 0..TRIPS {
        rep.try_recv_into(&mut message).expect("queued");
        rep.try_send_from(&mut message).expect("it asked");
    }
}

pub fn bench(c: &mut Criterion) {
    let mut group = Group::new(c, "7 envelope, a round trip");
    for (name, asks, answers) in
        [("two DEALERs", SocketType::Dealer, SocketType::Dealer), ("REQ and REP", SocketType::Req, SocketType::Rep)]
    {
        let mut pair = Pair::new(asks, answers);
        stage(&mut group, name, TRIPS, &mut pair, nothing, Pair::trips, nothing);
    }
    let ids = [Frame::from("first"), Frame::from("second")];
    for (name, hops) in [("REP alone", 0), ("REP alone, behind two ROUTERs", 2)] {
        let mut request = message();
        request.push_front(Frame::new());
        ids[..hops].iter().for_each(|id| request.push_front(id.clone()));
        let mut state = hub_with(SocketType::Rep, SocketType::Req, 1);
        let fill = |(_, peers): &mut (Hub, Vec<Peer>)| peers[0].fill(TRIPS, &request);
        let drain = |(_, peers): &mut (Hub, Vec<Peer>)| peers[0].drain();
        stage(&mut group, name, TRIPS, &mut state, fill, serve, drain);
    }
    group.finish();
}
