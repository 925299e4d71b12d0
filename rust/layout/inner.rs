// SPDX-License-Identifier: GPL-2.0

//! What is decided about one leased inode under `Layout::inner`: may a pin begin, may a layout
//! change go on.

use kernel::{
    prelude::*,
    rbtree::RBTreeNode, //
};

use crate::{
    account::{
        expect_account,
        PinKey,
        PinRecord, //
    },
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
        Pinned, //
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

    /// Whether a page of the range is pinned under a lease.
    pub(crate) fn pinned_under(&self, lease: u64, range: &PageRange) -> bool {
        let first = self.next_pin(lease, 0);

        core::iter::successors(first, |(key, _)| self.next_pin(lease, key.id))
            .any(|(_, record)| record.holds(range))
    }

    // A symbol of its own: the mutation tests take the marks away with it.
    #[inline(never)]
    pub(super) fn is_changing(&self, range: &PageRange) -> bool {
        self.breaks.values().any(|other| other.overlaps(range))
    }

    pub(super) fn start_walk(&mut self, me: usize, want: &PageRange) -> Result<Walk> {
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
        Ok(Walk {
            lease: id,
            len: covered.len(),
        })
    }

    pub(super) fn judge(&self, range: &PageRange, me: usize) -> Result {
        let mine = |lease: &Lease| lease.is_held_by(me);
        let orphaned = |lease: &Lease| lease.life.state() == State::Orphaned;
        let parties = self.leases.values().map(|lease| Party {
            range: lease.range,
            state: lease.life.state(),
            mine: mine(lease),
        });
        let pinned = || {
            if !self.counts.any((*range).into()) {
                return Pinned::No;
            }
            // Without a look at each pin, most of the time.
            if !self
                .leases
                .values()
                .any(|lease| mine(lease) && !orphaned(lease))
            {
                return Pinned::Others;
            }
            let mut foreign = self
                .leases
                .iter()
                .filter(|(_, lease)| orphaned(lease) || !mine(lease));
            if foreign.any(|(id, _)| self.pinned_under(*id, range)) {
                Pinned::Others
            } else {
                Pinned::Mine
            }
        };

        verdict::on_layout_change(range, parties, pinned)
    }

    pub(super) fn end_walk(&mut self) {
        expect_account(self.walks > 0);
        self.walks = self.walks.saturating_sub(1);
    }

    pub(super) fn take_if(&mut self, after: After, id: u64) -> Option<RBTreeNode<u64, Lease>> {
        match after {
            After::Gone => self.leases.remove_node(&id),
            After::Stays => None,
        }
    }
}
