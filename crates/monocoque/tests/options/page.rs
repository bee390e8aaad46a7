//! `docs/options.md` is what the table says.

use std::fmt::Write as _;
use std::path::Path;

use monocoque::{ContextOption, OptionSpec, SocketOption, SocketType};

const HEAD: &str = "\
# Socket options

Made from the table in `crates/monocoque/src/options/table`; `cargo test -p monocoque --test options` says when it is out of
date, and writes it with `UPDATE=1`.

Each is set by its number (`SocketBuilder::option`, `Socket::set_option`, `monocoque pub --option NAME=VALUE`), or by the typed
method in the last column. Numbers are libzmq's; those from 10,000 are ours. Where libzmq's default differs it is in brackets:
`SocketBuilder::as_libzmq` has those.

";

const CONTEXTS: &str = "
# Context options

Set before the context is built (`ContextBuilder::option`, `monocoque pub --option NAME=VALUE`), or by the typed method.

| Option | No. | Takes | Default | What it does | Method |
|---|---|---|---|---|---|
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    page += "| Option | No. | Takes | Default | Acts | Socket types | What it does | Method |\n";
    page += "|---|---|---|---|---|---|---|---|\n";
    let mut specs: Vec<&OptionSpec> = SocketOption::all().collect();
    specs.sort_by_key(|spec| spec.option());
    for spec in specs.iter().filter(|spec| spec.absent().is_none()) {
        let (number, method) = (spec.option().0, spec.method().map_or(String::new(), |name| format!("`{name}`")));
        let access = if spec.is_readable() { "" } else { ", only set" };
        writeln!(
            page,
            "| {} | {number} | {}{access} | {} | {} | {} | {} | {method} |",
            spec.name(),
            spec.takes(),
            default(spec),
            if spec.is_settable() { spec.takes_effect().to_string() } else { "-".into() },
            types(spec),
            spec.about(),
        )
        .expect("a string takes all");
    }
    page += "\n## Refused, and why\n\n| Option | No. | It |\n|---|---|---|\n";
    for spec in specs {
        if let Some(why) = spec.absent() {
            writeln!(page, "| {} | {} | {why} |", spec.name(), spec.option().0).expect("a string takes all");
        }
    }
    page += CONTEXTS;
    for spec in ContextOption::all() {
        let access = if spec.is_readable() || !spec.is_settable() { "" } else { ", only set" };
        let default = spec.default().map_or("-".to_owned(), |value| value.to_string());
        let method = spec.method().map_or(String::new(), |name| format!("`{name}`"));
        let (number, fixed) = (spec.option().number(), spec.fixed().map_or(String::new(), |why| format!("; it {why}")));
        writeln!(
            page,
            "| {} | {number} | {}{access} | {default} | {}{fixed} | {method} |",
            spec.name(),
            spec.takes(),
            spec.about(),
        )
        .expect("a string takes all");
    }
    page
}

fn default(spec: &OptionSpec) -> String {
    let socket_type = spec.socket_types()[0];
    let [ours, theirs] = [false, true].map(|libzmq| spec.default(socket_type, libzmq).map(|value| value.to_string()));
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => format!("{ours} ({theirs})"),
        (Some(ours), _) => ours,
        (None, _) => "-".to_owned(),
    }
}

fn types(spec: &OptionSpec) -> String {
    if spec.socket_types() == SocketType::ALL {
        return "all".to_owned();
    }
    let names: Vec<&str> = spec.socket_types().iter().map(|one| one.name()).collect();
    names.join(", ")
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/options.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page()).expect("writable");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page(), "docs/options.md is out of date: UPDATE=1 cargo test -p monocoque --test options");
}
