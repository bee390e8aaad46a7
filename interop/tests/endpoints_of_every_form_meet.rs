//! Endpoints that one library prints, the other connects to.

use monocoque::Message;
use monocoque_interop::ffi::ZMQ_IPV6;
use monocoque_interop::fixture::{bind, ours, theirs, theirs_connected};
use monocoque_interop::party;
use monocoque_interop::zmq::Kind;

/// Both ways: libzmq connects to what we print, and we to what libzmq prints.
fn meet(endpoint: &str) {
    meet_at_ours(endpoint);
    meet_at_theirs(endpoint);
}

fn meet_at_ours(endpoint: &str) {
    let pull = ours(|ctx| ctx.pull());
    let real = bind(&pull, endpoint);
    let push = theirs(Kind::Push);
    push.set_int(ZMQ_IPV6, 1).expect("every type takes it");
    push.connect(&real).unwrap_or_else(|error| panic!("{real}: {error}"));
    push.send(b"to us", false).expect("sent");
    assert_eq!(pull.blocking().recv(), Ok(Message::from("to us")), "{real}");
}

fn meet_at_theirs(endpoint: &str) {
    let pull = theirs(Kind::Pull);
    pull.set_int(ZMQ_IPV6, i32::from(endpoint.contains('['))).expect("every type takes it");
    pull.bind(endpoint).unwrap_or_else(|error| panic!("{endpoint}: {error}"));
    let real = pull.last_endpoint().expect("bound");
    let push = ours(|ctx| ctx.push());
    push.connect(&real).unwrap_or_else(|error| panic!("{real}: {error}"));
    push.blocking().send("to them").expect("sent");
    assert_eq!(party::recv(&pull), Ok(Message::from("to them")), "{real}");
}

#[test]
fn loopback_with_a_wildcard_port() {
    meet("tcp://127.0.0.1:*");
    meet("tcp://127.0.0.1:0");
}

#[test]
fn names_of_hosts_and_interfaces() {
    meet("tcp://localhost:*");
    meet("tcp://lo:*");
}

#[test]
fn ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        // Without IPv6 neither library can, and both must say so.
        assert!(monocoque_interop::deadline::within(ours(|ctx| ctx.pull()).bind("tcp://[::1]:*")).is_err());
        return;
    }
    meet("tcp://[::1]:*");
}

#[test]
fn abstract_names() {
    let name = format!("ipc://@monocoque-interop-{}", std::process::id());
    meet_at_ours(&format!("{name}-ours"));
    meet_at_theirs(&format!("{name}-theirs"));
}

#[test]
fn relative_paths_and_wildcards() {
    let pull = ours(|ctx| ctx.pull());
    let real = bind(&pull, "ipc://*");
    let push = theirs_connected(Kind::Push, &real);
    push.send(b"to us", false).expect("sent");
    assert_eq!(pull.blocking().recv(), Ok(Message::from("to us")));
}

#[test]
fn a_source_address() {
    let (pull, endpoint) = monocoque_interop::fixture::theirs_bound(Kind::Pull, "tcp://127.0.0.1:*");
    let push = ours(|ctx| ctx.push());
    let target = endpoint.strip_prefix("tcp://").expect("tcp");
    push.connect(format!("tcp://127.0.0.2:0;{target}")).expect("the endpoint is sound");
    push.blocking().send("from the other loopback").expect("sent");
    let mut received = monocoque_interop::zmq::Message::new();
    pull.recv_into(&mut received).expect("in time");
    assert_eq!(received.property("Peer-Address").as_deref(), Some("127.0.0.2"));
}

#[test]
fn a_later_bind_takes_the_path_over_from_either() {
    let (_folder, endpoint) = monocoque_interop::fixture::vacant_path();
    let first = ours(|ctx| ctx.pull());
    bind(&first, &endpoint);
    let second = theirs(Kind::Pull);
    second.bind(&endpoint).expect("taken over");
    let push = ours(|ctx| ctx.push());
    push.connect(&endpoint).expect("the endpoint is sound");
    push.blocking().send("to the second").expect("sent");
    assert_eq!(party::recv(&second), Ok(Message::from("to the second")));
    let third = ours(|ctx| ctx.pull());
    bind(&third, &endpoint);
    let push = theirs_connected(Kind::Push, &endpoint);
    push.send(b"to the third", false).expect("sent");
    assert_eq!(third.blocking().recv(), Ok(Message::from("to the third")));
}
