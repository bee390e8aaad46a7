//! What EVENTS and a poll say of sockets without a peer.

use crate::c::{Ctx, DEALER, DISH, PEER, POLLOUT, PUSH, ROUTER, SERVER, STREAM};

#[test]
fn without_a_peer() {
    let ctx = Ctx::new();
    for kind in [STREAM, SERVER, PEER, DISH, ROUTER] {
        let socket = ctx.socket(kind);
        assert_eq!((socket.events(), socket.poll(POLLOUT, 0)), (POLLOUT, POLLOUT), "{kind}");
    }
    for kind in [PUSH, DEALER] {
        let socket = ctx.socket(kind);
        assert_eq!((socket.events(), socket.poll(POLLOUT, 0)), (0, 0), "{kind}");
    }
}
