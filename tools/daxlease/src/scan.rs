// SPDX-License-Identifier: GPL-2.0

//! `daxlease scan`: is a file busy, and by whom.

use crate::busy::Busy;
use crate::cli::ScanArgs;
use crate::explain;
use crate::facts;
use crate::failure::Failure;
use crate::ioctl::LeaseFd;
use crate::json;
use crate::lease::Extent;
use crate::lease::Lease;
use crate::listing;
use crate::output;
use crate::sizes;
use crate::table;
use rustix::fd::AsFd;
use rustix::fd::OwnedFd;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::retry_on_intr;
use rustix::io::Errno;
use std::path::Path;
use std::path::PathBuf;

/// What was asked, and what came out.
#[derive(Clone, Debug)]
pub struct Scan {
    /// As the user wrote it.
    pub path: PathBuf,
    /// The bytes that were asked for.
    pub extent: Extent,
    /// Whether they are busy.
    pub busy: Busy,
    /// Leases and pins that touch them, of those that this process may see.
    pub leases: Vec<Lease>,
}

/// Prints the verdict and the listing.
pub fn scan(args: &ScanArgs) -> Result<(), Failure> {
    let scan = look(args).map_err(Failure::Own)?;
    let text = if args.json {
        json::render_scan(&scan, facts::page_size()).map_err(std::io::Error::from)?
    } else {
        for_people(&scan, facts::page_size(), facts::sees_all_leases())
    };
    output::print(&text)
}

fn look(args: &ScanArgs) -> Result<Scan, String> {
    let path = &args.file;
    let file = open(path).map_err(|errno| explain::open_to_scan(path, errno))?;
    let fd = LeaseFd::open().map_err(|errno| explain::device(errno, &facts::machine()))?;
    match listing::scan(&fd, file.as_fd(), args.range) {
        Ok((busy, mut leases)) => {
            listing::add_openers(&fd, &mut leases);
            Ok(Scan {
                path: path.clone(),
                extent: args.range.into(),
                busy,
                leases,
            })
        }
        Err(error) => {
            let facts = facts::file(file.as_fd()).ok();
            let machine = facts::machine();
            Err(explain::scan(
                path,
                &error,
                args.range,
                facts.as_ref(),
                &machine,
            ))
        }
    }
}

/// In any way that is allowed; non-blocking, so that a pipe is no wait.
pub fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = |way: OFlags| retry_on_intr(|| rustix::fs::open(path, way | flags, Mode::empty()));
    match open(OFlags::RDONLY) {
        Err(Errno::ACCESS) => open(OFlags::WRONLY).map_err(|_| Errno::ACCESS),
        other => other,
    }
}

fn for_people(scan: &Scan, page_size: u64, sees_all: bool) -> String {
    let path = explain::shown(&scan.path);
    let whole = Extent {
        start: 0,
        end: None,
    };
    let mut text = if scan.extent == whole {
        format!("{path}: {}\n", scan.busy)
    } else {
        let range = sizes::describe(scan.extent);
        format!("{path}, {range}: {}\n", scan.busy)
    };
    text += &match (&scan.leases[..], sees_all) {
        ([], true) => "No leases there.\n".into(),
        // There may be some all the same.
        ([], false) => "No leases of your user id there; root sees all.\n".into(),
        (leases, true) => table::render(leases, page_size),
        (leases, false) => table::render(leases, page_size) + table::OWN_ONLY,
    };
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::uapi;

    /// A range that is pinned, with a transient reference and two leases.
    pub(crate) fn sample() -> Scan {
        let mut leases = table::tests::sample();
        leases.truncate(2);
        leases[1].path = leases[0].path.clone();
        leases[1].file = leases[0].file;
        Scan {
            path: "/mnt/pmem/file".into(),
            extent: Extent::new(100, 8 << 20),
            busy: Busy::new(uapi::BUSY_PINNED | uapi::BUSY_TRANSIENT, 0, 65536),
            leases,
        }
    }

    fn idle() -> Scan {
        Scan {
            extent: Extent::new(0, uapi::TO_INFINITY),
            busy: Busy::new(0, 0, 0),
            leases: vec![],
            ..sample()
        }
    }

    #[test]
    fn golden() {
        let golden = include_str!("../tests/golden/scan.txt");
        assert_eq!(for_people(&sample(), 4096, true), golden);
    }

    #[test]
    fn says_when_there_is_nothing_or_may_be_more() {
        let text = for_people(&idle(), 4096, true);
        assert!(text.starts_with("/mnt/pmem/file: idle, "), "{text}");
        assert!(text.ends_with("\nNo leases there.\n"), "{text}");
        let text = for_people(&idle(), 4096, false);
        assert!(text.ends_with("\nNo leases of your user id there; root sees all.\n"));
        let text = for_people(&sample(), 4096, false);
        assert!(text.ends_with(table::OWN_ONLY), "{text}");
        let text = for_people(&sample(), 4096, true);
        assert!(!text.contains("root"), "{text}");
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        let odd = Scan {
            path: "/a\n\x1b".into(),
            ..idle()
        };
        assert!(for_people(&odd, 4096, true).starts_with("/a\\n\\u{1b}: idle"));
    }
}
