// SPDX-License-Identifier: GPL-2.0

//! What is recorded of a pin: its runs with the handle, their sum and owner with the inode.
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
    bindings,
    lease::Lease,
    owner::Owner,
    range::PageRange, //
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
    pub(crate) runs: u32,
    pub(crate) write: bool,
    pub(crate) since: Instant<Monotonic>,
}

/// Pages pinned in one go, or grown together.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) range: PageRange,
    pub(crate) write: bool,
}

/// How the pages of a walk add to the runs of a handle.
#[derive(Clone, Copy)]
pub(crate) enum Growth {
    /// Another run.
    New(Run),
    /// The run goes on to this page.
    Extend(Run, u64),
    /// Held by the handle already.
    Nothing,
}

impl Growth {
    /// `extent` is what has been pinned, `last` the run before it.
    pub(crate) fn of(extent: Run, last: Option<&Run>) -> Self {
        match last {
            Some(last)
                if last.write == extent.write
                    && last.range.start <= extent.range.start
                    && extent.range.start <= last.range.end =>
            {
                if extent.range.end <= last.range.end {
                    Self::Nothing
                } else {
                    Self::Extend(*last, extent.range.end)
                }
            }
            _ => Self::New(extent),
        }
    }
}

/// The record that a walk's pages go to.
pub(crate) enum Target {
    Existing(PinKey),
    New(RBTreeNode<PinKey, PinRecord>),
}

/// What is left of a pin.
pub(crate) struct Unpinned {
    pub(crate) record: Option<RBTreeNode<PinKey, PinRecord>>,
    /// The lease, where it was waiting for this pin to go.
    pub(crate) lease: Option<RBTreeNode<u64, Lease>>,
}

/// Warns where the books do not balance. They are kept going as well as can be.
pub(crate) fn expect_account(balanced: bool) {
    if !balanced {
        // SAFETY: Nothing is required.
        unsafe { bindings::daxlease_warn_account() };
    }
}

impl PinRecord {
    /// The record of a first run.
    pub(crate) fn new(owner: Arc<Owner>, run: Run) -> Self {
        Self {
            owner,
            span: run.range,
            pages: run.range.len(),
            runs: 1,
            write: run.write,
            since: Instant::now(),
        }
    }

    /// Adds to the record what has been added to the account.
    pub(crate) fn grow(&mut self, growth: &Growth, added: u64) {
        let (range, write) = match growth {
            Growth::New(run) => {
                self.runs = self.runs.saturating_add(1);
                (run.range, run.write)
            }
            Growth::Extend(run, end) => (PageRange::new(run.range.start, *end), run.write),
            Growth::Nothing => return,
        };

        self.pages += added;
        self.write |= write;
        self.span.start = self.span.start.min(range.start);
        self.span.end = self.span.end.max(range.end);
    }
}

#[kunit_tests(daxlease_account)]
mod tests {
    use super::*;

    fn run(start: u64, end: u64, write: bool) -> Run {
        Run {
            range: PageRange::new(start, end),
            write,
        }
    }

    #[test]
    fn first_run_is_new() {
        assert!(matches!(Growth::of(run(3, 5, true), None), Growth::New(_)));
    }

    #[test]
    fn next_batch_extends() {
        assert!(matches!(
            Growth::of(run(5, 9, true), Some(&run(3, 5, true))),
            Growth::Extend(_, 9)
        ));
        assert!(matches!(
            Growth::of(run(4, 9, true), Some(&run(3, 5, true))),
            Growth::Extend(_, 9)
        ));
    }

    #[test]
    fn same_folio_again_adds_nothing() {
        assert!(matches!(
            Growth::of(run(0, 512, true), Some(&run(0, 512, true))),
            Growth::Nothing
        ));
        assert!(matches!(
            Growth::of(run(7, 9, false), Some(&run(0, 512, false))),
            Growth::Nothing
        ));
    }

    #[test]
    fn gap_or_other_kind_is_another_run() {
        assert!(matches!(
            Growth::of(run(6, 9, true), Some(&run(3, 5, true))),
            Growth::New(_)
        ));
        assert!(matches!(
            Growth::of(run(5, 9, false), Some(&run(3, 5, true))),
            Growth::New(_)
        ));
        assert!(matches!(
            Growth::of(run(1, 4, true), Some(&run(3, 5, true))),
            Growth::New(_)
        ));
    }
}
