// SPDX-License-Identifier: GPL-2.0

//! The command line.  `--help` and the manual pages are made from what stands
//! here and in [`crate::help`].

use crate::help;
use crate::sizes::Range;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueHint;
use std::ffi::OsString;
use std::path::PathBuf;

/// Leases that let a device keep pages of a DAX file pinned
///
/// On a file system in DAX mode the memory of a mapped file is the storage
/// itself. A device that keeps such memory pinned, as RDMA does for a memory
/// region, would go on writing to a block after a truncate has given it to
/// another file. Linux therefore refuses these long-term pins
/// (EOPNOTSUPP).
///
/// A layout lease makes them legal. While a process holds a lease on a file,
/// devices may pin the file's pages for it, and whatever would move or free
/// the leased blocks (truncate, punching holes, reflink) fails with ETXTBSY
/// ("Text file busy"). Reading, writing, extending, renaming and unlinking the
/// file go on as always.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = false, max_term_width = 80)]
#[command(after_long_help = help::text(help::TOP))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One subcommand each.
#[derive(Debug, Subcommand)]
pub enum Command {
    #[command(after_long_help = help::text(help::RUN))]
    #[command(override_usage = "daxlease run [--range OFFSET:LENGTH] FILE... -- CMD [ARG]...")]
    Run(RunArgs),
    #[command(after_long_help = help::text(help::LS))]
    #[command(override_usage = "daxlease ls [--json] [FILE]...")]
    Ls(LsArgs),
    #[command(after_long_help = help::text(help::SCAN))]
    #[command(override_usage = "daxlease scan [--range OFFSET:LENGTH] [--json] FILE")]
    Scan(ScanArgs),
    /// Write the manual pages into a directory
    #[command(hide = true)]
    GenMan(GenManArgs),
}

/// Lease files, then become a command that may pin their pages
///
/// Takes an exclusive layout lease on each FILE and then executes CMD in
/// place: the process that took the leases turns into CMD and keeps its
/// process id. So CMD holds the leases, without any change to it, until it
/// exits.
///
/// Holder is the one process that CMD runs in, with all its threads. Children
/// that it forks are not holders, and their pins are refused as without a
/// lease. So CMD must be the program that does the pinning itself, not a shell
/// script or launcher that starts it as a child; in a script, use exec.
///
/// The files must exist, be open to you for writing, be yours (or you need
/// CAP_LEASE), and lie on an ext4 or xfs file system in DAX mode. If one of
/// them cannot be leased, none is, and CMD does not run.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Lease only LENGTH bytes of each file, from OFFSET on
    ///
    /// Both are multiples of the page size, in bytes or with a suffix K, M, G
    /// or T (1024-based). LENGTH 0 means to the end of the file, wherever that
    /// will be. Without this option each file is leased as a whole.
    #[arg(
        long,
        value_name = "OFFSET:LENGTH",
        default_value = "0:0",
        hide_default_value = true
    )]
    pub range: Range,

    /// Files to lease; each gets a lease of its own
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    /// Command to execute, and its arguments
    #[arg(required = true, last = true, value_names = ["CMD", "ARG"], num_args = 1..)]
    #[arg(value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<OsString>,
}

/// List leases, and who has pages pinned under them
///
/// Shows each lease with its file, range, mode, state, the process that took
/// it, and how much is pinned; below it, the pins: which device or subsystem
/// holds them, on behalf of which process, and where in the file.
///
/// Shown are the leases taken by your user id; root (CAP_SYS_ADMIN) sees all.
#[derive(Args, Debug)]
pub struct LsArgs {
    /// Show only leases on these files
    ///
    /// A file is recognised by device and inode number, whatever name it is
    /// given by here.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    /// Print JSON instead of the table
    #[arg(long)]
    pub json: bool,
}

/// Tell whether a file is busy, and by whom
///
/// Looks at a FILE in DAX mode, or at a part of it: is it idle, does a device
/// have pages of it pinned for long, or has something a transient reference to
/// them, such as a direct read or write that is on its way? Then shows the
/// leases that touch the part, with their pins there, as 'daxlease ls' does.
///
/// Nothing is changed, unmapped or waited for, so the answer is that of a
/// moment.
///
/// Whoever can open FILE, for reading or for writing, is told whether it is
/// busy. Shown are the leases taken by your user id; root (CAP_SYS_ADMIN) sees
/// all.
#[derive(Args, Debug)]
pub struct ScanArgs {
    /// Look only at LENGTH bytes, from OFFSET on
    ///
    /// Any number of bytes, or one with a suffix K, M, G or T (1024-based); each
    /// page that they touch is looked at. LENGTH 0 means to the end of the file.
    /// Without this option the whole file is looked at.
    #[arg(
        long,
        value_name = "OFFSET:LENGTH",
        default_value = "0:0",
        hide_default_value = true
    )]
    pub range: Range,

    /// Print JSON instead of the sentence and the table
    #[arg(long)]
    pub json: bool,

    /// File to look at
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// Where to write.
#[derive(Args, Debug)]
pub struct GenManArgs {
    /// An existing directory
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Command, ErrorKind> {
        let words = line.split(' ').map(OsString::from);
        match Cli::try_parse_from(words) {
            Ok(cli) => Ok(cli.command),
            Err(error) => Err(error.kind()),
        }
    }

    fn run(line: &str) -> RunArgs {
        match parse(line) {
            Ok(Command::Run(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn run_splits_files_from_the_command() {
        let args = run("daxlease run a b -- ib_write_bw -d rxe0 --mmap=a -- c");
        assert_eq!(args.files, ["a", "b"].map(PathBuf::from));
        assert_eq!(
            args.command,
            ["ib_write_bw", "-d", "rxe0", "--mmap=a", "--", "c"]
        );
        assert_eq!(args.range, Range::default());
        let args = run("daxlease run --range 4K:2M a -- true");
        assert_eq!((args.range.offset, args.range.length), (4096, 2 << 20));
    }

    #[test]
    fn run_wants_both() {
        for line in [
            "daxlease run",
            "daxlease run a",
            "daxlease run a true",
            "daxlease run -- true",
            "daxlease run a --",
        ] {
            assert_eq!(
                parse(line).err(),
                Some(ErrorKind::MissingRequiredArgument),
                "{line}"
            );
        }
        let bad = parse("daxlease run --range 12 a -- true");
        assert_eq!(bad.err(), Some(ErrorKind::ValueValidation));
        let unknown = parse("daxlease run --rnage 0:0 a -- true");
        assert_eq!(unknown.err(), Some(ErrorKind::UnknownArgument));
    }

    #[test]
    fn ls_takes_files_and_json() {
        match parse("daxlease ls --json a b") {
            Ok(Command::Ls(args)) => assert!(args.json && args.files.len() == 2),
            other => panic!("{other:?}"),
        }
        assert!(matches!(parse("daxlease ls"), Ok(Command::Ls(args)) if !args.json));
    }

    #[test]
    fn scan_takes_one_file() {
        match parse("daxlease scan --json f --range 1:10") {
            Ok(Command::Scan(args)) => {
                assert!(args.json);
                assert_eq!(args.file, PathBuf::from("f"));
                assert_eq!((args.range.offset, args.range.length), (1, 10));
            }
            other => panic!("{other:?}"),
        }
        match parse("daxlease scan f") {
            Ok(Command::Scan(args)) => assert!(!args.json && args.range == Range::default()),
            other => panic!("{other:?}"),
        }
        let none = parse("daxlease scan");
        assert_eq!(none.err(), Some(ErrorKind::MissingRequiredArgument));
        let two = parse("daxlease scan a b");
        assert_eq!(two.err(), Some(ErrorKind::UnknownArgument));
    }

    #[test]
    fn the_helper_is_hidden() {
        let help = Cli::command().render_long_help().to_string();
        assert!(!help.contains("gen-man"), "{help}");
        assert!(matches!(
            parse("daxlease gen-man d"),
            Ok(Command::GenMan(_))
        ));
    }
}
