//! As libzmq has it: a later bind takes the path; whoever closes unlinks only what is still its own.

mod common;

use std::path::Path;

use common::{Happened, Teller, bind, connect, drivers, shared, try_connect};
use monocoque_core::Endpoint;
use monocoque_core::endpoint::IpcEndpoint;
use monocoque_io::{LinkEvent, ListenConfig};

fn ipc(path: &Path) -> Endpoint {
    Endpoint::Ipc(IpcEndpoint::path(path).expect("short"))
}

fn closed(happened: Happened) -> Result<(), Happened> {
    if matches!(happened, Happened::Link(LinkEvent::ListenerClosed { .. })) { Ok(()) } else { Err(happened) }
}

#[test]
fn and_the_earlier_one_leaves_it_alone() {
    for driver in drivers() {
        let (directory, placement) = (tempfile::tempdir().expect("a directory"), shared(driver));
        let path = directory.path().join("socket");
        let (first_teller, first) = Teller::new();
        let (second_teller, second) = Teller::new();
        let config = ListenConfig::default;
        let stop_first = first_teller.listen(&placement, bind(&ipc(&path)).expect("free"), config());
        let _peer_of_first = connect(&ipc(&path));
        first.ready();
        let stop_second = second_teller.listen(&placement, bind(&ipc(&path)).expect("taken over"), config());
        let _peer_of_second = connect(&ipc(&path));
        second.ready();
        drop(stop_first);
        first.find("the first listener's end", closed);
        let _another = connect(&ipc(&path));
        second.ready();
        drop(stop_second);
        second.find("the second listener's end", closed);
        assert!(!path.exists(), "its own it unlinks");
        assert!(try_connect(&ipc(&path)).is_err());
    }
}

#[test]
fn a_binding_that_never_listened_unlinks_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let first = bind(&ipc(&path)).expect("free");
    let second = bind(&ipc(&path)).expect("taken over");
    drop(first);
    assert!(path.exists());
    drop(second);
    assert!(!path.exists());
}

#[test]
fn what_somebody_removed_or_replaced_is_not_ours() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let binding = bind(&ipc(&path)).expect("free");
    std::fs::remove_file(&path).expect("there");
    drop(binding);
    let binding = bind(&ipc(&path)).expect("free");
    std::fs::remove_file(&path).expect("there");
    std::fs::write(&path, "a file").expect("writable");
    drop(binding);
    assert_eq!(std::fs::read(&path).expect("left alone"), b"a file");
}

#[test]
fn a_file_that_is_no_socket_is_never_taken_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("precious");
    std::fs::write(&path, "data").expect("writable");
    assert_eq!(bind(&ipc(&path)).expect_err("in use").kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(std::fs::read(&path).expect("left alone"), b"data");
}

#[test]
fn a_stale_socket_file_of_a_dead_process_is_taken_over() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("stale");
    // The standard library does not unlink: what is left is what a killed process leaves.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("free"));
    assert!(path.exists());
    bind(&ipc(&path)).expect("taken over");
}
