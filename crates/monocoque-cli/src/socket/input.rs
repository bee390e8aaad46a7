//! What a socket command sends, and when.

use std::io::{self, BufRead, StdinLock};
use std::time::{Duration, Instant};

use monocoque::Message;

use crate::args::Sending;
use crate::exit::Failure;
use crate::format::Lines;

/// How far behind its schedule a sender may be and still catch up.
const BEHIND_MAX: Duration = Duration::from_millis(100);

/// Messages to send, one after the other.
pub enum Source {
    /// Given on the command line.
    Given { messages: Vec<Message>, next: usize, is_endless: bool },
    /// Lines of the input.
    Lines { input: StdinLock<'static>, lines: Lines, number: u64, line: Vec<u8> },
}

impl Source {
    /// `given` lines, over and over if `is_endless`; lines of the input if there are none.
    pub fn new(given: &[String], is_endless: bool, lines: Lines) -> Result<Self, Failure> {
        if given.is_empty() {
            return Ok(Self::Lines { input: io::stdin().lock(), lines, number: 0, line: Vec::new() });
        }
        let messages = given.iter().map(|line| lines.parse(line.as_bytes())).collect::<Result<_, _>>()?;
        Ok(Self::Given { messages, next: 0, is_endless })
    }

    /// The next message; `None` after the last.
    pub fn next(&mut self) -> Result<Option<Message>, Failure> {
        match self {
            Self::Given { messages, next, is_endless } => {
                if *is_endless && *next == messages.len() {
                    *next = 0;
                }
                let message = messages.get(*next).cloned();
                *next += 1;
                Ok(message)
            }
            Self::Lines { input, lines, number, line } => {
                line.clear();
                if input.read_until(b'\n', line)? == 0 {
                    return Ok(None);
                }
                *number += 1;
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let at_line = |failure| match failure {
                    Failure::Usage(message) => Failure::Usage(format!("line {number}: {message}")),
                    other => other,
                };
                lines.parse(line).map(Some).map_err(at_line)
            }
        }
    }
}

/// Spaces messages out in time.
pub struct Pace {
    step: Duration,
    next: Option<Instant>,
}

impl Pace {
    pub fn new(sending: &Sending) -> Self {
        let of_rate = |rate: f64| Duration::try_from_secs_f64(rate.recip()).unwrap_or(Duration::MAX);
        Self { step: sending.interval.or(sending.rate.map(of_rate)).unwrap_or_default(), next: None }
    }

    /// Waits until the next message is due.
    pub fn wait(&mut self) {
        if self.step.is_zero() {
            return;
        }
        let now = Instant::now();
        let due = self.next.unwrap_or(now);
        std::thread::sleep(due.saturating_duration_since(now));
        let behind = now.checked_sub(BEHIND_MAX).unwrap_or(now);
        self.next = due.max(behind).checked_add(self.step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;

    fn given(lines: &[&str], is_endless: bool) -> Source {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        Source::new(&lines, is_endless, Lines::new(Format::Text, Vec::new())).expect("sound lines")
    }

    fn first(source: &mut Source, count: usize) -> Vec<Option<Message>> {
        (0..count).map(|_| source.next().expect("no input is read")).collect()
    }

    #[test]
    fn given_messages_end_or_start_again() {
        let [a, b] = ["a", "b"].map(|text| Some(Message::from(text)));
        assert_eq!(first(&mut given(&["a", "b"], false), 4), [a.clone(), b.clone(), None, None]);
        assert_eq!(first(&mut given(&["a", "b"], true), 3), [a.clone(), b, a]);
    }
}
