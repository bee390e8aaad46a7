//! A message that matches several subscriptions of a peer reaches it once, and reaches each matching peer.

use monocoque::{Message, Socket, Sub};
use monocoque_interop::deadline::eventually;
use monocoque_interop::ffi::{ZMQ_SUBSCRIBE, ZMQ_UNSUBSCRIBE};
use monocoque_interop::fixture::{LOOPBACK, bind, ours, take_note, theirs, theirs_bound};
use monocoque_interop::party;
use monocoque_interop::zmq::{self, Kind};

const PREFIXES: [&str; 4] = ["", "a", "ab", "abc"];

#[test]
fn from_our_publisher() {
    let xpub = ours(|ctx| ctx.xpub());
    let endpoint = bind(&xpub, LOOPBACK);
    let subscriber = || {
        let sub = theirs(Kind::Sub);
        sub.connect(&endpoint).expect("the endpoint is sound");
        sub
    };
    let (many, one) = (subscriber(), subscriber());
    for prefix in PREFIXES {
        many.set_bytes(ZMQ_SUBSCRIBE, prefix.as_bytes()).expect("a SUB");
        assert_eq!(xpub.blocking().recv(), Ok(Message::from(format!("\u{1}{prefix}"))));
    }
    one.set_bytes(ZMQ_SUBSCRIBE, b"ab").expect("a SUB");
    eventually("the second subscriber is known", || {
        take_note(&one);
        (xpub.subscribers() == 2).then_some(())
    });

    let say = |text: &str| xpub.blocking().send(text).expect("sent");
    let hears = |sub: &zmq::Socket, text: &str| assert_eq!(party::recv(sub), Ok(Message::from(text)));
    for text in ["abcd", "b", "abc"] {
        say(text);
    }
    for text in ["abcd", "b", "abc"] {
        hears(&many, text);
    }
    for text in ["abcd", "abc"] {
        hears(&one, text);
    }

    // The shorter prefixes go: the longest still matches, once.
    for prefix in &PREFIXES[..3] {
        many.set_bytes(ZMQ_UNSUBSCRIBE, prefix.as_bytes()).expect("a SUB");
    }
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{0}")));
    assert_eq!(xpub.blocking().recv(), Ok(Message::from("\u{0}a")));
    // The other subscriber holds "ab", so nothing tells of this one's end but what it receives.
    eventually("only the longest is left", || {
        say("ab");
        say("abc");
        (party::recv(&many) == Ok(Message::from("abc"))).then_some(())
    });
}

#[test]
fn from_their_publisher() {
    let (xpub, endpoint) = theirs_bound(Kind::XPub, LOOPBACK);
    let sub: Socket<Sub> = ours(|ctx| ctx.subscriber());
    sub.connect(endpoint).expect("the endpoint is sound");
    for prefix in PREFIXES {
        sub.subscribe(prefix);
        assert_eq!(party::recv(&xpub), Ok(Message::from(format!("\u{1}{prefix}"))));
    }
    for text in ["abcd", "b", "abc"] {
        xpub.send(text.as_bytes(), false).expect("sent");
    }
    for text in ["abcd", "b", "abc"] {
        assert_eq!(sub.blocking().recv(), Ok(Message::from(text)));
    }
    for prefix in &PREFIXES[..3] {
        sub.unsubscribe(prefix);
        assert_eq!(party::recv(&xpub), Ok(Message::from(format!("\u{0}{prefix}"))));
    }
    for text in ["b", "ab", "abcd"] {
        xpub.send(text.as_bytes(), false).expect("sent");
    }
    assert_eq!(sub.blocking().recv(), Ok(Message::from("abcd")));
}
