//! When the socket finishes its pipe, everything in it reaches the peer, and then the connection ends in order.

mod common;

use std::io::{ErrorKind, Read, Write};

use common::{Happened, RawListener, Teller, each_link, numbered, parse, shared, wait, wire};
use monocoque_io::End;

#[test]
fn a_peer_that_reads_late_finds_it_all() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, None));
        let (teller, story) = Teller::new();
        let _dialing = teller.dial(&placement, &listener.endpoint);
        let mut peer = listener.accept();
        let mut ends = story.ready();
        (0..100).for_each(|n| ends.push(&numbered(n, 1000)));
        drop(ends);
        let ended = story.ended();
        assert!(matches!(ended.end, End::Finished), "{:?}", ended.end);
        assert_eq!(ended.outgoing.map(|pipe| pipe.queued()), Some(0));
        let stream = peer.read_to_the_end();
        let (got, rest) = parse(&stream);
        assert_eq!((got.len(), rest.len()), (100, 0));
    });
}

#[test]
fn a_peer_that_talks_meanwhile_finds_it_all() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, Some(16 << 10)));
        let (teller, story) = Teller::new();
        let _dialing = teller.dial(&placement, &listener.endpoint);
        let mut peer = listener.accept();
        let mut ends = story.ready();
        (0..1000).for_each(|n| ends.push(&numbered(n, 5000)));
        drop(ends);
        let (mut stream, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            // What we say is not wanted any more, and must not turn the end into a reset.
            peer.write_all(&wire(b"and another thing")).expect("the connection reads on until we close");
            match peer.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => stream.extend_from_slice(&piece[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "no reset"),
            }
        }
        let (got, rest) = parse(&stream);
        assert_eq!((got.len(), rest.len()), (1000, 0));
        drop(peer);
        let ended = story.ended();
        assert!(matches!(ended.end, End::Finished), "{:?}", ended.end);
    });
}

#[test]
fn an_empty_pipe_ends_at_once() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, None));
        let (teller, story) = Teller::new();
        let _dialing = teller.dial(&placement, &listener.endpoint);
        let mut peer = listener.accept();
        drop(story.ready());
        assert_eq!(peer.read_to_the_end(), b"");
        drop(peer);
        assert!(matches!(story.ended().end, End::Finished));
    });
}

#[test]
fn a_peer_that_has_everything_is_not_waited_for() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, None));
        let (teller, story) = Teller::new();
        let dialing = teller.dial(&placement, &listener.endpoint);
        let mut peer = listener.accept();
        let mut ends = story.ready();
        ends.push(&numbered(7, 100));
        let mut read = [0; 102];
        peer.read_exact(&mut read).expect("it is there");
        // The answer carries the acknowledgement.
        peer.write_all(&wire(b"thanks")).expect("room");
        wait("the answer", |waker| {
            ends.incoming.set_waker(waker);
            ends.recv()
        });
        drop(ends);
        story.find("parting", |happened| matches!(happened, Happened::Parted).then_some(()).ok_or(happened));
        // Whoever closes goes on; the connection stays until the peer has closed, so that nothing is reset.
        dialing.stop();
        peer.write_all(&wire(b"one more thing")).expect("not reset");
        assert_eq!(peer.read_to_the_end(), b"");
        peer.write_all(&wire(b"and another")).expect("not reset");
        drop(peer);
        let ended = story.ended();
        assert!(matches!(ended.end, End::Finished), "{:?}", ended.end);
    });
}
