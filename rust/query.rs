// SPDX-License-Identifier: GPL-2.0

//! QUERY and the records of SCAN: leases and their pins, one by one.
//!
//! The cursor is a lease number and a pin number: everything up to that lease has been told, and of
//! the lease itself the record and the pins up to that one. A pin number of 0 says that the lease is
//! done with, 1 that its record alone has been told.

use core::{
    iter::successors,
    mem::size_of, //
};

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
    account::PinRecord,
    bindings,
    dax_file::{
        self,
        InodeKey, //
    },
    identity::{
        is_admin,
        is_killed,
        Comm,
        Tgid,
        Uid, //
    },
    lease::Lease,
    lifecycle::State,
    manager::{
        LeaseRef,
        Manager, //
    },
    range::PageRange,
    revoke::Outlook, //
};

/// Longest path that is told; longer ones come out empty.
const PATH_MAX: usize = 4096;

const RECORD_ONLY: u64 = 1;

const PIN_SIZE: usize = size_of::<bindings::daxlease_pin_record>();

/// A list that a caller wants.
pub(crate) struct Listing {
    pub(crate) buf: u64,
    pub(crate) buf_len: u32,
    pub(crate) lease_cursor: u64,
    pub(crate) pin_cursor: u64,
    /// Only what touches a range of one inode.
    pub(crate) only: Option<(InodeKey, PageRange)>,
}

impl Listing {
    fn wants_lease(&self, lease: &LeaseRef) -> bool {
        let Some((inode, range)) = &self.only else {
            return true;
        };

        lease.layout.key() == *inode && {
            let inner = lease.layout.inner.lock();

            inner.pinned_under(lease.id, range)
                || inner
                    .leases
                    .get(&lease.id)
                    .is_some_and(|lease| lease.range.overlaps(range))
        }
    }

    fn wants_pin(&self, pin: &PinRecord) -> bool {
        self.only.as_ref().is_none_or(|(_, range)| pin.holds(range))
    }
}

/// Who asks.
pub(crate) struct Reader {
    admin: bool,
    uid: Uid,
}

impl Reader {
    pub(crate) fn current() -> Self {
        Self {
            admin: is_admin(),
            uid: Uid::current(),
        }
    }

    /// A user is not one and the same across containers: user 0 of one of them has nothing to do
    /// with that of another, or of the host.
    pub(crate) fn may_see(&self, lease: &Lease) -> bool {
        self.admin || (lease.uid == self.uid && lease.acquirer.is_in_view())
    }

    /// The name of somebody whose number can be seen.
    pub(crate) fn name(&self, tgid: &Tgid, comm: Comm) -> Comm {
        if self.admin || tgid.is_in_view() {
            comm
        } else {
            Comm::default()
        }
    }
}

/// Fills the caller's buffer and moves the cursors of `list` on. Returns how many bytes were written.
///
/// Tells what the caller may see: leases of its user, the one of `own`, or all. `EINVAL` where the
/// buffer is too small for a single record, `EINTR` where the caller is killed.
pub(crate) fn run(manager: &Manager, list: &mut Listing, own: Option<&LeaseRef>) -> Result<u32> {
    let reader = Reader::current();
    let mut paths = KVec::from_elem(0u8, PATH_MAX, GFP_KERNEL)?;
    let mut out = Output::new(list);

    loop {
        if is_killed() {
            return Err(EINTR);
        }
        let found = if list.pin_cursor == 0 {
            manager.next_lease(list.lease_cursor)
        } else {
            manager
                .next_lease(list.lease_cursor.wrapping_sub(1))
                .filter(|lease| lease.id == list.lease_cursor)
        };
        let Some(lease) = found else {
            if list.pin_cursor == 0 {
                break;
            }
            list.pin_cursor = 0;
            continue;
        };
        let own = own.is_some_and(|own| own.id == lease.id);
        let visible = lease.with(|lease| own || reader.may_see(lease)) == Some(true);

        if visible
            && list.wants_lease(&lease)
            && !tell(&reader, &lease, list, &mut out, &mut paths)?
        {
            break;
        }
        list.lease_cursor = lease.id;
        list.pin_cursor = 0;
    }
    if out.used == 0 && out.overflown {
        return Err(EINVAL);
    }
    u32::try_from(out.used).map_err(|_| EINVAL)
}

/// Tells one lease, or what is left of it. Returns whether everything fitted in.
fn tell(
    reader: &Reader,
    lease: &LeaseRef,
    list: &mut Listing,
    out: &mut Output,
    paths: &mut [u8],
) -> Result<bool> {
    if list.pin_cursor == 0 {
        let Some((record, file)) =
            lease.with(|value| (lease_record(reader, lease.id, value), value.file.file()))
        else {
            return Ok(true);
        };
        let path = dax_file::path(&file, paths).unwrap_or(b"");

        if !out.lease(record, path)? {
            return Ok(false);
        }
        list.lease_cursor = lease.id;
        list.pin_cursor = RECORD_ONLY;
    }
    while let Some(record) = next_pin(reader, lease, list) {
        if is_killed() {
            return Err(EINTR);
        }
        if !out.pin(&record)? {
            return Ok(false);
        }
        list.pin_cursor = record.id;
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

fn lease_record(reader: &Reader, id: u64, lease: &Lease) -> bindings::daxlease_lease_record {
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
        mode: lease.mode.number(),
        state: state_number(lease.life.state()),
        uid: lease.uid.here(),
        pid: lease.acquirer.nr(),
        holders: lease.nr_holders,
        pins: lease.life.pins(),
        pinned_pages: lease.pages,
        age_ms: age(lease.since),
        break_time_ms: lease.mode.break_time_ms(),
        breaking: lease.breaking,
        comm: reader.name(&lease.acquirer, lease.comm),
        ..Default::default()
    }
}

/// The next pin of a lease that is wanted.
fn next_pin(
    reader: &Reader,
    lease: &LeaseRef,
    list: &Listing,
) -> Option<bindings::daxlease_pin_record> {
    let inner = lease.layout.inner.lock();
    let first = inner.next_pin(lease.id, list.pin_cursor);
    let (key, pin) = successors(first, |(key, _)| inner.next_pin(lease.id, key.id))
        .find(|(_, pin)| list.wants_pin(pin))?;
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
            | flag(
                pin.owner.revoker.outlook() == Outlook::Revocable,
                bindings::DAXLEASE_PIN_REVOCABLE,
            ),
        kind: pin.owner.kind,
        uid: pin.owner.uid.here(),
        pid: pin.owner.tgid.nr(),
        comm: reader.name(&pin.owner.tgid, pin.owner.comm),
        owner: pin.owner.device,
        owner_file: pin.owner.file_path,
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
    fn new(list: &Listing) -> Self {
        let ptr = UserPtr::from_addr(list.buf as usize);

        Self {
            writer: UserSlice::new(ptr, list.buf_len as usize).writer(),
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
