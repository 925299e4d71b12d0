// SPDX-License-Identifier: GPL-2.0

//! What a [`RangeCount`](super::RangeCount) knows about one page and about one boundary.

/// How many runs hold a page.
///
/// # Invariants
///
/// `writes <= pins`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Number of runs, of either kind.
    pub(super) pins: u32,
    /// Number of write runs among them.
    pub(super) writes: u32,
}

impl Tally {
    /// Returns the tally with one more run.
    ///
    /// The sums cannot overflow: no tally exceeds the number of runs in the map, which is bounded
    /// by [`MAX_RUNS`](super::MAX_RUNS) before a run is added.
    pub(super) fn plus(self, write: bool) -> Self {
        Self {
            pins: self.pins.saturating_add(1),
            writes: self.writes.saturating_add(u32::from(write)),
        }
    }

    /// Returns the tally with one run less, or [`None`] if it counts no run of this kind.
    pub(super) fn minus(self, write: bool) -> Option<Self> {
        let pins = self.pins.checked_sub(1)?;
        let writes = self.writes.checked_sub(u32::from(write))?;

        (writes <= pins).then_some(Self { pins, writes })
    }

    fn reads(self) -> u32 {
        self.pins.saturating_sub(self.writes)
    }
}

/// A page index at which at least one run starts or ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Boundary {
    /// The first page that `tally` applies to.
    pub(super) pos: u64,
    /// The tally of every page from `pos` up to the next boundary.
    pub(super) tally: Tally,
    /// How many runs start or end at `pos`.
    pub(super) ends: u32,
}

/// Returns whether some set of runs has `ends` endpoints at one place and the tallies `before` and
/// `after` on its two sides.
///
/// Let `s` runs start and `e` runs end there. Then `s + e = ends` and `s - e` is the difference of
/// the pins, so both follow from what is stored. They are possible if `s` runs fit into `after` and
/// `e` runs fit into `before`, which are the same condition, `ends <= before + after`. They must
/// also divide into reads and writes such that each kind's difference comes out, which needs
/// `|reads' - reads| + |writes' - writes| <= ends`. The parity of `ends` is right by construction.
///
/// Two consequences are used elsewhere: with `ends == 0` both tallies are equal, so that a boundary
/// without endpoints says nothing and can go; and with `ends > 0` not both tallies are zero.
pub(super) fn is_possible(before: Tally, after: Tally, ends: u32) -> bool {
    let ends = u64::from(ends);
    let reads = u64::from(before.reads().abs_diff(after.reads()));
    let writes = u64::from(before.writes.abs_diff(after.writes));

    reads + writes <= ends && ends <= u64::from(before.pins) + u64::from(after.pins)
}
