//! A message may be received with what is known of its peer.

use monocoque::{Any, Context, PeerProperties, Socket, SocketBuilder, SocketType, TryRecvError};

use crate::common::{eventually, everywhere, in_shared, inproc, soon, transports};

fn named(builder: SocketBuilder<Any>) -> SocketBuilder<Any> {
    builder.identity("me").metadata("X-Rack", "7").metadata("X-Rack", "not again").metadata("X-Empty-Not", "-")
}

async fn joined(ctx: &Context, receives: SocketType, at: &str) -> (Socket<Any>, Socket<Any>) {
    let receiver = soon(ctx.socket(receives).bind(at)).await.expect("free");
    let endpoint = receiver.last_endpoint().expect("bound").to_string();
    let sender = named(ctx.socket(receives.peers()[0])).connect(endpoint).expect("valid");
    if receives.subscribes() {
        match receives {
            SocketType::Dish => drop(receiver.join("news").expect("short")),
            _ => receiver.subscribe(""),
        }
        soon(sender.wait_for_subscribers(1)).await;
    }
    (receiver, sender)
}

fn check(peer: &PeerProperties, sender: SocketType, at: &str) {
    assert_eq!(peer.socket_type, Some(sender), "{at}");
    assert_eq!(peer.identity.is_some(), sender.tells_identity() || at.starts_with("inproc"), "{sender} {at}");
    assert_eq!((peer.property("x-rack"), peer.property("X-Other")), (Some(&b"7"[..]), None), "{sender} {at}");
    let transport = at.split(':').next().expect("an endpoint");
    assert!(peer.address.starts_with(transport) && peer.endpoint.starts_with(transport), "{peer:?}");
    assert_eq!(peer.connection == 0, transport == "inproc", "{peer:?}");
    assert_eq!(peer.by_libzmq_name("Socket-Type").is_some(), transport != "inproc");
    assert_eq!(peer.user_id, None);
}

#[test]
fn every_type_that_receives_tells_it_over_every_transport() {
    in_shared(async |ctx: Context| {
        let others = [SocketType::XPub, SocketType::Peer];
        for receives in SocketType::ZMTP.into_iter().filter(|kind| kind.receives() && !others.contains(kind)) {
            for at in transports() {
                let (receiver, sender) = joined(&ctx, receives, &at).await;
                soon(receiver.wait_for_peers(1)).await;
                soon(sender.wait_for_peers(1)).await;
                if receives == SocketType::Req {
                    soon(receiver.send("ask")).await.expect("sent");
                    soon(sender.recv()).await.expect("asked");
                }
                match sender.socket_type() {
                    SocketType::Router | SocketType::Server => {
                        soon(receiver.send("tell")).await.expect("sent");
                        let mut asked = soon(sender.recv()).await.expect("told");
                        let id = asked.pop_front().expect("an id");
                        soon(sender.send([&id[..], b"x"])).await.expect("sent");
                    }
                    SocketType::Radio => soon(sender.send(["news", "x"])).await.expect("sent"),
                    _ => soon(sender.send("x")).await.expect("sent"),
                }
                let (message, peer) = soon(receiver.recv_with_peer()).await.expect("received");
                assert_eq!(message.frames().last().map(|frame| &frame[..]), Some(&b"x"[..]), "{receives} {at}");
                check(&peer.expect("known"), sender.socket_type(), &at);
                assert!(matches!(receiver.try_recv_with_peer(), Err(TryRecvError::Empty | TryRecvError::Failed(_))));
            }
        }
    });
}

#[test]
fn an_xpub_tells_who_subscribed() {
    everywhere(async |ctx: Context| {
        for at in transports() {
            let xpub = soon(ctx.xpub().bind(&at)).await.expect("free");
            let sub = ctx.subscriber().metadata("X-Rack", "7");
            let sub = sub.connect(xpub.last_endpoint().expect("bound").to_string()).expect("valid");
            sub.subscribe("a");
            let (notice, peer) = soon(xpub.recv_with_peer()).await.expect("told");
            assert_eq!(notice, "\u{1}a".into());
            assert_eq!(peer.expect("known").property("X-Rack"), Some(&b"7"[..]));
        }
    });
}

#[test]
fn what_was_looked_at_keeps_its_peer_when_that_goes() {
    everywhere(async |ctx: Context| {
        let at = inproc();
        let pull = soon(ctx.pull().bind(&at)).await.expect("free");
        let push = ctx.push().metadata("X-Rack", "7").connect(&at).expect("valid");
        soon(push.send("x")).await.expect("sent");
        assert!(pull.can_recv());
        soon(push.close()).await;
        eventually(|| pull.peers() == 0).await;
        let (_, peer) = soon(pull.recv_with_peer()).await.expect("there");
        assert_eq!(peer.expect("known").property("X-Rack"), Some(&b"7"[..]));
    });
}

#[test]
fn metadata_is_judged_when_it_is_set() {
    let ctx = Context::new();
    let long = "X-".to_owned() + &"n".repeat(254);
    for (name, value) in [("Rack", "7"), ("x-rack", "7"), ("X-", ""), ("X-ra ck", "7"), (&long, "7"), ("", "7")] {
        assert!(ctx.pull().metadata(name, value).build().is_err(), "{name}");
    }
    assert!(ctx.pull().metadata("X-Huge", vec![0; 70_000]).build().is_err());
}
