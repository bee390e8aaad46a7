//! `bench thr`: PUSH to PULL as fast as it goes.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use monocoque::{Context, Driver, Message, Pull, Socket};
use serde::Serialize;

use super::partner::{Part, Partner, PartnerArgs, PartnerReport, is_last, push};
use super::progress::{Extent, Phase, Progress};
use super::usage::cpu_time;
use super::{Measure, Transport, median, print_json};
use crate::exit::Failure;
use crate::placement::Placement;
use crate::table::{duration, per_second};

/// Messages that are taken at once at most.
const BATCH_MAX: usize = 1024;

/// One round, as it is printed.
#[derive(Debug, Serialize)]
struct Round {
    bench: &'static str,
    transport: Transport,
    placement: Placement,
    driver: String,
    size: usize,
    peers: u16,
    hwm: u32,
    messages: u64,
    seconds: f64,
    messages_per_second: f64,
    megabytes_per_second: f64,
    /// CPU time of each side for each message; `None` where both sides are one process.
    sender_cpu_ns: Option<f64>,
    receiver_cpu_ns: Option<f64>,
    /// Both sides together.
    cpu_ns: f64,
}

/// What the receiver saw.
struct Tally {
    /// Messages within the measured time.
    messages: u64,
    time: Duration,
    cpu: Duration,
    driver: Driver,
    partners: Vec<PartnerReport>,
}

pub fn run(measure: &Measure) -> Result<(), Failure> {
    let (transport, _) = measure.place()?;
    let mut rates = Vec::new();
    for number in 1..=measure.rounds {
        let tally = measure.placement.run(async |context| match transport {
            Transport::Inproc => within_process(&context, measure).await,
            _ => between_processes(&context, measure).await,
        })?;
        let round = Round::of(measure, transport, &tally);
        rates.push(round.messages_per_second);
        print(measure, number, &round)?;
    }
    if rates.len() > 1 && !measure.json {
        writeln!(std::io::stdout(), "median   {} msg/s", per_second(median(rates)))?;
    }
    Ok(())
}

fn extent(measure: &Measure) -> Extent {
    measure.count.map_or(Extent::Time(measure.duration), Extent::Count)
}

/// What each sender sends: the first of them the remainder too.
fn shares(measure: &Measure) -> impl Iterator<Item = Option<u64>> {
    let (peers, count) = (u64::from(measure.peers), measure.count);
    (0..peers).map(move |peer| count.map(|count| count / peers + if peer == 0 { count % peers } else { 0 }))
}

async fn between_processes(context: &Context, measure: &Measure) -> Result<Tally, Failure> {
    let socket = measure.options(context.pull()).build()?;
    let endpoint = socket.bind(measure.place()?.1).await?.to_string();
    let start = |share| Partner::start(Part::Push, &endpoint, measure, share);
    let mut partners = shares(measure).map(start).collect::<Result<Vec<_>, _>>()?;
    let mut tally = receive(&socket, measure, || partners.iter_mut().for_each(Partner::stop)).await?;
    tally.driver = context.driver()?;
    // So that no sender waits for us while we wait for it.
    socket.close().await;
    tally.partners = partners.iter().map(Partner::report).collect::<Result<_, _>>()?;
    Ok(tally)
}

async fn within_process(context: &Context, measure: &Measure) -> Result<Tally, Failure> {
    let socket = measure.options(context.pull()).build()?;
    let endpoint = socket.bind(measure.place()?.1).await?.to_string();
    let stop = Arc::new(AtomicBool::new(false));
    let senders = shares(measure).map(|count| {
        let args = PartnerArgs {
            part: Part::Push,
            connect: endpoint.clone(),
            size: measure.size,
            count,
            peers: 1,
            hwm: measure.hwm,
            placement: measure.placement,
        };
        let (context, stop) = (context.clone(), Arc::clone(&stop));
        async move { push(&context, &args, &stop).await }
    });
    let senders = senders.collect();
    let receiving = receive(&socket, measure, || stop.store(true, Ordering::Relaxed));
    let (tally, sent) = measure.placement.beside(receiving, senders).await;
    sent.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Tally { driver: context.driver()?, ..tally? })
}

/// Receives until every sender said that it is done; calls `over` when the time to measure is.
async fn receive(socket: &Socket<Pull>, measure: &Measure, mut over: impl FnMut()) -> Result<Tally, Failure> {
    let mut batch: Vec<Message> = Vec::with_capacity(BATCH_MAX);
    socket.recv_many(&mut batch, BATCH_MAX).await?;
    let progress = Progress::begin(extent(measure), measure.json);
    let (mut begun, mut cpu_begun, mut skipped) = (Instant::now(), cpu_time(), 0);
    let mut end = None;
    let (mut messages, mut senders, mut phase) = (0, measure.peers, progress.phase());
    loop {
        let ended = batch.iter().filter(|message| is_last(message, measure.size)).count();
        messages += (batch.len() - ended) as u64;
        senders = senders.saturating_sub(ended as u16);
        progress.set(messages);
        if progress.phase() != phase {
            phase = progress.phase();
            if phase == Phase::Measuring {
                (begun, cpu_begun, skipped) = (Instant::now(), cpu_time(), messages);
            } else {
                end.get_or_insert((messages, begun.elapsed(), cpu_time() - cpu_begun));
                over();
            }
        }
        if senders == 0 {
            break;
        }
        batch.clear();
        socket.recv_many(&mut batch, BATCH_MAX).await?;
    }
    let (messages, time, cpu) = end.unwrap_or_else(|| (messages, begun.elapsed(), cpu_time() - cpu_begun));
    Ok(Tally { messages: messages - skipped, time, cpu, driver: Driver::Poll, partners: Vec::new() })
}

impl Round {
    fn of(measure: &Measure, transport: Transport, tally: &Tally) -> Self {
        let seconds = tally.time.as_secs_f64();
        let rate = tally.messages as f64 / seconds;
        let receiver = tally.cpu.as_nanos() as f64 / tally.messages.max(1) as f64;
        let sent: u64 = tally.partners.iter().map(|partner| partner.messages).sum();
        let used: u64 = tally.partners.iter().map(|partner| partner.cpu_ns).sum();
        let sender = (sent > 0).then(|| used as f64 / sent as f64);
        Self {
            bench: "thr",
            transport,
            placement: measure.placement,
            driver: tally.driver.to_string(),
            size: measure.size,
            peers: measure.peers,
            hwm: measure.hwm,
            messages: tally.messages,
            seconds,
            messages_per_second: rate,
            megabytes_per_second: rate * measure.size as f64 / 1e6,
            sender_cpu_ns: sender,
            receiver_cpu_ns: sender.map(|_| receiver),
            cpu_ns: receiver + sender.unwrap_or_default(),
        }
    }
}

fn print(measure: &Measure, number: u16, round: &Round) -> Result<(), Failure> {
    if measure.json {
        return print_json(round);
    }
    let mut out = std::io::stdout().lock();
    if number == 1 {
        let senders = if round.peers == 1 { "1 sender".to_owned() } else { format!("{} senders", round.peers) };
        let (transport, placement) = (round.transport.name(), round.placement);
        let driver = &round.driver;
        writeln!(out, "PUSH to PULL, {} B, {senders}, {transport}, {placement} placement, {driver}", round.size)?;
    }
    let cpu = match (round.sender_cpu_ns, round.receiver_cpu_ns) {
        (Some(sender), Some(receiver)) => {
            format!("sender {}, receiver {}", duration(sender as u64), duration(receiver as u64))
        }
        _ => format!("both sides {}", duration(round.cpu_ns as u64)),
    };
    let rate = per_second(round.messages_per_second);
    writeln!(out, "round {number:<2} {rate} msg/s   {:.1} MB/s   CPU a message: {cpu}", round.megabytes_per_second)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::BenchArgs;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        bench: BenchArgs,
    }

    fn measure(line: &str) -> Measure {
        match Line::try_parse_from(line.split(' ')).map(|line| line.bench) {
            Ok(BenchArgs::Thr(measure)) => measure,
            _ => panic!("a sound line"),
        }
    }

    #[test]
    fn shares_add_up() {
        let shares: Vec<_> = shares(&measure("bench thr --count 10 --peers 3")).collect();
        assert_eq!(shares, [Some(4), Some(3), Some(3)]);
    }

    #[test]
    fn a_round_is_measured_within_one_process() {
        for placement in ["shared", "local"] {
            let measure =
                measure(&format!("bench thr --transport inproc --count 2000 --peers 2 --placement {placement}"));
            let tally = measure.placement.run(async |context| within_process(&context, &measure).await);
            let tally = tally.expect("nothing can fail here");
            let round = Round::of(&measure, Transport::Inproc, &tally);
            assert!(round.messages <= 2000 && round.messages_per_second > 0.0, "{round:?}");
        }
    }
}
