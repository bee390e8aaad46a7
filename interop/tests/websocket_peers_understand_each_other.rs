//! What the matrix does not show of WebSocket: mechanisms, heartbeats, and peers that do not suit each other.

use std::time::Duration;

use monocoque::{
    Any, Context, DisconnectReason, Event, Heartbeat, Message, PlainTable, Socket, SocketType, UpgradeFault, WsError,
    new_secret_key,
};
use monocoque_interop::deadline::{event, eventually};
use monocoque_interop::ffi::{
    ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY, ZMQ_CURVE_SERVER, ZMQ_CURVE_SERVERKEY, ZMQ_EVENT_ALL,
    ZMQ_EVENT_DISCONNECTED, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ZMQ_HEARTBEAT_IVL, ZMQ_HEARTBEAT_TIMEOUT,
    ZMQ_PLAIN_PASSWORD, ZMQ_PLAIN_SERVER, ZMQ_PLAIN_USERNAME, ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED,
};
use monocoque_interop::fixture::{bind, patient, peers, theirs, theirs_bound, theirs_connected};
use monocoque_interop::judged::Judged;
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

const WS: &str = "ws://127.0.0.1:*/zeromq";

fn our_dealer() -> Socket<Any> {
    patient(Context::new().socket(SocketType::Dealer)).build().expect("the options fit")
}

/// A question and an answer of several frames, one of them long, from and to a DEALER.
fn talk(ours: &Socket<Any>, theirs: &zmq::Socket) {
    let parts = [&b"a"[..], b"", &[7; 100_000]];
    theirs.send_multipart(&parts).expect("sent");
    assert_eq!(ours.blocking().recv(), Ok(Message::from(parts)));
    ours.blocking().send(Message::from(parts)).expect("sent");
    assert_eq!(party::recv(theirs), Ok(Message::from(parts)));
}

/// Each answer to a ping is a read more than what was said.
fn pings_are_answered(ours: &Socket<Any>) {
    let reads = || ours.stats().connections.first().map(|one| one.link.reads);
    let before = reads().expect("connected");
    eventually("pings are answered", || reads().filter(|&now| now >= before + 3));
}

fn their_plain_client(password: &str) -> zmq::Socket {
    let client = theirs(Kind::Dealer);
    client.set_bytes(ZMQ_PLAIN_USERNAME, b"ann").expect("short");
    client.set_bytes(ZMQ_PLAIN_PASSWORD, password.as_bytes()).expect("short");
    client
}

fn our_plain_server() -> Socket<Any> {
    let table = PlainTable::new([("ann", "secret")]).expect("short");
    patient(Context::new().socket(SocketType::Dealer))
        .plain_server(true)
        .authenticator(table)
        .build()
        .expect("the options fit")
}

#[test]
fn plain_lets_in_whoever_binds() {
    let (server, client) = (our_plain_server(), their_plain_client("secret"));
    client.connect(&bind(&server, WS)).expect("sound");
    talk(&server, &client);

    let (server, client) = (our_plain_server(), their_plain_client("secret"));
    client.bind(WS).expect("bound");
    server.connect(client.last_endpoint().expect("bound")).expect("sound");
    talk(&server, &client);
}

/// libzmq's PLAIN server asks a ZAP handler.
#[test]
fn their_plain_server_lets_us_in_whoever_binds() {
    let judged = Judged::by(|request| match request {
        [.., mechanism, user, password]
            if (&mechanism[..], &user[..], &password[..]) == (b"PLAIN", b"ann", b"secret") =>
        {
            ("200", "")
        }
        _ => ("400", ""),
    });
    let server = || {
        let server = judged.socket(Kind::Dealer);
        server.set_int(ZMQ_PLAIN_SERVER, 1).expect("taken");
        server
    };
    let client = |password: &str| {
        patient(Context::new().socket(SocketType::Dealer)).plain("ann", password).build().expect("the options fit")
    };

    let (server_there, ours) = (server(), client("secret"));
    server_there.bind(WS).expect("bound");
    let at = server_there.last_endpoint().expect("bound");
    ours.connect(&at).expect("sound");
    talk(&ours, &server_there);

    let (server_here, ours) = (server(), client("secret"));
    server_here.connect(&bind(&ours, WS)).expect("sound");
    talk(&ours, &server_here);

    let refused = client("guess");
    let monitor = refused.monitor();
    refused.connect(&at).expect("sound");
    event(&monitor, "a wrong password", |event| match event {
        Event::HandshakeFailed { .. } => Some(()),
        _ => None,
    });
}

#[test]
fn plain_refuses_a_wrong_password() {
    let (server, client) = (our_plain_server(), their_plain_client("guess"));
    let monitor = server.monitor();
    client.connect(&bind(&server, WS)).expect("sound");
    let status = event(&monitor, "the handshake fails", |event| match event {
        Event::HandshakeFailed { reason: DisconnectReason::Protocol(error), .. } => error.status(),
        _ => None,
    });
    assert_eq!((status, server.peers()), (400, 0));
}

#[test]
fn mechanisms_must_be_the_same_and_both_sides_are_told() {
    let server = our_plain_server();
    let (at_server, client) = (server.monitor(), theirs(Kind::Dealer));
    let at_client = client.monitor(ZMQ_EVENT_ALL).expect("live");
    client.connect(&bind(&server, WS)).expect("sound");
    let fault = event(&at_server, "the handshake fails", |event| match event {
        Event::HandshakeFailed { reason: DisconnectReason::WebSocket(WsError::Upgrade(fault)), .. } => {
            Some(fault.clone())
        }
        _ => None,
    });
    assert_eq!(fault, UpgradeFault::SubProtocol { ours: "PLAIN", theirs: "ZWS2.0/NULL,ZWS2.0".into() });
    let failed = at_client.wait_for(ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL).expect("told");
    assert_eq!(failed.value, ZMQ_PROTOCOL_ERROR_WS_UNSPECIFIED as u32);

    let (_server, endpoint) = theirs_bound(Kind::Dealer, WS);
    let client = patient(Context::new().socket(SocketType::Dealer)).plain("ann", "secret").build().expect("valid");
    let at_client = client.monitor();
    client.connect(endpoint).expect("sound");
    event(&at_client, "the handshake fails", |event| matches!(event, Event::HandshakeFailed { .. }).then_some(()));
}

#[test]
fn our_heartbeats_find_libzmq_alive_whoever_binds() {
    let interval = Duration::from_millis(20);
    let heartbeat = Heartbeat { interval: Some(interval), timeout: Some(Duration::from_secs(5)), ttl: None };
    for we_bind in [true, false] {
        let ours = patient(Context::new().socket(SocketType::Dealer)).heartbeat(heartbeat).build().expect("valid");
        let monitor = ours.monitor();
        let theirs = if we_bind {
            theirs_connected(Kind::Dealer, &bind(&ours, WS))
        } else {
            let (theirs, endpoint) = theirs_bound(Kind::Dealer, WS);
            ours.connect(endpoint).expect("sound");
            theirs
        };
        peers(&ours, 1);
        pings_are_answered(&ours);
        talk(&ours, &theirs);
        let ended = std::iter::from_fn(|| monitor.try_recv()).any(|event| matches!(event, Event::Disconnected { .. }));
        assert!(!ended && ours.stats().heartbeat_misses == 0);
    }
}

#[test]
fn their_heartbeats_find_us_alive_whoever_binds() {
    for we_bind in [true, false] {
        let (ours, theirs) = (our_dealer(), theirs(Kind::Dealer));
        theirs.set_int(ZMQ_HEARTBEAT_IVL, 20).expect("taken");
        theirs.set_int(ZMQ_HEARTBEAT_TIMEOUT, 5000).expect("taken");
        let monitor = theirs.monitor(ZMQ_EVENT_DISCONNECTED).expect("live");
        if we_bind {
            theirs.connect(&bind(&ours, WS)).expect("sound");
        } else {
            theirs.bind(WS).expect("bound");
            ours.connect(theirs.last_endpoint().expect("bound")).expect("sound");
        }
        peers(&ours, 1);
        eventually("pings are answered", || {
            let stats = ours.stats();
            (stats.connections.first()?.link.writes >= 8).then_some(())
        });
        talk(&ours, &theirs);
        assert!(monitor.next_event_within(1).is_err_and(|error| error.is_timeout()), "libzmq gave us up");
    }
}

#[test]
fn curve_seals_whoever_binds_and_pings_go_beside_it() {
    if !zmq::has("curve") {
        eprintln!("interop's libzmq has no libsodium, so nothing is tested");
        return;
    }
    let (server, client) = (new_secret_key().expect("random bytes"), new_secret_key().expect("random bytes"));
    let heartbeat =
        Heartbeat { interval: Some(Duration::from_millis(20)), timeout: Some(Duration::from_secs(5)), ttl: None };
    for (we_bind, we_serve) in [(true, true), (true, false), (false, true), (false, false)] {
        let builder = patient(Context::new().socket(SocketType::Dealer)).heartbeat(heartbeat);
        let theirs = theirs(Kind::Dealer);
        let theirs_key = if we_serve { &client } else { &server };
        theirs.set_bytes(ZMQ_CURVE_PUBLICKEY, theirs_key.public().as_bytes()).expect("a key");
        theirs.set_bytes(ZMQ_CURVE_SECRETKEY, theirs_key.expose()).expect("a key");
        let ours = if we_serve {
            theirs.set_bytes(ZMQ_CURVE_SERVERKEY, server.public().as_bytes()).expect("a key");
            builder.curve_server(server.clone())
        } else {
            theirs.set_int(ZMQ_CURVE_SERVER, 1).expect("taken");
            builder.curve_client(server.public(), client.clone())
        };
        let ours = ours.build().expect("the options fit");
        if we_bind {
            theirs.connect(&bind(&ours, WS)).expect("sound");
        } else {
            theirs.bind(WS).expect("bound");
            ours.connect(theirs.last_endpoint().expect("bound")).expect("sound");
        }
        peers(&ours, 1);
        talk(&ours, &theirs);
        pings_are_answered(&ours);
        talk(&ours, &theirs);
    }
}

#[test]
fn a_type_that_does_not_suit_is_turned_away() {
    let ours = our_dealer();
    let monitor = ours.monitor();
    let _theirs = theirs_connected(Kind::Sub, &bind(&ours, WS));
    // Either may find it first: libzmq then closes without a word.
    event(&monitor, "the handshake fails", |event| matches!(event, Event::HandshakeFailed { .. }).then_some(()));
    assert_eq!(ours.peers(), 0);
}
