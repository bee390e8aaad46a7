//! What the programs of the comparison share: one command line, one stopwatch, one way to report.
//!
//! A program is a [`Library`]: how to open a socket, send, receive and echo, and nothing else. What is measured, and
//! how, is here, so that it is the same for all of them. [`main`] runs one side of a scenario and writes [`Line`]s of
//! JSON to its output; it ends with its input.

mod curve;
mod failure;
mod futures;
mod library;
mod line;
mod meter;
mod order;
mod program;
mod roles;
mod tallies;
mod usage;

pub use curve::Keys;
pub use failure::{Failure, Outcome};
pub use futures::{on_threads, park_on};
pub use library::{Body, End, Group, Kind, Library, Mode, Setup, Socket, together};
pub use line::{Description, Figures, Latency, Line, ModeDescription, note_driver};
pub use order::{Amount, Order, Role};
pub use program::{main, pin, raise_descriptor_limit};
pub use usage::{Usage, thread_time};
