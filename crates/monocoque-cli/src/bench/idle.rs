//! `bench idle`: what a connection costs while nobody says anything.

use std::io::Write;
use std::time::Duration;

use monocoque::Context;
use serde::Serialize;

use super::partner::{Part, Partner, PartnerArgs, PartnerReport};
use super::usage::{raise_descriptors, resident_bytes};
use super::{Transport, print_json};
use crate::exit::Failure;
use crate::placement::Placement;

/// Descriptors that are not connections: standard streams, rings, the listener, event descriptors.
const OTHER_DESCRIPTORS: u64 = 64;
/// How long all peers together may take to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(60);

/// Options of `bench idle`.
#[derive(Debug, clap::Args)]
pub struct IdleArgs {
    /// Connections.
    #[arg(short, long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    peers: u32,
    /// How they are connected: tcp or ipc.
    #[arg(short, long, value_enum, default_value_t = Transport::Tcp)]
    transport: Transport,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Findings {
    bench: &'static str,
    transport: Transport,
    driver: String,
    peers: u32,
    /// Of one ROUTER with all connections.
    router_bytes_per_connection: u64,
    router_resident_bytes: u64,
    /// Of one DEALER socket with one connection each.
    dealer_bytes_per_connection: u64,
    dealer_resident_bytes: u64,
}

pub fn run(args: &IdleArgs) -> Result<(), Failure> {
    if args.transport == Transport::Inproc {
        return Err(Failure::usage("inproc has no connections between processes: measure tcp or ipc"));
    }
    let limit = raise_descriptors();
    if limit.is_some_and(|limit| u64::from(args.peers) + OTHER_DESCRIPTORS > limit) {
        let limit = limit.unwrap_or_default();
        return Err(Failure::usage(format!(
            "{} peers need more than the {limit} descriptors allowed (ulimit -Hn)",
            args.peers
        )));
    }
    let findings = measure(args)?;
    if args.json {
        return print_json(&findings);
    }
    let kib = |bytes: u64| bytes as f64 / 1024.0;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} idle {} connections, {}", findings.peers, findings.transport.name(), findings.driver)?;
    for (name, each, all) in [
        ("one ROUTER with all of them", findings.router_bytes_per_connection, findings.router_resident_bytes),
        ("a DEALER for each of them", findings.dealer_bytes_per_connection, findings.dealer_resident_bytes),
    ] {
        writeln!(out, "{name:<28} {:>7.2} KiB resident each   {:>9.1} MiB the process", kib(each), kib(all) / 1024.0)?;
    }
    Ok(())
}

fn measure(args: &IdleArgs) -> Result<Findings, Failure> {
    let context = Context::new();
    let router = context.router().linger(Duration::ZERO).backlog(4096).half_open_max(args.peers as usize).build()?;
    let endpoint = router.blocking().bind(args.transport.anywhere())?.to_string();
    let before = resident()?;
    let partner = Partner::start(&PartnerArgs {
        part: Part::Idle,
        connect: endpoint,
        size: 0,
        count: None,
        peers: args.peers as usize,
        hwm: 1000,
        placement: Placement::Shared,
    })?;
    if !router.blocking().wait_for_peers_timeout(args.peers as usize, CONNECT_TIME_MAX) {
        return Err(Failure::TimedOut(format!("{} of {} peers came", router.peers(), args.peers)));
    }
    let other: PartnerReport = partner.report()?;
    let after = resident()?;
    let each = |before: u64, after: u64| after.saturating_sub(before) / u64::from(args.peers);
    Ok(Findings {
        bench: "idle",
        transport: args.transport,
        driver: context.driver()?.to_string(),
        peers: args.peers,
        router_bytes_per_connection: each(before, after),
        router_resident_bytes: after,
        dealer_bytes_per_connection: each(other.resident_bytes_before, other.resident_bytes_after),
        dealer_resident_bytes: other.resident_bytes_after,
    })
}

fn resident() -> Result<u64, Failure> {
    resident_bytes().ok_or_else(|| Failure::other("this system does not tell how much memory a process uses"))
}
