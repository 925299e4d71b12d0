// SPDX-License-Identifier: GPL-2.0

//! Is a range of a file busy?
//!
//! Long-term pins are known from the accounts, without a look at the pages. Any other reference is
//! transient, and found by walking what is not pinned: nothing is unmapped, nobody is waited for.
//!
//! A layout change asks the same accounts ([`crate::breaker`]), and leaves the transient part to
//! `dax_break_layout()`, which has to unmap the range anyway.

use kernel::prelude::*;

use crate::{
    dax_file::DaxFile,
    layout::Layout,
    range::PageRange, //
};

/// What keeps a range from being idle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Busy {
    /// The first part that is pinned throughout.
    pub(crate) pinned: Option<PageRange>,
    /// The first part that has another reference.
    pub(crate) transient: Option<PageRange>,
}

/// Looks at a range. `layout` is that of the file, if it has leases; `walk` says whether transient
/// references matter. `EINTR`: the caller is killed, which ends the walk.
pub(crate) fn scan(
    file: &DaxFile,
    layout: Option<&Layout>,
    range: &PageRange,
    walk: bool,
) -> Result<Busy> {
    let pinned = |part: &PageRange| layout.and_then(|layout| layout.first_pinned(part));

    Ok(Busy {
        pinned: pinned(range),
        transient: if walk {
            first_transient(range, pinned, |gap| file.find_busy(gap))?
        } else {
            None
        },
    })
}

/// The first part of a range that is referenced and not pinned.
///
/// `pinned` finds the first pinned part of a range, `referenced` the first entry with a reference.
fn first_transient(
    range: &PageRange,
    pinned: impl Fn(&PageRange) -> Option<PageRange>,
    referenced: impl Fn(&PageRange) -> Result<Option<PageRange>>,
) -> Result<Option<PageRange>> {
    let mut left = *range;

    while left.start < left.end {
        let mut gap = left;

        match pinned(&left) {
            Some(part) if part.start <= left.start => {
                left.start = part.end;
                continue;
            }
            Some(part) => gap.end = part.start,
            None => {}
        }
        let Some(found) = referenced(&gap)? else {
            left.start = gap.end;
            continue;
        };
        // Perhaps it has been accounted for since.
        match pinned(&found) {
            Some(part) => left.start = part.end.max(gap.start + 1),
            None => return Ok(Some(found.within(range))),
        }
    }
    Ok(None)
}

#[kunit_tests(daxlease_scanner)]
mod tests {
    use super::*;
    use core::cell::Cell;

    /// The first of some parts that overlaps, cut to the range.
    fn first_of(parts: &[PageRange], range: &PageRange) -> Option<PageRange> {
        parts
            .iter()
            .find(|part| part.overlaps(range))
            .map(|part| part.within(range))
    }

    fn transient(
        range: PageRange,
        pins: &[PageRange],
        references: &[PageRange],
    ) -> Option<PageRange> {
        first_transient(
            &range,
            |part| first_of(pins, part),
            |part| Ok(first_of(references, part)),
        )
        .ok()
        .flatten()
    }

    const PIN: PageRange = PageRange::new(4, 8);
    const OTHER: PageRange = PageRange::new(12, 13);

    #[test]
    fn idle() {
        assert_eq!(transient(PageRange::new(0, 100), &[], &[]), None);
    }

    #[test]
    fn pins_are_not_transient() {
        assert_eq!(transient(PageRange::new(0, 100), &[PIN], &[PIN]), None);
        assert_eq!(transient(PageRange::new(5, 6), &[PIN], &[PIN]), None);
    }

    #[test]
    fn behind_a_pin_and_before_it() {
        let references = [PIN, OTHER];

        assert_eq!(
            transient(PageRange::new(0, 100), &[PIN], &references),
            Some(OTHER)
        );
        assert_eq!(transient(PageRange::new(0, 12), &[PIN], &references), None);
        assert_eq!(
            transient(PageRange::new(0, 100), &[OTHER], &references),
            Some(PIN)
        );
    }

    #[test]
    fn not_beyond_the_range() {
        let huge = PageRange::new(0, 512);

        assert_eq!(
            transient(PageRange::new(10, 20), &[], &[huge]),
            Some(PageRange::new(10, 20))
        );
    }

    #[test]
    fn accounted_meanwhile() {
        let asked = Cell::new(0);
        let late = |part: &PageRange| {
            asked.set(asked.get() + 1);
            if asked.get() == 1 {
                None
            } else {
                first_of(&[PIN], part)
            }
        };

        assert_eq!(
            first_transient(&PageRange::new(0, 10), late, |part| {
                Ok(first_of(&[PIN], part))
            }),
            Ok(None)
        );
    }

    #[test]
    fn broken_off() {
        let range = PageRange::new(0, 10);

        assert_eq!(
            first_transient(&range, |part| first_of(&[PIN], part), |_| Err(EINTR)),
            Err(EINTR)
        );
    }
}
