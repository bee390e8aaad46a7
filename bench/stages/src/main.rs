//! Prints what the last `cargo bench` of the stages found as a Markdown table, for each message: medians, and what is
//! allocated.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Deserialize;

/// `benchmark.json` of criterion.
#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    value_str: Option<String>,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
enum Throughput {
    Elements(u64),
}

/// `estimates.json` of criterion.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    confidence_interval: Interval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

struct Row {
    /// Rows stand in the order in which they were measured.
    measured: SystemTime,
    group: String,
    case: String,
    /// Nanoseconds for each message: the median, and the bounds of its 95 % confidence interval.
    nanoseconds: [f64; 3],
    allocations: Option<f64>,
}

impl Row {
    /// The row of a folder that holds the last run of one benchmark.
    fn read(target: &Path, folder: &Path) -> Result<Option<Self>, Box<dyn Error>> {
        let Benchmark { group_id, value_str, throughput } =
            serde_json::from_slice(&fs::read(folder.join("benchmark.json"))?)?;
        let Some(Throughput::Elements(messages)) = throughput else { return Ok(None) };
        let estimates = folder.join("estimates.json");
        let Estimates { median } = serde_json::from_slice(&fs::read(&estimates)?)?;
        let Interval { lower_bound, upper_bound } = median.confidence_interval;
        let case = value_str.unwrap_or_default();
        let counted = fs::read_to_string(target.join("tmp/allocations").join(&group_id).join(&case));
        Ok(Some(Self {
            measured: fs::metadata(estimates)?.modified()?,
            group: group_id,
            case,
            // Not there, if it was measured before they were counted.
            allocations: counted.ok().and_then(|text| text.parse().ok()),
            nanoseconds: [median.point_estimate, lower_bound, upper_bound].map(|time| time / messages as f64),
        }))
    }
}

/// Rows of all benchmarks below `folder`.
fn rows(target: &Path, folder: &Path) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.ends_with("new") {
            rows.extend(Row::read(target, &path)?);
        } else if path.is_dir() {
            rows.extend(self::rows(target, &path)?);
        }
    }
    Ok(rows)
}

fn main() -> Result<(), Box<dyn Error>> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let mut rows = rows(&target, &target.join("criterion"))?;
    rows.sort_by_key(|row| row.measured);
    println!("| stage | case | ns a message | 95 % | allocations a message |\n|---|---|---|---|---|");
    for Row { group, case, nanoseconds: [median, lower, upper], allocations, .. } in rows {
        let allocations = allocations.map(|each| format!("{each:.3}")).unwrap_or_default();
        println!("| {group} | {case} | {median:.1} | {lower:.1}–{upper:.1} | {allocations} |");
    }
    Ok(())
}
