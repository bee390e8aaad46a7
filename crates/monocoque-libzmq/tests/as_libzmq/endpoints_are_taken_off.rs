//! One connection to an endpoint for those who would hear everything twice, all of them ended together, and what was sent
//! delivered.

use crate::c::{Ctx, LINGER, PUB, PULL, PUSH, SUB, SUBSCRIBE, XPUB};

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
