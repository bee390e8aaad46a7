//! What there is now, kept in step with the events: both change under one lock, so that a snapshot and the stream that
//! goes on from it miss nothing and tell nothing twice.

use std::collections::VecDeque;
use std::sync::Arc;

use monocoque_core::protocol::Blame;
use monocoque_io::{LinkCounts, LinkTraffic};
use monocoque_pattern::{LinkId, PeerProperties};
use monocoque_zmtp::SessionError;

use super::trace::Trace;
use super::{ConnectionFacts, DisconnectReason, Event};

/// What a socket has at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Endpoints that are bound, inproc ones excepted.
    pub listening: Vec<String>,
    /// Connections, in the order of their numbers, those whose handshake is under way included: their socket type is not
    /// known yet.
    pub connections: Vec<ConnectionFacts>,
}

/// Handshakes by how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Handshakes {
    /// The peer became ready.
    pub succeeded: u64,
    /// The peer broke a rule of the protocol, or a limit of ours.
    pub misbehaved: u64,
    /// Both are sound and do not suit each other.
    pub incompatible: u64,
    /// One refused the other.
    pub refused: u64,
    /// The time was over.
    pub timed_out: u64,
    /// The link ended first.
    pub lost: u64,
    /// Turned away before they began: too many were under way.
    pub turned_away: u64,
    /// Turned away before they began: an accept filter does not let the peer in.
    pub filtered: u64,
}

/// One connection that is there.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) peer: Arc<PeerProperties>,
    pub(crate) traffic: Arc<LinkTraffic>,
    /// In the hub, once the handshake is done.
    pub(crate) link: Option<LinkId>,
    trace: Trace,
}

/// Room for as many connections is not given back.
const ROOM_MIN: usize = 4;

/// Connections in the order of their numbers. Numbers grow, so that a new one is at the end nearly always, and many that
/// only wait lie side by side.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// Those that have ended leave their number behind until they are as many as the others. It never begins with one: whoever
    /// asks for any has it at once.
    list: VecDeque<(u64, Option<Live>)>,
    ended: usize,
}

impl Connections {
    /// Those that are there, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Live> {
        self.list.iter().filter_map(|(_, live)| live.as_ref())
    }

    fn at(&self, number: u64) -> Result<usize, usize> {
        match self.list.back() {
            Some((last, _)) if *last >= number => self.list.binary_search_by_key(&number, |(number, _)| *number),
            _ => Err(self.list.len()),
        }
    }

    fn get(&self, number: u64) -> Option<&Live> {
        self.list[self.at(number).ok()?].1.as_ref()
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut Live> {
        let at = self.at(number).ok()?;
        self.list[at].1.as_mut()
    }

    /// `number` is of no other connection.
    fn insert(&mut self, number: u64, live: Live) {
        let at = self.at(number).unwrap_or_else(|at| at);
        self.list.insert(at, (number, Some(live)));
    }

    fn remove(&mut self, number: u64) -> Option<Live> {
        let at = self.at(number).ok()?;
        let live = self.list[at].1.take()?;
        self.ended += 1;
        while self.list.front().is_some_and(|(_, live)| live.is_none()) {
            self.list.pop_front();
            self.ended -= 1;
        }
        if 2 * self.ended >= self.list.len() {
            self.list.retain(|(_, live)| live.is_some());
            self.ended = 0;
        }
        let few = self.list.len().max(ROOM_MIN);
        if self.list.capacity() > 4 * few {
            self.list.shrink_to(2 * few);
        }
        Some(live)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    listening: Vec<String>,
    pub(crate) connections: Connections,
    pub(crate) handshakes: Handshakes,
    pub(crate) reconnects: u64,
    pub(crate) heartbeat_misses: u64,
    /// Of links that are gone.
    past: LinkCounts,
}

impl Registry {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let connections = self.connections.iter().map(|live| ConnectionFacts::of(&live.peer)).collect();
        Snapshot { listening: self.listening.clone(), connections }
    }

    /// Connections that were accepted at `endpoint`.
    pub(crate) fn accepted_at(&self, endpoint: &str) -> impl Iterator<Item = &Live> {
        self.connections.iter().filter(move |live| !live.peer.dialed && *live.peer.endpoint == *endpoint)
    }

    /// What crossed all links so far.
    pub(crate) fn link_counts(&self) -> LinkCounts {
        let mut counts = self.past;
        self.connections.iter().for_each(|live| counts.add(live.traffic.counts()));
        counts
    }

    /// A link is up.
    pub(super) fn begun(&mut self, peer: &Arc<PeerProperties>, traffic: &Arc<LinkTraffic>, trace: Trace) {
        let live = Live { peer: Arc::clone(peer), traffic: Arc::clone(traffic), link: None, trace };
        self.connections.insert(peer.connection, live);
    }

    /// A connection is about to be ready, as this link.
    pub(super) fn joins(&mut self, connection: u64, link: LinkId) {
        if let Some(live) = self.connections.get_mut(connection) {
            live.link = Some(link);
        }
    }

    /// The handshake is done.
    pub(super) fn ready(&mut self, peer: &Arc<PeerProperties>) {
        if let Some(live) = self.connections.get_mut(peer.connection) {
            live.peer = Arc::clone(peer);
            live.trace.ready(peer);
        }
    }

    /// What the connection that `event` is about is traced by.
    pub(super) fn trace_of(&self, event: &Event) -> Option<Trace> {
        let (Event::Connected(peer)
        | Event::Accepted(peer)
        | Event::HandshakeSucceeded(peer)
        | Event::HandshakeFailed { peer, .. }
        | Event::Disconnected { peer, .. }) = event
        else {
            return None;
        };
        self.connections.get(peer.connection).map(|live| live.trace.clone())
    }

    /// Takes in what an event changes.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Listening { endpoint, .. } => self.listening.push(endpoint.clone()),
            Event::Closed { endpoint, .. } => {
                let found = self.listening.iter().position(|listening| listening == endpoint);
                found.map(|at| self.listening.remove(at));
            }
            Event::HandshakeSucceeded(_) => self.handshakes.succeeded += 1,
            Event::HandshakeFailed { peer, reason } => {
                *self.handshakes.ended_by(reason) += 1;
                self.ended(peer);
            }
            Event::Disconnected { peer, reason } => {
                let missed = matches!(
                    reason,
                    DisconnectReason::Protocol(SessionError::HeartbeatTimeout { .. } | SessionError::TtlExpired { .. })
                );
                self.heartbeat_misses += u64::from(missed);
                self.ended(peer);
            }
            Event::Filtered { .. } => self.handshakes.filtered += 1,
            Event::TooManyHandshakes { .. } => self.handshakes.turned_away += 1,
            Event::ConnectRetried { .. } => self.reconnects += 1,
            _ => {}
        }
    }

    fn ended(&mut self, peer: &ConnectionFacts) {
        if let Some(live) = self.connections.remove(peer.connection) {
            self.past.add(live.traffic.counts());
        }
    }
}

impl Handshakes {
    fn ended_by(&mut self, reason: &DisconnectReason) -> &mut u64 {
        match reason.blame() {
            Some(Blame::Silence) => &mut self.timed_out,
            Some(Blame::Incompatible) => &mut self.incompatible,
            Some(Blame::Refused) => &mut self.refused,
            Some(_) => &mut self.misbehaved,
            None if *reason == DisconnectReason::Refused => &mut self.refused,
            None => &mut self.lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(number: u64) -> Live {
        let mut peer = PeerProperties::default();
        peer.connection = number;
        let trace = Trace::new(monocoque_core::SocketType::Pull, &ConnectionFacts::of(&peer));
        Live { peer: Arc::new(peer), traffic: Arc::default(), link: None, trace }
    }

    fn numbers(connections: &Connections) -> Vec<u64> {
        connections.iter().map(|live| live.peer.connection).collect()
    }

    #[test]
    fn they_are_in_the_order_of_their_numbers_whatever_order_they_came_in() {
        let mut connections = Connections::default();
        // Two threads may note what they have numbered in the other order.
        [1, 2, 5, 4, 7].into_iter().for_each(|number| connections.insert(number, live(number)));
        assert_eq!(numbers(&connections), [1, 2, 4, 5, 7]);
        assert_eq!(connections.get(4).map(|live| live.peer.connection), Some(4));
        assert!(connections.get_mut(7).is_some());
        assert!([0, 3, 6, 8].into_iter().all(|number| connections.get(number).is_none()), "nobody's numbers");
    }

    #[test]
    fn one_that_has_ended_is_there_no_more_and_ends_once() {
        let mut connections = Connections::default();
        (1..=9).for_each(|number| connections.insert(number, live(number)));
        assert!(connections.remove(3).is_some() && connections.remove(3).is_none() && connections.remove(12).is_none());
        assert!(connections.get(3).is_none() && connections.get_mut(3).is_none());
        assert_eq!(numbers(&connections), [1, 2, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn room_is_given_back_whatever_order_they_end_in() {
        for in_order in [true, false] {
            let mut connections = Connections::default();
            (0..10_000).for_each(|number| connections.insert(number, live(number)));
            for number in 0..9_999 {
                assert!(connections.remove(if in_order { number } else { 9_998 - number }).is_some());
                assert!(connections.list.front().is_some_and(|(_, live)| live.is_some()), "{number}");
            }
            assert!(connections.list.capacity() <= 4 * ROOM_MIN && numbers(&connections) == [9_999]);
        }
    }

    #[test]
    fn those_that_have_ended_take_no_more_room_than_those_that_are_there() {
        let mut connections = Connections::default();
        connections.insert(1, live(1));
        for number in 2..10_000 {
            connections.insert(number, live(number));
            assert!(connections.remove(number).is_some());
            assert!(connections.list.len() <= 2, "{number}");
        }
        (10_000..12_000).for_each(|number| connections.insert(number, live(number)));
        assert!((10_000..12_000).all(|number| connections.remove(number).is_some()));
        assert_eq!(numbers(&connections), [1]);
        assert!(
            connections.list.capacity() <= 4 * ROOM_MIN,
            "nor is it kept for them: {}",
            connections.list.capacity()
        );
    }
}
