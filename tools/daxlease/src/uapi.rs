// SPDX-License-Identifier: GPL-2.0

//! The structures of `include/uapi/linux/daxlease.h` that this program uses.
//!
//! Sizes and offsets are asserted below; a change of the header must be
//! repeated here.

use zerocopy::FromBytes;
use zerocopy::Immutable;
use zerocopy::KnownLayout;

/// The device; one open file of it carries no lease or one.
pub const DEVICE: &str = "/dev/daxlease";

/// First argument of `_IO()`.
pub const IOC_MAGIC: u8 = 0xDA;
/// Number of `DAXLEASE_ACQUIRE`.
pub const IOC_ACQUIRE: u8 = 1;
/// Number of `DAXLEASE_QUERY`.
pub const IOC_QUERY: u8 = 4;
/// Number of `DAXLEASE_SCAN`.
pub const IOC_SCAN: u8 = 6;
/// Number of `DAXLEASE_OPENERS`.
pub const IOC_OPENERS: u8 = 7;
/// Number of `DAXLEASE_FORCE`.
pub const IOC_FORCE: u8 = 8;

/// End of a range that has no end.
pub const TO_INFINITY: u64 = u64::MAX;

/// Conflicting layout changes fail with `ETXTBSY`.
pub const MODE_EXCLUSIVE: u32 = 1;
/// They wait, and the holder is asked to let go.
pub const MODE_BREAKABLE: u32 = 2;

/// Pins are admitted.
pub const STATE_ACTIVE: u32 = 1;
/// A release waits for the last pin.
pub const STATE_RELEASING: u32 = 2;
/// Every lease fd is closed, pins are left.
pub const STATE_ORPHANED: u32 = 3;

/// The pin belongs to no subsystem that has a number.
pub const PIN_OTHER: u32 = 0;
/// Pinned by an RDMA memory region.
pub const PIN_RDMA: u32 = 1;
/// Pinned by an io_uring registered buffer.
pub const PIN_IO_URING: u32 = 2;

/// The device may write.
pub const PIN_WRITABLE: u32 = 1 << 0;
/// The kernel can take the pin back.
pub const PIN_REVOCABLE: u32 = 1 << 1;

/// Do not look for transient references.
pub const SCAN_PINS_ONLY: u32 = 1 << 0;
/// Pinned for long, under a lease.
pub const BUSY_PINNED: u32 = 1 << 0;
/// Referenced for the moment.
pub const BUSY_TRANSIENT: u32 = 1 << 1;

/// SIGKILL whom no revocation helps against.
pub const FORCE_KILL: u32 = 1 << 0;

/// [`RecordHead::kind`] of a [`LeaseRecord`].
pub const RECORD_LEASE: u32 = 1;
/// [`RecordHead::kind`] of a [`PinRecord`].
pub const RECORD_PIN: u32 = 2;

/// `struct daxlease_acquire`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Acquire {
    pub size: u32,
    pub flags: u32,
    pub fd: i32,
    pub mode: u32,
    pub offset: u64,
    pub length: u64,
    pub break_time_ms: u32,
    pub reserved: u32,
    pub id: u64,
}

/// `struct daxlease_query`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Query {
    pub size: u32,
    pub flags: u32,
    pub buf: u64,
    pub buf_len: u32,
    pub used: u32,
    pub lease_cursor: u64,
    pub pin_cursor: u64,
}

/// `struct daxlease_scan`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Scan {
    pub size: u32,
    pub flags: u32,
    pub fd: i32,
    pub busy: u32,
    pub offset: u64,
    pub length: u64,
    pub first: u64,
    pub end: u64,
    pub buf: u64,
    pub buf_len: u32,
    pub used: u32,
    pub lease_cursor: u64,
    pub pin_cursor: u64,
}

/// `struct daxlease_openers`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Openers {
    pub size: u32,
    pub flags: u32,
    pub pin: u64,
    pub buf: u64,
    pub buf_len: u32,
    pub count: u32,
}

/// `struct daxlease_force`
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Force {
    pub size: u32,
    pub flags: u32,
    pub fd: i32,
    pub reserved: u32,
    pub offset: u64,
    pub length: u64,
    pub revoked: u32,
    pub killed: u32,
    pub pins: u32,
    pub leases: u32,
}

/// `struct daxlease_record`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout)]
pub struct RecordHead {
    /// Bytes to the next record.
    pub size: u32,
    /// `DAXLEASE_RECORD_*`, called `type` in C.
    pub kind: u32,
}

/// `struct daxlease_lease_record` up to its `path`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout)]
pub struct LeaseRecord {
    pub head: RecordHead,
    pub id: u64,
    pub start: u64,
    pub end: u64,
    pub ino: u64,
    pub dev_major: u32,
    pub dev_minor: u32,
    pub mode: u32,
    pub state: u32,
    pub uid: u32,
    pub pid: i32,
    pub holders: u32,
    pub pins: u32,
    pub pinned_pages: u64,
    pub age_ms: u64,
    pub break_time_ms: u32,
    pub breaking: u32,
    pub comm: [u8; 16],
}

/// `struct daxlease_pin_record`
#[repr(C)]
#[derive(Clone, Copy, Debug, FromBytes, Immutable, KnownLayout)]
pub struct PinRecord {
    pub head: RecordHead,
    pub id: u64,
    pub lease_id: u64,
    pub start: u64,
    pub end: u64,
    pub pages: u64,
    pub age_ms: u64,
    pub runs: u32,
    pub flags: u32,
    pub kind: u32,
    pub uid: u32,
    pub pid: i32,
    pub reserved: u32,
    pub comm: [u8; 16],
    pub owner: [u8; 32],
    pub owner_file: [u8; 64],
}

const _: () = {
    assert!(size_of::<Acquire>() == 48);
    assert!(size_of::<Query>() == 40);
    assert!(size_of::<Scan>() == 80);
    assert!(size_of::<Openers>() == 32);
    assert!(size_of::<Force>() == 48);
    assert!(size_of::<RecordHead>() == 8);
    assert!(size_of::<LeaseRecord>() == 112);
    assert!(size_of::<PinRecord>() == 192);
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn offsets_are_those_of_the_header() {
        assert_eq!(offset_of!(Acquire, fd), 8);
        assert_eq!(offset_of!(Acquire, offset), 16);
        assert_eq!(offset_of!(Acquire, id), 40);
        assert_eq!(offset_of!(Query, buf), 8);
        assert_eq!(offset_of!(Query, used), 20);
        assert_eq!(offset_of!(Query, pin_cursor), 32);
        assert_eq!(offset_of!(Scan, fd), 8);
        assert_eq!(offset_of!(Scan, busy), 12);
        assert_eq!(offset_of!(Scan, first), 32);
        assert_eq!(offset_of!(Scan, buf), 48);
        assert_eq!(offset_of!(Scan, used), 60);
        assert_eq!(offset_of!(Scan, pin_cursor), 72);
        assert_eq!(offset_of!(LeaseRecord, dev_major), 40);
        assert_eq!(offset_of!(LeaseRecord, uid), 56);
        assert_eq!(offset_of!(LeaseRecord, pinned_pages), 72);
        assert_eq!(offset_of!(LeaseRecord, break_time_ms), 88);
        assert_eq!(offset_of!(LeaseRecord, comm), 96);
        assert_eq!(offset_of!(PinRecord, runs), 56);
        assert_eq!(offset_of!(PinRecord, comm), 80);
        assert_eq!(offset_of!(PinRecord, owner), 96);
        assert_eq!(offset_of!(PinRecord, owner_file), 128);
        assert_eq!(offset_of!(Acquire, break_time_ms), 32);
        assert_eq!(offset_of!(Openers, pin), 8);
        assert_eq!(offset_of!(Openers, count), 28);
        assert_eq!(offset_of!(Force, fd), 8);
        assert_eq!(offset_of!(Force, offset), 16);
        assert_eq!(offset_of!(Force, revoked), 32);
        assert_eq!(offset_of!(Force, leases), 44);
    }

    /// The header is in the same checkout; hold its numbers against ours.
    #[test]
    fn constants_are_those_of_the_header() {
        let header = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../include/uapi/linux/daxlease.h"
        );
        let Ok(text) = std::fs::read_to_string(header) else {
            eprintln!("skipped: no {header}");
            return;
        };
        let value = |name: &str| {
            let mut found = text.lines().filter_map(|line| {
                let mut words = line.split_whitespace();
                (words.next() == Some("#define") && words.next() == Some(name)).then_some(())?;
                let number = words.next()?;
                if number == "(1U" {
                    let shift: u32 = words.nth(1)?.strip_suffix(')')?.parse().ok()?;
                    return Some(1 << shift);
                }
                match number.strip_prefix("0x") {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => number.parse().ok(),
                }
            });
            found.next().unwrap_or_else(|| panic!("no {name}"))
        };
        assert_eq!(value("DAXLEASE_IOC_MAGIC"), u32::from(IOC_MAGIC));
        assert_eq!(value("DAXLEASE_MODE_EXCLUSIVE"), MODE_EXCLUSIVE);
        assert_eq!(value("DAXLEASE_MODE_BREAKABLE"), MODE_BREAKABLE);
        assert_eq!(value("DAXLEASE_FORCE_KILL"), FORCE_KILL);
        assert_eq!(value("DAXLEASE_STATE_ACTIVE"), STATE_ACTIVE);
        assert_eq!(value("DAXLEASE_STATE_RELEASING"), STATE_RELEASING);
        assert_eq!(value("DAXLEASE_STATE_ORPHANED"), STATE_ORPHANED);
        assert_eq!(value("DAXLEASE_PIN_OTHER"), PIN_OTHER);
        assert_eq!(value("DAXLEASE_PIN_RDMA"), PIN_RDMA);
        assert_eq!(value("DAXLEASE_PIN_IO_URING"), PIN_IO_URING);
        assert_eq!(value("DAXLEASE_PIN_WRITABLE"), PIN_WRITABLE);
        assert_eq!(value("DAXLEASE_PIN_REVOCABLE"), PIN_REVOCABLE);
        assert_eq!(value("DAXLEASE_SCAN_PINS_ONLY"), SCAN_PINS_ONLY);
        assert_eq!(value("DAXLEASE_BUSY_PINNED"), BUSY_PINNED);
        assert_eq!(value("DAXLEASE_BUSY_TRANSIENT"), BUSY_TRANSIENT);
        assert_eq!(value("DAXLEASE_RECORD_LEASE"), RECORD_LEASE);
        assert_eq!(value("DAXLEASE_RECORD_PIN"), RECORD_PIN);
    }
}
