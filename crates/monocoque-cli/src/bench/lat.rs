//! `bench lat`: a request, its reply, the next request.

use std::io::Write;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use monocoque::{Context, Driver, Frame, Req, Socket};
use serde::Serialize;

use super::partner::{Part, Partner, PartnerArgs, PartnerReport, last_message, rep};
use super::progress::{Extent, Phase, Progress};
use super::usage::cpu_time;
use super::{Measure, Transport, median, print_json};
use crate::exit::Failure;
use crate::placement::Placement;
use crate::table::duration;

/// Round trips by count that come before the measured ones, at most.
const WARM_UP_TRIPS_MAX: u64 = 1_000;

/// One round, as it is printed.
#[derive(Debug, Serialize)]
struct Round {
    bench: &'static str,
    transport: Transport,
    placement: Placement,
    driver: String,
    size: usize,
    round_trips: u64,
    seconds: f64,
    round_trips_per_second: f64,
    mean_ns: f64,
    min_ns: u64,
    p50_ns: u64,
    p90_ns: u64,
    p99_ns: u64,
    p999_ns: u64,
    max_ns: u64,
    /// CPU time of both sides for each round trip.
    cpu_ns: f64,
}

/// What the asking side saw.
struct Trips {
    times: Histogram<u64>,
    time: Duration,
    cpu: Duration,
    driver: Driver,
    partner: PartnerReport,
}

/// The longest round trip that is told from longer ones.
const TRIP_NS_MAX: u64 = 60_000_000_000;

/// Round-trip times in nanoseconds, exact to three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(TRIP_NS_MAX, 3).expect("three digits are within 0 to 5, and the bound is above 2")
}

pub fn run(measure: &Measure) -> Result<(), Failure> {
    if measure.peers != 1 {
        return Err(Failure::usage("round trips are measured between two sockets: --peers is for bench thr"));
    }
    let (transport, _) = measure.place()?;
    let mut medians = Vec::new();
    for number in 1..=measure.rounds {
        let trips = measure.placement.run(async |context| match transport {
            Transport::Inproc => within_process(&context, measure).await,
            _ => between_processes(&context, measure).await,
        })?;
        let round = Round::of(measure, transport, &trips);
        medians.push(round.p50_ns as f64);
        print(measure, number, &round)?;
    }
    if medians.len() > 1 && !measure.json {
        writeln!(std::io::stdout(), "median   p50 {}", duration(median(medians) as u64))?;
    }
    Ok(())
}

async fn between_processes(context: &Context, measure: &Measure) -> Result<Trips, Failure> {
    let socket = measure.options(context.req()).build()?;
    let endpoint = socket.bind(measure.place()?.1).await?.to_string();
    let partner = Partner::start(Part::Rep, &endpoint, measure, None)?;
    let mut trips = ask(&socket, measure).await?;
    trips.driver = context.driver()?;
    // So that the partner does not wait for us while we wait for it.
    socket.close().await;
    trips.partner = partner.report()?;
    Ok(trips)
}

async fn within_process(context: &Context, measure: &Measure) -> Result<Trips, Failure> {
    let socket = measure.options(context.req()).build()?;
    let connect = socket.bind(measure.place()?.1).await?.to_string();
    let args = PartnerArgs {
        part: Part::Rep,
        connect,
        size: measure.size,
        count: None,
        peers: 1,
        hwm: measure.hwm,
        placement: measure.placement,
    };
    let other = context.clone();
    let answering = async move { rep(&other, &args).await };
    let (trips, answered) = measure.placement.beside(ask(&socket, measure), vec![answering]).await;
    answered.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Trips { driver: context.driver()?, ..trips? })
}

/// Asks until the count is reached or the time is over, then says so.
async fn ask(socket: &Socket<Req>, measure: &Measure) -> Result<Trips, Failure> {
    socket.wait_for_peers(1).await;
    let body = Frame::from(vec![b'm'; measure.size]);
    let mut times = histogram();
    for _ in 0..measure.count.map_or(0, |count| (count / 10).min(WARM_UP_TRIPS_MAX)) {
        socket.send(body.clone()).await?;
        socket.recv().await?;
    }
    let extent = measure.count.map_or(Extent::Time(measure.duration), Extent::Count);
    let progress = Progress::begin(extent, measure.json);
    let (mut begun, mut cpu_begun) = (Instant::now(), cpu_time());
    let mut phase = progress.phase();
    while phase != Phase::Over && measure.count.is_none_or(|count| times.len() < count) {
        let asked = Instant::now();
        socket.send(body.clone()).await?;
        socket.recv().await?;
        if phase == Phase::Measuring {
            times.saturating_record(asked.elapsed().as_nanos() as u64);
            progress.set(times.len());
        } else if progress.phase() != phase {
            (begun, cpu_begun) = (Instant::now(), cpu_time());
        }
        phase = progress.phase();
    }
    let (time, cpu) = (begun.elapsed(), cpu_time() - cpu_begun);
    drop(progress);
    socket.send(last_message(measure.size)).await?;
    socket.recv().await?;
    Ok(Trips { times, time, cpu, driver: Driver::Poll, partner: PartnerReport::default() })
}

impl Round {
    fn of(measure: &Measure, transport: Transport, trips: &Trips) -> Self {
        let count = trips.times.len();
        let at = |quantile| trips.times.value_at_quantile(quantile);
        let partner = trips.partner.cpu_ns as f64 / trips.partner.messages.max(1) as f64;
        Self {
            bench: "lat",
            transport,
            placement: measure.placement,
            driver: trips.driver.to_string(),
            size: measure.size,
            round_trips: count,
            seconds: trips.time.as_secs_f64(),
            round_trips_per_second: count as f64 / trips.time.as_secs_f64(),
            mean_ns: trips.times.mean(),
            min_ns: trips.times.min(),
            p50_ns: at(0.5),
            p90_ns: at(0.9),
            p99_ns: at(0.99),
            p999_ns: at(0.999),
            max_ns: trips.times.max(),
            cpu_ns: trips.cpu.as_nanos() as f64 / count.max(1) as f64 + partner,
        }
    }
}

fn print(measure: &Measure, number: u16, round: &Round) -> Result<(), Failure> {
    if measure.json {
        return print_json(round);
    }
    let mut out = std::io::stdout().lock();
    if number == 1 {
        let (transport, placement) = (round.transport.name(), round.placement);
        writeln!(out, "REQ to REP and back, {} B, {transport}, {placement} placement, {}", round.size, round.driver)?;
    }
    let [p50, p90, p99, p999, max] =
        [round.p50_ns, round.p90_ns, round.p99_ns, round.p999_ns, round.max_ns].map(duration);
    let (trips, cpu) = (round.round_trips, duration(round.cpu_ns as u64));
    writeln!(
        out,
        "round {number:<2} p50 {p50}   p90 {p90}   p99 {p99}   p99.9 {p999}   max {max}   ({trips} round trips, {cpu} CPU each)"
    )?;
    Ok(())
}
