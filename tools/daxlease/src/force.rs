// SPDX-License-Identifier: GPL-2.0

//! `daxlease force`: the unpin of last resort.

use crate::cli::ForceArgs;
use crate::explain;
use crate::facts;
use crate::failure::Failure;
use crate::ioctl::Forced;
use crate::ioctl::LeaseFd;
use crate::json;
use crate::lease::State;
use crate::listing;
use crate::output;
use crate::scan;
use crate::sizes;
use rustix::fd::AsFd;
use rustix::fd::BorrowedFd;
use rustix::io::retry_on_intr;
use std::process::ExitCode;
use std::time::Duration;
use std::time::Instant;

/// Exit code where pins or leases are left.
const LEFT: u8 = 1;

/// How long killed processes are given to end.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// Does it, and says what was done.
pub fn force(args: &ForceArgs) -> Result<ExitCode, Failure> {
    let forced = act(args).map_err(Failure::Own)?;
    let text = if args.json {
        json::render_force(&args.file, args.range.into(), &forced).map_err(std::io::Error::from)?
    } else {
        for_people(args, &forced)
    };
    output::print(&text)?;
    Ok(match forced {
        Forced {
            pins: 0, leases: 0, ..
        } => ExitCode::SUCCESS,
        _ => ExitCode::from(LEFT),
    })
}

fn act(args: &ForceArgs) -> Result<Forced, String> {
    let path = &args.file;
    let file = scan::open(path).map_err(|errno| explain::open_to_scan(path, errno))?;
    let fd = LeaseFd::open().map_err(|errno| explain::device(errno, &facts::machine()))?;
    let mut forced =
        retry_on_intr(|| fd.force(file.as_fd(), args.range, args.kill)).map_err(|errno| {
            let facts = facts::file(file.as_fd()).ok();
            explain::force(path, errno, args.range, facts.as_ref(), &facts::machine())
        })?;
    if args.kill {
        settle(&fd, file.as_fd(), args, &mut forced);
    }
    Ok(forced)
}

/// Killed processes take a moment to end, and their pins go with them.
fn settle(fd: &LeaseFd, file: BorrowedFd<'_>, args: &ForceArgs, forced: &mut Forced) {
    let begun = Instant::now();
    while (forced.pins > 0 || forced.leases > 0) && begun.elapsed() < PATIENCE {
        std::thread::sleep(PAUSE);
        let Ok((_, leases)) = listing::scan(fd, file, args.range) else {
            return;
        };
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        forced.pins = count(leases.iter().map(|lease| lease.pins.len()).sum());
        forced.leases = count(
            leases
                .iter()
                .filter(|lease| lease.state != State::Orphaned)
                .count(),
        );
    }
}

fn for_people(args: &ForceArgs, forced: &Forced) -> String {
    let path = explain::shown(&args.file);
    let place = if args.range == Default::default() {
        path.clone()
    } else {
        format!("{path}, {}", sizes::describe(args.range.into()))
    };
    let mut text = format!(
        "{place}: {} revoked, {} killed.\n",
        number(forced.revoked, "pin"),
        number(forced.killed, "process"),
    );
    let left = match (forced.pins, forced.leases) {
        (0, 0) => return text + "Nothing is pinned or leased there any more.\n",
        (0, leases) => number(leases, "lease"),
        (pins, 0) => number(pins, "pin"),
        (pins, leases) => format!("{} and {}", number(pins, "pin"), number(leases, "lease")),
    };
    text += &match (args.kill, forced.pins) {
        (false, 0) => format!(
            "{left} left, without pins: the holders may pin again. 'daxlease ls {path}' shows \
             them; end them, or run this again with --kill.\n"
        ),
        (false, _) => format!(
            "{left} left, with pins that the kernel cannot take back. 'daxlease ls {path}' shows \
             who has them; end these processes, or run this again with --kill, which kills \
             them.\n"
        ),
        (true, _) => format!(
            "{left} left: killed processes have not ended yet, or a descriptor is with one that \
             was not killed. 'daxlease ls {path}' shows who keeps it open.\n"
        ),
    };
    text
}

fn number(count: u32, thing: &str) -> String {
    match (count, thing.ends_with('s')) {
        (1, _) => format!("1 {thing}"),
        (_, true) => format!("{count} {thing}es"),
        (_, false) => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(kill: bool, forced: [u32; 4]) -> String {
        let args = ForceArgs {
            range: Default::default(),
            kill,
            json: false,
            file: "/mnt/f".into(),
        };
        let [revoked, killed, pins, leases] = forced;
        let forced = Forced {
            revoked,
            killed,
            pins,
            leases,
        };
        for_people(&args, &forced)
    }

    #[test]
    fn nothing_left() {
        assert_eq!(
            says(false, [1, 0, 0, 0]),
            "/mnt/f: 1 pin revoked, 0 processes killed.\n\
             Nothing is pinned or leased there any more.\n"
        );
    }

    #[test]
    fn what_to_do_next() {
        let text = says(false, [0, 0, 2, 1]);
        assert!(
            text.contains("2 pins and 1 lease left, with pins"),
            "{text}"
        );
        assert!(text.contains("--kill, which kills"), "{text}");
        let text = says(false, [2, 0, 0, 1]);
        assert!(text.contains("1 lease left, without pins"), "{text}");
        let text = says(true, [0, 1, 1, 0]);
        assert!(text.starts_with("/mnt/f: 0 pins revoked, 1 process killed."));
        assert!(text.contains("1 pin left: killed"), "{text}");
        assert!(!text.contains("--kill"), "{text}");
    }

    #[test]
    fn a_part_is_named() {
        let args = ForceArgs {
            range: "0:4K".parse().unwrap(),
            kill: false,
            json: false,
            file: "/mnt/f".into(),
        };
        let text = for_people(&args, &Forced::default());
        assert!(
            text.starts_with("/mnt/f, 0..4096 (4 KiB): 0 pins revoked"),
            "{text}"
        );
    }
}
