// SPDX-License-Identifier: GPL-2.0

//! What is recorded of a pin: its runs and owner, with the inode.
//!
//! A handle pins in batches. Batches that follow each other in the file become one run, so that a
//! gigabyte pinned in one go costs no more than a page. A handle gives everything back at once, so
//! what it pins twice in a row is accounted once.

use kernel::{
    prelude::*,
    rbtree::RBTreeNode,
    sync::Arc,
    time::{
        Instant,
        Monotonic, //
    },
};

use crate::{
    expect::expect_account,
    lease::Lease,
    owner::Owner,
    range::PageRange,
    range_count::{
        AddError,
        Reservation, //
    },
    runs::{
        Growth,
        Room,
        Runs, //
    },
};

/// A pin by name: the lease it is under, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PinKey {
    pub(crate) lease: u64,
    pub(crate) id: u64,
}

/// What one handle has pinned under one lease.
pub(crate) struct PinRecord {
    pub(crate) owner: Arc<Owner>,
    /// From the first page to the last.
    pub(crate) span: PageRange,
    pub(crate) pages: u64,
    pub(crate) runs: Runs,
    pub(crate) write: bool,
    pub(crate) since: Instant<Monotonic>,
}

/// The record that a walk's pages go to.
pub(crate) enum Target {
    Existing(PinKey),
    New {
        key: PinKey,
        node: RBTreeNode<PinKey, PinRecord>,
    },
}

/// Memory made before the locks are taken.
pub(crate) struct Spare {
    pub(crate) slots: Reservation,
    pub(crate) runs: Room,
}

/// Memory that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    slots: usize,
    /// Behind so many; 0: none.
    runs: usize,
}

/// Why a batch could not be accounted. Nothing has changed.
pub(crate) enum CommitError {
    /// Try again with so much more memory.
    Retry(Wanted),
    Refused(Error),
}

impl Wanted {
    pub(crate) const fn slots(slots: usize) -> Self {
        Self { slots, runs: 0 }
    }

    pub(crate) const fn runs(runs: usize) -> Self {
        Self { slots: 0, runs }
    }
}

impl From<AddError> for CommitError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Retry { slots } => Self::Retry(Wanted::slots(slots)),
            AddError::Refused(error) => Self::Refused(error),
        }
    }
}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Spare {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            slots: Reservation::new(0)?,
            runs: Room::new(),
        })
    }

    /// Makes what is missing. May sleep.
    pub(crate) fn refill(&mut self, wanted: Wanted) -> Result {
        // Also where no slot is missing: then it is a chunk.
        self.slots.refill(wanted.slots)?;
        if wanted.runs > 0 {
            self.runs = Room::behind(wanted.runs)?;
        }
        Ok(())
    }
}

/// What is left of a pin.
pub(crate) struct Unpinned {
    pub(crate) record: Option<PinRecord>,
    /// The lease, where it was waiting for this pin to go.
    pub(crate) lease: Option<RBTreeNode<u64, Lease>>,
}

impl PinRecord {
    /// A record without pages and with room for a first run.
    pub(crate) fn new(owner: Arc<Owner>) -> Self {
        Self {
            owner,
            span: PageRange::new(u64::MAX, 0),
            pages: 0,
            runs: Runs::new(),
            write: false,
            since: Instant::now(),
        }
    }

    /// Adds to the record what has been added to the account. There is room for it.
    pub(crate) fn grow(&mut self, growth: &Growth) {
        let (range, write) = match growth {
            Growth::New(run) => {
                expect_account(self.runs.push(*run));
                self.pages += run.range.len();
                (run.range, run.write)
            }
            Growth::Extend(run, end) => {
                self.runs.extend_last(*end);
                self.pages += end - run.range.end;
                (PageRange::new(run.range.start, *end), run.write)
            }
            Growth::Nothing => return,
        };

        self.write |= write;
        self.span.start = self.span.start.min(range.start);
        self.span.end = self.span.end.max(range.end);
    }

    /// Whether a page of a range is pinned.
    pub(crate) fn holds(&self, range: &PageRange) -> bool {
        self.span.overlaps(range) && self.runs.overlap(range)
    }
}

#[kunit_tests(daxlease_account)]
mod tests {
    use super::*;
    use crate::{bindings, runs::Run};

    const READ: Run = Run {
        range: PageRange::new(4, 8),
        write: false,
    };
    const WRITE: Run = Run {
        range: PageRange::new(16, 17),
        write: true,
    };

    fn record() -> Result<PinRecord> {
        let nobody: bindings::layout_pin_owner = pin_init::zeroed();

        Ok(PinRecord::new(Owner::new(&nobody)?))
    }

    #[test]
    fn a_first_run() -> Result {
        let mut record = record()?;

        assert!(!record.holds(&PageRange::new(0, 100)));
        record.grow(&Growth::New(READ));
        assert_eq!(
            (record.pages, record.span, record.write),
            (4, READ.range, false)
        );
        assert!(record.holds(&PageRange::new(7, 8)));
        assert!(!record.holds(&PageRange::new(8, 100)));
        Ok(())
    }

    #[test]
    fn between_two_runs_nothing_is_held() -> Result {
        let mut record = record()?;

        record.grow(&Growth::New(WRITE));
        assert!(record.runs.grow(&mut Room::behind(1)?));
        record.grow(&Growth::New(READ));
        assert_eq!((record.pages, record.span), (5, PageRange::new(4, 17)));
        assert!(record.write);
        assert!(record.holds(&PageRange::new(16, 17)));
        assert!(!record.holds(&PageRange::new(8, 16)));
        Ok(())
    }

    #[test]
    fn the_last_run_goes_on() -> Result {
        let mut record = record()?;

        record.grow(&Growth::New(WRITE));
        record.grow(&Growth::Extend(WRITE, 20));
        record.grow(&Growth::Nothing);
        assert_eq!((record.pages, record.span), (4, PageRange::new(16, 20)));
        assert!(record.holds(&PageRange::new(19, 20)));
        assert!(!record.holds(&PageRange::new(20, 21)));
        Ok(())
    }
}
