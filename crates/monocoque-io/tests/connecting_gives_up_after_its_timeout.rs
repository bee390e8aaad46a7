//! A peer that neither takes nor refuses us is left after the time allowed.

mod common;

use std::io;
use std::time::Duration;

use common::{Raw, RawListener, Teller, drivers, shared, tcp};
use monocoque_core::Endpoint;
use monocoque_io::{BackoffConfig, DialConfig, LinkEvent};
use socket2::{Socket, Type};

/// Fills the backlog of `listener`, so that the system answers nobody any more.
fn fill(listener: &RawListener) -> Vec<Raw> {
    listener.socket.listen(0).expect("bound");
    let address = common::address(&listener.endpoint);
    let mut peers = Vec::new();
    loop {
        let socket = Socket::new(address.domain(), Type::STREAM, None).expect("a socket");
        match socket.connect_timeout(&address, Duration::from_millis(100)) {
            Ok(()) if socket.peer_addr().is_ok() => peers.push(Raw(socket)),
            _ => return peers,
        }
    }
}

fn config(retries: bool) -> DialConfig {
    let ms = Duration::from_millis;
    let backoff = retries.then_some(BackoffConfig { first: ms(5), max: ms(20) });
    DialConfig { backoff, timeout: Some(ms(50)), seed: 1, ..DialConfig::default() }
}

fn given_up(event: &LinkEvent) -> Option<Option<io::ErrorKind>> {
    match event {
        LinkEvent::ConnectGivenUp { error } => Some(error.as_ref().map(io::Error::kind)),
        _ => None,
    }
}

#[test]
fn over_tcp() {
    for driver in drivers() {
        let listener = RawListener::bound(&tcp(), None);
        let _queued = fill(&listener);
        let (teller, story) = Teller::new();
        let placement = shared(driver);
        let _dialing = teller.dial_with(&placement, &listener.endpoint, config(false));
        assert_eq!(story.event("giving up", given_up), Some(io::ErrorKind::TimedOut));
    }
}

#[test]
fn over_ipc_and_never_takes_a_full_backlog_for_a_link() {
    let wildcard: Endpoint = "ipc://*".parse().expect("well formed");
    for driver in drivers() {
        let listener = RawListener::bound(&wildcard, None);
        let _queued = fill(&listener);
        let (teller, story) = Teller::new();
        let placement = shared(driver);
        let _dialing = teller.dial_with(&placement, &listener.endpoint, config(true));
        story.find("a failed attempt", |happened| match happened {
            common::Happened::Link(LinkEvent::ConnectRetried { error: Some(_), .. }) => Ok(()),
            common::Happened::Link(LinkEvent::Connected(facts)) => panic!("nobody took us: {facts:?}"),
            other => Err(other),
        });
        // A longer backlog: the next attempt gets through.
        listener.socket.listen(100).expect("bound");
        story.ready();
    }
}
