//! Round trips: one at a time, many at a time, and with a connection of its own each.

use std::time::Instant;

use super::{bind, connect, is_pair};
use crate::failure::{Failure, Outcome};
use crate::library::{Body, Kind, Library, Socket};
use crate::meter::Meter;
use crate::order::Order;

/// Asks for ever, one request at a time.
pub async fn req<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let mut req = connect(library, order, Kind::Req).await?;
    let body = Body::new(order.size, 0);
    let mut meter = Meter::of_trips(order);
    loop {
        let began = Instant::now();
        trip(&mut req, &body).await?;
        meter.add_trip(began);
    }
}

async fn trip<S: Socket>(socket: &mut S, body: &Body) -> Outcome {
    socket.send(body, 1).await?;
    socket.flush().await?;
    let mut bytes = 0;
    socket.recv(|answer| bytes = answer.len()).await?;
    if bytes == body.as_slice().len() { Ok(()) } else { Err(Failure::failed(format!("an answer of {bytes} bytes"))) }
}

/// Answers for ever.
pub async fn answer<L: Library>(library: &'static L, order: &Order, kind: Kind) -> Outcome {
    let mut socket = bind(library, order, kind).await?;
    let meter = Meter::new(order);
    let mut meter = if is_pair(order) { meter.silent() } else { meter };
    loop {
        meter.add(socket.echo().await?);
    }
}

/// Asks for ever, with so many requests under way.
pub async fn dealer<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let mut dealer = connect(library, order, Kind::Dealer).await?;
    let body = Body::new(order.size, 0);
    let mut meter = Meter::new(order);
    let mut free = order.in_flight;
    loop {
        dealer.send(&body, free).await?;
        dealer.flush().await?;
        free = dealer.recv(|answer| debug_assert_eq!(answer.len(), order.size)).await?;
        meter.add(free);
    }
}

/// Connects, makes one round trip and closes, for ever.
pub async fn churn<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let body = Body::new(order.size, 0);
    let mut meter = Meter::of_trips(order);
    loop {
        let began = Instant::now();
        let mut dealer = connect(library, order, Kind::Dealer).await?;
        trip(&mut dealer, &body).await?;
        dealer.close().await?;
        meter.add_trip(began);
    }
}
