//! One `zmq_msg_t` for all that is received, never closed between: each body, and each peer, takes the place of the one before.

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;

use monocoque_libzmq::*;

const REQ: i32 = 3;
const DEALER: i32 = 5;
const ROUTING_ID: i32 = 5;
const LAST_ENDPOINT: i32 = 32;
const DONTWAIT: i32 = 1;
const EAGAIN: i32 = 11;
const EFSM: i32 = 156_384_763;
const IDENTITY: &CStr = c"Identity";
/// Around what lies in a message (40 bytes) and in a frame (64), back and forth.
const SIZES: [usize; 14] = [0, 5, 40, 41, 64, 64, 41, 65, 1000, 64, 65, 5, 1000, 0];

/// What `msg` holds.
unsafe fn body<'a>(msg: *mut zmq_msg_t) -> &'a [u8] {
    // SAFETY: the caller has a message there, and looks at this before it is received into again.
    unsafe { std::slice::from_raw_parts(zmq_msg_data(msg).cast(), zmq_msg_size(msg)) }
}

/// Whose it is.
unsafe fn identity(msg: *mut zmq_msg_t) -> Option<Vec<u8>> {
    // SAFETY: the caller has a message there.
    unsafe {
        let told = zmq_msg_gets(msg, IDENTITY.as_ptr());
        (!told.is_null()).then(|| CStr::from_ptr(told).to_bytes().to_vec())
    }
}

unsafe fn bound(socket: *mut c_void, wanted: &CStr) -> Vec<u8> {
    let (mut endpoint, mut len) = (vec![0u8; 256], 256);
    // SAFETY: the caller's socket is open, and there is as much room as is said.
    unsafe {
        assert_eq!(zmq_bind(socket, wanted.as_ptr()), 0);
        assert_eq!(zmq_getsockopt(socket, LAST_ENDPOINT, endpoint.as_mut_ptr().cast(), &mut len), 0);
    }
    endpoint
}

#[test]
fn bodies_of_any_size_and_peers_in_turn() {
    // SAFETY: each handle and message is valid until it is closed, last.
    unsafe {
        let context = zmq_ctx_new();
        let to = zmq_socket(context, DEALER);
        let endpoint = bound(to, c"tcp://127.0.0.1:*");
        let peers = [c"left", c"right"].map(|name| {
            let peer = zmq_socket(context, DEALER);
            assert_eq!(zmq_setsockopt(peer, ROUTING_ID, name.as_ptr().cast(), name.count_bytes()), 0);
            assert_eq!(zmq_connect(peer, endpoint.as_ptr().cast()), 0);
            (name, peer)
        });
        let near = zmq_socket(context, DEALER);
        assert_eq!((zmq_bind(to, c"inproc://near".as_ptr()), zmq_connect(near, c"inproc://near".as_ptr())), (0, 0));

        let asking = zmq_socket(context, REQ);

        let mut message = MaybeUninit::<zmq_msg_t>::uninit();
        let msg = message.as_mut_ptr();
        assert_eq!(zmq_msg_init(msg), 0);
        for (round, size) in SIZES.into_iter().cycle().take(5 * SIZES.len()).enumerate() {
            let (name, peer) = peers[round / 3 % 2];
            let sent = vec![round as u8; size];
            assert_eq!(zmq_send(peer, sent.as_ptr().cast(), size, 0), size as i32);
            assert_eq!(zmq_msg_recv(msg, to, 0), size as i32);
            assert_eq!(body(msg), sent, "round {round}");
            // Who was asked about keeps the answer with the message; who was not is only pointed at.
            if round % 4 == 0 {
                assert_eq!(identity(msg).as_deref(), Some(name.to_bytes()), "round {round}");
            }
            if round % 4 == 1 {
                // What a call leaves that cannot receive is the message as it was.
                assert_eq!((zmq_msg_recv(msg, asking, DONTWAIT), zmq_errno()), (-1, EFSM));
                assert_eq!((body(msg), identity(msg).as_deref()), (&sent[..], Some(name.to_bytes())), "round {round}");
            }
            if round % 3 == 0 {
                assert_eq!((zmq_msg_recv(msg, to, DONTWAIT), zmq_errno()), (-1, EAGAIN));
                assert_eq!((body(msg), identity(msg)), (&[][..], None), "nothing came, as with libzmq");
            }
        }
        assert_eq!(zmq_send(near, [1u8; 64].as_ptr().cast(), 64, 0), 64);
        assert_eq!(zmq_msg_recv(msg, to, 0), 64);
        assert_eq!((body(msg), identity(msg)), (&[1; 64][..], None), "over inproc nothing is told");

        assert_eq!(zmq_msg_close(msg), 0);
        peers.iter().for_each(|&(_, peer)| assert_eq!(zmq_close(peer), 0));
        assert_eq!((zmq_close(asking), zmq_close(near), zmq_close(to), zmq_ctx_term(context)), (0, 0, 0, 0));
    }
}

#[test]
fn what_shares_a_body_is_left_alone() {
    // SAFETY: each handle and message is valid until it is closed, last.
    unsafe {
        let context = zmq_ctx_new();
        let (to, from) = (zmq_socket(context, DEALER), zmq_socket(context, DEALER));
        assert_eq!((zmq_bind(to, c"inproc://a".as_ptr()), zmq_connect(from, c"inproc://a".as_ptr())), (0, 0));
        for size in [5, 40, 64, 1000] {
            let (mut first, mut second) = (MaybeUninit::<zmq_msg_t>::uninit(), MaybeUninit::<zmq_msg_t>::uninit());
            let (msg, copy) = (first.as_mut_ptr(), second.as_mut_ptr());
            assert_eq!((zmq_msg_init(msg), zmq_msg_init(copy)), (0, 0));
            for value in [1u8, 2] {
                let sent = vec![value; size];
                assert_eq!(zmq_send(from, sent.as_ptr().cast(), size, 0), size as i32);
                assert_eq!(zmq_msg_recv(msg, to, 0), size as i32);
                if value == 1 {
                    assert_eq!(zmq_msg_copy(copy, msg), 0);
                }
            }
            assert_eq!((body(msg), body(copy)), (&vec![2u8; size][..], &vec![1u8; size][..]), "{size} bytes");
            assert_eq!((zmq_msg_close(msg), zmq_msg_close(copy)), (0, 0));
        }
        assert_eq!((zmq_close(from), zmq_close(to), zmq_ctx_term(context)), (0, 0, 0));
    }
}
