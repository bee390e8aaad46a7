//! What is measured: every scenario, its name and its command lines.

use std::fmt;

use bench_common::Group;

/// Less than this tells of many senders what slices of two cores they had in it (docs/benchmarks/limits.md).
const FAN_IN_SECONDS_MIN: f64 = 2.0;

/// How the two sides reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Transport {
    Tcp,
    Ipc,
    Inproc,
}

/// Which cores the two sides may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// All.
    Free,
    /// The first, both.
    Same,
    /// One each.
    Split,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// How libraries are used in it.
    pub group: Group,
    /// What carries it.
    pub transport: Transport,
    /// Bytes in a message.
    pub size: usize,
    /// Sockets that connect.
    pub peers: usize,
    /// Where the processes run.
    pub pin: Pin,
    /// A publisher waits instead of dropping.
    pub no_drop: bool,
    /// Connections are encrypted.
    pub curve: bool,
}

impl Scenario {
    const fn new(group: Group, transport: Transport, size: usize) -> Self {
        Self { group, transport, size, peers: 1, pin: Pin::Free, no_drop: false, curve: false }
    }

    /// The roles of the side that binds and of the side that connects.
    pub fn roles(&self) -> (&'static str, &'static str) {
        match (self.group, self.transport) {
            (Group::Stream, Transport::Inproc) => ("push-pull", "push-pull"),
            (Group::Trip, Transport::Inproc) => ("req-rep", "req-rep"),
            (Group::Stream | Group::FanIn, _) => ("pull", "push"),
            (Group::Trip, _) => ("rep", "req"),
            (Group::Flight, _) => ("router", "dealer"),
            (Group::Publish, _) => ("pub", "sub"),
            (Group::Churn | Group::Idle, _) => ("router", "churn"),
        }
    }

    /// The cores of the side that binds and of the side that connects.
    pub fn cores(&self) -> (Option<usize>, Option<usize>) {
        match self.pin {
            Pin::Free => (None, None),
            Pin::Same => (Some(0), Some(0)),
            Pin::Split => (Some(0), Some(1)),
        }
    }

    fn suffix(&self) -> &'static str {
        if self.curve { "-curve" } else { "" }
    }

    /// Whether the sides agree on a number of messages; else each measures for a time.
    pub fn is_counted(&self) -> bool {
        !matches!(self.group, Group::Publish | Group::FanIn)
    }

    /// How long it takes if `seconds` are asked for. How evenly many senders are served is seen when the system has given
    /// all their threads a share of its cores.
    pub fn seconds(&self, seconds: f64) -> f64 {
        if self.group == Group::FanIn { seconds.max(FAN_IN_SECONDS_MIN) } else { seconds }
    }

    /// What its rate is a rate of.
    pub fn unit(&self) -> &'static str {
        match self.group {
            Group::Trip => "round trips",
            Group::Publish => "delivered messages",
            Group::Churn => "connections",
            _ => "messages",
        }
    }

    /// One line for people.
    pub fn title(&self) -> String {
        let curve = if self.curve { ", encrypted (CURVE)" } else { "" };
        format!("{}{curve}", self.plain_title())
    }

    fn plain_title(&self) -> String {
        let transport = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Ipc => "ipc",
            Transport::Inproc => "inproc",
        };
        let size = bytes(self.size);
        let drops = if self.no_drop { "no drop" } else { "default drop rules" };
        let pin = match self.pin {
            Pin::Free => "no pinning",
            Pin::Same => "both sides on one core",
            Pin::Split => "a core for each side",
        };
        match self.group {
            Group::Stream => format!("{transport} PUSH/PULL, {size}"),
            Group::Trip => format!("{transport} REQ/REP, {size}, {pin}"),
            Group::Flight => format!("{transport} DEALER/ROUTER, {size}, 100 in flight"),
            Group::Publish => format!("{transport} PUB to {} SUB, {size}, {drops}", self.peers),
            Group::FanIn => format!("{transport} {} PUSH into one PULL, {size}", self.peers),
            Group::Idle => format!("{transport} {} idle connections on one ROUTER", self.peers),
            Group::Churn => format!("{transport} connect, handshake, one message there and back, close"),
        }
    }
}

/// The name: what `--only` selects by.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Ipc => "ipc",
            Transport::Inproc => "inproc",
        };
        let Self { size, peers, .. } = self;
        match self.group {
            Group::Stream => write!(f, "{transport}-push-pull-{size}{}", self.suffix()),
            Group::Trip => {
                let pin = match self.pin {
                    Pin::Free => "free",
                    Pin::Same => "same",
                    Pin::Split => "split",
                };
                write!(f, "{transport}-req-rep-{size}-{pin}")
            }
            Group::Flight => write!(f, "{transport}-dealer-router-{size}"),
            Group::Publish => {
                write!(f, "{transport}-pub-{peers}-{size}{}", if self.no_drop { "-nodrop" } else { "" })
            }
            Group::FanIn => write!(f, "{transport}-fan-in-{peers}-{size}"),
            Group::Idle => write!(f, "{transport}-idle-{peers}"),
            Group::Churn => write!(f, "{transport}-churn{}", self.suffix()),
        }
    }
}

/// A number of bytes in its largest whole unit.
pub fn bytes(size: usize) -> String {
    match size {
        _ if size >= 1 << 20 => format!("{} MiB", size >> 20),
        _ if size >= 1 << 10 => format!("{} KiB", size >> 10),
        _ => format!("{size} B"),
    }
}

/// The sizes of streams over a wire.
const SIZES: [usize; 8] = [16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20];

/// Every scenario, in the order of the report.
pub fn all() -> Vec<Scenario> {
    use Transport::{Inproc, Ipc, Tcp};
    let mut all = Vec::new();
    for transport in [Tcp, Ipc] {
        all.extend(SIZES.map(|size| Scenario::new(Group::Stream, transport, size)));
    }
    all.extend([64, 1 << 10].map(|size| Scenario::new(Group::Stream, Inproc, size)));
    for transport in [Tcp, Ipc] {
        let trip = |pin| Scenario { pin, ..Scenario::new(Group::Trip, transport, 64) };
        all.extend([Pin::Same, Pin::Split, Pin::Free].map(trip));
    }
    // Both sides are one process, which cannot be split.
    all.extend([Pin::Same, Pin::Free].map(|pin| Scenario { pin, ..Scenario::new(Group::Trip, Inproc, 64) }));
    all.push(Scenario::new(Group::Flight, Tcp, 64));
    for no_drop in [false, true] {
        for size in [64, 4 << 10] {
            let publish = |peers| Scenario { peers, no_drop, ..Scenario::new(Group::Publish, Tcp, size) };
            all.extend([1, 8, 64].map(publish));
        }
    }
    all.extend([8, 64].map(|peers| Scenario { peers, ..Scenario::new(Group::FanIn, Tcp, 64) }));
    all.extend([1_000, 10_000].map(|peers| Scenario { peers, ..Scenario::new(Group::Idle, Tcp, 64) }));
    all.push(Scenario::new(Group::Churn, Tcp, 64));
    let curve = |plain| Scenario { curve: true, ..plain };
    all.extend([64, 1 << 10, 64 << 10].map(|size| curve(Scenario::new(Group::Stream, Tcp, size))));
    all.push(curve(Scenario::new(Group::Churn, Tcp, 64)));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_scenario_has_a_name_and_a_title_of_its_own() {
        let all = all();
        assert!(all.len() > 40);
        assert_eq!(all.iter().map(Scenario::to_string).collect::<HashSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(Scenario::title).collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn many_senders_are_measured_for_longer() {
        let seconds = |group: Group| {
            let of_it = all().into_iter().find(|scenario| scenario.group == group).expect("each is measured");
            [0.2, 5.0].map(|asked| of_it.seconds(asked))
        };
        assert_eq!((seconds(Group::FanIn), seconds(Group::Stream)), ([FAN_IN_SECONDS_MIN, 5.0], [0.2, 5.0]));
    }
}
