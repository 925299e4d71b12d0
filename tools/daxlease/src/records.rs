// SPDX-License-Identifier: GPL-2.0

//! Takes the records of a QUERY apart.
//!
//! The buffer comes from the kernel and is still not trusted: whatever is in
//! it, the result is a list or a [`Malformed`], never a panic.

use crate::lease::Extent;
use crate::lease::FileId;
use crate::lease::Lease;
use crate::lease::Pin;
use crate::lease::Task;
use crate::uapi;
use zerocopy::FromBytes;

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Smaller than its type asks for.
    #[error("a record is too short")]
    Short,
    /// Size is not a multiple of 8.
    #[error("a record has an unaligned size")]
    Unaligned,
    /// Longer than the rest of the buffer.
    #[error("a record is longer than the buffer")]
    Overrun,
    /// A string without its NUL.
    #[error("a string in a record has no end")]
    Unterminated,
    /// A pin without its lease.
    #[error("a pin belongs to a lease that was not listed")]
    NoLease,
    /// More bytes used than there are.
    #[error("the length of the list is wrong")]
    Length,
    /// The same place twice.
    #[error("the listing does not advance")]
    Stuck,
}

/// Adds the records in `buf` to `leases`.
///
/// A pin joins its lease also where an earlier buffer brought the lease, and
/// a lease that comes again is not listed twice.  Records of types that this
/// program does not know, and members behind those it knows, are skipped.
pub fn parse(mut buf: &[u8], leases: &mut Vec<Lease>) -> Result<(), Malformed> {
    while !buf.is_empty() {
        let (head, _) = uapi::RecordHead::read_from_prefix(buf).map_err(|_| Malformed::Short)?;
        let size = head.size as usize;
        if size < size_of::<uapi::RecordHead>() {
            return Err(Malformed::Short);
        }
        if size % 8 != 0 {
            return Err(Malformed::Unaligned);
        }
        let (record, rest) = buf.split_at_checked(size).ok_or(Malformed::Overrun)?;
        match head.kind {
            uapi::RECORD_LEASE => {
                let lease = parse_lease(record)?;
                if leases.iter().all(|known| known.id != lease.id) {
                    leases.push(lease);
                }
            }
            uapi::RECORD_PIN => {
                let (lease_id, pin) = parse_pin(record)?;
                // The list comes in order: it is nearly always the last one.
                let lease = leases.iter_mut().rfind(|lease| lease.id == lease_id);
                lease.ok_or(Malformed::NoLease)?.pins.push(pin);
            }
            _ => {}
        }
        buf = rest;
    }
    Ok(())
}

fn parse_lease(record: &[u8]) -> Result<Lease, Malformed> {
    let (raw, path) = uapi::LeaseRecord::read_from_prefix(record).map_err(|_| Malformed::Short)?;
    Ok(Lease {
        id: raw.id,
        extent: Extent::new(raw.start, raw.end),
        file: FileId {
            major: raw.dev_major,
            minor: raw.dev_minor,
            ino: raw.ino,
        },
        path: c_string(path)?.to_vec(),
        mode: raw.mode.into(),
        break_time_ms: (raw.mode == uapi::MODE_BREAKABLE).then_some(raw.break_time_ms),
        breaking: raw.breaking,
        state: raw.state.into(),
        holder: task(raw.pid, raw.uid, &raw.comm)?,
        holders: raw.holders,
        pinned_pages: raw.pinned_pages,
        age_ms: raw.age_ms,
        pins: Vec::new(),
    })
}

fn parse_pin(record: &[u8]) -> Result<(u64, Pin), Malformed> {
    let (raw, _) = uapi::PinRecord::read_from_prefix(record).map_err(|_| Malformed::Short)?;
    let pin = Pin {
        id: raw.id,
        extent: Extent::new(raw.start, raw.end),
        runs: raw.runs,
        pages: raw.pages,
        kind: raw.kind.into(),
        device: text(&raw.owner)?,
        owner_file: Some(text(&raw.owner_file)?).filter(|path| !path.is_empty()),
        open_in: Vec::new(),
        task: task(raw.pid, raw.uid, &raw.comm)?,
        writable: raw.flags & uapi::PIN_WRITABLE != 0,
        revocable: raw.flags & uapi::PIN_REVOCABLE != 0,
        age_ms: raw.age_ms,
    };
    Ok((raw.lease_id, pin))
}

fn task(pid: i32, uid: u32, comm: &[u8]) -> Result<Task, Malformed> {
    Ok(Task {
        pid: (pid > 0).then_some(pid),
        uid,
        comm: text(comm)?,
    })
}

fn c_string(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let end = bytes.iter().position(|&byte| byte == 0);
    Ok(&bytes[..end.ok_or(Malformed::Unterminated)?])
}

fn text(bytes: &[u8]) -> Result<String, Malformed> {
    Ok(String::from_utf8_lossy(c_string(bytes)?).into_owned())
}

#[cfg(test)]
#[path = "records_tests.rs"]
pub(crate) mod tests;
