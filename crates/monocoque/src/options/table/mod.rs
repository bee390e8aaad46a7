//! The one table of options: what the builder checks, `set_option` and `option` look up, the command line lists and
//! `docs/options.md` shows.

mod absent;
mod connections;
mod patterns;
mod queues;
mod security;
mod sockets;

use std::time::Duration;

use super::spec::OptionSpec;

pub(super) const TABLES: &[&[OptionSpec]] =
    &[queues::OPTIONS, connections::OPTIONS, security::OPTIONS, sockets::OPTIONS, patterns::OPTIONS, absent::OPTIONS];

const INT_MAX: i64 = i32::MAX as i64;

/// A time in milliseconds that has no end below zero.
fn endless(ms: i64) -> Option<Duration> {
    u64::try_from(ms).ok().map(Duration::from_millis)
}

fn endless_ms(time: Option<Duration>) -> i64 {
    time.map_or(-1, millis)
}

/// A time in milliseconds, of which zero means none.
fn above_zero(ms: i64) -> Option<Duration> {
    endless(ms).filter(|time| !time.is_zero())
}

fn above_zero_ms(time: Option<Duration>) -> i64 {
    time.map_or(0, millis)
}

fn millis(time: Duration) -> i64 {
    time.as_millis().try_into().unwrap_or(i64::MAX)
}

/// A number that the system chooses below zero.
fn chosen<N: TryFrom<i64>>(number: i64) -> Option<N> {
    (number >= 0).then(|| N::try_from(number).ok()).flatten()
}

fn chosen_number<N: TryInto<i64>>(number: Option<N>) -> i64 {
    number.map_or(-1, |number| number.try_into().unwrap_or(i64::MAX))
}
