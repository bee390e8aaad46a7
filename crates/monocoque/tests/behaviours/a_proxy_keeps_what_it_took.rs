//! A proxy whose future is dropped loses nothing: what it took and could not send goes first when it runs again.

use std::future::Future;
use std::time::Duration;

use monocoque::{Context, DropCause, Hwm, Proxy, SocketType};

use crate::common::{TCP, both, everywhere, in_shared, inproc, number, poll_times, soon, to_number};

/// `future`, or nothing when it was not woken for a moment: a proxy that waits for the test.
async fn within_turn<F: Future>(future: F) -> Option<F::Output> {
    let turn = async {
        smol::Timer::after(Duration::from_micros(200)).await;
        None
    };
    smol::future::or(async { Some(future.await) }, turn).await
}

#[test]
fn nothing_is_lost_however_often_it_is_dropped() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), inproc()] {
            let build = |kind| ctx.socket(kind).hwm(Hwm::messages(3)).build().expect("valid");
            let (front, back) = (build(SocketType::Pull), build(SocketType::Push));
            let front_at = soon(front.bind(&transport)).await.expect("free").to_string();
            let back_at = soon(back.bind(inproc())).await.expect("free").to_string();
            let source = ctx.push().hwm(Hwm::messages(3)).connect(&front_at).expect("valid");
            let sink = ctx.pull().hwm(Hwm::messages(3)).connect(&back_at).expect("valid");
            let mut proxy = Proxy::new(&front, &back);
            let steering = proxy.steering();
            let forward = async {
                for polls in (1..=6).cycle() {
                    if let Some(end) = poll_times(within_turn(proxy.run()), polls).await.flatten() {
                        return end;
                    }
                    smol::future::yield_now().await;
                }
                unreachable!("it ends when it is told to")
            };
            let send = async {
                for n in 0..500 {
                    soon(source.send(number(n))).await.expect("sent");
                }
            };
            let receive = async {
                for n in 0..500 {
                    assert_eq!(to_number(soon(sink.recv()).await.expect("received").first()), n, "each once, in order");
                }
                steering.terminate();
            };
            let (end, _) = both(forward, both(send, receive)).await;
            assert_eq!(end, Ok(()));
            assert_eq!((front.drops().total(), back.drops().total()), (0, 0));
        }
    });
}

#[test]
fn what_could_go_no_further_stays_in_its_pipe() {
    in_shared(async |ctx: Context| {
        let (front_at, back_at) = (inproc(), inproc());
        let front = soon(ctx.pull().bind(&front_at)).await.expect("free");
        let back = soon(ctx.push().bind(&back_at)).await.expect("free");
        let source = ctx.push().connect(&front_at).expect("valid");
        for n in 0..3 {
            source.try_send(number(n)).expect("room");
        }
        let mut proxy = Proxy::new(&front, &back);
        assert!(poll_times(proxy.run(), 1).await.is_none(), "there is nobody behind it");
        assert_eq!(proxy.held(), 0);
        let counted = proxy.steering().statistics();
        assert_eq!((counted.frontend.messages_in, counted.backend.messages_out), (0, 0));
        let sink = ctx.pull().connect(&back_at).expect("valid");
        let steering = proxy.steering();
        let receive = async {
            for n in 0..3 {
                assert_eq!(soon(sink.recv()).await, Ok(number(n)));
            }
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), receive).await, (Ok(()), ()));
        assert_eq!(proxy.held(), 0);
        assert_eq!(steering.statistics().backend.messages_out, 3);
    });
}

/// An XPUB says that it has room for anything, and may find none for a message once it is there.
#[test]
fn what_was_taken_and_found_no_room_is_kept_and_sent_first() {
    in_shared(async |ctx: Context| {
        let mark = Hwm::messages(1);
        let (front_at, back_at) = (inproc(), inproc());
        let front = soon(ctx.pull().bind(&front_at)).await.expect("free");
        let back = soon(ctx.xpub().hwm(mark).no_drop(true).bind(&back_at)).await.expect("free");
        let source = ctx.push().connect(&front_at).expect("valid");
        let sink = ctx.subscriber().hwm(mark).connect(&back_at).expect("valid");
        sink.subscribe("");
        soon(back.wait_for_subscribers(1)).await;
        for n in 0..9 {
            source.try_send(number(n)).expect("room");
        }
        let mut proxy = Proxy::new(&front, &back);
        assert!(poll_times(proxy.run(), 1).await.is_none(), "the subscriber reads nothing");
        assert_eq!(proxy.held(), 1);
        let steering = proxy.steering();
        let receive = async {
            for n in 0..9 {
                assert_eq!(soon(sink.recv()).await, Ok(number(n)));
            }
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), receive).await, (Ok(()), ()));
        assert_eq!((proxy.held(), back.drops().total()), (0, 0));
    });
}

#[test]
fn a_message_that_leads_nowhere_ends_no_proxy() {
    everywhere(async |ctx: Context| {
        for mandatory in [false, true] {
            let front = soon(ctx.router().router_mandatory(mandatory).bind(TCP)).await.expect("free");
            let back = soon(ctx.dealer().bind(TCP)).await.expect("free");
            let front_at = front.last_endpoint().expect("bound").to_string();
            let client = ctx.dealer().identity("client").connect(&front_at).expect("valid");
            let worker = ctx.dealer().connect(back.last_endpoint().expect("bound").to_string()).expect("valid");
            soon(front.wait_for_peers(1)).await;
            let mut proxy = Proxy::new(&front, &back);
            let steering = proxy.steering();
            let talk = async {
                soon(worker.send("no envelope at all")).await.expect("sent");
                soon(worker.send(["gone", "", "an answer that nobody waits for"])).await.expect("sent");
                soon(worker.send(["client", "an answer"])).await.expect("sent");
                assert_eq!(soon(client.recv()).await, Ok("an answer".into()));
                steering.terminate();
            };
            assert_eq!(both(proxy.run(), talk).await, (Ok(()), ()));
            assert_eq!((front.drops().of(DropCause::NoRoute), front.drops().total()), (2, 2));
            assert_eq!(steering.statistics().backend.messages_in, 3);
        }
    });
}

#[test]
fn lockstep_passes_through_a_rep_and_a_req() {
    everywhere(async |ctx: Context| {
        let front = soon(ctx.rep().bind(TCP)).await.expect("free");
        let back = soon(ctx.req().bind(TCP)).await.expect("free");
        let front_at = front.last_endpoint().expect("bound").to_string();
        let reqs: Vec<_> = (0..3).map(|_| ctx.req().connect(&front_at).expect("valid")).collect();
        let rep = ctx.rep().connect(back.last_endpoint().expect("bound").to_string()).expect("valid");
        let mut proxy = Proxy::new(&front, &back);
        let steering = proxy.steering();
        let talk = async {
            for n in 0..20 {
                for req in &reqs {
                    soon(req.send(number(n))).await.expect("sent");
                }
                for _ in &reqs {
                    let request = soon(rep.recv()).await.expect("received");
                    soon(rep.send(request)).await.expect("sent");
                }
                for req in &reqs {
                    assert_eq!(soon(req.recv()).await, Ok(number(n)));
                }
            }
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), talk).await, (Ok(()), ()));
    });
}
