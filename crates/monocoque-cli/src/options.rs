//! The `options` command: the tables of options.

use std::io;

use monocoque::{ContextOption, ContextOptionSpec, OptionSpec, SocketOption, SocketType};

use crate::exit::Failure;
use crate::table::{Column, Table};

const COLUMNS: [Column; 6] = [
    Column::text("option", 32),
    Column::text("takes", 26),
    Column::text("default", 8),
    Column::text("acts", 13),
    Column::text("sockets", 20),
    Column::text("what it does", 12),
];

/// Prints the options that have `name` in their name.
///
/// # Errors
/// [`Failure`] if none has, or nobody reads.
pub fn run(name: &str) -> Result<(), Failure> {
    let wanted = name.to_ascii_uppercase().replace('-', "_");
    let mut specs: Vec<&OptionSpec> = SocketOption::all().filter(|spec| spec.name().contains(&wanted)).collect();
    let contexts: Vec<_> = ContextOption::all().filter(|spec| spec.name().contains(&wanted)).collect();
    if specs.is_empty() && contexts.is_empty() {
        return Err(Failure::usage(format!("no option has '{name}' in its name")));
    }
    specs.sort_by_key(|spec| spec.name());
    let mut table = Table::begin(&COLUMNS, io::stdout())?;
    for spec in specs {
        table.row(&row(spec))?;
    }
    for spec in contexts {
        table.row(&context_row(spec))?;
    }
    Ok(())
}

fn row(spec: &OptionSpec) -> [String; 6] {
    let (acts, about) = match spec.absent() {
        Some(why) => ("never".to_owned(), format!("refused: it {why}")),
        None => (spec.takes_effect().to_string(), spec.about().to_owned()),
    };
    let default = spec.default(spec.socket_types()[0], false).map_or_else(String::new, |value| value.to_string());
    [spec.name().to_owned(), spec.takes(), default, acts, sockets(spec), about]
}

fn context_row(spec: &ContextOptionSpec) -> [String; 6] {
    let default = spec.default().map_or_else(String::new, |value| value.to_string());
    let about = match spec.fixed() {
        Some(why) => format!("{}; it {why}", spec.about()),
        None => spec.about().to_owned(),
    };
    [spec.name().to_owned(), spec.takes(), default, "new context".to_owned(), "context".to_owned(), about]
}

fn sockets(spec: &OptionSpec) -> String {
    if spec.socket_types() == SocketType::ALL {
        return "all".to_owned();
    }
    spec.socket_types().iter().map(|one| one.name()).collect::<Vec<_>>().join(",")
}
