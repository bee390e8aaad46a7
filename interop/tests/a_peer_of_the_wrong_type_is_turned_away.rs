//! Types that do not talk to each other: the connection ends with an event that names both, and nobody else is
//! disturbed.

use std::time::Duration;

use monocoque::{DisconnectReason, Event, Message, Monitor, SessionError, SocketType};
use monocoque_interop::deadline::event;
use monocoque_interop::fixture::{LOOPBACK, bind, ours, patient, theirs_bound, theirs_connected};
use monocoque_interop::party::{self, kind_of};
use monocoque_interop::zmq::Kind;

/// Why the handshake failed.
fn failed(monitor: &Monitor) -> DisconnectReason {
    event(monitor, "the handshake fails", |event| match event {
        Event::HandshakeFailed { reason, .. } => Some(reason.clone()),
        _ => None,
    })
}

/// Whether `reason` names the two types that do not talk to each other.
fn is_incompatible(reason: &DisconnectReason, ours: SocketType, theirs: SocketType) -> bool {
    let named = format!("the peer is a {theirs}, which does not talk to our {ours}");
    matches!(reason, DisconnectReason::Protocol(SessionError::PeerIncompatible(error)) if error.to_string() == named)
}

fn illegal_pairs() -> impl Iterator<Item = (SocketType, SocketType)> {
    let all = SocketType::ZMTP;
    all.into_iter()
        .flat_map(move |ours| all.map(|theirs| (ours, theirs)))
        .filter(|(ours, theirs)| !ours.accepts(*theirs))
}

#[test]
fn every_wrong_type_that_we_connect_to() {
    let ctx = monocoque::Context::new();
    for (ours, theirs) in illegal_pairs() {
        let (_peer, endpoint) = theirs_bound(kind_of(theirs), LOOPBACK);
        let socket = patient(ctx.socket(ours)).build().expect("the options fit");
        let monitor = socket.monitor();
        socket.connect(endpoint).expect("the endpoint is sound");
        // libzmq judges us as we judge it: when it is first, it leaves without saying what it is. We come again.
        event(&monitor, &format!("our {ours} names their {theirs}"), |event| match event {
            Event::HandshakeFailed { reason, .. } => is_incompatible(reason, ours, theirs).then_some(()),
            _ => None,
        });
        assert_eq!(socket.peers(), 0);
    }
}

#[test]
fn every_wrong_type_that_connects() {
    let ctx = monocoque::Context::new();
    for (ours, theirs) in illegal_pairs() {
        let socket = patient(ctx.socket(ours)).build().expect("the options fit");
        let monitor = socket.monitor();
        let _peer = theirs_connected(kind_of(theirs), &bind(&socket, LOOPBACK));
        // As above, but a libzmq that was refused does not come again.
        let reason = failed(&monitor);
        let left = reason == DisconnectReason::PeerClosed { truncated: 0 };
        assert!(left || is_incompatible(&reason, ours, theirs), "ours {ours}, theirs {theirs}: {reason:?}");
        assert_eq!(socket.peers(), 0);
    }
}

#[test]
fn the_other_peers_go_on() {
    let pull = ours(|ctx| ctx.pull());
    let monitor = pull.monitor();
    let endpoint = bind(&pull, LOOPBACK);
    let before = theirs_connected(Kind::Push, &endpoint);
    before.send(b"before", false).expect("sent");
    assert_eq!(pull.blocking().recv(), Ok(Message::from("before")));
    for wrong in [Kind::Sub, Kind::Req, Kind::Pull] {
        let _wrong = theirs_connected(wrong, &endpoint);
        failed(&monitor);
        before.send(b"meanwhile", false).expect("sent");
        assert_eq!(pull.blocking().recv(), Ok(Message::from("meanwhile")));
    }
    let after = theirs_connected(Kind::Push, &endpoint);
    after.send(b"after", false).expect("sent");
    assert_eq!(pull.blocking().recv(), Ok(Message::from("after")));
}

#[test]
fn what_was_meant_for_the_right_type_waits_for_it() {
    let (wrong, endpoint) = theirs_bound(Kind::Rep, LOOPBACK);
    let push = ours(|ctx| ctx.push());
    let monitor = push.monitor();
    push.connect(&endpoint).expect("the endpoint is sound");
    push.blocking().send("kept").expect("queued");
    failed(&monitor);
    drop(wrong);
    let pull = monocoque_interop::fixture::theirs(Kind::Pull);
    monocoque_interop::fixture::rebind(&pull, &endpoint);
    assert_eq!(party::recv(&pull), Ok(Message::from("kept")));
}

#[test]
fn a_peer_that_is_refused_again_and_again_is_not_dialed_in_a_hurry() {
    let (_wrong, endpoint) = theirs_bound(Kind::Rep, LOOPBACK);
    let push = monocoque::Context::new().push().build().expect("no options");
    let monitor = push.monitor();
    push.connect(&endpoint).expect("the endpoint is sound");
    let mut waits = Vec::new();
    while waits.len() < 4 {
        waits.push(event(&monitor, "the next attempt is told", |event| match event {
            Event::ConnectRetried { after, .. } => Some(*after),
            _ => None,
        }));
    }
    // 50 ms that double, give or take a quarter: the fourth is 400 ms.
    assert!(waits[3] >= Duration::from_millis(300), "{waits:?}");
}
