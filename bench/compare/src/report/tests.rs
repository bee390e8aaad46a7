use super::Report;
use crate::machine::Machine;
use crate::metric::Metric;
use crate::table::{Row, Table, Trouble};

fn row(contender: &str, rates: &[f64]) -> Row {
    Row {
        scenario: "tcp-push-pull-64".into(),
        title: "tcp PUSH/PULL, 64 B".into(),
        program: contender.split('/').next().unwrap().into(),
        contender: contender.into(),
        version: Some("1.2.3".into()),
        note: "as it is".into(),
        driver: Some("io_uring".into()),
        machine: Machine { cores: 2, kernel: "6.18".into(), load: 1.25, ..Machine::default() },
        samples: [(Metric::Rate, rates.to_vec())].into(),
        trouble: None,
    }
}

fn report() -> Report {
    let mut silent = row("zeromq/default", &[]);
    silent.samples.clear();
    silent.trouble = Some(Trouble::Unsupported("no such | transport <here>".into()));
    let mut shaky = row("rzmq/default", &[9e5]);
    shaky.trouble = Some(Trouble::Failed(2, "it hung".into()));
    let ours = row("ours/local", &[30e6, 10e6, 20e6]);
    Report::on(Table { rows: vec![ours, row("libzmq/default", &[2e6]), row("omq/async", &[4e6]), silent, shaky] })
}

#[test]
fn a_row_shows_its_median_its_spread_and_its_ratios() {
    let text = report().markdown();
    assert!(text.contains("**20.00 M** (10.00 M–30.00 M), ×10.00, ×5.00"), "{text}");
    assert!(text.contains("ours/local 1.2.3") && text.contains("io_uring | 1.2 |"), "{text}");
}

#[test]
fn what_was_not_measured_is_said_and_breaks_no_table() {
    let text = report().markdown();
    assert!(text.contains("| zeromq/default 1.2.3 | unsupported: no such / transport <here> |"), "{text}");
    assert!(text.contains("rzmq/default 1.2.3 (failed 2 of 3 times: it hung)"), "{text}");
    let page = report().html().unwrap();
    assert!(page.contains("no such | transport &lt;here&gt;"), "{page}");
}

#[test]
fn the_machines_own_pace_is_told_if_it_is_known() {
    let mut report = report();
    assert!(!report.markdown().contains("fixed loop") && !report.html().unwrap().contains("fixed loop"));
    report.table.rows[0].samples.insert(Metric::LoopUs, vec![300.0, 200.0]);
    report.table.rows[1].samples.insert(Metric::LoopUs, vec![350.0]);
    let told = "took 300 µs beside the median trial, 200 at best and 350 at worst";
    assert!(report.markdown().contains(told) && report.html().unwrap().contains(told), "{}", report.markdown());
    assert!(!report.markdown().contains("cache line"));
    report.table.rows[2].samples.insert(Metric::CrossingNs, vec![40.0]);
    assert!(report.markdown().contains("from one core to the other in 40.0 ns"), "{}", report.markdown());
}

#[test]
fn goals_are_judged_in_the_report() {
    let text = report().markdown();
    assert!(text.contains("| tcp-push-pull-64 | ours/local | messages/s ≥ ×8 libzmq/default | ×10.00"), "{text}");
}

#[test]
fn the_page_has_charts_and_loads_nothing() {
    let page = report().html().unwrap();
    assert!(page.contains("<svg") && page.contains("20.00 M"), "{page}");
    // The names of XML's own namespaces are not loaded.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!page.contains("http") && !page.contains("<script") && !page.contains("src="), "{page}");
}

#[test]
fn a_report_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    report().write(folder.path(), "latest").unwrap();
    assert_eq!(Report::read(folder.path(), "latest").unwrap(), report());
}

#[test]
fn newer_rows_take_the_place_of_their_own() {
    let mut table = report().table;
    table.merge(Table { rows: vec![row("omq/async", &[5e6]), row("raw/blocking", &[6e7])] });
    assert_eq!(table.rows.len(), 6);
    assert_eq!(table.rows[2].median(Metric::Rate), Some(5e6));
}
