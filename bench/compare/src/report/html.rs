//! The report as one page: charts for a look, tables for the figures. It loads nothing.

use super::{Report, chart, columns, is_principal, named, places, trouble};
use crate::Outcome;
use crate::goals::{Verdict, number};
use crate::metric::Metric;
use crate::table::{Row, Table, is_peer};

const STYLE: &str = "
body { font: 15px/1.5 system-ui, sans-serif; max-width: 900px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
h2 { margin-top: 2em } h3 { margin-bottom: .3em } svg { max-width: 100%; height: auto }
table { border-collapse: collapse; width: 100%; font-size: 13px } td, th { padding: 3px 8px; border-bottom: 1px solid #ddd; text-align: left }
td.n { text-align: right; font-variant-numeric: tabular-nums } .met { color: #18794e } .missed { color: #b42318; font-weight: 600 }
.none, small { color: #777 } details { margin: .3em 0 } summary { cursor: pointer; color: #555; font-size: 13px }
.table { overflow-x: auto }
";

pub fn render(report: &Report) -> Outcome<String> {
    let table = &report.table;
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Monocoque and its peers</title>\
         <style>{STYLE}</style></head><body>\n<h1>Monocoque and its peers</h1>\n"
    );
    for place in places(table) {
        page += &format!("<p><small>{}</small></p>\n", escape(&place));
    }
    page +=
        "<p>Medians; the line at the tip of a bar is from the least to the most. Grey: bare sockets, no messaging.</p>";
    page += &overview(table)?;
    page += &goals(&report.verdicts);
    page += "<h2>Every scenario</h2>\n";
    for scenario in table.scenarios() {
        page += &section(table, scenario)?;
    }
    Ok(page + "</body></html>\n")
}

/// Rate by size, for the best known mode of each program.
fn overview(table: &Table) -> Outcome<String> {
    let mut text = String::new();
    for (transport, prefix) in [("TCP", "tcp-push-pull-"), ("Unix sockets", "ipc-push-pull-")] {
        let names = best_modes(table, &format!("{prefix}64"));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Some(svg) = chart::lines(table, prefix, &names)? {
            text += &format!("<h2>PUSH to PULL over {transport}, messages a second by size</h2>\n{svg}\n");
        }
    }
    Ok(text)
}

/// Both placements of ours, and the best mode of every other program in a scenario.
fn best_modes(table: &Table, scenario: &str) -> Vec<String> {
    let mut names = vec!["ours/local".to_owned(), "ours/shared".to_owned()];
    let mut programs: Vec<&str> = Vec::new();
    for row in table.of_scenario(scenario).filter(|row| is_peer(row) || row.program == "raw") {
        if !programs.contains(&row.program.as_str()) {
            programs.push(&row.program);
        }
    }
    let best = |program: &str| table.best(scenario, Metric::Rate, |row| row.program == program);
    names.extend(programs.iter().filter_map(|program| Some(best(program)?.0.contender.clone())));
    names
}

fn goals(verdicts: &[Verdict]) -> String {
    let count = |met| verdicts.iter().filter(|verdict| verdict.met == met).count();
    let mut text = format!(
        "<h2>Goals: {} met, {} not met, {} without figures</h2>\n<div class=\"table\"><table>\
         <tr><th>scenario<th>ours<th>demand<th>shown<th></tr>\n",
        count(Some(true)),
        count(Some(false)),
        count(None)
    );
    for verdict in verdicts {
        let (class, word) = match verdict.met {
            Some(true) => ("met", "met"),
            Some(false) => ("missed", "not met"),
            None => ("none", "no figures"),
        };
        let cells = [&verdict.scenario, &verdict.ours, &verdict.demand, &verdict.shown];
        let cells: String = cells.into_iter().map(|cell| format!("<td>{}", escape(cell))).collect();
        text += &format!("<tr>{cells}<td class=\"{class}\">{word}</tr>\n");
    }
    text + "</table></div>\n"
}

fn section(table: &Table, scenario: &str) -> Outcome<String> {
    let rows: Vec<&Row> = table.of_scenario(scenario).collect();
    let columns = columns(table, scenario);
    let title = rows.first().map_or(scenario, |row| &row.title);
    let mut text = format!("<h3 id=\"{scenario}\">{}</h3>\n", escape(title));
    // Round trips are about their time, whose inverse the rate is.
    let is_shown =
        |metric: &Metric| is_principal(*metric) && !(*metric == Metric::Rate && columns.contains(&Metric::P50));
    for metric in columns.iter().copied().filter(is_shown) {
        if let Some(svg) = chart::bars(&rows, metric)? {
            let open = if metric == Metric::Cpu { "" } else { " open" };
            text += &format!("<details{open}><summary>{}</summary>{svg}</details>\n", metric.title());
        }
    }
    let head: String = columns.iter().map(|metric| format!("<th>{}", metric.title())).collect();
    text += "<details><summary>figures</summary><div class=\"table\"><table>";
    text += &format!("<tr><th>{head}<th>driver<th>load<th>how</tr>\n");
    for row in &rows {
        let cells: String = columns.iter().map(|metric| cell(row, *metric)).collect();
        let driver = escape(row.driver.as_deref().unwrap_or(""));
        let load = row.machine.load;
        text +=
            &format!("<tr><td>{}{cells}<td>{driver}<td>{load:.1}<td>{}</tr>\n", escape(&named(row)), escape(&row.note));
    }
    text += "</table></div></details>\n";
    for (row, trouble) in rows.iter().filter_map(|row| Some((row, trouble(row)?))) {
        text += &format!("<p class=\"none\">{}: {}</p>\n", escape(&named(row)), escape(&trouble));
    }
    Ok(text)
}

fn cell(row: &Row, metric: Metric) -> String {
    let figures = row.summary(metric).map(|summary| {
        let (least, most) = (number(summary.least), number(summary.most));
        format!("{} <small>{least}–{most}</small>", number(summary.median))
    });
    format!("<td class=\"n\">{}", figures.unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
