//! An accepted connection on which nothing happens is parked, and goes on where it was whatever happens then.

mod common;

use std::io::{Read, Write};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::{
    Ends, Happened, PATIENCE, Raw, Story, Teller, bind, connect, drivers, each_link, is_stopped, shared, tcp, wire,
};
use monocoque_core::{Endpoint, Message};
use monocoque_io::{Driver, DriverChoice, End, LinkEvent, ListenConfig, Placement, Stopper};

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
        assert_eq!(peer.read_to_end(&mut Vec::new()).expect("no error"), 0, "our side is closed");
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
        let (teller, story) = Teller::new();
        let (placement, endpoint, [stopper, connections]) = teller.listening(driver);
        let peers = (0..3).map(|_| (connect(&endpoint), story.ready())).collect();
        let parked = Parked { placement, story, stopper, peers };
        parked.wait_for(3);
        // Who listens holds the placement too. When the last has gone its thread ends, with all that it has.
        let Parked { placement, story, stopper, mut peers } = parked;
        drop(stopper);
        story.event("the end", |event| matches!(event, LinkEvent::ListenerClosed { .. }).then_some(()));
        drop(placement);
        peers.iter_mut().for_each(|(peer, _)| assert_eq!(peer.read_to_end(&mut Vec::new()).expect("no error"), 0));
        let is_end = |happened: &Happened| matches!(happened, Happened::Ended(_));
        assert!(!story.so_far().iter().any(is_end), "nobody was stopped");
        drop(connections);
    }
}

/// A connection of `teller`, to which its peer has written `begun`, stays a task while another one is parked.
fn stays(driver: Driver, change: impl FnOnce(&mut Teller), begun: &[u8]) {
    let placement = shared(driver);
    let listen = |teller: &Teller| {
        let binding = bind(&tcp()).expect("free");
        let endpoint = binding.endpoint().clone();
        (teller.listen(&placement, binding, ListenConfig::default()), endpoint)
    };
    let (mut teller, story) = Teller::new();
    let (_stopper, endpoint) = listen(&teller);
    change(&mut teller);
    let (stopper, endpoint_of_it) = listen(&teller);
    let mut it = connect(&endpoint_of_it);
    it.write_all(begun).expect("room");
    let _its_ends = story.ready();
    // Idle for less long, and looked at in the same rounds.
    let peers = vec![(connect(&endpoint), story.ready())];
    let mut parked = Parked { placement: placement.clone(), story, stopper, peers };
    parked.wait_for(1);
    let (peer, ends) = &mut parked.peers[0];
    peer.write_all(&wire(b"here")).expect("room");
    assert_eq!(ends.recv().expect("it is up").last().as_slice(), b"here");
    assert_eq!(parked.count(), 0, "it was the other one");
}

#[test]
fn whose_deadline_will_come_stays_a_task() {
    drivers().into_iter().for_each(|driver| {
        stays(driver, |teller| teller.until = Some(Instant::now() + 10 * PATIENCE), b"");
    });
}

#[test]
fn whose_message_has_begun_stays_a_task() {
    drivers().into_iter().for_each(|driver| stays(driver, |_| (), &wire(b"begun")[..4]));
}

#[test]
fn a_runtime_of_the_application_parks_too() {
    for driver in drivers() {
        let binding = bind(&tcp()).expect("free");
        let endpoint = binding.endpoint().clone();
        DriverChoice::Only(driver).runtime().expect("an available driver").block_on(async {
            let placement = Placement::local().expect("a runtime");
            let (teller, story) = Teller::new();
            let stopper = teller.listen(&placement, binding, ListenConfig::default());
            let (tell, told) = channel();
            let peer = std::thread::spawn(move || {
                let (mut peer, mut ends) = (connect(&endpoint), story.ready());
                told.recv_timeout(PATIENCE).expect("it is parked");
                peer.write_all(&wire(b"after a silence")).expect("room");
                assert_eq!(ends.recv().expect("it is up").last().as_slice(), b"after a silence");
            });
            while parked_in(&placement).await != 1 {
                compio::time::sleep(Duration::from_millis(1)).await;
            }
            tell.send(()).expect("waited for");
            while !peer.is_finished() {
                compio::time::sleep(Duration::from_millis(1)).await;
            }
            peer.join().expect("all was well");
            drop(stopper);
        });
    }
}

async fn parked_in(placement: &Placement) -> usize {
    let (tell, told) = channel();
    placement.spawn(move |home| async move { tell.send(home.parked()).expect("waited for") }).expect("alive");
    loop {
        match told.try_recv() {
            Ok(count) => return count,
            Err(_) => compio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}
