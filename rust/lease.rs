// SPDX-License-Identifier: GPL-2.0

//! A lease: a range of an inode, its holders, and where it is in its life.
//!
//! The states and what leads from one to the next are in [`crate::lifecycle`], the locks in
//! [`crate::layout`], which has the leases of an inode under one of them.

use kernel::{
    rbtree::RBTree,
    sync::Arc,
    time::{
        Instant,
        Monotonic, //
    },
};

use crate::{
    account::PinKey,
    bindings,
    dax_file::DaxFile,
    event::{
        self,
        Event,
        Kind,
        Reason, //
    },
    identity::{
        Comm,
        Tgid,
        Uid, //
    },
    inbox::Inbox,
    lifecycle::Lifecycle,
    range::PageRange, //
};

const NS_PER_MS: u64 = 1_000_000;

/// What a conflicting layout change meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A refusal.
    Exclusive,
    /// A holder who is asked to let go, and has so many milliseconds for it.
    Breakable(u32),
}

impl Mode {
    /// `DAXLEASE_MODE_*`
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Exclusive => bindings::DAXLEASE_MODE_EXCLUSIVE,
            Self::Breakable(_) => bindings::DAXLEASE_MODE_BREAKABLE,
        }
    }

    /// How long a holder has to let go, 0 where nobody asks it to.
    pub(crate) fn break_time_ms(self) -> u32 {
        match self {
            Self::Exclusive => 0,
            Self::Breakable(ms) => ms,
        }
    }
}

/// A lease.
pub(crate) struct Lease {
    pub(crate) range: PageRange,
    /// From the first page to the last that the lease, or a folio that was pinned under it, has ever
    /// reached to.
    pub(crate) reach: PageRange,
    pub(crate) life: Lifecycle,
    pub(crate) holders: RBTree<usize, Tgid>,
    pub(crate) nr_holders: u32,
    pub(crate) acquirer: Tgid,
    pub(crate) comm: Comm,
    pub(crate) uid: Uid,
    pub(crate) since: Instant<Monotonic>,
    pub(crate) file: DaxFile,
    pub(crate) mode: Mode,
    /// Layout changes that wait for pins in its range.
    pub(crate) breaking: u32,
    /// Where its events go.
    pub(crate) inbox: Arc<Inbox>,
    /// Pages in the records of this lease.
    pub(crate) pages: u64,
}

impl Lease {
    /// Whether the thread group of this [`Tgid::key`] may pin under the lease, and change the layout
    /// of what is not pinned.
    pub(crate) fn is_held_by(&self, key: usize) -> bool {
        self.holders.get(&key).is_some()
    }

    /// A pin under the lease holds these pages.
    pub(crate) fn reach_to(&mut self, pinned: &PageRange) {
        self.reach = PageRange::new(
            self.reach.start.min(pinned.start),
            self.reach.end.max(pinned.end),
        );
    }

    /// For how long a layout change waits for pins under it; `None` if not at all.
    pub(crate) fn break_time_ns(&self) -> Option<u64> {
        match self.mode {
            Mode::Exclusive => None,
            Mode::Breakable(ms) => Some(u64::from(ms) * NS_PER_MS),
        }
    }

    /// Tells the reader of the fd that a pin has gone, as far as it did not do that itself. Returns
    /// whether that has been lost.
    pub(crate) fn tell_unpin(&self, pin: PinKey, span: PageRange, revoked: Option<Reason>) -> bool {
        let tell = |kind, range| {
            self.inbox.push(Event {
                kind,
                lease: pin.lease,
                range,
                time: event::now(),
            })
        };
        let mut kept = true;

        if let Some(reason) = revoked {
            kept = tell(
                Kind::Revoked {
                    pin: pin.id,
                    reason,
                },
                span,
            );
        }
        if self.life.pins() == 0 {
            kept &= tell(Kind::Drained, self.range);
        }
        !kept
    }
}
