//! Monocoque against libzmq 4.3.5, both ways, on every socket type.
//!
//! This crate builds libzmq, drafts included, from source (`build.rs`) and owns a small safe wrapper over
//! it. The tests under `tests/` put one of its sockets at one end and one of Monocoque's at the other;
//! the benchmarks take it as the yardstick. CURVE and the multicast transports are not built in; WSS is where GnuTLS is (`cfg(zmq_wss)`).
//!
//! - [`zmq`]: contexts, sockets, messages, monitors and errors, bounded in time by default;
//! - [`ffi`]: the C functions and numbers below it;
//! - [`party`]: either library's socket behind one trait, and [`cell`]: what two of them say to each other;
//! - [`fixture`]: what tests of one behaviour begin with, [`deadline`]: how they wait, and [`process`]: their peers
//!   in processes of their own.

pub mod cell;
pub mod deadline;
pub mod ffi;
pub mod fixture;
pub mod judged;
pub mod party;
pub mod process;
pub mod zmq;
