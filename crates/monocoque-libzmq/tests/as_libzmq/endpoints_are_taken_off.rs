//! One connection to an endpoint for those who would hear everything twice, all of them ended together, and what was sent
//! delivered.

use crate::c::{Ctx, LINGER, PAIR, PUB, PULL, PUSH, SUB, SUBSCRIBE, XPUB};

#[test]
fn a_subscriber_connected_twice_hears_once() {
    let ctx = Ctx::new();
    for at in ["tcp://127.0.0.1:*", "ipc://*"] {
        let (publisher, subscriber) = (ctx.socket(XPUB), ctx.socket(SUB));
        let endpoint = publisher.bind(at);
        subscriber.set(SUBSCRIBE, b"").expect("taken");
        assert_eq!([subscriber.connect(&endpoint), subscriber.connect(&endpoint)], [Ok(()), Ok(())]);
        assert_eq!(publisher.recv(0), Ok((vec![1], false)), "its subscription");
        publisher.send(b"1", 0).expect("sent");
        assert_eq!(subscriber.recv(0), Ok((b"1".to_vec(), false)));
        assert_eq!(subscriber.recv_within(50, 0), Err(libc::EAGAIN), "once is enough");
        assert_eq!([subscriber.disconnect(&endpoint), subscriber.disconnect(&endpoint)], [Ok(()), Err(libc::ENOENT)]);
    }
}

#[test]
fn what_was_sent_before_a_disconnect_arrives() {
    let ctx = Ctx::new();
    for at in ["tcp://127.0.0.1:*", "ipc://*", "inproc://here"] {
        let (pull, push) = (ctx.socket(PULL), ctx.socket(PUSH));
        push.set_int(LINGER, -1).expect("taken");
        let endpoint = pull.bind(at);
        for n in 0..20 {
            push.connect(&endpoint).expect("valid");
            push.send(&[n], 0).expect("room");
            push.disconnect(&endpoint).expect("connected");
            assert_eq!(pull.recv(0), Ok((vec![n], false)), "{at}");
        }
    }
}

#[test]
fn a_linger_time_may_be_set_after_a_shutdown() {
    let ctx = Ctx::new();
    let (told, push) = (ctx.socket(PUB), ctx.socket(PUSH));
    push.set_int(LINGER, -1).expect("taken");
    push.connect("tcp://127.0.0.1:1").expect("valid");
    push.send(b"1", 0).expect("room");
    ctx.shut_down();
    assert_eq!(push.set_int(LINGER, 0), Ok(()), "else it would wait for ever for somebody to come");
    assert!(told.send(b"1", 0).is_err(), "the context ends");
    assert!(told.set_int(LINGER, 0).is_err(), "it was told");
}

#[test]
fn an_endpoint_is_found_by_another_name_of_its_address() {
    let ctx = Ctx::new();
    let (pull, push) = (ctx.socket(PULL), ctx.socket(PUSH));
    let endpoint = pull.bind("tcp://127.0.0.1:*");
    let by_name = endpoint.replace("127.0.0.1", "localhost");
    push.connect(&endpoint).expect("valid");
    assert_eq!([push.disconnect(&by_name), push.disconnect(&by_name)], [Ok(()), Err(libc::ENOENT)]);
}

#[test]
fn a_second_peer_of_a_pair_is_refused_in_silence() {
    let ctx = Ctx::new();
    for (one, two) in [("inproc://1", "inproc://2"), ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")] {
        let (pair, first, second) = (ctx.socket(PAIR), ctx.socket(PAIR), ctx.socket(PAIR));
        let (one, two) = (first.bind(one), second.bind(two));
        assert_eq!([pair.connect(&one), pair.connect(&two)], [Ok(()), Ok(())]);
        assert_eq!(pair.last_endpoint(), two);
        pair.send(b"x", 0).expect("room");
        assert_eq!(first.recv(0), Ok((b"x".to_vec(), false)));
    }
}
