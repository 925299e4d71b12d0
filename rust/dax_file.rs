// SPDX-License-Identifier: GPL-2.0

//! Files that can be leased.

use kernel::{error::to_result, fs::File, prelude::*, sync::aref::ARef};

use crate::{
    bindings,
    identity::is_killed,
    range::PageRange,
    trace::FileTag, //
};

/// What names an inode while a reference to it is held: its address.
pub(crate) type InodeKey = usize;

/// The address of an inode.
#[derive(Clone, Copy)]
struct Inode(*mut bindings::inode);

// SAFETY: What is done with it here any thread may do: locking, comparing, looking for pages.
unsafe impl Send for Inode {}
// SAFETY: As above, also several at a time.
unsafe impl Sync for Inode {}

/// A file on which a lease may be taken, kept open.
///
/// # Invariants
///
/// `inode` is the inode of `file`, and stays valid with it.
pub(crate) struct DaxFile {
    file: ARef<File>,
    inode: Inode,
    ino: u64,
    dev: (u32, u32),
}

impl DaxFile {
    /// Checks that the caller may lease a file.
    ///
    /// `EOPNOTSUPP`: not a regular file in DAX mode on a filesystem with the hooks. `EACCES`: not
    /// open for writing, or neither owned by the caller nor within reach of its CAP_LEASE.
    pub(crate) fn to_lease(file: ARef<File>) -> Result<Self> {
        let (file, facts) = Self::new(file)?;

        if !facts.writable || !facts.owner {
            return Err(EACCES);
        }
        Ok(file)
    }

    /// Checks that a file could be leased by somebody; `EOPNOTSUPP` as above.
    pub(crate) fn to_scan(file: ARef<File>) -> Result<Self> {
        Ok(Self::new(file)?.0)
    }

    fn new(file: ARef<File>) -> Result<(Self, bindings::daxlease_file_facts)> {
        let mut facts: bindings::daxlease_file_facts = pin_init::zeroed();

        // SAFETY: The file is valid, and `facts` can be written to.
        unsafe { bindings::daxlease_file_facts(file.as_ptr().cast(), &mut facts) };
        if !facts.regular || !facts.dax || !facts.hooked {
            return Err(EOPNOTSUPP);
        }
        // INVARIANT: The inode is that of the file, which keeps it.
        let this = Self {
            file,
            inode: Inode(facts.inode),
            ino: facts.ino,
            dev: (facts.dev_major, facts.dev_minor),
        };
        Ok((this, facts))
    }

    /// Another reference to the same file.
    pub(crate) fn another(&self) -> Self {
        // INVARIANT: The inode is that of the file, which the new reference keeps as well.
        Self {
            file: self.file.clone(),
            ..*self
        }
    }

    pub(crate) fn key(&self) -> InodeKey {
        self.inode.0 as InodeKey
    }

    pub(crate) fn tag(&self) -> FileTag {
        FileTag {
            dev: self.dev,
            ino: self.ino,
        }
    }

    pub(crate) fn ino(&self) -> u64 {
        self.ino
    }

    /// Major and minor number of the filesystem's device.
    pub(crate) fn dev(&self) -> (u32, u32) {
        self.dev
    }

    pub(crate) fn file(&self) -> ARef<File> {
        self.file.clone()
    }

    /// The first entry that reaches into a range and has a reference, pinned for long or not. May
    /// sleep; walks all entries before it. `EINTR` where the caller is killed, which ends the walk.
    pub(crate) fn find_busy(&self, range: &PageRange) -> Result<Option<PageRange>> {
        let (mut start, mut end) = (range.start as c_ulong, range.end as c_ulong);

        // SAFETY: By the type invariant the inode is valid; the numbers can be written to.
        let found = unsafe { bindings::daxlease_find_busy(self.inode.0, &mut start, &mut end) };

        // Of a walk that was broken off, nothing is known.
        if is_killed() {
            return Err(EINTR);
        }
        Ok(found.then(|| PageRange::new(start as u64, end as u64)))
    }

    /// Locks the inode, which keeps layout changes out. `EINTR` where the caller is killed.
    pub(crate) fn lock_inode(&self) -> Result<InodeGuard<'_>> {
        // SAFETY: By the type invariant the inode is valid.
        to_result(unsafe { bindings::daxlease_inode_lock_killable(self.inode.0) })?;
        // INVARIANT: The lock has just been taken.
        Ok(InodeGuard(self))
    }
}

/// The lock of an inode.
///
/// # Invariants
///
/// The caller's thread holds it.
pub(crate) struct InodeGuard<'a>(&'a DaxFile);

impl Drop for InodeGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants the inode is valid and its lock is held.
        unsafe { bindings::daxlease_inode_unlock(self.0.inode.0) };
    }
}

/// The path of a file as the caller sees it, written to `buf`. `ENAMETOOLONG` where it does not fit.
pub(crate) fn path<'a>(file: &File, buf: &'a mut [u8]) -> Result<&'a [u8]> {
    let len = i32::try_from(buf.len()).map_err(|_| EINVAL)?;
    // SAFETY: The file is valid, and `buf` has `len` bytes.
    let start = kernel::error::from_err_ptr(unsafe {
        bindings::daxlease_file_path(file.as_ptr().cast(), buf.as_mut_ptr().cast(), len)
    })?;
    let offset = (start as usize)
        .checked_sub(buf.as_ptr() as usize)
        .ok_or(EINVAL)?;
    let path = buf.get(offset..).ok_or(EINVAL)?;
    let end = path.iter().position(|&byte| byte == 0).ok_or(EINVAL)?;

    path.get(..end).ok_or(EINVAL)
}
