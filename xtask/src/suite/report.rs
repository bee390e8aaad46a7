//! `docs/conformance.md`: each suite writes its own section of it.

use std::fs;
use std::io;

use crate::libzmq::root;

const OPENING: &str = "\
# Conformance

What public suites say of the library that stands in for libzmq, beside what they say of libzmq 4.3.5 on the same machine.
`cargo xtask libzmq-suite --publish` and `cargo xtask pyzmq-suite --publish` write this file.
";

/// One test.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub ours: String,
    pub theirs: String,
    pub reason: String,
}

/// Writes the section of a suite anew, and leaves the others.
pub fn replace_section(suite: &str, title: &str, intro: &str, rows: &[Row]) -> io::Result<()> {
    let file = root().join("docs/conformance.md");
    let old = fs::read_to_string(&file).unwrap_or_else(|_| OPENING.to_owned());
    let (begin, end) = (format!("<!-- {suite} -->\n"), format!("<!-- end of {suite} -->\n"));
    let section = format!("{begin}{}{end}", section(title, intro, rows));
    let new = match (old.find(&begin), old.find(&end)) {
        (Some(from), Some(to)) => [&old[..from], &section, &old[to + end.len()..]].concat(),
        _ => format!("{old}\n{section}"),
    };
    fs::write(file, new)
}

fn section(title: &str, intro: &str, rows: &[Row]) -> String {
    let mut text = format!("## {title}\n\n{intro}\n\n| test | ours | libzmq | why they differ |\n|---|---|---|---|\n");
    for Row { name, ours, theirs, reason } in rows {
        text += &format!("| {name} | {ours} | {theirs} | {reason} |\n");
    }
    text
}
