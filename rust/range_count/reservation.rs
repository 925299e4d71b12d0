// SPDX-License-Identifier: GPL-2.0

//! The memory that adding to a [`RangeCount`](super::RangeCount) may need.

use kernel::prelude::*;

use super::{
    boundaries::Slot,
    chunk::Chunk, //
};

/// A run has two endpoints, and each of them can make one chunk split.
const CHUNKS: usize = 2;

/// Memory put aside for one [`RangeCount::add`](super::RangeCount::add) or
/// [`RangeCount::extend`](super::RangeCount::extend).
///
/// It is made outside of the lock that protects the map, by an allocation that may sleep and
/// reclaim. Under the lock, the map takes what it needs from it. What is left over serves the next
/// call after a [`Reservation::refill`], or is freed with the reservation. What the map replaces
/// (the old index when the index grows) moves into the reservation, so that it too is freed
/// outside of the lock.
pub(crate) struct Reservation {
    chunks: [Option<KBox<Chunk>>; CHUNKS],
    // Between calls this has no elements, only capacity.
    pub(super) index: KVVec<Slot>,
}

impl Reservation {
    /// Allocates memory for one call.
    ///
    /// `slots` is the size of the index to put aside: 0 for none, which nearly always will do,
    /// or what [`RangeCount::wanted_slots`](super::RangeCount::wanted_slots) or
    /// [`AddError::Retry`](super::AddError::Retry) said.
    ///
    /// Fails with `ENOMEM` only.
    pub(crate) fn new(slots: usize) -> Result<Self> {
        let mut this = Self {
            chunks: [const { None }; CHUNKS],
            index: KVVec::new(),
        };

        this.refill(slots)?;
        Ok(this)
    }

    /// Replaces what earlier calls used up, and provides for an index of at least `slots` slots.
    ///
    /// When this fails, with `ENOMEM`, what was there before is kept.
    pub(crate) fn refill(&mut self, slots: usize) -> Result {
        for chunk in &mut self.chunks {
            if chunk.is_none() {
                *chunk = Some(Chunk::new(GFP_KERNEL_ACCOUNT)?);
            }
        }

        if self.index.capacity() < slots {
            self.index = KVVec::with_capacity(slots, GFP_KERNEL_ACCOUNT)?;
        }

        Ok(())
    }

    /// Returns how many chunks are left.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.iter().flatten().count()
    }

    /// Takes one of the chunks.
    pub(super) fn take_chunk(&mut self) -> Option<KBox<Chunk>> {
        self.chunks.iter_mut().find_map(Option::take)
    }
}
