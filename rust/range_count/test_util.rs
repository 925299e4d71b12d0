// SPDX-License-Identifier: GPL-2.0

//! What the tests of [`RangeCount`] are made of.
//!
//! Nothing here asserts, which outside of a KUnit test case means to panic.

use super::{
    boundary::Boundary,
    *, //
};

pub(super) const READ: bool = false;
pub(super) const WRITE: bool = true;
pub(super) const INFINITY: u64 = u64::MAX;

/// Adds a run as a caller does, with a retry where the index has to grow.
pub(super) fn add(map: &mut RangeCount, range: Range<u64>, write: bool) -> Result {
    with_memory(map, |map, spare| map.add(range.clone(), write, spare))
}

/// Extends a run like [`add`].
pub(super) fn extend(map: &mut RangeCount, old: Range<u64>, new_end: u64, write: bool) -> Result {
    with_memory(map, |map, spare| {
        map.extend(old.clone(), new_end, write, spare)
    })
}

fn with_memory(
    map: &mut RangeCount,
    call: impl Fn(&mut RangeCount, &mut Reservation) -> Result<(), AddError>,
) -> Result {
    let mut spare = Reservation::new(0)?;

    loop {
        match call(map, &mut spare) {
            Ok(()) => return Ok(()),
            Err(AddError::Refused(error)) => return Err(error),
            Err(AddError::Retry { slots }) => spare.refill(slots)?,
        }
    }
}

/// Returns all boundaries: equal snapshots are equal maps.
pub(super) fn snapshot(map: &RangeCount) -> Result<KVVec<Boundary>> {
    let mut all = KVVec::new();

    for boundary in map.boundaries.iter_from(map.boundaries.lower_bound(0)) {
        all.push(boundary, GFP_KERNEL)?;
    }
    Ok(all)
}

/// Returns whether the invariants of the map hold.
pub(super) fn is_sound(map: &RangeCount) -> bool {
    let mut before = Boundary::default();
    let (mut pages, mut write_pages, mut ends) = (0, 0, 0u64);

    for b in map.boundaries.iter_from(map.boundaries.lower_bound(0)) {
        let difference = before.tally.pins.abs_diff(b.tally.pins);
        if b.ends == 0 || b.ends % 2 != difference % 2 {
            return false;
        }
        if b.tally.writes > b.tally.pins || !is_possible(before.tally, b.tally, b.ends) {
            return false;
        }
        adjust(&mut pages, b.pos - before.pos, false, before.tally.pins > 0);
        adjust(
            &mut write_pages,
            b.pos - before.pos,
            false,
            before.tally.writes > 0,
        );
        ends += u64::from(b.ends);
        before = b;
    }

    map.boundaries.is_consistent()
        && before.tally == Tally::default()
        && pages == map.pages
        && write_pages == map.write_pages
        && ends == 2 * u64::from(map.runs)
        && map.is_empty() == (map.boundaries() == 0)
}

/// Adds `count` runs of one page, at every other page from `base` on, in the order `order`.
pub(super) fn add_alternating(
    map: &mut RangeCount,
    count: u64,
    base: u64,
    order: impl Fn(u64) -> u64,
) -> Result {
    for i in 0..count {
        let page = base + 2 * order(i);
        add(map, page..page + 1, i % 3 == 0)?;
    }
    Ok(())
}

/// Subtracts what [`add_alternating`] has added, in the same order.
pub(super) fn sub_alternating(
    map: &mut RangeCount,
    count: u64,
    base: u64,
    order: impl Fn(u64) -> u64,
) -> Result {
    for i in 0..count {
        let page = base + 2 * order(i);
        map.sub(page..page + 1, i % 3 == 0)?;
    }
    Ok(())
}

/// The number of pages that the model knows. A run up to the last one is an infinite run.
pub(super) const PAGES: usize = 256;

/// Counters per page, and the runs that make them.
pub(super) struct Model {
    pins: KVec<u32>,
    writes: KVec<u32>,
    pub(super) runs: KVec<(usize, usize, bool)>,
    random: u64,
}

impl Model {
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            pins: KVec::from_elem(0, PAGES, GFP_KERNEL)?,
            writes: KVec::from_elem(0, PAGES, GFP_KERNEL)?,
            runs: KVec::new(),
            random: 1,
        })
    }

    fn random(&mut self, bound: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % bound
    }

    /// Returns a range that is not empty, and short more often than long.
    pub(super) fn random_range(&mut self) -> (usize, usize) {
        let start = self.random(PAGES);
        let bound = [2, 8, PAGES][self.random(3)].min(PAGES - start);

        (start, start + 1 + self.random(bound))
    }

    fn count(&mut self, start: usize, end: usize, write: bool, by: i32) {
        for page in start..end {
            self.pins[page] = self.pins[page].wrapping_add_signed(by);
            if write {
                self.writes[page] = self.writes[page].wrapping_add_signed(by);
            }
        }
    }

    /// Adds, extends or subtracts a run at random, here and in `map`.
    pub(super) fn step(&mut self, map: &mut RangeCount) -> Result {
        let pick = self.random(self.runs.len().max(1));
        let run = self.runs.get(pick).copied();

        match (self.random(8), run) {
            (0..4, Some((start, end, write))) => {
                map.sub(range(start, end), write)?;
                self.count(start, end, write, -1);
                self.runs.remove(pick)?;
            }
            (4, Some((start, end, write))) if end < PAGES => {
                let new_end = end + 1 + self.random(PAGES - end);

                extend(map, range(start, end), edge(new_end), write)?;
                self.count(end, new_end, write, 1);
                self.runs[pick].1 = new_end;
            }
            _ if self.runs.len() < 100 => {
                let (start, end) = self.random_range();
                let write = self.random(2) == 0;

                add(map, range(start, end), write)?;
                self.count(start, end, write, 1);
                self.runs.push((start, end, write), GFP_KERNEL)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns whether `map` refuses to subtract something at random that cannot be there.
    pub(super) fn mismatch_is_refused(&mut self, map: &mut RangeCount) -> bool {
        let (start, end) = self.random_range();
        let write = self.random(2) == 0;
        let counts = if write { &self.writes } else { &self.pins };
        let possible = (start..end).all(|page| counts[page] > 0)
            && self.runs.iter().any(|run| run.0 == start && run.2 == write)
            && self.runs.iter().any(|run| run.1 == end && run.2 == write);

        possible || map.sub(range(start, end), write) == Err(EINVAL)
    }

    /// Returns whether `map` answers all queries about a range as the counters do.
    pub(super) fn agrees(&self, map: &RangeCount, start: usize, end: usize) -> bool {
        let held = |page: &usize| self.pins[*page] > 0;
        let first = (start..end).find(held).map(|first| {
            let behind = (first..end).find(|page| !held(page));
            range(first, behind.unwrap_or(end))
        });

        map.any(range(start, end)) == first.is_some()
            && map.any_write(range(start, end)) == (start..end).any(|p| self.writes[p] > 0)
            && map.first(range(start, end)) == first
    }

    /// Returns the number of pages held.
    pub(super) fn pages(&self) -> u64 {
        (0..PAGES)
            .filter(|page| self.pins[*page] > 0)
            .map(|page| edge(page + 1) - edge(page))
            .sum()
    }
}

/// Returns the page index of an edge of the model.
fn edge(page: usize) -> u64 {
    if page < PAGES {
        page as u64
    } else {
        INFINITY
    }
}

/// Returns the range between two edges of the model.
pub(super) fn range(start: usize, end: usize) -> Range<u64> {
    edge(start)..edge(end)
}
