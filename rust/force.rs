// SPDX-License-Identifier: GPL-2.0

//! FORCE: the unpin of last resort, for an administrator who means it.

use kernel::prelude::*;

use crate::{
    bindings,
    dax_file::DaxFile,
    identity::{
        current_comm,
        is_killed,
        printable,
        Tgid,
        Uid, //
    },
    layout::Layout,
    lifecycle::State,
    manager::Manager,
    range::PageRange, //
};

/// What has been done, and what is left.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) revoked: u32,
    pub(crate) killed: u32,
    pub(crate) pins: u32,
    pub(crate) leases: u32,
}

/// Revokes all pins in a range that can be revoked, and, if told so, kills who has the others and
/// who holds leases there. Sleeps, no locks held.
///
/// `EINTR`: killed; `ENOMEM`: perhaps not all were. What had been done until then is in the log.
pub(crate) fn run(
    manager: &Manager,
    file: &DaxFile,
    range: &PageRange,
    kill: bool,
) -> Result<Done> {
    let mut done = Done::default();
    let mut result = Ok(());

    if let Some(layout) = manager.find(file.key()) {
        done.revoked = layout.revoke_all(manager, range, bindings::DAXLEASE_REASON_FORCE, || {
            if is_killed() {
                result = Err(EINTR);
            }
            result.is_ok()
        });
        if kill && result.is_ok() {
            result = layout.kill(range).map(|killed| done.killed = killed);
        }
        (done.pins, done.leases) = layout.left(range);
    }
    report(file, range, &done);
    result.map(|()| done)
}

fn report(file: &DaxFile, range: &PageRange, done: &Done) {
    let (major, minor) = file.dev();
    let (start, end) = range.bytes();
    let comm = current_comm();

    pr_notice!(
        "force: user {} by {}: device {}:{} inode {} bytes {}-{}: {} pins revoked, {} processes killed, {} pins and {} leases left\n",
        Uid::current().here(),
        printable(&comm),
        major,
        minor,
        file.ino(),
        start,
        end,
        done.revoked,
        done.killed,
        done.pins,
        done.leases
    );
}

impl Layout {
    /// Kills who has pins in the range or holds a lease there. Returns how many.
    fn kill(&self, range: &PageRange) -> Result<u32> {
        let mut victims = KVVec::<usize>::new();

        loop {
            let wanted = self.count(range);

            victims.clear();
            victims.reserve(wanted, GFP_KERNEL)?;
            if let Some(killed) = self.kill_all(range, &mut victims) {
                return Ok(killed);
            }
        }
    }

    /// As [`Layout::kill`], each once, as `victims` has room; `None` where it has not enough.
    fn kill_all(&self, range: &PageRange, victims: &mut KVVec<usize>) -> Option<u32> {
        let inner = self.inner.lock();
        let mut killed = 0;
        let mut fits = true;

        inner.for_each_party(range, |tgid| {
            if victims.contains(&tgid.key()) {
                return;
            }
            if victims.push_within_capacity(tgid.key()).is_err() {
                fits = false;
            } else {
                killed += u32::from(tgid.kill());
            }
        });
        fits.then_some(killed)
    }

    /// How many there are to be killed, at most.
    fn count(&self, range: &PageRange) -> usize {
        let mut count = 0;

        self.inner.lock().for_each_party(range, |_| count += 1);
        count
    }

    /// Pins in the range, and leases over it.
    pub(crate) fn left(&self, range: &PageRange) -> (u32, u32) {
        let inner = self.inner.lock();
        let pins = inner
            .leases
            .keys()
            .map(|id| inner.pins_in(*id, range).count() as u32)
            .sum();
        let leases = inner
            .leases
            .values()
            .filter(|lease| lease.life.state() != State::Orphaned && lease.range.overlaps(range))
            .count() as u32;

        (pins, leases)
    }
}

impl crate::layout::Inner {
    /// Calls a function for all who have pins in a range or hold a lease there, perhaps repeatedly.
    fn for_each_party(&self, range: &PageRange, mut f: impl FnMut(&Tgid)) {
        for (id, lease) in self.leases.iter() {
            if lease.range.overlaps(range) && lease.life.state() != State::Orphaned {
                lease.holders.values().for_each(&mut f);
            }
            for (_, pin) in self.pins_in(*id, range) {
                f(&pin.owner.tgid);
            }
        }
    }
}
