// SPDX-License-Identifier: GPL-2.0

//! Looks around after an errno, so that the error can say what to change.
//!
//! Nothing here decides anything: the kernel has already said no.

use crate::lease::FileId;
use crate::mounts;
use crate::mounts::Mount;
use rustix::fd::AsFd;
use rustix::fd::BorrowedFd;
use rustix::fs::AtFlags;
use rustix::fs::FileType;
use rustix::fs::StatxAttributes;
use rustix::fs::StatxFlags;
use rustix::thread::CapabilitySet;
use std::path::Path;

/// What there is to know about a file.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// Regular file, directory, pipe, …
    pub kind: FileType,
    /// Owner.
    pub uid: u32,
    /// In DAX mode at this moment.
    pub dax: bool,
    /// Where it lives, if that could be found out.
    pub mount: Option<Mount>,
}

/// What there is to know about this process and the kernel.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Bytes.
    pub page_size: u64,
    /// Effective user.
    pub uid: u32,
    /// `uname -r`.
    pub release: String,
    /// The module is there, whatever became of its device node.
    pub module_loaded: bool,
}

/// Facts about an open file.
pub fn file(fd: BorrowedFd<'_>) -> rustix::io::Result<FileFacts> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let stat = rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, wanted)?;
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    Ok(FileFacts {
        kind: FileType::from_raw_mode(stat.stx_mode.into()),
        uid: stat.stx_uid,
        dax: stat.stx_attributes.contains(StatxAttributes::DAX),
        mount: mounts::find(&mountinfo, stat.stx_mnt_id),
    })
}

/// Which file an open file is.
pub fn id(fd: impl AsFd) -> rustix::io::Result<FileId> {
    rustix::fs::fstat(fd).map(from_stat)
}

/// Which file a path leads to.
pub fn id_of_path(path: &Path) -> rustix::io::Result<FileId> {
    rustix::fs::stat(path).map(from_stat)
}

fn from_stat(stat: rustix::fs::Stat) -> FileId {
    FileId {
        major: rustix::fs::major(stat.st_dev),
        minor: rustix::fs::minor(stat.st_dev),
        ino: stat.st_ino,
    }
}

/// Facts about this process and the kernel.
pub fn machine() -> Machine {
    Machine {
        page_size: page_size(),
        uid: rustix::process::geteuid().as_raw(),
        release: rustix::system::uname()
            .release()
            .to_string_lossy()
            .into_owned(),
        module_loaded: Path::new("/sys/module/daxlease").exists(),
    }
}

/// What a process is called, unless it has ended.
pub fn comm_of(pid: i32) -> Option<String> {
    let comm = std::fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(comm.trim_ascii_end()).into_owned())
}

/// Bytes of a page.
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Whether QUERY shows the leases of all users to this process.
pub fn sees_all_leases() -> bool {
    rustix::thread::capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}
