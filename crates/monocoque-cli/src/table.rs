//! A table whose rows are printed as they become known.

use std::io::{self, Write};

/// One column: its heading and its width. Numbers stand to the right.
pub struct Column {
    pub heading: &'static str,
    pub width: usize,
    pub is_number: bool,
}

impl Column {
    pub const fn text(heading: &'static str, width: usize) -> Self {
        Self { heading, width, is_number: false }
    }

    pub const fn number(heading: &'static str, width: usize) -> Self {
        Self { heading, width, is_number: true }
    }
}

/// Prints rows under headings.
pub struct Table<'a, W> {
    columns: &'a [Column],
    out: W,
}

impl<'a, W: Write> Table<'a, W> {
    /// Prints the headings and a rule.
    pub fn begin(columns: &'a [Column], out: W) -> io::Result<Self> {
        let mut table = Self { columns, out };
        let headings: Vec<_> = columns.iter().map(|column| column.heading.to_owned()).collect();
        table.row(&headings)?;
        let rules: Vec<_> = columns.iter().map(|column| "─".repeat(column.width)).collect();
        table.row(&rules)?;
        Ok(table)
    }

    /// Prints one row and flushes it.
    pub fn row(&mut self, cells: &[String]) -> io::Result<()> {
        let cells = self.columns.iter().zip(cells).map(|(column, cell)| match column.is_number {
            true => format!("{cell:>width$}", width = column.width),
            false => format!("{cell:<width$}", width = column.width),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        writeln!(self.out, "{}", line.trim_end())?;
        self.out.flush()
    }
}

/// A count a second, with three digits that matter: `4.21 M`.
pub fn per_second(rate: f64) -> String {
    match rate {
        _ if rate >= 1e9 => format!("{:.2} G", rate / 1e9),
        _ if rate >= 1e6 => format!("{:.2} M", rate / 1e6),
        _ if rate >= 1e3 => format!("{:.1} k", rate / 1e3),
        _ => format!("{rate:.0}"),
    }
}

/// Nanoseconds, in the unit that suits them.
pub fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut out = Vec::new();
        let columns = [Column::text("name", 6), Column::number("n", 4)];
        let mut table = Table::begin(&columns, &mut out).expect("memory takes everything");
        table.row(&["a".into(), "12".into()]).expect("memory takes everything");
        assert_eq!(String::from_utf8(out).expect("text"), "name       n\n──────  ────\na         12\n");
    }

    #[test]
    fn numbers_take_the_unit_that_suits() {
        assert_eq!([12.0, 1234.0, 4.212e6, 7e9].map(per_second), ["12", "1.2 k", "4.21 M", "7.00 G"]);
        assert_eq!([999, 1_500, 2_500_000, 3_000_000_000].map(duration), ["999 ns", "1.5 µs", "2.50 ms", "3.00 s"]);
    }
}
