// SPDX-License-Identifier: GPL-2.0

//! `/dev/daxlease`: a breakable lease, and what is told to its holder.

use crate::batch::SERVED_SIZE;
use crate::failure::Explain;
use crate::failure::Failure;
use crate::failure::Result;
use crate::verbs;
use rustix::fs::Mode;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::ioctl::ioctl;
use rustix::ioctl::Opcode;
use rustix::ioctl::Updater;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::thread::sleep;
use std::time::Duration;

const ACQUIRE: Opcode = verbs::GIVE_WAY_ACQUIRE as Opcode;

/// Ends when it is dropped, unless something is still pinned under it.
pub struct Lease {
    fd: OwnedFd,
    pub id: u64,
}

#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// Somebody wants to change the file's layout, from this byte on.
    Break { reason: &'static str, start: u64 },
    /// That is over; with 0 it is done, else it failed with this errno.
    Resumed { outcome: i32 },
    /// A region has been taken from us.
    Revoked,
    /// So many events are lost.
    Overflow { lost: u32 },
    /// What needs no attention.
    Other,
}

/// What to do about it.
const fn advice(error: Errno) -> &'static str {
    match error {
        Errno::OPNOTSUPP => "the file must lie on ext4 or xfs mounted with -o dax=always",
        Errno::ACCESS => "you must own the file, or be root",
        Errno::RANGE => "the break time is above the system's maximum",
        Errno::NOSPC => "this user has as many leases as are allowed",
        _ => "see Documentation/uapi.rst",
    }
}

const fn text_of(reason: u32) -> &'static str {
    match reason {
        verbs::DAXLEASE_REASON_TRUNCATE => "truncate",
        verbs::DAXLEASE_REASON_PUNCH_HOLE => "punch a hole into",
        verbs::DAXLEASE_REASON_ZERO_RANGE => "zero",
        verbs::DAXLEASE_REASON_UNSHARE_RANGE => "unshare",
        verbs::DAXLEASE_REASON_COLLAPSE_RANGE => "cut a part out of",
        verbs::DAXLEASE_REASON_INSERT_RANGE => "insert a part into",
        verbs::DAXLEASE_REASON_REMAP => "reflink",
        verbs::DAXLEASE_REASON_EXCHANGE => "exchange a part of",
        verbs::DAXLEASE_REASON_WHOLE_FILE => "repair",
        verbs::DAXLEASE_REASON_FORCE => "free",
        verbs::DAXLEASE_REASON_DEVICE_GONE => "take the device away from",
        _ => "change",
    }
}

impl Lease {
    /// Takes a breakable lease of the served part of the file.
    #[expect(unsafe_code, reason = "an ioctl")]
    pub fn take(file: &File, break_time_ms: u32) -> Result<Self> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        let fd = rustix::fs::open("/dev/daxlease", flags, Mode::empty())
            .explain("opening /dev/daxlease; load daxlease.ko, or see tools/60-daxlease.rules")?;
        let mut acquire = verbs::daxlease_acquire {
            size: size_of::<verbs::daxlease_acquire>() as u32,
            fd: file.as_raw_fd(),
            mode: verbs::DAXLEASE_MODE_BREAKABLE,
            length: SERVED_SIZE as u64,
            break_time_ms,
            ..Default::default()
        };

        loop {
            // SAFETY: this is what `DAXLEASE_ACQUIRE` takes a pointer to; it
            // reads and writes no more than its `size` bytes.
            let request = unsafe { Updater::<ACQUIRE, _>::new(&mut acquire) };
            // SAFETY: as above; the kernel keeps no pointer.
            match unsafe { ioctl(&fd, request) } {
                Ok(()) => break,
                // Somebody is changing the file this very moment.
                Err(Errno::AGAIN) => sleep(Duration::from_millis(10)),
                Err(error) => {
                    return Err(error).explain(format_args!("taking the lease: {}", advice(error)));
                }
            }
        }
        Ok(Self { fd, id: acquire.id })
    }

    /// The events that there are; waits where poll() has not announced one.
    pub fn events(&self) -> Result<Vec<Event>> {
        // Room for more than one, also if a later module's are longer.
        let mut buf = [0; 1024];
        let mut events = Vec::new();

        let len = rustix::io::retry_on_intr(|| rustix::io::read(&self.fd, &mut buf))
            .explain("reading the events of the lease")?;
        let mut rest = &buf[..len];
        while !rest.is_empty() {
            let event = event_at(rest)?;
            rest = &rest[event.size as usize..];
            events.push(Event::from(event));
        }
        Ok(events)
    }
}

/// The first one of what has been read.
#[expect(unsafe_code, reason = "bytes become a structure")]
fn event_at(bytes: &[u8]) -> Result<verbs::daxlease_event> {
    let known = size_of::<verbs::daxlease_event>();

    if bytes.len() >= known {
        // SAFETY: there are that many bytes, of whatever alignment, and every bit
        // pattern in them is a valid event.
        let event = unsafe {
            bytes
                .as_ptr()
                .cast::<verbs::daxlease_event>()
                .read_unaligned()
        };
        if (known..=bytes.len()).contains(&(event.size as usize)) {
            return Ok(event);
        }
    }
    Err(Failure::new(
        "an event is too short: the module is older than this program",
    ))
}

impl From<verbs::daxlease_event> for Event {
    fn from(event: verbs::daxlease_event) -> Self {
        match event.type_ {
            verbs::DAXLEASE_EVENT_BREAK => Self::Break {
                reason: text_of(event.reason),
                start: event.start,
            },
            verbs::DAXLEASE_EVENT_RESUMED => Self::Resumed {
                outcome: event.outcome as i32,
            },
            verbs::DAXLEASE_EVENT_REVOKED => Self::Revoked,
            verbs::DAXLEASE_EVENT_OVERFLOW => Self::Overflow { lost: event.lost },
            _ => Self::Other,
        }
    }
}

impl AsFd for Lease {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
