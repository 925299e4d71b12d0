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

/// Runs in a full chunk, which is 4 KiB.
const CHUNK: usize = 256;

/// Some runs that follow each other. Only the last one of a pin has room left.
type Chunk = KVec<Packed>;

/// The runs of one pin, in the order of pinning.
///
/// Most pins have one run, which needs no memory of its own. More are kept in chunks, each as large
/// as all before it up to [`CHUNK`], so that next to nothing is left unused and none is ever moved.
pub(crate) struct Runs {
    first: Option<Packed>,
    chunks: KVVec<Chunk>,
    len: usize,
}

/// Memory for more runs of one pin.
pub(crate) struct Room {
    chunk: Option<Chunk>,
    /// In case that there is no place for another chunk.
    chunks: KVVec<Chunk>,
}

impl Room {
    pub(crate) const fn new() -> Self {
        Self {
            chunk: None,
            chunks: KVVec::new(),
        }
    }

    /// What a pin needs that is full with so many runs. May sleep.
    pub(crate) fn behind(len: usize) -> Result<Self> {
        let chunks = chunks_of(len);

        Ok(Self {
            chunk: Some(KVec::with_capacity(
                len.clamp(1, CHUNK),
                GFP_KERNEL_ACCOUNT,
            )?),
            chunks: KVVec::with_capacity(chunks + chunks / 4 + 1, GFP_KERNEL_ACCOUNT)?,
        })
    }
}

/// The chunks of a pin that is full with so many runs: they double up to [`CHUNK`].
fn chunks_of(len: usize) -> usize {
    let doubled = len.min(CHUNK);

    doubled.checked_ilog2().unwrap_or(0) as usize + (len - doubled).div_ceil(CHUNK)
}

impl Runs {
    /// No runs, and room for one.
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            chunks: KVVec::new(),
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_full(&self) -> bool {
        self.first.is_some()
            && self
                .chunks
                .last()
                .is_none_or(|chunk| chunk.len() == chunk.capacity())
    }

    /// Takes as much of the room as a further run needs; false if that is not there.
    pub(crate) fn grow(&mut self, room: &mut Room) -> bool {
        if self.chunks.len() == self.chunks.capacity() {
            if room.chunk.is_none() || room.chunks.capacity() <= self.chunks.len() {
                return false;
            }
            for chunk in self.chunks.drain_all() {
                // There is a place for it.
                let _ = room.chunks.push_within_capacity(chunk);
            }
            core::mem::swap(&mut self.chunks, &mut room.chunks);
        }
        room.chunk
            .take()
            .is_some_and(|chunk| self.chunks.push_within_capacity(chunk).is_ok())
    }

    fn last_packed(&self) -> Option<&Packed> {
        // A chunk that was just added has none yet.
        self.chunks
            .iter()
            .rev()
            .find_map(|chunk| chunk.last())
            .or(self.first.as_ref())
    }

    pub(crate) fn last(&self) -> Option<Run> {
        self.last_packed().map(|packed| (*packed).into())
    }

    /// Adds a run; false where there is no room.
    #[must_use]
    pub(crate) fn push(&mut self, run: Run) -> bool {
        let pushed = if self.first.is_none() {
            self.first = Some(run.into());
            true
        } else {
            self.chunks
                .last_mut()
                .is_some_and(|chunk| chunk.push_within_capacity(run.into()).is_ok())
        };

        self.len += usize::from(pushed);
        pushed
    }

    /// Moves the end of the last run.
    pub(crate) fn extend_last(&mut self, end: u64) {
        let last = self
            .chunks
            .iter_mut()
            .rev()
            .find_map(|chunk| chunk.last_mut())
            .or(self.first.as_mut());

        if let Some(last) = last {
            last.1 = end;
        }
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Run> + '_ {
        let more = self.chunks.iter().flat_map(|chunk| chunk.iter());

        Iterator::chain(self.first.iter(), more).map(|packed| (*packed).into())
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

    /// So many runs of one page, with gaps between them.
    fn filled(nr: usize) -> Result<Runs> {
        let mut runs = Runs::new();
        let mut room = Room::new();

        while runs.len() < nr {
            if runs.is_full() && !runs.grow(&mut room) {
                room = Room::behind(runs.len())?;
                assert!(runs.grow(&mut room));
            }
            let page = runs.len() as u64 * 2;
            assert!(runs.push(run(page, page + 1, page % 3 == 0)));
        }
        Ok(runs)
    }

    #[test]
    fn packed_and_back() -> Result {
        let mut runs = filled(1)?;

        assert!(runs.is_full());
        assert!(runs.grow(&mut Room::behind(1)?));
        assert!(runs.push(run((1 << 51) - 1, 1 << 51, false)));
        assert_eq!(runs.iter().next(), Some(run(0, 1, true)));
        assert_eq!(runs.last(), Some(run((1 << 51) - 1, 1 << 51, false)));
        Ok(())
    }

    #[test]
    fn full_without_room() -> Result {
        let mut runs = filled(1)?;

        assert!(!runs.push(run(100, 101, true)));
        assert!(!runs.grow(&mut Room::new()));
        assert_eq!(runs.len(), 1);
        Ok(())
    }

    #[test]
    fn grown_and_not_used_yet() -> Result {
        for nr in [1, 2, 3, 256, 512] {
            let mut runs = filled(nr)?;
            let last = runs.last();

            if runs.is_full() {
                assert!(runs.grow(&mut Room::behind(nr)?));
            }
            assert_eq!(runs.last(), last);
            runs.extend_last(10_000);
            assert_eq!(runs.last().map(|run| run.range.end), Some(10_000));
            assert_eq!(runs.len(), nr);
        }
        Ok(())
    }

    #[test]
    fn all_of_many_in_order() -> Result {
        for nr in [1, 2, 3, 4, 255, 256, 257, 511, 512, 513, 3000] {
            let runs = filled(nr)?;

            assert_eq!(runs.len(), nr);
            assert_eq!(runs.iter().count(), nr);
            assert!(runs
                .iter()
                .enumerate()
                .all(|(n, run)| run.range.start == n as u64 * 2));
            assert!(runs.overlap(&PageRange::new(nr as u64 * 2 - 2, u64::MAX)));
            assert!(!runs.overlap(&PageRange::new(nr as u64 * 2 - 1, u64::MAX)));
        }
        Ok(())
    }

    #[test]
    fn overlap_is_exact() -> Result {
        let mut runs = Runs::new();

        assert!(runs.push(run(0, 1, false)));
        assert!(runs.grow(&mut Room::behind(1)?));
        assert!(runs.push(run(8, 9, true)));
        assert!(runs.overlap(&PageRange::new(0, 4)));
        assert!(!runs.overlap(&PageRange::new(1, 8)));
        assert!(runs.overlap(&PageRange::new(8, 100)));
        Ok(())
    }
}
