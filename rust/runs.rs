// SPDX-License-Identifier: GPL-2.0

//! The runs of pages that one pin consists of.
//!
//! There can be one per page, so they are kept in two words each, and the room for more is made
//! beforehand: what is done under a lock does not allocate.

use kernel::{
    alloc::KVVec,
    prelude::*, //
};

use crate::range::PageRange;

/// Pages pinned in one go, or grown together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) range: PageRange,
    pub(crate) write: bool,
}

impl Run {
    /// What pinning `self` adds, where `last` is the run pinned before it.
    pub(crate) fn after(self, last: Option<Run>) -> Growth {
        match last {
            Some(last)
                if last.write == self.write
                    && last.range.start <= self.range.start
                    && self.range.start <= last.range.end =>
            {
                if self.range.end <= last.range.end {
                    Growth::Nothing
                } else {
                    Growth::Extend(last, self.range.end)
                }
            }
            _ => Growth::New(self),
        }
    }
}

/// How a batch of pages adds to the runs of a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Another run.
    New(Run),
    /// The last run goes on to this page.
    Extend(Run, u64),
    /// Held by the pin already.
    Nothing,
}

/// The start of a run with its kind in the top bit, which no page of a file reaches, and its end.
#[derive(Clone, Copy)]
struct Packed(u64, u64);

const WRITE: u64 = 1 << 63;

impl From<Run> for Packed {
    fn from(run: Run) -> Self {
        Self(
            run.range.start | if run.write { WRITE } else { 0 },
            run.range.end,
        )
    }
}

impl From<Packed> for Run {
    fn from(packed: Packed) -> Self {
        Self {
            range: PageRange::new(packed.0 & !WRITE, packed.1),
            write: packed.0 & WRITE != 0,
        }
    }
}

/// The runs of one pin, in the order of pinning.
pub(crate) struct Runs(KVVec<Packed>);

impl Runs {
    /// No runs, and room for none.
    pub(crate) const fn new() -> Self {
        Self(KVVec::new())
    }

    /// No runs, and room for so many. May sleep.
    pub(crate) fn with_room(nr: usize) -> Result<Self> {
        Ok(Self(KVVec::with_capacity(nr, GFP_KERNEL_ACCOUNT)?))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.len() == self.0.capacity()
    }

    /// What to ask [`Runs::with_room`] for when this is full.
    ///
    /// A quarter more: what is moved stays in proportion, and so does what is left unused.
    pub(crate) fn wanted_room(&self) -> usize {
        self.len() + self.len() / 4 + 1
    }

    /// Takes the room of another one, which gets this one's, if that is enough for a further run.
    pub(crate) fn move_to(&mut self, room: &mut Self) -> bool {
        if room.0.capacity() <= self.len() {
            return false;
        }
        room.0.clear();
        for packed in &self.0 {
            // There is room.
            let _ = room.0.push_within_capacity(*packed);
        }
        core::mem::swap(self, room);
        true
    }

    pub(crate) fn last(&self) -> Option<Run> {
        self.0.last().map(|packed| (*packed).into())
    }

    /// Adds a run; false where there is no room.
    #[must_use]
    pub(crate) fn push(&mut self, run: Run) -> bool {
        self.0.push_within_capacity(run.into()).is_ok()
    }

    /// Moves the end of the last run.
    pub(crate) fn extend_last(&mut self, end: u64) {
        if let Some(last) = self.0.last_mut() {
            last.1 = end;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Run> + '_ {
        self.0.iter().map(|packed| (*packed).into())
    }

    /// Whether any page of a range is in one of them.
    pub(crate) fn overlap(&self, range: &PageRange) -> bool {
        self.iter().any(|run| run.range.overlaps(range))
    }
}

#[kunit_tests(daxlease_runs)]
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
        assert_eq!(run(3, 5, true).after(None), Growth::New(run(3, 5, true)));
    }

    #[test]
    fn next_batch_extends() {
        let last = Some(run(3, 5, true));

        assert_eq!(
            run(5, 9, true).after(last),
            Growth::Extend(run(3, 5, true), 9)
        );
        assert_eq!(
            run(4, 9, true).after(last),
            Growth::Extend(run(3, 5, true), 9)
        );
    }

    #[test]
    fn same_folio_again_adds_nothing() {
        assert_eq!(
            run(0, 512, true).after(Some(run(0, 512, true))),
            Growth::Nothing
        );
        assert_eq!(
            run(7, 9, false).after(Some(run(0, 512, false))),
            Growth::Nothing
        );
    }

    #[test]
    fn gap_or_other_kind_is_another_run() {
        let last = Some(run(3, 5, true));

        for other in [run(6, 9, true), run(5, 9, false), run(1, 4, true)] {
            assert_eq!(other.after(last), Growth::New(other));
        }
    }

    #[test]
    fn packed_and_back() -> Result {
        let mut runs = Runs::with_room(2)?;

        assert!(runs.push(run(0, 1, true)));
        assert!(runs.push(run((1 << 51) - 1, 1 << 51, false)));
        assert_eq!(runs.iter().next(), Some(run(0, 1, true)));
        assert_eq!(runs.last(), Some(run((1 << 51) - 1, 1 << 51, false)));
        Ok(())
    }

    #[test]
    fn full_and_moved() -> Result {
        let mut runs = Runs::with_room(1)?;

        while !runs.is_full() {
            assert!(runs.push(run(runs.len() as u64 * 2, runs.len() as u64 * 2 + 1, false)));
        }
        assert!(!runs.push(run(100, 101, true)));
        assert!(!runs.move_to(&mut Runs::new()));

        let before = runs.len();
        let mut room = Runs::with_room(runs.wanted_room())?;
        assert!(runs.move_to(&mut room));
        assert_eq!(runs.len(), before);
        assert!(runs.push(run(100, 101, true)));
        runs.extend_last(110);
        assert_eq!(runs.last(), Some(run(100, 110, true)));
        Ok(())
    }

    #[test]
    fn overlap_is_exact() -> Result {
        let mut runs = Runs::with_room(2)?;

        assert!(runs.push(run(0, 1, false)));
        assert!(runs.push(run(8, 9, true)));
        assert!(runs.overlap(&PageRange::new(0, 4)));
        assert!(!runs.overlap(&PageRange::new(1, 8)));
        assert!(runs.overlap(&PageRange::new(8, 100)));
        Ok(())
    }
}
