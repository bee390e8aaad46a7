//! The report as Markdown.

use std::fmt::Write;

use super::{Report, columns, is_principal, named, places, trouble};
use crate::goals::{Verdict, number};
use crate::metric::Metric;
use crate::stats::ratio;
use crate::table::{Row, Table, is_peer};

pub fn render(report: &Report) -> String {
    let mut text = String::from("# Monocoque and its peers\n\n");
    text += "Written by `cargo xtask compare`; `bench/README.md` says how it measures and how to read it.\n\n";
    for place in places(&report.table) {
        text += &format!("- {place}\n");
    }
    text += &goals(&report.verdicts);
    text += "\n## Figures\n\nEach cell: **median** (least–most), × libzmq at its defaults, × the best peer.\n";
    for scenario in report.table.scenarios() {
        text += &scenario_table(&report.table, scenario);
    }
    text
}

fn goals(verdicts: &[Verdict]) -> String {
    let count = |met| verdicts.iter().filter(|verdict| verdict.met == met).count();
    let (met, missed, open) = (count(Some(true)), count(Some(false)), count(None));
    let mut text = format!("\n## Goals: {met} met, {missed} not met, {open} without figures\n\n");
    text += "| scenario | ours | demand | shown | |\n|---|---|---|---|---|\n";
    for verdict in verdicts {
        let Verdict { scenario, ours, demand, met, shown } = verdict;
        let mark = met.map_or("no figures", |met| if met { "met" } else { "**not met**" });
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {scenario} | {ours} | {demand} | {} | {mark} |", cell_text(shown));
    }
    text
}

fn scenario_table(table: &Table, scenario: &str) -> String {
    let columns = columns(table, scenario);
    let rows: Vec<&Row> = table.of_scenario(scenario).collect();
    let title = rows.first().map_or(scenario, |row| &row.title);
    let titles: String = columns.iter().map(|metric| format!(" {} |", metric.title())).collect();
    let mut text = format!("\n### {title} (`{scenario}`)\n\n| |{titles} driver | load |\n");
    text += &format!("|---|{}---|---|\n", "---|".repeat(columns.len()));
    for row in rows {
        let cells: String = match row.samples.is_empty() {
            true => format!(
                " {} |{}",
                cell_text(&trouble(row).unwrap_or_default()),
                " |".repeat(columns.len() - columns.len().min(1))
            ),
            false => columns.iter().map(|metric| format!(" {} |", cell(table, row, *metric))).collect(),
        };
        let note =
            trouble(row).filter(|_| !row.samples.is_empty()).map(|trouble| format!(" ({})", cell_text(&trouble)));
        let driver = row.driver.as_deref().unwrap_or("");
        let _ = writeln!(
            text,
            "| {}{} |{cells} {driver} | {:.1} |",
            named(row),
            note.unwrap_or_default(),
            row.machine.load
        );
    }
    text
}

fn cell(table: &Table, row: &Row, metric: Metric) -> String {
    let Some(summary) = row.summary(metric) else { return String::new() };
    let mut text = format!("**{}** ({}–{})", number(summary.median), number(summary.least), number(summary.most));
    if is_principal(metric) {
        let best = |select: &dyn Fn(&Row) -> bool| table.best(&row.scenario, metric, select);
        let libzmq = best(&|other| other.contender == "libzmq/default");
        let peer = best(&|other| is_peer(other) && other.program != row.program);
        for (_, yardstick) in [libzmq, peer].into_iter().flatten() {
            if let Some(ratio) = ratio(summary.median, yardstick) {
                text += &format!(", ×{ratio:.2}");
            }
        }
    }
    text
}

/// What may stand in a cell.
fn cell_text(text: &str) -> String {
    text.replace('|', "/").replace('\n', " ")
}
