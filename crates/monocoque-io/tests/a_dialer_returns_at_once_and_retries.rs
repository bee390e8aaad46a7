//! Dialing somebody who is not there yet is no error: it goes on, waiting longer each time, until they come.

mod common;

use std::io;
use std::time::Duration;

use common::{RawListener, Teller, drivers, each_link, shared};
use monocoque_io::{BackoffConfig, DialConfig, LinkEvent};

#[test]
fn until_the_listener_appears() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::bound(wildcard, None));
        let (teller, story) = Teller::new();
        let ms = Duration::from_millis;
        let backoff = Some(BackoffConfig { first: ms(4), max: ms(16) });
        let _dialing =
            teller.dial_with(&placement, &listener.endpoint, DialConfig { backoff, seed: 3, ..DialConfig::default() });
        for nominal in [4, 8, 16, 16] {
            story.event("an attempt", |event| matches!(event, LinkEvent::ConnectDelayed).then_some(()));
            let (after, kind) = story.event("a retry", |event| match event {
                LinkEvent::ConnectRetried { after, error } => Some((*after, error.as_ref().map(io::Error::kind))),
                _ => None,
            });
            assert_eq!(kind, Some(io::ErrorKind::ConnectionRefused));
            assert!(after >= ms(nominal) * 3 / 4 && after <= ms(nominal) * 5 / 4, "{after:?} for {nominal} ms");
        }
        listener.socket.listen(1).expect("bound");
        story.ready();
    });
}

#[test]
fn not_at_all_if_it_was_told_so() {
    for driver in drivers() {
        let (placement, listener) = (shared(driver), RawListener::bound(&common::tcp(), None));
        let (teller, story) = Teller::new();
        let config = DialConfig { seed: 3, ..DialConfig::default() };
        let _dialing = teller.dial_with(&placement, &listener.endpoint, config);
        let kind = story.event("giving up", |event| match event {
            LinkEvent::ConnectGivenUp { error } => error.as_ref().map(io::Error::kind),
            _ => None,
        });
        assert_eq!(kind, io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn after_a_connection_too_if_its_owner_says_so() {
    each_link(|driver, wildcard| {
        let (placement, listener) = (shared(driver), RawListener::new(wildcard, None));
        let (mut teller, story) = Teller::new();
        teller.retry = monocoque_io::Retry::Yes;
        let dialing = teller.dial(&placement, &listener.endpoint);
        for _ in 0..3 {
            let peer = listener.accept();
            let ends = story.ready();
            drop(peer);
            let ended = story.ended();
            assert!(ended.was_ready && ended.outgoing.is_some(), "{ended:?}");
            drop(ends);
            story
                .event("a retry", |event| matches!(event, LinkEvent::ConnectRetried { error: None, .. }).then_some(()));
        }
        dialing.stop();
    });
}
