// SPDX-License-Identifier: GPL-2.0

//! A plot of each benchmark: the medians of all cases, by x where there are several,
//! side by side where not.  Both scales are logarithmic.

use std::{ops::Range, path::Path};

use anyhow::{anyhow, Result};
use plotters::{
    coord::ranged1d::{IntoSegmentedCoord, SegmentValue},
    prelude::*,
};

use crate::{samples::Samples, stats::Spread};

const SIZE: (u32, u32) = (900, 520);

/// One case on one filesystem: its spread at each x.
struct Line {
    name: String,
    points: Vec<(u64, Spread)>,
}

fn lines(samples: &Samples, bench: &str) -> Vec<Line> {
    let mut lines = Vec::new();

    for on in samples.ons(bench) {
        for case in samples.cases(bench) {
            let points: Vec<(u64, Spread)> = samples
                .xs(bench)
                .into_iter()
                .filter_map(|x| {
                    let rounds = samples.rounds(bench, &on, &case, x)?;
                    Some((x, Spread::of(rounds.values().copied())?))
                })
                .collect();
            if !points.is_empty() {
                lines.push(Line {
                    name: format!("{on}: {case}"),
                    points,
                });
            }
        }
    }
    lines
}

/// All values, with a little room; zero has no place on a logarithmic scale.
fn extent(lines: &[Line]) -> Range<f64> {
    let values = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .flat_map(|(_, spread)| [spread.lowest, spread.highest])
            .filter(|value| *value > 0.0)
    };
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(0.0, f64::max);

    if low > high {
        return 0.1..1.0;
    }
    low / 1.5..high * 1.5
}

fn shown(value: f64, floor: f64) -> f64 {
    value.max(floor)
}

fn by_x(area: &SvgArea<'_>, title: &str, unit: &str, lines: &[Line]) -> Result<()> {
    let xs = || {
        lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|(x, _)| *x as f64)
    };
    let x_range = xs().fold(f64::INFINITY, f64::min) / 1.2..xs().fold(0.0, f64::max) * 1.2;
    let y_range = extent(lines);
    let floor = y_range.start;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d(x_range.log_scale(), y_range.log_scale())?;

    chart
        .configure_mesh()
        .x_desc("size or number")
        .y_desc(unit)
        .y_label_formatter(&|y| format!("{y:.3e}"))
        .x_label_formatter(&|x| format!("{x:.0}"))
        .draw()?;
    for (index, line) in lines.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let points = line
            .points
            .iter()
            .map(|(x, spread)| (*x as f64, shown(spread.median, floor)));

        chart
            .draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        chart.draw_series(points.map(|point| Circle::new(point, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .draw()?;
    Ok(())
}

fn side_by_side(area: &SvgArea<'_>, title: &str, unit: &str, lines: &[Line]) -> Result<()> {
    let y_range = extent(lines);
    let floor = y_range.start;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(150)
        .y_label_area_size(80)
        .build_cartesian_2d((0..lines.len() - 1).into_segmented(), y_range.log_scale())?;

    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_desc(unit)
        .y_label_formatter(&|y| format!("{y:.3e}"))
        .x_labels(lines.len())
        .x_label_style(
            ("sans-serif", 13)
                .into_font()
                .transform(FontTransform::Rotate90),
        )
        .x_label_formatter(&|at| match at {
            SegmentValue::CenterOf(index) | SegmentValue::Exact(index) => lines
                .get(*index)
                .map_or(String::new(), |line| line.name.clone()),
            SegmentValue::Last => String::new(),
        })
        .draw()?;
    chart.draw_series(lines.iter().enumerate().flat_map(|(index, line)| {
        line.points.iter().map(move |(_, spread)| {
            let mut bar = Rectangle::new(
                [
                    (SegmentValue::Exact(index), floor),
                    (SegmentValue::Exact(index + 1), shown(spread.median, floor)),
                ],
                Palette99::pick(index).filled(),
            );
            bar.set_margin(0, 0, 6, 6);
            bar
        })
    }))?;
    Ok(())
}

type SvgArea<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Draws a benchmark to a file; there is nothing to draw of a single number.
pub fn plot(samples: &Samples, bench: &str, unit: &str, file: &Path) -> Result<()> {
    let lines = lines(samples, bench);
    let width = SIZE.0.max(20 * lines.len() as u32);
    let area = SVGBackend::new(file, (width, SIZE.1)).into_drawing_area();

    area.fill(&WHITE)?;
    if samples.xs(bench).len() > 1 {
        by_x(&area, bench, unit, &lines)?;
    } else {
        side_by_side(&area, bench, unit, &lines)?;
    }
    area.present()
        .map_err(|error| anyhow!("{}: {error}", file.display()))
}
