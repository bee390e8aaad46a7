//! Wildcards are read back as the port and the path that were found; names of both kinds are reached.

mod common;

use std::io::Write;

use common::{Teller, bind, connect, drivers, shared, wire};
use monocoque_core::Endpoint;
use monocoque_io::{LinkEvent, ListenConfig};

fn reaches(written: &str) -> Endpoint {
    let mut found = None;
    for driver in drivers() {
        let placement = shared(driver);
        let binding = bind(&written.parse().expect("well formed")).expect("free");
        let endpoint = binding.endpoint().clone();
        let (teller, story) = Teller::new();
        let listening = teller.listen(&placement, binding, ListenConfig::default());
        let mut peer = connect(&endpoint);
        peer.write_all(&wire(b"hello")).expect("accepted");
        assert_eq!(*story.ready().recv().expect("a message").first(), b"hello");
        drop(listening);
        story.event("the end", |event| matches!(event, LinkEvent::ListenerClosed { .. }).then_some(()));
        found = Some(endpoint);
    }
    found.expect("a driver")
}

#[test]
fn a_port_of_zero() {
    for written in ["tcp://127.0.0.1:0", "tcp://[::1]:0", "tcp://lo:0", "tcp://localhost:0"] {
        let Endpoint::Tcp(found) = reaches(written) else { panic!("not tcp") };
        assert_ne!(found.target().port(), 0, "{written}");
    }
}

#[test]
fn a_wildcard_address() {
    let binding = bind(&"tcp://*:0".parse().expect("well formed")).expect("free");
    let Endpoint::Tcp(found) = binding.endpoint() else { panic!("not tcp") };
    assert_ne!(found.target().port(), 0);
    connect(&format!("tcp://127.0.0.1:{}", found.target().port()).parse().expect("well formed"));
}

#[test]
fn a_wildcard_path_and_it_is_gone_afterwards() {
    let found = reaches("ipc://*").to_string();
    let path = found.strip_prefix("ipc://").expect("ipc");
    assert!(path.len() > 1 && !path.contains('*'));
    let binding = bind(&"ipc://*".parse().expect("well formed")).expect("free");
    let path = binding.endpoint().to_string().replace("ipc://", "");
    let directory = std::path::Path::new(&path).parent().expect("a directory of its own").to_owned();
    assert!(directory.exists());
    drop(binding);
    assert!(!directory.exists());
}

#[test]
fn an_abstract_name() {
    let name = format!("ipc://@monocoque-test-{}", std::process::id());
    assert_eq!(reaches(&name).to_string(), name);
}

#[test]
fn an_address_that_is_taken_is_an_error() {
    let first = bind(&common::tcp()).expect("free");
    let error = bind(first.endpoint()).expect_err("taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let error = bind(&"tcp://no-such-interface-here:0".parse().expect("well formed")).expect_err("unknown");
    assert!(error.raw_os_error().is_none() || error.kind() != std::io::ErrorKind::AddrInUse, "{error}");
}
