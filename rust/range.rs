// SPDX-License-Identifier: GPL-2.0

//! Ranges of pages, and how ranges of bytes become them.
//!
//! Two roundings meet here. A lease covers whole pages, so its bytes must be aligned. A layout
//! change touches every page that it touches in part, so its bytes are rounded outward. Which
//! bytes an operation touches is the filesystem's knowledge; see `Documentation/layout-changes.rst`.

use core::ops::Range;

use kernel::{
    page::PAGE_SHIFT,
    prelude::*, //
};

/// The end of a range without an end, as [`crate::range_count::RangeCount`] has it.
pub(crate) const INFINITY: u64 = u64::MAX;

/// Bytes beyond which no file reaches: `MAX_LFS_FILESIZE`.
const MAX_BYTES: u64 = i64::MAX as u64;

const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;

/// Pages `start..end` of a file; an end of [`INFINITY`] includes all future growth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageRange {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl PageRange {
    pub(crate) const fn new(start: u64, end: u64) -> Self {
        Self { start, end }
    }

    /// The range of a lease: page-aligned bytes, a length of 0 for no end.
    ///
    /// `EINVAL` where the bytes are not aligned or reach beyond what a file can have.
    pub(crate) fn from_lease(offset: u64, length: u64) -> Result<Self> {
        if offset % PAGE_SIZE != 0 || length % PAGE_SIZE != 0 || offset > MAX_BYTES {
            return Err(EINVAL);
        }
        if length == 0 {
            return Ok(Self::new(offset >> PAGE_SHIFT, INFINITY));
        }
        let end = offset.checked_add(length).ok_or(EINVAL)?;
        if end > MAX_BYTES {
            return Err(EINVAL);
        }
        Ok(Self::new(offset >> PAGE_SHIFT, end >> PAGE_SHIFT))
    }

    /// The pages that a layout change of bytes `start..end` touches; `i64::MAX` for no end.
    ///
    /// `None` where it touches nothing. What makes no sense touches everything.
    pub(crate) fn from_change(start: i64, end: i64) -> Option<Self> {
        if start < 0 || start > end {
            return Some(Self::new(0, INFINITY));
        }
        if start == end {
            return None;
        }
        let last = if end == i64::MAX {
            INFINITY
        } else {
            (end as u64).div_ceil(PAGE_SIZE)
        };
        Some(Self::new(start as u64 >> PAGE_SHIFT, last))
    }

    /// The pages that any bytes touch; a length of 0 for no end.
    ///
    /// `EINVAL` where the bytes reach beyond what a file can have.
    pub(crate) fn from_bytes(offset: u64, length: u64) -> Result<Self> {
        let end = offset.checked_add(length).ok_or(EINVAL)?;

        if offset > MAX_BYTES || end > MAX_BYTES {
            return Err(EINVAL);
        }
        Ok(Self::new(
            offset >> PAGE_SHIFT,
            if length == 0 {
                INFINITY
            } else {
                end.div_ceil(PAGE_SIZE)
            },
        ))
    }

    /// The part of this range that is in the other one.
    pub(crate) fn within(&self, other: &Self) -> Self {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }

    pub(crate) fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    pub(crate) fn contains(&self, page: u64) -> bool {
        self.start <= page && page < self.end
    }

    /// First byte, and the byte behind; `u64::MAX` where there is no end.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let end = if self.end == INFINITY {
            u64::MAX
        } else {
            self.end << PAGE_SHIFT
        };
        (self.start << PAGE_SHIFT, end)
    }
}

impl From<PageRange> for Range<u64> {
    fn from(range: PageRange) -> Self {
        range.start..range.end
    }
}

#[kunit_tests(daxlease_range)]
mod tests {
    use super::*;

    const PAGE: u64 = PAGE_SIZE;

    #[test]
    fn bytes_touch_pages() {
        assert_eq!(PageRange::from_bytes(1, 1), Ok(PageRange::new(0, 1)));
        assert_eq!(PageRange::from_bytes(PAGE - 1, 2), Ok(PageRange::new(0, 2)));
        assert_eq!(
            PageRange::from_bytes(PAGE, 0),
            Ok(PageRange::new(1, INFINITY))
        );
        assert_eq!(PageRange::from_bytes(MAX_BYTES, 1), Err(EINVAL));
        assert_eq!(PageRange::from_bytes(u64::MAX, u64::MAX), Err(EINVAL));
    }

    #[test]
    fn common_part() {
        let range = PageRange::new(3, 9);

        assert_eq!(
            range.within(&PageRange::new(5, INFINITY)),
            PageRange::new(5, 9)
        );
        assert_eq!(range.within(&PageRange::new(0, 4)), PageRange::new(3, 4));
    }

    #[test]
    fn lease_covers_whole_pages() {
        assert_eq!(PageRange::from_lease(0, PAGE), Ok(PageRange::new(0, 1)));
        assert_eq!(
            PageRange::from_lease(3 * PAGE, 2 * PAGE),
            Ok(PageRange::new(3, 5))
        );
        assert_eq!(PageRange::from_lease(1, PAGE), Err(EINVAL));
        assert_eq!(PageRange::from_lease(0, PAGE + 1), Err(EINVAL));
    }

    #[test]
    fn lease_without_length_has_no_end() {
        assert_eq!(PageRange::from_lease(0, 0), Ok(PageRange::new(0, INFINITY)));
        assert_eq!(
            PageRange::from_lease(PAGE, 0).map(|range| range.bytes()),
            Ok((PAGE, u64::MAX))
        );
    }

    #[test]
    fn lease_does_not_overflow() {
        let top = u64::MAX - PAGE + 1;

        assert_eq!(PageRange::from_lease(top, PAGE), Err(EINVAL));
        assert_eq!(PageRange::from_lease(top, 0), Err(EINVAL));
        assert_eq!(PageRange::from_lease(PAGE, top), Err(EINVAL));
        assert_eq!(PageRange::from_lease(0, 1 << 63), Err(EINVAL));
    }

    #[test]
    fn change_touches_pages_in_part() {
        let page = PAGE as i64;

        assert_eq!(PageRange::from_change(0, 1), Some(PageRange::new(0, 1)));
        assert_eq!(
            PageRange::from_change(page - 1, page + 1),
            Some(PageRange::new(0, 2))
        );
        assert_eq!(
            PageRange::from_change(page, 2 * page),
            Some(PageRange::new(1, 2))
        );
        assert_eq!(
            PageRange::from_change(page, i64::MAX),
            Some(PageRange::new(1, INFINITY))
        );
    }

    #[test]
    fn change_of_nothing() {
        assert_eq!(PageRange::from_change(0, 0), None);
        assert_eq!(PageRange::from_change(5, 5), None);
        assert_eq!(PageRange::from_change(i64::MAX, i64::MAX), None);
    }

    #[test]
    fn change_that_makes_no_sense_touches_everything() {
        let all = Some(PageRange::new(0, INFINITY));

        assert_eq!(PageRange::from_change(6, 5), all);
        assert_eq!(PageRange::from_change(-1, 5), all);
        assert_eq!(PageRange::from_change(0, i64::MIN), all);
    }

    #[test]
    fn ranges_meet_or_not() {
        let range = PageRange::new(4, 8);

        assert!(range.overlaps(&PageRange::new(7, 9)));
        assert!(range.overlaps(&PageRange::new(0, INFINITY)));
        assert!(!range.overlaps(&PageRange::new(8, 9)));
        assert!(!range.overlaps(&PageRange::new(0, 4)));
        assert!(range.contains(4));
        assert!(!range.contains(8));
        assert_eq!(range.len(), 4);
    }
}
