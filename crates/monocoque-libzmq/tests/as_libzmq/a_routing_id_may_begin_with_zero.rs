//! A routing id is any 1 to 255 bytes. One that begins with a zero byte is not mistaken for one that a ROUTER made up, and
//! one that a ROUTER made up is not taken over by it.

use crate::c::{Ctx, DEALER, DONTWAIT, ROUTER, ROUTING_ID};

const CONNECT_ROUTING_ID: i32 = 61;

#[test]
fn of_the_socket_itself() {
    let ctx = Ctx::new();
    for endpoint in ["tcp://127.0.0.1:*", "inproc://zero"] {
        let (router, dealer) = (ctx.socket(ROUTER), ctx.socket(DEALER));
        dealer.set(ROUTING_ID, b"\0\x01\x02").expect("any bytes");
        assert_eq!(dealer.get(ROUTING_ID, 255), Ok(b"\0\x01\x02".to_vec()));
        dealer.connect(&router.bind(endpoint)).expect("valid");
        dealer.send(b"hello", 0).expect("sent");
        assert_eq!(router.recv_all(), Ok(vec![b"\0\x01\x02".to_vec(), b"hello".to_vec()]));
        router.send_all(&[b"\0\x01\x02", b"back"]).expect("sent");
        assert_eq!(dealer.recv_all(), Ok(vec![b"back".to_vec()]));
        assert_eq!(
            (dealer.set(ROUTING_ID, b""), dealer.set(ROUTING_ID, &[0; 256])),
            (Err(libc::EINVAL), Err(libc::EINVAL))
        );
    }
}

#[test]
fn of_whom_is_connected_to() {
    let ctx = Ctx::new();
    let (router, dealer) = (ctx.socket(ROUTER), ctx.socket(DEALER));
    router.set(CONNECT_ROUTING_ID, b"\0boss").expect("any bytes");
    router.connect(&dealer.bind("tcp://127.0.0.1:*")).expect("valid");
    router.send_all(&[b"\0boss", b"hello"]).expect("sent");
    assert_eq!(dealer.recv_all(), Ok(vec![b"hello".to_vec()]));
}

#[test]
fn the_name_of_another_is_not_given_away() {
    let ctx = Ctx::new();
    let (router, nameless) = ctx.joined(ROUTER, DEALER);
    nameless.send(b"first", 0).expect("sent");
    let generated = router.recv_all().expect("received").swap_remove(0);
    assert_eq!((generated.len(), generated[0]), (5, 0));
    let (second, third) = (ctx.socket(DEALER), ctx.socket(DEALER));
    second.set(ROUTING_ID, &generated).expect("any bytes");
    for other in [&second, &third] {
        other.connect(&router.last_endpoint()).expect("valid");
        other.send(b"other", 0).expect("sent");
    }
    let heard = router.recv_all().expect("received");
    assert!(heard[0] != generated && heard[1] == b"other", "it is of the third");
    router.send_all(&[&generated, b"yours"]).expect("sent");
    assert_eq!(nameless.recv_all(), Ok(vec![b"yours".to_vec()]));
    assert_eq!(second.recv(DONTWAIT), Err(libc::EAGAIN));
}
