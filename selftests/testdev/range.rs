// SPDX-License-Identifier: GPL-2.0

//! From a byte range of a pin to pieces of its pages.

use kernel::{
    page::PAGE_SIZE,
    prelude::*, //
};

/// A piece of a transfer that lies in one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Index of the page in the pin.
    pub(crate) page: usize,
    /// First byte in the page.
    pub(crate) offset: usize,
    /// Bytes; `offset + len` is at most [`PAGE_SIZE`].
    pub(crate) len: usize,
}

/// The byte range of a transfer, in a pin.
///
/// As an iterator: its pieces, in order, none of them empty.
///
/// # Invariants
///
/// `pos <= end`.
#[derive(Clone)]
pub(crate) struct Range {
    pos: usize,
    end: usize,
}

impl Range {
    /// Checks a range that a caller wants of a pin of `nr_pages` pages.
    ///
    /// [`ERANGE`] where part of it is outside.
    pub(crate) fn new(offset: u64, length: u64, nr_pages: usize) -> Result<Self> {
        let end = offset.checked_add(length).ok_or(ERANGE)?;
        let end = usize::try_from(end).map_err(|_| ERANGE)?;
        let pos = usize::try_from(offset).map_err(|_| ERANGE)?;

        if end.div_ceil(PAGE_SIZE) > nr_pages {
            return Err(ERANGE);
        }
        // INVARIANT: The addition did not overflow.
        Ok(Self { pos, end })
    }

    /// Number of bytes left.
    pub(crate) fn len(&self) -> usize {
        self.end - self.pos
    }
}

impl Iterator for Range {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        if self.len() == 0 {
            return None;
        }
        let offset = self.pos % PAGE_SIZE;
        let chunk = Chunk {
            page: self.pos / PAGE_SIZE,
            offset,
            len: self.len().min(PAGE_SIZE - offset),
        };
        // INVARIANT: A chunk is not longer than what was left.
        self.pos += chunk.len;
        Some(chunk)
    }
}

#[kunit_tests(daxlease_testdev_range)]
mod tests {
    use super::*;

    const PAGE: u64 = PAGE_SIZE as u64;

    fn chunk(page: usize, offset: usize, len: usize) -> Option<Chunk> {
        Some(Chunk { page, offset, len })
    }

    #[test]
    fn inside_of_a_page() -> Result {
        let mut range = Range::new(10, 20, 1)?;

        assert_eq!(range.len(), 20);
        assert_eq!(range.next(), chunk(0, 10, 20));
        assert_eq!(range.next(), None);
        Ok(())
    }

    #[test]
    fn across_pages() -> Result {
        let mut range = Range::new(PAGE - 1, PAGE + 2, 3)?;

        assert_eq!(range.next(), chunk(0, PAGE_SIZE - 1, 1));
        assert_eq!(range.next(), chunk(1, 0, PAGE_SIZE));
        assert_eq!(range.len(), 1);
        assert_eq!(range.next(), chunk(2, 0, 1));
        assert_eq!(range.next(), None);
        Ok(())
    }

    #[test]
    fn whole_pages_up_to_the_end() -> Result {
        let mut range = Range::new(PAGE, PAGE, 2)?;

        assert_eq!(range.next(), chunk(1, 0, PAGE_SIZE));
        assert_eq!(range.next(), None);
        Ok(())
    }

    #[test]
    fn empty() -> Result {
        assert_eq!(Range::new(0, 0, 0)?.next(), None);
        assert_eq!(Range::new(PAGE, 0, 1)?.next(), None);
        Ok(())
    }

    #[test]
    fn outside() {
        assert_eq!(Range::new(0, PAGE + 1, 1).err(), Some(ERANGE));
        assert_eq!(Range::new(PAGE, 1, 1).err(), Some(ERANGE));
        assert_eq!(Range::new(PAGE + 1, 0, 1).err(), Some(ERANGE));
        assert_eq!(Range::new(u64::MAX, 0, 1).err(), Some(ERANGE));
        assert_eq!(Range::new(u64::MAX, 1, 1).err(), Some(ERANGE));
        assert_eq!(Range::new(1, u64::MAX, 1).err(), Some(ERANGE));
    }
}
