//! The socket commands: one body for all types.
//!
//! [`run`] opens the socket, lets [`flow`] move messages on a thread of its own, and closes when that has
//! ended or Ctrl-C came, whichever is first; a thread that waits for input cannot be interrupted otherwise.

mod flow;
mod input;

use std::io::{self, IsTerminal};
use std::sync::mpsc;
use std::time::Duration;

use monocoque::{Any, CloseReport, Context, Counted, DropCause, Event, Hwm, Socket, SocketStats, block_on};

use crate::args::{self, Job, Setting};
use crate::exit::{Failure, note};
use crate::format::Lines;
use crate::{events, interrupt};
use flow::{Ended, Flow};

/// How long a REP, which has no option for it, goes on sending its last reply.
const LINGER_MS: i64 = 10_000;
/// How long a command that was interrupted may take to print what had come before.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Runs one socket command to its end.
///
/// # Errors
/// Any [`Failure`]; messages that no peer got are one.
pub fn run(job: Job) -> Result<(), Failure> {
    let (ended, ends) = mpsc::channel();
    let on_interrupt = ended.clone();
    interrupt::on_first(move || drop(on_interrupt.send(None)));
    let context = args::context(&job.common.options)?;
    let socket = open(&context, &job, &ended)?;
    let shows_stats = job.common.stats;
    let flow = Flow::new(socket.clone(), job, ended.clone());
    std::thread::spawn(move || drop(ended.send(Some(flow.run()))));
    let end = ends.recv().map_err(|_| Failure::other("the command's thread ended early"))?;
    let stats = shows_stats.then(|| socket.stats());
    let report = block_on(socket.clone().close());
    stats.iter().for_each(print_stats);
    let result = match end {
        Some(result) => result,
        // The thread may have been about to print, or be waiting for input that will never come.
        None => ends.recv_timeout(LAST_WORDS).ok().flatten().unwrap_or(Ok(())),
    };
    result.and_then(|()| delivered(&socket, report))
}

fn open(context: &Context, job: &Job, ended: &Ended) -> Result<Socket<Any>, Failure> {
    let linger_ms = match &job.sending {
        Some(sending) => sending.linger,
        None if job.kind.sends() => LINGER_MS,
        None => 0,
    };
    let mut builder = context.socket(job.kind).hwm(Hwm::messages(job.common.hwm));
    builder = match u64::try_from(linger_ms) {
        Ok(ms) => builder.linger(Duration::from_millis(ms)),
        Err(_) => builder.linger_forever(),
    };
    if let Some(identity) = &job.identity {
        builder = builder.identity(identity.as_str());
    }
    if job.no_drop {
        builder = builder.no_drop(true);
    }
    for setting in &job.common.options {
        if let Setting::Socket(option, value) = setting {
            builder = builder.option(*option, value.clone());
        }
    }
    let socket = crate::curve::secure(builder, &job.common.keys)?.build()?;
    events::tell(&socket, job.common.verbose);
    subscribe(&socket, job)?;
    attach(&socket, job, ended)?;
    Ok(socket)
}

fn subscribe(socket: &Socket<Any>, job: &Job) -> Result<(), Failure> {
    use monocoque::SocketType::{Dish, Sub, XSub};
    match job.kind {
        Dish => {
            for group in &job.topics {
                socket.join(group).map_err(|error| Failure::usage(error.to_string()))?;
            }
        }
        Sub | XSub if job.topics.is_empty() => socket.subscribe(""),
        Sub | XSub => job.topics.iter().for_each(|topic| socket.subscribe(topic)),
        _ => {}
    }
    Ok(())
}

/// Binds and connects everything that was asked for. If nobody is left to connect to, and nobody can come, the command ends.
fn attach(socket: &Socket<Any>, job: &Job, ended: &Ended) -> Result<(), Failure> {
    let (bound, connected): (Vec<_>, Vec<_>) = job.ends.endpoints.iter().partition(|end| end.starts_with('@'));
    let bound = bound.into_iter().map(|end| &end[1..]).chain(job.ends.bind.iter().map(String::as_str));
    let connected: Vec<_> = connected.into_iter().chain(&job.ends.connect).collect();
    let monitor = socket.monitor();
    let mut count = 0;
    for endpoint in bound {
        let real = block_on(socket.bind(endpoint))?.to_string();
        if real != endpoint {
            note!("monocoque: bound {real}");
        }
        count += 1;
    }
    for endpoint in &connected {
        socket.connect(endpoint)?;
    }
    match (count, connected.len()) {
        (0, 0) => Err(Failure::usage("name an endpoint to connect to, or to bind with an @ in front: @tcp://*:5555")),
        (0, endpoints) => {
            let ended = ended.clone();
            // Nobody listens any more when the command has ended.
            let end = move |event: Event| drop(ended.send(Some(Err(Failure::Endpoint(event.to_string())))));
            events::on_all_given_up(monitor, endpoints, end);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What passed until the input or the output ended; closing sends what was queued then.
fn print_stats(stats: &SocketStats) {
    let of = |counted: Counted| format!("{} messages, {} bytes", counted.messages, counted.bytes);
    note!("* sent {}; received {}", of(stats.sent), of(stats.received));
    note!("* queued to send {}; to receive {}", of(stats.send_queue), of(stats.recv_queue));
    let link = stats.link;
    note!("* {} writes, {} reads: {:.2} a message", link.writes, link.reads, stats.calls_per_message());
    let handshakes = stats.handshakes;
    let failed = handshakes.misbehaved + handshakes.incompatible + handshakes.refused + handshakes.timed_out;
    let failed = failed + handshakes.lost + handshakes.turned_away + handshakes.filtered;
    note!("* handshakes {}, failed {failed}; reconnects {}", handshakes.succeeded, stats.reconnects);
    for (cause, messages) in &stats.drops {
        note!("* dropped {messages}: {cause}");
    }
    for one in &stats.connections {
        note!("* {}: sent {}; received {}", one.facts, of(one.sent), of(one.received));
    }
}

/// How this job writes messages as lines.
fn lines(job: &Job) -> Lines {
    Lines::new(job.common.format, job.common.delimiter.0.clone())
        .routed(job.kind.routes())
        .shown(io::stdout().is_terminal())
}

/// Fails if messages were sent that no peer got.
fn delivered(socket: &Socket<Any>, report: CloseReport) -> Result<(), Failure> {
    let kind = socket.socket_type();
    let drops = socket.drops();
    let mut lost = Vec::from([(report.undelivered as u64, "were still queued when the linger time ran out")]);
    lost.push((drops.of(DropCause::Full), "were dropped for subscribers that were full (see --no-drop, --hwm)"));
    lost.push((drops.of(DropCause::NoRoute), "were for routing ids that nobody has"));
    if !kind.publishes() {
        // A subscriber that leaves is not owed what it asked for.
        lost.push((drops.of(DropCause::PeerGone), "were queued for a peer that went away"));
    }
    let lost: Vec<_> = lost.into_iter().filter(|(count, _)| *count > 0 && kind.sends()).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let causes = lost.iter().map(|(count, cause)| format!("{count} {cause}")).collect::<Vec<_>>().join("; ");
    Err(Failure::Undelivered(format!("undelivered messages: {causes}")))
}
