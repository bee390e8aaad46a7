//! A socket of either library in a process of its own, for tests that stop or kill their peer.
//!
//! `peer ours|theirs TYPE bind|connect ENDPOINT [HEARTBEAT_MS]` opens the socket and prints where. Heartbeats
//! promise a time to live of three intervals. Each line of standard input is a message to send; what comes
//! in meanwhile is not read. It ends at the end of the input.

use std::error::Error;
use std::io::{BufRead, stdin};
use std::time::Duration;

use monocoque::{Context, Heartbeat, Message, SocketType};
use monocoque_interop::deadline::PATIENCE;
use monocoque_interop::ffi::{ZMQ_HEARTBEAT_IVL, ZMQ_HEARTBEAT_TTL};
use monocoque_interop::party::{kind_of, send};
use monocoque_interop::zmq;

const USAGE: &str = "peer ours|theirs TYPE bind|connect ENDPOINT [HEARTBEAT_MS]";

struct Order {
    socket_type: SocketType,
    binds: bool,
    endpoint: String,
    heartbeat_ms: Option<u32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [library, socket_type, verb, endpoint, rest @ ..] = words.as_slice() else { return Err(USAGE.into()) };
    let order = Order {
        socket_type: socket_type.parse()?,
        binds: verb == "bind",
        endpoint: endpoint.clone(),
        heartbeat_ms: rest.first().map(|ms| ms.parse()).transpose()?,
    };
    match library.as_str() {
        "ours" => run_ours(order),
        "theirs" => run_theirs(order),
        _ => Err(USAGE.into()),
    }
}

fn run_ours(order: Order) -> Result<(), Box<dyn Error>> {
    // Dropped after the socket: waits until what was sent has gone.
    let context = Context::new();
    let mut builder = context.socket(order.socket_type).send_timeout(PATIENCE);
    if let Some(ms) = order.heartbeat_ms {
        let interval = Duration::from_millis(ms.into());
        builder = builder.heartbeat(Heartbeat { interval: Some(interval), timeout: None, ttl: Some(3 * interval) });
    }
    let socket = builder.build()?;
    if order.binds {
        println!("{}", socket.blocking().bind(order.endpoint)?);
    } else {
        socket.connect(&order.endpoint)?;
        println!("{}", order.endpoint);
    }
    for line in stdin().lock().lines() {
        socket.blocking().send(line?)?;
    }
    Ok(())
}

fn run_theirs(order: Order) -> Result<(), Box<dyn Error>> {
    let socket = zmq::Context::new()?.socket(kind_of(order.socket_type))?;
    if let Some(ms) = order.heartbeat_ms {
        socket.set_int(ZMQ_HEARTBEAT_IVL, i32::try_from(ms)?)?;
        socket.set_int(ZMQ_HEARTBEAT_TTL, i32::try_from(3 * ms)?)?;
    }
    if order.binds {
        socket.bind(&order.endpoint)?;
    } else {
        socket.connect(&order.endpoint)?;
    }
    println!("{}", socket.last_endpoint()?);
    for line in stdin().lock().lines() {
        send(&socket, &Message::from(line?))?;
    }
    Ok(())
}
