//! Heartbeats keep an idle connection up and end one whose peer is stopped, whichever library asks for them.

use std::time::Duration;

use monocoque::{DisconnectReason, Event, Heartbeat, Message, SessionError};
use monocoque_interop::deadline::{attempt, event};
use monocoque_interop::ffi::{
    ZMQ_EVENT_DISCONNECTED, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, ZMQ_HEARTBEAT_IVL, ZMQ_HEARTBEAT_TIMEOUT, ZMQ_HEARTBEAT_TTL,
};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, peers, theirs, theirs_bound};
use monocoque_interop::party;
use monocoque_interop::process::Process;
use monocoque_interop::zmq::Kind;

const PEER: &str = env!("CARGO_BIN_EXE_peer");
const INTERVAL_MS: u32 = 30;
const INTERVAL: Duration = Duration::from_millis(INTERVAL_MS as u64);
/// Long enough for a busy machine to answer.
const TIMEOUT: Duration = Duration::from_millis(400);
/// Long enough for an unanswered PING to end the connection twice.
const IDLE: Duration = Duration::from_millis(1_000);

fn our_heartbeat() -> Heartbeat {
    Heartbeat { interval: Some(INTERVAL), timeout: Some(TIMEOUT), ttl: Some(TIMEOUT) }
}

fn set_theirs(socket: &monocoque_interop::zmq::Socket) {
    for (option, time) in
        [(ZMQ_HEARTBEAT_IVL, INTERVAL), (ZMQ_HEARTBEAT_TIMEOUT, TIMEOUT), (ZMQ_HEARTBEAT_TTL, TIMEOUT)]
    {
        socket.set_int(option, time.as_millis() as i32).expect("every type takes it");
    }
}

fn disconnect_reason(event: &Event) -> Option<DisconnectReason> {
    match event {
        Event::Disconnected { reason, .. } => Some(reason.clone()),
        _ => None,
    }
}

fn is_ready(event: &Event) -> Option<()> {
    matches!(event, Event::HandshakeSucceeded(_)).then_some(())
}

#[test]
fn ours_keep_an_idle_connection_up() {
    let (dealer, endpoint) = theirs_bound(Kind::Dealer, LOOPBACK);
    let ours = ours(|ctx| ctx.dealer().heartbeat(our_heartbeat()));
    let monitor = ours.monitor();
    ours.connect(endpoint).expect("the endpoint is sound");
    event(&monitor, "it is connected", is_ready);
    assert_eq!(attempt(IDLE, monitor.recv()), None);
    ours.blocking().send("still there").expect("sent");
    assert_eq!(party::recv(&dealer), Ok(Message::from("still there")));
}

#[test]
fn theirs_keep_an_idle_connection_up() {
    let ours = ours(|ctx| ctx.dealer());
    let endpoint = bind(&ours, LOOPBACK);
    let dealer = theirs(Kind::Dealer);
    set_theirs(&dealer);
    let monitor = dealer.monitor(ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("monitored");
    dealer.connect(&endpoint).expect("the endpoint is sound");
    monitor.wait_for(ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("connected");
    assert!(monitor.next_event_within(IDLE.as_millis() as i32).is_err_and(|error| error.is_timeout()));
    dealer.send(b"still there", false).expect("sent");
    assert_eq!(ours.blocking().recv(), Ok(Message::from("still there")));
}

#[test]
fn an_application_that_does_not_read_is_not_taken_for_dead() {
    let ours = ours(|ctx| ctx.pull().heartbeat(our_heartbeat()).recv_hwm(monocoque::Hwm::messages(1)));
    let our_monitor = ours.monitor();
    let endpoint = bind(&ours, LOOPBACK);
    let push = theirs(Kind::Push);
    set_theirs(&push);
    let monitor = push.monitor(ZMQ_EVENT_DISCONNECTED).expect("monitored");
    push.connect(&endpoint).expect("the endpoint is sound");
    let numbers = || 0..100_u8;
    numbers().for_each(|number| push.send(&[number], false).expect("queued"));
    event(&our_monitor, "it is connected", is_ready);
    assert_eq!(attempt(IDLE, our_monitor.recv()), None);
    assert!(monitor.next_event_within(1).is_err_and(|error| error.is_timeout()));
    numbers().for_each(|number| assert_eq!(ours.blocking().recv(), Ok(Message::from(&[number]))));
}

#[test]
fn we_notice_that_they_do_not_answer() {
    let ours = ours(|ctx| ctx.dealer().heartbeat(our_heartbeat()));
    let monitor = ours.monitor();
    let endpoint = bind(&ours, LOOPBACK);
    let peer = Process::start(PEER, ["theirs", "dealer", "connect", &endpoint]);
    peers(&ours, 1);
    peer.stop();
    let reason = event(&monitor, "the stopped peer is given up", disconnect_reason);
    assert_eq!(reason, DisconnectReason::Protocol(SessionError::HeartbeatTimeout { allowed: TIMEOUT }));
    assert_eq!(ours.peers(), 0);
    peer.go_on();
    event(&monitor, "it comes back", is_ready);
}

#[test]
fn we_hold_them_to_the_time_that_they_promised() {
    let ours = ours(|ctx| ctx.dealer());
    let monitor = ours.monitor();
    let endpoint = bind(&ours, LOOPBACK);
    let interval_ms = 100;
    let peer = Process::start(PEER, ["theirs", "dealer", "connect", &endpoint, &interval_ms.to_string()]);
    peers(&ours, 1);
    assert_eq!(
        attempt(IDLE, async {
            loop {
                let event = monitor.recv().await.expect("the socket lives");
                if let Some(reason) = disconnect_reason(&event) {
                    return reason;
                }
            }
        }),
        None
    );
    peer.stop();
    let reason = event(&monitor, "the stopped peer is given up", disconnect_reason);
    let ttl = 3 * Duration::from_millis(interval_ms);
    assert_eq!(reason, DisconnectReason::Protocol(SessionError::TtlExpired { ttl }));
}

#[test]
fn they_notice_that_we_do_not_answer() {
    let dealer = theirs(Kind::Dealer);
    set_theirs(&dealer);
    let monitor = dealer.monitor(ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("monitored");
    dealer.bind(LOOPBACK).expect("bound");
    let endpoint = dealer.last_endpoint().expect("bound");
    let peer = Process::start(PEER, ["ours", "dealer", "connect", &endpoint]);
    monitor.wait_for(ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("connected");
    peer.stop();
    monitor.wait_for(ZMQ_EVENT_DISCONNECTED).expect("given up");
    peer.go_on();
    monitor.wait_for(ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("back");
}

#[test]
fn they_hold_us_to_the_time_that_we_promised() {
    // Their own heartbeats are off: only the time to live in ours makes them judge us.
    let (dealer, endpoint) = theirs_bound(Kind::Dealer, LOOPBACK);
    let monitor = dealer.monitor(ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("monitored");
    let peer = Process::start(PEER, ["ours", "dealer", "connect", &endpoint, "100"]);
    monitor.wait_for(ZMQ_EVENT_HANDSHAKE_SUCCEEDED).expect("connected");
    assert!(monitor.next_event_within(IDLE.as_millis() as i32).is_err_and(|error| error.is_timeout()));
    // It falls silent after a PING: a message behind it would have fulfilled the promise.
    peer.stop();
    monitor.wait_for(ZMQ_EVENT_DISCONNECTED).expect("given up");
}
