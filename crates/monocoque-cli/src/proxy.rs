//! `proxy`: a broker between two sockets, until it is interrupted or told to end.

use std::sync::mpsc;

use monocoque::{Any, Context, Hwm, Proxy, Socket, SocketType, Steering, block_on};

use crate::events;
use crate::exit::{EXIT_CODES, Failure, note};
use crate::interrupt;

const HELP: &str = "\
Examples:
  monocoque proxy --frontend xsub@tcp://*:5559 --backend xpub@tcp://*:5560       publishers in, subscribers out
  monocoque proxy --frontend router@tcp://*:5559 --backend dealer@tcp://*:5560   requests to a pool of REP workers
  monocoque proxy --frontend pull@tcp://*:5557 --backend push@connect:tcp://next:5557
  monocoque proxy --frontend xsub@tcp://*:5559 --backend xpub@tcp://*:5560 --capture tcp://127.0.0.1:5561
  monocoque proxy --frontend xsub@tcp://*:5559 --backend xpub@tcp://*:5560 --control tcp://127.0.0.1:5562
  monocoque req tcp://127.0.0.1:5562 -m PAUSE

A side is TYPE@ENDPOINT and is bound; TYPE@connect:ENDPOINT connects. A side that is given more than once is
one socket with many endpoints. The capture publishes a copy of every message (PUB, or TYPE@ENDPOINT). The control
takes PAUSE, RESUME, TERMINATE and STATISTICS (REP, or TYPE@ENDPOINT).";

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
    /// Where commands come from.
    #[arg(long, value_name = "[TYPE@]ENDPOINT")]
    control: Option<String>,
    /// High-water mark of each peer and direction, in messages; 0 for none.
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    hwm: u32,
    /// Tell on stderr what happens to connections, and at the end what was forwarded; twice (-vv): as a log, with times,
    /// levels and which connection.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// Forwards until interrupted or told to end.
pub fn run(args: ProxyArgs) -> Result<(), Failure> {
    let sides = [("frontend", Side::parse_all(&args.frontend)?), ("backend", Side::parse_all(&args.backend)?)];
    check(sides[0].1.kind, sides[1].1.kind)?;
    let capture = args.capture.as_deref().map(Side::parse_capture).transpose()?;
    let control = args.control.as_deref().map(Side::parse_control).transpose()?;
    let (tell, interrupted) = mpsc::channel();
    interrupt::on_first(move || {
        // Nobody listens any more when the proxy has failed to start.
        let _ = tell.send(());
    });
    let context = Context::new();
    let open = |name: &str, side: Option<Side>| side.map(|side| side.open(name, &context, &args)).transpose();
    // Subscriptions come from an XPUB; before any other all is wanted.
    let wants_all = [sides[1].1.kind, sides[0].1.kind].map(|other| other != SocketType::XPub);
    let [frontend, backend] = sides.map(|(name, side)| side.open(name, &context, &args));
    let (frontend, backend) = (frontend?, backend?);
    for (socket, wants_all) in [&frontend, &backend].into_iter().zip(wants_all) {
        if socket.socket_type() == SocketType::XSub && wants_all {
            socket.subscribe("");
        }
    }
    let (capture, control) = (open("capture", capture)?, open("control", control)?);
    let mut proxy = Proxy::new(&frontend, &backend);
    if let Some(capture) = &capture {
        proxy = proxy.capture(capture);
    }
    if let Some(control) = &control {
        proxy = proxy.control(control);
    }
    let steering = proxy.steering();
    end_on(interrupted, steering.clone());
    let end = proxy.run_blocking();
    let sockets = [Some(frontend), Some(backend), capture, control].into_iter().flatten();
    let undelivered: usize = sockets.map(|socket| block_on(socket.close()).undelivered).sum();
    let undelivered = undelivered + proxy.held();
    if args.verbose > 0 {
        note!("monocoque: {}", steering.statistics());
    }
    end.map_err(|error| Failure::other(error.to_string()))?;
    match undelivered {
        0 => Ok(()),
        _ => Err(Failure::Undelivered(format!("{undelivered} messages were left undelivered"))),
    }
}

/// Ends the proxy when the interrupt has come, which may be before there is one.
fn end_on(interrupted: mpsc::Receiver<()>, steering: Steering) {
    std::thread::spawn(move || {
        if interrupted.recv().is_ok() {
            steering.terminate();
        }
    });
}

/// Refuses pairs of which no message could come out.
fn check(frontend: SocketType, backend: SocketType) -> Result<(), Failure> {
    if [frontend, backend].contains(&SocketType::Dish) {
        return Err(Failure::usage("a DISH receives of the groups that it joins, and a proxy joins none"));
    }
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

    /// As [`parse`](Self::parse), bound and of type `usual` unless it says something else.
    fn parse_as(usual: SocketType, text: &str) -> Result<Self, Failure> {
        match text.split_once('@').is_some_and(|(kind, _)| !kind.contains(':')) {
            true => Self::parse(text),
            false => Ok(Self { kind: usual, ends: vec![End::Bind(text.to_owned())] }),
        }
    }

    fn parse_capture(text: &str) -> Result<Self, Failure> {
        let side = Self::parse_as(SocketType::Pub, text)?;
        match side.kind.sends() && !matches!(side.kind, SocketType::Req | SocketType::Rep) {
            true => Ok(side),
            false => Err(Failure::usage(format!("a {} socket cannot capture", side.kind))),
        }
    }

    fn parse_control(text: &str) -> Result<Self, Failure> {
        let side = Self::parse_as(SocketType::Rep, text)?;
        match side.kind.receives() && side.kind != SocketType::Req {
            true => Ok(side),
            false => Err(Failure::usage(format!("a {} socket cannot control a proxy", side.kind))),
        }
    }

    fn open(self, name: &str, context: &Context, args: &ProxyArgs) -> Result<Socket<Any>, Failure> {
        let socket = context.socket(self.kind).hwm(Hwm::messages(args.hwm)).build()?;
        events::tell(&socket, args.verbose);
        if self.kind == SocketType::Sub {
            socket.subscribe("");
        }
        for end in self.ends {
            match end {
                End::Bind(endpoint) => {
                    let real = block_on(socket.bind(endpoint))?;
                    note!("monocoque: {name} {} bound {real}", self.kind);
                }
                End::Connect(endpoint) => {
                    socket.connect(&endpoint)?;
                    note!("monocoque: {name} {} connects to {endpoint}", self.kind);
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
        for texts in [&["tcp://*:1"][..], &["ipc://@x"], &["socket@tcp://*:1"], &["pull@ipc://a", "push@ipc://b"]] {
            assert!(matches!(parse(texts), Err(Failure::Usage(_))), "{texts:?}");
        }
        assert!(check(SocketType::Pull, SocketType::Sub).is_err());
        assert!(check(SocketType::Push, SocketType::Pull).is_ok());
    }

    #[test]
    fn a_capture_publishes_unless_told_otherwise() {
        assert_eq!(Side::parse_capture("ipc://@tap").expect("sound").kind, SocketType::Pub);
        assert_eq!(Side::parse_capture("push@ipc://@tap").expect("sound").kind, SocketType::Push);
        for text in ["pull@ipc://tap", "req@ipc://tap"] {
            assert!(Side::parse_capture(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_control_answers_unless_told_otherwise() {
        assert_eq!(Side::parse_control("ipc://@helm").expect("sound").kind, SocketType::Rep);
        assert_eq!(Side::parse_control("pair@ipc://@helm").expect("sound").kind, SocketType::Pair);
        for text in ["pub@ipc://helm", "req@ipc://helm"] {
            assert!(Side::parse_control(text).is_err(), "{text}");
        }
    }
}
