//! Functions whose way is told by libzmq's sources only.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;

use libc::iovec;
use monocoque_libzmq::*;

use crate::c::{Ctx, DISH, DONTWAIT, EFSM, PULL, PUSH, REQ, SERVER, SNDMORE, SUB, SUBSCRIBE, XPUB};

fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or_default()
}

#[test]
fn sendiov_makes_a_message_of_each_buffer_unless_more_is_said_to_follow() {
    let ctx = Ctx::new();
    let (pull, push) = ctx.joined(PULL, PUSH);
    let mut bytes = *b"ab";
    let base = bytes.as_mut_ptr();
    let mut parts = [0, 1].map(|at| iovec { iov_base: base.wrapping_add(at).cast(), iov_len: 1 });
    for (flags, first_has_more) in [(0, false), (SNDMORE, true)] {
        // SAFETY: the socket is open, and the two buffers have a byte each.
        assert_eq!(unsafe { zmq_sendiov(push.0, parts.as_mut_ptr(), 2, flags) }, 1);
        assert_eq!(pull.recv(0), Ok((b"a".to_vec(), first_has_more)));
        assert_eq!(pull.recv(0), Ok((b"b".to_vec(), false)));
    }
}

#[test]
fn a_message_is_empty_after_nothing_was_received_into_it() {
    let ctx = Ctx::new();
    let of = |kind, errno_after, size| {
        let socket = ctx.socket(kind);
        let mut msg = MaybeUninit::uninit();
        // SAFETY: the message is begun before it is used, and closed at the end; the socket is open.
        unsafe {
            assert_eq!(zmq_msg_init_size(msg.as_mut_ptr(), 100), 0);
            assert_eq!((zmq_msg_recv(msg.as_mut_ptr(), socket.0, DONTWAIT), errno()), (-1, errno_after));
            assert_eq!(zmq_msg_size(msg.as_ptr()), size);
            assert_eq!(zmq_msg_close(msg.as_mut_ptr()), 0);
        }
    };
    of(PULL, libc::EAGAIN, 0);
    of(XPUB, libc::EAGAIN, 100);
    of(PUSH, libc::ENOTSUP, 100);
    of(REQ, EFSM, 100);
}

#[test]
fn z85_of_nothing() {
    let mut room = [1_i8; 8];
    // SAFETY: there is room for what is written, and the text ends.
    unsafe {
        assert!(!zmq_z85_encode(room.as_mut_ptr().cast(), ptr::null(), 0).is_null());
        assert_eq!(room[0], 0);
        assert!(zmq_z85_decode(room.as_mut_ptr().cast(), c"".as_ptr()).is_null());
        assert_eq!(errno(), libc::EINVAL);
    }
}

#[test]
fn a_descriptor_of_which_nothing_is_asked_is_not_told_of() {
    let ctx = Ctx::new();
    let pull = ctx.socket(PULL);
    let (ours, theirs) = UnixStream::pair().expect("two");
    drop(theirs);
    // SAFETY: what is passed is open, and the events have room for two.
    unsafe {
        let mut poller = zmq_poller_new();
        assert_eq!(zmq_poller_add_fd(poller, ours.as_raw_fd(), ptr::null_mut(), 0), 0);
        assert_eq!(zmq_poller_add(poller, pull.0, ptr::null_mut(), 1), 0);
        let mut events = MaybeUninit::<[PollerEvent; 2]>::uninit();
        assert_eq!((zmq_poller_wait_all(poller, events.as_mut_ptr().cast(), 2, 0), errno()), (-1, libc::EAGAIN));
        assert_eq!(zmq_poller_modify_fd(poller, ours.as_raw_fd(), 1), 0);
        assert_eq!(zmq_poller_wait_all(poller, events.as_mut_ptr().cast(), 2, 0), 1);
        assert_eq!(zmq_poller_destroy(&raw mut poller), 0);
    }
}

#[test]
fn a_poller_keeps_its_descriptor() {
    let ctx = Ctx::new();
    let (pull, server, dish) = (ctx.socket(PULL), ctx.socket(SERVER), ctx.socket(DISH));
    // SAFETY: what is passed is open.
    unsafe {
        let mut poller = zmq_poller_new();
        let fd = || {
            let mut fd = -1;
            let status = zmq_poller_fd(poller, &raw mut fd);
            (status, fd)
        };
        assert_eq!(zmq_poller_add(poller, pull.0, ptr::null_mut(), 1), 0);
        assert_eq!((fd(), errno()), ((-1, -1), libc::EINVAL), "the socket has its own");
        assert_eq!(zmq_poller_add(poller, server.0, ptr::null_mut(), 1), 0);
        let first = fd();
        assert_eq!(first.0, 0);
        assert_eq!(zmq_poller_add(poller, dish.0, ptr::null_mut(), 1), 0);
        assert_eq!(fd(), first);
        assert_eq!((zmq_poller_remove(poller, server.0), zmq_poller_remove(poller, dish.0)), (0, 0));
        assert_eq!(fd(), first, "with no such socket left");
        assert_eq!(zmq_poller_destroy(&raw mut poller), 0);
    }
}

#[test]
fn the_number_of_sockets_is_settled_by_the_first() {
    const MAX_SOCKETS: i32 = 2;
    let ctx = Ctx::new();
    ctx.set(MAX_SOCKETS, 2).expect("a number");
    let first = ctx.socket(PULL);
    ctx.set(MAX_SOCKETS, 1).expect("a number");
    assert_eq!(ctx.get(MAX_SOCKETS), 1);
    let _second = ctx.socket(PULL);
    ctx.set(MAX_SOCKETS, 100).expect("a number");
    assert_eq!(ctx.try_socket(PULL).map(drop), Err(libc::EMFILE));
    drop(first);
    ctx.socket(PULL);
}

#[test]
fn an_inproc_name_may_be_long() {
    let ctx = Ctx::new();
    let (pull, push) = (ctx.socket(PULL), ctx.socket(PUSH));
    let name = format!("inproc://{}", "n".repeat(400));
    assert_eq!(pull.bind(&name), name);
    push.connect(&name).expect("valid");
    push.send(b"x", 0).expect("sent");
    assert_eq!(pull.recv_all(), Ok(vec![b"x".to_vec()]));
}

#[test]
fn a_body_that_two_subscribers_of_this_process_have_is_shared() {
    const SHARED: i32 = 3;
    let ctx = Ctx::new();
    let (xpub, subs) = (ctx.socket(XPUB), [ctx.socket(SUB), ctx.socket(SUB)]);
    xpub.bind("inproc://large");
    for sub in &subs {
        sub.set(SUBSCRIBE, b"").expect("taken");
        sub.connect("inproc://large").expect("bound");
    }
    // SAFETY: messages are begun before they are used, and closed at the end; the sockets are open.
    let received = |sub: &crate::c::Sock<'_>| unsafe {
        let mut msg = MaybeUninit::uninit();
        assert_eq!(zmq_msg_init(msg.as_mut_ptr()), 0);
        assert!(zmq_msg_recv(msg.as_mut_ptr(), sub.0, 0) > 0);
        let told = (zmq_msg_data(msg.as_mut_ptr()), zmq_msg_get(msg.as_ptr(), SHARED));
        (msg, told)
    };
    for (size, is_shared) in [(4000, 1), (10, 0)] {
        xpub.send(&vec![7; size], 0).expect("sent");
        let [(mut one, (here, shared)), (mut two, (there, also))] = [received(&subs[0]), received(&subs[1])];
        // What is small lies in the message.
        assert!(is_shared == 0 || here == there);
        assert_eq!((shared, also), (is_shared, is_shared), "{size}");
        // SAFETY: the same.
        unsafe { assert_eq!((zmq_msg_close(one.as_mut_ptr()), zmq_msg_close(two.as_mut_ptr())), (0, 0)) };
    }
}
