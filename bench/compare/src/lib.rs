//! Runs the programs of the comparison against each other, round by round, and reports.
//!
//! - [`scenario`]: what is measured; [`contender`]: who; [`goals`]: what the figures have to show;
//! - [`campaign`]: all rounds of all of them; [`trial`]: one measurement; [`idle`]: the one that needs no program on
//!   the other side; [`process`]: programs, on a leash and with a deadline; [`pace`]: the machine's own speed beside them;
//! - [`table`]: the samples; [`stats`]: medians and ratios; [`machine`]: where this was; [`report`]: for people.

pub mod args;
pub mod busy;
pub mod campaign;
pub mod contender;
pub mod goals;
pub mod idle;
pub mod machine;
pub mod metric;
pub mod pace;
pub mod process;
pub mod report;
pub mod scenario;
pub mod stats;
pub mod table;
pub mod trial;

/// The error of whatever cannot go on.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;
