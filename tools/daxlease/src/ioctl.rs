// SPDX-License-Identifier: GPL-2.0

//! The system calls that no crate knows: the ioctls of `/dev/daxlease`.
//!
//! This is the only file with `unsafe` in it.

use crate::busy::Busy;
use crate::sizes::Range;
use crate::uapi;
use rustix::fd::AsRawFd;
use rustix::fd::BorrowedFd;
use rustix::fd::OwnedFd;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::io::Result;
use rustix::ioctl::ioctl;
use rustix::ioctl::opcode;
use rustix::ioctl::Opcode;
use rustix::ioctl::Updater;

const ACQUIRE: Opcode = opcode::none(uapi::IOC_MAGIC, uapi::IOC_ACQUIRE);
const QUERY: Opcode = opcode::none(uapi::IOC_MAGIC, uapi::IOC_QUERY);
const SCAN: Opcode = opcode::none(uapi::IOC_MAGIC, uapi::IOC_SCAN);
const OPENERS: Opcode = opcode::none(uapi::IOC_MAGIC, uapi::IOC_OPENERS);
const FORCE: Opcode = opcode::none(uapi::IOC_MAGIC, uapi::IOC_FORCE);

/// What a lease is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Others are refused at once.
    Exclusive,
    /// Others wait for so many milliseconds; `None`: for the system's default.
    Breakable(Option<u32>),
}

/// What FORCE has done, and what it has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    /// Pins that have been revoked.
    pub revoked: u32,
    /// Processes that have been sent SIGKILL.
    pub killed: u32,
    /// Pins that are left.
    pub pins: u32,
    /// Leases that are left.
    pub leases: u32,
}

/// An open file of `/dev/daxlease`.
#[derive(Debug)]
pub struct LeaseFd(OwnedFd);

/// How far a listing has come; the kernel's to interpret, 0 at the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    lease: u64,
    pin: u64,
}

impl Cursor {
    /// For tests of the callers.
    #[cfg(test)]
    pub const fn new(lease: u64, pin: u64) -> Self {
        Self { lease, pin }
    }
}

impl LeaseFd {
    /// Opens the device; the fd is closed by `execve`.
    pub fn open() -> Result<Self> {
        Self::open_with(OFlags::CLOEXEC)
    }

    /// Opens the device; the fd stays open over `execve`.
    pub fn open_inheritable() -> Result<Self> {
        Self::open_with(OFlags::empty())
    }

    fn open_with(flags: OFlags) -> Result<Self> {
        rustix::fs::open(uapi::DEVICE, OFlags::RDWR | flags, Mode::empty()).map(Self)
    }

    /// Takes a lease on a range of `file` for this process.  Returns the
    /// lease's number.
    #[expect(unsafe_code, reason = "an ioctl")]
    pub fn acquire(&self, file: BorrowedFd<'_>, range: Range, wish: Wish) -> Result<u64> {
        let (mode, break_time_ms) = match wish {
            Wish::Exclusive => (uapi::MODE_EXCLUSIVE, 0),
            Wish::Breakable(time) => (uapi::MODE_BREAKABLE, time.unwrap_or(0)),
        };
        let mut arg = uapi::Acquire {
            size: size_of::<uapi::Acquire>() as u32,
            fd: file.as_raw_fd(),
            mode,
            offset: range.offset,
            length: range.length,
            break_time_ms,
            ..Default::default()
        };
        // SAFETY: `DAXLEASE_ACQUIRE` takes a pointer to this structure, reads
        // and writes no more than its `size` bytes, which lie within `arg`,
        // and every bit pattern in them is a valid `Acquire`.
        let request = unsafe { Updater::<ACQUIRE, _>::new(&mut arg) };
        // SAFETY: as above; the call keeps no pointer to `arg`.
        unsafe { ioctl(&self.0, request) }?;
        Ok(arg.id)
    }

    /// Fills `buf` with the records behind `cursor` and moves the cursor on.
    /// Returns how many bytes were written; 0 at the end of the list.
    #[expect(unsafe_code, reason = "an ioctl")]
    pub fn query(&self, cursor: &mut Cursor, buf: &mut [u8]) -> Result<usize> {
        let mut arg = uapi::Query {
            size: size_of::<uapi::Query>() as u32,
            buf: buf.as_mut_ptr().expose_provenance() as u64,
            buf_len: u32::try_from(buf.len()).map_err(|_| Errno::INVAL)?,
            lease_cursor: cursor.lease,
            pin_cursor: cursor.pin,
            ..Default::default()
        };
        // SAFETY: `DAXLEASE_QUERY` takes a pointer to this structure, reads
        // and writes no more than its `size` bytes, which lie within `arg`,
        // and every bit pattern in them is a valid `Query`.
        let request = unsafe { Updater::<QUERY, _>::new(&mut arg) };
        // SAFETY: as above; besides, the kernel writes at most `buf_len` bytes
        // at `buf`, which is borrowed for writing for the whole call, and it
        // keeps neither pointer.
        unsafe { ioctl(&self.0, request) }?;
        *cursor = Cursor {
            lease: arg.lease_cursor,
            pin: arg.pin_cursor,
        };
        Ok(arg.used as usize)
    }

    /// Asks whether a range of `file` is busy, and fills `buf` with records of
    /// what touches it, as [`Self::query`] does.  `flags` are `SCAN_*`.
    /// Returns the answer and how many bytes were written.
    #[expect(unsafe_code, reason = "an ioctl")]
    pub fn scan(
        &self,
        file: BorrowedFd<'_>,
        range: Range,
        flags: u32,
        cursor: &mut Cursor,
        buf: &mut [u8],
    ) -> Result<(Busy, usize)> {
        let mut arg = uapi::Scan {
            size: size_of::<uapi::Scan>() as u32,
            flags,
            fd: file.as_raw_fd(),
            offset: range.offset,
            length: range.length,
            buf: buf.as_mut_ptr().expose_provenance() as u64,
            buf_len: u32::try_from(buf.len()).map_err(|_| Errno::INVAL)?,
            lease_cursor: cursor.lease,
            pin_cursor: cursor.pin,
            ..Default::default()
        };
        // SAFETY: `DAXLEASE_SCAN` takes a pointer to this structure, reads and
        // writes no more than its `size` bytes, which lie within `arg`, and
        // every bit pattern in them is a valid `Scan`.
        let request = unsafe { Updater::<SCAN, _>::new(&mut arg) };
        // SAFETY: as above; besides, the kernel writes at most `buf_len` bytes
        // at `buf`, which is borrowed for writing for the whole call, and it
        // keeps neither pointer.
        unsafe { ioctl(&self.0, request) }?;
        *cursor = Cursor {
            lease: arg.lease_cursor,
            pin: arg.pin_cursor,
        };
        Ok((Busy::new(arg.busy, arg.first, arg.end), arg.used as usize))
    }

    /// Asks which processes have the owner file of a pin open, and fills `buf`
    /// with their numbers.  Returns how many there are, also where that is more
    /// than fit in.
    #[expect(unsafe_code, reason = "an ioctl")]
    pub fn openers(&self, pin: u64, buf: &mut [i32]) -> Result<usize> {
        let mut arg = uapi::Openers {
            size: size_of::<uapi::Openers>() as u32,
            pin,
            buf: buf.as_mut_ptr().expose_provenance() as u64,
            buf_len: u32::try_from(size_of_val(buf)).map_err(|_| Errno::INVAL)?,
            ..Default::default()
        };
        // SAFETY: `DAXLEASE_OPENERS` takes a pointer to this structure, reads
        // and writes no more than its `size` bytes, which lie within `arg`,
        // and every bit pattern in them is a valid `Openers`.
        let request = unsafe { Updater::<OPENERS, _>::new(&mut arg) };
        // SAFETY: as above; besides, the kernel writes at most `buf_len` bytes
        // at `buf`, which is borrowed for writing for the whole call, and it
        // keeps neither pointer.
        unsafe { ioctl(&self.0, request) }?;
        Ok(arg.count as usize)
    }

    /// Takes back what is pinned in a range of `file`; with `kill`, also by
    /// ending who has the rest.
    #[expect(unsafe_code, reason = "an ioctl")]
    pub fn force(&self, file: BorrowedFd<'_>, range: Range, kill: bool) -> Result<Forced> {
        let mut arg = uapi::Force {
            size: size_of::<uapi::Force>() as u32,
            flags: if kill { uapi::FORCE_KILL } else { 0 },
            fd: file.as_raw_fd(),
            offset: range.offset,
            length: range.length,
            ..Default::default()
        };
        // SAFETY: `DAXLEASE_FORCE` takes a pointer to this structure, reads and
        // writes no more than its `size` bytes, which lie within `arg`, and
        // every bit pattern in them is a valid `Force`.
        let request = unsafe { Updater::<FORCE, _>::new(&mut arg) };
        // SAFETY: as above; the call keeps no pointer to `arg`.
        unsafe { ioctl(&self.0, request) }?;
        Ok(Forced {
            revoked: arg.revoked,
            killed: arg.killed,
            pins: arg.pins,
            leases: arg.leases,
        })
    }
}
