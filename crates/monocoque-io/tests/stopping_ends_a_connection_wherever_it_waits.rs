//! A stop ends what connects, what is idle, and what is blocked in a write; and it frees the socket.

mod common;

use std::io::Read;

use common::{RawListener, Teller, bind, connect, each_link, is_stopped, numbered, shared};
use monocoque_io::{LinkEvent, ListenConfig};

#[test]
fn in_a_write_that_the_peer_does_not_read() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, Some(16 << 10)));
        let (teller, story) = Teller::new();
        let dialing = teller.dial(&placement, &listener.endpoint);
        let mut peer = listener.accept();
        let mut ends = story.ready();
        (0..32).for_each(|n| ends.push(&numbered(n, 1 << 20)));
        peer.read_exact(&mut [0]).expect("in time");
        dialing.stop();
        let ended = story.ended();
        assert!(is_stopped(&ended.end), "{:?}", ended.end);
        assert!(ended.outgoing.is_some_and(|pipe| pipe.queued() > 0));
        peer.read_to_the_end();
    });
}

#[test]
fn while_it_is_idle() {
    each_link(|driver, wildcard| {
        let (placement, binding) = (shared(driver), bind(wildcard).expect("free"));
        let endpoint = binding.endpoint().clone();
        let (teller, story) = Teller::new();
        let listening = teller.listen(&placement, binding, ListenConfig::default());
        let mut peer = connect(&endpoint);
        let mut ends = story.ready();
        drop(listening);
        assert!(is_stopped(&story.ended().end));
        assert_eq!((peer.read_to_the_end().len(), ends.recv()), (0, None));
    });
}

#[test]
fn before_it_is_ready() {
    each_link(|driver, wildcard| {
        let (placement, binding) = (shared(driver), bind(wildcard).expect("free"));
        let endpoint = binding.endpoint().clone();
        let (mut teller, story) = Teller::new();
        teller.shy = true;
        let listening = teller.listen(&placement, binding, ListenConfig::default());
        let mut peer = connect(&endpoint);
        story.event("the link", |event| matches!(event, LinkEvent::Accepted(_)).then_some(()));
        drop(listening);
        let ended = story.ended();
        assert!(is_stopped(&ended.end) && !ended.was_ready && ended.outgoing.is_none());
        assert_eq!(peer.read_to_the_end().len(), 0);
    });
}

#[test]
fn between_two_attempts_to_connect() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::bound(wildcard, None));
        let (teller, story) = Teller::new();
        let dialing = teller.dial(&placement, &listener.endpoint);
        story.event("a retry", |event| matches!(event, LinkEvent::ConnectRetried { .. }).then_some(()));
        drop((dialing, teller));
        // The dialer was the last to hold the other end of the story.
        while story.next().is_some() {}
    });
}
