//! Charts, drawn as SVG by plotters.

use plotters::backend::SVGBackend;
use plotters::prelude::*;

use crate::Outcome;
use crate::goals::number;
use crate::metric::Metric;
use crate::scenario::bytes;
use crate::stats::Summary;
use crate::table::{Row, Table};

const WIDTH: u32 = 860;
/// Of one bar with the gap below it.
const BAR: i32 = 22;
const LEFT: i32 = 190;
const RIGHT: i32 = 110;

/// One bar for each row that has the metric, from its least to its most at the tip.
pub fn bars(rows: &[&Row], metric: Metric) -> Outcome<Option<String>> {
    let bars: Vec<(&Row, Summary)> = rows.iter().filter_map(|row| Some((*row, row.summary(metric)?))).collect();
    let Some(most) = bars.iter().map(|(_, summary)| summary.most).reduce(f64::max).filter(|most| *most > 0.0) else {
        return Ok(None);
    };
    let scale = f64::from(WIDTH as i32 - LEFT - RIGHT) / most;
    let x = |value: f64| LEFT + (value * scale) as i32;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, (bars.len() as i32 * BAR + 8) as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        for (at, (row, summary)) in bars.iter().enumerate() {
            let top = at as i32 * BAR + 4;
            let middle = top + BAR / 2 - 2;
            let text = |text: String, x: i32| Text::new(text, (x, middle - 6), ("sans-serif", 13).into_font());
            let bar = [(LEFT, top), (x(summary.median).max(LEFT + 1), top + BAR - 5)];
            area.draw(&Rectangle::new(bar, color(&row.program).filled()))?;
            area.draw(&PathElement::new(vec![(x(summary.least), middle), (x(summary.most), middle)], BLACK))?;
            area.draw(&text(row.contender.clone(), 4))?;
            area.draw(&text(number(summary.median), x(summary.most) + 6))?;
        }
        area.present()?;
    }
    Ok(Some(svg))
}

/// Rate by size, both on logarithmic scales: a line for each contender that has at least two sizes.
pub fn lines(table: &Table, prefix: &str, contenders: &[&str]) -> Outcome<Option<String>> {
    let lines: Vec<(&str, Vec<(f64, f64)>)> = contenders
        .iter()
        .map(|contender| (*contender, points(table, prefix, contender)))
        .filter(|(_, points)| points.len() > 1)
        .collect();
    let all = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let bound = |pick: fn((f64, f64)) -> f64, fold: fn(f64, f64) -> f64| all().map(pick).reduce(fold);
    let ends = (bound(|p| p.0, f64::min), bound(|p| p.0, f64::max), bound(|p| p.1, f64::min), bound(|p| p.1, f64::max));
    let (Some(left), Some(right), Some(low), Some(high)) = ends else { return Ok(None) };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, 420)).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(28)
            .x_label_area_size(32)
            .y_label_area_size(64)
            .build_cartesian_2d((left..right).log_scale().base(2.0), (low * 0.8..high * 1.25).log_scale())?;
        chart
            .configure_mesh()
            .x_labels(9)
            .x_label_formatter(&|size| bytes(*size as usize))
            .y_label_formatter(&|rate| number(*rate))
            .light_line_style(RGBColor(235, 235, 235))
            .draw()?;
        for (contender, points) in &lines {
            let (program, mode) = contender.split_once('/').unwrap_or((contender, ""));
            // The second placement of ours is lighter, so that two lines of one color differ.
            let style = color(program).mix(if mode == "shared" { 0.55 } else { 1.0 }).stroke_width(2);
            chart
                .draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?
                .label(*contender)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.85))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        area.present()?;
    }
    Ok(Some(svg))
}

/// Sizes and rates of one contender in the scenarios whose names are `prefix` and a size.
fn points(table: &Table, prefix: &str, contender: &str) -> Vec<(f64, f64)> {
    let rows = table.rows.iter().filter(|row| row.contender == contender);
    rows.filter_map(|row| Some((row.scenario.strip_prefix(prefix)?.parse().ok()?, row.median(Metric::Rate)?))).collect()
}

/// Each program has one color on the whole page.
fn color(program: &str) -> RGBColor {
    match program {
        "ours" => RGBColor(200, 40, 60),
        "libzmq" => RGBColor(70, 70, 80),
        "omq" => RGBColor(40, 110, 180),
        "monocoque-rs" => RGBColor(220, 140, 30),
        "rzmq" => RGBColor(110, 80, 170),
        "zeromq" => RGBColor(60, 150, 90),
        "raw" => RGBColor(185, 185, 190),
        _ => RGBColor(140, 90, 60),
    }
}
