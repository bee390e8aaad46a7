//! PEER: whoever connects names the other side, and may send to it at once; the name lasts.

use monocoque::{ConnectError, Context, Routed, RoutingId, SendError, SocketType};

use crate::common::{everywhere, inproc, soon, transports, watched};

async fn talk(ctx: &Context, transport: &str) {
    let (hears, speaks) = (ctx.peer().build().expect("valid"), ctx.peer().build().expect("valid"));
    let endpoint = soon(hears.bind(transport)).await.expect("free").to_string();
    let name = speaks.connect_peer(&endpoint).expect("valid");
    soon(speaks.send((name.clone(), "question"))).await.expect("queued, connected or not");
    let question = soon(hears.recv()).await.expect("received");
    assert_eq!(question.message, "question".into());
    soon(hears.send((question.id, "answer"))).await.expect("sent");
    assert_eq!(soon(speaks.recv()).await.expect("received"), Routed::new(name, "answer"));
}

#[test]
fn over_every_transport() {
    everywhere(async |ctx| {
        for transport in transports() {
            talk(&ctx, &transport).await;
        }
    });
}

#[test]
fn and_keep_them_when_the_connection_does_not_last() {
    everywhere(async |ctx| {
        let hears = ctx.peer().build().expect("valid");
        let endpoint = soon(hears.bind("tcp://127.0.0.1:*")).await.expect("free").to_string();
        let speaks = ctx.peer().build().expect("valid");
        let name = speaks.connect_peer(&endpoint).expect("valid");
        soon(speaks.wait_for_peers(1)).await;
        soon(hears.close()).await;
        // Whether or not it is noticed by now: the name leads to the queue of whoever comes next.
        let again = ctx.peer().build().expect("valid");
        soon(again.bind(&endpoint)).await.expect("free again");
        soon(again.wait_for_peers(1)).await;
        soon(speaks.send((name.clone(), "still you?"))).await.expect("queued");
        let heard = soon(again.recv()).await.expect("received");
        assert_eq!(heard.message, "still you?".into());
        speaks.disconnect(&endpoint).expect("connected");
        assert!(matches!(speaks.try_send((name, "gone")), Err(SendError::NoRoute(_))), "nobody has it now");
    });
}

#[test]
fn other_types_do_not_name_peers() {
    everywhere(async |ctx| {
        let router = ctx.socket(SocketType::Router).build().expect("valid");
        let refused = router.connect_peer("tcp://127.0.0.1:1").expect_err("no PEER");
        assert!(matches!(refused, ConnectError::Nameless(SocketType::Router)), "{refused}");
    });
}

/// Names that threads give at the same time go to the peers that they were given to.
#[test]
fn threads_that_name_peers_at_once_name_their_own() {
    watched(|| {
        let ctx = Context::new();
        let router = ctx.router().build().expect("valid");
        let peers: Vec<_> = (0..64).map(|n| (format!("peer-{n}"), ctx.dealer().build().expect("valid"))).collect();
        let ends: Vec<_> = peers
            .iter()
            .map(|(name, dealer)| (name.clone(), dealer.blocking().bind(inproc()).expect("free").to_string()))
            .collect();
        std::thread::scope(|scope| {
            for half in ends.chunks(ends.len() / 2) {
                let router = &router;
                scope.spawn(move || {
                    for (name, endpoint) in half {
                        let id = RoutingId::new(name.as_bytes()).expect("short");
                        router.connect_as(endpoint, id).expect("a name of its own");
                    }
                });
            }
        });
        for (name, dealer) in &peers {
            let id = RoutingId::new(name.as_bytes()).expect("short");
            router.blocking().send((id, name.as_str())).expect("named");
            assert_eq!(dealer.blocking().recv(), Ok(name.as_str().into()));
        }
    });
}
