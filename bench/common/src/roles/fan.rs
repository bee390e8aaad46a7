//! One socket and many: publishing to subscribers, and pushing from many into one.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{bind, connect};
use crate::failure::Outcome;
use crate::futures::yield_once;
use crate::library::{Body, Kind, Library, Socket};
use crate::meter::Meter;
use crate::order::Order;
use crate::program::GO;
use crate::tallies::Tallies;

/// Between two messages of a publisher that waits for its subscribers.
const BREATH: Duration = Duration::from_millis(1);

/// Publishes one message at a time until told to go, then as fast as it can, for ever.
pub async fn publish<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let mut publisher = bind(library, order, Kind::Pub).await?;
    let (body, burst) = (Body::new(order.size, 0), order.burst());
    while !GO.load(Ordering::Acquire) {
        publisher.send(&body, 1).await?;
        publisher.flush().await?;
        library.pause(BREATH).await;
    }
    let mut meter = Meter::new(order);
    loop {
        publisher.send(&body, burst).await?;
        meter.add(burst);
        // A publisher that drops never waits: on a runtime of one thread nothing would ever be written.
        yield_once().await;
    }
}

/// Subscribes with so many sockets and receives for ever.
pub async fn subscribe<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let tallies = Tallies::new(order.peers);
    tallies.watch(order, Some(&GO));
    let (count, order) = (order.peers, order.clone());
    let job = move |lane| {
        let (order, tallies) = (order.clone(), tallies.clone());
        async move {
            let mut subscriber = connect(library, &order, Kind::Sub).await?;
            loop {
                tallies.add(lane, subscriber.recv(|body| debug_assert_eq!(body.len(), order.size)).await?);
            }
        }
    };
    library.each(count, job).await
}

/// Sends with so many sockets for ever, each naming its lane.
pub async fn push_many<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let tallies = Tallies::new(order.peers);
    tallies.watch(order, None);
    let (count, order) = (order.peers, order.clone());
    let job = move |lane| {
        let (order, tallies) = (order.clone(), tallies.clone());
        async move {
            let mut push = connect(library, &order, Kind::Push).await?;
            let (body, burst) = (Body::new(order.size, lane as u32), order.burst());
            loop {
                push.send(&body, burst).await?;
                tallies.add(lane, burst);
            }
        }
    };
    library.each(count, job).await
}

/// Receives for ever, counting each sender apart.
pub async fn pull_many<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let tallies = Tallies::new(order.peers);
    let mut pull = bind(library, order, Kind::Pull).await?;
    tallies.watch(order, None);
    loop {
        pull.recv(|body| {
            // A body that names no lane is counted by nobody, and so never is reported as delivered.
            if let Some(lane) = Body::lane_of(body).filter(|lane| (*lane as usize) < order.peers) {
                tallies.add(lane as usize, 1);
            }
        })
        .await?;
    }
}
