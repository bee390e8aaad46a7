//! The command line that every program has.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// One side of a scenario, or both for inproc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Connects and sends; with `--peers`, that many sockets do.
    Push,
    /// Binds and receives; with `--peers`, counts each sender apart.
    Pull,
    /// Connects; one request at a time.
    Req,
    /// Binds and answers.
    Rep,
    /// Connects; `--in-flight` requests at a time.
    Dealer,
    /// Binds and answers.
    Router,
    /// Binds; a message each millisecond until it is told to go, then all it can.
    Pub,
    /// Connects and receives, `--peers` sockets.
    Sub,
    /// To a router: connects, sends one message, awaits the answer, closes; again and again.
    Churn,
    /// Push and pull in one process, each in a thread.
    PushPull,
    /// Req and rep in one process, each in a thread.
    ReqRep,
}

/// What one program is to do.
#[derive(Debug, Clone, Parser)]
#[command(about = "One side of one scenario of the comparison")]
pub struct Order {
    /// Print the modes of this program as JSON and do nothing else.
    #[arg(long)]
    pub describe: bool,
    /// Which side of which scenario.
    #[arg(long, required_unless_present = "describe")]
    role: Option<Role>,
    /// Where the two sides meet: tcp://, ipc:// or inproc://.
    #[arg(long, default_value = "tcp://127.0.0.1:5555")]
    pub endpoint: String,
    /// How to use the library; the first of --describe by default.
    #[arg(long)]
    pub mode: Option<String>,
    /// Bytes in a message.
    #[arg(long, default_value_t = 64)]
    pub size: usize,
    /// Messages to measure, after the warm-up; without it the measurement takes --seconds.
    #[arg(long)]
    pub count: Option<u64>,
    /// Messages before those that count.
    #[arg(long, default_value_t = 1000)]
    pub warm_up_count: u64,
    /// How long to measure, after the warm-up.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// How long to warm up before.
    #[arg(long, default_value_t = 0.2)]
    warm_up_seconds: f64,
    /// Sockets that connect, all in one process.
    #[arg(long, default_value_t = 1)]
    pub peers: usize,
    /// Requests that a dealer has under way at a time.
    #[arg(long, default_value_t = 100)]
    pub in_flight: usize,
    /// A publisher waits for its subscribers instead of dropping.
    #[arg(long)]
    pub no_drop: bool,
    /// Connections are encrypted (CURVE), with the keys of [`Keys`](crate::Keys): who binds is the server.
    #[arg(long)]
    pub curve: bool,
    /// The only core that this process may use.
    #[arg(long)]
    pub core: Option<usize>,
    /// Makes the program that many times slower; for testing the harness.
    #[arg(long, hide = true, default_value_t = 1.0)]
    pub slow_down: f64,
}

/// How much is to be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// So many messages after so many.
    Count {
        /// Before those that count.
        warm_up: u64,
        /// Those that count.
        messages: u64,
    },
    /// So long after so long.
    Time {
        /// Before the messages that count.
        warm_up: Duration,
        /// While they count.
        length: Duration,
    },
}

impl Order {
    /// Which side of which scenario.
    ///
    /// # Panics
    /// If the program is only to describe itself.
    pub fn role(&self) -> Role {
        self.role.expect("clap requires a role, except to describe")
    }

    /// The same order for another role: a thread of a program that plays two.
    pub fn playing(&self, role: Role) -> Self {
        Self { role: Some(role), ..self.clone() }
    }

    /// How much is to be measured.
    pub fn amount(&self) -> Amount {
        match self.count {
            Some(messages) => Amount::Count { warm_up: self.warm_up_count, messages },
            None => self.time(),
        }
    }

    /// How long is to be measured, where several sockets share a window.
    pub fn time(&self) -> Amount {
        Amount::Time {
            warm_up: Duration::from_secs_f64(self.warm_up_seconds),
            length: Duration::from_secs_f64(self.seconds),
        }
    }

    /// Messages that are sent between two looks at the count: as many as fill about one 64 KiB write, at most 64.
    pub fn burst(&self) -> usize {
        (65536 / self.size.max(1)).clamp(1, 64)
    }
}
