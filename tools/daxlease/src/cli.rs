// SPDX-License-Identifier: GPL-2.0

//! The command line.  `--help` and the manual pages are made from what stands
//! here and in [`crate::help`].

use crate::help;
use crate::sizes::Range;
use crate::times::BreakTime;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
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
/// ("Text file busy") or, where the lease is a breakable one, waits while the
/// holder is asked to let go. Reading, writing, extending, renaming and unlinking the
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
    #[command(override_usage = "daxlease run [OPTION]... FILE... -- CMD [ARG]...")]
    Run(RunArgs),
    #[command(after_long_help = help::text(help::LS))]
    #[command(override_usage = "daxlease ls [--json] [FILE]...")]
    Ls(LsArgs),
    #[command(after_long_help = help::text(help::SCAN))]
    #[command(override_usage = "daxlease scan [--range OFFSET:LENGTH] [--json] FILE")]
    Scan(ScanArgs),
    #[command(after_long_help = help::text(help::WATCH))]
    #[command(override_usage = "daxlease watch [--json] [FILE]...")]
    Watch(WatchArgs),
    #[command(after_long_help = help::text(help::FORCE))]
    #[command(override_usage = "daxlease force [--kill] [--range OFFSET:LENGTH] [--json] FILE")]
    Force(ForceArgs),
    #[command(after_long_help = help::text(help::COMPLETIONS))]
    #[command(override_usage = "daxlease completions SHELL")]
    Completions(CompletionsArgs),
    /// Write the manual pages into a directory
    #[command(hide = true)]
    GenMan(GenManArgs),
}

/// Lease files, then become a command that may pin their pages
///
/// Takes a layout lease on each FILE, an exclusive one unless --breakable says
/// otherwise, and then executes CMD in
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
    /// Let layout changes by others wait instead of failing
    ///
    /// Whoever truncates a leased file, or changes its layout in another way,
    /// waits until CMD has unpinned the range or the break time is over. CMD
    /// hears of it if it reads its lease descriptors, or by SIGIO. At the end of
    /// the break time pins that the kernel can take back are revoked; if there
    /// are others, the layout change fails with ETXTBSY.
    #[arg(long)]
    pub breakable: bool,

    /// For how long layout changes wait, such as 5s or 500ms
    ///
    /// A number with ms, s or min. Without it the system's default applies, 10s
    /// unless the module was loaded with another one.
    #[arg(long, value_name = "TIME", requires = "breakable")]
    pub break_time: Option<BreakTime>,

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
/// holds them, on behalf of which process, and where in the file; and below
/// each pin the file that has to be closed for it to go, with the processes
/// that have this file open now, also after it was handed on.
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

/// Show what happens to leases and pins, while it happens
///
/// Prints a sentence for each lease taken or given back, each pin made, undone or
/// revoked, and each layout change of a leased file: what it met, for what it
/// waits, how it ended. Ends when it is interrupted, by Ctrl-C for example.
///
/// Needs root: the events are the kernel's tracepoints. They are recorded in an
/// instance of tracefs of its own, which is removed at the end, so other users
/// of tracing are not disturbed.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Show only what happens to these files
    ///
    /// A file is recognised by device and inode number, whatever name it is
    /// given by here.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,

    /// Print JSON, one object per line, instead of sentences
    #[arg(long)]
    pub json: bool,
}

/// Take pins away from their owners, as a last resort
///
/// Revokes all pins of FILE, or of a part of it, that the kernel can take back:
/// the device loses access to the pages, and its user gets errors. What cannot
/// be revoked stays, unless --kill is given. Leases stay, too, and their holders
/// may pin again.
///
/// Only for root (CAP_SYS_ADMIN). Each use leaves a line in the kernel log.
#[derive(Args, Debug)]
pub struct ForceArgs {
    /// Force only LENGTH bytes, from OFFSET on
    ///
    /// Any number of bytes, or one with a suffix K, M, G or T (1024-based).
    /// LENGTH 0 means to the end of the file. Without this option the whole file
    /// is meant.
    #[arg(
        long,
        value_name = "OFFSET:LENGTH",
        default_value = "0:0",
        hide_default_value = true
    )]
    pub range: Range,

    /// Kill who has pins that cannot be revoked, and who holds leases there
    ///
    /// With SIGKILL. Whatever these processes have not saved is lost. Without
    /// this option nobody is killed.
    #[arg(long)]
    pub kill: bool,

    /// Print JSON instead of sentences
    #[arg(long)]
    pub json: bool,

    /// File to force
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// Print the completions for a shell
///
/// The shell then completes subcommands, options and file names behind
/// 'daxlease' when the Tab key is pressed.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Shells that there are completions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// The GNU shell
    Bash,
    /// The Z shell
    Zsh,
    /// The friendly interactive shell
    Fish,
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
    fn run_breakable() {
        let args = run("daxlease run --breakable a -- true");
        assert!(args.breakable && args.break_time.is_none());
        let args = run("daxlease run --breakable --break-time 5s a -- true");
        assert_eq!(args.break_time.map(|time| time.ms), Some(5000));
        assert!(!run("daxlease run a -- true").breakable);
        let alone = parse("daxlease run --break-time 5s a -- true");
        assert_eq!(alone.err(), Some(ErrorKind::MissingRequiredArgument));
        let bad = parse("daxlease run --breakable --break-time 5 a -- true");
        assert_eq!(bad.err(), Some(ErrorKind::ValueValidation));
    }

    #[test]
    fn watch_and_force() {
        match parse("daxlease watch --json a b") {
            Ok(Command::Watch(args)) => assert!(args.json && args.files.len() == 2),
            other => panic!("{other:?}"),
        }
        match parse("daxlease force --kill --range 0:4K f") {
            Ok(Command::Force(args)) => assert!(args.kill && args.range.length == 4096),
            other => panic!("{other:?}"),
        }
        assert!(matches!(parse("daxlease force f"), Ok(Command::Force(args)) if !args.kill));
        let none = parse("daxlease force --kill");
        assert_eq!(none.err(), Some(ErrorKind::MissingRequiredArgument));
        let tcsh = parse("daxlease completions tcsh");
        assert_eq!(tcsh.err(), Some(ErrorKind::InvalidValue));
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
