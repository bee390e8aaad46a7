//! `zmq.h` declares what the library has, and nothing else; and so does libzmq 4.3.5 by number.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Names that begin with `zmq_` and follow `before`.
fn names(text: &str, before: &str) -> BTreeSet<String> {
    let name = |part: &str| part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    text.split(before).skip(1).filter_map(|part| Some(name(&part[part.find("zmq_")?..]))).collect()
}

fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { sources(&path) } else { fs::read_to_string(path).expect("text") }).collect()
}

#[test]
fn every_function_of_the_header_is_there_and_no_other() {
    let header = fs::read_to_string(here().join("include/zmq.h")).expect("readable");
    let declared = names(&header[header.find("zmq_errno").expect("it is there") - 20..], "ZMQ_EXPORT ");
    let exported = names(&sources(&here().join("src")), "extern \"C\" fn ");
    assert_eq!(declared, exported);
    // 70 stable functions, and 26 drafts.
    assert_eq!(exported.len(), 96);
}
