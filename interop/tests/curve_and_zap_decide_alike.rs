//! CURVE with libzmq (and libsodium) as client and as server, whichever side binds: every pair of types, every size of
//! message, who is let in, and what both monitors tell of who is not. And the ZAP handlers of both, asked alike.
//!
//! Where interop's libzmq was built without libsodium the tests say so and pass, unless `MONOCOQUE_REQUIRE_CURVE` is set.

use monocoque::{
    AccessPolicy, Any, Applicant, Context, DisconnectReason, Event, Message, Monitor, NoVerdict, PeerMisbehaved,
    PublicKey, Refusal, SecretKey, SessionError, Socket, SocketType, Verdict, ZapRequest, block_on, new_secret_key,
};
use monocoque_interop::deadline::{broken_rule, event, handshake_failure};
use monocoque_interop::ffi::{
    ZMQ_CURVE_PUBLICKEY, ZMQ_CURVE_SECRETKEY, ZMQ_CURVE_SERVER, ZMQ_CURVE_SERVERKEY, ZMQ_EVENT_ALL,
    ZMQ_EVENT_DISCONNECTED, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ZMQ_HANDSHAKE_IVL, ZMQ_HEARTBEAT_IVL, ZMQ_HEARTBEAT_TIMEOUT, ZMQ_ZAP_DOMAIN,
};
use monocoque_interop::fixture::{LOOPBACK, bind, patient, theirs};
use monocoque_interop::judged::Judged;
use monocoque_interop::party::{self, kind_of};
use monocoque_interop::zmq::{self, Kind};

/// Sizes around every edge of frames and boxes.
const SIZES: [usize; 12] = [0, 1, 221, 222, 223, 255, 256, 8191, 8192, 65_536, 1 << 20, 16 << 20];

fn has_curve() -> bool {
    let has = zmq::has("curve");
    assert!(has || std::env::var_os("MONOCOQUE_REQUIRE_CURVE").is_none(), "libzmq was built without libsodium");
    if !has {
        eprintln!("interop's libzmq has no libsodium, so nothing is tested");
    }
    has
}

fn secret() -> SecretKey {
    new_secret_key().expect("random bytes")
}

fn with_pair(socket: zmq::Socket, secret: &SecretKey) -> zmq::Socket {
    socket.set_bytes(ZMQ_CURVE_PUBLICKEY, secret.public().as_bytes()).expect("a key");
    socket.set_bytes(ZMQ_CURVE_SECRETKEY, secret.expose()).expect("a key");
    socket
}

fn as_server(socket: zmq::Socket, secret: &SecretKey) -> zmq::Socket {
    let socket = with_pair(socket, secret);
    socket.set_int(ZMQ_CURVE_SERVER, 1).expect("taken");
    socket
}

fn their_server(kind: Kind, secret: &SecretKey) -> zmq::Socket {
    as_server(theirs(kind), secret)
}

fn their_client(kind: Kind, server: PublicKey, secret: &SecretKey) -> zmq::Socket {
    let socket = with_pair(theirs(kind), secret);
    socket.set_bytes(ZMQ_CURVE_SERVERKEY, server.as_bytes()).expect("a key");
    socket
}

fn our_server(kind: SocketType, secret: &SecretKey) -> Socket<Any> {
    patient(Context::new().socket(kind)).curve_server(secret.clone()).build().expect("the options fit")
}

fn our_client(kind: SocketType, server: PublicKey, secret: SecretKey) -> Socket<Any> {
    patient(Context::new().socket(kind)).curve_client(server, secret).build().expect("the options fit")
}

fn their_endpoint(socket: &zmq::Socket) -> String {
    socket.bind(LOOPBACK).expect("bound");
    socket.last_endpoint().expect("bound")
}

/// Messages of every size, and one of several frames, from and to a DEALER.
fn talk(ours: &Socket<Any>, theirs: &zmq::Socket) {
    let bodies: Vec<Vec<u8>> = SIZES.iter().map(|&size| (0..size).map(|at| (at % 251) as u8).collect()).collect();
    let sizes: Vec<Message> = bodies.iter().map(|body| Message::from(body.as_slice())).collect();
    let parts = Message::multipart([&b"a"[..], b"", &[7; 100_000], b"z"]);
    for message in sizes.into_iter().chain([parts]) {
        party::send(theirs, &message).expect("sent");
        assert!(ours.blocking().recv().expect("there") == message, "{} bytes to us", message.byte_len());
        ours.blocking().send(message.clone()).expect("sent");
        assert!(party::recv(theirs).expect("there") == message, "{} bytes from us", message.byte_len());
    }
}

#[test]
fn every_size_passes_both_ways_whoever_binds_and_whoever_is_server() {
    if !has_curve() {
        return;
    }
    let (server, client) = (secret(), secret());
    let (ours, theirs) =
        (our_server(SocketType::Dealer, &server), their_client(Kind::Dealer, server.public(), &client));
    theirs.connect(&bind(&ours, LOOPBACK)).expect("sound");
    talk(&ours, &theirs);

    let (ours, theirs) =
        (our_server(SocketType::Dealer, &server), their_client(Kind::Dealer, server.public(), &client));
    ours.connect(their_endpoint(&theirs)).expect("sound");
    talk(&ours, &theirs);

    let (ours, theirs) =
        (our_client(SocketType::Dealer, server.public(), client.clone()), their_server(Kind::Dealer, &server));
    ours.connect(their_endpoint(&theirs)).expect("sound");
    talk(&ours, &theirs);

    let (ours, theirs) = (our_client(SocketType::Dealer, server.public(), client), their_server(Kind::Dealer, &server));
    theirs.connect(&bind(&ours, LOOPBACK)).expect("sound");
    talk(&ours, &theirs);
}

#[test]
fn pings_within_a_stream_are_answered_in_turn() {
    const MESSAGES: u32 = 100_000;
    if !has_curve() {
        return;
    }
    let (server, client) = (secret(), secret());
    let (ours, theirs) = (our_client(SocketType::Push, server.public(), client), their_server(Kind::Pull, &server));
    theirs.set_int(ZMQ_HEARTBEAT_IVL, 1).expect("taken");
    theirs.set_int(ZMQ_HEARTBEAT_TIMEOUT, 10_000).expect("taken");
    let monitor = theirs.monitor(ZMQ_EVENT_DISCONNECTED).expect("monitored");
    ours.connect(their_endpoint(&theirs)).expect("sound");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut body = [7; 1024];
            for n in 0..MESSAGES {
                body[..4].copy_from_slice(&n.to_be_bytes());
                ours.blocking().send(Message::from(&body[..])).expect("open");
            }
        });
        for n in 0..MESSAGES {
            let message = party::recv(&theirs).expect("there");
            assert_eq!(message.first()[..4], n.to_be_bytes());
        }
    });
    assert!(monitor.next_event_within(0).is_err_and(|error| error.is_timeout()), "the connection was lost");
}

#[test]
fn every_type_that_may_talk_gets_in() {
    if !has_curve() {
        return;
    }
    let (server, client) = (secret(), secret());
    for (ours, theirs) in SocketType::ZMTP.into_iter().flat_map(|a| SocketType::ZMTP.map(|b| (a, b))) {
        if !ours.accepts(theirs) {
            continue;
        }
        let ready = |monitor: &Monitor| {
            let facts = event(monitor, &format!("our {ours} meets their {theirs}"), |event| match event {
                Event::HandshakeSucceeded(facts) => Some(facts.clone()),
                _ => None,
            });
            assert_eq!((facts.socket_type, facts.mechanism), (Some(theirs), Some("CURVE")));
        };
        let (us, them) = (our_server(ours, &server), their_client(kind_of(theirs), server.public(), &client));
        let monitor = us.monitor();
        them.connect(&bind(&us, LOOPBACK)).expect("sound");
        ready(&monitor);

        let (us, them) = (our_client(ours, server.public(), client.clone()), their_server(kind_of(theirs), &server));
        let monitor = us.monitor();
        us.connect(their_endpoint(&them)).expect("sound");
        ready(&monitor);
    }
}

#[test]
fn a_client_that_knows_another_key_is_told_apart_at_the_server() {
    if !has_curve() {
        return;
    }
    let (right, wrong) = (secret(), secret());
    let (server, client) = (our_server(SocketType::Pull, &right), their_client(Kind::Push, wrong.public(), &secret()));
    let at_server = server.monitor();
    client.connect(&bind(&server, LOOPBACK)).expect("sound");
    assert_eq!(broken_rule(&at_server), PeerMisbehaved::BoxForged("HELLO").into());
    assert_eq!(server.peers(), 0);

    let (server, client) = (their_server(Kind::Pull, &right), our_client(SocketType::Push, wrong.public(), secret()));
    let (at_server, at_client) = (server.monitor(ZMQ_EVENT_ALL).expect("live"), client.monitor());
    client.connect(their_endpoint(&server)).expect("sound");
    let told = at_server.wait_for(ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL).expect("told");
    assert_eq!(told.value, 0x1100_0001);
    assert_eq!(broken_rule(&at_client), SessionError::HelloUnanswered, "it closes, without a word");
}

#[test]
fn a_peer_without_the_mechanism_is_refused_both_ways_and_told_apart() {
    if !has_curve() {
        return;
    }
    let key = secret();
    let server = our_server(SocketType::Pull, &key);
    let at_server = server.monitor();
    let client = theirs(Kind::Push);
    let at_client = client.monitor(ZMQ_EVENT_ALL).expect("live");
    client.connect(&bind(&server, LOOPBACK)).expect("sound");
    // libzmq may leave as soon as it has seen our mechanism, and before it has told its own.
    let told = handshake_failure(&at_server);
    let left = matches!(told, DisconnectReason::PeerClosed { .. } | DisconnectReason::Network(_));
    assert!(left || told.to_string() == "the peer asks for mechanism 'NULL', we for 'CURVE'", "{told}");
    at_client.wait_for(ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL).expect("told");

    let server = their_server(Kind::Pull, &key);
    let client = patient(Context::new().socket(SocketType::Push)).build().expect("valid");
    let at_client = client.monitor();
    client.connect(their_endpoint(&server)).expect("sound");
    assert_eq!(broken_rule(&at_client).to_string(), "the peer asks for mechanism 'CURVE', we for 'NULL'");
}

#[test]
fn their_handler_judges_our_client() {
    if !has_curve() {
        return;
    }
    let (server, known) = (secret(), secret());
    let key = known.public();
    let judged = Judged::by(move |request| {
        assert_eq!(
            (&request[2][..], &request[3][..], &request[5][..]),
            (&b"shop"[..], &b"127.0.0.1"[..], &b"CURVE"[..])
        );
        if request[6] == key.as_bytes() { ("200", "ann") } else { ("400", "") }
    });
    for (client, let_in) in [(known, true), (secret(), false)] {
        let theirs = as_server(judged.socket(Kind::Dealer), &server);
        theirs.set_bytes(ZMQ_ZAP_DOMAIN, b"shop").expect("taken");
        let at_server = theirs.monitor(ZMQ_EVENT_ALL).expect("live");
        let ours = our_client(SocketType::Dealer, server.public(), client);
        let at_client = ours.monitor();
        ours.connect(their_endpoint(&theirs)).expect("sound");
        if let_in {
            talk(&ours, &theirs);
        } else {
            assert_eq!(broken_rule(&at_client).status(), Some(400));
            assert_eq!(at_server.wait_for(ZMQ_EVENT_HANDSHAKE_FAILED_AUTH).expect("told").value, 400);
        }
    }
}

/// A server of ours with a ZAP handler that decides `verdict`, and the request about `client` that it got.
fn our_handler(client: &zmq::Socket, server: &SecretKey, verdict: Verdict) -> (Socket<Any>, Monitor, ZapRequest) {
    let ctx = Context::new();
    let handler = ctx.rep().build().expect("valid");
    handler.blocking().bind("inproc://zeromq.zap.01").expect("free");
    let pull = patient(ctx.socket(SocketType::Pull)).curve_server(server.clone()).zap_domain("shop");
    let pull = pull.build().expect("the options fit");
    let monitor = pull.monitor();
    client.connect(&bind(&pull, LOOPBACK)).expect("sound");
    let request = ZapRequest::parse(&handler.blocking().recv().expect("asked")).expect("sound");
    handler.blocking().send(request.answer(&verdict)).expect("sent");
    (pull, monitor, request)
}

#[test]
fn our_handler_judges_their_client() {
    if !has_curve() {
        return;
    }
    let (server, client) = (secret(), secret());
    let push = their_client(Kind::Push, server.public(), &client);
    let (pull, _, request) = our_handler(&push, &server, Verdict::accept("ann"));
    assert_eq!((request.domain.as_str(), &*request.applicant.address), ("shop", "127.0.0.1"));
    assert_eq!(request.applicant.credentials.mechanism(), "CURVE");
    push.send(b"let in", false).expect("sent");
    let (message, peer) = block_on(pull.recv_with_peer()).expect("there");
    assert_eq!((message, peer.and_then(|peer| peer.user_id.clone())), ("let in".into(), Some("ann".into())));

    for (refusal, status) in [(Refusal::Denied, 400), (Refusal::Internal, 500)] {
        let push = their_client(Kind::Push, server.public(), &client);
        let told = push.monitor(ZMQ_EVENT_ALL).expect("live");
        let (_pull, monitor, _) = our_handler(&push, &server, Verdict::Refused(refusal));
        assert_eq!(broken_rule(&monitor), SessionError::AuthenticationFailed { status });
        assert_eq!(told.wait_for(ZMQ_EVENT_HANDSHAKE_FAILED_AUTH).expect("told").value, u32::from(status));
    }
}

#[test]
fn a_temporary_refusal_is_tried_again_by_both() {
    if !has_curve() {
        return;
    }
    let (server, client) = (secret(), secret());
    let push = their_client(Kind::Push, server.public(), &client);
    push.set_int(monocoque_interop::ffi::ZMQ_RECONNECT_IVL, 10).expect("taken");
    let told = push.monitor(ZMQ_EVENT_ALL).expect("live");
    let ctx = Context::new();
    let handler = ctx.rep().build().expect("valid");
    handler.blocking().bind("inproc://zeromq.zap.01").expect("free");
    let pull = patient(ctx.socket(SocketType::Pull)).curve_server(server.clone()).build().expect("the options fit");
    push.connect(&bind(&pull, LOOPBACK)).expect("sound");
    for verdict in [Verdict::Refused(Refusal::Temporary), Verdict::accept("")] {
        let request = ZapRequest::parse(&handler.blocking().recv().expect("asked")).expect("sound");
        handler.blocking().send(request.answer(&verdict)).expect("sent");
    }
    told.wait_for(ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL).expect("told");
    push.send(b"in the end", false).expect("sent");
    assert_eq!(pull.blocking().recv().expect("there"), "in the end".into());

    let judged = Judged::by({
        let asked = std::sync::atomic::AtomicBool::new(false);
        move |_| if asked.swap(true, std::sync::atomic::Ordering::Relaxed) { ("200", "") } else { ("300", "") }
    });
    let theirs = as_server(judged.socket(Kind::Pull), &server);
    // libzmq leaves the connection as it is until the time for the handshake is over.
    theirs.set_int(ZMQ_HANDSHAKE_IVL, 200).expect("taken");
    let ours = our_client(SocketType::Push, server.public(), client);
    ours.connect(their_endpoint(&theirs)).expect("sound");
    ours.blocking().send("in the end").expect("sent");
    assert_eq!(party::recv(&theirs).expect("there"), "in the end".into());
}

#[test]
fn null_is_judged_by_both_if_there_is_a_domain() {
    let judged = Judged::by(|request| {
        assert_eq!((&request[2][..], &request[5][..], request.len()), (&b"shop"[..], &b"NULL"[..], 6));
        ("400", "")
    });
    let theirs = judged.socket(Kind::Pull);
    theirs.set_bytes(ZMQ_ZAP_DOMAIN, b"shop").expect("taken");
    let ours = patient(Context::new().socket(SocketType::Push)).build().expect("valid");
    let at_client = ours.monitor();
    ours.connect(their_endpoint(&theirs)).expect("sound");
    assert_eq!(broken_rule(&at_client).status(), Some(400));

    let policy = AccessPolicy::new().deny("127.0.0.0/8".parse().expect("a range"));
    let ours = patient(Context::new().socket(SocketType::Pull)).authenticator(policy).build().expect("valid");
    let theirs = monocoque_interop::fixture::theirs(Kind::Push);
    let at_client = theirs.monitor(ZMQ_EVENT_ALL).expect("live");
    theirs.connect(&bind(&ours, LOOPBACK)).expect("sound");
    assert_eq!(at_client.wait_for(ZMQ_EVENT_HANDSHAKE_FAILED_AUTH).expect("told").value, 400);
}

#[test]
fn a_handler_that_answers_nonsense_lets_nobody_in() {
    let ctx = Context::new();
    let handler = ctx.rep().build().expect("valid");
    handler.blocking().bind("inproc://zeromq.zap.01").expect("free");
    let pull = patient(ctx.socket(SocketType::Pull)).zap_domain("shop").build().expect("the options fit");
    let monitor = pull.monitor();
    let push = theirs(Kind::Push);
    push.connect(&bind(&pull, LOOPBACK)).expect("sound");
    handler.blocking().recv().expect("asked");
    handler.blocking().send("yes").expect("sent");
    assert_eq!(broken_rule(&monitor), SessionError::Unjudged(NoVerdict::Malformed));
    // And one that goes away leaves nobody waiting.
    handler.blocking().recv().expect("asked again");
    drop(handler);
    assert_eq!(broken_rule(&monitor), SessionError::Unjudged(NoVerdict::HandlerGone));
}

#[test]
fn a_closure_judges_their_client_by_its_key() {
    if !has_curve() {
        return;
    }
    let (server, client) = (secret(), secret());
    let judge = |applicant: Applicant| Verdict::accept(format!("{:?}", applicant.credentials));
    let pull = patient(Context::new().socket(SocketType::Pull)).curve_server(server.clone()).authenticator(judge);
    let pull = pull.build().expect("the options fit");
    let push = their_client(Kind::Push, server.public(), &client);
    push.connect(&bind(&pull, LOOPBACK)).expect("sound");
    push.send(b"hello", false).expect("sent");
    let (_, peer) = block_on(pull.recv_with_peer()).expect("there");
    let user = peer.and_then(|peer| peer.user_id.clone()).expect("named");
    assert!(user.contains(&client.public().to_string()), "{user}");
}
