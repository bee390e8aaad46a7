//! The command line: commands, their options and what their help says.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use monocoque::{Context, ContextOption, OptionValue, PublicKey, SocketOption, SocketType};

use crate::bench::BenchArgs;
use crate::curve::CurveCommand;
use crate::demo::DemoArgs;
use crate::exit::{EXIT_CODES, Failure};
use crate::format::{Format, parse_delimiter};
use crate::probe::ProbeArgs;
use crate::proxy::ProxyArgs;

const START: &str = "\
Start here:
  monocoque demo                                       real sockets, measured on this machine
  monocoque pull @tcp://127.0.0.1:5555                 one terminal
  echo hello | monocoque push tcp://127.0.0.1:5555     another one
  monocoque probe tcp://127.0.0.1:5555                 what is listening there?";

const ENDPOINTS: &str = "\
Endpoints:
  tcp://host:port, tcp://*:port, tcp://*:* (any free port), ipc://path, ipc://@abstract-name;
  udp://host:port for radio (to connect), dish and dgram (to bind)
  A plain ENDPOINT is connected to, one after an @ is bound; --connect and --bind say the same.
  Each may be given many times: a socket has any number of endpoints.

Lines:
  One message a line. A tab parts the frames of a message; another --delimiter may, and an empty one
  (--delimiter '') makes every line one frame. --format jsonl keeps any bytes apart, line ends too.";

/// A ZeroMQ-compatible messaging kernel: sockets, broker, probe and measurements on the command line.
#[derive(Debug, Parser)]
#[command(name = "monocoque", version, after_help = format!("{START}\n\n{EXIT_CODES}"), max_term_width = 110)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

/// What follows the examples of a socket command.
macro_rules! socket_help {
    ($examples:literal) => {
        format!("Examples:\n{}\n\n{ENDPOINTS}\n\n{EXIT_CODES}", $examples)
    };
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Publish lines to all subscribers.
    #[command(after_help = socket_help!("  date | monocoque pub @tcp://*:5556
  monocoque pub @tcp://*:5556 -m tick --interval 1000 --count 60
  printf 'weather\\tsunny\\n' | monocoque pub tcp://broker:5559"))]
    Pub(PubCommand),
    /// Print what is published.
    #[command(after_help = socket_help!("  monocoque sub tcp://127.0.0.1:5556
  monocoque sub tcp://127.0.0.1:5556 -t weather -t sport --format jsonl
  monocoque sub @ipc:///tmp/feed --count 10 --timeout 5000"))]
    Sub(SubCommand),
    /// Deal lines out to pullers, in turn.
    #[command(after_help = socket_help!("  seq 1000 | monocoque push tcp://127.0.0.1:5555
  monocoque push @tcp://*:5555 --wait-peers 3 < jobs.txt"))]
    Push(PushCommand),
    /// Print what is pushed.
    #[command(after_help = socket_help!("  monocoque pull @tcp://*:5555
  monocoque pull @ipc:///tmp/jobs --count 100 --format hex"))]
    Pull(PullCommand),
    /// Ask a line, print the answer, ask the next.
    #[command(after_help = socket_help!("  echo hello | monocoque req tcp://127.0.0.1:5557
  monocoque req tcp://127.0.0.1:5557 -m ping --count 5 --interval 200 --timeout 1000"))]
    Req(ReqCommand),
    /// Answer requests: with a fixed text, the request itself, or lines of the input.
    #[command(after_help = socket_help!("  monocoque rep @tcp://*:5557 --echo
  monocoque rep @tcp://*:5557 --reply OK
  monocoque rep @tcp://*:5557 < answers.txt"))]
    Rep(RepCommand),
    /// Send lines in turn to all peers and print what they send.
    #[command(after_help = socket_help!("  printf '\\thello\\n' | monocoque dealer tcp://127.0.0.1:5557 --count 1   # a REP wants an empty frame first
  monocoque dealer @tcp://*:5558 --echo"))]
    Dealer(DealerCommand),
    /// Send lines to peers by routing id, the first frame, and print what they send likewise.
    #[command(after_help = socket_help!("  monocoque router @tcp://*:5558
  monocoque router @tcp://*:5558 --echo
  printf 'worker-1\\tgo\\n' | monocoque router @tcp://*:5558 --count 0

A routing id that was made up for a nameless peer is printed as 0x and ten digits, and taken back as such."))]
    Router(RouterCommand),
    /// Talk with exactly one peer.
    #[command(after_help = socket_help!("  monocoque pair @tcp://*:5560
  monocoque pair tcp://127.0.0.1:5560"))]
    Pair(PairCommand),
    /// Publish lines, and print the subscriptions that come in (byte 1 or 0, then the topic).
    #[command(name = "xpub", after_help = socket_help!("  monocoque xpub @tcp://*:5556 --format jsonl"))]
    XPub(XPubCommand),
    /// Print what is published; lines go upstream to the publishers.
    #[command(name = "xsub", after_help = socket_help!("  monocoque xsub tcp://127.0.0.1:5556 -t weather
  echo 01 | monocoque xsub tcp://127.0.0.1:5556 --format hex   # byte 1: subscribe, to everything"))]
    XSub(XSubCommand),
    /// Talk with programs that know nothing of ZeroMQ: raw TCP. Lines go to connections by routing id, the first frame;
    /// an empty one after the id ends that connection.
    #[command(after_help = socket_help!("  monocoque stream @tcp://*:8080 --echo
  monocoque stream @tcp://*:8080 -o stream_notify=off --format jsonl"))]
    Stream(StreamCommand),
    /// Send and receive UDP datagrams: the address, the first frame, and the datagram.
    #[command(after_help = socket_help!("  monocoque dgram @udp://*:5566
  printf '127.0.0.1:5566\thello\n' | monocoque dgram @udp://*:5567 --count 0"))]
    Dgram(DgramCommand),
    /// Send lines in turn to all servers and print what they send.
    #[command(after_help = socket_help!("  echo hello | monocoque client tcp://127.0.0.1:5561 --count 1"))]
    Client(ClientCommand),
    /// Send lines to clients by routing id, the first frame, and print what they send likewise.
    #[command(after_help = socket_help!("  monocoque server @tcp://*:5561 --echo"))]
    Server(ServerCommand),
    /// Send lines to the members of a group.
    #[command(after_help = socket_help!("  date | monocoque radio @tcp://*:5562 --group clock
  printf 'clock\tnoon\n' | monocoque radio @tcp://*:5562      # the group is the first frame"))]
    Radio(RadioCommand),
    /// Print what is sent to groups: the group, then the message.
    #[command(after_help = socket_help!("  monocoque dish tcp://127.0.0.1:5562 --group clock --group weather"))]
    Dish(DishCommand),
    /// Deal lines out to gatherers, in turn.
    #[command(after_help = socket_help!("  seq 1000 | monocoque scatter tcp://127.0.0.1:5563"))]
    Scatter(ScatterCommand),
    /// Print what is scattered.
    #[command(after_help = socket_help!("  monocoque gather @tcp://*:5563"))]
    Gather(GatherCommand),
    /// Send lines to other peers by routing id, the first frame, and print what they send likewise.
    #[command(after_help = socket_help!("  monocoque peer @tcp://*:5564 --echo"))]
    Peer(PeerCommand),
    /// Talk with exactly one peer, a frame at a time.
    #[command(after_help = socket_help!("  monocoque channel @tcp://*:5565
  monocoque channel tcp://127.0.0.1:5565"))]
    Channel(ChannelCommand),
    /// Forward between two sockets: a broker.
    Proxy(ProxyArgs),
    /// Shake hands with whatever listens at an endpoint and say what it is.
    Probe(ProbeArgs),
    /// Measure throughput, round trips or the memory of idle connections.
    #[command(subcommand)]
    Bench(BenchArgs),
    /// Say what this machine allows, and how to get more out of it.
    #[command(after_help = format!("Examples:\n  monocoque doctor\n  MONOCOQUE_DRIVER=poll monocoque doctor\n\n{EXIT_CODES}"))]
    Doctor,
    /// Run every pattern over every transport for a moment and print what this machine can do.
    Demo(DemoArgs),
    /// List the socket options: what each takes and does, and when.
    #[command(after_help = format!("Examples:\n  monocoque options\n  monocoque options reconnect\n  monocoque sub tcp://127.0.0.1:5556 -o RCVHWM=10 -o heartbeat_ivl=500\n\n{EXIT_CODES}"))]
    Options {
        /// Only those that have this in their name.
        name: Option<String>,
    },
    /// Make and look at the keys of CURVE.
    #[command(subcommand)]
    Curve(CurveCommand),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Where a socket binds and connects.
#[derive(Debug, Clone, Default, Args)]
pub struct Ends {
    /// Connect here; with an @ in front, bind.
    #[arg(value_name = "ENDPOINT")]
    pub endpoints: Vec<String>,
    /// Bind this endpoint.
    #[arg(short, long, value_name = "ENDPOINT")]
    pub bind: Vec<String>,
    /// Connect to this endpoint.
    #[arg(short, long, value_name = "ENDPOINT")]
    pub connect: Vec<String>,
}

/// Options of every socket type.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// How messages are written as lines.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// What parts the frames of a message in text and hex: \t, \n, \0, \\ and \xHH are understood; '' for nothing.
    #[arg(short, long, value_name = "TEXT", default_value = "\\t", value_parser = parse_delimiter_value, allow_hyphen_values = true)]
    pub delimiter: Delimiter,
    /// End after this many messages: received ones, or sent ones with pub, push and xpub. With 0, types that do
    /// both only send.
    #[arg(short = 'n', long, value_name = "N")]
    pub count: Option<u64>,
    /// Give up when a peer, room for a message or the next message takes longer than this.
    #[arg(long, value_name = "MS", value_parser = parse_ms)]
    pub timeout: Option<Duration>,
    /// High-water mark of each peer and direction, in messages; 0 for none.
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    pub hwm: u32,
    /// Set an option of the socket or its context: its name, an equals sign, its value. `monocoque options` lists them.
    #[arg(short, long = "option", value_name = "NAME=VALUE", value_parser = parse_option)]
    pub options: Vec<Setting>,
    #[command(flatten)]
    pub keys: KeyArgs,
    /// At the end, tell on stderr what passed: messages, bytes, system calls, drops, of the socket and each connection.
    #[arg(long)]
    pub stats: bool,
    /// Tell on stderr what happens to connections; twice (-vv): as a log, with times, levels and which connection.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The keys of CURVE. With ours alone the socket is a server, with a server's key its client.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Encryption (CURVE)")]
pub struct KeyArgs {
    /// Our secret certificate, as `monocoque curve keygen` writes it.
    #[arg(long, value_name = "FILE")]
    pub curve_secret: Option<PathBuf>,
    /// The public key of the server, in Z85: talk to it and to nobody else.
    #[arg(long, value_name = "KEY", requires = "curve_secret", allow_hyphen_values = true)]
    pub curve_server_key: Option<PublicKey>,
    /// Let in only clients whose public certificates are in this directory; it is read again when it changes.
    #[arg(long, value_name = "DIR", requires = "curve_secret", conflicts_with = "curve_server_key")]
    pub curve_clients: Option<PathBuf>,
}

/// An option and its value.
#[derive(Debug, Clone, PartialEq)]
pub enum Setting {
    /// Of the socket.
    Socket(SocketOption, OptionValue),
    /// Of its context.
    Context(ContextOption, OptionValue),
}

fn parse_option(text: &str) -> Result<Setting, String> {
    let (name, value) = text.split_once('=').ok_or("an option is NAME=VALUE")?;
    match name.parse::<SocketOption>() {
        Ok(option) => {
            let spec = option.spec().ok_or("no such option")?;
            let value = spec.parse(value).map_err(|error| error.to_string())?;
            Ok(Setting::Socket(option, value))
        }
        Err(unknown) => {
            let option = name.parse::<ContextOption>().map_err(|_| unknown.to_string())?;
            let value = option.spec().parse(value).map_err(|error| error.to_string())?;
            Ok(Setting::Context(option, value))
        }
    }
}

/// The context that `settings` ask for.
///
/// # Errors
/// [`Failure`] if an option does not take its value, or the I/O threads cannot be as they are asked to.
pub fn context(settings: &[Setting]) -> Result<Context, Failure> {
    let mut builder = Context::builder();
    for setting in settings {
        if let Setting::Context(option, value) = setting {
            builder.set_option(*option, value.clone()).map_err(|error| Failure::usage(error.to_string()))?;
        }
    }
    Ok(builder.build()?)
}

/// The bytes between frames.
#[derive(Debug, Clone)]
pub struct Delimiter(pub Vec<u8>);

fn parse_delimiter_value(text: &str) -> Result<Delimiter, String> {
    parse_delimiter(text).map(Delimiter)
}

/// Options of types that send.
#[derive(Debug, Clone, Args)]
pub struct Sending {
    /// Send this instead of lines from the input; may be given many times. With --count, over and over.
    #[arg(short, long, value_name = "LINE", allow_hyphen_values = true)]
    pub message: Vec<String>,
    /// Wait this long between messages.
    #[arg(short, long, value_name = "MS", value_parser = parse_ms, conflicts_with = "rate")]
    pub interval: Option<Duration>,
    /// Send at most this many messages a second.
    #[arg(short, long, value_name = "MSG/S", value_parser = parse_rate)]
    pub rate: Option<f64>,
    /// Peers (subscribers, when publishing) to wait for before the first message.
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    pub wait_peers: usize,
    /// Do not wait for peers.
    #[arg(long, conflicts_with = "wait_peers")]
    pub no_wait: bool,
    /// How long to go on sending at the end; -1 for as long as it takes.
    #[arg(long, value_name = "MS", default_value_t = 10_000, allow_negative_numbers = true)]
    pub linger: i64,
}

/// The name that ROUTER peers see.
#[derive(Debug, Clone, Default, Args)]
pub struct Named {
    /// The name under which ROUTER peers know this socket.
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub identity: Option<String>,
}

/// What is subscribed to.
#[derive(Debug, Clone, Default, Args)]
pub struct Topics {
    /// Subscribe to messages that begin with this; everything by default.
    #[arg(short, long = "topic", value_name = "PREFIX", allow_hyphen_values = true)]
    pub topics: Vec<String>,
}

/// The group that is sent to.
#[derive(Debug, Clone, Default, Args)]
pub struct ToGroup {
    /// Send every line to this group; by default the first frame of each names its own.
    #[arg(short, long, value_name = "NAME", allow_hyphen_values = true)]
    pub group: Option<String>,
}

/// The groups that are joined.
#[derive(Debug, Clone, Default, Args)]
pub struct OfGroups {
    /// Join this group.
    #[arg(short, long = "group", value_name = "NAME", required = true, allow_hyphen_values = true)]
    pub groups: Vec<String>,
}

/// Sending back.
#[derive(Debug, Clone, Default, Args)]
pub struct Echo {
    /// Send every message back to where it came from, and print it.
    #[arg(short, long)]
    pub echo: bool,
}

/// Fixed replies.
#[derive(Debug, Clone, Default, Args)]
pub struct Reply {
    /// Answer every request with this line.
    #[arg(long, value_name = "LINE", conflicts_with = "echo", allow_hyphen_values = true)]
    pub reply: Option<String>,
}

/// Publishing without loss.
#[derive(Debug, Clone, Default, Args)]
pub struct NoDrop {
    /// Wait for a subscriber that is full, instead of dropping its copy.
    #[arg(long)]
    pub no_drop: bool,
}

/// A socket command, whatever its type: what the socket's one body works from.
#[derive(Debug, Clone)]
pub struct Job {
    pub kind: SocketType,
    pub ends: Ends,
    pub common: Common,
    pub sending: Option<Sending>,
    /// Prefixes of a subscriber, groups of a DISH.
    pub topics: Vec<String>,
    /// The group that a RADIO sends to.
    pub group: Option<String>,
    pub identity: Option<String>,
    pub echo: bool,
    pub reply: Option<String>,
    pub no_drop: bool,
}

/// Declares the options of each socket command by the groups they are made of, and turns them into a [`Job`].
macro_rules! socket_commands {
    ($($name:ident: $kind:ident { $($field:ident: $group:ident => |$job:ident| $fill:expr),* $(,)? })*) => {
        $(
            #[derive(Debug, Args)]
            pub struct $name {
                #[command(flatten)]
                ends: Ends,
                $(#[command(flatten)] $field: $group,)*
                #[command(flatten)]
                common: Common,
            }

            impl From<$name> for Job {
                fn from(command: $name) -> Self {
                    let $name { ends, common, $($field),* } = command;
                    #[allow(unused_mut)] // PULL has no options of its own
                    let mut job = Job {
                        kind: SocketType::$kind,
                        ends,
                        common,
                        sending: None,
                        topics: Vec::new(),
                        group: None,
                        identity: None,
                        echo: false,
                        reply: None,
                        no_drop: false,
                    };
                    $({ let $job = &mut job; $fill; })*
                    job
                }
            }
        )*
    };
}

socket_commands! {
    PubCommand: Pub { sending: Sending => |job| job.sending = Some(sending), no_drop: NoDrop => |job| job.no_drop = no_drop.no_drop }
    SubCommand: Sub { topics: Topics => |job| job.topics = topics.topics }
    PushCommand: Push { sending: Sending => |job| job.sending = Some(sending) }
    PullCommand: Pull {}
    ReqCommand: Req { sending: Sending => |job| job.sending = Some(sending), named: Named => |job| job.identity = named.identity }
    RepCommand: Rep { echo: Echo => |job| job.echo = echo.echo, reply: Reply => |job| job.reply = reply.reply }
    DealerCommand: Dealer {
        sending: Sending => |job| job.sending = Some(sending),
        echo: Echo => |job| job.echo = echo.echo,
        named: Named => |job| job.identity = named.identity,
    }
    RouterCommand: Router {
        sending: Sending => |job| job.sending = Some(sending),
        echo: Echo => |job| job.echo = echo.echo,
        named: Named => |job| job.identity = named.identity,
    }
    PairCommand: Pair { sending: Sending => |job| job.sending = Some(sending), echo: Echo => |job| job.echo = echo.echo }
    XPubCommand: XPub { sending: Sending => |job| job.sending = Some(sending), no_drop: NoDrop => |job| job.no_drop = no_drop.no_drop }
    XSubCommand: XSub { sending: Sending => |job| job.sending = Some(sending), topics: Topics => |job| job.topics = topics.topics }
    StreamCommand: Stream { sending: Sending => |job| job.sending = Some(sending), echo: Echo => |job| job.echo = echo.echo }
    DgramCommand: Dgram { sending: Sending => |job| job.sending = Some(sending), echo: Echo => |job| job.echo = echo.echo }
    ClientCommand: Client { sending: Sending => |job| job.sending = Some(sending), echo: Echo => |job| job.echo = echo.echo }
    ServerCommand: Server { sending: Sending => |job| job.sending = Some(sending), echo: Echo => |job| job.echo = echo.echo }
    RadioCommand: Radio {
        sending: Sending => |job| job.sending = Some(sending),
        to: ToGroup => |job| job.group = to.group,
        no_drop: NoDrop => |job| job.no_drop = no_drop.no_drop,
    }
    DishCommand: Dish { of: OfGroups => |job| job.topics = of.groups }
    ScatterCommand: Scatter { sending: Sending => |job| job.sending = Some(sending) }
    GatherCommand: Gather {}
    PeerCommand: Peer { sending: Sending => |job| job.sending = Some(sending), echo: Echo => |job| job.echo = echo.echo }
    ChannelCommand: Channel { sending: Sending => |job| job.sending = Some(sending), echo: Echo => |job| job.echo = echo.echo }
}

/// Milliseconds.
pub fn parse_ms(text: &str) -> Result<Duration, String> {
    text.parse().map(Duration::from_millis).map_err(|_| format!("'{text}' is not a whole number of milliseconds"))
}

/// Seconds, with a fraction if need be.
pub fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|time| !time.is_zero()).ok_or_else(|| format!("'{text}' is not a number of seconds above 0"))
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| format!("'{text}' is not a number of messages above 0"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split_whitespace()).map(|cli| cli.command)
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_examples_and_exit_codes() {
        for command in Cli::command().get_subcommands().filter(|command| command.get_name() != "completions") {
            for command in std::iter::once(command).chain(command.get_subcommands()).filter(|one| !one.is_hide_set()) {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                let is_group = command.has_subcommands();
                assert!(is_group || help.contains("Example"), "{} has no examples", command.get_name());
                assert!(is_group || help.contains("Exit codes"), "{} has no exit codes", command.get_name());
            }
        }
    }

    #[test]
    fn options_are_the_sockets_or_the_contexts() {
        assert_eq!(parse_option("sndhwm=7"), Ok(Setting::Socket(SocketOption::SNDHWM, 7.into())));
        assert_eq!(parse_option("ipv6=1"), Ok(Setting::Socket(SocketOption::IPV6, true.into())));
        let threads = parse_option("io-threads=2").expect("of the context");
        assert_eq!(threads, Setting::Context(ContextOption::IO_THREADS, 2.into()));
        context(&[threads]).expect("two threads");
        for wrong in ["io_threads", "io_threads=many", "no_such=1"] {
            parse_option(wrong).expect_err(wrong);
        }
        let refused = context(&[parse_option("zero_copy_recv=0").expect("a number")]);
        assert!(matches!(refused, Err(Failure::Usage(_))), "{:?}", refused.err());
    }

    #[test]
    fn options_reach_the_job() {
        let line =
            "monocoque pub @tcp://*:1 ipc://x -c ipc://y --rate 2.5 --count 3 --no-drop --delimiter | --timeout 7";
        let Ok(Command::Pub(command)) = parse(line) else { panic!("a sound line") };
        let job = Job::from(command);
        assert_eq!((job.kind, job.no_drop, job.common.count), (SocketType::Pub, true, Some(3)));
        assert_eq!(
            (job.ends.endpoints, job.ends.connect),
            (vec!["@tcp://*:1".into(), "ipc://x".into()], vec!["ipc://y".to_string()])
        );
        assert_eq!((job.common.delimiter.0, job.common.timeout), (b"|".to_vec(), Some(Duration::from_millis(7))));
        assert_eq!(job.sending.map(|sending| (sending.rate, sending.wait_peers)), Some((Some(2.5), 1)));
    }

    /// One key of 85 begins with a hyphen, and so may any text of a user.
    #[test]
    fn values_may_begin_with_a_hyphen() {
        const KEY: &str = "-!ls/6$e54-I]HQ6SmTez:Xio}yF@ioB0&1jt%SU";
        let line =
            format!("monocoque dealer ipc://x --curve-secret f --curve-server-key {KEY} -m -5 -d -- --identity -me");
        let Ok(Command::Dealer(command)) = parse(&line) else { panic!("a sound line") };
        let job = Job::from(command);
        assert_eq!(job.common.keys.curve_server_key.map(|key| key.to_string()).as_deref(), Some(KEY));
        assert_eq!((job.common.delimiter.0.as_slice(), job.identity.as_deref()), (&b"--"[..], Some("-me")));
        assert_eq!(job.sending.map(|sending| sending.message), Some(vec!["-5".to_owned()]));
        for line in ["sub -t -1", "dish -g -1", "radio -g -1", "rep --reply -1"] {
            parse(&format!("monocoque {line} ipc://x")).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "monocoque",
            "monocoque pull --echo ipc://x",
            "monocoque sub --rate 1 ipc://x",
            "monocoque push --rate 0 ipc://x",
            "monocoque push --rate 1 --interval 1 ipc://x",
            "monocoque push --count -1 ipc://x",
            "monocoque rep --echo --reply a ipc://x",
            "monocoque pub --delimiter \\q ipc://x",
            "monocoque bench thr --transport udp",
            "monocoque pull -o RCVHWM ipc://x",
            "monocoque pull -o RCVHWM=many ipc://x",
            "monocoque pull -o NO_SUCH=1 ipc://x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
