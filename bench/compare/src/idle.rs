//! Idle connections: what a router's process keeps in memory for each.
//!
//! The other side is the harness itself, for every contender alike: bare sockets that shake hands as DEALERs (ZMTP
//! 3.0, NULL), are silent, then send one message each and read the answer.

mod dealer;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use bench_common::{Line, raise_descriptor_limit};

use crate::contender::Contender;
use crate::metric::{Metric, Sample};
use crate::process::{Event, Process};
use crate::scenario::Scenario;
use crate::trial::{Endpoint, Miss, Trial};

use dealer::Dealer;

/// Memory has settled when it is the same after this long.
const SETTLE: Duration = Duration::from_millis(150);

/// Runs one measurement, which ends before `limit` or is ended.
///
/// # Errors
/// [`Miss`].
pub fn run(scenario: &Scenario, contender: &Contender, limit: Duration) -> Result<Trial, Miss> {
    // The other end of every connection is here.
    raise_descriptor_limit().map_err(|failure| Miss::Failed(format!("{failure:?}")))?;
    let deadline = Instant::now() + limit;
    let endpoint = Endpoint::new(scenario.transport);
    let words = [
        "--role=router".into(),
        format!("--mode={}", contender.mode.name),
        format!("--endpoint={}", endpoint.0),
        format!("--peers={}", scenario.peers),
    ];
    let mut router =
        Process::start(&contender.path, &words).map_err(|error| Miss::Failed(format!("{contender}: {error}")))?;
    match router.next(limit) {
        Event::Line(Line::Ready) => {}
        Event::Line(Line::Unsupported(reason)) => return Err(Miss::Unsupported(reason)),
        event => return Err(Miss::Failed(format!("{contender} did not bind: {event:?}"))),
    }
    let id = router.id();
    let measured = measure(id, scenario.peers, &endpoint.0, deadline);
    measured.map(|sample| Trial { sample, driver: None }).map_err(|error| Miss::Failed(format!("{contender}: {error}")))
}

fn measure(id: u32, peers: usize, endpoint: &str, deadline: Instant) -> crate::Outcome<Sample> {
    let address = endpoint.strip_prefix("tcp://").ok_or("idle connections are over tcp")?;
    let before = settled_kib(id, deadline)?;
    let in_time = || if Instant::now() < deadline { Ok(()) } else { Err("the time is over") };
    let mut dealers = Vec::with_capacity(peers);
    for number in 1..=peers {
        in_time()?;
        let dealer = Dealer::connect(address).map_err(|error| format!("connection {number}: {error}"))?;
        dealers.push(dealer);
    }
    let silent = settled_kib(id, deadline)?;
    for dealer in &mut dealers {
        in_time()?;
        dealer.ask()?;
    }
    let spoken = settled_kib(id, deadline)?;
    let each = |after: u64| after.saturating_sub(before) as f64 / peers as f64;
    Ok(Sample::from([(Metric::SilentKib, each(silent)), (Metric::SpokenKib, each(spoken))]))
}

/// Resident memory once it does not change any more.
fn settled_kib(id: u32, deadline: Instant) -> crate::Outcome<u64> {
    let mut last = resident_kib(id)?;
    loop {
        thread::sleep(SETTLE);
        let now = resident_kib(id)?;
        if now == last || Instant::now() > deadline {
            return Ok(now);
        }
        last = now;
    }
}

fn resident_kib(id: u32) -> crate::Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("the program has ended")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
