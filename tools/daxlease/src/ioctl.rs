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

    /// Takes an exclusive lease on a range of `file` for this process; a
    /// `length` of 0 means without end.  Returns the lease's number.
    #[expect(unsafe_code, reason = "an ioctl")]
    pub fn acquire(&self, file: BorrowedFd<'_>, offset: u64, length: u64) -> Result<u64> {
        let mut arg = uapi::Acquire {
            size: size_of::<uapi::Acquire>() as u32,
            fd: file.as_raw_fd(),
            mode: uapi::MODE_EXCLUSIVE,
            offset,
            length,
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
}
