//! `bench thr`: PUSH to PULL as fast as it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use monocoque::{Context, Driver, Message, Pull, Socket};
use serde::Serialize;

use super::partner::{Part, Partner, PartnerReport, is_last, push};
use super::progress::{Phase, Progress};
use super::usage::cpu_time;
use super::{Measure, Setting};
use crate::exit::Failure;
use crate::table::{duration, per_second};

/// Messages that are taken at once at most.
const BATCH_MAX: usize = 1024;

/// One round, as it is printed.
#[derive(Debug, Serialize)]
pub struct Round {
    #[serde(flatten)]
    setting: Setting,
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
}

/// What each sender sends: the first of them the remainder too.
fn shares(measure: &Measure) -> impl Iterator<Item = Option<u64>> {
    let (peers, count) = (u64::from(measure.peers), measure.count);
    (0..peers).map(move |peer| count.map(|count| count / peers + if peer == 0 { count % peers } else { 0 }))
}

async fn open(context: &Context, measure: &Measure) -> Result<(Socket<Pull>, String), Failure> {
    let socket = measure.options(context.pull()).build()?;
    let endpoint = socket.bind(measure.place()?.1).await?.to_string();
    Ok((socket, endpoint))
}

/// Receives until every sender said that it is done; calls `over` when the time to measure is.
async fn receive(socket: &Socket<Pull>, measure: &Measure, mut over: impl FnMut()) -> Result<Tally, Failure> {
    let mut batch: Vec<Message> = Vec::with_capacity(BATCH_MAX);
    socket.recv_many(&mut batch, BATCH_MAX).await?;
    let progress = Progress::begin(measure.extent(), measure.json);
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
    Ok(Tally { messages: messages - skipped, time, cpu })
}

impl Round {
    fn of(measure: &Measure, driver: Driver, tally: &Tally, partners: &[PartnerReport]) -> Result<Self, Failure> {
        let seconds = tally.time.as_secs_f64();
        let rate = tally.messages as f64 / seconds;
        let receiver = tally.cpu.as_nanos() as f64 / tally.messages.max(1) as f64;
        let sent: u64 = partners.iter().map(|partner| partner.messages).sum();
        let used: u64 = partners.iter().map(|partner| partner.cpu_ns).sum();
        let sender = (sent > 0).then(|| used as f64 / sent as f64);
        Ok(Self {
            setting: Setting::new("thr", measure, driver)?,
            peers: measure.peers,
            hwm: measure.hwm,
            messages: tally.messages,
            seconds,
            messages_per_second: rate,
            megabytes_per_second: rate * measure.size as f64 / 1e6,
            sender_cpu_ns: sender,
            receiver_cpu_ns: sender.map(|_| receiver),
            cpu_ns: receiver + sender.unwrap_or_default(),
        })
    }
}

impl super::Round for Round {
    async fn between_processes(context: &Context, measure: &Measure) -> Result<Self, Failure> {
        let (socket, endpoint) = open(context, measure).await?;
        let start = |share| Partner::start(&measure.partner(Part::Push, endpoint.clone(), share));
        let mut partners = shares(measure).map(start).collect::<Result<Vec<_>, _>>()?;
        let tally = receive(&socket, measure, || partners.iter_mut().for_each(Partner::stop)).await?;
        // So that no sender waits for us while we wait for it.
        socket.close().await;
        let reports = partners.iter().map(Partner::report).collect::<Result<Vec<_>, _>>()?;
        Self::of(measure, context.driver()?, &tally, &reports)
    }

    async fn within_process(context: &Context, measure: &Measure) -> Result<Self, Failure> {
        let (socket, endpoint) = open(context, measure).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let senders = shares(measure).map(|count| {
            let args = measure.partner(Part::Push, endpoint.clone(), count);
            let (context, stop) = (context.clone(), Arc::clone(&stop));
            async move { push(&context, &args, &stop).await }
        });
        let senders = senders.collect();
        let receiving = receive(&socket, measure, || stop.store(true, Ordering::Relaxed));
        let (tally, sent) = measure.placement.beside(receiving, senders).await;
        sent.into_iter().collect::<Result<Vec<_>, _>>()?;
        // This process has counted both sides.
        Self::of(measure, context.driver()?, &tally?, &[])
    }

    fn heading(&self) -> String {
        let senders = if self.peers == 1 { "1 sender".to_owned() } else { format!("{} senders", self.peers) };
        format!("PUSH to PULL, {} B, {senders}, {}", self.setting.size, self.setting)
    }

    fn line(&self) -> String {
        let cpu = match (self.sender_cpu_ns, self.receiver_cpu_ns) {
            (Some(sender), Some(receiver)) => {
                format!("sender {}, receiver {}", duration(sender as u64), duration(receiver as u64))
            }
            _ => format!("both sides {}", duration(self.cpu_ns as u64)),
        };
        let rate = per_second(self.messages_per_second);
        format!("{rate} msg/s   {:.1} MB/s   CPU a message: {cpu}", self.megabytes_per_second)
    }

    fn figure(&self) -> f64 {
        self.messages_per_second
    }

    fn median(rate: f64) -> String {
        format!("{} msg/s", per_second(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{BenchArgs, Round as _};
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
            let round = measure.placement.run(async |context| Round::within_process(&context, &measure).await);
            let round = round.expect("nothing can fail here");
            assert!(round.messages <= 2000 && round.messages_per_second > 0.0, "{round:?}");
        }
    }
}
