//! `bench lat`: a request, its reply, the next request.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use monocoque::{Context, Driver, Frame, Req, Socket};
use serde::Serialize;

use super::partner::{Part, Partner, PartnerReport, last_message, rep};
use super::progress::{Phase, Progress};
use super::usage::cpu_time;
use super::{Measure, Setting};
use crate::exit::Failure;
use crate::table::duration;

/// Round trips by count that come before the measured ones, at most.
const WARM_UP_TRIPS_MAX: u64 = 1_000;

/// One round, as it is printed.
#[derive(Debug, Serialize)]
pub struct Round {
    #[serde(flatten)]
    setting: Setting,
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
}

/// The longest round trip that is told from longer ones.
const TRIP_NS_MAX: u64 = 60_000_000_000;

/// Round-trip times in nanoseconds, exact to three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(TRIP_NS_MAX, 3).expect("three digits are within 0 to 5, and the bound is above 2")
}

async fn open(context: &Context, measure: &Measure) -> Result<(Socket<Req>, String), Failure> {
    if measure.peers != 1 {
        return Err(Failure::usage("round trips are measured between two sockets: --peers is for bench thr"));
    }
    let socket = measure.options(context.req()).build()?;
    let endpoint = socket.bind(measure.place()?.1).await?.to_string();
    Ok((socket, endpoint))
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
    let progress = Progress::begin(measure.extent(), measure.json);
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
    Ok(Trips { times, time, cpu })
}

impl Round {
    fn of(measure: &Measure, driver: Driver, trips: &Trips, partner: PartnerReport) -> Result<Self, Failure> {
        let count = trips.times.len();
        let at = |quantile| trips.times.value_at_quantile(quantile);
        let partner = partner.cpu_ns as f64 / partner.messages.max(1) as f64;
        Ok(Self {
            setting: Setting::new("lat", measure, driver)?,
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
        })
    }
}

impl super::Round for Round {
    async fn between_processes(context: &Context, measure: &Measure) -> Result<Self, Failure> {
        let (socket, endpoint) = open(context, measure).await?;
        let partner = Partner::start(&measure.partner(Part::Rep, endpoint, None))?;
        let trips = ask(&socket, measure).await?;
        // So that the partner does not wait for us while we wait for it.
        socket.close().await;
        Self::of(measure, context.driver()?, &trips, partner.report()?)
    }

    async fn within_process(context: &Context, measure: &Measure) -> Result<Self, Failure> {
        let (socket, endpoint) = open(context, measure).await?;
        let (args, other) = (measure.partner(Part::Rep, endpoint, None), context.clone());
        let answering = async move { rep(&other, &args).await };
        let (trips, answered) = measure.placement.beside(ask(&socket, measure), vec![answering]).await;
        answered.into_iter().collect::<Result<Vec<_>, _>>()?;
        // This process has counted both sides.
        Self::of(measure, context.driver()?, &trips?, PartnerReport::default())
    }

    fn heading(&self) -> String {
        format!("REQ to REP and back, {} B, {}", self.setting.size, self.setting)
    }

    fn line(&self) -> String {
        let [p50, p90, p99, p999, max] =
            [self.p50_ns, self.p90_ns, self.p99_ns, self.p999_ns, self.max_ns].map(duration);
        let (trips, cpu) = (self.round_trips, duration(self.cpu_ns as u64));
        format!("p50 {p50}   p90 {p90}   p99 {p99}   p99.9 {p999}   max {max}   ({trips} round trips, {cpu} CPU each)")
    }

    fn figure(&self) -> f64 {
        self.p50_ns as f64
    }

    fn median(p50_ns: f64) -> String {
        format!("p50 {}", duration(p50_ns as u64))
    }
}
