//! From what `perf` recorded to samples by stage.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::stage::Stage;

/// Where a mapped program's code is: an address in memory plus this is one in the file.
#[derive(Clone, Copy)]
struct Slide(u64);

/// Samples of a record by stage.
pub fn by_stage(data: &Path, program: &Path) -> Outcome<BTreeMap<Stage, u64>> {
    let mut perf = Command::new("perf");
    perf.args(["script", "--show-mmap-events", "--fields", "ip,sym,dso", "--input"]).arg(data);
    let text = text_of(&mut perf)?;
    let code_at = code_at(program)?;
    let path = program.to_str().ok_or("the program's path is no text")?;
    let mut slide = None;
    let mut stages = BTreeMap::new();
    let mut places: HashMap<u64, u64> = HashMap::new();
    for line in text.lines() {
        if line.contains("PERF_RECORD_MMAP") {
            if line.ends_with(path) && line.contains("r-xp") {
                slide = Some(mapped(line, code_at)?);
            }
            continue;
        }
        let Some(Sample { address, name, library }) = Sample::parse(line) else { continue };
        match slide {
            Some(Slide(slide)) if library == path => *places.entry(address.wrapping_add(slide)).or_default() += 1,
            _ => *stages.entry(Stage::of_function(library, name)).or_default() += 1,
        }
    }
    for (place, stage) in sources(program, places.keys().copied())? {
        *stages.entry(stage).or_default() += places[&place];
    }
    Ok(stages)
}

struct Sample<'a> {
    address: u64,
    name: &'a str,
    library: &'a str,
}

impl<'a> Sample<'a> {
    /// `  ffffffff81636301 get_page_from_freelist ([kernel.kallsyms])`; what follows the last parenthesis is the library.
    fn parse(line: &'a str) -> Option<Self> {
        let (address, rest) = line.trim().split_once(' ')?;
        let (name, library) = rest.rsplit_once(" (")?;
        Some(Self { address: u64::from_str_radix(address, 16).ok()?, name, library: library.trim_end_matches(')') })
    }
}

/// What a record of a mapping says: `…: [0x55…(0x1b9000) @ 0x84000 …]: r-xp /path`.
fn mapped(line: &str, code_at: u64) -> Outcome<Slide> {
    let (_, rest) = line.split_once('[').ok_or("a mapping has an address")?;
    let (start, rest) = rest.split_once('(').ok_or("a mapping has a length")?;
    let (_, rest) = rest.split_once("@ ").ok_or("a mapping has an offset")?;
    let offset = rest.split_once(' ').ok_or("a mapping has an inode")?.0;
    Ok(Slide(hex(offset)?.wrapping_sub(hex(start)?).wrapping_add(code_at)))
}

fn hex(text: &str) -> Outcome<u64> {
    let digits = text.trim_start_matches("0x");
    Ok(if digits.is_empty() { 0 } else { u64::from_str_radix(digits, 16)? })
}

/// How far the addresses of a program's code are from their places in its file.
fn code_at(program: &Path) -> Outcome<u64> {
    let text = text_of(Command::new("readelf").args(["--program-headers", "--wide"]).arg(program))?;
    let load = text.lines().find(|line| line.contains("LOAD") && line.contains("R E"));
    let mut words = load.ok_or("the program has no code")?.split_whitespace().skip(1);
    let mut next = || hex(words.next().ok_or("a header has an offset and an address")?);
    let (offset, address) = (next()?, next()?);
    Ok(address - offset)
}

/// The stage of each of a program's places, by its line tables.
fn sources(program: &Path, places: impl Iterator<Item = u64>) -> Outcome<Vec<(u64, Stage)>> {
    let mut addr2line = Command::new("addr2line");
    addr2line.args(["--addresses", "--inlines", "--exe"]).arg(program);
    let mut child = addr2line.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().expect("piped");
    let list: String = places.map(|place| format!("{place:#x}\n")).collect();
    // Written from a thread of its own: it answers while it reads.
    let writer = std::thread::spawn(move || input.write_all(list.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().expect("it only writes")?;
    let text = String::from_utf8(output.stdout)?;
    let mut found: Vec<(u64, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.starts_with("0x"), found.last_mut()) {
            (true, _) => found.push((hex(line)?, Vec::new())),
            (false, Some((_, sources))) => sources.push(line),
            (false, None) => {}
        }
    }
    Ok(found.into_iter().map(|(place, sources)| (place, Stage::of_sources(sources))).collect())
}

fn text_of(command: &mut Command) -> Outcome<String> {
    let output = command.stderr(Stdio::null()).output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_an_address_a_name_and_a_library() {
        let line = "     55d0  <monocoque::kind::Any as monocoque::kind::Sends>::try_send (/tmp/bench-ours)";
        let sample = Sample::parse(line).unwrap();
        assert_eq!((sample.address, sample.library), (0x55d0, "/tmp/bench-ours"));
        assert!(Sample::parse("").is_none());
    }

    #[test]
    fn a_mapping_tells_where_the_code_is() {
        let line = " PERF_RECORD_MMAP2 1/1: [0x5000(0x1000) @ 0x2000 fe:00 1 2]: r-xp /tmp/bench-ours";
        let Slide(slide) = mapped(line, 0x100).unwrap();
        assert_eq!(0x5010_u64.wrapping_add(slide), 0x2110);
    }
}
