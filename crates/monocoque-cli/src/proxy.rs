//! `proxy`: a broker between two sockets, until it is interrupted.

use std::sync::mpsc;

use monocoque::{Any, Context, Hwm, ProxyEnd, Socket, SocketType, block_on};

use crate::events;
use crate::exit::{EXIT_CODES, Failure};
use crate::interrupt;

const HELP: &str = "\
Examples:
  monocoque proxy --frontend xsub@tcp://*:5559 --backend xpub@tcp://*:5560       publishers in, subscribers out
  monocoque proxy --frontend router@tcp://*:5559 --backend dealer@tcp://*:5560   requests to a pool of REP workers
  monocoque proxy --frontend pull@tcp://*:5557 --backend push@connect:tcp://next:5557
  monocoque proxy --frontend xsub@tcp://*:5559 --backend xpub@tcp://*:5560 --capture tcp://127.0.0.1:5561

A side is TYPE@ENDPOINT and is bound; TYPE@connect:ENDPOINT connects. A side that is given more than once is
one socket with many endpoints. The capture publishes a copy of every message (PUB, or TYPE@ENDPOINT).";

/// Options of `proxy`.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{HELP}\n\n{EXIT_CODES}"))]
pub struct ProxyArgs {
    /// One side; may be given many times.
    #[arg(short, long, required = true, value_name = "TYPE@ENDPOINT")]
    frontend: Vec<String>,
    /// The other side; may be given many times.
    #[arg(short, long, required = true, value_name = "TYPE@ENDPOINT")]
    backend: Vec<String>,
    /// Where copies of all messages go.
    #[arg(short, long, value_name = "[TYPE@]ENDPOINT")]
    capture: Option<String>,
    /// High-water mark of each peer and direction, in messages; 0 for none.
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    hwm: u32,
    /// Tell on stderr what happens to connections.
    #[arg(short, long)]
    verbose: bool,
}

/// Forwards until interrupted.
pub fn run(args: ProxyArgs) -> Result<(), Failure> {
    let sides = [("frontend", Side::parse_all(&args.frontend)?), ("backend", Side::parse_all(&args.backend)?)];
    check(sides[0].1.kind, sides[1].1.kind)?;
    let capture = args.capture.as_deref().map(Side::parse_capture).transpose()?;
    let (ended, ends) = mpsc::channel();
    let on_interrupt = ended.clone();
    interrupt::on_first(move || drop(on_interrupt.send(None)));
    let context = Context::new();
    let [frontend, backend] = sides.map(|(name, side)| side.open(name, &context, &args));
    let (frontend, backend) = (frontend?, backend?);
    let capture = capture.map(|side| side.open("capture", &context, &args)).transpose()?;
    let sockets: Vec<_> = [frontend.clone(), backend.clone()].into_iter().chain(capture.clone()).collect();
    std::thread::spawn(move || {
        let end = block_on(monocoque::proxy(&frontend, &backend, capture.as_ref()));
        // Nobody waits for it after an interrupt.
        let _ = ended.send(Some(end));
    });
    let end = ends.recv().map_err(|_| Failure::other("the proxy's thread ended early"))?;
    let undelivered: usize = sockets.into_iter().map(|socket| block_on(socket.close()).undelivered).sum();
    match end {
        Some(ProxyEnd::Send(error)) => Err(Failure::other(format!("cannot forward: {error}"))),
        _ if undelivered > 0 => Err(Failure::Undelivered(format!("{undelivered} messages were left undelivered"))),
        _ => Ok(()),
    }
}

/// Refuses pairs of which no message could come out.
fn check(frontend: SocketType, backend: SocketType) -> Result<(), Failure> {
    let goes = |from: SocketType, to: SocketType| from.receives() && to.sends();
    match goes(frontend, backend) || goes(backend, frontend) {
        true => Ok(()),
        false => Err(Failure::usage(format!("nothing can be forwarded between {frontend} and {backend}"))),
    }
}

/// One side of a proxy, as it was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Side {
    kind: SocketType,
    ends: Vec<End>,
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    Bind(String),
    Connect(String),
}

impl Side {
    fn parse_all(texts: &[String]) -> Result<Self, Failure> {
        let mut sides = texts.iter().map(|text| Self::parse(text)).collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut side = sides.next().ok_or_else(|| Failure::usage("a proxy needs two sides"))?;
        for more in sides {
            if more.kind != side.kind {
                let both = format!("one side is one socket: it cannot be {} and {}", side.kind, more.kind);
                return Err(Failure::usage(both));
            }
            side.ends.extend(more.ends);
        }
        Ok(side)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let example = "such as xsub@tcp://*:5559";
        let (kind, end) = text
            .split_once('@')
            .filter(|(kind, _)| !kind.contains(':'))
            .ok_or_else(|| Failure::usage(format!("'{text}' is not TYPE@ENDPOINT, {example}")))?;
        let kind = kind.parse::<SocketType>().map_err(|error| Failure::usage(format!("'{text}': {error}")))?;
        let end = match end.strip_prefix("connect:") {
            Some(end) => End::Connect(end.to_owned()),
            None => End::Bind(end.to_owned()),
        };
        Ok(Self { kind, ends: vec![end] })
    }

    /// As [`parse`](Self::parse), a PUB unless it says something else.
    fn parse_capture(text: &str) -> Result<Self, Failure> {
        let side = if text.split_once('@').is_some_and(|(kind, _)| !kind.contains(':')) {
            Self::parse(text)?
        } else {
            Self { kind: SocketType::Pub, ends: vec![End::Bind(text.to_owned())] }
        };
        match side.kind.sends() {
            true => Ok(side),
            false => Err(Failure::usage(format!("a {} socket sends nothing and cannot capture", side.kind))),
        }
    }

    fn open(self, name: &str, context: &Context, args: &ProxyArgs) -> Result<Socket<Any>, Failure> {
        let socket = context.socket(self.kind).hwm(Hwm::messages(args.hwm)).build()?;
        if args.verbose {
            events::print(socket.monitor());
        }
        if self.kind == SocketType::Sub {
            socket.subscribe("");
        }
        for end in self.ends {
            match end {
                End::Bind(endpoint) => {
                    let real = block_on(socket.bind(endpoint))?;
                    eprintln!("monocoque: {name} {} bound {real}", self.kind);
                }
                End::Connect(endpoint) => {
                    socket.connect(&endpoint)?;
                    eprintln!("monocoque: {name} {} connects to {endpoint}", self.kind);
                }
            }
        }
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(texts: &[&str]) -> Result<Side, Failure> {
        Side::parse_all(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_side_is_one_socket_with_many_ends() {
        let side = parse(&["xsub@tcp://*:5559", "XSUB@connect:ipc://@far"]).expect("sound");
        let ends = vec![End::Bind("tcp://*:5559".into()), End::Connect("ipc://@far".into())];
        assert_eq!(side, Side { kind: SocketType::XSub, ends });
    }

    #[test]
    fn what_is_no_side_is_refused() {
        for texts in [&["tcp://*:1"][..], &["ipc://@x"], &["stream@tcp://*:1"], &["pull@ipc://a", "push@ipc://b"]] {
            assert!(matches!(parse(texts), Err(Failure::Usage(_))), "{texts:?}");
        }
        assert!(check(SocketType::Pull, SocketType::Sub).is_err());
        assert!(check(SocketType::Push, SocketType::Pull).is_ok());
    }

    #[test]
    fn a_capture_publishes_unless_told_otherwise() {
        assert_eq!(Side::parse_capture("ipc://@tap").expect("sound").kind, SocketType::Pub);
        assert_eq!(Side::parse_capture("push@ipc://@tap").expect("sound").kind, SocketType::Push);
        assert!(Side::parse_capture("pull@ipc://tap").is_err());
    }
}
