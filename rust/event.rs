// SPDX-License-Identifier: GPL-2.0

//! What holders of leases are told, and the queue in which it waits for a reader.
//!
//! A queue has its memory from the start, so telling allocates nothing and cannot fail, and a slow
//! reader costs no more than that. What does not fit in is counted, and the reader is told how much
//! it was when it has read the rest.

use kernel::{
    prelude::*,
    time::{
        ClockSource,
        Monotonic, //
    },
};

use crate::range::PageRange;

/// Events that a queue holds.
const CAPACITY: usize = 64;

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    Monotonic::ktime_get().unsigned_abs()
}

/// Why a layout changes: `DAXLEASE_REASON_*`.
pub(crate) type Reason = u32;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A layout change waits, until the deadline at most.
    Break {
        id: u64,
        reason: Reason,
        deadline: u64,
    },
    /// It is over; `outcome` is 0 or the errno that it ended with.
    Resumed {
        id: u64,
        reason: Reason,
        outcome: u32,
    },
    /// A pin has been taken back.
    Revoked { pin: u64, reason: Reason },
    /// The last pin has gone.
    Drained,
    /// So many events did not fit in.
    Overflow { lost: u32 },
}

/// An event. Times are nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) kind: Kind,
    pub(crate) lease: u64,
    pub(crate) range: PageRange,
    pub(crate) time: u64,
}

/// The events of one lease that have not been read.
pub(crate) struct Queue {
    lease: u64,
    events: KVec<Event>,
    /// Place of the oldest one.
    first: usize,
    len: usize,
    lost: u32,
    /// When the last one was lost.
    lost_at: u64,
}

impl Queue {
    pub(crate) fn new(lease: u64) -> Result<Self> {
        let filler = Event {
            kind: Kind::Drained,
            lease,
            range: PageRange::new(0, 0),
            time: 0,
        };

        Ok(Self {
            lease,
            events: KVec::from_elem(filler, CAPACITY, GFP_KERNEL_ACCOUNT)?,
            first: 0,
            len: 0,
            lost: 0,
            lost_at: 0,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0 && self.lost == 0
    }

    /// Whether an event belongs here: it may be late, of a lease that the fd carried before.
    pub(crate) fn is_of(&self, event: &Event) -> bool {
        self.lease == event.lease
    }

    fn place(&self, nth: usize) -> usize {
        (self.first + nth) % CAPACITY
    }

    /// Adds an event. That there are no pins is not told twice in a row. Returns whether it did fit
    /// in.
    pub(crate) fn push(&mut self, event: Event) -> bool {
        if event.kind == Kind::Drained && self.lost == 0 && self.ends_drained() {
            return true;
        }
        // After a loss nothing is added before the reader has been told, or the order is lost, too.
        if self.len == CAPACITY || self.lost > 0 {
            self.lost = self.lost.saturating_add(1);
            self.lost_at = event.time;
            return false;
        }
        let place = self.place(self.len);
        if let Some(slot) = self.events.get_mut(place) {
            *slot = event;
            self.len += 1;
        }
        true
    }

    fn newest(&self) -> Option<&Event> {
        let nth = self.len.checked_sub(1)?;

        self.events.get(self.place(nth))
    }

    /// 0 where there is none.
    fn newest_time(&self) -> u64 {
        self.newest().map_or(0, |event| event.time)
    }

    fn ends_drained(&self) -> bool {
        self.newest()
            .is_some_and(|event| event.kind == Kind::Drained)
    }

    /// Takes the oldest event.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        if self.len > 0 {
            let event = self.events.get(self.first).copied();

            self.first = self.place(1);
            self.len -= 1;
            return event;
        }
        if self.lost == 0 {
            return None;
        }
        let lost = core::mem::take(&mut self.lost);
        Some(Event {
            kind: Kind::Overflow { lost },
            lease: self.lease,
            range: PageRange::new(0, 0),
            time: self.lost_at,
        })
    }

    /// Puts back what [`Queue::pop`] has taken last, and nobody has got.
    pub(crate) fn unpop(&mut self, event: Event) {
        if let Kind::Overflow { lost } = event.kind {
            // Others may have come in since; then they count as lost, too, for the order.
            self.lost_at = self.lost_at.max(event.time).max(self.newest_time());
            self.lost = self
                .lost
                .saturating_add(lost)
                .saturating_add(self.len as u32);
            self.len = 0;
            return;
        }
        if self.len == CAPACITY {
            // The newest makes room.
            self.lost_at = self.lost_at.max(self.newest_time());
            self.lost = self.lost.saturating_add(1);
            self.len -= 1;
        }
        self.first = self.place(CAPACITY - 1);
        if let Some(slot) = self.events.get_mut(self.first) {
            *slot = event;
            self.len += 1;
        }
    }
}

#[kunit_tests(daxlease_event)]
mod tests {
    use super::*;

    fn event(id: u64) -> Event {
        Event {
            kind: Kind::Break {
                id,
                reason: 1,
                deadline: 0,
            },
            lease: 7,
            range: PageRange::new(id, id + 1),
            time: id,
        }
    }

    fn drained(time: u64) -> Event {
        Event {
            kind: Kind::Drained,
            ..event(time)
        }
    }

    #[test]
    fn in_order() -> Result {
        let mut queue = Queue::new(7)?;

        assert!(queue.is_empty());
        for round in 0..3 {
            for id in 0..40 {
                assert!(queue.push(event(round * 100 + id)));
            }
            for id in 0..40 {
                assert_eq!(queue.pop(), Some(event(round * 100 + id)));
            }
            assert_eq!(queue.pop(), None);
        }
        assert!(queue.is_empty());
        Ok(())
    }

    #[test]
    fn overflow_is_told_after_what_did_fit_in() -> Result {
        let mut queue = Queue::new(7)?;
        let room = CAPACITY as u64;

        for id in 0..room {
            assert!(queue.push(event(id)));
        }
        assert!(!queue.push(event(room)));
        assert_eq!(queue.pop(), Some(event(0)));
        // There is room again, but what came before is missing.
        assert!(!queue.push(event(room + 1)));
        for id in 1..room {
            assert_eq!(queue.pop(), Some(event(id)));
        }
        assert!(!queue.is_empty());
        let told = queue.pop().ok_or(EINVAL)?;
        assert_eq!(told.kind, Kind::Overflow { lost: 2 });
        assert_eq!(told.lease, 7);
        assert_eq!(told.time, room + 1);
        assert!(queue.is_empty());
        assert!(queue.push(event(1)));
        assert_eq!(queue.pop(), Some(event(1)));
        Ok(())
    }

    #[test]
    fn drained_once_in_a_row() -> Result {
        let mut queue = Queue::new(7)?;

        assert!(queue.push(drained(1)));
        assert!(queue.push(drained(2)));
        assert!(queue.push(event(3)));
        assert!(queue.push(drained(4)));
        assert_eq!(queue.pop(), Some(drained(1)));
        assert_eq!(queue.pop(), Some(event(3)));
        assert_eq!(queue.pop(), Some(drained(4)));
        assert_eq!(queue.pop(), None);
        Ok(())
    }

    #[test]
    fn put_back() -> Result {
        let mut queue = Queue::new(7)?;

        assert!(queue.push(event(1)));
        assert!(queue.push(event(2)));
        let first = queue.pop().ok_or(EINVAL)?;
        queue.unpop(first);
        assert_eq!(queue.pop(), Some(event(1)));
        assert_eq!(queue.pop(), Some(event(2)));
        Ok(())
    }

    #[test]
    fn put_back_into_a_full_one() -> Result {
        let mut queue = Queue::new(7)?;
        let room = CAPACITY as u64;

        for id in 0..room {
            assert!(queue.push(event(id)));
        }
        let first = queue.pop().ok_or(EINVAL)?;
        assert!(queue.push(event(room)));
        queue.unpop(first);
        for id in 0..room {
            assert_eq!(queue.pop(), Some(event(id)));
        }
        let told = queue.pop().ok_or(EINVAL)?;
        assert_eq!(told.kind, Kind::Overflow { lost: 1 });
        assert_eq!(told.time, room);
        assert_eq!(queue.pop(), None);
        Ok(())
    }

    #[test]
    fn put_back_an_overflow() -> Result {
        let mut queue = Queue::new(7)?;
        let room = CAPACITY as u64;

        for id in 0..room + 3 {
            queue.push(event(id));
        }
        for _ in 0..room {
            assert!(queue.pop().is_some());
        }
        let overflow = queue.pop().ok_or(EINVAL)?;
        assert!(queue.push(event(100)));
        queue.unpop(overflow);
        let told = queue.pop().ok_or(EINVAL)?;
        assert_eq!(told.kind, Kind::Overflow { lost: 4 });
        assert_eq!(told.time, 100);
        assert_eq!(queue.pop(), None);
        Ok(())
    }
}
