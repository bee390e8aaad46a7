//! Every future of every socket type, dropped after each number of polls: no message is lost or doubled, and the
//! socket works on.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub};
use monocoque::{Any, Context, Hwm, Message, Routed, Socket, SocketType};

use crate::common::{TCP, both, everywhere, in_shared, inproc, number, poll_times, soon, to_number, transports};

const POLLS_MAX: usize = 6;
const MESSAGES: u64 = 300;

fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

/// Repeats what `attempt` makes until one is done, each dropped after one poll more than the one before.
async fn until_done<T, F: Future<Output = T>>(mut attempt: impl FnMut() -> F) -> T {
    let run = async {
        for polls in (1..=POLLS_MAX).cycle() {
            if let Some(done) = poll_times(within_turn(attempt()), polls).await.flatten() {
                return done;
            }
            smol::future::yield_now().await;
        }
        unreachable!("it ends when it is done")
    };
    soon(run).await
}

/// `future`, or nothing when it was not woken for a moment: one that waits for a counterpart which itself waits.
async fn within_turn<F: Future>(future: F) -> Option<F::Output> {
    let turn = async {
        smol::Timer::after(Duration::from_micros(200)).await;
        None
    };
    smol::future::or(async { Some(future.await) }, turn).await
}

async fn joined(ctx: &Context, first: SocketType, second: SocketType, transport: &str) -> [Socket<Any>; 2] {
    let mark = Hwm::messages(4);
    let build = |kind, name| match kind {
        Router => ctx.socket(kind).identity(name).router_mandatory(true).hwm(mark).build().expect("valid"),
        Pub | XPub => ctx.socket(kind).no_drop(true).hwm(mark).build().expect("valid"),
        _ => ctx.socket(kind).hwm(mark).build().expect("valid"),
    };
    let (a, b) = (build(first, "a"), build(second, "b"));
    let endpoint = soon(a.bind(transport)).await.expect("free").to_string();
    b.connect(&endpoint).expect("valid");
    if matches!(second, Sub | XSub) {
        b.subscribe("");
        soon(a.wait_for_subscribers(1)).await;
        if first == XPub {
            assert_eq!(soon(a.recv()).await, Ok(b"\x01".into()));
        }
    }
    soon(a.wait_for_peers(1)).await;
    soon(b.wait_for_peers(1)).await;
    [a, b]
}

/// One way: every send and every receive is dropped again and again.
async fn one_way(from: &Socket<Any>, to: &Socket<Any>, wrap: impl Fn(u64) -> Message) {
    let send = async {
        for n in 0..MESSAGES {
            until_done(|| from.send(wrap(n))).await.expect("sent");
        }
    };
    let receive = async {
        for n in 0..MESSAGES {
            let message = until_done(|| to.recv()).await.expect("received");
            assert_eq!(to_number(message.last()), n);
        }
        assert!(to.try_recv().is_err());
    };
    both(send, receive).await;
    assert_eq!((from.drops().total(), to.drops().total()), (0, 0));
}

async fn lockstep(asks: &Socket<Any>, answers: &Socket<Any>) {
    let ask = async {
        for n in 0..MESSAGES {
            until_done(|| asks.send(number(n))).await.expect("sent");
            assert_eq!(until_done(|| asks.recv()).await, Ok(number(n)));
        }
    };
    let answer = async {
        for n in 0..MESSAGES {
            assert_eq!(until_done(|| answers.recv()).await, Ok(number(n)));
            until_done(|| answers.send(number(n))).await.expect("sent");
        }
    };
    both(ask, answer).await;
}

macro_rules! types {
    ($($test:ident: $first:ident $second:ident $(, $envelope:expr)?;)*) => {$(
        #[test]
        fn $test() {
            everywhere(async |ctx: Context| {
                for transport in transports() {
                    let [a, b] = joined(&ctx, $first, $second, &transport).await;
                    #[allow(unused_mut, unused_assignments)]
                    let mut envelope: &[&[u8]] = &[];
                    $(envelope = $envelope;)?
                    let wrap = |n: u64| {
                        let mut message = number(n);
                        envelope.iter().rev().for_each(|&frame| message.push_front(frame));
                        message
                    };
                    one_way(&a, &b, wrap).await;
                }
            });
        }
    )*};
}
types! {
    of_push_and_pull: Push Pull;
    of_pair: Pair Pair;
    of_dealer: Dealer Dealer;
    of_pub_and_sub: Pub Sub;
    of_xpub_and_xsub: XPub XSub;
    of_router: Router Router, &[b"b"];
}

#[test]
fn of_req_and_rep() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let [a, b] = joined(&ctx, Rep, Req, &transport).await;
            lockstep(&b, &a).await;
            assert_eq!((a.drops().total(), b.drops().total()), (0, 0));
        }
    });
}

#[test]
fn of_dealer_and_router_by_type() {
    everywhere(async |ctx: Context| {
        let router = soon(ctx.router().bind(TCP)).await.expect("free");
        let dealer = ctx.dealer().connect(router.last_endpoint().expect("bound").to_string()).expect("valid");
        let ask = async {
            for n in 0..MESSAGES {
                until_done(|| dealer.send(number(n))).await.expect("sent");
                assert_eq!(until_done(|| dealer.recv()).await, Ok(number(n)));
            }
        };
        let answer = async {
            for n in 0..MESSAGES {
                let Routed { id, message } = until_done(|| router.recv()).await.expect("received");
                assert_eq!(message, number(n));
                until_done(|| router.send((id.clone(), message.clone()))).await.expect("sent");
            }
        };
        both(ask, answer).await;
    });
}

#[test]
fn a_send_that_is_dropped_while_it_waits_sends_nothing() {
    everywhere(async |ctx: Context| {
        for (sends, receives) in [(Push, Pull), (Pair, Pair), (Dealer, Dealer), (Pub, Sub), (XPub, XSub)] {
            let [a, b] = joined(&ctx, sends, receives, &inproc()).await;
            let taken = (0..100).take_while(|&n| a.try_send(number(n)).is_ok()).count() as u64;
            assert_eq!(taken, 8);
            for polls in 1..4 {
                let send = a.send(number(1000 + polls as u64));
                assert!(poll_times(within_turn(send), polls).await.flatten().is_none());
            }
            for n in 0..taken {
                assert_eq!(b.try_recv(), Ok(number(n)), "{sends}");
            }
            assert!(b.try_recv().is_err(), "{sends}");
            soon(a.send("works on")).await.expect("sent");
            assert_eq!(b.try_recv(), Ok("works on".into()));
        }
    });
}

#[test]
fn a_request_that_is_dropped_leaves_no_trace() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let rep = soon(ctx.rep().bind(&transport)).await.expect("free");
            let req = ctx.req().connect(rep.last_endpoint().expect("bound").to_string()).expect("valid");
            soon(req.wait_for_peers(1)).await;
            let serve = async {
                loop {
                    let request = rep.recv().await.expect("received");
                    let over = request.len() > 1;
                    rep.send(request).await.expect("sent");
                    if over {
                        return;
                    }
                }
            };
            let ask = async {
                let mut answered = 0;
                for n in 0..MESSAGES {
                    let polls = n as usize % POLLS_MAX + 1;
                    if let Some(reply) = poll_times(req.request(number(n)), polls).await {
                        assert_eq!(reply, Ok(number(n)), "its own reply");
                        answered += 1;
                    }
                }
                // All before it were answered, taken or dropped.
                assert_eq!(req.request(["the", "end"]).await, Ok(["the", "end"].into()));
                answered
            };
            let (answered, ()) = soon(both(ask, serve)).await;
            // A reply that comes after the last one's can only be counted when the socket looks again.
            let dropped = req.drops().total();
            assert!(answered + dropped <= MESSAGES, "{answered} + {dropped}");
            assert_eq!(dropped, req.drops().of(monocoque::DropCause::Unexpected));
            assert_eq!(answered + dropped, MESSAGES, "every request was sent, and its reply taken or counted");
        }
    });
}

#[test]
fn recv_many_and_send_many_lose_nothing() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let mark = Hwm::messages(10);
            let pull = soon(ctx.pull().hwm(mark).bind(&transport)).await.expect("free");
            let push = ctx.push().hwm(mark).connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
            let send = async {
                let mut next = 0;
                while next < 1000 {
                    let sent = std::cell::Cell::new(next);
                    let messages = (next..(next + 50).min(1000)).map(|n| {
                        sent.set(n);
                        number(n)
                    });
                    let polls = next as usize % POLLS_MAX + 1;
                    match poll_times(within_turn(push.send_many(messages)), polls).await.flatten() {
                        Some(count) => next += count.expect("sent") as u64,
                        // The one that was taken out last was not sent.
                        None => next = sent.get(),
                    }
                    smol::future::yield_now().await;
                }
            };
            let receive = async {
                let (mut got, mut polls) = (Vec::new(), 0);
                while got.len() < 1000 {
                    let before = got.len();
                    polls = polls % POLLS_MAX + 1;
                    let received = poll_times(within_turn(pull.recv_many(&mut got, 7)), polls).await.flatten();
                    assert_eq!(got.len() - before, received.map_or(0, |count| count.expect("received")));
                    assert!(got.len() - before <= 7);
                    smol::future::yield_now().await;
                }
                got
            };
            let ((), got) = soon(both(send, receive)).await;
            assert!(got.iter().map(|message| to_number(message.first())).eq(0..1000));
        }
    });
}

#[test]
fn waiting_can_be_given_up_and_begun_again() {
    everywhere(async |ctx: Context| {
        let publisher = ctx.publisher().build().expect("valid");
        for _ in 0..10 {
            assert!(poll_once(publisher.wait_for_peers(1)).is_none());
            assert!(poll_once(publisher.wait_for_subscribers(1)).is_none());
            assert!(poll_once(publisher.wait_for_peers_timeout(1, Duration::from_secs(60))).is_none());
        }
        let endpoint = soon(publisher.bind(TCP)).await.expect("free").to_string();
        let sub = ctx.subscriber().connect(&endpoint).expect("valid");
        sub.subscribe("");
        until_done(|| publisher.wait_for_subscribers(1)).await;
        until_done(|| sub.wait_for_peers(1)).await;
    });
}

#[test]
fn the_monitor_loses_no_event() {
    everywhere(async |ctx: Context| {
        let pull = ctx.pull().build().expect("valid");
        let (all, some) = (pull.monitor(), pull.monitor());
        let endpoint = soon(pull.bind(TCP)).await.expect("free").to_string();
        for _ in 0..5 {
            let push = ctx.push().connect(&endpoint).expect("valid");
            soon(push.send("hello")).await.expect("sent");
            soon(pull.recv()).await.expect("received");
        }
        soon(pull.close()).await;
        while let Some(event) = soon(all.recv()).await {
            assert_eq!(until_done(|| some.recv()).await, Some(event));
        }
        assert_eq!(soon(some.recv()).await, None);
    });
}

#[test]
fn a_close_that_is_dropped_goes_on() {
    in_shared(async |ctx: Context| {
        for polls in 1..=4 {
            let pull = soon(ctx.pull().linger(Duration::from_secs(5)).bind(TCP)).await.expect("free");
            let endpoint = pull.last_endpoint().expect("bound").to_string();
            let push = ctx.push().connect(&endpoint).expect("valid");
            soon(push.wait_for_peers(1)).await;
            let waiting = ctx.push().connect("tcp://127.0.0.1:1").expect("valid");
            let monitors = [pull.monitor(), push.monitor(), waiting.monitor()];
            poll_times(within_turn(pull.close()), polls).await;
            poll_times(within_turn(push.close()), polls).await;
            poll_times(within_turn(waiting.close()), polls).await;
            // The monitor ends when nothing of the socket runs any more.
            for monitor in monitors {
                soon(async { while monitor.recv().await.is_some() {} }).await;
            }
            let again = ctx.pull().build().expect("valid");
            soon(again.bind(&endpoint)).await.expect("the port is free");
        }
    });
}

#[test]
fn a_bind_that_is_dropped_leaves_the_socket_usable() {
    everywhere(async |ctx: Context| {
        for polls in 1..=3 {
            let pull = ctx.pull().build().expect("valid");
            poll_times(within_turn(pull.bind(TCP)), polls).await;
            let endpoint = soon(pull.bind(TCP)).await.expect("free").to_string();
            let push = ctx.push().connect(&endpoint).expect("valid");
            soon(push.send("hello")).await.expect("sent");
            assert_eq!(soon(pull.recv()).await, Ok("hello".into()));
        }
    });
}
