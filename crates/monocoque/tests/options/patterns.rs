//! How messages are routed.

use std::io::Write;
use std::net::TcpStream;

use monocoque::{Any, Context, DropCause, Message, OptionValue, Socket, SocketBuilder, SocketOption, SocketType};

use crate::Check;
use crate::common::raw::{Raw, message};
use crate::common::{TCP, eventually, everywhere, in_shared, inproc, soon};

pub const CHECKS: &[(SocketOption, Check)] = &[
    (SocketOption::SUBSCRIBE, subscribe),
    (SocketOption::UNSUBSCRIBE, subscribe),
    (SocketOption::TOPICS_COUNT, topics),
    (SocketOption::ROUTER_MANDATORY, router_mandatory),
    (SocketOption::ROUTER_HANDOVER, router_handover),
    (SocketOption::PROBE_ROUTER, probe_router),
    (SocketOption::ROUTER_NOTIFY, router_notify),
    (SocketOption::STREAM_NOTIFY, stream_notify),
    (SocketOption::ROUTER_RAW, router_raw),
    (SocketOption::REQ_CORRELATE, req_correlate),
    (SocketOption::REQ_RELAXED, req_relaxed),
    (SocketOption::XPUB_VERBOSE, xpub_verbose),
    (SocketOption::XPUB_VERBOSER, xpub_verboser),
    (SocketOption::XPUB_MANUAL, xpub_manual),
    (SocketOption::XPUB_MANUAL_LAST_VALUE, xpub_manual_last_value),
    (SocketOption::XPUB_WELCOME_MSG, xpub_welcome),
    (SocketOption::XPUB_NODROP, xpub_no_drop),
    (SocketOption::INVERT_MATCHING, invert_matching),
    (SocketOption::ONLY_FIRST_SUBSCRIBE, only_first_subscribe),
    (SocketOption::XSUB_VERBOSE_UNSUBSCRIBE, xsub_verbose_unsubscribe),
];

/// Two sockets joined over inproc.
async fn joined(ctx: &Context, bound: SocketType, other: SocketType) -> (Socket<Any>, Socket<Any>) {
    let name = inproc();
    let bound = soon(ctx.socket(bound).bind(&name)).await.expect("free");
    let other = ctx.socket(other).connect(&name).expect("valid");
    soon(other.wait_for_peers(1)).await;
    (bound, other)
}

/// Turns a switch on while the socket has a peer already.
fn turn_on(socket: &Socket<Any>, option: SocketOption) {
    assert_eq!(socket.option(option), Ok(false.into()));
    socket.set_option(option, true).expect("valid");
    assert_eq!(socket.option(option), Ok(true.into()));
}

async fn received(socket: &Socket<Any>) -> Message {
    soon(socket.recv()).await.expect("received")
}

fn subscribe() {
    everywhere(async |ctx: Context| {
        let (publisher, sub) = joined(&ctx, SocketType::Pub, SocketType::Sub).await;
        sub.set_option(SocketOption::SUBSCRIBE, "a").expect("valid");
        soon(publisher.wait_for_subscribers(1)).await;
        publisher.try_send("ab").expect("sent");
        assert_eq!(received(&sub).await, "ab".into());
        sub.set_option(SocketOption::UNSUBSCRIBE, "a").expect("valid");
        eventually(|| publisher.subscribers() == 0).await;
        // An XPUB grants to the peer of the last notice.
        let (xpub, sub) = joined(&ctx, SocketType::XPub, SocketType::Sub).await;
        turn_on(&xpub, SocketOption::XPUB_MANUAL);
        sub.subscribe("asked");
        assert_eq!(received(&xpub).await, "\x01asked".into());
        xpub.set_option(SocketOption::SUBSCRIBE, "granted").expect("valid");
        assert_eq!(xpub.topics(), 1);
        xpub.set_option(SocketOption::UNSUBSCRIBE, "granted").expect("valid");
        assert_eq!(xpub.topics(), 0);
    });
}

fn topics() {
    everywhere(async |ctx: Context| {
        let (publisher, sub) = joined(&ctx, SocketType::Pub, SocketType::Sub).await;
        ["a", "a", "b"].into_iter().for_each(|topic| sub.subscribe(topic));
        assert_eq!(sub.option(SocketOption::TOPICS_COUNT), Ok(OptionValue::Int(2)));
        eventually(|| publisher.option(SocketOption::TOPICS_COUNT) == Ok(OptionValue::Int(2))).await;
    });
}

fn router_mandatory() {
    everywhere(async |ctx: Context| {
        let router = ctx.socket(SocketType::Router).build().expect("valid");
        router.try_send(["nobody", "x"]).expect("dropped");
        turn_on(&router, SocketOption::ROUTER_MANDATORY);
        router.try_send(["nobody", "x"]).expect_err("no route");
        assert_eq!(router.drops().of(DropCause::NoRoute), 1);
    });
}

fn router_handover() {
    in_shared(async |ctx: Context| {
        let router = soon(ctx.socket(SocketType::Router).bind(TCP)).await.expect("free");
        let endpoint = router.last_endpoint().expect("bound").to_string();
        router.set_option(SocketOption::ROUTER_HANDOVER, false).expect("valid");
        let mut first = Raw::connect_as(&endpoint, "DEALER", b"same");
        first.send(&[b"first"]);
        assert_eq!(received(&router).await, ["same", "first"].into());
        let mut second = Raw::connect_as(&endpoint, "DEALER", b"same");
        soon(router.wait_for_peers(2)).await;
        second.send(&[b"never heard"]);
        first.send(&[b"still the one"]);
        assert_eq!(received(&router).await, ["same", "still the one"].into());
        turn_on(&router, SocketOption::ROUTER_HANDOVER);
        let mut third = Raw::connect_as(&endpoint, "DEALER", b"same");
        third.send(&[b"the new one"]);
        assert_eq!(received(&router).await, ["same", "the new one"].into());
    });
}

fn probe_router() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let router = soon(ctx.socket(SocketType::Router).bind(&name)).await.expect("free");
        let dealer = ctx.socket(SocketType::Dealer).identity("prober").build().expect("valid");
        turn_on(&dealer, SocketOption::PROBE_ROUTER);
        dealer.connect(&name).expect("valid");
        assert_eq!(received(&router).await, ["prober", ""].into());
    });
}

fn router_notify() {
    in_shared(async |ctx: Context| {
        let router = soon(ctx.socket(SocketType::Router).bind(TCP)).await.expect("free");
        router.set_option(SocketOption::ROUTER_NOTIFY, 3).expect("valid");
        let endpoint = router.last_endpoint().expect("bound").to_string();
        let raw = Raw::connect_as(&endpoint, "DEALER", b"peer");
        assert_eq!(received(&router).await, ["peer", ""].into());
        raw.leave();
        assert_eq!(received(&router).await, ["peer", ""].into());
    });
}

fn stream_notify() {
    in_shared(async |ctx: Context| {
        let stream = soon(ctx.socket(SocketType::Stream).bind(TCP)).await.expect("free");
        let at = stream.last_endpoint().expect("bound").to_string();
        let _told = plain(&at);
        assert!(received(&stream).await.last().is_empty());
        stream.set_option(SocketOption::STREAM_NOTIFY, false).expect("valid");
        let mut silent = plain(&at);
        silent.write_all(b"x").expect("room");
        assert_eq!(received(&stream).await.last(), b"x".as_slice(), "nothing was told before");
    });
}

fn router_raw() {
    in_shared(async |ctx: Context| {
        let router = ctx.socket(SocketType::Router).build().expect("valid");
        turn_on(&router, SocketOption::ROUTER_RAW);
        soon(router.bind(TCP)).await.expect("free");
        let mut peer = plain(&router.last_endpoint().expect("bound").to_string());
        assert!(received(&router).await.last().is_empty());
        peer.write_all(b"x").expect("room");
        assert_eq!(received(&router).await.last(), b"x".as_slice());
    });
}

fn plain(endpoint: &str) -> TcpStream {
    TcpStream::connect(endpoint.trim_start_matches("tcp://")).expect("it listens")
}

fn req_correlate() {
    in_shared(async |ctx: Context| {
        let req = soon(ctx.socket(SocketType::Req).bind(TCP)).await.expect("free");
        let mut raw = Raw::connect_as(&req.last_endpoint().expect("bound").to_string(), "REP", b"");
        soon(req.send("plain")).await.expect("sent");
        assert_eq!(raw.recv().map(|frames| frames.len()), Some(2));
        raw.send(&[b"", b"reply"]);
        received(&req).await;
        turn_on(&req, SocketOption::REQ_CORRELATE);
        soon(req.send("with an id")).await.expect("sent");
        let frames = raw.recv().expect("a request");
        assert_eq!((frames.len(), frames[0].len(), frames[1].len()), (3, 4, 0));
        raw.send(&[b"othr", b"", b"of another"]);
        raw.send(&[&frames[0], b"", b"of this"]);
        assert_eq!(received(&req).await, "of this".into());
    });
}

fn req_relaxed() {
    everywhere(async |ctx: Context| {
        let (req, _rep) = joined(&ctx, SocketType::Req, SocketType::Rep).await;
        soon(req.send("first")).await.expect("sent");
        req.try_send("second").expect_err("its reply is not there");
        turn_on(&req, SocketOption::REQ_RELAXED);
        req.try_send("second").expect("the first is given up");
        let of = |builder: SocketBuilder<Any>| builder.build().expect("valid").option(SocketOption::REQ_CORRELATE);
        let by_number = ctx.socket(SocketType::Req).option(SocketOption::REQ_RELAXED, true);
        assert_eq!(of(by_number), Ok(OptionValue::Int(0)), "the option is libzmq's");
        assert_eq!(of(ctx.socket(SocketType::Req).relaxed(true)), Ok(OptionValue::Int(1)), "the method is safe");
    });
}

fn xpub_verbose() {
    everywhere(async |ctx: Context| {
        let (xpub, first) = joined(&ctx, SocketType::XPub, SocketType::Sub).await;
        first.subscribe("t");
        received(&xpub).await;
        turn_on(&xpub, SocketOption::XPUB_VERBOSE);
        let second = ctx.subscriber().connect(xpub.last_endpoint().expect("bound").to_string()).expect("valid");
        second.subscribe("t");
        assert_eq!(received(&xpub).await, "\x01t".into());
    });
}

fn xpub_verboser() {
    everywhere(async |ctx: Context| {
        let (xpub, first) = joined(&ctx, SocketType::XPub, SocketType::Sub).await;
        turn_on(&xpub, SocketOption::XPUB_VERBOSER);
        let second = ctx.subscriber().connect(xpub.last_endpoint().expect("bound").to_string()).expect("valid");
        first.subscribe("t");
        second.subscribe("t");
        for _ in 0..2 {
            assert_eq!(received(&xpub).await, "\x01t".into());
        }
        second.unsubscribe("t");
        assert_eq!(received(&xpub).await, "\0t".into(), "though the first still has it");
        xpub.set_option(SocketOption::XPUB_VERBOSE, true).expect("valid");
        assert_eq!(xpub.option(SocketOption::XPUB_VERBOSER), Ok(false.into()), "as libzmq has it");
    });
}

fn xpub_manual() {
    everywhere(async |ctx: Context| {
        let (xpub, sub) = joined(&ctx, SocketType::XPub, SocketType::Sub).await;
        turn_on(&xpub, SocketOption::XPUB_MANUAL);
        sub.subscribe("t");
        assert_eq!(received(&xpub).await, "\x01t".into());
        assert_eq!(xpub.subscribers(), 0, "told, not in force");
        assert!(xpub.grant_subscription("t"));
        assert_eq!(xpub.subscribers(), 1);
    });
}

fn xpub_manual_last_value() {
    everywhere(async |ctx: Context| {
        let (xpub, first) = joined(&ctx, SocketType::XPub, SocketType::Sub).await;
        turn_on(&xpub, SocketOption::XPUB_MANUAL_LAST_VALUE);
        let at = xpub.last_endpoint().expect("bound").to_string();
        let second = ctx.socket(SocketType::Sub).connect(at).expect("valid");
        for sub in [&first, &second] {
            sub.subscribe("t");
            received(&xpub).await;
            assert!(xpub.grant_subscription("t"));
        }
        xpub.try_send("t for the second").expect("sent");
        xpub.try_send("t for all").expect("sent");
        assert_eq!(received(&first).await, "t for all".into());
        assert_eq!(soon(second.recv()).await, Ok("t for the second".into()));
    });
}

fn xpub_welcome() {
    in_shared(async |ctx: Context| {
        let xpub = soon(ctx.socket(SocketType::XPub).bind(TCP)).await.expect("free");
        xpub.set_option(SocketOption::XPUB_WELCOME_MSG, "welcome").expect("valid");
        let mut raw = Raw::connect_as(&xpub.last_endpoint().expect("bound").to_string(), "SUB", b"");
        assert_eq!(raw.recv(), Some(vec![b"welcome".to_vec()]));
        xpub.set_option(SocketOption::XPUB_WELCOME_MSG, OptionValue::Unset).expect("valid");
        assert_eq!(xpub.option(SocketOption::XPUB_WELCOME_MSG), Ok(OptionValue::Unset));
    });
}

fn xpub_no_drop() {
    everywhere(async |ctx: Context| {
        let (publisher, sub) = joined(&ctx, SocketType::Pub, SocketType::Sub).await;
        sub.subscribe("");
        soon(publisher.wait_for_subscribers(1)).await;
        (0..3000).for_each(|_| publisher.try_send("x").expect("sent or dropped"));
        assert_eq!(publisher.drops().of(DropCause::Full), 1000);
        turn_on(&publisher, SocketOption::XPUB_NODROP);
        publisher.try_send("x").expect_err("it is full");
    });
}

fn invert_matching() {
    everywhere(async |ctx: Context| {
        let (publisher, sub) = joined(&ctx, SocketType::Pub, SocketType::Sub).await;
        [&publisher, &sub].into_iter().for_each(|socket| turn_on(socket, SocketOption::INVERT_MATCHING));
        sub.subscribe("no");
        soon(publisher.wait_for_subscribers(1)).await;
        ["no thanks", "yes please"].into_iter().for_each(|text| publisher.try_send(text).expect("sent"));
        assert_eq!(received(&sub).await, "yes please".into());
    });
}

fn only_first_subscribe() {
    in_shared(async |ctx: Context| {
        let xpub = soon(ctx.socket(SocketType::XPub).bind(TCP)).await.expect("free");
        let mut raw = Raw::connect_as(&xpub.last_endpoint().expect("bound").to_string(), "XSUB", b"");
        let mixed = message(&[b"text", b"\x01t"]);
        raw.write(&mixed);
        assert_eq!(received(&xpub).await, "\x01t".into());
        assert_eq!(received(&xpub).await, "text".into());
        turn_on(&xpub, SocketOption::ONLY_FIRST_SUBSCRIBE);
        raw.write(&mixed);
        assert_eq!(received(&xpub).await, ["text", "\x01t"].into());
    });
}

fn xsub_verbose_unsubscribe() {
    everywhere(async |ctx: Context| {
        let (xpub, xsub) = joined(&ctx, SocketType::XPub, SocketType::XSub).await;
        xpub.set_option(SocketOption::XPUB_VERBOSER, true).expect("valid");
        turn_on(&xsub, SocketOption::XSUB_VERBOSE_UNSUBSCRIBE);
        (0..2).for_each(|_| xsub.subscribe("t"));
        xsub.unsubscribe("t");
        // Each subscription is told, and a verboser XPUB reports each.
        assert_eq!(received(&xpub).await, "\x01t".into());
        assert_eq!(received(&xpub).await, "\x01t".into());
        assert_eq!(received(&xpub).await, "\0t".into(), "though one is left");
    });
}
