//! A proxy is steered by a handle or by words over a socket: it pauses without loss, counts what passes, and ends.

use monocoque::{
    Any, Context, Hwm, Message, Proxy, ProxyError, ProxySocket, ProxyStatistics, Pull, Push, Socket, SocketType,
    Traffic,
};

use crate::common::{TCP, both, eventually, everywhere, in_shared, inproc, number, soon, to_number, watched};

/// Two sides, what sends into the first, and what receives from the second.
struct Street {
    front: Socket<Any>,
    back: Socket<Any>,
    source: Socket<Push>,
    sink: Socket<Pull>,
}

impl Street {
    async fn new(ctx: &Context) -> Self {
        let front = soon(ctx.socket(SocketType::Pull).bind(TCP)).await.expect("free");
        let back = soon(ctx.socket(SocketType::Push).bind(TCP)).await.expect("free");
        let source = ctx.push().connect(front.last_endpoint().expect("bound").to_string()).expect("valid");
        let sink = ctx.pull().connect(back.last_endpoint().expect("bound").to_string()).expect("valid");
        soon(source.wait_for_peers(1)).await;
        soon(sink.wait_for_peers(1)).await;
        Self { front, back, source, sink }
    }

    /// Sends a number through, and waits for it.
    async fn pass(&self, n: u64) {
        soon(self.source.send(number(n))).await.expect("sent");
        assert_eq!(soon(self.sink.recv()).await, Ok(number(n)));
    }
}

fn one_way(messages: u64, bytes: u64) -> ProxyStatistics {
    ProxyStatistics {
        frontend: Traffic { messages_in: messages, bytes_in: bytes, ..Traffic::default() },
        backend: Traffic { messages_out: messages, bytes_out: bytes, ..Traffic::default() },
    }
}

#[test]
fn a_paused_proxy_leaves_everything_where_it_is() {
    everywhere(async |ctx: Context| {
        let street = Street::new(&ctx).await;
        let mut proxy = Proxy::new(&street.front, &street.back);
        let steering = proxy.steering();
        let steer = async {
            street.pass(0).await;
            steering.pause();
            for n in 1..=20 {
                soon(street.source.send(number(n))).await.expect("sent");
            }
            // They have come as far as the proxy, and wait there.
            eventually(|| street.front.can_recv()).await;
            assert!(street.sink.try_recv().is_err());
            assert_eq!(steering.statistics(), one_way(1, 8));
            steering.resume();
            for n in 1..=20 {
                assert_eq!(soon(street.sink.recv()).await, Ok(number(n)));
            }
            assert_eq!(steering.statistics(), one_way(21, 21 * 8));
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), steer).await, (Ok(()), ()));
        assert_eq!((street.front.drops().total(), street.back.drops().total()), (0, 0));
    });
}

#[test]
fn a_terminated_proxy_has_ended_for_good() {
    in_shared(async |ctx: Context| {
        let street = Street::new(&ctx).await;
        let mut proxy = Proxy::new(&street.front, &street.back);
        let steering = proxy.steering();
        steering.terminate();
        assert_eq!(soon(proxy.run()).await, Ok(()), "told before it began");
        steering.resume();
        soon(street.source.send("x")).await.expect("sent");
        eventually(|| street.front.can_recv()).await;
        assert_eq!(soon(proxy.run()).await, Ok(()));
        assert_eq!((proxy.held(), steering.statistics()), (0, ProxyStatistics::default()));
        assert_eq!(street.front.try_recv(), Ok("x".into()), "it is still there");
    });
}

#[test]
fn both_directions_are_counted_message_by_message_and_byte_by_byte() {
    everywhere(async |ctx: Context| {
        let front = soon(ctx.router().bind(TCP)).await.expect("free");
        let back = soon(ctx.dealer().bind(TCP)).await.expect("free");
        let req = ctx.req().identity("asks").connect(front.last_endpoint().expect("bound").to_string()).expect("valid");
        let rep = ctx.rep().connect(back.last_endpoint().expect("bound").to_string()).expect("valid");
        let mut proxy = Proxy::new(&front, &back);
        let steering = proxy.steering();
        let talk = async {
            for _ in 0..10 {
                soon(req.send("what")).await.expect("sent");
                assert_eq!(soon(rep.recv()).await, Ok("what".into()));
                soon(rep.send(["this", "and that"])).await.expect("sent");
                assert_eq!(soon(req.recv()).await, Ok(["this", "and that"].into()));
            }
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), talk).await, (Ok(()), ()));
        // Routing id, delimiter and body.
        let (asked, answered) = (10 * (4 + 4), 10 * (4 + 4 + 8));
        let side = |bytes_in, bytes_out| Traffic { messages_in: 10, bytes_in, messages_out: 10, bytes_out };
        let expected = ProxyStatistics { frontend: side(asked, answered), backend: side(answered, asked) };
        assert_eq!(steering.statistics(), expected);
    });
}

#[test]
fn a_pair_steers_with_words() {
    everywhere(async |ctx: Context| {
        let street = Street::new(&ctx).await;
        let at = inproc();
        let control = soon(ctx.pair().bind(&at)).await.expect("free");
        let steers = ctx.pair().connect(&at).expect("valid");
        let mut proxy = Proxy::new(&street.front, &street.back).control(&control);
        let steer = async {
            let ask = async || {
                soon(steers.send("STATISTICS")).await.expect("sent");
                let answer = soon(steers.recv()).await.expect("answered");
                ProxyStatistics::from_message(&answer).expect("eight numbers")
            };
            street.pass(0).await;
            assert_eq!(ask().await, one_way(1, 8));
            for word in ["PAUSE", "pause", "STATISTICS please", ""] {
                soon(steers.send(word)).await.expect("sent");
            }
            soon(steers.send(["RESUME", "in two frames"])).await.expect("sent");
            soon(street.source.send(number(1))).await.expect("sent");
            eventually(|| street.front.can_recv()).await;
            assert_eq!(ask().await, one_way(1, 8), "it is paused, and still answers");
            soon(steers.send("RESUME")).await.expect("sent");
            assert_eq!(soon(street.sink.recv()).await, Ok(number(1)));
            assert_eq!(ask().await, one_way(2, 16));
            assert!(steers.try_recv().is_err(), "nothing else is answered");
            soon(steers.send("TERMINATE")).await.expect("sent");
        };
        assert_eq!(both(proxy.run(), steer).await, (Ok(()), ()));
    });
}

#[test]
fn a_rep_answers_every_word() {
    everywhere(async |ctx: Context| {
        let street = Street::new(&ctx).await;
        let control = soon(ctx.rep().bind(TCP)).await.expect("free");
        let steers = ctx.req().connect(control.last_endpoint().expect("bound").to_string()).expect("valid");
        let mut proxy = Proxy::new(&street.front, &street.back).control(&control);
        let steer = async {
            let tell = async |word: &str| {
                soon(steers.send(word)).await.expect("sent");
                soon(steers.recv()).await.expect("answered")
            };
            assert_eq!(tell("PAUSE").await, Message::new());
            soon(street.source.send(number(0))).await.expect("sent");
            eventually(|| street.front.can_recv()).await;
            assert_eq!(tell("DANCE").await, Message::new());
            assert_eq!(ProxyStatistics::from_message(&tell("STATISTICS").await), Some(ProxyStatistics::default()));
            assert_eq!(tell("RESUME").await, Message::new());
            assert_eq!(soon(street.sink.recv()).await, Ok(number(0)));
            assert_eq!(ProxyStatistics::from_message(&tell("STATISTICS").await), Some(one_way(1, 8)));
            assert_eq!(tell("TERMINATE").await, Message::new());
        };
        assert_eq!(both(proxy.run(), steer).await, (Ok(()), ()));
    });
}

#[test]
fn a_control_that_cannot_send_steers_all_the_same() {
    in_shared(async |ctx: Context| {
        let street = Street::new(&ctx).await;
        let at = inproc();
        let control = soon(ctx.subscriber().bind(&at)).await.expect("free");
        control.subscribe("");
        let steers = ctx.publisher().connect(&at).expect("valid");
        soon(steers.wait_for_subscribers(1)).await;
        for word in ["STATISTICS", "TERMINATE"] {
            soon(steers.send(word)).await.expect("sent");
        }
        let mut proxy = Proxy::new(&street.front, &street.back).control(&control);
        assert_eq!(soon(proxy.run()).await, Ok(()));
    });
}

#[test]
fn it_ends_with_an_error_when_any_of_its_sockets_is_closed() {
    everywhere(async |ctx: Context| {
        for closed in [ProxySocket::Frontend, ProxySocket::Backend, ProxySocket::Capture, ProxySocket::Control] {
            for paused in [false, true] {
                let street = Street::new(&ctx).await;
                let capture = ctx.publisher().build().expect("valid");
                let control = ctx.pair().build().expect("valid");
                let mut proxy = Proxy::new(&street.front, &street.back).capture(&capture).control(&control);
                let steering = proxy.steering();
                let close = async {
                    street.pass(0).await;
                    if paused {
                        steering.pause();
                    }
                    match closed {
                        ProxySocket::Frontend => soon(street.front.clone().close()).await,
                        ProxySocket::Backend => soon(street.back.clone().close()).await,
                        ProxySocket::Capture => soon(capture.clone().close()).await,
                        ProxySocket::Control => soon(control.clone().close()).await,
                    }
                };
                let (end, _) = both(soon(proxy.run()), close).await;
                assert_eq!(end, Err(ProxyError::Closed(closed)), "paused: {paused}");
            }
        }
    });
}

#[test]
fn sockets_that_make_no_proxy_are_refused() {
    in_shared(async |ctx: Context| {
        let build = |kind| ctx.socket(kind).build().expect("valid");
        let [push, pull, publisher, sub, req, pair] =
            [SocketType::Push, SocketType::Pull, SocketType::Pub, SocketType::Sub, SocketType::Req, SocketType::Pair]
                .map(build);
        let nothing = ProxyError::NothingToForward { frontend: SocketType::Pull, backend: SocketType::Sub };
        assert_eq!(Proxy::new(&pull, &sub).run().await, Err(nothing));
        assert!(Proxy::new(&push, &publisher).run().await.is_err() && Proxy::new(&pull, &pull).run().await.is_err());
        for capture in [&pull, &sub, &req] {
            let refused = Err(ProxyError::CannotCapture(capture.socket_type()));
            assert_eq!(Proxy::new(&pull, &push).capture(capture).run().await, refused);
        }
        for control in [&push, &publisher, &req] {
            let refused = Err(ProxyError::CannotControl(control.socket_type()));
            assert_eq!(Proxy::new(&pull, &push).control(control).run().await, refused);
        }
        let mut sound = Proxy::new(&pull, &push).control(&pair).capture(&publisher);
        sound.steering().terminate();
        assert_eq!(sound.run().await, Ok(()));
    });
}

#[test]
fn one_socket_may_be_both_sides() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let router = soon(ctx.router().bind(&name)).await.expect("free");
        let dealers: Vec<_> = (0..3).map(|_| ctx.dealer().connect(&name).expect("valid")).collect();
        // More than one turn of the proxy, before it begins.
        for n in 0..300 {
            dealers.iter().for_each(|dealer| dealer.try_send(number(n)).expect("there is room"));
        }
        let mut proxy = Proxy::new(&router, &router);
        let steering = proxy.steering();
        let receive = async {
            for n in 0..300 {
                for dealer in &dealers {
                    assert_eq!(soon(dealer.recv()).await, Ok(number(n)), "to whom it came from");
                }
            }
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), receive).await, (Ok(()), ()));
        let counted = steering.statistics();
        assert_eq!((counted.frontend.messages_in, counted.backend.messages_out), (900, 900));
        assert_eq!((counted.backend.messages_in, counted.frontend.messages_out), (0, 0));
    });
}

#[test]
fn a_rep_that_is_both_sides_answers_with_what_it_is_asked() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let rep = soon(ctx.rep().bind(&name)).await.expect("free");
        let req = ctx.req().connect(&name).expect("valid");
        let mut proxy = Proxy::new(&rep, &rep);
        let steering = proxy.steering();
        let ask = async {
            for n in 0..3 {
                soon(req.send(number(n))).await.expect("sent");
                assert_eq!(soon(req.recv()).await, Ok(number(n)));
            }
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), ask).await, (Ok(()), ()));
    });
}

#[test]
fn neither_direction_starves_the_other() {
    everywhere(async |ctx: Context| {
        let (front_at, back_at) = (inproc(), inproc());
        let front = soon(ctx.pair().hwm(Hwm::messages(100)).bind(&front_at)).await.expect("free");
        let back = soon(ctx.pair().hwm(Hwm::messages(100)).bind(&back_at)).await.expect("free");
        let ends = [&front_at, &back_at].map(|at| ctx.pair().hwm(Hwm::messages(100)).connect(at).expect("valid"));
        let mut proxy = Proxy::new(&front, &back);
        let steering = proxy.steering();
        // Both ends send as fast as they can; what each receives is in order and complete.
        let run = |from: usize| {
            let (here, there) = (&ends[from], &ends[1 - from]);
            async move {
                let send = async {
                    for n in 0..2_000 {
                        soon(here.send(number(n))).await.expect("sent");
                    }
                };
                let receive = async {
                    for n in 0..2_000 {
                        assert_eq!(to_number(soon(there.recv()).await.expect("received").first()), n);
                    }
                };
                both(send, receive).await;
            }
        };
        let talk = async {
            both(run(0), run(1)).await;
            steering.terminate();
        };
        assert_eq!(both(proxy.run(), talk).await, (Ok(()), ()));
        let side = Traffic { messages_in: 2_000, bytes_in: 16_000, messages_out: 2_000, bytes_out: 16_000 };
        assert_eq!(steering.statistics(), ProxyStatistics { frontend: side, backend: side });
    });
}

#[test]
fn plain_threads_run_and_steer_it_too() {
    watched(|| {
        let ctx = Context::new();
        let (front, back) = (ctx.pull().build().expect("valid"), ctx.push().build().expect("valid"));
        let [front_at, back_at] = [front.blocking().bind(TCP), back.blocking().bind(TCP)].map(|at| at.expect("free"));
        let mut proxy = Proxy::new(&front, &back);
        let steering = proxy.steering();
        let running = std::thread::spawn(move || (proxy.run_blocking(), proxy.held()));
        let source = ctx.push().connect(front_at.to_string()).expect("valid");
        let sink = ctx.pull().connect(back_at.to_string()).expect("valid");
        for n in 0..5_000 {
            source.blocking().send(number(n)).expect("sent");
        }
        for n in 0..5_000 {
            assert_eq!(sink.blocking().recv(), Ok(number(n)));
        }
        steering.terminate();
        assert_eq!(running.join().expect("no panic"), (Ok(()), 0));
        assert_eq!(steering.statistics(), one_way(5_000, 40_000));
    });
}
