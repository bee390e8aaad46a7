//! An accepted connection on which nothing happens is parked, and goes on where it was whatever happens then.

mod common;

use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{Ends, PATIENCE, Raw, Story, Teller, bind, connect, drivers, each_link, is_stopped, shared, tcp, wire};
use monocoque_core::{Endpoint, Message};
use monocoque_io::{Driver, End, ListenConfig, Placement, Stopper};

/// A listener, and connections to it that are all parked.
struct Parked {
    placement: Placement,
    story: Story,
    stopper: Stopper,
    peers: Vec<(Raw, Ends)>,
}

impl Parked {
    fn new(driver: Driver, wildcard: &Endpoint, peers: usize, change: impl FnOnce(&mut Teller)) -> Self {
        let (placement, binding) = (shared(driver), bind(wildcard).expect("free"));
        let endpoint = binding.endpoint().clone();
        let (mut teller, story) = Teller::new();
        change(&mut teller);
        let stopper = teller.listen(&placement, binding, ListenConfig::default());
        let peers = (0..peers).map(|_| (connect(&endpoint), story.ready())).collect();
        let parked = Self { placement, story, stopper, peers };
        parked.wait_for(parked.peers.len());
        parked
    }

    fn count(&self) -> usize {
        let (tell, told) = channel();
        self.placement.spawn(move |home| async move { tell.send(home.parked()).expect("waited for") }).expect("alive");
        told.recv_timeout(PATIENCE).expect("the I/O thread runs")
    }

    fn wait_for(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.count() != count {
            assert!(Instant::now() < until, "{} are parked, not {count}", self.count());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn read(peer: &mut Raw, body: &[u8]) {
    let expected = wire(body);
    let mut got = vec![0; expected.len()];
    peer.read_exact(&mut got).expect("it comes");
    assert_eq!(got, expected);
}

#[test]
fn it_reads_what_comes() {
    each_link(|driver, wildcard| {
        let mut parked = Parked::new(driver, wildcard, 1, |_| ());
        for body in [&b"first"[..], b"second"] {
            let (peer, ends) = &mut parked.peers[0];
            peer.write_all(&wire(body)).expect("room");
            assert_eq!(ends.recv().expect("it is up").last().as_slice(), body);
        }
    });
}

#[test]
fn its_sender_writes_and_nobody_is_called() {
    each_link(|driver, wildcard| {
        let mut parked = Parked::new(driver, wildcard, 1, |_| ());
        for _ in 0..3 {
            // What comes within 10 us of the one before is left to the pump.
            std::thread::sleep(Duration::from_millis(1));
            let (peer, ends) = &mut parked.peers[0];
            ends.push(&Message::from("news"));
            read(peer, b"news");
            assert_eq!(parked.count(), 1);
        }
    });
}

#[test]
fn it_writes_what_its_sender_cannot() {
    each_link(|driver, wildcard| {
        let mut parked = Parked::new(driver, wildcard, 1, |teller| teller.makes = true);
        let (peer, ends) = &mut parked.peers[0];
        ["one", "two"].iter().for_each(|&text| ends.push(&Message::from(text)));
        read(peer, b"one");
        read(peer, b"two");
        peer.write_all(&wire(b"three")).expect("room");
        assert_eq!(ends.recv().expect("it is up").last().as_slice(), b"three");
    });
}

#[test]
fn it_ends_with_its_peer_its_socket_and_its_endpoint() {
    each_link(|driver, wildcard| {
        let mut parked = Parked::new(driver, wildcard, 3, |_| ());
        let (peer, _ends) = parked.peers.pop().expect("three");
        drop(peer);
        assert!(matches!(parked.story.ended().end, End::PeerClosed { truncated: 0 }));
        let (mut peer, ends) = parked.peers.pop().expect("two");
        drop(ends.outgoing);
        assert_eq!(peer.read(&mut [0]).expect("no error"), 0, "our side is closed");
        drop(peer);
        assert!(matches!(parked.story.ended().end, End::Finished));
        assert_eq!(parked.count(), 1);
        drop(std::mem::take(&mut parked.stopper));
        assert!(is_stopped(&parked.story.ended().end));
        assert_eq!(parked.count(), 0);
    });
}

#[test]
fn of_many_each_is_called_by_its_own_peer_and_parked_again() {
    for driver in drivers() {
        let mut parked = Parked::new(driver, &tcp(), 200, |_| ());
        for round in 0..2u8 {
            for (number, (peer, _)) in parked.peers.iter_mut().enumerate() {
                peer.write_all(&wire(&[round, number as u8])).expect("room");
            }
            for (number, (_, ends)) in parked.peers.iter_mut().enumerate() {
                assert_eq!(ends.recv().expect("it is up").last().as_slice(), [round, number as u8]);
            }
            parked.wait_for(200);
        }
    }
}

#[test]
fn those_that_are_parked_go_with_their_runtime() {
    for driver in drivers() {
        let Parked { placement, mut peers, .. } = Parked::new(driver, &tcp(), 3, |_| ());
        // The last to hold it: its thread ends, with all that it has.
        drop(placement);
        peers.iter_mut().for_each(|(peer, _)| assert_eq!(peer.read(&mut [0]).expect("no error"), 0));
    }
}
