// SPDX-License-Identifier: GPL-2.0

//! The leaves of a [`RangeCount`](super::RangeCount): short sorted arrays of boundaries.

use kernel::prelude::*;

use super::boundary::{
    Boundary,
    Tally, //
};

/// The number of boundaries that a chunk of 512 bytes has room for.
pub(super) const CHUNK_LEN: usize = 25;

/// Up to [`CHUNK_LEN`] boundaries.
///
/// Each field of the boundaries has an array of its own: no padding, and a search by position stays
/// within a few cache lines.
///
/// # Invariants
///
/// - `len <= CHUNK_LEN`, and only the first `len` elements of the arrays are meaningful.
/// - `pos` is strictly ascending. This is up to the caller of [`Chunk::insert`].
pub(super) struct Chunk {
    pos: [u64; CHUNK_LEN],
    pins: [u32; CHUNK_LEN],
    writes: [u32; CHUNK_LEN],
    ends: [u32; CHUNK_LEN],
    len: usize,
}

// A larger chunk would be served from the next larger slab and waste half of it.
static_assert!(size_of::<Chunk>() <= 512);

impl Chunk {
    /// Allocates an empty chunk.
    pub(super) fn new(flags: kernel::alloc::Flags) -> Result<KBox<Self>> {
        // INVARIANT: There are no elements.
        let empty = Self {
            pos: [0; CHUNK_LEN],
            pins: [0; CHUNK_LEN],
            writes: [0; CHUNK_LEN],
            ends: [0; CHUNK_LEN],
            len: 0,
        };

        Ok(KBox::new(empty, flags)?)
    }

    /// Returns the number of boundaries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is no room for another boundary.
    pub(super) fn is_full(&self) -> bool {
        self.len >= CHUNK_LEN
    }

    /// Returns the boundary at index `at`.
    pub(super) fn get(&self, at: usize) -> Option<Boundary> {
        if at >= self.len {
            return None;
        }

        Some(Boundary {
            pos: *self.pos.get(at)?,
            tally: Tally {
                pins: *self.pins.get(at)?,
                writes: *self.writes.get(at)?,
            },
            ends: *self.ends.get(at)?,
        })
    }

    /// Replaces the boundary at index `at`, if there is one.
    pub(super) fn set(&mut self, at: usize, boundary: Boundary) {
        if at >= self.len {
            return;
        }

        if let (Some(pos), Some(pins), Some(writes), Some(ends)) = (
            self.pos.get_mut(at),
            self.pins.get_mut(at),
            self.writes.get_mut(at),
            self.ends.get_mut(at),
        ) {
            *pos = boundary.pos;
            *pins = boundary.tally.pins;
            *writes = boundary.tally.writes;
            *ends = boundary.ends;
        }
    }

    /// Returns the position of the first boundary.
    pub(super) fn first(&self) -> Option<u64> {
        self.get(0).map(|boundary| boundary.pos)
    }

    /// Returns the last boundary.
    pub(super) fn last(&self) -> Option<Boundary> {
        self.get(self.len.checked_sub(1)?)
    }

    /// Returns the index of the first boundary at or behind `pos`, or [`Chunk::len`].
    pub(super) fn lower_bound(&self, pos: u64) -> usize {
        self.pos
            .get(..self.len)
            .map_or(0, |positions| positions.partition_point(|&p| p < pos))
    }

    /// Inserts a boundary at index `at`, where its position belongs.
    ///
    /// Returns `false`, and changes nothing, if there is no room or no such index.
    pub(super) fn insert(&mut self, at: usize, boundary: Boundary) -> bool {
        if self.is_full() || at > self.len {
            return false;
        }

        // In bounds because `at <= len < CHUNK_LEN`.
        self.pos.copy_within(at..self.len, at + 1);
        self.pins.copy_within(at..self.len, at + 1);
        self.writes.copy_within(at..self.len, at + 1);
        self.ends.copy_within(at..self.len, at + 1);
        // INVARIANT: `len < CHUNK_LEN` was checked.
        self.len += 1;
        self.set(at, boundary);
        true
    }

    /// Removes the boundary at index `at`, if there is one.
    pub(super) fn remove(&mut self, at: usize) {
        if at >= self.len {
            return;
        }

        // In bounds because `at < len <= CHUNK_LEN`.
        self.pos.copy_within(at + 1..self.len, at);
        self.pins.copy_within(at + 1..self.len, at);
        self.writes.copy_within(at + 1..self.len, at);
        self.ends.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    /// Moves the boundaries from index `at` on to the end of `target`, where they belong.
    ///
    /// Does nothing if they do not all fit.
    pub(super) fn move_tail(&mut self, at: usize, target: &mut Chunk) {
        let count = self.len.saturating_sub(at);
        if count > CHUNK_LEN - target.len {
            return;
        }

        for i in at..self.len {
            if let Some(boundary) = self.get(i) {
                target.insert(target.len, boundary);
            }
        }
        self.len -= count;
    }
}
