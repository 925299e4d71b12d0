// SPDX-License-Identifier: GPL-2.0

//! `daxlease run`: acquire, then become the command.

use crate::cli::RunArgs;
use crate::explain;
use crate::facts;
use crate::failure::Failure;
use crate::ioctl::LeaseFd;
use crate::ioctl::Wish;
use crate::lease::FileId;
use crate::lease::Lease;
use crate::listing;
use rustix::fd::AsFd;
use rustix::fd::OwnedFd;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::retry_on_intr;
use rustix::io::Errno;
use std::convert::Infallible;
use std::ffi::CString;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Returns only if it failed; every lease taken until then ends with its fd.
pub fn run(args: &RunArgs) -> Result<Infallible, Failure> {
    let (command, arguments) = args
        .command
        .split_first()
        .ok_or_else(|| Failure::Usage("no command given".into()))?;
    take_name_of(command);
    // The fds are not close-on-exec: with them the leases go over to CMD.
    let _leases = args
        .files
        .iter()
        .map(|file| lease(file, args))
        .collect::<Result<Vec<LeaseFd>, String>>()
        .map_err(Failure::Own)?;
    let error = Command::new(command).args(arguments).exec();
    Err(explain::exec(Path::new(command), &error))
}

/// A lease is listed under the name of the task that took it, and this process
/// is about to be CMD.
fn take_name_of(command: &OsStr) {
    let name = Path::new(command).file_name().unwrap_or(command);
    // A lease listed as daxlease's would do as well.
    let _ = CString::new(name.as_bytes()).map(|name| rustix::thread::set_name(&name));
}

fn lease(path: &Path, args: &RunArgs) -> Result<LeaseFd, String> {
    let range = args.range;
    let file = open(path).map_err(|errno| {
        let leases = match errno {
            Errno::TXTBSY => leases_on(facts::id_of_path(path).ok()),
            _ => Vec::new(),
        };
        explain::open(path, errno, &leases)
    })?;
    let lease =
        LeaseFd::open_inheritable().map_err(|errno| explain::device(errno, &facts::machine()))?;
    // The lease does not need the file to stay open.
    match retry_on_intr(|| lease.acquire(file.as_fd(), range, wish(args))) {
        Ok(_) => Ok(lease),
        Err(errno) => {
            let leases = match errno {
                Errno::TXTBSY => leases_on(facts::id(&file).ok()),
                _ => Vec::new(),
            };
            let facts = facts::file(file.as_fd()).ok();
            let machine = facts::machine();
            Err(match (errno, args.break_time) {
                (Errno::RANGE, Some(time)) => explain::break_time(path, time),
                _ => explain::acquire(path, errno, range, facts.as_ref(), &machine, &leases),
            })
        }
    }
}

fn wish(args: &RunArgs) -> Wish {
    if args.breakable {
        Wish::Breakable(args.break_time.map(|time| time.ms))
    } else {
        Wish::Exclusive
    }
}

/// Non-blocking, so that a pipe without a reader is an error and not a wait.
fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))
}

/// For an error message: whoever is seen to have a lease on the file.
fn leases_on(id: Option<FileId>) -> Vec<Lease> {
    let Some(id) = id else {
        return Vec::new();
    };
    let mut leases = LeaseFd::open()
        .ok()
        .and_then(|fd| listing::leases(&fd).ok())
        .unwrap_or_default();
    leases.retain(|lease| lease.file == id);
    leases
}
