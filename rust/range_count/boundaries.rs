// SPDX-License-Identifier: GPL-2.0

//! The sorted sequence of boundaries of a [`RangeCount`](super::RangeCount), in chunks.

use kernel::prelude::*;

use super::{
    boundary::{
        Boundary,
        Tally, //
    },
    chunk::{
        Chunk,
        CHUNK_LEN, //
    },
    reservation::Reservation,
    AddError, //
};

/// The size of the smallest index.
const MIN_SLOTS: usize = 8;

/// One chunk in the index.
///
/// # Invariants
///
/// The chunk is not empty, and `first` is the position of its first boundary.
pub(super) struct Slot {
    first: u64,
    chunk: KBox<Chunk>,
}

/// The place of a boundary: `index[chunk].chunk[at]`.
///
/// It is good until the next insertion or removal.
#[derive(Clone, Copy)]
pub(super) struct Cursor {
    chunk: usize,
    at: usize,
}

/// A sequence of boundaries, sorted by position.
///
/// # Invariants
///
/// - The positions of all boundaries, chunk after chunk, are strictly ascending.
/// - `len` is the number of boundaries.
pub(super) struct Boundaries {
    index: KVVec<Slot>,
    len: usize,
}

impl Boundaries {
    /// Creates an empty sequence, without allocating.
    pub(super) const fn new() -> Self {
        // INVARIANT: There are no boundaries.
        Self {
            index: KVVec::new(),
            len: 0,
        }
    }

    /// Returns the number of boundaries.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the bytes allocated for chunks and index.
    pub(super) fn memory(&self) -> usize {
        self.index.len() * size_of::<Chunk>() + self.index.capacity() * size_of::<Slot>()
    }

    /// Returns the size of index to reserve for the next two insertions; 0 if this one will do.
    pub(super) fn wanted_slots(&self) -> usize {
        let len = self.index.len();

        if self.index.capacity().saturating_sub(len) >= 2 {
            0
        } else {
            len + len / 2 + MIN_SLOTS
        }
    }

    /// Makes sure that [`Boundaries::insert`] can insert at `positions`, at most two.
    pub(super) fn reserve(
        &mut self,
        positions: &[u64],
        spare: &mut Reservation,
    ) -> Result<(), AddError> {
        let is_missing = |pos: &&u64| self.find(**pos).is_none();
        let missing = positions.iter().filter(is_missing).count();
        let slots = self.index.len() + missing;
        let grow = slots > self.index.capacity();

        if spare.chunks() < missing || (grow && spare.index.capacity() < slots) {
            return Err(AddError::Retry {
                slots: self.wanted_slots(),
            });
        }

        if grow {
            core::mem::swap(&mut self.index, &mut spare.index);
            for slot in spare.index.drain_all() {
                // Cannot fail: the new index is empty, and larger than the old one.
                let _ = self.index.push_within_capacity(slot);
            }
        }
        Ok(())
    }

    /// Inserts a boundary at `pos`, as yet without endpoints, unless there is one.
    ///
    /// [`Boundaries::reserve`] has been called for it with the same `spare`.
    pub(super) fn insert(&mut self, pos: u64, ascending: bool, spare: &mut Reservation) {
        let cursor = self.seek(pos);
        if self.get(cursor).is_some_and(|boundary| boundary.pos == pos) {
            return;
        }

        let boundary = Boundary {
            pos,
            tally: self.tally_before(cursor),
            ends: 0,
        };
        // If behind the last boundary of a full chunk, then also before the first one of the next.
        let next = Cursor {
            chunk: cursor.chunk + 1,
            at: 0,
        };
        let fits =
            self.put(cursor, boundary) || (cursor.at == CHUNK_LEN && self.put(next, boundary));
        if !fits {
            self.split(cursor, boundary, ascending, spare);
        }
        self.len += 1;
    }

    /// Puts a boundary into a chunk if the chunk exists and has room.
    fn put(&mut self, cursor: Cursor, boundary: Boundary) -> bool {
        let Some(slot) = self.index.get_mut(cursor.chunk) else {
            return false;
        };
        if !slot.chunk.insert(cursor.at, boundary) {
            return false;
        }

        // INVARIANT: The first boundary may have changed.
        if cursor.at == 0 {
            slot.first = boundary.pos;
        }
        true
    }

    /// Inserts a boundary where there is no room, or no chunk at all: makes a new chunk.
    ///
    /// Normally a full chunk is split in the middle. But while runs are added in ascending order,
    /// nothing would ever fill the left half, so that the split is where the new boundary goes.
    fn split(
        &mut self,
        cursor: Cursor,
        boundary: Boundary,
        ascending: bool,
        spare: &mut Reservation,
    ) {
        // There is one because of `reserve`.
        let Some(mut fresh) = spare.take_chunk() else {
            return;
        };
        let at = cursor.at;
        let split = if ascending || at == 0 || at == CHUNK_LEN {
            at
        } else {
            CHUNK_LEN / 2
        };
        let mut chunk = cursor.chunk;

        if let Some(slot) = self.index.get_mut(chunk) {
            slot.chunk.move_tail(split, &mut fresh);
            if at > split || !slot.chunk.insert(at, boundary) {
                fresh.insert(at - split, boundary);
            } else if at == 0 {
                slot.first = boundary.pos;
            }
            chunk += 1;
        } else {
            fresh.insert(0, boundary);
        }

        // INVARIANT: `fresh` has got the new boundary, or what is behind it.
        let slot = Slot {
            first: fresh.first().unwrap_or(boundary.pos),
            chunk: fresh,
        };
        // Cannot fail: there is a free slot because of `reserve`.
        let _ = self.index.insert_within_capacity(chunk, slot);
    }

    /// Removes a boundary.
    ///
    /// Frees its chunk if that was the last one, or joins it to a neighbour if both together are no
    /// more than half full. (If any two would be joined that fit into one, it could be split by the
    /// next insertion, and so on.)
    pub(super) fn remove(&mut self, cursor: Cursor) {
        let Some(slot) = self.index.get_mut(cursor.chunk) else {
            return;
        };

        slot.chunk.remove(cursor.at);
        self.len = self.len.saturating_sub(1);
        // INVARIANT: The first boundary may have changed, and an empty chunk does not stay.
        match slot.chunk.first() {
            Some(first) => {
                slot.first = first;
                self.join(cursor.chunk);
                if let Some(left) = cursor.chunk.checked_sub(1) {
                    self.join(left);
                }
            }
            None => drop(self.index.remove(cursor.chunk)),
        }

        if self.index.is_empty() && self.index.capacity() > MIN_SLOTS {
            self.index = KVVec::new();
        }
    }

    /// Moves the content of the chunk behind `left` into `left`, if they fit into half a chunk.
    fn join(&mut self, left: usize) {
        let len = |chunk| self.index.get(chunk).map(|slot: &Slot| slot.chunk.len());
        let (Some(left_len), Some(right_len)) = (len(left), len(left + 1)) else {
            return;
        };
        if left_len + right_len > CHUNK_LEN / 2 {
            return;
        }

        if let Ok(mut right) = self.index.remove(left + 1) {
            if let Some(slot) = self.index.get_mut(left) {
                right.chunk.move_tail(0, &mut slot.chunk);
            }
        }
    }

    /// Returns the boundaries from `cursor` on.
    pub(super) fn iter_from(&self, mut cursor: Cursor) -> impl Iterator<Item = Boundary> + '_ {
        core::iter::from_fn(move || {
            let boundary = self.get(cursor)?;

            cursor = self.next(cursor);
            Some(boundary)
        })
    }

    /// Returns the place of the boundary at `pos`, if there is one.
    pub(super) fn find(&self, pos: u64) -> Option<Cursor> {
        let cursor = self.seek(pos);
        let boundary = self.get(cursor)?;

        (boundary.pos == pos).then_some(cursor)
    }

    /// Returns the place of the first boundary at or behind `pos`.
    pub(super) fn lower_bound(&self, pos: u64) -> Cursor {
        self.settle(self.seek(pos))
    }

    /// Returns where a boundary at `pos` is, or would have to be inserted: at the end of a chunk
    /// rather than at the front of the next one.
    fn seek(&self, pos: u64) -> Cursor {
        let behind = self.index.partition_point(|slot| slot.first <= pos);
        let chunk = behind.saturating_sub(1);
        let at = self
            .index
            .get(chunk)
            .map_or(0, |slot| slot.chunk.lower_bound(pos));

        Cursor { chunk, at }
    }

    /// Moves a cursor from the end of a chunk to the front of the next one.
    fn settle(&self, cursor: Cursor) -> Cursor {
        match self.index.get(cursor.chunk) {
            Some(slot) if cursor.at >= slot.chunk.len() => Cursor {
                chunk: cursor.chunk + 1,
                at: 0,
            },
            _ => cursor,
        }
    }

    /// Returns the place of the boundary behind `cursor`.
    pub(super) fn next(&self, cursor: Cursor) -> Cursor {
        self.settle(Cursor {
            at: cursor.at + 1,
            ..cursor
        })
    }

    /// Returns the boundary before `cursor`.
    fn previous(&self, cursor: Cursor) -> Option<Boundary> {
        match cursor.at.checked_sub(1) {
            Some(at) => self.get(Cursor { at, ..cursor }),
            None => {
                let chunk = cursor.chunk.checked_sub(1)?;
                self.index.get(chunk)?.chunk.last()
            }
        }
    }

    /// Returns the last boundary at or before `pos`.
    pub(super) fn at_or_before(&self, pos: u64) -> Option<Boundary> {
        let cursor = self.seek(pos);

        self.get(cursor)
            .filter(|boundary| boundary.pos == pos)
            .or_else(|| self.previous(cursor))
    }

    /// Returns the tally that applies up to the boundary at `cursor`.
    pub(super) fn tally_before(&self, cursor: Cursor) -> Tally {
        self.previous(cursor)
            .map_or(Tally::default(), |boundary| boundary.tally)
    }

    /// Returns the boundary at `cursor`.
    pub(super) fn get(&self, cursor: Cursor) -> Option<Boundary> {
        self.index.get(cursor.chunk)?.chunk.get(cursor.at)
    }

    /// Replaces the boundary at `cursor` by one with the same position.
    pub(super) fn set(&mut self, cursor: Cursor, boundary: Boundary) {
        if let Some(slot) = self.index.get_mut(cursor.chunk) {
            slot.chunk.set(cursor.at, boundary);
        }
    }

    /// Returns whether the invariants hold, for tests.
    #[cfg(CONFIG_KUNIT = "y")]
    pub(super) fn is_consistent(&self) -> bool {
        let mut len = 0;
        let mut last = None;

        for slot in self.index.iter() {
            if slot.chunk.first() != Some(slot.first) {
                return false;
            }
            for at in 0..slot.chunk.len() {
                let pos = slot.chunk.get(at).map(|boundary| boundary.pos);
                if pos <= last {
                    return false;
                }
                last = pos;
                len += 1;
            }
        }

        len == self.len
    }
}
