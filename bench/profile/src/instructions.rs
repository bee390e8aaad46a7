//! Instructions of a message by stage, from what `valgrind --tool=callgrind` wrote.
//!
//! Its costs stand below the source file they belong to, that of inlined code too. What is inlined of the standard library
//! has a row of its own here, since nothing says whose it is.

use std::collections::{BTreeMap, HashMap};

use crate::stage::Stage;

/// Instructions by stage, and how many messages they were for.
#[derive(Debug, Default, PartialEq)]
pub struct Counted {
    pub stages: BTreeMap<Option<Stage>, u64>,
    pub messages: u64,
}

impl Counted {
    /// From the text of a callgrind file; a message is a call of a function whose name contains `call`.
    pub fn read(text: &str, call: &str) -> Self {
        let (mut files, mut functions) = (Names::default(), Names::default());
        let mut counted = Self::default();
        let (mut stage, mut called, mut is_callees) = (None, false, false);
        for line in text.lines() {
            match line.split_once('=') {
                Some(("fl" | "fi" | "fe", name)) => stage = stage_of(files.name(name)),
                Some(("cfi" | "cfl", name)) => _ = files.name(name),
                Some(("fn", name)) => _ = functions.name(name),
                Some(("cfn", name)) => called = functions.name(name).contains(call),
                Some(("calls", counts)) => {
                    let times = counts.split(' ').next().and_then(|times| times.parse().ok());
                    counted.messages += times.filter(|_| called).unwrap_or(0);
                    is_callees = true;
                }
                // The line after a call is what the callee cost, which stands at the callee too.
                None if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) => {
                    let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok()).unwrap_or(0);
                    let own = if std::mem::take(&mut is_callees) { 0 } else { cost };
                    *counted.stages.entry(stage).or_default() += own;
                }
                _ => {}
            }
        }
        counted
    }

    /// Prints a row for each stage.
    pub fn print(&self) {
        let each = |count: u64| count as f64 / self.messages.max(1) as f64;
        println!("| stage | instructions a message |\n|---|---|");
        for (stage, count) in &self.stages {
            let title = stage.map_or("standard library, inlined anywhere", Stage::title);
            println!("| {title} | {:.1} |", each(*count));
        }
        println!("| **together** | **{:.1}** |", each(self.stages.values().sum()));
    }
}

/// The stage of a source file; none for what is inlined of the standard library.
fn stage_of(path: &str) -> Option<Stage> {
    match path {
        _ if path.contains("/rustc/") => None,
        _ if path.contains("memmove") => Some(Stage::of_function("", "memmove")),
        _ if path.contains("malloc") => Some(Stage::of_function("", "malloc")),
        _ => Some(Stage::of_sources([path])),
    }
}

/// A name is written once, after its number: `(7) src/a.rs`, then `(7)`.
#[derive(Default)]
struct Names<'a>(HashMap<&'a str, &'a str>);

impl<'a> Names<'a> {
    fn name(&mut self, text: &'a str) -> &'a str {
        match text.split_once(' ') {
            Some((number, name)) if number.starts_with('(') => self.0.entry(number).or_insert(name),
            _ => self.0.get(text).copied().unwrap_or(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_costs_are_by_file_and_messages_by_calls() {
        let text = "fl=(1) /w/bench/ours/src/any.rs\nfn=(1) send\n10 30\ncfi=(2) /w/crates/monocoque/src/kind.rs\n\
                    cfn=(2) x::try_send\ncalls=10 5\n+1 900\nfi=(3) /rustc/1/core/ptr.rs\n+2 20\n\
                    fl=(2)\nfn=(2)\n5 900\n";
        let counted = Counted::read(text, "try_send");
        let stages = [(None, 20), (Some(Stage::Program), 30), (Some(Stage::Facade), 900)];
        assert_eq!(counted, Counted { stages: stages.into(), messages: 10 });
    }
}
