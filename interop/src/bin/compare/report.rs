//! A table of medians, with their spread and their ratio to libzmq's.

use crate::library::Library;

/// One thing that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    pub decimals: usize,
}

/// Samples by row and column.
#[derive(Debug)]
pub struct Table {
    libraries: Vec<Library>,
    columns: Vec<Column>,
    samples: Vec<Vec<Vec<f64>>>,
}

impl Table {
    pub fn new(libraries: &[Library], columns: &[Column]) -> Self {
        let samples = vec![vec![vec![]; columns.len()]; libraries.len()];
        Self { libraries: libraries.to_vec(), columns: columns.to_vec(), samples }
    }

    /// Adds one sample of each column to a row.
    pub fn add(&mut self, row: usize, values: &[f64]) {
        let title = self.libraries[row].title();
        let shown: Vec<String> =
            self.columns.iter().zip(values).map(|(c, v)| format!("{} {}", digits(*v, c.decimals), c.title)).collect();
        eprintln!("{title:>20}: {}", shown.join(", "));
        self.samples[row].iter_mut().zip(values).for_each(|(samples, value)| samples.push(*value));
    }

    /// Prints the table as Markdown.
    pub fn print(&self, caption: &str) {
        println!("{caption}\nEach cell: median (least–most), × libzmq's median.\n");
        let titles: Vec<&str> = self.columns.iter().map(|column| column.title).collect();
        println!("| | {} |", titles.join(" | "));
        println!("|---|{}", "---|".repeat(titles.len()));
        let yardstick = self.libraries.iter().position(|library| *library == Library::Libzmq);
        for (row, library) in self.libraries.iter().enumerate() {
            let cells: Vec<String> = (0..self.columns.len()).map(|at| self.cell(row, at, yardstick)).collect();
            println!("| {} | {} |", library.title(), cells.join(" | "));
        }
    }

    fn cell(&self, row: usize, at: usize, yardstick: Option<usize>) -> String {
        let mut samples = self.samples[row][at].clone();
        samples.sort_by(f64::total_cmp);
        let shown = |value: f64| digits(value, self.columns[at].decimals);
        let (Some(least), Some(most)) = (samples.first(), samples.last()) else { return String::new() };
        let ratio = match yardstick {
            Some(other) if other != row => format!(", ×{:.2}", median(&samples) / self.median_of(other, at)),
            _ => String::new(),
        };
        format!("**{}** ({}–{}){ratio}", shown(median(&samples)), shown(*least), shown(*most))
    }

    fn median_of(&self, row: usize, at: usize) -> f64 {
        let mut samples = self.samples[row][at].clone();
        samples.sort_by(f64::total_cmp);
        median(&samples)
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// With commas between the thousands.
fn digits(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([digits(1_234_567.8, 0), digits(999.96, 1), digits(12.0, 2)], ["1,234,568", "1,000.0", "12.00"]);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!((median(&[1.0, 2.0, 9.0]), median(&[1.0, 2.0, 4.0, 9.0])), (2.0, 3.0));
    }
}
