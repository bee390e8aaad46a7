//! `probe`: a verdict for each kind of thing that may be at the other end.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::harness::{Ended, ipc, run, start};

fn probe(endpoint: &str) -> Ended {
    run(&format!("probe {endpoint} --timeout 500"), "")
}

/// A server that says `greeting` to one caller, and listens until the caller leaves.
fn server(greeting: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    std::thread::spawn(move || {
        let (mut caller, _) = listener.accept().expect("the probe calls");
        caller.write_all(greeting).expect("the probe listens");
        let _ = caller.read_to_end(&mut Vec::new());
    });
    endpoint
}

#[test]
fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp://{}", listener.local_addr().expect("it is bound"));
    drop(listener);
    let ended = probe(&endpoint);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.out.concat().contains("Nobody listens there"), "{ended:?}");

    let (_directory, endpoint) = ipc();
    assert!(probe(&endpoint).out.concat().contains("Nobody listens there"));
}

#[test]
fn what_is_not_zeromq() {
    let ended = probe(&server(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.out.concat().contains("not ZeroMQ") && ended.out.concat().contains("HTTP"), "{ended:?}");
}

#[test]
fn what_says_nothing() {
    let ended = probe(&server(b""));
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.out.concat().contains("says nothing"), "{ended:?}");
}

#[test]
fn what_wants_curve() {
    let mut greeting = Vec::from(*b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01CURVE");
    greeting.resize(64, 0);
    let ended = probe(&server(greeting.leak()));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.out.concat().contains("wants CURVE"), "{ended:?}");
}

#[test]
fn what_is_old() {
    let out = probe(&server(b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x04\0\0")).fine().join("\n");
    assert!(out.contains("ZMTP version  2.0") && out.contains("socket type   REP"), "{out}");
    let out = probe(&server(b"\x05\0name")).fine().join("\n");
    assert!(out.contains("ZMTP version  1.0") && out.contains("identity      name"), "{out}");
    assert!(!out.contains("socket type ") && out.contains("does not say what type it is"), "{out}");
}

#[test]
fn a_rep_is_a_rep() {
    let mut rep = start("rep @tcp://127.0.0.1:* --echo");
    let ended = probe(&rep.told("bound "));
    let out = ended.fine().join("\n");
    assert!(out.contains("socket type   REP") && out.contains("mechanism     NULL"), "{out}");
    assert!(out.contains("ZMTP version  3.1"), "{out}");
    assert!(out.contains("`monocoque req or dealer`"), "{out}");
}

#[test]
fn a_type_that_a_dealer_does_not_talk_to_is_called_again() {
    let mut router = start("pub @tcp://127.0.0.1:*");
    let endpoint = router.told("bound ");
    let out = run(&format!("probe {endpoint} --json"), "").fine().concat();
    assert!(out.contains("\"socket_type\":\"PUB\"") && out.contains("\"probed_as\":\"SUB\""), "{out}");
}

#[test]
fn a_chosen_identity_is_shown() {
    let mut dealer = start("dealer @tcp://127.0.0.1:* --identity worker-1");
    let out = probe(&dealer.told("bound ")).fine().join("\n");
    assert!(out.contains("identity      worker-1"), "{out}");
}

#[test]
fn what_cannot_be_probed_is_a_usage_error() {
    for endpoint in ["inproc://x", "tcp://*:5555", "nonsense"] {
        assert_eq!(probe(endpoint).code, Some(1), "{endpoint}");
    }
}
