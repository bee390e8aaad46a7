//! Each pair of socket types that may talk does, whichever binds, with messages of any shape. (PEERs:
//! peers_have_names_before_they_are_there.rs.)

use SocketType::{
    Channel, Client, Dealer, Dish, Gather, Pair, Pub, Pull, Push, Radio, Rep, Req, Router, Scatter, Server, Sub, XPub,
    XSub,
};
use monocoque::{Any, Context, Message, Socket, SocketType};

use crate::common::tls::{WSS, secure};
use crate::common::{everywhere, soon, transports};

const PAIRS: [(SocketType, SocketType); 16] = [
    (Pair, Pair),
    (Pub, Sub),
    (Pub, XSub),
    (XPub, Sub),
    (XPub, XSub),
    (Req, Rep),
    (Req, Router),
    (Dealer, Rep),
    (Dealer, Router),
    (Dealer, Dealer),
    (Router, Router),
    (Push, Pull),
    (Client, Server),
    (Radio, Dish),
    (Scatter, Gather),
    (Channel, Channel),
];

fn messages() -> Vec<Message> {
    vec![
        "one frame".into(),
        Message::new(),
        ["first", "", "third"].into(),
        ["", ""].into(),
        vec![7; 255].into(),
        vec![8; 256].into(),
        (vec![9; 100_000], "tail").into(),
        vec![10; 3 << 20].into(),
    ]
}

/// `message` behind the frames of `envelope`.
fn behind(envelope: &[&[u8]], message: &Message) -> Message {
    let mut message = message.clone();
    envelope.iter().rev().for_each(|&frame| message.push_front(frame));
    message
}

async fn pass(from: &Socket<Any>, sent: Message, to: &Socket<Any>, received: Message) {
    soon(from.send(sent)).await.expect("sent");
    assert_eq!(soon(to.recv()).await.expect("received"), received);
}

/// Sends to a ROUTER, and back by the routing id that it shows.
async fn ask_router(asker: &Socket<Any>, router: &Socket<Any>, delimiter: &[&[u8]], message: &Message) {
    soon(asker.send(message.clone())).await.expect("sent");
    let request = soon(router.recv()).await.expect("received");
    let id = request[0].clone();
    let envelope = [&[&id[..]], delimiter].concat();
    assert_eq!(request, behind(&envelope, message));
    pass(router, request, asker, message.clone()).await;
}

async fn exchange(a: &Socket<Any>, b: &Socket<Any>, message: &Message) {
    let same = || message.clone();
    match (a.socket_type(), b.socket_type()) {
        (Pair, Pair) | (Dealer, Dealer) | (Req, Rep) | (Channel, Channel) => {
            pass(a, same(), b, same()).await;
            pass(b, same(), a, same()).await;
        }
        (Push, Pull) | (Pub | XPub, Sub | XSub) | (Scatter, Gather) => pass(a, same(), b, same()).await,
        (Radio, Dish) => {
            soon(a.send(behind(&[b"grou"], message))).await.expect("nobody's group");
            pass(a, behind(&[b"group"], message), b, behind(&[b"group"], message)).await;
        }
        (Dealer, Rep) => {
            pass(a, behind(&[b""], message), b, same()).await;
            pass(b, same(), a, behind(&[b""], message)).await;
        }
        (Req, Router) => ask_router(a, b, &[b""], message).await,
        (Dealer, Router) | (Client, Server) => ask_router(a, b, &[], message).await,
        (Router, Router) => pass(a, behind(&[b"b"], message), b, behind(&[b"a"], message)).await,
        pair => unreachable!("{pair:?}"),
    }
}

async fn talk(ctx: &Context, pair: (SocketType, SocketType), transport: &str, first_binds: bool) {
    let build = |kind, name: &str| {
        let mut builder = ctx.socket(kind);
        if kind == Router {
            builder = builder.identity(name);
        }
        if transport == WSS {
            builder = secure(builder);
        }
        builder.build().expect("valid")
    };
    let (a, b) = (build(pair.0, "a"), build(pair.1, "b"));
    let (binds, connects) = if first_binds { (&a, &b) } else { (&b, &a) };
    let endpoint = soon(binds.bind(transport)).await.expect("free").to_string();
    connects.connect(&endpoint).expect("valid");
    soon(a.wait_for_peers(1)).await;
    soon(b.wait_for_peers(1)).await;
    if matches!(pair.1, Sub | XSub) {
        b.subscribe("");
        soon(a.wait_for_subscribers(1)).await;
    }
    if pair.1 == Dish {
        assert!(b.join("group").expect("a short name"), "no member before");
        soon(a.wait_for_subscribers(1)).await;
    }
    if pair.0 == XPub {
        assert_eq!(soon(a.recv()).await.expect("a notice"), Message::from(b"\x01"));
    }
    for message in messages().into_iter().filter(|message| message.len() == 1 || !pair.0.is_single()) {
        exchange(&a, &b, &message).await;
    }
    if pair == (XPub, XSub) {
        pass(&b, "upstream".into(), &a, "upstream".into()).await;
    }
    assert_eq!((a.drops().total(), b.drops().total()), (0, 0));
    soon(a.close()).await;
    soon(b.close()).await;
}

async fn all_pairs(ctx: Context, transport: usize) {
    for pair in PAIRS {
        for first_binds in [true, false] {
            talk(&ctx, pair, &transports()[transport], first_binds).await;
        }
    }
}

async fn all_pairs_at(ctx: Context, endpoint: &str) {
    for pair in PAIRS {
        for first_binds in [true, false] {
            talk(&ctx, pair, endpoint, first_binds).await;
        }
    }
}

#[test]
fn over_tcp() {
    everywhere(async |ctx| all_pairs(ctx, 0).await);
}

#[test]
fn over_ipc() {
    everywhere(async |ctx| all_pairs(ctx, 1).await);
}

#[test]
fn over_ws() {
    everywhere(async |ctx| all_pairs_at(ctx, "ws://127.0.0.1:*/zeromq").await);
}

#[test]
fn over_wss() {
    everywhere(async |ctx| all_pairs_at(ctx, WSS).await);
}

#[test]
fn over_inproc() {
    everywhere(async |ctx| all_pairs(ctx, 2).await);
}

#[test]
fn one_socket_talks_over_all_three_at_once() {
    everywhere(async |ctx| {
        let pull = ctx.pull().build().expect("valid");
        let mut pushes = Vec::new();
        for transport in transports() {
            let endpoint = soon(pull.bind(transport)).await.expect("free");
            pushes.push(ctx.push().connect(endpoint.to_string()).expect("valid"));
        }
        soon(pull.wait_for_peers(3)).await;
        for (index, push) in pushes.iter().enumerate() {
            soon(push.send(vec![index as u8])).await.expect("sent");
            assert_eq!(soon(pull.recv()).await.expect("received"), Message::from(vec![index as u8]));
        }
    });
}
