// SPDX-License-Identifier: GPL-2.0

//! The figures for the terminal.

use comfy_table::{presets, CellAlignment, Table};

use crate::figures::{Figure, Target};

/// Three digits that count.
fn number(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 0.01 => 3,
        _ => 5,
    };
    format!("{value:.digits$}")
}

fn size(x: Option<u64>) -> String {
    match x {
        None => String::new(),
        Some(x) if x >= 1 << 20 && x % (1 << 20) == 0 => format!("{} Mi", x >> 20),
        Some(x) if x >= 1 << 10 && x % (1 << 10) == 0 => format!("{} Ki", x >> 10),
        Some(x) => x.to_string(),
    }
}

fn target(target: Option<Target>) -> String {
    match target {
        None => String::new(),
        Some(Target::AtMost(limit)) => format!("<= {limit}"),
        Some(Target::AtLeast(limit)) => format!(">= {limit}"),
    }
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        None => "",
        Some(true) => "met",
        Some(false) => "MISSED",
    }
}

pub fn table(figures: &[Figure]) -> String {
    let mut table = Table::new();

    table.load_preset(presets::NOTHING);
    table.set_header([
        "BENCHMARK",
        "ON",
        "WHAT",
        "AT",
        "MEDIAN",
        "LOWEST",
        "HIGHEST",
        "ROUNDS",
        "TARGET",
        "",
    ]);
    for figure in figures {
        table.add_row([
            figure.bench.to_owned(),
            figure.on.clone(),
            figure.what.clone(),
            size(figure.x),
            number(figure.spread.median),
            number(figure.spread.lowest),
            number(figure.spread.highest),
            figure.spread.rounds.to_string(),
            target(figure.target),
            verdict(figure.met).to_owned(),
        ]);
    }
    for column in 3..8 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
        .lines()
        .map(|line| line.trim().to_owned() + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_matter() {
        assert_eq!(number(1234.5), "1234");
        assert_eq!(number(12.345), "12.3");
        assert_eq!(number(1.00349), "1.003");
        assert_eq!(number(0.00123), "0.00123");
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(Some(4096)), "4 Ki");
        assert_eq!(size(Some(1 << 30)), "1024 Mi");
        assert_eq!(size(Some(100)), "100");
        assert_eq!(size(None), "");
    }
}
