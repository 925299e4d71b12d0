// SPDX-License-Identifier: GPL-2.0

//! Layout changes of one inode, from mark to end, and what the holders of breakable leases are told
//! of them.
//!
//! ```text
//!   begin --> judged --> Go ------------------------------------> end
//!               |                                                  ^
//!               +--> Wait --> BREAK --> pins gone or revoked ------+--> RESUMED
//!                               |                                  |
//!                               +--> a pin outlives its time,      |
//!                                    or a signal comes ------------+
//! ```
//!
//! Each layout change waits by itself, and each lease has from the begin of each one the time that
//! it was acquired with. When that is over, its pins in the range are revoked if all of them can be;
//! else none is, and the change fails.

use kernel::{
    prelude::*,
    rbtree::RBTreeNode,
    sync::{
        Arc,
        CondVarTimeoutResult, //
    },
    time::msecs_to_jiffies, //
};

use crate::{
    account::PinKey,
    breaker::What,
    event::{
        self,
        Event,
        Kind, //
    },
    identity::is_killed,
    layout::{
        Inner,
        Layout, //
    },
    lease::Lease,
    manager::Manager,
    owner::Owner,
    revoke::Outlook,
    verdict::Verdict, //
};

/// How long a pin that is on its way out is waited for beyond its time.
const SETTLE_NS: u64 = 5_000_000_000;

const NS_PER_MS: u64 = 1_000_000;

/// What has become of a layout change that is not refused.
pub(crate) type Judged = Verdict;

/// A layout change under way.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub(crate) what: What,
    /// When the holders have been asked to let go.
    asked: Option<u64>,
}

impl Change {
    pub(crate) fn new(what: What) -> Self {
        Self { what, asked: None }
    }
}

/// What a layout change that waits does next.
enum Step {
    /// Goes on: there are no pins any more.
    Go,
    /// Sleeps for so many nanoseconds, unless a pin goes before.
    Sleep(u64),
    /// Takes back a pin.
    Revoke(Victim),
}

/// A pin that is to be taken back.
struct Victim {
    key: PinKey,
    owner: Arc<Owner>,
    /// When it was found that all whose time was over then can be.
    judged: u64,
}

impl Inner {
    /// Judges a change; `EAGAIN` where it would have to wait and must not.
    fn judge_change(&self, id: u64, wait: bool) -> Result<Judged> {
        let what = &self.breaks.get(&id).ok_or(EINVAL)?.what;

        match self.judge(&what.range, what.me)? {
            Verdict::Wait if !wait => Err(EAGAIN),
            judged => Ok(judged),
        }
    }

    /// A change is refused. Returns what is to be dropped unlocked.
    fn refuse(&mut self, id: u64) -> Option<RBTreeNode<u64, Change>> {
        self.counters.breaks_refused += 1;
        self.breaks.remove_node(&id)
    }

    /// Tells all breakable leases over the range of a change, or with pins that may reach into it.
    /// Breakers of the same inode come one after the other here, under its lock.
    fn tell(&mut self, what: &What, time: u64, kind: impl Fn(u64) -> Kind, asked: bool) {
        for (id, lease) in self.leases.iter_mut() {
            let Some(break_time) = lease.break_time_ns() else {
                continue;
            };
            if !lease.reach.overlaps(&what.range) {
                continue;
            }
            lease.breaking = if asked {
                lease.breaking.saturating_add(1)
            } else {
                lease.breaking.saturating_sub(1)
            };
            let event = Event {
                kind: kind(time.saturating_add(break_time)),
                lease: *id,
                range: what.range,
                time,
            };
            self.counters.events_lost += u64::from(!lease.inbox.push(event));
        }
    }

    fn next_step(&self, change: &Change) -> Result<Step> {
        if self.judge(&change.what.range, change.what.me)? == Verdict::Go {
            return Ok(Step::Go);
        }
        let asked = change.asked.unwrap_or(0);
        let now = event::now();
        // Before the first deadline there is no need to look at each pin.
        let first = self
            .leases
            .values()
            .filter(|lease| lease.life.pins() > 0)
            .filter_map(|lease| lease.break_time_ns())
            .min()
            .map_or(u64::MAX, |time| asked.saturating_add(time));

        if first > now {
            Ok(Step::Sleep(first - now))
        } else {
            self.overdue(change, asked, now)
        }
    }

    /// The time of a lease is over, if it has pins in the range.
    fn overdue(&self, change: &Change, asked: u64, now: u64) -> Result<Step> {
        let mut next = u64::MAX;
        let mut victim = None;

        for (id, lease) in self.leases.iter() {
            let Some(break_time) = lease.break_time_ns() else {
                continue;
            };
            let deadline = asked.saturating_add(break_time);

            if deadline > now {
                if deadline < next && self.pinned_under(*id, &change.what.range) {
                    next = deadline;
                }
                continue;
            }
            for (key, pin) in self.pins_in(*id, &change.what.range) {
                match pin.owner.revoker.outlook() {
                    Outlook::Revocable => victim = victim.or(Some((key, &pin.owner))),
                    Outlook::Going(since) => {
                        let last = deadline.max(since).saturating_add(SETTLE_NS);

                        if now >= last {
                            return Err(ETXTBSY);
                        }
                        next = next.min(last);
                    }
                    Outlook::Stays => return Err(ETXTBSY),
                }
            }
        }
        Ok(match victim {
            Some((key, owner)) => Step::Revoke(Victim {
                key,
                owner: owner.clone(),
                judged: now,
            }),
            None => Step::Sleep(next.saturating_sub(now)),
        })
    }

    /// The next one behind a pin that has been taken back, among those that were judged with it. There
    /// are no new ones: so that all can be taken back need not be found out for each.
    fn next_victim(&self, change: &Change, last: &Victim) -> Option<Victim> {
        let asked = change.asked.unwrap_or(0);
        let was_overdue = |lease: &Lease| {
            lease
                .break_time_ns()
                .is_some_and(|time| asked.saturating_add(time) <= last.judged)
        };

        self.leases
            .iter()
            .filter(|(id, lease)| **id >= last.key.lease && was_overdue(lease))
            .find_map(|(id, _)| {
                let from = if *id == last.key.lease {
                    last.key.id
                } else {
                    0
                };

                self.pins_after(*id, from)
                    .filter(|(_, pin)| pin.holds(&change.what.range))
                    .find(|(_, pin)| pin.owner.revoker.outlook() == Outlook::Revocable)
                    .map(|(key, pin)| Victim {
                        key,
                        owner: pin.owner.clone(),
                        judged: last.judged,
                    })
            })
    }
}

impl Layout {
    /// A layout change begins. No new pins in its range from now on.
    ///
    /// Returns what it has to do next, and whether pins in the making have to be waited for and the
    /// change judged again by [`Layout::judge_break`] before; `None` where this layout is retired, so
    /// that a mark would be seen by nobody. On failure nothing has begun.
    pub(crate) fn begin_break(
        &self,
        id: u64,
        node: RBTreeNode<u64, Change>,
        wait: bool,
    ) -> Result<Option<(Judged, bool)>> {
        let mut inner = self.inner.lock();

        if inner.retired {
            drop(inner);
            return Ok(None);
        }
        inner.counters.breaks += 1;
        inner.breaks.insert(node);
        match inner.judge_change(id, wait) {
            Ok(judged) => {
                let drain = inner.walks > 0;

                if drain {
                    inner.counters.drains += 1;
                }
                Ok(Some((judged, drain)))
            }
            Err(refusal) => {
                let node = inner.refuse(id);

                drop(inner);
                drop(node);
                Err(refusal)
            }
        }
    }

    /// Judges a layout change after the drain. On failure it is over, as by [`Layout::end_break`],
    /// and perhaps was the last thing that kept this layout.
    pub(crate) fn judge_break(&self, id: u64, wait: bool) -> Result<Judged> {
        let mut inner = self.inner.lock();
        let result = inner.judge_change(id, wait);

        if result.is_err() {
            let node = inner.refuse(id);

            drop(inner);
            drop(node);
        }
        result
    }

    /// Asks the holders of breakable leases over the range to let go. Their time begins.
    pub(crate) fn tell_break(&self, id: u64) {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let Some(change) = inner.breaks.get_mut(&id) else {
            return;
        };

        let now = event::now();
        change.asked = Some(now);
        let what = change.what;
        let reason = what.reason;
        inner.counters.waits += 1;
        inner.tell(
            &what,
            now,
            |deadline| Kind::Break {
                id,
                reason,
                deadline,
            },
            true,
        );
    }

    /// Waits until nothing in the range of a layout change is pinned.
    ///
    /// `ETXTBSY`: a pin has outlived its lease's time and cannot be revoked, or an exclusive lease
    /// stands in the way. `EDEADLK`: the caller has become a holder of what is pinned. `ERESTARTSYS`:
    /// a signal came. The change still has to be ended. Sleeps, with no locks held.
    pub(crate) fn wait_break(&self, manager: &Manager, id: u64) -> Result {
        // Outlives the lock.
        let mut last: Option<Victim> = None;
        let mut inner = self.inner.lock();

        loop {
            let change = inner.breaks.get(&id).ok_or(EINVAL)?;
            let reason = change.what.reason;
            let next = last
                .as_ref()
                .and_then(|last| inner.next_victim(change, last));
            let step = match next {
                Some(victim) => Ok(Step::Revoke(victim)),
                None => inner.next_step(change),
            };

            match step {
                Ok(Step::Go) => return Ok(()),
                Ok(Step::Sleep(ns)) => {
                    let ms = u32::try_from(ns.div_ceil(NS_PER_MS)).unwrap_or(u32::MAX);
                    let woken = self
                        .unpinned
                        .wait_interruptible_timeout(&mut inner, msecs_to_jiffies(ms));

                    if let CondVarTimeoutResult::Signal { .. } = woken {
                        inner.counters.breaks_refused += 1;
                        return Err(ERESTARTSYS);
                    }
                }
                Ok(Step::Revoke(victim)) => {
                    drop(inner);
                    victim.owner.revoker.revoke(manager, reason);
                    // What was kept of the one before goes with no lock held.
                    last = Some(victim);
                    inner = self.inner.lock();
                    if is_killed() {
                        inner.counters.breaks_refused += 1;
                        return Err(ERESTARTSYS);
                    }
                }
                Err(refusal) => {
                    inner.counters.breaks_refused += 1;
                    return Err(refusal);
                }
            }
        }
    }

    /// A layout change is over; `outcome` is 0 or the errno that it came to nothing with. Returns
    /// whether nothing is left that keeps this layout.
    pub(crate) fn end_break(&self, id: u64, outcome: u32) -> bool {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let Some(change) = inner.breaks.get(&id).copied() else {
            return false;
        };
        let node = inner.breaks.remove_node(&id);

        if change.asked.is_some() {
            let reason = change.what.reason;

            inner.tell(
                &change.what,
                event::now(),
                |_| Kind::Resumed {
                    id,
                    reason,
                    outcome,
                },
                false,
            );
        }
        let idle = inner.is_idle();
        drop(guard);
        drop(node);
        idle
    }
}
