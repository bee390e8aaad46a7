//! Where a socket of ours was bound, another can bind as soon as `close` has returned.

use monocoque_interop::deadline::within;
use monocoque_interop::fixture::{LOOPBACK, bind, bind_again, ours, peers, theirs, theirs_connected, vacant_path};
use monocoque_interop::zmq::Kind;

const TIMES: usize = 50;

#[test]
fn after_close_over_tcp() {
    let mut pull = ours(|ctx| ctx.pull());
    let endpoint = bind(&pull, LOOPBACK);
    for _ in 0..TIMES {
        within(pull.close());
        pull = ours(|ctx| ctx.pull());
        bind(&pull, &endpoint);
    }
}

#[test]
fn after_close_with_a_peer_over_tcp() {
    let mut pull = ours(|ctx| ctx.pull());
    let endpoint = bind(&pull, LOOPBACK);
    let _push = theirs_connected(Kind::Push, &endpoint);
    for _ in 0..TIMES {
        peers(&pull, 1);
        within(pull.close());
        pull = ours(|ctx| ctx.pull());
        bind(&pull, &endpoint);
    }
}

#[test]
fn after_close_over_ipc() {
    let (_folder, endpoint) = vacant_path();
    for _ in 0..TIMES {
        let pull = ours(|ctx| ctx.pull());
        bind(&pull, &endpoint);
        within(pull.close());
        assert!(!std::path::Path::new(&endpoint["ipc://".len()..]).exists(), "the path is left");
    }
}

#[test]
fn for_libzmq_too() {
    let pull = ours(|ctx| ctx.pull());
    let endpoint = bind(&pull, LOOPBACK);
    within(pull.close());
    assert_eq!(theirs(Kind::Pull).bind(&endpoint), Ok(()));
}

#[test]
fn after_unbind_soon() {
    // `unbind` does not wait, as zmq_unbind does not.
    let pull = ours(|ctx| ctx.pull());
    let endpoint = bind(&pull, LOOPBACK);
    for _ in 0..TIMES {
        pull.unbind(&endpoint).expect("bound there");
        bind_again(&pull, &endpoint);
    }
}
