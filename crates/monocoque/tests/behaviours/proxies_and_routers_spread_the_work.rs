//! Proxies between socket types, ROUTER as a load balancer, and many tasks on one socket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use monocoque::{Context, Hwm, Message, Proxy, ProxyError, ProxySocket, Routed, SocketType};

use crate::common::{TCP, all, both, everywhere, in_shared, inproc, number, soon, to_number, transports, watched};

#[test]
fn an_xsub_and_an_xpub_make_a_forwarder() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), inproc()] {
            let front = soon(ctx.socket(SocketType::XSub).bind(&transport)).await.expect("free");
            let back = soon(ctx.socket(SocketType::XPub).bind(TCP)).await.expect("free");
            let ends = [&front, &back].map(|socket| socket.last_endpoint().expect("bound").to_string());
            let capture_at = inproc();
            let copies = soon(ctx.pull().hwm(Hwm::unlimited()).bind(&capture_at)).await.expect("free");
            let capture = ctx.socket(SocketType::Push).connect(&capture_at).expect("valid");
            let publisher = ctx.publisher().connect(&ends[0]).expect("valid");
            let sub = ctx.subscriber().connect(&ends[1]).expect("valid");
            sub.subscribe("news");
            let use_it = async {
                // Only a subscription that has passed the proxy makes the publisher send.
                soon(publisher.wait_for_subscribers(1)).await;
                for n in 0..50 {
                    soon(publisher.send(["noise", "x"])).await.expect("sent");
                    soon(publisher.send((&b"news"[..], &(n as u64).to_be_bytes()[..]))).await.expect("sent");
                }
                for n in 0..50 {
                    assert_eq!(to_number(&soon(sub.recv()).await.expect("received")[1]), n);
                }
                soon(front.clone().close()).await;
            };
            let mut proxy = Proxy::new(&front, &back).capture(&capture);
            let (end, ()) = both(proxy.run(), use_it).await;
            assert_eq!(end, Err(ProxyError::Closed(ProxySocket::Frontend)));
            let captured: Vec<Message> = std::iter::from_fn(|| copies.try_recv().ok()).collect();
            assert_eq!(captured.len(), 51, "the subscription and what it asked for");
        }
    });
}

#[test]
fn a_router_and_a_dealer_make_a_queue() {
    everywhere(async |ctx: Context| {
        let front = soon(ctx.socket(SocketType::Router).bind(TCP)).await.expect("free");
        let back = soon(ctx.socket(SocketType::Dealer).bind(TCP)).await.expect("free");
        let ends = [&front, &back].map(|socket| socket.last_endpoint().expect("bound").to_string());
        let reps: Vec<_> = (0..3).map(|_| ctx.rep().connect(&ends[1]).expect("valid")).collect();
        let reqs: Vec<_> = (0..4).map(|_| ctx.req().connect(&ends[0]).expect("valid")).collect();
        let served: Vec<_> = reps.iter().map(|_| AtomicU64::new(0)).collect();
        let serve = reps.iter().zip(&served).map(|(rep, served)| {
            let run = async move {
                while let Ok(request) = rep.recv().await {
                    served.fetch_add(1, Ordering::Relaxed);
                    if rep.send(request).await.is_err() {
                        break;
                    }
                }
            };
            Box::pin(run) as _
        });
        let ask = async {
            soon(back.wait_for_peers(3)).await;
            let asking = reqs.iter().enumerate().map(|(who, req)| {
                let run = async move {
                    for n in 0..30 {
                        let body = number((who as u64) << 32 | n);
                        soon(req.send(body.clone())).await.expect("sent");
                        assert_eq!(soon(req.recv()).await, Ok(body));
                    }
                };
                Box::pin(run) as _
            });
            all(asking).await;
            soon(back.clone().close()).await;
            for rep in &reps {
                soon(rep.clone().close()).await;
            }
        };
        let mut proxy = Proxy::new(&front, &back);
        let ((end, _), ()) = both(both(proxy.run(), all(serve)), ask).await;
        assert_eq!(end, Err(ProxyError::Closed(ProxySocket::Backend)));
        let served: Vec<_> = served.into_iter().map(AtomicU64::into_inner).collect();
        assert_eq!(served.iter().sum::<u64>(), 120);
        assert!(served.iter().all(|&count| count > 0), "{served:?}");
    });
}

#[test]
fn a_router_balances_load() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let router = soon(ctx.router().bind(&transport)).await.expect("free");
            let endpoint = router.last_endpoint().expect("bound").to_string();
            let workers: Vec<_> = ["a", "b", "c"]
                .iter()
                .map(|&name| ctx.dealer().identity(name).connect(&endpoint).expect("valid"))
                .collect();
            soon(router.wait_for_peers(3)).await;
            let mut given = BTreeMap::<Vec<u8>, Vec<u64>>::new();
            for n in 0..30 {
                let id = soon(router.send_any(number(n))).await.expect("sent");
                given.entry(id.as_bytes().to_vec()).or_default().push(n);
            }
            for (worker, name) in workers.iter().zip([b"a", b"b", b"c"]) {
                assert_eq!(given[&name[..]].len(), 10, "in turn");
                for &n in &given[&name[..]] {
                    assert_eq!(soon(worker.recv()).await, Ok(number(n)), "to whom it said");
                    soon(worker.send(number(n))).await.expect("sent");
                    assert_eq!(soon(router.recv()).await.expect("received").message, number(n));
                }
            }
        }
    });
}

#[test]
fn a_router_that_balances_waits_for_a_worker() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let router = soon(ctx.router().hwm(Hwm::messages(1)).bind(&name)).await.expect("free");
        assert!(crate::common::poll_times(router.send_any("nobody"), 1).await.is_none());
        let work = async {
            let worker = ctx.dealer().hwm(Hwm::messages(1)).connect(&name).expect("valid");
            for n in 0..100 {
                assert_eq!(soon(worker.recv()).await, Ok(number(n)));
            }
        };
        let give = async {
            for n in 0..100 {
                soon(router.send_any(number(n))).await.expect("sent");
            }
        };
        both(give, work).await;
    });
}

#[test]
fn routers_name_the_nameless() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let router = soon(ctx.router().bind(&transport)).await.expect("free");
            let endpoint = router.last_endpoint().expect("bound").to_string();
            let dealers: Vec<_> = (0..5).map(|_| ctx.dealer().connect(&endpoint).expect("valid")).collect();
            for dealer in &dealers {
                soon(dealer.send("hello")).await.expect("sent");
                let Routed { id, message } = soon(router.recv()).await.expect("received");
                assert!(id.is_generated() && message == Message::from("hello"));
                soon(router.send((id.clone(), id.as_bytes()))).await.expect("sent");
                assert_eq!(soon(dealer.recv()).await.expect("received").first(), &id);
            }
        }
    });
}

#[test]
fn many_threads_share_one_socket() {
    watched(|| {
        let ctx = Context::new();
        for transport in [TCP.to_owned(), inproc()] {
            let pull = ctx.pull().hwm(Hwm::messages(20)).build().expect("valid");
            let endpoint = pull.blocking().bind(&transport).expect("free").to_string();
            let push = ctx.push().hwm(Hwm::messages(20)).connect(&endpoint).expect("valid");
            let (sum, count) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            const EACH: u64 = 2000;
            let senders: Vec<_> = (0..4)
                .map(|who| {
                    let push = push.clone();
                    std::thread::spawn(move || {
                        for n in who * EACH..(who + 1) * EACH {
                            push.blocking().send(number(n)).expect("sent");
                        }
                    })
                })
                .collect();
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    let (pull, sum, count) = (pull.clone(), Arc::clone(&sum), Arc::clone(&count));
                    std::thread::spawn(move || {
                        while let Ok(message) = pull.blocking().recv() {
                            sum.fetch_add(to_number(message.first()), Ordering::Relaxed);
                            if count.fetch_add(1, Ordering::Relaxed) + 1 == 4 * EACH {
                                // Wakes the others: there is nothing more.
                                pull.blocking().close();
                            }
                        }
                    })
                })
                .collect();
            senders.into_iter().chain(receivers).for_each(|thread| thread.join().expect("no panic"));
            assert_eq!(count.load(Ordering::Relaxed), 4 * EACH);
            assert_eq!(sum.load(Ordering::Relaxed), (0..4 * EACH).sum::<u64>());
        }
    });
}

#[test]
fn many_tasks_share_one_socket() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let rep = soon(ctx.router().bind(&transport)).await.expect("free");
            let dealer = ctx.dealer().connect(rep.last_endpoint().expect("bound").to_string()).expect("valid");
            let servers = (0..4).map(|_| {
                let run = async {
                    for _ in 0..50 {
                        let request = soon(rep.recv()).await.expect("received");
                        soon(rep.send(request)).await.expect("sent");
                    }
                };
                Box::pin(run) as _
            });
            let clients = (0..4_u64).map(|who| {
                let dealer = &dealer;
                let run = async move {
                    let mut sum = 0;
                    for n in 0..50 {
                        soon(dealer.send(number(who * 50 + n))).await.expect("sent");
                        sum += to_number(soon(dealer.recv()).await.expect("received").first());
                    }
                    sum
                };
                Box::pin(run) as _
            });
            let (_, sums) = both(all(servers), all(clients)).await;
            assert_eq!(sums.into_iter().sum::<u64>(), (0..200).sum());
        }
    });
}

#[test]
fn a_message_from_each_peer_comes_before_the_second_of_any() {
    in_shared(async |ctx: Context| {
        let pull = ctx.pull().build().expect("valid");
        let mut pushes = Vec::new();
        for who in 0..5_u64 {
            let name = inproc();
            soon(pull.bind(&name)).await.expect("free");
            let push = ctx.push().connect(&name).expect("valid");
            for _ in 0..10 {
                push.try_send(number(who)).expect("room");
            }
            pushes.push(push);
        }
        for _ in 0..10 {
            let mut round: Vec<_> = (0..5).map(|_| to_number(pull.try_recv().expect("there").first())).collect();
            round.sort();
            assert_eq!(round, [0, 1, 2, 3, 4]);
        }
    });
}
