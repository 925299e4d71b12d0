// SPDX-License-Identifier: GPL-2.0

//! QUERY: leases and their pins, record by record.
//!
//! The cursor is a lease number and a pin number: everything up to that lease has been told, and of
//! the lease itself the record and the pins up to that one. A pin number of 0 says that the lease is
//! done with, 1 that its record alone has been told.

use core::mem::size_of;

use kernel::{
    prelude::*,
    time::{
        Instant,
        Monotonic, //
    },
    uaccess::{
        UserPtr,
        UserSlice,
        UserSliceWriter, //
    },
};

use crate::{
    bindings, dax_file,
    identity::{
        is_admin,
        Uid, //
    },
    lease::Lease,
    lifecycle::State,
    manager::{
        LeaseRef,
        Manager, //
    },
};

/// Longest path that is told; longer ones come out empty.
const PATH_MAX: usize = 4096;

const RECORD_ONLY: u64 = 1;

const PIN_SIZE: usize = size_of::<bindings::daxlease_pin_record>();

/// Fills the caller's buffer and moves the cursor of `query` on.
///
/// Tells what the caller may see: leases of its user, the one of `own`, or all. `EINVAL` where the
/// buffer is too small for a single record.
pub(crate) fn run(
    manager: &Manager,
    query: &mut bindings::daxlease_query,
    own: Option<&LeaseRef>,
) -> Result {
    let all = is_admin();
    let me = Uid::current();
    let mut paths = KVec::from_elem(0u8, PATH_MAX, GFP_KERNEL)?;
    let mut out = Output::new(query);

    loop {
        let found = if query.pin_cursor == 0 {
            manager.next_lease(query.lease_cursor)
        } else {
            manager
                .next_lease(query.lease_cursor.wrapping_sub(1))
                .filter(|lease| lease.id == query.lease_cursor)
        };
        let Some(lease) = found else {
            if query.pin_cursor == 0 {
                break;
            }
            query.pin_cursor = 0;
            continue;
        };
        let own = own.is_some_and(|own| own.id == lease.id);
        let visible = lease.with(|lease| all || own || lease.uid == me);

        if visible == Some(true) && !tell(&lease, query, &mut out, &mut paths)? {
            break;
        }
        query.lease_cursor = lease.id;
        query.pin_cursor = 0;
    }
    if out.used == 0 && out.overflown {
        return Err(EINVAL);
    }
    query.used = u32::try_from(out.used).map_err(|_| EINVAL)?;
    Ok(())
}

/// Tells one lease, or what is left of it. Returns whether everything fitted in.
fn tell(
    lease: &LeaseRef,
    query: &mut bindings::daxlease_query,
    out: &mut Output,
    paths: &mut [u8],
) -> Result<bool> {
    if query.pin_cursor == 0 {
        let Some((record, file)) =
            lease.with(|value| (lease_record(lease.id, value), value.file.file()))
        else {
            return Ok(true);
        };
        let path = dax_file::path(&file, paths).unwrap_or(b"");

        if !out.lease(record, path)? {
            return Ok(false);
        }
        query.lease_cursor = lease.id;
        query.pin_cursor = RECORD_ONLY;
    }
    while let Some(record) = next_pin(lease, query.pin_cursor) {
        if !out.pin(&record)? {
            return Ok(false);
        }
        query.pin_cursor = record.id;
    }
    Ok(true)
}

fn age(since: Instant<Monotonic>) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(0)
}

/// A lease's state as the UAPI has it.
fn state_number(state: State) -> u32 {
    match state {
        State::Active => bindings::DAXLEASE_STATE_ACTIVE,
        State::Releasing => bindings::DAXLEASE_STATE_RELEASING,
        State::Orphaned => bindings::DAXLEASE_STATE_ORPHANED,
    }
}

fn lease_record(id: u64, lease: &Lease) -> bindings::daxlease_lease_record {
    let (start, end) = lease.range.bytes();
    let (dev_major, dev_minor) = lease.file.dev();
    bindings::daxlease_lease_record {
        type_: bindings::DAXLEASE_RECORD_LEASE,
        id,
        start,
        end,
        ino: lease.file.ino(),
        dev_major,
        dev_minor,
        mode: bindings::DAXLEASE_MODE_EXCLUSIVE,
        state: state_number(lease.life.state()),
        uid: lease.uid.here(),
        pid: lease.acquirer.nr(),
        holders: lease.nr_holders,
        pins: lease.life.pins(),
        pinned_pages: lease.pages,
        age_ms: age(lease.since),
        comm: lease.comm,
        ..Default::default()
    }
}

/// The pin of a lease with the lowest number above `after`.
fn next_pin(lease: &LeaseRef, after: u64) -> Option<bindings::daxlease_pin_record> {
    let inner = lease.layout.inner.lock();
    let (key, pin) = inner.next_pin(lease.id, after)?;
    let (start, end) = pin.span.bytes();
    Some(bindings::daxlease_pin_record {
        size: PIN_SIZE as u32,
        type_: bindings::DAXLEASE_RECORD_PIN,
        id: key.id,
        lease_id: key.lease,
        start,
        end,
        pages: pin.pages,
        age_ms: age(pin.since),
        runs: u32::try_from(pin.runs.len()).unwrap_or(u32::MAX),
        flags: flag(pin.write, bindings::DAXLEASE_PIN_WRITABLE)
            | flag(pin.owner.revocable, bindings::DAXLEASE_PIN_REVOCABLE),
        kind: pin.owner.kind,
        uid: pin.owner.uid.here(),
        pid: pin.owner.tgid.nr(),
        comm: pin.owner.comm,
        owner: pin.owner.device,
        ..Default::default()
    })
}

fn flag(set: bool, value: u32) -> u32 {
    if set {
        value
    } else {
        0
    }
}

/// The caller's buffer.
struct Output {
    writer: UserSliceWriter,
    used: usize,
    overflown: bool,
}

impl Output {
    fn new(query: &bindings::daxlease_query) -> Self {
        let ptr = UserPtr::from_addr(query.buf as usize);

        Self {
            writer: UserSlice::new(ptr, query.buf_len as usize).writer(),
            used: 0,
            overflown: false,
        }
    }

    fn fits(&mut self, size: usize) -> bool {
        let fits = self.writer.len() >= size;

        self.overflown |= !fits;
        fits
    }

    fn lease(&mut self, mut record: bindings::daxlease_lease_record, path: &[u8]) -> Result<bool> {
        let head = size_of::<bindings::daxlease_lease_record>();
        let size = (head + path.len() + 1).next_multiple_of(8);

        if !self.fits(size) {
            return Ok(false);
        }
        record.size = size as u32;
        self.writer.write(&record)?;
        self.writer.write_slice(path)?;
        for _ in head + path.len()..size {
            self.writer.write_slice(&[0])?;
        }
        self.used += size;
        Ok(true)
    }

    fn pin(&mut self, record: &bindings::daxlease_pin_record) -> Result<bool> {
        if !self.fits(PIN_SIZE) {
            return Ok(false);
        }
        self.writer.write(record)?;
        self.used += PIN_SIZE;
        Ok(true)
    }
}
