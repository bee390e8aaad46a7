//! Numbers of a socket and its connections, over every transport.

use monocoque::{Context, Counted, DropCause, Heartbeat, Message, SocketType};

use crate::common::raw::Raw;
use crate::common::{
    QUICK, TCP, disconnected, event, eventually, everywhere, handshake_failed, in_shared, soon, transports,
};

#[test]
fn messages_and_bytes_on_both_sides() {
    everywhere(async |ctx: Context| {
        for at in transports() {
            let pull = soon(ctx.pull().bind(&at)).await.expect("free");
            let push = ctx.push().connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
            assert_eq!(push.stats().sent, Counted::default());
            for _ in 0..100 {
                soon(push.send("12345678")).await.expect("sent");
            }
            for _ in 0..60 {
                soon(pull.recv()).await.expect("received");
            }
            eventually(|| pull.stats().received.messages == 100).await;
            let (sent, received) = (push.stats(), pull.stats());
            let all = sent.sent.messages + sent.send_queue.messages;
            assert_eq!(all, 100, "{at}");
            assert_eq!(received.received, Counted { messages: 100, bytes: 1000 }, "{at}");
            // The reader gives credit in steps, so what waits may be told a step too high.
            assert!((40..=100).contains(&received.recv_queue.messages), "{at}: {:?}", received.recv_queue);
            for _ in 0..40 {
                soon(pull.recv()).await.expect("received");
            }
            assert!(pull.try_recv().is_err());
            assert_eq!(pull.stats().recv_queue, Counted::default(), "{at}");
            eventually(|| push.stats().sent == Counted { messages: 100, bytes: 1000 }).await;
        }
    });
}

#[test]
fn connections_have_their_own() {
    everywhere(async |ctx: Context| {
        let router = soon(ctx.router().bind(TCP)).await.expect("free");
        let endpoint = router.last_endpoint().expect("bound").to_string();
        let dealers = [ctx.dealer().connect(&endpoint), ctx.dealer().connect(&endpoint)].map(|one| one.expect("valid"));
        for (n, dealer) in dealers.iter().enumerate() {
            for _ in 0..=n {
                soon(dealer.send("x")).await.expect("sent");
                let routed = soon(router.recv()).await.expect("received");
                soon(router.send(routed)).await.expect("sent");
                soon(dealer.recv()).await.expect("received");
            }
        }
        let stats = router.stats();
        let each: Vec<_> = stats.connections.iter().map(|one| (one.sent.messages, one.received.messages)).collect();
        assert_eq!(each, [(1, 1), (2, 2)]);
        assert_eq!((stats.sent.messages, stats.received.messages, stats.handshakes.succeeded), (3, 3, 2));
        let link = stats.connections[1].link;
        assert!(link.reads > 0 && link.writes > 0 && link.bytes_read > 64 && link.bytes_written > 64, "{link:?}");
        assert!(stats.link.bytes_read >= link.bytes_read);
        assert!(stats.calls_per_message() > 0.0 && stats.messages_per_write() > 0.0);
        let before = stats.link;
        let [first, second] = dealers;
        drop((first, second));
        eventually(|| router.stats().connections.is_empty()).await;
        let after = router.stats();
        assert_eq!((after.sent.messages, after.received.messages), (3, 3), "what was counted stays");
        assert!(after.link.bytes_read >= before.bytes_read);
    });
}

#[test]
fn a_burst_needs_fewer_writes_than_messages() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().recv_hwm(monocoque::Hwm::unlimited()).bind(TCP)).await.expect("free");
        let push = ctx.push().connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
        for _ in 0..20_000 {
            soon(push.send("burst")).await.expect("sent");
        }
        eventually(|| push.stats().sent.messages == 20_000).await;
        let stats = push.stats();
        assert!(stats.messages_per_write() > 2.0, "{}", stats.messages_per_write());
        assert!(stats.calls_per_message() < 1.0);
    });
}

#[test]
fn handshakes_by_outcome_reconnects_and_drops() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let monitor = pull.monitor();
        Raw::connect(&endpoint).write(b"GET / HTTP/1.0\r\n\r\n");
        event(&monitor, handshake_failed).await;
        drop(Raw::connect(&endpoint));
        event(&monitor, handshake_failed).await;
        let mut wrong = Raw::connect(&endpoint);
        wrong.write(&crate::common::raw::greeting(1, "NULL"));
        wrong.write(&crate::common::raw::ready("PULL", b""));
        event(&monitor, handshake_failed).await;
        let handshakes = pull.stats().handshakes;
        assert_eq!((handshakes.misbehaved, handshakes.lost, handshakes.incompatible), (1, 1, 1), "{handshakes:?}");

        let lost = ctx.socket(SocketType::Push).reconnect(QUICK).connect("tcp://127.0.0.1:1").expect("valid");
        eventually(|| lost.stats().reconnects >= 3).await;
        let router = ctx.socket(SocketType::Router).build().expect("valid");
        router.try_send(Message::from(["nobody", "x"])).expect("dropped");
        assert_eq!(router.stats().drops, [(DropCause::NoRoute, 1)]);
    });
}

#[test]
fn a_missed_heartbeat_is_counted() {
    in_shared(async |ctx: Context| {
        let ms = std::time::Duration::from_millis;
        let beat = Heartbeat { interval: Some(ms(10)), timeout: Some(ms(30)), ttl: None };
        let pull = soon(ctx.pull().heartbeat(beat).bind(TCP)).await.expect("free");
        let monitor = pull.monitor();
        let _silent = Raw::connect_as(&pull.last_endpoint().expect("bound").to_string(), "PUSH", b"");
        event(&monitor, disconnected).await;
        assert_eq!(pull.stats().heartbeat_misses, 1);
    });
}
