//! A stream of messages from one socket to one other.

use super::{bind, connect, is_pair};
use crate::failure::{Failure, Outcome};
use crate::library::{Body, Kind, Library, Socket};
use crate::meter::Meter;
use crate::order::Order;

/// Sends for ever.
pub async fn push<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let mut push = connect(library, order, Kind::Push).await?;
    let (body, burst) = (Body::new(order.size, 0), order.burst());
    let meter = Meter::new(order);
    let mut meter = if is_pair(order) { meter.silent() } else { meter };
    loop {
        push.send(&body, burst).await?;
        meter.add(burst);
    }
}

/// Receives for ever.
pub async fn pull<L: Library>(library: &'static L, order: &Order) -> Outcome {
    let mut pull = bind(library, order, Kind::Pull).await?;
    let mut meter = Meter::new(order);
    let mut strange = None;
    loop {
        let count = pull.recv(|body| strange = strange.or((body.len() != order.size).then_some(body.len()))).await?;
        if let Some(bytes) = strange {
            return Err(Failure::failed(format!("a message of {bytes} bytes came")));
        }
        meter.add(count);
    }
}
