//! REQ: many requests in flight, lost replies, dropped futures and time-outs hold nothing up; the strict alternation
//! is there beside it.

use std::time::Duration;

use monocoque::{Context, DropCause, RecvError, RequestError, Routed, SendError, TryRecvError};

use crate::common::raw::{Raw, message};
use crate::common::{
    TCP, all, both, disconnected, event, everywhere, in_shared, inproc, number, poll_times, soon, transports,
};

const SHORT: Duration = Duration::from_millis(30);

#[test]
fn a_hundred_requests_are_in_flight_and_answered_in_reverse() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let router = soon(ctx.router().bind(&transport)).await.expect("free");
            let req = ctx.req().connect(router.last_endpoint().expect("bound").to_string()).expect("valid");
            let ask = async {
                let requests = (0..100).map(|n| Box::pin(req.request(number(n))) as _);
                all(requests).await
            };
            let answer = async {
                let mut held = Vec::new();
                for _ in 0..100 {
                    held.push(soon(router.recv()).await.expect("received"));
                }
                for request in held.into_iter().rev() {
                    soon(router.send(request)).await.expect("sent");
                }
            };
            let (replies, ()) = soon(both(ask, answer)).await;
            for (n, reply) in replies.into_iter().enumerate() {
                assert_eq!(reply, Ok(number(n as u64)));
            }
            assert_eq!(req.drops().total(), 0);
        }
    });
}

#[test]
fn a_reply_that_never_comes_holds_nothing_up() {
    everywhere(async |ctx: Context| {
        let router = soon(ctx.router().bind(TCP)).await.expect("free");
        let req = ctx.req().connect(router.last_endpoint().expect("bound").to_string()).expect("valid");
        let lost = async { assert_eq!(req.request_timeout("lost", SHORT).await, Err(RecvError::TimedOut.into())) };
        let ((), late) = both(lost, soon(router.recv())).await;
        let answer = async {
            let request = soon(router.recv()).await.expect("received");
            // The late one first: it must not be taken for the other's.
            soon(router.send(late.expect("received"))).await.expect("sent");
            soon(router.send(request)).await.expect("sent");
        };
        let (reply, ()) = both(soon(req.request("next")), answer).await;
        assert_eq!(reply, Ok("next".into()));
        assert_eq!((req.drops().of(DropCause::Unexpected), req.drops().total()), (1, 1));
    });
}

#[test]
fn a_dropped_request_gives_its_reply_to_nobody() {
    everywhere(async |ctx: Context| {
        let router = soon(ctx.router().bind(inproc())).await.expect("free");
        let req = ctx.req().connect(router.last_endpoint().expect("bound").to_string()).expect("valid");
        assert_eq!(poll_times(req.request("dropped"), 1).await, None);
        let dropped = soon(router.recv()).await.expect("it was sent");
        soon(router.send(dropped)).await.expect("sent");
        let answer = async {
            let request = soon(router.recv()).await.expect("received");
            soon(router.send(request)).await.expect("sent");
        };
        let (reply, ()) = both(soon(req.request("next")), answer).await;
        assert_eq!(reply, Ok("next".into()));
        assert_eq!(req.drops().of(DropCause::Unexpected), 1);
    });
}

#[test]
fn a_request_without_a_peer_waits_or_times_out_and_is_not_sent_later() {
    everywhere(async |ctx: Context| {
        let req = ctx.req().send_timeout(SHORT).build().expect("valid");
        let refused = soon(req.request("nobody there")).await;
        assert_eq!(refused, Err(RequestError::Send(SendError::TimedOut(Box::new("nobody there".into())))));
        let endpoint = soon(req.bind(TCP)).await.expect("free").to_string();
        let rep = ctx.rep().connect(&endpoint).expect("valid");
        soon(req.wait_for_peers(1)).await;
        let answer = async {
            let request = soon(rep.recv()).await.expect("received");
            soon(rep.send(request)).await.expect("sent");
        };
        let (reply, ()) = both(soon(req.request("now")), answer).await;
        assert_eq!(reply, Ok("now".into()), "and not 'nobody there'");
    });
}

#[test]
fn strict_sending_and_receiving_alternate() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let rep = soon(ctx.rep().bind(&transport)).await.expect("free");
            let req = ctx.req().connect(rep.last_endpoint().expect("bound").to_string()).expect("valid");
            assert_eq!(req.try_recv(), Err(TryRecvError::Failed(RecvError::OutOfTurn)));
            assert_eq!(soon(req.recv()).await, Err(RecvError::OutOfTurn));
            assert_eq!(rep.try_send("unasked"), Err(SendError::OutOfTurn(Box::new("unasked".into()))));
            for n in 0..3 {
                soon(req.send(number(n))).await.expect("our turn");
                assert_eq!(soon(req.send(["a", "b"])).await, Err(SendError::OutOfTurn(Box::new(["a", "b"].into()))));
                assert_eq!(soon(rep.recv()).await, Ok(number(n)));
                assert_eq!(soon(rep.recv()).await, Err(RecvError::OutOfTurn));
                soon(rep.send(number(n))).await.expect("our turn");
                assert_eq!(soon(rep.send("twice")).await, Err(SendError::OutOfTurn(Box::new("twice".into()))));
                assert_eq!(soon(req.recv()).await, Ok(number(n)));
                assert_eq!(soon(req.recv()).await, Err(RecvError::OutOfTurn));
            }
        }
    });
}

#[test]
fn a_strict_receive_that_times_out_may_be_tried_again() {
    everywhere(async |ctx: Context| {
        let rep = soon(ctx.rep().bind(TCP)).await.expect("free");
        let req = ctx.req().recv_timeout(SHORT).connect(rep.last_endpoint().expect("bound").to_string());
        let req = req.expect("valid");
        soon(req.send("question")).await.expect("sent");
        assert_eq!(soon(req.recv()).await, Err(RecvError::TimedOut));
        assert_eq!(soon(rep.recv()).await, Ok("question".into()));
        soon(rep.send("answer")).await.expect("sent");
        let answered = async {
            loop {
                match req.recv().await {
                    Err(RecvError::TimedOut) => {}
                    done => return done,
                }
            }
        };
        assert_eq!(soon(answered).await, Ok("answer".into()));
    });
}

#[test]
fn a_relaxed_req_asks_again_and_takes_the_new_reply_only() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let router = soon(ctx.router().bind(&transport)).await.expect("free");
            let endpoint = router.last_endpoint().expect("bound").to_string();
            let req = ctx.req().relaxed(true).connect(endpoint).expect("valid");
            soon(req.send("first")).await.expect("sent");
            let first = soon(router.recv()).await.expect("received");
            soon(req.send("second")).await.expect("relaxed");
            let second = soon(router.recv()).await.expect("received");
            soon(router.send(first)).await.expect("sent");
            soon(router.send(second)).await.expect("sent");
            assert_eq!(soon(req.recv()).await, Ok("second".into()));
            assert_eq!(req.drops().of(DropCause::Unexpected), 1);
        }
    });
}

#[test]
fn requests_go_beside_a_strict_one() {
    everywhere(async |ctx: Context| {
        let router = soon(ctx.router().bind(TCP)).await.expect("free");
        let req = ctx.req().connect(router.last_endpoint().expect("bound").to_string()).expect("valid");
        soon(req.send("strict")).await.expect("sent");
        let strict = soon(router.recv()).await.expect("received");
        let answer = async {
            let request = soon(router.recv()).await.expect("received");
            soon(router.send(strict)).await.expect("sent");
            soon(router.send(request)).await.expect("sent");
        };
        let (reply, ()) = both(soon(req.request("beside")), answer).await;
        assert_eq!(reply, Ok("beside".into()));
        assert_eq!(soon(req.recv()).await, Ok("strict".into()));
    });
}

#[test]
fn an_accepted_peer_that_dies_frees_a_strict_req() {
    in_shared(async |ctx: Context| {
        let req = soon(ctx.req().bind(TCP)).await.expect("free");
        let (endpoint, monitor) = (req.last_endpoint().expect("bound").to_string(), req.monitor());
        let mut first = Raw::connect_as(&endpoint, "REP", b"");
        soon(req.send("lost")).await.expect("sent");
        assert_eq!(first.recv(), Some(vec![vec![], b"lost".to_vec()]));
        first.die();
        event(&monitor, disconnected).await;
        let mut second = Raw::connect_as(&endpoint, "REP", b"");
        soon(req.send("again")).await.expect("the turn is free");
        assert_eq!(second.recv(), Some(vec![vec![], b"again".to_vec()]));
        second.send(&[b"", b"answer"]);
        assert_eq!(soon(req.recv()).await, Ok("answer".into()));
    });
}

#[test]
fn replies_that_nobody_asked_for_are_dropped_and_counted() {
    in_shared(async |ctx: Context| {
        let req = soon(ctx.req().bind(TCP)).await.expect("free");
        let mut raw = Raw::connect_as(&req.last_endpoint().expect("bound").to_string(), "REP", b"");
        soon(req.send("question")).await.expect("sent");
        raw.recv().expect("the question");
        raw.send(&[b"no delimiter"]);
        raw.send(&[b"id??", b"", b"of nobody"]);
        // At once, so that both are there.
        raw.write(&[message(&[b"", b"answer"]), message(&[b"", b"twice"])].concat());
        assert_eq!(soon(req.recv()).await, Ok("answer".into()));
        soon(req.send("next")).await.expect("sent");
        raw.recv().expect("the question");
        raw.send(&[b"", b"to the next"]);
        assert_eq!(soon(req.recv()).await, Ok("to the next".into()), "what was there before it is none of its");
        assert_eq!(req.drops().of(DropCause::Unexpected), 3);
    });
}

#[test]
fn a_request_on_a_closed_socket_ends() {
    everywhere(async |ctx: Context| {
        let router = soon(ctx.router().bind(TCP)).await.expect("free");
        let req = ctx.req().connect(router.last_endpoint().expect("bound").to_string()).expect("valid");
        let close = async {
            let Routed { .. } = soon(router.recv()).await.expect("received");
            soon(req.clone().close()).await;
        };
        let (reply, ()) = both(soon(req.request("never answered")), close).await;
        assert_eq!(reply, Err(RecvError::Closed.into()));
        assert_eq!(
            soon(req.request("after")).await,
            Err(RequestError::Send(SendError::Closed(Box::new("after".into()))))
        );
    });
}
