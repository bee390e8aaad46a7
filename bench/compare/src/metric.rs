//! What a trial yields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One kind of figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Messages (round trips, connections) a second.
    Rate,
    /// Median round trip, µs.
    P50,
    /// Round trip exceeded by one in a hundred, µs.
    P99,
    /// Processor time per message of the process that connects, ns. In scenarios within one process: of it all.
    ConnectorCpu,
    /// Processor time per message of the process that binds, ns.
    BinderCpu,
    /// Processor time per message of both, ns.
    Cpu,
    /// Context switches per thousand messages of the process that connects.
    ConnectorSwitches,
    /// Context switches per thousand messages of the process that binds.
    BinderSwitches,
    /// Messages of the slowest sender or receiver, in terms of those of the fastest.
    Fairness,
    /// Resident memory per connection on which nothing was ever sent, KiB.
    SilentKib,
    /// Resident memory per connection after one message each way, KiB.
    SpokenKib,
    /// How long a fixed loop took just before and after, the mean of both, µs: the machine's own [pace](crate::pace).
    LoopUs,
    /// How long a cache line took from core to core just before, ns, where that was to be found.
    CrossingNs,
}

/// The figures of one trial.
pub type Sample = BTreeMap<Metric, f64>;

impl Metric {
    /// Whether more of it is worse.
    pub fn less_is_better(self) -> bool {
        !matches!(self, Self::Rate | Self::Fairness)
    }

    /// The better of two values.
    pub fn better(self, one: f64, other: f64) -> f64 {
        if self.less_is_better() { one.min(other) } else { one.max(other) }
    }

    /// For the head of a column.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rate => "messages/s",
            Self::P50 => "p50 µs",
            Self::P99 => "p99 µs",
            Self::ConnectorCpu => "connecting side CPU ns/message",
            Self::BinderCpu => "binding side CPU ns/message",
            Self::Cpu => "CPU ns/message",
            Self::ConnectorSwitches => "connecting side switches/1000",
            Self::BinderSwitches => "binding side switches/1000",
            Self::Fairness => "slowest ÷ fastest",
            Self::SilentKib => "KiB per silent connection",
            Self::SpokenKib => "KiB per connection after a message",
            Self::LoopUs => "a loop of registers, µs",
            Self::CrossingNs => "a line from core to core, ns",
        }
    }
}
