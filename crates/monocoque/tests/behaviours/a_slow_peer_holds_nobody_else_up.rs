//! One peer does not read: the others go on, what is queued for it is bounded by the high-water marks, and when it
//! reads again it is served again.

use std::time::Duration;

use monocoque::{Context, DropCause, Hwm, Message, Routed, RoutingId, SendError, SendHalf, SocketType, TryRecvError};

use crate::common::raw::{Raw, message};
use crate::common::{IPC, TCP, both, everywhere, in_shared, inproc, number, poll_times, soon, to_number};

fn id(name: &str) -> RoutingId {
    RoutingId::new(name).expect("valid")
}

/// Sends until refused; returns how many were taken.
fn fill(mut send: impl FnMut(u64) -> Result<(), SendError>) -> u64 {
    for n in 0.. {
        match send(n) {
            Ok(()) => {}
            Err(SendError::Full(message)) => {
                assert_eq!(*message, number(n), "the message comes back");
                return n;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(n < 1_000_000, "no mark holds");
    }
    unreachable!("ends at the mark")
}

/// The mark of an inproc pipe is the sum of the sender's and the receiver's, whichever binds and whoever is first.
#[test]
fn over_inproc_the_mark_is_exact() {
    everywhere(async |ctx: Context| {
        for (sends, receives) in [
            (SocketType::Push, SocketType::Pull),
            (SocketType::Pair, SocketType::Pair),
            (SocketType::Dealer, SocketType::Dealer),
            (SocketType::Dealer, SocketType::Rep),
        ] {
            for sender_binds in [true, false] {
                let name = inproc();
                let sender = ctx.socket(sends).send_hwm(Hwm::messages(5)).recv_hwm(Hwm::messages(100));
                let receiver = ctx.socket(receives).recv_hwm(Hwm::messages(7)).send_hwm(Hwm::messages(100));
                let (sender, receiver) = (sender.build().expect("valid"), receiver.build().expect("valid"));
                let (binds, connects) = if sender_binds { (&sender, &receiver) } else { (&receiver, &sender) };
                soon(binds.bind(&name)).await.expect("free");
                connects.connect(&name).expect("valid");
                assert_eq!(fill(|n| sender.try_send(number(n))), 12, "{sends} {sender_binds}");
            }
        }
    });
}

#[test]
fn over_inproc_the_mark_grows_when_the_receiver_binds() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let push = ctx.push().hwm(Hwm::messages(5)).connect(&name).expect("valid");
        assert_eq!(fill(|n| push.try_send(number(n))), 5);
        let pull = soon(ctx.pull().hwm(Hwm::messages(7)).bind(&name)).await.expect("free");
        for n in 5..12 {
            assert_eq!(push.try_send(number(n)), Ok(()));
        }
        assert!(matches!(push.try_send("13th"), Err(SendError::Full(_))));
        for n in 0..12 {
            assert_eq!(pull.try_recv(), Ok(number(n)));
        }
        assert_eq!(pull.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn zero_on_either_side_is_no_limit() {
    everywhere(async |ctx: Context| {
        for (sender, receiver) in [(Hwm::unlimited(), Hwm::messages(1)), (Hwm::messages(1), Hwm::unlimited())] {
            let name = inproc();
            let pull = soon(ctx.pull().hwm(receiver).bind(&name)).await.expect("free");
            let push = ctx.push().hwm(sender).connect(&name).expect("valid");
            for n in 0..20_000 {
                assert_eq!(push.try_send(number(n)), Ok(()));
            }
            for n in 0..20_000 {
                assert_eq!(pull.try_recv(), Ok(number(n)));
            }
        }
    });
}

#[test]
fn a_mark_in_bytes_holds_beside_the_one_in_messages() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let mark = Hwm::messages(1000).bytes(1000);
        let pull = soon(ctx.pull().recv_hwm(mark).bind(&name)).await.expect("free");
        let push = ctx.push().send_hwm(mark).connect(&name).expect("valid");
        let taken = (0..100).take_while(|_| push.try_send(vec![0; 150]).is_ok()).count();
        assert_eq!(taken, 13, "2,000 bytes in all");
        while pull.try_recv().is_ok() {}
        assert_eq!(push.try_send(vec![0; 5000]), Ok(()), "a large one passes an empty pipe");
        assert!(push.try_send("").is_err() || push.try_send("x").is_err());
    });
}

#[test]
fn a_send_wakes_when_the_peer_reads_again() {
    everywhere(async |ctx: Context| {
        for transport in [TCP.to_owned(), IPC.to_owned(), inproc()] {
            let mark = Hwm::messages(10);
            let pull = soon(ctx.pull().hwm(mark).bind(&transport)).await.expect("free");
            let endpoint = pull.last_endpoint().expect("bound").to_string();
            let push = ctx.push().hwm(mark).connect(&endpoint).expect("valid");
            let body = || vec![0; 64 << 10];
            let send = async {
                for n in 0..2000_u64 {
                    soon(push.send((&n.to_be_bytes(), body()))).await.expect("sent");
                }
            };
            let receive = async {
                for n in 0..2000 {
                    // The sender runs full again and again.
                    if n % 100 == 0 {
                        for _ in 0..100 {
                            smol::future::yield_now().await;
                        }
                    }
                    assert_eq!(to_number(&soon(pull.recv()).await.expect("received")[0]), n);
                }
            };
            both(send, receive).await;
        }
    });
}

#[test]
fn a_push_skips_the_peer_that_is_full_and_comes_back_to_it() {
    everywhere(async |ctx: Context| {
        let names = [inproc(), inproc()];
        let mark = Hwm::messages(5);
        let slow = soon(ctx.pull().hwm(mark).bind(&names[0])).await.expect("free");
        let fast = soon(ctx.pull().hwm(mark).bind(&names[1])).await.expect("free");
        let push = ctx.push().hwm(mark).build().expect("valid");
        names.iter().for_each(|name| push.connect(name).expect("valid"));
        let mut received = 0;
        for n in 0..1000 {
            push.try_send(number(n)).expect("the fast one has room");
            received += u64::from(fast.try_recv().is_ok());
        }
        assert_eq!(received, 990, "all but the ten that the slow one holds");
        for _ in 0..10 {
            slow.try_recv().expect("its own");
        }
        let taken = fill(|n| push.try_send(number(n)));
        assert_eq!(taken, 20, "both have their marks free again");
    });
}

#[test]
fn a_dealer_skips_the_peer_that_is_full() {
    in_shared(async |ctx: Context| {
        let dealer = soon(ctx.dealer().hwm(Hwm::messages(10)).bind(TCP)).await.expect("free");
        let endpoint = dealer.last_endpoint().expect("bound").to_string();
        let _slow = Raw::connect_as(&endpoint, "ROUTER", b"");
        let fast = ctx.router().connect(&endpoint).expect("valid");
        soon(dealer.wait_for_peers(2)).await;
        let send = async {
            // The kernel takes some megabytes for the one that does not read.
            for n in 0..400_u64 {
                soon(dealer.send((&n.to_be_bytes(), vec![0; 128 << 10]))).await.expect("sent");
            }
        };
        let receive = async {
            let mut last = None;
            for _ in 0..250 {
                let Routed { message, .. } = soon(fast.recv()).await.expect("received");
                let n = to_number(&message[0]);
                assert!(last < Some(n));
                last = Some(n);
            }
        };
        both(send, receive).await;
    });
}

#[test]
fn a_publisher_drops_for_the_slow_subscriber_alone_and_counts() {
    everywhere(async |ctx: Context| {
        for subscriber_binds in [true, false] {
            let names = [inproc(), inproc()];
            let publisher = ctx.publisher().send_hwm(Hwm::messages(5)).build().expect("valid");
            let sub = || ctx.subscriber().recv_hwm(Hwm::messages(7)).build().expect("valid");
            let [slow, fast] = [sub(), sub()];
            for (sub, name) in [&slow, &fast].into_iter().zip(&names) {
                sub.subscribe("");
                let (bound, _) = if subscriber_binds {
                    (soon(sub.bind(name)).await, publisher.connect(name).expect("valid"))
                } else {
                    (soon(publisher.bind(name)).await, sub.connect(name).expect("valid"))
                };
                bound.expect("free");
            }
            soon(publisher.wait_for_subscribers(2)).await;
            for n in 0..1000 {
                soon(publisher.send(number(n))).await.expect("never waits");
                assert_eq!(fast.try_recv(), Ok(number(n)));
            }
            assert_eq!(publisher.drops().of(DropCause::Full), 988);
            for n in 0..12 {
                assert_eq!(slow.try_recv(), Ok(number(n)));
            }
            assert_eq!(slow.try_recv(), Err(TryRecvError::Empty));
            soon(publisher.send("again")).await.expect("sent");
            assert_eq!(slow.try_recv(), Ok("again".into()));
            assert_eq!(publisher.drops().total(), 988);
        }
    });
}

#[test]
fn a_publisher_told_not_to_drop_waits_for_the_slow_subscriber() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let publisher = ctx.publisher().no_drop(true).hwm(Hwm::messages(5)).bind(&name);
        let publisher = soon(publisher).await.expect("free");
        let sub = ctx.subscriber().hwm(Hwm::messages(5)).connect(&name).expect("valid");
        sub.subscribe("");
        assert_eq!(fill(|n| publisher.try_send(number(n))), 10);
        let receive = async {
            for n in 0..10 {
                assert_eq!(soon(sub.recv()).await, Ok(number(n)));
            }
        };
        let (sent, ()) = both(soon(publisher.send("waited")), receive).await;
        sent.expect("sent");
        assert_eq!(soon(sub.recv()).await, Ok("waited".into()));
        assert_eq!(publisher.drops().total(), 0);
    });
}

#[test]
fn a_subscriber_over_tcp_that_stops_reading_costs_its_own_messages_only() {
    in_shared(async |ctx: Context| {
        let publisher = soon(ctx.xpub().hwm(Hwm::messages(100)).bind(TCP)).await.expect("free");
        let endpoint = publisher.last_endpoint().expect("bound").to_string();
        let mut slow = Raw::connect_as(&endpoint, "SUB", b"");
        slow.subscribe(b"");
        let fast = ctx.subscriber().connect(&endpoint).expect("valid");
        fast.subscribe("");
        soon(publisher.wait_for_subscribers(2)).await;
        for n in 0..1000_u64 {
            soon(publisher.send((&n.to_be_bytes(), vec![0; 32 << 10]))).await.expect("never waits");
            assert_eq!(to_number(&soon(fast.recv()).await.expect("received")[0]), n);
        }
        let full = publisher.drops().of(DropCause::Full);
        assert!(full > 0, "32 MB do not fit");
        for n in 0..1000 - full {
            assert_eq!(to_number(&slow.recv().expect("what was taken for it comes")[0]), n);
        }
        assert_eq!(publisher.drops().total(), full);
    });
}

#[test]
fn a_router_drops_for_the_slow_peer_alone_and_counts() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let router = soon(ctx.router().hwm(Hwm::messages(5)).bind(&name)).await.expect("free");
        let [slow, fast] = ["slow", "fast"].map(|name| ctx.dealer().identity(name).hwm(Hwm::messages(7)));
        let [slow, fast] = [slow, fast].map(|dealer| dealer.connect(&name).expect("valid"));
        for n in 0..100 {
            soon(router.send((id("slow"), number(n)))).await.expect("never waits");
            soon(router.send((id("fast"), number(n)))).await.expect("never waits");
            assert_eq!(fast.try_recv(), Ok(number(n)));
        }
        assert_eq!((router.drops().of(DropCause::Full), router.drops().total()), (88, 88));
        for n in 0..12 {
            assert_eq!(slow.try_recv(), Ok(number(n)));
        }
        soon(router.send((id("slow"), "again"))).await.expect("never waits");
        assert_eq!(slow.try_recv(), Ok("again".into()));
    });
}

#[test]
fn a_mandatory_router_waits_for_the_slow_peer_and_serves_the_others_meanwhile() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let router = ctx.router().router_mandatory(true).hwm(Hwm::messages(5)).bind(&name);
        let router = soon(router).await.expect("free");
        let [slow, fast] = ["slow", "fast"].map(|name| ctx.dealer().identity(name).hwm(Hwm::messages(7)));
        let [slow, fast] = [slow, fast].map(|dealer| dealer.connect(&name).expect("valid"));
        let taken = (0..100).take_while(|&n| router.try_send((id("slow"), number(n))).is_ok()).count();
        assert_eq!(taken, 12);
        assert_eq!(poll_times(router.send((id("slow"), "waits")), 1).await, None);
        soon(router.send((id("fast"), "goes on"))).await.expect("sent");
        assert_eq!(fast.try_recv(), Ok("goes on".into()));
        let receive = async {
            for n in 0..12 {
                assert_eq!(soon(slow.recv()).await, Ok(number(n)));
            }
        };
        let (sent, ()) = both(soon(router.send((id("slow"), "waited"))), receive).await;
        sent.expect("sent");
        assert_eq!(slow.try_recv(), Ok("waited".into()));
        assert_eq!(router.drops().total(), 0);
    });
}

#[test]
fn a_rep_drops_answers_for_who_does_not_read_them_and_answers_the_others() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let rep = soon(ctx.rep().hwm(Hwm::messages(3)).bind(&name)).await.expect("free");
        let slow = ctx.dealer().hwm(Hwm::messages(3)).connect(&name).expect("valid");
        for n in 0..10 {
            soon(slow.send(["", "question"])).await.expect("room");
            assert_eq!(soon(rep.recv()).await, Ok("question".into()));
            soon(rep.send(number(n))).await.expect("sent or dropped");
        }
        assert_eq!((rep.drops().of(DropCause::Full), rep.drops().total()), (4, 4));
        let fast = ctx.req().connect(&name).expect("valid");
        soon(fast.send("quick")).await.expect("sent");
        assert_eq!(soon(rep.recv()).await, Ok("quick".into()));
        soon(rep.send("answer")).await.expect("sent");
        assert_eq!(soon(fast.recv()).await, Ok("answer".into()));
        for n in 0..6 {
            let expected: Message = [&b""[..], &(n as u64).to_be_bytes()].into();
            assert_eq!(slow.try_recv(), Ok(expected));
        }
    });
}

#[test]
fn a_req_asks_the_peer_that_has_room() {
    everywhere(async |ctx: Context| {
        let names = [inproc(), inproc()];
        let one = Hwm::messages(1);
        let _slow = soon(ctx.rep().hwm(one).bind(&names[0])).await.expect("free");
        let fast = soon(ctx.rep().hwm(one).bind(&names[1])).await.expect("free");
        let req = ctx.req().hwm(one).build().expect("valid");
        names.iter().for_each(|name| req.connect(name).expect("valid"));
        let serve = async {
            for _ in 0..20 {
                let request = soon(fast.recv()).await.expect("received");
                soon(fast.send(request)).await.expect("sent");
            }
        };
        let ask = async {
            let mut answered = 0;
            // Every other one goes to the slow peer, until that is full.
            for n in 0..22 {
                let reply = req.request_timeout(number(n), Duration::from_millis(100)).await;
                answered += u32::from(reply == Ok(number(n)));
            }
            answered
        };
        assert_eq!(both(ask, serve).await.0, 20);
    });
}

#[test]
fn a_pair_waits_for_its_one_peer() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let a = soon(ctx.pair().hwm(Hwm::messages(4)).bind(&name)).await.expect("free");
        let b = ctx.pair().hwm(Hwm::messages(4)).connect(&name).expect("valid");
        assert_eq!(fill(|n| a.try_send(number(n))), 8);
        assert!(!a.can_send() && b.can_send());
        assert_eq!(b.try_send("the other way is free"), Ok(()));
        let (half, _): (SendHalf<_>, _) = a.clone().split();
        let drain = async {
            for n in 0..8 {
                assert_eq!(soon(b.recv()).await, Ok(number(n)));
            }
        };
        let (sent, ()) = both(soon(half.send("waited")), drain).await;
        sent.expect("sent");
        assert_eq!(soon(b.recv()).await, Ok("waited".into()));
        assert_eq!(a.drops().total(), 0);
    });
}

#[test]
fn a_peer_that_sends_too_much_is_not_read_until_there_is_room() {
    in_shared(async |ctx: Context| {
        for transport in [TCP, IPC] {
            let pull = soon(ctx.pull().recv_hwm(Hwm::messages(10)).bind(transport)).await.expect("free");
            let endpoint = pull.last_endpoint().expect("bound").to_string();
            let mut flood = Raw::connect_as(&endpoint, "PUSH", b"");
            let mut steady = Raw::connect_as(&endpoint, "PUSH", b"");
            let body = vec![0; 64 << 10];
            let bytes: Vec<u8> = (0..1000_u64).flat_map(|n| message(&[&n.to_be_bytes(), &body])).collect();
            let written = flood.flood(&bytes, Duration::from_millis(200));
            assert!(written < 32 << 20, "{written} bytes were taken of a peer whose mark is ten messages");
            // Others are heard, in turn.
            steady.send(&[b"steady"]);
            let mut before = 0;
            while soon(pull.recv()).await.expect("received").first().len() == 8 {
                before += 1;
            }
            assert!(before < 1000, "the other is heard before the flood is over");
            let rest = std::thread::spawn(move || {
                flood.write(&bytes[written..]);
                flood
            });
            for n in before..1000 {
                assert_eq!(to_number(&soon(pull.recv()).await.expect("received")[0]), n);
            }
            drop(rest.join().expect("no panic"));
        }
    });
}
