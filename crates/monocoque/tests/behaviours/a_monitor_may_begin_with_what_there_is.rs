//! A snapshot and the stream that goes on from it: nothing missed, nothing told twice, however quickly peers come and go.

use std::collections::BTreeSet;

use monocoque::{ConnectionFacts, Context, Event, Snapshot, SocketType};

use crate::common::raw::Raw;
use crate::common::{TCP, disconnected, event, everywhere, in_shared, soon, succeeded};

/// Connections that are there: those of the snapshot, and what the events since make of them.
fn follow(there: &mut BTreeSet<u64>, event: &Event) {
    match event {
        Event::Accepted(peer) | Event::Connected(peer) => assert!(there.insert(peer.connection), "told twice"),
        Event::HandshakeFailed { peer, .. } | Event::Disconnected { peer, .. } => {
            assert!(there.remove(&peer.connection), "never told of");
        }
        _ => {}
    }
}

fn numbers(snapshot: &Snapshot) -> BTreeSet<u64> {
    snapshot.connections.iter().map(|facts: &ConnectionFacts| facts.connection).collect()
}

#[test]
fn endpoints_and_connections_are_in_it() {
    everywhere(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        assert_eq!(pull.watch().0.listening, [endpoint.as_str()]);
        let before = pull.monitor();
        let push = ctx.push().connect(&endpoint).expect("valid");
        // A peer may be sent to before it is told of.
        event(&before, succeeded).await;
        let (snapshot, monitor) = pull.watch();
        let facts = &snapshot.connections[0];
        assert_eq!((snapshot.connections.len(), facts.socket_type), (1, Some(SocketType::Push)));
        assert!(facts.descriptor > 2 && facts.remote.starts_with("tcp://127.0.0.1:"));
        assert_eq!(*facts.endpoint, *endpoint);
        push.disconnect(&endpoint).expect("connected");
        event(&monitor, disconnected).await;
        assert_eq!(pull.watch().0.connections, []);
        pull.unbind(&endpoint).expect("bound");
        event(&monitor, |event| matches!(event, Event::Closed { .. }).then_some(())).await;
        assert_eq!(pull.watch().0, Snapshot::default());
    });
}

#[test]
fn a_handshake_that_is_under_way_is_in_it_too() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let monitor = pull.monitor();
        let mut raw = Raw::connect(&pull.last_endpoint().expect("bound").to_string());
        event(&monitor, |event| matches!(event, Event::Accepted(_)).then_some(())).await;
        assert_eq!(pull.watch().0.connections[0].socket_type, None);
        raw.shake_hands("PUSH", b"");
        event(&monitor, succeeded).await;
        assert_eq!(pull.watch().0.connections[0].socket_type, Some(SocketType::Push));
    });
}

#[test]
fn what_comes_and_goes_meanwhile_is_told_exactly_once() {
    in_shared(async |ctx: Context| {
        let pull = soon(ctx.pull().bind(TCP)).await.expect("free");
        let endpoint = pull.last_endpoint().expect("bound").to_string();
        let churn = smol::unblock(move || {
            for _ in 0..100 {
                let held = [(); 3].map(|()| Raw::connect_as(&endpoint, "PUSH", b""));
                held.into_iter().for_each(|raw| drop(raw.leave()));
            }
        });
        let watching = async {
            let mut watched = Vec::new();
            for _ in 0..50 {
                let (snapshot, monitor) = pull.watch();
                watched.push((numbers(&snapshot), monitor));
                a_moment().await;
            }
            watched
        };
        let (mut watched, ()) = soon(smol::future::zip(watching, churn)).await;
        soon(async {
            while !pull.watch().0.connections.is_empty() {
                a_moment().await;
            }
        })
        .await;
        for (there, monitor) in &mut watched {
            while let Some(event) = monitor.try_recv() {
                follow(there, &event);
            }
            assert!(there.is_empty(), "all have gone: {there:?}");
        }
    });
}

async fn a_moment() {
    smol::Timer::after(std::time::Duration::from_millis(1)).await;
}
