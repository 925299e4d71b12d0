// SPDX-License-Identifier: GPL-2.0

//! What is decided about one leased inode under `Layout::inner`: may a pin begin, may a layout
//! change go on.

use kernel::{
    prelude::*,
    rbtree::RBTreeNode, //
};

use crate::{
    account::{
        PinKey,
        PinRecord, //
    },
    expect::expect_account,
    lease::Lease,
    lifecycle::{
        After,
        State, //
    },
    range::PageRange,
    stats::Gauges,
    verdict::{
        self,
        Party,
        Pinned,
        Verdict, //
    },
};

use super::{
    Inner,
    Walk, //
};

impl Inner {
    /// Adds what there is now.
    pub(crate) fn add_to(&self, gauges: &mut Gauges) {
        for lease in self.leases.values() {
            gauges.leases += 1;
            gauges.orphaned += u64::from(lease.life.state() == State::Orphaned);
            gauges.pins += u64::from(lease.life.pins());
            gauges.pinned_pages += lease.pages;
        }
    }

    /// The pin under a lease with the lowest number above `after`.
    pub(crate) fn next_pin(&self, lease: u64, after: u64) -> Option<(PinKey, &PinRecord)> {
        let id = after.checked_add(1)?;
        let cursor = self.records.cursor_lower_bound(&PinKey { lease, id })?;
        let key = *cursor.current().0;

        // What the cursor lends does not outlive it.
        let record = self.records.get(&key)?;
        (key.lease == lease).then_some((key, record))
    }

    /// The pins under a lease that hold a page of the range.
    pub(crate) fn pins_in<'a>(
        &'a self,
        lease: u64,
        range: &'a PageRange,
    ) -> impl Iterator<Item = (PinKey, &'a PinRecord)> {
        self.pins_after(lease, 0)
            .filter(|(_, record)| record.holds(range))
    }

    /// The pins under a lease with numbers above `after`, in their order.
    pub(crate) fn pins_after(
        &self,
        lease: u64,
        after: u64,
    ) -> impl Iterator<Item = (PinKey, &PinRecord)> {
        let first = self.next_pin(lease, after);

        core::iter::successors(first, move |(key, _)| self.next_pin(lease, key.id))
    }

    /// Whether a page of the range is pinned under a lease.
    pub(crate) fn pinned_under(&self, lease: u64, range: &PageRange) -> bool {
        self.pins_in(lease, range).next().is_some()
    }

    /// Whether this layout can be forgotten: there are neither leases, nor layout changes whose
    /// marks somebody who comes later has to see.
    pub(crate) fn is_idle(&self) -> bool {
        self.leases.is_empty() && self.breaks.is_empty()
    }

    // A symbol of its own: the mutation tests take the marks away with it.
    #[inline(never)]
    pub(super) fn is_changing(&self, range: &PageRange) -> bool {
        self.breaks
            .values()
            .any(|change| change.what.range.overlaps(range))
    }

    /// Whether pages of the file are being taken for a device that writes.
    // A symbol of its own, as the one above.
    #[inline(never)]
    pub(super) fn may_be_taking(&self) -> bool {
        self.writing_walks > 0
    }

    pub(super) fn start_walk(&mut self, me: usize, want: &PageRange, write: bool) -> Result<Walk> {
        let mut best: Option<(u64, PageRange)> = None;
        let mut refusal = EOPNOTSUPP;

        for (id, lease) in self.leases.iter() {
            if !lease.range.contains(want.start) || !lease.is_held_by(me) {
                continue;
            }
            match lease.life.state() {
                State::Active if best.is_none_or(|(_, range)| range.end < lease.range.end) => {
                    best = Some((*id, lease.range));
                }
                State::Releasing => refusal = EAGAIN,
                _ => {}
            }
        }
        let (id, range) = best.ok_or(refusal)?;
        let covered = PageRange::new(want.start, want.end.min(range.end));
        if self.is_changing(&covered) {
            return Err(EAGAIN);
        }
        self.leases
            .get_mut(&id)
            .ok_or(EOPNOTSUPP)?
            .life
            .start_walk()?;
        self.walks += 1;
        self.writing_walks += u32::from(write);
        Ok(Walk {
            lease: id,
            len: covered.len(),
            write,
        })
    }

    /// What a lease is to a change by thread group `me`.
    fn party(lease: &Lease, me: usize) -> Party {
        Party {
            range: lease.range,
            state: lease.life.state(),
            mine: lease.is_held_by(me),
            breakable: lease.break_time_ns().is_some(),
        }
    }

    pub(super) fn judge(&self, range: &PageRange, me: usize) -> Result<Verdict> {
        let parties = self.leases.values().map(|lease| Self::party(lease, me));

        verdict::on_layout_change(range, parties, || self.pinned(range, me))
    }

    /// Under whose leases the pins in a range are, to thread group `me`.
    fn pinned(&self, range: &PageRange, me: usize) -> Pinned {
        if !self.counts.any((*range).into()) {
            return Pinned::No;
        }
        let of = |lease: &Lease| Self::party(lease, me).pins();
        let with_pins = || {
            self.leases
                .iter()
                .filter(|(_, lease)| lease.life.pins() > 0)
        };
        let strictest = with_pins().map(|(_, lease)| of(lease)).max();

        // Without a look at each pin, most of the time.
        let Some(strictest) = strictest else {
            return Pinned::Exclusive;
        };
        if with_pins().all(|(_, lease)| of(lease) == strictest) {
            return strictest;
        }
        with_pins()
            .filter(|(id, _)| self.pinned_under(**id, range))
            .map(|(_, lease)| of(lease))
            .max()
            .unwrap_or(Pinned::Exclusive)
    }

    pub(super) fn end_walk(&mut self, walk: &Walk) {
        expect_account(self.walks > 0);
        self.walks = self.walks.saturating_sub(1);
        self.writing_walks = self.writing_walks.saturating_sub(u32::from(walk.write));
    }

    pub(super) fn take_if(&mut self, after: After, id: u64) -> Option<RBTreeNode<u64, Lease>> {
        match after {
            After::Gone => self.leases.remove_node(&id),
            After::Stays => None,
        }
    }
}
