//! Links, pumps, dialers and listeners on completion IO.
//!
//! This crate owns everything that touches the operating system: the runtimes that I/O runs on
//! ([`Placement`]), byte streams ([`Link`]), the connection actor that pumps a pipe's bytes through any
//! [`Protocol`](monocoque_core::Protocol), and the tasks that dial and listen. It does not know ZeroMQ.
//!
//! Unsafe code is in `buffer.rs` and `outstanding.rs` alone.

mod background;
mod backoff;
mod buffer;
mod connection;
mod datagram;
mod dialer;
mod driver;
mod filter;
mod half_open;
mod link;
mod listener;
mod mailbox;
mod outstanding;
mod owner;
mod parking;
mod placement;
mod readiness;
mod resolve;
mod socks;
mod spin;
mod stop;
mod task;
mod threads;
mod traffic;
mod tuning;
#[cfg(test)]
mod wakes;
mod yielding;

pub use background::{HeldSignals, start_thread};
pub use backoff::{Backoff, BackoffConfig};
pub use compio::time::sleep;
pub use connection::{Connection, End, Ended, Host, Pipes, yield_now};
pub use datagram::{DatagramConfig, Datagrams};
pub use dialer::{DialConfig, Dialer};
pub use driver::{Driver, DriverChoice, DriverError, local_runtime};
pub use filter::{AcceptFilter, AddressRange, AddressRangeError};
pub use half_open::HalfOpen;
pub use link::{Link, StreamLink, Watch};
pub use listener::{Binding, ListenConfig, Listener};
pub use owner::{LinkEvent, LinkFacts, Owner, Retry};
pub use placement::{Home, IoThreads, Placement, PlacementError, PlacementGone};
pub use readiness::{Direction, Readiness, look, ready};
pub use socks::SocksProxy;
pub use spin::{Looks, WINDOW as SPIN_WINDOW, take_read_turn};
pub use stop::{Stop, Stopper};
pub use threads::{Schedule, ThreadConfig};
pub use traffic::{LinkCounts, LinkTraffic};
pub use tuning::{Keepalive, SocketTuning};
pub use yielding::{glance, keeps_core, yield_core};
