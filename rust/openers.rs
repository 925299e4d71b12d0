// SPDX-License-Identifier: GPL-2.0

//! Which processes have the file open that a pin goes with.
//!
//! That file is known by its address alone. It is compared and never followed: where it has been
//! closed, and its pins are about to go, the address may be that of another one for a moment.

use kernel::{
    error::to_result,
    prelude::*, //
};

use crate::{
    account::PinKey,
    bindings,
    manager::{
        LeaseRef,
        Manager, //
    },
    query::Reader, //
};

/// Thread groups that are told at most.
const MAX: usize = 1024;

/// The thread groups that have the file of a pin open, by number, as far as the caller may look into
/// them. `ENOENT`: no such pin, or not for the caller to see. `EINTR`: the caller is killed.
pub(crate) fn of_pin(manager: &Manager, pin: u64, own: Option<&LeaseRef>) -> Result<KVec<i32>> {
    let mut pids = KVec::from_elem(0i32, MAX, GFP_KERNEL)?;
    let file = file_of(manager, pin, own).ok_or(ENOENT)?;

    if file == 0 {
        pids.clear();
        return Ok(pids);
    }
    // SAFETY: There is room for so many numbers. The file is not followed.
    let found = unsafe {
        bindings::daxlease_openers_of(file as *const c_void, pids.as_mut_ptr(), MAX as c_int)
    };

    to_result(found)?;
    pids.truncate(found as usize);
    Ok(pids)
}

/// The address of the file that a pin goes with.
fn file_of(manager: &Manager, pin: u64, own: Option<&LeaseRef>) -> Option<usize> {
    let reader = Reader::current();
    let mut after = 0;

    while let Some(lease) = manager.next_lease(after) {
        after = lease.id;
        let inner = lease.layout.inner.lock();
        let key = PinKey {
            lease: lease.id,
            id: pin,
        };
        let Some(record) = inner.records.get(&key) else {
            continue;
        };
        let own = own.is_some_and(|own| own.id == lease.id);
        let visible = own
            || inner
                .leases
                .get(&lease.id)
                .is_some_and(|lease| reader.may_see(lease));

        return visible.then_some(record.owner.file);
    }
    None
}
