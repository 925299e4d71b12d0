// SPDX-License-Identifier: GPL-2.0

//! Exact pin counts over the pages of a file.
//!
//! A [`RangeCount`] is the sum of all long-term pins of one inode. Each pinned run of pages is added
//! when it is pinned and subtracted, as the very same run, when it is released; in between the map
//! answers whether any page of a range is pinned, or pinned for writing.
//!
//! # Why boundaries
//!
//! Only the places are stored at which runs start or end, each with the counts that apply from there
//! up to the next one. The memory depends on the number of runs and not on that of pages, and a run
//! that lies on top of others changes counts but splits nothing that would have to be joined later.
//!
//! A boundary also counts the endpoints at its position and lives exactly as long as there is one.
//! It is this rule that makes removal safe: subtracting a run finds both of its boundaries in place,
//! because the run itself has kept them there, and so never has to make one. Hence removal needs no
//! memory and [`RangeCount::sub`] does not even take a [`Reservation`]. (A map that joins neighbours
//! of equal counts as soon as it can would be a little smaller, but would have to split them again
//! on removal, in a place where failure is not an option.) Adding a run needs at most two new
//! boundaries, so what it can allocate is known beforehand: see [`Reservation`].
//!
//! # Layout
//!
//! Boundaries are kept in sorted chunks of 512 bytes, and the chunks in one sorted index, like the
//! two lowest levels of a B+ tree. Runs of one page with gaps between them, the worst case, cost
//! about 43 bytes per page when they are added in ascending order and about 62 in random order.
//!
//! With `n` boundaries in all and `m` in the range in question, adding and subtracting take
//! `O(log n + m)`. Where a chunk is split or freed, the index moves by one slot; this is one
//! `memmove()` of 16 bytes per following chunk, and nothing if the last chunk grows.
//!
//! # Locking
//!
//! None here: the caller keeps the map in a `Mutex`. A spinlock will not do, because the index may
//! come from `vmalloc()`, and freeing it may sleep.

// Some of it is for tests only.
#![cfg_attr(not(CONFIG_KUNIT = "y"), allow(dead_code))]

use core::ops::Range;

use kernel::prelude::*;

mod boundaries;
mod boundary;
mod chunk;
mod reservation;
mod scale_tests;
#[cfg(CONFIG_KUNIT = "y")]
mod test_util;
mod tests;

pub(crate) use reservation::Reservation;

use boundaries::Boundaries;
use boundary::{
    is_possible,
    Tally, //
};

/// The most runs a map accepts. Below it neither a tally nor a number of endpoints, at most two per
/// run, can overflow.
const MAX_RUNS: u32 = u32::MAX / 2;

/// Why [`RangeCount::add`] or [`RangeCount::extend`] did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddError {
    /// The reservation is too small. Unlock, [`Reservation::refill`] it with `slots`, try again.
    ///
    /// This is rare: the index has to grow, or the reservation has been used before. It can happen
    /// again if others are faster, but then the map has grown by half meanwhile.
    Retry {
        /// The argument for [`Reservation::refill`].
        slots: usize,
    },
    /// The request cannot be met: `EINVAL` or `EOVERFLOW`.
    Refused(Error),
}

impl From<Error> for AddError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// A map from page index to the number of runs, and of write runs, that hold the page.
///
/// A range is half-open, `start..end`; an end of `u64::MAX` stands for infinity. A *run* is a range
/// together with its kind, read or write.
///
/// # Invariants
///
/// - For each boundary, [`is_possible`] holds for the tally of its predecessor (zero for the first
///   boundary), its own tally, and `ends`; and `ends > 0`. Therefore no two neighbours both have a
///   tally of zero, and the last boundary has one.
/// - `pages` is the number of pages with `pins > 0`, and `write_pages` of those with `writes > 0`.
/// - `runs` is the number of runs added and not yet subtracted, and at most [`MAX_RUNS`].
pub(crate) struct RangeCount {
    boundaries: Boundaries,
    pages: u64,
    write_pages: u64,
    runs: u32,
    // The end of the run added last; a hint only.
    last_end: u64,
}

impl RangeCount {
    /// Creates an empty map, without allocating.
    pub(crate) const fn new() -> Self {
        // INVARIANT: There are no boundaries and no runs.
        Self {
            boundaries: Boundaries::new(),
            pages: 0,
            write_pages: 0,
            runs: 0,
            last_end: 0,
        }
    }

    /// Returns whether no run is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs == 0
    }

    /// Returns the number of pages that are held by at least one run.
    pub(crate) fn pages(&self) -> u64 {
        self.pages
    }

    /// Returns the number of boundaries, for statistics.
    pub(crate) fn boundaries(&self) -> usize {
        self.boundaries.len()
    }

    /// Returns the number of bytes allocated, for statistics.
    pub(crate) fn memory(&self) -> usize {
        self.boundaries.memory()
    }

    /// Returns whether any page of `range` is held. Takes `O(log n)`.
    ///
    /// As no two neighbouring tallies are zero, at most two are looked at.
    pub(crate) fn any(&self, range: Range<u64>) -> bool {
        self.spans(range).any(|(_, tally)| tally.pins > 0)
    }

    /// Returns whether any page of `range` is held for writing.
    ///
    /// Takes `O(log n)` and a scan up to the first such page; none if there are no write pins.
    pub(crate) fn any_write(&self, range: Range<u64>) -> bool {
        self.write_pages > 0 && self.spans(range).any(|(_, tally)| tally.writes > 0)
    }

    /// Returns the first part of `range` in which every page is held, as long as it can be.
    pub(crate) fn first(&self, range: Range<u64>) -> Option<Range<u64>> {
        let mut found: Option<Range<u64>> = None;

        for (span, tally) in self.spans(range) {
            match (tally.pins > 0, &mut found) {
                (true, Some(first)) => first.end = span.end,
                (true, None) => found = Some(span),
                (false, Some(_)) => break,
                (false, None) => {}
            }
        }

        found
    }

    /// Returns what to ask [`Reservation::new`] for, so that the next call need not be retried if
    /// nobody else comes in between.
    pub(crate) fn wanted_slots(&self) -> usize {
        self.boundaries.wanted_slots()
    }

    /// Adds a run, with memory from `spare`.
    ///
    /// Returns [`AddError::Retry`] if `spare` does not suffice, `EINVAL` if the range is empty or
    /// inverted, and `EOVERFLOW` if there are too many runs. In each of these cases nothing has
    /// changed.
    pub(crate) fn add(
        &mut self,
        range: Range<u64>,
        write: bool,
        spare: &mut Reservation,
    ) -> Result<(), AddError> {
        if range.is_empty() {
            return Err(EINVAL.into());
        }
        if self.runs >= MAX_RUNS {
            return Err(EOVERFLOW.into());
        }
        self.boundaries.reserve(&[range.start, range.end], spare)?;

        let ascending = self.ends_at_last(range.start);
        self.boundaries.insert(range.start, ascending, spare);
        self.boundaries.insert(range.end, ascending, spare);
        self.last_end = range.end;

        // INVARIANT: Inside the range both tallies of a boundary grow by one of the same kind. At
        // either end one of them does, and `ends` with it. All this keeps `is_possible` true.
        self.change(&range, |tally| tally.plus(write));
        self.add_end(range.start);
        self.add_end(range.end);
        self.runs += 1;
        Ok(())
    }

    /// Subtracts a run that was added before. Neither allocates nor waits.
    ///
    /// Returns `EINVAL`, and changes nothing, if there can be no such run. The check is exact in
    /// this sense: the run is accepted if and only if there is a set of runs that contains it and has
    /// the counts and boundaries of this map. Where runs touch, there can be more than one such set:
    /// writes `0..5` and `5..9` with a read `0..9` look like reads `0..5` and `5..9` with a write
    /// `0..9`. Whatever is accepted, the map stays a correct sum of runs.
    pub(crate) fn sub(&mut self, range: Range<u64>, write: bool) -> Result {
        self.check_sub(&range, write)?;

        self.runs = self.runs.checked_sub(1).ok_or(EINVAL)?;
        // INVARIANT: This is what `check_sub` has tried out on each boundary.
        self.change(&range, |tally| tally.minus(write).unwrap_or(tally));
        self.remove_end(range.end);
        self.remove_end(range.start);
        Ok(())
    }

    /// Moves the end of a run that was added before up to `new_end`, with memory from `spare`.
    ///
    /// The result is that of [`RangeCount::sub`] of `old` and [`RangeCount::add`] of
    /// `old.start..new_end`, at the price of the part added: pinning batch after batch does not
    /// walk the growing run each time.
    ///
    /// Fails like [`RangeCount::add`], without any change. `EINVAL` also means that `new_end` is not
    /// behind the old end, or that no run of this kind can start or end where `old` does. That one
    /// and the same run does both is not checked, since it would take that walk; should it be
    /// wrong, the map stays a correct sum of runs, only of others.
    pub(crate) fn extend(
        &mut self,
        old: Range<u64>,
        new_end: u64,
        write: bool,
        spare: &mut Reservation,
    ) -> Result<(), AddError> {
        if old.is_empty() || new_end <= old.end {
            return Err(EINVAL.into());
        }
        self.check_extend(&old, write)?;
        self.boundaries.reserve(&[new_end], spare)?;

        let ascending = self.ends_at_last(old.end);
        self.boundaries.insert(new_end, ascending, spare);
        self.last_end = new_end;

        // INVARIANT: As in `add`, and `check_extend` has tried out what happens at the old end.
        self.change(&(old.end..new_end), |tally| tally.plus(write));
        self.add_end(new_end);
        self.remove_end(old.end);
        Ok(())
    }

    /// Checks that a run can be taken away: each boundary that it touches stays possible.
    fn check_sub(&self, range: &Range<u64>, write: bool) -> Result {
        if range.is_empty() {
            return Err(EINVAL);
        }

        let start = self.boundaries.find(range.start).ok_or(EINVAL)?;
        let mut before = self.boundaries.tally_before(start);
        for boundary in self.boundaries.iter_from(start) {
            let inside = boundary.pos < range.end;
            let after = if inside {
                boundary.tally.minus(write).ok_or(EINVAL)?
            } else {
                boundary.tally
            };
            let own = boundary.pos == range.start || boundary.pos == range.end;
            let ends = boundary.ends.checked_sub(u32::from(own)).ok_or(EINVAL)?;

            if !is_possible(before, after, ends) {
                return Err(EINVAL);
            }
            if !inside {
                return if own { Ok(()) } else { Err(EINVAL) };
            }
            before = after;
        }

        Err(EINVAL)
    }

    /// Checks that a run of the given kind can start and another one end where `old` does.
    fn check_extend(&self, old: &Range<u64>, write: bool) -> Result {
        let cursor = self.boundaries.find(old.start).ok_or(EINVAL)?;
        let before = self.boundaries.tally_before(cursor);
        let start = self.boundaries.get(cursor).ok_or(EINVAL)?;
        let after = start.tally.minus(write).ok_or(EINVAL)?;
        let ends = start.ends.checked_sub(1).ok_or(EINVAL)?;
        if !is_possible(before, after, ends) {
            return Err(EINVAL);
        }

        let cursor = self.boundaries.find(old.end).ok_or(EINVAL)?;
        let before = self.boundaries.tally_before(cursor);
        let before = before.minus(write).ok_or(EINVAL)?;
        let end = self.boundaries.get(cursor).ok_or(EINVAL)?;
        let ends = end.ends.checked_sub(1).ok_or(EINVAL)?;
        if !is_possible(before, end.tally, ends) {
            return Err(EINVAL);
        }

        Ok(())
    }

    /// Applies `change` to every tally in `range`, both of whose ends are boundaries.
    fn change(&mut self, range: &Range<u64>, change: impl Fn(Tally) -> Tally) {
        let mut cursor = self.boundaries.lower_bound(range.start);

        while let Some(mut boundary) = self.boundaries.get(cursor) {
            if boundary.pos >= range.end {
                break;
            }

            let next = self.boundaries.next(cursor);
            let end = self.boundaries.get(next).map_or(range.end, |b| b.pos);
            let len = end.saturating_sub(boundary.pos);
            let old = boundary.tally;
            let new = change(old);

            boundary.tally = new;
            self.boundaries.set(cursor, boundary);
            // INVARIANT: All the pages up to the next boundary have this tally.
            adjust(&mut self.pages, len, old.pins > 0, new.pins > 0);
            adjust(&mut self.write_pages, len, old.writes > 0, new.writes > 0);
            cursor = next;
        }
    }

    /// Counts another endpoint at the boundary at `pos`.
    fn add_end(&mut self, pos: u64) {
        let cursor = self.boundaries.lower_bound(pos);

        if let Some(mut boundary) = self.boundaries.get(cursor) {
            boundary.ends = boundary.ends.saturating_add(1);
            self.boundaries.set(cursor, boundary);
        }
    }

    /// Counts one endpoint less at the boundary at `pos`, and removes the boundary with the last.
    fn remove_end(&mut self, pos: u64) {
        let cursor = self.boundaries.lower_bound(pos);

        if let Some(mut boundary) = self.boundaries.get(cursor) {
            boundary.ends = boundary.ends.saturating_sub(1);
            if boundary.ends > 0 {
                self.boundaries.set(cursor, boundary);
            } else {
                // INVARIANT: By `is_possible`, its tally is that of the predecessor.
                self.boundaries.remove(cursor);
            }
        }
    }

    /// Returns whether the run added last ends at `pos`, or at the last boundary before it.
    fn ends_at_last(&self, pos: u64) -> bool {
        self.boundaries
            .at_or_before(pos)
            .is_some_and(|boundary| boundary.pos == self.last_end)
    }

    /// Returns the parts of `range` that have one tally each, and those tallies.
    fn spans(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, Tally)> + '_ {
        let mut cursor = self.boundaries.lower_bound(range.start);
        let mut tally = self.boundaries.tally_before(cursor);
        let mut start = range.start;

        core::iter::from_fn(move || {
            while start < range.end {
                let next = self.boundaries.get(cursor);
                let end = next.map_or(range.end, |next| next.pos.min(range.end));
                let span = (start..end, tally);

                if let Some(next) = next {
                    tally = next.tally;
                    cursor = self.boundaries.next(cursor);
                }
                start = end;
                // Empty if there is a boundary right at the start of the range.
                if !span.0.is_empty() {
                    return Some(span);
                }
            }
            None
        })
    }
}

/// Adds `len` to the sum, or subtracts it, if it does not count as it did.
///
/// The sums are of disjoint spans, so that they cannot overflow.
fn adjust(sum: &mut u64, len: u64, counted: bool, counts: bool) {
    match (counted, counts) {
        (false, true) => *sum = sum.saturating_add(len),
        (true, false) => *sum = sum.saturating_sub(len),
        _ => {}
    }
}
