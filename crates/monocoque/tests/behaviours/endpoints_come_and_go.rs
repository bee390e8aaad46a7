//! Binding, connecting, taking off again; waiting for peers; and the monitor that tells of it in order.

use std::io::ErrorKind;
use std::time::Duration;

use monocoque::{Context, DisconnectReason, DropCause, Event, Hwm, SendError, SessionError, SocketType};

use crate::common::raw::{COMMAND, Raw, RawListener, command};
use crate::common::{
    IPC, QUICK, TCP, disconnected, event, eventually, everywhere, in_shared, inproc, number, soon, transports,
};

#[test]
fn unbinding_ends_the_connections_accepted_there_and_no_others() {
    everywhere(async |ctx: Context| {
        let pull = ctx.pull().build().expect("valid");
        let [tcp, ipc] =
            [soon(pull.bind(TCP)).await, soon(pull.bind(IPC)).await].map(|end| end.expect("free").to_string());
        let over_tcp = ctx.push().connect(&tcp).expect("valid");
        let over_ipc = ctx.push().connect(&ipc).expect("valid");
        soon(pull.wait_for_peers(2)).await;
        let (monitor, theirs) = (pull.monitor(), over_tcp.monitor());
        pull.unbind(&tcp).expect("bound");
        let told = event(&monitor, |event| match event {
            Event::Disconnected { peer, reason } => Some((peer.endpoint.to_string(), reason)),
            _ => None,
        });
        assert_eq!(told.await, (tcp.clone(), DisconnectReason::Local));
        assert_eq!(event(&theirs, disconnected).await, DisconnectReason::PeerClosed { truncated: 0 });
        eventually(|| pull.peers() == 1).await;
        soon(over_ipc.send("still here")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await, Ok("still here".into()));
        // It may come back, and what waited for it with it.
        soon(over_tcp.send("waited")).await.expect("queued");
        let again = async {
            while pull.bind(&tcp).await.is_err() {
                smol::Timer::after(Duration::from_millis(1)).await;
            }
        };
        soon(again).await;
        assert_eq!(soon(pull.recv()).await, Ok("waited".into()));
    });
}

#[test]
fn unbinding_an_inproc_name_frees_it_and_leaves_the_joined_joined() {
    everywhere(async |ctx: Context| {
        let name = inproc();
        let pull = soon(ctx.pull().bind(&name)).await.expect("free");
        let push = ctx.push().connect(&name).expect("valid");
        pull.unbind(&name).expect("bound");
        push.try_send("still joined").expect("room");
        assert_eq!(pull.try_recv(), Ok("still joined".into()));
        soon(ctx.pull().bind(&name)).await.expect("the name is free");
    });
}

#[test]
fn disconnecting_drops_what_was_received_and_counts() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let a = soon(ctx.pair().hwm(Hwm::unlimited()).bind(&transport)).await.expect("free");
            let endpoint = a.last_endpoint().expect("bound").to_string();
            let b = ctx.pair().hwm(Hwm::unlimited()).connect(&endpoint).expect("valid");
            soon(a.wait_for_peers(1)).await;
            soon(b.wait_for_peers(1)).await;
            for n in 0..10 {
                soon(a.send(number(n))).await.expect("sent");
            }
            assert_eq!(soon(b.recv()).await, Ok(number(0)));
            b.disconnect(&endpoint).expect("connected");
            assert!(b.try_recv().is_err(), "what was not received is gone");
            assert!(matches!(b.try_send("nobody"), Err(SendError::Full(_))));
            eventually(|| a.peers() == 0).await;
            assert_eq!(b.peers(), 0);
            let lost = b.drops().of(DropCause::PeerGone);
            assert!(lost <= 9 && b.drops().total() == lost);
            b.connect(&endpoint).expect("valid");
            soon(b.send("back")).await.expect("sent");
            assert_eq!(soon(a.recv()).await, Ok("back".into()));
        }
    });
}

#[test]
fn disconnecting_one_that_never_connected_counts_what_was_queued() {
    everywhere(async |ctx: Context| {
        let endpoint = "tcp://127.0.0.1:1";
        let push = ctx.push().linger(Duration::ZERO).connect(endpoint).expect("valid");
        (0..10).for_each(|n| push.try_send(number(n)).expect("room"));
        push.disconnect(endpoint).expect("connected");
        assert_eq!((push.drops().of(DropCause::PeerGone), push.drops().total()), (10, 10));
        assert_eq!(soon(push.close()).await.undelivered, 0, "it was counted before");
    });
}

#[test]
fn waiting_for_peers_counts_those_that_are_ready() {
    everywhere(async |ctx: Context| {
        for transport in transports() {
            let pull = soon(ctx.pull().bind(&transport)).await.expect("free");
            let endpoint = pull.last_endpoint().expect("bound").to_string();
            soon(pull.wait_for_peers(0)).await;
            assert!(!pull.wait_for_peers_timeout(1, Duration::from_millis(20)).await);
            let mut pushes = Vec::new();
            for count in 1..=5 {
                pushes.push(ctx.push().connect(&endpoint).expect("valid"));
                soon(pull.wait_for_peers(count)).await;
                assert_eq!(pull.peers(), count);
            }
            assert!(pull.wait_for_peers_timeout(5, Duration::ZERO).await);
            drop(pushes);
            eventually(|| pull.peers() == 0).await;
        }
    });
}

#[test]
fn connecting_comes_before_binding() {
    everywhere(async |ctx: Context| {
        let folder = tempfile::tempdir().expect("a folder");
        let port = RawListener::new().endpoint;
        for endpoint in [port, format!("ipc://{}/socket", folder.path().display()), inproc()] {
            let push = ctx.push().reconnect(QUICK).connect(&endpoint).expect("valid");
            soon(push.send("early")).await.expect("queued");
            let pull = soon(ctx.pull().bind(&endpoint)).await.expect("free");
            assert_eq!(soon(pull.recv()).await, Ok("early".into()));
        }
    });
}

#[test]
fn a_later_bind_takes_an_ipc_path_over() {
    in_shared(async |ctx: Context| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let endpoint = format!("ipc://{}", path.display());
        let first = soon(ctx.pull().bind(&endpoint)).await.expect("free");
        let monitor = first.monitor();
        let second = soon(ctx.pull().bind(&endpoint)).await.expect("taken over");
        soon(first.close()).await;
        event(&monitor, |event| matches!(event, Event::Closed { .. }).then_some(())).await;
        assert!(path.exists(), "it is the second's");
        let push = ctx.push().connect(&endpoint).expect("valid");
        soon(push.send("for the second")).await.expect("sent");
        assert_eq!(soon(second.recv()).await, Ok("for the second".into()));
    });
}

#[test]
fn the_monitor_tells_in_order_on_both_sides() {
    everywhere(async |ctx: Context| {
        let router = ctx.router().build().expect("valid");
        let theirs = router.monitor();
        let endpoint = soon(router.bind(TCP)).await.expect("free").to_string();
        let dealer = ctx.dealer().identity("me").build().expect("valid");
        let ours = dealer.monitor();
        dealer.connect(&endpoint).expect("valid");
        soon(router.wait_for_peers(1)).await;
        soon(dealer.wait_for_peers(1)).await;
        soon(dealer.close()).await;
        let next = |monitor| soon(async move { monocoque::Monitor::recv(monitor).await.expect("an event") });
        assert_eq!(next(&ours).await, Event::ConnectDelayed { endpoint: endpoint.clone() });
        let Event::Connected(facts) = next(&ours).await else { panic!("not connected") };
        assert_eq!((&*facts.endpoint, &*facts.remote, facts.socket_type), (&*endpoint, &*endpoint, None));
        let Event::HandshakeSucceeded(ready) = next(&ours).await else { panic!("no handshake") };
        assert_eq!((ready.connection, ready.socket_type), (facts.connection, Some(SocketType::Router)));
        let Event::Disconnected { peer, reason } = next(&ours).await else { panic!("not disconnected") };
        assert_eq!((peer, reason), (ready, DisconnectReason::Local));
        let listening = next(&theirs).await;
        let Event::Listening { endpoint: told, descriptor } = listening else { panic!("{listening:?}") };
        assert_eq!(told, endpoint);
        let Event::Accepted(accepted) = next(&theirs).await else { panic!("not accepted") };
        assert_eq!((&*accepted.endpoint, &accepted.remote), (&*endpoint, &facts.local));
        let Event::HandshakeSucceeded(ready) = next(&theirs).await else { panic!("no handshake") };
        assert_eq!(ready.identity.map(|id| id.as_bytes().to_vec()), Some(b"me".to_vec()));
        let Event::Disconnected { peer, reason } = next(&theirs).await else { panic!("not disconnected") };
        assert_eq!((peer.connection, reason), (accepted.connection, DisconnectReason::PeerClosed { truncated: 0 }));
        soon(router.close()).await;
        assert_eq!(next(&theirs).await, Event::Closed { endpoint, descriptor });
        assert_eq!(soon(theirs.recv()).await, None, "it ends with the socket");
    });
}

#[test]
fn a_retry_is_told_with_its_reason() {
    everywhere(async |ctx: Context| {
        let push = ctx.push().reconnect(QUICK).build().expect("valid");
        let monitor = push.monitor();
        push.connect("tcp://127.0.0.1:1").expect("valid");
        for _ in 0..3 {
            let endpoint = "tcp://127.0.0.1:1".to_owned();
            assert_eq!(soon(monitor.recv()).await, Some(Event::ConnectDelayed { endpoint: endpoint.clone() }));
            match soon(monitor.recv()).await {
                Some(Event::ConnectRetried { endpoint: at, after, reason: Some(_), kind }) => {
                    assert_eq!((at, kind), (endpoint, Some(ErrorKind::ConnectionRefused)));
                    assert!(after <= Duration::from_millis(7), "{after:?}");
                }
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn a_retry_after_a_connection_has_no_reason() {
    everywhere(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let push = ctx.push().reconnect(QUICK).build().expect("valid");
        let monitor = push.monitor();
        push.connect(pull.last_endpoint().expect("bound").to_string()).expect("valid");
        soon(push.wait_for_peers(1)).await;
        soon(pull.close()).await;
        let retried = event(&monitor, |event| match event {
            Event::ConnectRetried { reason, kind, .. } => Some((reason, kind)),
            _ => None,
        });
        assert_eq!(retried.await, (None, None));
    });
}

#[test]
fn a_monitor_that_lags_is_told_how_much_it_missed() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let (slow, fast) = (pull.monitor(), pull.monitor());
        // Three events each: accepted, ready, gone.
        for _ in 0..500 {
            Raw::connect_as(&endpoint, "PUSH", b"").leave();
            event(&fast, disconnected).await;
        }
        let Some(Event::Lagged(missed)) = slow.try_recv() else { panic!("1,500 events fit?") };
        let rest = std::iter::from_fn(|| slow.try_recv()).count() as u64;
        assert_eq!(missed + rest, 1500);
        assert!(rest > 0);
    });
}

#[test]
fn a_heartbeat_finds_a_silent_peer() {
    in_shared(async |ctx: Context| {
        let [interval, timeout] = [20, 60].map(Duration::from_millis);
        let heartbeat = monocoque::Heartbeat {
            interval: Some(interval),
            timeout: Some(timeout),
            ttl: Some(Duration::from_secs(1)),
        };
        let pull = soon(ctx.pull().heartbeat(heartbeat).bind(TCP)).await.expect("free");
        let (endpoint, monitor) = (pull.last_endpoint().expect("bound").to_string(), pull.monitor());
        let mut raw = Raw::connect_as(&endpoint, "PUSH", b"");
        // Alive as long as it answers.
        for _ in 0..10 {
            assert_eq!(raw.frame(), Some((COMMAND, b"\x04PING\0\x0a".to_vec())));
            raw.write(&command("PONG", b""));
        }
        assert_eq!(pull.peers(), 1);
        let reason = event(&monitor, disconnected).await;
        assert_eq!(reason, DisconnectReason::Protocol(SessionError::HeartbeatTimeout { allowed: timeout }));
        eventually(|| pull.peers() == 0).await;
    });
}

#[test]
fn a_peer_that_breaks_its_own_promise_is_given_up() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let (endpoint, monitor) = (pull.last_endpoint().expect("bound").to_string(), pull.monitor());
        let mut raw = Raw::connect_as(&endpoint, "PUSH", b"");
        raw.write(&command("PING", b"\0\x01context"));
        assert_eq!(raw.frame(), Some((COMMAND, b"\x04PONGcontext".to_vec())));
        let ttl = Duration::from_millis(100);
        let reason = event(&monitor, disconnected).await;
        assert_eq!(reason, DisconnectReason::Protocol(SessionError::TtlExpired { ttl }));
    });
}

#[test]
fn two_of_ours_keep_each_other_alive() {
    everywhere(async |ctx: Context| {
        let heartbeat = monocoque::Heartbeat { interval: Some(Duration::from_millis(10)), ..Default::default() };
        let pull = soon(ctx.pull().heartbeat(heartbeat).bind(TCP)).await.expect("free");
        let (endpoint, monitor) = (pull.last_endpoint().expect("bound").to_string(), pull.monitor());
        let push = ctx.push().heartbeat(heartbeat).connect(endpoint).expect("valid");
        event(&monitor, crate::common::succeeded).await;
        smol::Timer::after(Duration::from_millis(300)).await;
        assert_eq!(monitor.try_recv(), None, "thirty heartbeats, and nothing happened");
        soon(push.send("alive")).await.expect("sent");
        assert_eq!(soon(pull.recv()).await, Ok("alive".into()));
    });
}
