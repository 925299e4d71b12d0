// SPDX-License-Identifier: GPL-2.0

//! From an errno to a sentence that says what to do.

use crate::facts::FileFacts;
use crate::facts::Machine;
use crate::failure::Failure;
use crate::lease::Lease;
use crate::listing;
use crate::sizes::Range;
use crate::table::printable;
use crate::times::BreakTime;
use crate::uapi::DEVICE;
use rustix::fs::FileType;
use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const SERIES: &str = "a kernel that carries the daxlease series";

/// A path as it may be shown.
pub fn shown(path: impl AsRef<Path>) -> String {
    printable(path.as_ref().as_os_str().as_bytes())
}

/// `/dev/daxlease` does not open.
pub fn device(errno: Errno, machine: &Machine) -> String {
    let release = &machine.release;
    match errno {
        Errno::NOENT | Errno::NXIO | Errno::NODEV if machine.module_loaded => format!(
            "{DEVICE} is missing although the module is loaded: let udev or devtmpfs make the \
             device node, or, in a container, pass the device in"
        ),
        Errno::NOENT | Errno::NXIO | Errno::NODEV => format!(
            "{DEVICE} is missing, the module is not loaded: as root, run 'modprobe daxlease' \
             or 'insmod daxlease.ko'; that needs {SERIES} (running: {release}; without the \
             series it fails with 'Unknown symbol' or 'Invalid module format')"
        ),
        Errno::ACCESS | Errno::PERM => format!(
            "no permission to open {DEVICE}: as root, install 60-daxlease.rules in \
             /etc/udev/rules.d and run 'udevadm control --reload && udevadm trigger {DEVICE}'"
        ),
        Errno::MFILE | Errno::NFILE => format!(
            "{DEVICE}: too many open files; every lease needs one fd: raise the limit \
             with 'ulimit -n'"
        ),
        other => format!("{DEVICE}: {}", text(other)),
    }
}

/// A file to be leased does not open for writing.
pub fn open(path: &Path, errno: Errno, leases: &[Lease]) -> String {
    let path = shown(path);
    match errno {
        Errno::NOENT => format!(
            "{path}: no such file; a lease creates none: create it with its full size first, \
             such as 'fallocate -l 1G {path}' or 'truncate -s 1G {path}'"
        ),
        Errno::ACCESS | Errno::PERM => format!(
            "{path}: no permission to open it for writing, which a lease needs: run as its \
             owner, or change the permissions of the file or of a directory above it"
        ),
        Errno::ISDIR => format!("{path}: is a directory; only a regular file can be leased"),
        Errno::NXIO | Errno::NODEV => {
            format!("{path}: is a pipe, socket or device; only a regular file can be leased")
        }
        Errno::ROFS => format!(
            "{path}: is on a file system mounted read-only, and a lease needs a file open for \
             writing: mount it read-write"
        ),
        Errno::TXTBSY => busy(&path, leases),
        Errno::AGAIN => file_lease(&path),
        other => format!("{path}: {}", text(other)),
    }
}

/// A file to be scanned opens neither for reading nor for writing.
pub fn open_to_scan(path: &Path, errno: Errno) -> String {
    let path = shown(path);
    match errno {
        Errno::NOENT => format!("{path}: no such file; give the path of one that exists"),
        Errno::ACCESS | Errno::PERM => format!(
            "{path}: no permission to open it, for reading or for writing: run as its owner or \
             as root, or change the permissions of the file or of a directory above it"
        ),
        Errno::NXIO | Errno::NODEV => {
            format!("{path}: is a socket or device; only a regular file can be scanned")
        }
        Errno::AGAIN => file_lease(&path),
        other => format!("{path}: {}", text(other)),
    }
}

/// The kernel refuses the lease.
pub fn acquire(
    path: &Path,
    errno: Errno,
    range: Range,
    facts: Option<&FileFacts>,
    machine: &Machine,
    leases: &[Lease],
) -> String {
    let path = shown(path);
    match errno {
        Errno::OPNOTSUPP => format!("{path}: {}", unsupported(facts, machine)),
        Errno::ACCESS | Errno::PERM => {
            let owner = match facts {
                // The same number in a user namespace without a mapping.
                Some(facts) if facts.uid == machine.uid => {
                    "is not yours in this user namespace".into()
                }
                Some(facts) => format!("belongs to uid {}, you are uid {}", facts.uid, machine.uid),
                None => "belongs to another user".into(),
            };
            format!("{path}: {owner}: run as the owner of the file, or with CAP_LEASE")
        }
        Errno::INVAL => format!("{path}: {}", bad_range(range, machine)),
        Errno::AGAIN => {
            format!(
                "{path}: a layout change (such as a truncate) is under way, and may be waiting for \
                 another lease's pins: try again when it is over ('daxlease ls {path}' shows who \
                 is in the way)"
            )
        }
        Errno::NOSPC => format!(
            "{path}: uid {} has as many leases as one user may have: end some ('daxlease ls' \
             shows them), or, as root, load the module with a larger max_leases_per_user",
            machine.uid
        ),
        Errno::MFILE | Errno::NFILE => {
            format!("{path}: too many open files: raise the limit with 'ulimit -n'")
        }
        Errno::TXTBSY => busy(&path, leases),
        Errno::NOTTY => format!("{path}: {}", foreign_device(machine)),
        other => format!("{path}: cannot be leased: {}", text(other)),
    }
}

/// A holder may not keep others waiting for so long.
pub fn break_time(path: &Path, time: BreakTime) -> String {
    format!(
        "{}: a break time of {time} is more than this system allows: ask for less with \
         --break-time, or, as root, load the module with a larger max_break_time_ms (by default \
         60000, a minute)",
        shown(path)
    )
}

/// Nothing is forced.
pub fn force(
    path: &Path,
    errno: Errno,
    range: Range,
    facts: Option<&FileFacts>,
    machine: &Machine,
) -> String {
    let shown = shown(path);
    match errno {
        Errno::PERM => format!(
            "{shown}: only an administrator may take pins away from others: run 'daxlease force' \
             as root (CAP_SYS_ADMIN, outside of containers)"
        ),
        Errno::NOTTY => format!("{shown}: {}", foreign_device(machine)),
        Errno::OPNOTSUPP => format!("{shown}: {}", unsupported(facts, machine)),
        Errno::INVAL => format!(
            "{shown}: {}",
            beyond_all_files(range).unwrap_or_else(|| foreign_range("does not force", range))
        ),
        other => format!("{shown}: nothing was forced: {}", text(other)),
    }
}

/// There is no listing.
pub fn listing(error: &listing::Error, machine: &Machine) -> String {
    match error {
        listing::Error::Refused(Errno::NOTTY) => foreign_device(machine),
        listing::Error::Refused(errno) => format!("cannot list the leases: {}", text(*errno)),
        listing::Error::Malformed(_) => format!(
            "{error}; do this program and the module come from the same version of daxlease?"
        ),
    }
}

/// There is no scan.
pub fn scan(
    path: &Path,
    error: &listing::Error,
    range: Range,
    facts: Option<&FileFacts>,
    machine: &Machine,
) -> String {
    let errno = match error {
        listing::Error::Refused(errno) => *errno,
        listing::Error::Malformed(_) => return listing(error, machine),
    };
    let path = shown(path);
    match errno {
        Errno::OPNOTSUPP => {
            let why = unsupported(facts, machine);
            let why = why
                .strip_prefix("is ")
                .map_or(why.clone(), |kind| format!("it is {kind}"));
            format!("{path}: cannot be scanned: {why}")
        }
        Errno::INVAL => format!(
            "{path}: {}",
            beyond_all_files(range).unwrap_or_else(|| foreign_range("does not scan", range))
        ),
        Errno::NOTTY => format!(
            "{path}: {DEVICE} knows no scan: the module is older than this program, or it is \
             another device: as root, run 'rmmod daxlease' and load the module that came with \
             this program (kernel {})",
            machine.release
        ),
        other => format!("{path}: cannot be scanned: {}", text(other)),
    }
}

/// A file to filter by cannot be looked at.
pub fn stat(path: &Path, errno: Errno) -> String {
    let path = shown(path);
    match errno {
        Errno::NOENT => {
            format!("{path}: no such file; run 'daxlease ls' without it to see all leases")
        }
        other => format!("{path}: {}", text(other)),
    }
}

/// The command does not start.
pub fn exec(command: &Path, error: &std::io::Error) -> Failure {
    let name = shown(command);
    let errno = Errno::from_io_error(error);
    match errno {
        Some(Errno::NOENT) if command.exists() && name.contains('/') => Failure::NotFound(format!(
            "{name}: exists, but its interpreter does not: look at its first line if it is a \
             script, or at 'file {name}'"
        )),
        Some(Errno::NOENT) if name.contains('/') => {
            Failure::NotFound(format!("{name}: command not found: no such file"))
        }
        Some(Errno::NOENT) => Failure::NotFound(format!(
            "{name}: command not found in PATH: install it, or give its path"
        )),
        Some(Errno::ACCESS) if command.is_dir() => {
            Failure::NotExecutable(format!("{name}: is a directory, not a command"))
        }
        Some(Errno::ACCESS) => Failure::NotExecutable(format!(
            "{name}: not executable: 'chmod +x' it if it is a program, and see that its file \
             system is not mounted noexec"
        )),
        Some(Errno::NOEXEC) => Failure::NotExecutable(format!(
            "{name}: not a program for this machine; a script must begin with '#!'"
        )),
        Some(Errno::TXTBSY) => Failure::NotExecutable(format!(
            "{name}: cannot be run while a process has it open for writing"
        )),
        Some(other) => Failure::NotExecutable(format!("{name}: cannot be run: {}", text(other))),
        None => Failure::NotExecutable(format!("{name}: cannot be run: {error}")),
    }
}

/// Why a file is of the wrong kind.
fn unsupported(facts: Option<&FileFacts>, machine: &Machine) -> String {
    let Some(facts) = facts else {
        return "only a regular file in DAX mode on ext4 or xfs can be leased".into();
    };
    let kind = match facts.kind {
        FileType::RegularFile => None,
        FileType::Directory => Some("a directory"),
        FileType::Fifo => Some("a pipe"),
        FileType::Socket => Some("a socket"),
        FileType::CharacterDevice => Some("a character device"),
        FileType::BlockDevice => Some("a block device"),
        _ => Some("no regular file"),
    };
    if let Some(kind) = kind {
        return format!("is {kind}; only a regular file can be leased");
    }
    let Some(mount) = &facts.mount else {
        return if facts.dax {
            "its file system has no layout leases; ext4 and xfs have them".into()
        } else {
            "is not in DAX mode; mount its file system (ext4 or xfs) with -o dax=always".into()
        };
    };
    let (fstype, target) = (&mount.fstype, shown(&mount.target));
    if !matches!(fstype.as_str(), "ext4" | "xfs") {
        return format!(
            "is on {fstype} (mounted at {target}); a lease needs a file on ext4 or xfs in DAX \
             mode, on persistent memory"
        );
    }
    if facts.dax {
        return format!(
            "is in DAX mode on {fstype}, yet the kernel knows no layout leases there; is the \
             running kernel ({}) {SERIES}?",
            machine.release
        );
    }
    if mount.dax_always() {
        return format!(
            "{target} is mounted with dax=always, yet this file is not in DAX mode: encryption, \
             verity, inline data, data journalling and xfs real-time files rule it out; copy \
             the data into a new, plain file and use that"
        );
    }
    format!(
        "is on {fstype}, but not in DAX mode: 'umount {target}' and 'mount -o dax=always {} \
         {target}'; the device must be persistent memory (a namespace in fsdax mode, see \
         'ndctl list')",
        shown(&mount.source)
    )
}

fn bad_range(range: Range, machine: &Machine) -> String {
    let page = machine.page_size;
    let Range { offset, length } = range;
    if offset % page != 0 || length % page != 0 {
        return format!(
            "range {range}: offset and length must be multiples of the page size, {page} bytes"
        );
    }
    beyond_all_files(range).unwrap_or_else(|| foreign_range("takes no lease on", range))
}

fn beyond_all_files(range: Range) -> Option<String> {
    let end = range.offset.checked_add(range.length);
    end.is_none_or(|end| end > i64::MAX as u64)
        .then(|| format!("range {range}: ends behind the largest possible file"))
}

fn foreign_range(does_not: &str, range: Range) -> String {
    format!(
        "the module {does_not} range {range}; do this program and the module come from the same \
         version of daxlease?"
    )
}

fn file_lease(path: &str) -> String {
    format!(
        "{path}: another process has a file lease (fcntl F_SETLEASE) on it: try again when that \
         is gone"
    )
}

fn busy(path: &str, leases: &[Lease]) -> String {
    let Some(lease) = leases.first() else {
        return format!(
            "{path}: is a program that runs, a swap file, or leased by another user ('daxlease \
             ls' as root tells): end that first"
        );
    };
    let comm = printable(lease.holder.comm.as_bytes());
    let who = match lease.holder.pid {
        Some(pid) => format!("by pid {pid} ({comm})"),
        None => format!("by {comm}, which is gone and left pins behind"),
    };
    format!("{path}: leased {who}, see 'daxlease ls {path}'")
}

fn foreign_device(machine: &Machine) -> String {
    format!(
        "{DEVICE} does not understand this program: the module is of another version, or it is \
         another device (kernel {})",
        machine.release
    )
}

/// The C library's text, without the number that Rust adds.
fn text(errno: Errno) -> String {
    let text = std::io::Error::from(errno).to_string();
    match text.split_once(" (os error") {
        Some((text, _)) => text.into(),
        None => text,
    }
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
