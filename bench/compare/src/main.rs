//! `compare`: the harness.

use std::path::PathBuf;
use std::process::ExitCode;

use bench_compare::args::Args;
use bench_compare::report::Report;
use bench_compare::table::Table;
use bench_compare::{Outcome, campaign, contender, scenario};
use clap::Parser;

fn main() -> ExitCode {
    match run(&Args::parse().settled()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Outcome {
    if args.render {
        return report(args, Report::read(&args.out, args.report_name())?.table);
    }
    let (scenarios, mut contenders) = (scenario::all(), contender::all(&folder()?)?);
    if let Some(path) = &args.baseline {
        contenders.extend(contender::of_path(path, contender::BASELINE, None)?);
    }
    let unknown = args.unknown(&scenarios);
    if !unknown.is_empty() {
        return Err(format!("no scenario is called {}: --list tells which there are", unknown.join(", ")).into());
    }
    if args.list {
        for scenario in scenarios.iter().filter(|scenario| args.wants(scenario, &scenarios)) {
            println!("{:28} {}", scenario.to_string(), scenario.title());
        }
        for contender in contenders.iter().filter(|contender| args.wants_contender(contender)) {
            println!("{:28} {}", contender.to_string(), contender.mode.note);
        }
        return Ok(());
    }
    let table = campaign::run(args, &scenarios, &contenders, |line| eprintln!("{line}"))?;
    report(args, table)
}

fn report(args: &Args, newer: Table) -> Outcome {
    let mut table = newer;
    if args.merge {
        let mut older = Report::read(&args.out, args.report_name())?.table;
        older.merge(table);
        older.sort(&scenario::all());
        table = older;
    }
    let report = Report::on(table);
    report.write(&args.out, args.report_name())?;
    println!("{}", args.out.join(args.report_name()).with_extension("md").display());
    Ok(())
}

/// Where the programs are: beside this one.
fn folder() -> Outcome<PathBuf> {
    let here = std::env::current_exe()?;
    Ok(here.parent().ok_or("this program is in no folder")?.to_owned())
}
