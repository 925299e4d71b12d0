// SPDX-License-Identifier: GPL-2.0

//! Manual pages, made from the same definitions as `--help`.
//!
//! `daxlease gen-man DIR` writes them, so that a packager needs nothing but
//! the built program.

use crate::cli::Cli;
use crate::explain::shown;
use crate::failure::Failure;
use crate::help;
use crate::help::Block;
use crate::help::Section;
use clap::CommandFactory;
use clap_mangen::Man;
use roff::bold;
use roff::roman;
use roff::Roff;
use std::io;
use std::path::Path;

/// When the text last changed; not the date of the build, which would differ
/// from one build to the next.
const DATE: &str = "2026-11-20";

/// Writes `daxlease.1` and one page for each subcommand.
pub fn generate(dir: &Path) -> Result<(), Failure> {
    for (name, page) in pages()? {
        let path = dir.join(name);
        std::fs::write(&path, page).map_err(|error| {
            Failure::Own(format!(
                "cannot write the manual page {}: {error}",
                shown(&path)
            ))
        })?;
    }
    Ok(())
}

fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut top = Cli::command().disable_help_subcommand(true);
    top.build();
    let mut pages = vec![page(top.clone(), help::TOP)?];
    for command in top
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let sections = match command.get_name() {
            "run" => help::RUN,
            "ls" => help::LS,
            "scan" => help::SCAN,
            "watch" => help::WATCH,
            "force" => help::FORCE,
            "completions" => help::COMPLETIONS,
            _ => &[],
        };
        pages.push(page(command.clone(), sections)?);
    }
    Ok(pages)
}

fn page(mut command: clap::Command, sections: &[Section]) -> io::Result<(String, Vec<u8>)> {
    let is_top = command.has_subcommands();
    let usage = command.render_usage().to_string();
    let man = Man::new(command)
        .source(concat!("daxlease ", env!("CARGO_PKG_VERSION")))
        .date(DATE)
        .manual("User Commands");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    synopsis(&usage).to_writer(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if is_top {
        man.render_subcommands_section(&mut out)?;
    }
    let mut roff = Roff::new();
    for section in sections {
        render(section, &mut roff);
    }
    see_also(&man.get_filename(), &mut roff);
    roff.to_writer(&mut out)?;
    Ok((man.get_filename(), out))
}

/// clap_mangen's own does not know the usage lines that [`crate::cli`] gives.
fn synopsis(usage: &str) -> Roff {
    let usage = usage.trim().trim_start_matches("Usage: ");
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(usage)]);
    roff
}

fn render(section: &Section, roff: &mut Roff) {
    roff.control("SH", [section.title]);
    for block in section.blocks {
        match block {
            Block::Text(text) => {
                roff.control("PP", []);
                roff.text([roman(*text)]);
            }
            Block::Code(line) => {
                roff.control("RS", ["4"]);
                roff.control("EX", []);
                roff.text([roman(*line)]);
                roff.control("EE", []);
                roff.control("RE", []);
            }
            Block::Items(items) => {
                for (term, meaning) in *items {
                    roff.control("TP", []);
                    roff.text([bold(*term)]);
                    roff.text([roman(*meaning)]);
                }
            }
        }
    }
}

fn see_also(own: &str, roff: &mut Roff) {
    let pages = [
        ("daxlease", "1"),
        ("daxlease-completions", "1"),
        ("daxlease-force", "1"),
        ("daxlease-ls", "1"),
        ("daxlease-run", "1"),
        ("daxlease-scan", "1"),
        ("daxlease-watch", "1"),
        ("fallocate", "1"),
        ("ndctl", "1"),
        ("mmap", "2"),
        ("mount", "8"),
    ];
    let pages = pages
        .iter()
        .filter(|(name, section)| format!("{name}.{section}") != own);
    roff.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for (name, section) in pages {
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend([bold(*name), roman(format!("({section})"))]);
    }
    roff.text(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_for_each_command() {
        let pages = pages().unwrap();
        let names: Vec<_> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "daxlease.1",
                "daxlease-run.1",
                "daxlease-ls.1",
                "daxlease-scan.1",
                "daxlease-watch.1",
                "daxlease-force.1",
                "daxlease-completions.1"
            ]
        );
        for (name, page) in &pages {
            let text = String::from_utf8(page.clone()).unwrap();
            for heading in [
                "NAME",
                "SYNOPSIS",
                "DESCRIPTION",
                "\"EXIT STATUS\"",
                "\"SEE ALSO\"",
            ] {
                assert!(
                    text.contains(&format!(".SH {heading}\n")),
                    "{name}: {heading}\n{text}"
                );
            }
            assert!(!text.contains(r"gen\-man"), "{name}");
        }
        let run = String::from_utf8(pages[1].1.clone()).unwrap();
        assert!(run.contains(r"FILE... \-\- CMD [ARG]..."), "{run}");
    }
}
