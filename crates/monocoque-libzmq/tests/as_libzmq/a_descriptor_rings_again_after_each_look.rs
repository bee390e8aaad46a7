//! `ZMQ_FD` rings for what comes after the last look at its socket, whatever that look was: EVENTS need not be read.

use crate::c::{Ctx, DONTWAIT, PAIR, POLLIN, Sock};

const FD: i32 = 14;

/// Whether it rings within so long.
fn rings(fd: i32, timeout_ms: i32) -> bool {
    let mut asked = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: it is one descriptor that is there.
    unsafe { libc::poll(&raw mut asked, 1, timeout_ms) == 1 }
}

fn check(look: impl Fn(&Sock<'_>) -> bool) {
    let ctx = Ctx::new();
    let (from, to) = (ctx.socket(PAIR), ctx.socket(PAIR));
    to.bind("inproc://fd");
    from.connect("inproc://fd").expect("bound");
    let fd = to.get_int(FD).expect("it has one");
    while look(&to) {}
    assert!(!rings(fd, 0), "nothing came since the look");
    for n in 0..20 {
        from.send(b"x", 0).expect("room");
        assert!(rings(fd, 10_000), "message {n}");
        while look(&to) {}
        assert!(!rings(fd, 0), "message {n} was looked at");
    }
}

#[test]
fn which_received_until_nothing_was_there() {
    check(|socket| socket.recv(DONTWAIT).is_ok());
}

#[test]
fn which_polled() {
    check(|socket| socket.poll(POLLIN, 0) == POLLIN && socket.recv(DONTWAIT).is_ok());
}

#[test]
fn which_waited_in_vain() {
    for ms in [0, 1] {
        check(|socket| socket.recv_within(ms, 0).is_ok());
    }
}
