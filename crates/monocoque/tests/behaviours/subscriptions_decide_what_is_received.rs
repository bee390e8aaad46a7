//! Subscriptions are prefixes, counted, replayed to every publisher, and shown by an XPUB.

use std::time::Duration;

use monocoque::{Context, DropCause, Hwm, Message, SocketType, TryRecvError, new_secret_key};

use crate::common::raw::{COMMAND, Raw, RawListener, greeting, ready};
use crate::common::{
    IPC, PATIENCE, QUICK, TCP, both, disconnected, event, eventually, everywhere, in_shared, inproc, soon, transports,
    watched,
};

#[test]
fn topics_are_prefixes_of_the_first_frame() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let publisher = soon(ctx.publisher().bind(&transport)).await.expect("free");
            let sub = ctx.subscriber().connect(publisher.last_endpoint().expect("bound").to_string()).expect("valid");
            sub.subscribe("a");
            sub.subscribe("abc");
            sub.subscribe(b"\0\xff");
            sub.subscribe("end");
            soon(publisher.wait_for_subscribers(1)).await;
            // One who is up to date in one topic need not be in the others.
            let xsub = async {
                loop {
                    soon(publisher.send("end")).await.expect("sent");
                    if sub.try_recv().is_ok() {
                        return;
                    }
                    smol::Timer::after(std::time::Duration::from_millis(1)).await;
                }
            };
            soon(xsub).await;
            for topic in ["b", "a", "", "abcd", "A", "ab"] {
                soon(publisher.send([topic, "body"])).await.expect("sent");
            }
            soon(publisher.send([&b"\0\xff\x01"[..], b""])).await.expect("sent");
            soon(publisher.send(["b", "a"])).await.expect("only the first frame counts");
            soon(publisher.send("the end")).await.expect("sent");
            soon(publisher.send("end of all")).await.expect("sent");
            let mut got = Vec::new();
            loop {
                let message = soon(sub.recv()).await.expect("received");
                if message == Message::from("end of all") {
                    break;
                }
                if message != Message::from("end") {
                    got.push(message);
                }
            }
            let expected: [Message; 4] = [
                ["a", "body"].into(),
                ["abcd", "body"].into(),
                ["ab", "body"].into(),
                [&b"\0\xff\x01"[..], b""].into(),
            ];
            assert_eq!(got, expected, "each once, however many topics match");
            assert_eq!(publisher.drops().total(), 0);
        }
    });
}

/// Of every seventh message one subscriber is the only one, and so gets it apart from what it shares with the others.
#[test]
fn what_many_get_is_whole_and_in_order_whatever_it_travels_in() {
    const MESSAGES: u64 = 700;
    let message = |n: u64| {
        let (topic, size) = (if n % 7 == 6 { "b" } else { "a" }, if n % 100 < 60 { 60 } else { 3000 });
        Message::from((topic, n.to_le_bytes().to_vec(), vec![n as u8; size]))
    };
    everywhere(async move |ctx: Context| {
        let (server, client) = [(); 2].map(|()| new_secret_key().expect("random bytes")).into();
        let transports = [TCP, IPC, "ws://127.0.0.1:*/"].map(str::to_owned).into_iter().chain([inproc()]);
        for (transport, encrypted) in transports.flat_map(|transport| [(transport.clone(), false), (transport, true)]) {
            if encrypted && transport.starts_with("inproc") {
                continue;
            }
            let publisher = ctx.publisher().no_drop(true).hwm(Hwm::unlimited());
            let publisher = if encrypted { publisher.curve_server(server.clone()) } else { publisher };
            let publisher = soon(publisher.bind(&transport)).await.expect("free");
            let endpoint = publisher.last_endpoint().expect("bound").to_string();
            let subscriber = |topic| {
                let sub = ctx.subscriber().hwm(Hwm::unlimited());
                let sub = if encrypted { sub.curve_client(server.public(), client.clone()) } else { sub };
                let sub = sub.connect(&endpoint).expect("valid");
                sub.subscribe(topic);
                sub
            };
            let subs = ["", "a", "a"].map(|topic| (topic, subscriber(topic)));
            soon(publisher.wait_for_subscribers(3)).await;
            for n in 0..MESSAGES {
                soon(publisher.send(message(n))).await.expect("sent");
            }
            for (topic, sub) in &subs {
                for n in (0..MESSAGES).filter(|n| topic.is_empty() || n % 7 != 6) {
                    let got = soon(sub.recv()).await.expect("received");
                    assert!(got == message(n), "{transport} {encrypted} '{topic}' {n}: {got:?}");
                }
            }
        }
    });
}

#[test]
fn an_xpub_sees_the_first_and_the_last_of_each_topic() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let xpub = soon(ctx.xpub().bind(&transport)).await.expect("free");
            let endpoint = xpub.last_endpoint().expect("bound").to_string();
            let one = ctx.subscriber().connect(&endpoint).expect("valid");
            one.subscribe("t");
            assert_eq!(soon(xpub.recv()).await, Ok(b"\x01t".into()));
            let two = ctx.subscriber().connect(&endpoint).expect("valid");
            two.subscribe("t");
            two.subscribe("t");
            two.subscribe("u");
            assert_eq!(soon(xpub.recv()).await, Ok(b"\x01u".into()), "the topic t is known");
            assert!(two.unsubscribe("t"));
            assert!(one.unsubscribe("t"));
            assert!(!one.unsubscribe("t"), "one has none any more");
            assert!(two.unsubscribe("u"));
            assert_eq!(soon(xpub.recv()).await, Ok(b"\x00u".into()), "two still wants t");
            soon(xpub.send("t1")).await.expect("sent");
            assert_eq!(soon(two.recv()).await, Ok("t1".into()));
            assert!(two.unsubscribe("t"));
            assert_eq!(soon(xpub.recv()).await, Ok(b"\x00t".into()));
            assert_eq!(xpub.subscribers(), 0);
        }
    });
}

#[test]
fn a_verbose_xpub_sees_every_subscription() {
    everywhere(async |ctx: Context| {
        let xpub = soon(ctx.xpub().xpub_verbose(true).bind(TCP)).await.expect("free");
        let endpoint = xpub.last_endpoint().expect("bound").to_string();
        let subs: Vec<_> = (0..3).map(|_| ctx.subscriber().connect(&endpoint).expect("valid")).collect();
        for sub in &subs {
            sub.subscribe("t");
            assert_eq!(soon(xpub.recv()).await, Ok(b"\x01t".into()));
        }
    });
}

#[test]
fn subscriptions_are_made_again_at_every_publisher() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let sub = ctx.subscriber().reconnect(QUICK).connect(&listener.endpoint).expect("valid");
        let monitor = sub.monitor();
        sub.subscribe("early");
        sub.subscribe("gone");
        assert!(sub.unsubscribe("gone"));
        for life in 0..4 {
            let mut raw = listener.accept_as("PUB");
            let mut wishes: Vec<_> = (0..1 + life).map(|_| raw.frame().expect("a wish")).collect();
            wishes.sort();
            let mut expected = vec![(COMMAND, b"\x09SUBSCRIBEearly".to_vec())];
            expected.extend((0..life).map(|n| (COMMAND, format!("\x09SUBSCRIBElate{n}").into_bytes())));
            assert_eq!(wishes, expected);
            raw.send(&[b"early news"]);
            assert_eq!(soon(sub.recv()).await, Ok("early news".into()));
            raw.die();
            event(&monitor, disconnected).await;
            sub.subscribe(format!("late{life}"));
        }
    });
}

#[test]
fn a_publisher_of_zmtp_3_0_is_sent_messages_for_subscriptions() {
    in_shared(async |ctx: Context| {
        let listener = RawListener::new();
        let sub = ctx.subscriber().connect(&listener.endpoint).expect("valid");
        sub.subscribe("t");
        let mut raw = listener.accept();
        raw.write(&greeting(0, "NULL"));
        raw.write(&ready("PUB", b""));
        raw.read_greeting();
        assert_eq!(raw.frame(), Some((0, b"\x01t".to_vec())));
        assert!(sub.unsubscribe("t"));
        assert_eq!(raw.frame(), Some((0, b"\x00t".to_vec())));
    });
}

#[test]
fn a_subscriber_of_zmtp_3_0_subscribes_with_messages() {
    in_shared(async |ctx: Context| {
        let publisher = soon(ctx.publisher().bind(TCP)).await.expect("free");
        let mut raw = Raw::connect(&publisher.last_endpoint().expect("bound").to_string());
        raw.write(&greeting(0, "NULL"));
        raw.write(&ready("SUB", b""));
        raw.read_greeting();
        raw.send(&[b"\x01t"]);
        soon(publisher.wait_for_subscribers(1)).await;
        soon(publisher.send("topic")).await.expect("sent");
        assert_eq!(raw.recv(), Some(vec![b"topic".to_vec()]));
        raw.send(&[b"\x00t"]);
        eventually(|| publisher.subscribers() == 0).await;
    });
}

#[test]
fn what_a_subscriber_did_not_ask_for_is_dropped_and_counted() {
    in_shared(async |ctx: Context| {
        let sub = soon(ctx.subscriber().bind(TCP)).await.expect("free");
        sub.subscribe("yes");
        let mut raw = Raw::connect_as(&sub.last_endpoint().expect("bound").to_string(), "PUB", b"");
        raw.send(&[b"no"]);
        raw.send(&[b"yes"]);
        assert_eq!(soon(sub.recv()).await, Ok("yes".into()));
        assert_eq!(sub.try_recv(), Err(TryRecvError::Empty));
        assert_eq!((sub.drops().of(DropCause::Unsubscribed), sub.drops().total()), (1, 1));
    });
}

#[test]
fn an_xsub_subscribes_by_message_and_speaks_to_publishers() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let xpub = soon(ctx.xpub().bind(&transport)).await.expect("free");
            let xsub = ctx.xsub().connect(xpub.last_endpoint().expect("bound").to_string()).expect("valid");
            soon(xsub.wait_for_peers(1)).await;
            soon(xsub.send(b"\x01t")).await.expect("sent");
            assert_eq!(soon(xpub.recv()).await, Ok(b"\x01t".into()));
            soon(xpub.send("topic")).await.expect("sent");
            assert_eq!(soon(xsub.recv()).await, Ok("topic".into()));
            soon(xsub.send(["not", "a subscription"])).await.expect("sent");
            assert_eq!(soon(xpub.recv()).await, Ok(["not", "a subscription"].into()));
            soon(xsub.send(b"\x00t")).await.expect("sent");
            assert_eq!(soon(xpub.recv()).await, Ok(b"\x00t".into()));
        }
    });
}

#[test]
fn no_first_message_is_lost_after_waiting_for_subscribers() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let publisher = soon(ctx.publisher().bind(&transport)).await.expect("free");
            let endpoint = publisher.last_endpoint().expect("bound").to_string();
            let subs: Vec<_> = (0..5).map(|_| ctx.subscriber().connect(&endpoint).expect("valid")).collect();
            subs.iter().for_each(|sub| sub.subscribe(""));
            soon(publisher.wait_for_subscribers(5)).await;
            soon(publisher.send("first")).await.expect("sent");
            for sub in &subs {
                assert_eq!(soon(sub.recv()).await, Ok("first".into()));
            }
        }
    });
}

#[test]
fn waiting_for_subscribers_has_a_limit() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let publisher = soon(ctx.publisher().bind(&transport)).await.expect("free");
            let endpoint = publisher.last_endpoint().expect("bound").to_string();
            let sub = ctx.subscriber().connect(&endpoint).expect("valid");
            soon(publisher.wait_for_peers(1)).await;
            assert!(!soon(publisher.wait_for_subscribers_timeout(1, Duration::from_millis(5))).await, "only a peer");
            sub.subscribe("");
            assert!(soon(publisher.wait_for_subscribers_timeout(1, PATIENCE)).await);
            assert!(soon(publisher.wait_for_subscribers_timeout(1, Duration::ZERO)).await, "it is there");
            assert!(!soon(publisher.wait_for_subscribers_timeout(2, Duration::ZERO)).await);
        }
    });
}

#[test]
fn nobody_is_waited_for_any_more_when_the_socket_closes() {
    everywhere(async |ctx: Context| {
        let publisher = soon(ctx.publisher().bind(TCP)).await.expect("free");
        let limit = 3 * PATIENCE;
        let waiting =
            both(publisher.wait_for_subscribers_timeout(1, limit), publisher.wait_for_peers_timeout(1, limit));
        let (came, _) = soon(both(waiting, publisher.clone().close())).await;
        assert_eq!(came, (false, false));
    });
}

#[test]
fn plain_threads_wait_for_subscribers_too() {
    watched(|| {
        let ctx = Context::new();
        let publisher = ctx.socket(SocketType::XPub).build().expect("valid");
        let endpoint = publisher.blocking().bind(TCP).expect("free").to_string();
        assert!(!publisher.blocking().wait_for_subscribers_timeout(1, Duration::from_millis(5)));
        let sub = ctx.subscriber().connect(&endpoint).expect("valid");
        sub.subscribe("");
        assert!(publisher.blocking().wait_for_subscribers_timeout(1, PATIENCE));
    });
}
