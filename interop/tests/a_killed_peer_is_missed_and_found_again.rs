//! A process that is killed loses its connections at once; one that takes its place is served.

use monocoque::{DisconnectReason, Event, Message};
use monocoque_interop::deadline::event;
use monocoque_interop::ffi::{ZMQ_EVENT_DISCONNECTED, ZMQ_EVENT_HANDSHAKE_SUCCEEDED};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, peers, theirs_bound};
use monocoque_interop::party;
use monocoque_interop::process::Process;
use monocoque_interop::zmq::Kind;

const PEER: &str = env!("CARGO_BIN_EXE_peer");

#[test]
fn theirs_by_us() {
    let pull = ours(|ctx| ctx.pull());
    let monitor = pull.monitor();
    let endpoint = bind(&pull, LOOPBACK);
    for _ in 0..5 {
        let mut peer = Process::start(PEER, ["theirs", "push", "connect", &endpoint]);
        peer.write_line("alive");
        assert_eq!(pull.blocking().recv(), Ok(Message::from("alive")));
        peer.kill();
        let reason = event(&monitor, "it is missed", |event| match event {
            Event::Disconnected { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        assert!(matches!(reason, DisconnectReason::PeerClosed { truncated: 0 }), "{reason:?}");
    }
}

#[test]
fn ours_by_them() {
    let (pull, endpoint) = theirs_bound(Kind::Pull, LOOPBACK);
    let monitor = pull.monitor(ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("monitored");
    for _ in 0..5 {
        let mut peer = Process::start(PEER, ["ours", "push", "connect", &endpoint]);
        monitor.wait_for(ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("connected");
        peer.write_line("alive");
        assert_eq!(party::recv(&pull), Ok(Message::from("alive")));
        peer.kill();
        monitor.wait_for(ZMQ_EVENT_DISCONNECTED).expect("missed");
    }
}

#[test]
fn a_bound_one_is_dialed_until_it_is_back() {
    let mut peer = Process::start(PEER, ["theirs", "dealer", "bind", LOOPBACK]);
    let endpoint = peer.line();
    let dealer = ours(|ctx| ctx.dealer());
    dealer.connect(&endpoint).expect("the endpoint is sound");
    for _ in 0..5 {
        peers(&dealer, 1);
        peer.write_line("alive");
        assert_eq!(dealer.blocking().recv(), Ok(Message::from("alive")));
        peer.kill();
        peer = Process::start(PEER, ["theirs", "dealer", "bind", &endpoint]);
    }
}
