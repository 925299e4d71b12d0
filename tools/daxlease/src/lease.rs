// SPDX-License-Identifier: GPL-2.0

//! Leases and pins as the rest of the program sees them.

use crate::uapi;
use std::fmt;

/// A file's identity: device of its filesystem, and inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileId {
    /// Major number of the device.
    pub major: u32,
    /// Minor number of the device.
    pub minor: u32,
    /// Inode number.
    pub ino: u64,
}

/// Bytes `[start, end)`, where the end may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte.
    pub start: u64,
    /// Byte behind the last, `None` without end.
    pub end: Option<u64>,
}

impl Extent {
    /// From the numbers of the UAPI.
    pub fn new(start: u64, end: u64) -> Self {
        Self {
            start,
            end: (end != uapi::TO_INFINITY).then_some(end),
        }
    }
}

/// A number of the UAPI that has a name, or is newer than this program.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident { $($(#[$vdoc:meta])* $variant:ident = $number:path => $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$vdoc])* $variant,)+
            /// A number that this program does not know.
            Unknown(u32),
        }

        impl From<u32> for $type {
            fn from(number: u32) -> Self {
                match number {
                    $($number => Self::$variant,)+
                    other => Self::Unknown(other),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($name),)+
                    Self::Unknown(number) => write!(f, "unknown({number})"),
                }
            }
        }
    };
}

named! {
    /// What a lease does to a conflicting layout change.
    LeaseMode {
        /// Fails at once with `ETXTBSY`.
        Exclusive = uapi::MODE_EXCLUSIVE => "exclusive",
        /// Waits, and the holder is asked to let go.
        Breakable = uapi::MODE_BREAKABLE => "breakable",
    }
}

named! {
    /// Where a lease is in its life.
    State {
        /// Pins are admitted.
        Active = uapi::STATE_ACTIVE => "active",
        /// A release waits for the last pin.
        Releasing = uapi::STATE_RELEASING => "releasing",
        /// Every lease fd is closed, pins are left.
        Orphaned = uapi::STATE_ORPHANED => "orphaned",
    }
}

named! {
    /// Which subsystem pinned.
    PinKind {
        /// None of the others.
        Other = uapi::PIN_OTHER => "other",
        /// An RDMA memory region.
        Rdma = uapi::PIN_RDMA => "rdma",
        /// An io_uring registered buffer.
        IoUring = uapi::PIN_IO_URING => "io_uring",
    }
}

/// A task as it was called at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its thread group; `None` where that is gone or out of sight.
    pub pid: Option<i32>,
    /// User.
    pub uid: u32,
    /// Name.
    pub comm: String,
}

/// A process that has the owner file of a pin open now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opener {
    /// Its thread group.
    pub pid: i32,
    /// Name; `None` where it has ended meanwhile.
    pub comm: Option<String>,
}

/// One lease with its pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Number, never used twice while the module is loaded.
    pub id: u64,
    /// Range of the file.
    pub extent: Extent,
    /// Which file.
    pub file: FileId,
    /// Its path as this process sees it, not always valid UTF-8.
    pub path: Vec<u8>,
    /// Mode.
    pub mode: LeaseMode,
    /// For how long a layout change waits for pins, of a breakable lease.
    pub break_time_ms: Option<u32>,
    /// Layout changes that wait now.
    pub breaking: u32,
    /// State.
    pub state: State,
    /// Who acquired it.
    pub holder: Task,
    /// Number of thread groups that may pin under it.
    pub holders: u32,
    /// Pages held immovable under it.
    pub pinned_pages: u64,
    /// Milliseconds since it was acquired.
    pub age_ms: u64,
    /// Its pins, one entry for each owner.
    pub pins: Vec<Pin>,
}

/// The pins of one owner under one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Number.
    pub id: u64,
    /// From the first to the last byte held immovable.
    pub extent: Extent,
    /// Number of separate ranges in it.
    pub runs: u32,
    /// Pages held immovable.
    pub pages: u64,
    /// Subsystem.
    pub kind: PinKind,
    /// Name of the pinning device, such as `rxe0`.
    pub device: String,
    /// The file whose last close drops the pin, as the pinning task saw it.
    pub owner_file: Option<String>,
    /// Who has that file open now.
    pub open_in: Vec<Opener>,
    /// Who pinned.
    pub task: Task,
    /// The device may write.
    pub writable: bool,
    /// The kernel can take the pin back.
    pub revocable: bool,
    /// Milliseconds since the first page was pinned.
    pub age_ms: u64,
}
