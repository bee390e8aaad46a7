//! Events beyond those that a poller found say nothing, as programs of libzmq expect that look at all they made room for.

use std::ptr;

use monocoque_libzmq::*;

/// `zmq_poller_event_t`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq)]
struct Event {
    socket: usize,
    fd: i32,
    user_data: usize,
    events: i16,
}

#[test]
fn with_two_places_and_one_event() {
    let (push, pull, pollout) = (8, 7, 2);
    // SAFETY: what is passed is open, and the events have room for two.
    unsafe {
        let context = zmq_ctx_new();
        let (sender, receiver) = (zmq_socket(context, push), zmq_socket(context, pull));
        assert_eq!(zmq_bind(receiver, c"inproc://events".as_ptr()), 0);
        assert_eq!(zmq_connect(sender, c"inproc://events".as_ptr()), 0);
        let mut poller = zmq_poller_new();
        assert_eq!(zmq_poller_add(poller, sender, ptr::null_mut(), pollout), 0);
        let stale = Event { socket: sender.addr(), fd: 7, user_data: 7, events: pollout };
        let mut events = [stale; 2];
        assert_eq!(zmq_poller_wait_all(poller, events.as_mut_ptr().cast(), 2, 0), 1);
        assert_eq!(events[0], Event { socket: sender.addr(), fd: -1, user_data: 0, events: pollout });
        assert_eq!(events[1], Event { socket: 0, fd: -1, user_data: 0, events: 0 });
        assert_eq!(zmq_poller_destroy(&raw mut poller), 0);
        assert_eq!((zmq_close(sender), zmq_close(receiver), zmq_ctx_term(context)), (0, 0, 0));
    }
}
