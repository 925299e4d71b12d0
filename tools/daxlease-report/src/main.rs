// SPDX-License-Identifier: GPL-2.0

//! `daxlease-report SAMPLES DIRECTORY`: what `make bench` makes of its samples.
//!
//! A table on stdout; in the directory `results.json` and a plot of each benchmark.

mod figures;
mod plot;
mod samples;
mod stats;
mod table;

use std::{env, fs, path::Path, process::ExitCode};

use anyhow::{Context, Result};
use serde::Serialize;

use figures::{unit, Figure};
use samples::Samples;
use stats::Spread;

/// The median of one case, for those who want more than the ratios.
#[derive(Serialize)]
struct Case<'a> {
    bench: &'a str,
    on: &'a str,
    case: &'a str,
    x: u64,
    unit: &'static str,
    #[serde(flatten)]
    spread: Spread,
}

#[derive(Serialize)]
struct Results<'a> {
    figures: &'a [Figure],
    cases: Vec<Case<'a>>,
}

fn cases(samples: &Samples) -> Vec<Case<'_>> {
    samples
        .iter()
        .filter_map(|(key, rounds)| {
            Some(Case {
                bench: &key.bench,
                on: &key.on,
                case: &key.case,
                x: key.x,
                unit: unit(&key.bench),
                spread: Spread::of(rounds.values().copied())?,
            })
        })
        .collect()
}

fn report(file: &Path, directory: &Path) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let samples = Samples::parse(&text).with_context(|| file.display().to_string())?;
    let figures = figures::figures(&samples);

    print!("{}", table::table(&figures));
    let results = Results {
        figures: &figures,
        cases: cases(&samples),
    };
    let json = directory.join("results.json");
    fs::write(&json, serde_json::to_string_pretty(&results)? + "\n")
        .with_context(|| json.display().to_string())?;
    for bench in samples.benches() {
        let file = directory.join(format!("{bench}.svg"));
        plot::plot(&samples, &bench, unit(&bench), &file)
            .with_context(|| file.display().to_string())?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let [file, directory] = arguments.as_slice() else {
        eprintln!("usage: daxlease-report SAMPLES DIRECTORY");
        return ExitCode::from(2);
    };

    match report(Path::new(file), Path::new(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("daxlease-report: {error:#}");
            ExitCode::FAILURE
        }
    }
}
