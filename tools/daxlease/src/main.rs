// SPDX-License-Identifier: GPL-2.0

//! `daxlease`: lease DAX files for programs that know nothing of leases, and
//! show who has what leased and pinned.
//!
//! Each subcommand has a file of its own ([`run`], [`ls`], [`scan`], [`watch`],
//! [`force`], [`completions`]) and an entry in [`cli::Command`].  What they share: [`ioctl`] talks to `/dev/daxlease` (the
//! only `unsafe` code) with the structures of [`uapi`], [`listing`] and
//! [`records`] make [`lease`]s of its answers, [`table`] and [`json`] print
//! them, and [`explain`] turns an errno and the [`facts`] around it into a
//! sentence that says what to do.  What [`watch`] shows comes from [`tracefs`],
//! as [`trace`] events, and [`tell`] makes sentences of it.
//!
//! On stderr there is never more than one error, behind `daxlease: `.

mod busy;
mod cli;
mod completions;
mod explain;
mod facts;
mod failure;
mod force;
mod help;
mod ioctl;
mod json;
mod lease;
mod listing;
mod ls;
mod man;
mod mounts;
mod output;
mod records;
mod run;
mod scan;
mod sizes;
mod table;
mod tell;
mod times;
mod trace;
mod tracefs;
mod uapi;
mod watch;

use clap::error::ErrorKind;
use clap::Parser;
use cli::Cli;
use cli::Command;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    match parse_and_run() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("daxlease: {failure}");
            failure.code()
        }
    }
}

fn parse_and_run() -> Result<ExitCode, Failure> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Asked for: --help and --version.
        Err(error) if !error.use_stderr() => {
            error.print()?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(usage(&error)),
    };
    match cli.command {
        Command::Run(args) => match run::run(&args)? {},
        Command::Ls(args) => ls::ls(&args),
        Command::Scan(args) => scan::scan(&args),
        Command::Watch(args) => watch::watch(&args),
        Command::Force(args) => return force::force(&args),
        Command::Completions(args) => completions::print(&args),
        Command::GenMan(args) => man::generate(&args.dir),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn usage(error: &clap::Error) -> Failure {
    // clap would list the hidden subcommand too.
    if error.kind() == ErrorKind::MissingSubcommand {
        return Failure::Usage("no subcommand given: see 'daxlease --help'".into());
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    Failure::Usage(text.trim_end().into())
}
