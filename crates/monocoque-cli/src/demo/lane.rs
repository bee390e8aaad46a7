//! Two ends of one pattern: the near one sends and asks, the far one takes and answers.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use monocoque::{Any, Context, Frame, Message, Socket, SocketType};

use crate::bench::{Transport, histogram};
use crate::exit::Failure;
use crate::placement::Placement;

const BODY_BYTES: usize = 64;
/// Messages between two looks at the clock.
const TURN_MESSAGES: u32 = 64;
/// Messages that are taken at once at most.
const BATCH_MAX: usize = 256;

/// A pair of socket types.
pub struct Pattern {
    pub name: &'static str,
    near: SocketType,
    far: SocketType,
    shape: Shape,
}

#[derive(PartialEq, Eq)]
enum Shape {
    /// Messages go one way; a second pair of sockets brings the answers.
    OneWay,
    /// Both ways at any time.
    BothWays,
    /// A request, its reply, the next request.
    Lockstep,
}

pub const PATTERNS: [Pattern; 5] = [
    Pattern { name: "push/pull", near: SocketType::Push, far: SocketType::Pull, shape: Shape::OneWay },
    Pattern { name: "pub/sub", near: SocketType::Pub, far: SocketType::Sub, shape: Shape::OneWay },
    Pattern { name: "req/rep", near: SocketType::Req, far: SocketType::Rep, shape: Shape::Lockstep },
    Pattern { name: "dealer/router", near: SocketType::Dealer, far: SocketType::Router, shape: Shape::BothWays },
    Pattern { name: "pair/pair", near: SocketType::Pair, far: SocketType::Pair, shape: Shape::BothWays },
];

/// What a moment of each measurement gave.
pub struct Rates {
    pub messages_per_second: f64,
    pub trips: Histogram<u64>,
}

/// One end: where it sends and where it receives, which may be the same socket.
#[derive(Clone)]
struct End {
    out: Socket<Any>,
    into: Socket<Any>,
}

/// Runs `pattern` for one moment of messages and one of round trips.
pub async fn measure(
    context: &Context,
    pattern: &Pattern,
    transport: Transport,
    placement: Placement,
    moment: Duration,
) -> Result<Rates, Failure> {
    let (near, far) = open(context, pattern, transport).await?;
    ready(&near.out).await;
    if pattern.shape == Shape::OneWay {
        ready(&far.out).await;
    }
    let is_lockstep = pattern.shape == Shape::Lockstep;
    let asking = async {
        if !is_lockstep {
            flood(&near, moment).await?;
        }
        ask(&near, moment).await
    };
    let other = far.clone();
    let answering = async move {
        let rate = if is_lockstep { None } else { Some(drain(&other).await?) };
        answer(&other).await?;
        Ok::<_, Failure>(rate)
    };
    let (trips, rates) = placement.beside(asking, vec![answering]).await;
    let trips = trips?;
    let rates = rates.into_iter().collect::<Result<Vec<_>, _>>()?;
    let messages_per_second = rates.into_iter().flatten().next();
    close(near, far).await?;
    Ok(Rates { messages_per_second: messages_per_second.unwrap_or(trips.len() as f64 / moment.as_secs_f64()), trips })
}

async fn open(context: &Context, pattern: &Pattern, transport: Transport) -> Result<(End, End), Failure> {
    let (out, into) = pair(context, pattern.near, pattern.far, transport, "there").await?;
    if pattern.shape != Shape::OneWay {
        return Ok((End { out: out.clone(), into: out }, End { out: into.clone(), into }));
    }
    let (back_out, back_into) = pair(context, pattern.near, pattern.far, transport, "back").await?;
    Ok((End { out, into: back_into }, End { out: back_out, into }))
}

/// A socket of type `from` that is connected to a bound one of type `to`.
async fn pair(
    context: &Context,
    from: SocketType,
    to: SocketType,
    transport: Transport,
    name: &str,
) -> Result<(Socket<Any>, Socket<Any>), Failure> {
    let bound = context.socket(to).build()?;
    if to == SocketType::Sub {
        bound.subscribe("");
    }
    let endpoint = match transport {
        Transport::Inproc => format!("inproc://{name}"),
        other => other.anywhere().to_owned(),
    };
    let endpoint = bound.bind(endpoint).await?;
    let mut builder = context.socket(from);
    if from.publishes() {
        // Every message is to be counted: a full subscriber is waited for.
        builder = builder.no_drop(true);
    }
    Ok((builder.connect(endpoint.to_string())?, bound))
}

/// Waits until nothing that `socket` sends is lost.
async fn ready(socket: &Socket<Any>) {
    socket.wait_for_peers(1).await;
    if socket.socket_type().publishes() {
        socket.wait_for_subscribers(1).await;
    }
}

/// Sends as fast as it goes for `moment`, then an empty message, and waits for its answer.
async fn flood(near: &End, moment: Duration) -> Result<(), Failure> {
    let body = Frame::from(vec![b'm'; BODY_BYTES]);
    let begun = Instant::now();
    while begun.elapsed() < moment {
        for _ in 0..TURN_MESSAGES {
            near.out.send(body.clone()).await?;
        }
    }
    near.out.send(Message::new()).await?;
    near.into.recv().await?;
    Ok(())
}

/// Receives up to the empty message, and answers it; messages a second.
async fn drain(far: &End) -> Result<f64, Failure> {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    far.into.recv_many(&mut batch, BATCH_MAX).await?;
    let begun = Instant::now();
    let mut messages = 0;
    loop {
        messages += batch.len();
        if let Some(last) = batch.pop_if(|message| is_last(message)) {
            let rate = messages as f64 / begun.elapsed().as_secs_f64();
            far.out.send(last).await?;
            return Ok(rate);
        }
        batch.clear();
        far.into.recv_many(&mut batch, BATCH_MAX).await?;
    }
}

/// Asks and waits for the answer for `moment`, then asks with an empty message.
async fn ask(near: &End, moment: Duration) -> Result<Histogram<u64>, Failure> {
    let body = Frame::from(vec![b'm'; BODY_BYTES]);
    let mut trips = histogram();
    let begun = Instant::now();
    let mut asked = begun;
    while asked - begun < moment {
        near.out.send(body.clone()).await?;
        near.into.recv().await?;
        let answered = Instant::now();
        trips.saturating_record((answered - asked).as_nanos() as u64);
        asked = answered;
    }
    near.out.send(Message::new()).await?;
    near.into.recv().await?;
    Ok(trips)
}

/// Sends back what comes, up to an empty message and that one too.
async fn answer(far: &End) -> Result<(), Failure> {
    loop {
        let message = far.into.recv().await?;
        let is_over = is_last(&message);
        far.out.send(message).await?;
        if is_over {
            return Ok(());
        }
    }
}

fn is_last(message: &Message) -> bool {
    message.last().is_empty()
}

async fn close(near: End, far: End) -> Result<(), Failure> {
    let mut undelivered = 0;
    for end in [near, far] {
        // Of one socket both would tell the same.
        undelivered += end.out.close().await.undelivered;
        end.into.close().await;
    }
    match undelivered {
        0 => Ok(()),
        count => Err(Failure::Undelivered(format!("{count} messages were left undelivered"))),
    }
}
