//! `probe`: one handshake with whatever listens at an endpoint, and what it says about it.
//!
//! We introduce ourselves as a DEALER; a peer that a DEALER does not talk to has named its type by then, and
//! is called again as a type that suits it. Everything is learnt from the library's monitor events.

mod verdict;

use std::io::Write;
use std::time::{Duration, Instant};

use monocoque::{Context, Endpoint, Event, PeerIncompatible, SessionError, SocketType, block_on_timeout};
use serde::Serialize;

use crate::args::parse_ms;
use crate::exit::{EXIT_CODES, Failure};
use verdict::{Found, Verdict};

const HELP: &str = "\
Examples:
  monocoque probe tcp://127.0.0.1:5555
  monocoque probe ipc:///run/app.sock --timeout 500 --json

The exit code is 0 if a handshake succeeded, 2 if nobody listens or it is not ZeroMQ that we can talk to, and
3 if the other side kept silent.";

/// Options of `probe`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{HELP}\n\n{EXIT_CODES}"))]
pub struct ProbeArgs {
    /// Who to call.
    #[arg(value_name = "ENDPOINT")]
    endpoint: String,
    /// How long connecting and the handshake may each take.
    #[arg(long, value_name = "MS", default_value = "3000", value_parser = parse_ms)]
    timeout: Duration,
    /// Introduce ourselves as this type only.
    #[arg(long, value_name = "TYPE", value_parser = parse_type)]
    r#as: Option<SocketType>,
    /// Print the findings as one JSON object.
    #[arg(long)]
    json: bool,
}

fn parse_type(text: &str) -> Result<SocketType, String> {
    text.parse().map_err(|error: <SocketType as std::str::FromStr>::Err| error.to_string())
}

/// What one call found out.
struct Call {
    found: Found,
    /// From the link being up to the end of the handshake, either way.
    handshake: Option<Duration>,
}

/// What a probe found out, as it is printed.
#[derive(Debug, Serialize)]
struct Findings {
    endpoint: String,
    reached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mechanism: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probed_as: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handshake_us: Option<f64>,
    verdict: String,
}

/// Calls, and prints what was found.
///
/// # Errors
/// [`Failure::Endpoint`] and [`Failure::TimedOut`] when there was no handshake.
pub fn run(args: ProbeArgs) -> Result<(), Failure> {
    check(&args.endpoint)?;
    let mut ours = args.r#as.unwrap_or(SocketType::Dealer);
    let mut call = place_call(&args, ours)?;
    if let Found::WrongType(theirs) = call.found
        && args.r#as.is_none()
    {
        ours = theirs.peers()[0];
        call = place_call(&args, ours)?;
    }
    let verdict = Verdict::of(&call.found, ours);
    print(&args, &findings(&args, ours, &call, &verdict))?;
    verdict.result()
}

fn check(endpoint: &str) -> Result<(), Failure> {
    let parsed: Endpoint =
        endpoint.parse().map_err(|error: monocoque::EndpointError| Failure::usage(error.to_string()))?;
    if matches!(parsed, Endpoint::Inproc(_)) {
        return Err(Failure::usage(
            "inproc:// names exist within one program only; probe tcp://, ipc://, ws:// and wss:// endpoints",
        ));
    }
    parsed.check_connect().map_err(|error| Failure::usage(error.to_string()))
}

/// One attempt to connect and shake hands as `ours`.
fn place_call(args: &ProbeArgs, ours: SocketType) -> Result<Call, Failure> {
    let context = Context::new();
    let builder = context.socket(ours).no_reconnect().linger(Duration::ZERO);
    let socket = builder.connect_timeout(args.timeout).handshake_timeout(Some(args.timeout)).build()?;
    let monitor = socket.monitor();
    socket.connect(&args.endpoint)?;
    let mut connected = None;
    // Both limits are the library's to keep; ours is for the case that it does not.
    let limit = args.timeout * 3;
    loop {
        let event = block_on_timeout(monitor.recv(), limit).flatten();
        let handshake = connected.map(|at: Instant| at.elapsed());
        let found = match event {
            Some(Event::Connected(_)) => {
                connected = Some(Instant::now());
                continue;
            }
            Some(Event::HandshakeSucceeded(facts)) => Found::Peer(Box::new(facts)),
            Some(Event::HandshakeFailed { reason, .. }) => Found::from(reason),
            Some(Event::ConnectGivenUp { reason, kind, .. }) => Found::Unreached(reason.unwrap_or_default(), kind),
            Some(_) => continue,
            None => Found::Silent,
        };
        return Ok(Call { found, handshake });
    }
}

fn findings(args: &ProbeArgs, ours: SocketType, call: &Call, verdict: &Verdict) -> Findings {
    let peer = match &call.found {
        Found::Peer(facts) => Some(facts),
        _ => None,
    };
    Findings {
        endpoint: args.endpoint.clone(),
        reached: call.handshake.is_some(),
        address: peer.map(|facts| facts.remote.to_string()),
        socket_type: verdict.socket_type.clone(),
        identity: peer.and_then(|facts| facts.identity.as_ref()).map(ToString::to_string),
        version: verdict.version.clone(),
        mechanism: verdict.mechanism.clone(),
        probed_as: call.handshake.map(|_| ours.to_string()),
        handshake_us: call.handshake.map(|time| time.as_nanos() as f64 / 1e3),
        verdict: verdict.text.clone(),
    }
}

fn print(args: &ProbeArgs, findings: &Findings) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if args.json {
        let json = serde_json::to_string(findings).map_err(|error| Failure::other(error.to_string()))?;
        writeln!(out, "{json}")?;
        return Ok(());
    }
    let handshake = findings.handshake_us.map(|us| format!("{us:.0} µs from connected to done"));
    let rows = [
        ("endpoint", Some(&findings.endpoint)),
        ("address", findings.address.as_ref().filter(|address| **address != findings.endpoint)),
        ("ZMTP version", findings.version.as_ref()),
        ("mechanism", findings.mechanism.as_ref()),
        ("socket type", findings.socket_type.as_ref()),
        ("identity", findings.identity.as_ref()),
        ("probed as", findings.probed_as.as_ref()),
        ("handshake", handshake.as_ref()),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            writeln!(out, "{name:<14}{value}")?;
        }
    }
    writeln!(out, "\n{}", findings.verdict)?;
    Ok(())
}

impl From<monocoque::DisconnectReason> for Found {
    fn from(reason: monocoque::DisconnectReason) -> Self {
        use monocoque::DisconnectReason::{Network, PeerClosed, Protocol};
        match reason {
            Protocol(SessionError::PeerIncompatible(PeerIncompatible::SocketType { theirs, .. })) => {
                Self::WrongType(theirs)
            }
            Protocol(SessionError::HandshakeTimeout { .. }) => Self::Silent,
            Protocol(error) => Self::Refused(error),
            PeerClosed { .. } => Self::HungUp("it closed the connection".into()),
            Network(error) => Self::HungUp(error),
            other => Self::HungUp(other.to_string()),
        }
    }
}
