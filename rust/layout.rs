// SPDX-License-Identifier: GPL-2.0

//! All that is known of one leased inode: leases, pins, layout changes under way.
//!
//! # Locks, outermost first
//!
//! ```text
//! LeaseFd::state                       which lease a fd carries; never held while waiting
//! inode->i_rwsem                       acquire; layout changes, held by the filesystem
//! mm->mmap_lock                        pin; may give back a lease that was closed meanwhile
//! DAX entry lock                       writeback asks for write pins
//!   Manager shard                      which inodes are leased; not inside of the SRCU section
//!   (SRCU read section)                pin: from the check to the account
//!     Layout::inner                    everything in this file; also below a shard
//!       Inbox::queue                   what the reader of a lease fd is to be told
//!       Revoker::state                 whether the pins of an owner can be revoked
//!   Manager::registry                  never together with any of these four
//! ```
//!
//! The last five locks are taken below all of the others, so nothing under them waits for anything
//! else: nothing is allocated (nodes of trees are made before), no file is put, no user memory
//! touched, and values taken out are handed back to be dropped after. A grace period is waited for by
//! layout changes only, with the inode lock held and none of these; readers never want that lock, as
//! they do not fault. For a holder that is asked to let go nobody waits with any lock held, and no
//! owner's callback is called with one.
//!
//! # Who keeps what
//!
//! A [`Layout`] is kept by the table of the manager while it has leases, and by each handle, lease
//! fd and layout change that refers to it. A [`Lease`] is kept by its fd, and by its pins when that
//! is closed (see [`crate::lifecycle`]). It holds the file open, hence a pin does: the inode cannot
//! be evicted nor the filesystem unmounted under it, and the address of the inode stays its name.

use kernel::{
    new_condvar, new_mutex,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        Arc,
        CondVar,
        Mutex, //
    },
};

use crate::{
    account::{
        CommitError,
        PinKey,
        PinRecord,
        Spare,
        Target,
        Unpinned,
        Wanted, //
    },
    dax_file::InodeKey,
    event::Reason,
    expect::expect_account,
    identity::Tgid,
    lease::Lease,
    lifecycle::After,
    range::PageRange,
    range_count::RangeCount,
    runs::{
        Growth,
        Run, //
    },
    stats::Counters,
    trace::{
        self,
        FileTag, //
    },
};

mod breaks;
mod inner;

pub(crate) use breaks::{
    Change,
    Judged, //
};

/// Most thread groups that can hold one lease at a time.
const MAX_HOLDERS: u32 = 1024;

/// A pin that is allowed and has not happened yet. To be ended with [`Layout::commit`] or
/// [`Layout::cancel`].
#[must_use]
pub(crate) struct Walk {
    pub(crate) lease: u64,
    /// Pages, from the first one asked for, that the lease covers.
    pub(crate) len: u64,
    write: bool,
}

pub(crate) struct Inner {
    pub(crate) leases: RBTree<u64, Lease>,
    /// By lease and number.
    pub(crate) records: RBTree<PinKey, PinRecord>,
    counts: RangeCount,
    breaks: RBTree<u64, Change>,
    walks: u32,
    /// Those of them that are for a device that writes.
    writing_walks: u32,
    /// Taken out of the manager's table: no new leases.
    pub(crate) retired: bool,
    pub(crate) counters: Counters,
}

/// A leased inode.
#[pin_data]
pub(crate) struct Layout {
    key: InodeKey,
    pub(crate) tag: FileTag,
    #[pin]
    pub(crate) inner: Mutex<Inner>,
    /// A pin has gone, or a lease has one more holder.
    #[pin]
    unpinned: CondVar,
}

impl Layout {
    pub(crate) fn new(key: InodeKey, tag: FileTag) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                key,
                tag,
                inner <- new_mutex!(
                    Inner {
                        leases: RBTree::new(),
                        records: RBTree::new(),
                        counts: RangeCount::new(),
                        breaks: RBTree::new(),
                        walks: 0,
                        writing_walks: 0,
                        retired: false,
                        counters: Counters::default(),
                    },
                    "daxlease_layout"
                ),
                unpinned <- new_condvar!("daxlease_unpinned"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    pub(crate) fn key(&self) -> InodeKey {
        self.key
    }

    /// Adds a lease. The inode is locked. Gives the node back where this layout is retired, and
    /// fails with `EAGAIN` where the range is being changed.
    pub(crate) fn insert(
        &self,
        node: RBTreeNode<u64, Lease>,
        range: PageRange,
    ) -> Result<Option<RBTreeNode<u64, Lease>>> {
        let mut inner = self.inner.lock();

        if inner.retired {
            return Ok(Some(node));
        }
        if inner.is_changing(&range) {
            drop(inner);
            return Err(EAGAIN);
        }
        Ok(inner.leases.insert(node))
    }

    /// Makes a thread group a holder. `ENOENT`: no such lease. `ENOSPC`: it has too many.
    pub(crate) fn attach(&self, id: u64, holder: Tgid) -> Result {
        let key = holder.key();
        let node = RBTreeNode::new(key, holder, GFP_KERNEL_ACCOUNT)?;

        loop {
            let mut inner = self.inner.lock();
            let lease = inner.leases.get_mut(&id).ok_or(ENOENT)?;

            if lease.is_held_by(key) {
                return Ok(());
            }
            if lease.nr_holders < MAX_HOLDERS {
                lease.nr_holders += 1;
                lease.holders.insert(node);
                trace::attach(self.tag, id, &lease.range);
                drop(inner);
                // What waits may be a layout change of the new holder's.
                self.unpinned.notify_all();
                return Ok(());
            }
            // Make room of one that has ended.
            let dead = lease
                .holders
                .iter()
                .find(|(_, tgid)| !tgid.is_alive())
                .map(|(key, _)| *key)
                .ok_or(ENOSPC)?;
            let dead = lease.holders.remove_node(&dead);
            lease.nr_holders -= 1;
            drop(inner);
            drop(dead);
        }
    }

    /// May thread group `me` pin `want`? Inside of an SRCU read section.
    ///
    /// Finds a lease that covers the first page. `EOPNOTSUPP`: none. `EAGAIN`: the layout there is
    /// changing, or the lease being released.
    pub(crate) fn start_walk(&self, me: usize, want: &PageRange, write: bool) -> Result<Walk> {
        let mut inner = self.inner.lock();
        let result = inner.start_walk(me, want, write);

        if result.is_err() {
            inner.counters.refused += 1;
        }
        result
    }

    /// Ends a walk with its pages accounted: `run` is what they hold immovable.
    ///
    /// On failure nothing is accounted and the walk goes on: unpin, then [`Layout::cancel`].
    /// `EAGAIN`: a layout change has come over the extent.
    pub(crate) fn commit(
        &self,
        walk: &Walk,
        run: Run,
        target: Target,
        spare: &mut Spare,
    ) -> Result<(), CommitError> {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;

        if inner.is_changing(&run.range) {
            inner.counters.refused += 1;
            return Err(EAGAIN.into());
        }
        let lease = inner.leases.get_mut(&walk.lease).ok_or(ENOENT)?;
        let growth = match &target {
            Target::New { .. } => Growth::New(run),
            Target::Existing(key) => {
                let runs = &mut inner.records.get_mut(key).ok_or(ENOENT)?.runs;
                let growth = run.after(runs.last());
                let crowded = runs.is_full() && matches!(growth, Growth::New(_));

                if crowded && !runs.grow(&mut spare.runs) {
                    return Err(CommitError::Retry(Wanted::runs(runs.len())));
                }
                growth
            }
        };
        match growth {
            Growth::New(run) => {
                inner
                    .counts
                    .add(run.range.into(), run.write, &mut spare.slots)?;
            }
            Growth::Extend(run, end) => {
                inner
                    .counts
                    .extend(run.range.into(), end, run.write, &mut spare.slots)?;
            }
            Growth::Nothing => {}
        }
        let (key, new_pins) = match target {
            Target::New { key, node } => {
                inner.records.insert(node);
                (key, 1)
            }
            Target::Existing(key) => (key, 0),
        };
        // Not into a range that is marked, so who is told of a layout change hears of its end, too.
        lease.reach_to(&run.range);
        let record = inner.records.get_mut(&key);
        expect_account(record.is_some());
        if let Some(record) = record {
            let before = record.pages;

            record.grow(&growth);
            let added = record.pages - before;

            lease.pages += added;
            trace::pin(self.tag, key, &run.range, added, run.write, &record.owner);
        }
        inner.counters.pinned += 1;
        // There is a pin now, old or new, so the lease stays.
        let _ = lease.life.end_walk(new_pins);
        inner.end_walk(walk);
        Ok(())
    }

    /// Ends a walk that pinned nothing. Returns the lease if it was waiting for that to go.
    pub(crate) fn cancel(&self, walk: Walk) -> Option<RBTreeNode<u64, Lease>> {
        let mut inner = self.inner.lock();

        inner.end_walk(&walk);
        let after = inner.leases.get_mut(&walk.lease)?.life.end_walk(0);
        let gone = inner.take_if(after, walk.lease);
        drop(inner);
        self.unpinned.notify_all();
        gone
    }

    /// Takes back what a handle has accounted under a lease. The pages have been unpinned; `revoked`
    /// says why, if it was not by their owner. Returns what is to be dropped unlocked: the record, and
    /// the lease if it was waiting for that to go.
    pub(crate) fn unpin(&self, key: PinKey, revoked: Option<Reason>) -> Unpinned {
        let mut guard = self.inner.lock();
        let inner = &mut *guard;
        let record = inner
            .records
            .remove_node(&key)
            .map(|node| node.to_key_value().1);
        let mut after = After::Stays;

        expect_account(record.is_some());
        if let Some(record) = &record {
            if let Some(reason) = revoked {
                trace::revoke(self.tag, key, record, reason);
            }
            trace::unpin(self.tag, key, record);
            // From the end: what goes is not moved.
            for run in record.runs.iter().rev() {
                expect_account(inner.counts.sub(run.range.into(), run.write).is_ok());
            }
            if let Some(lease) = inner.leases.get_mut(&key.lease) {
                lease.pages = lease.pages.saturating_sub(record.pages);
                after = lease.life.unpin();
                let lost = lease.tell_unpin(key, record.span, revoked);
                inner.counters.events_lost += u64::from(lost);
            }
            if revoked.is_some() {
                inner.counters.revoked += 1;
            }
        }
        let lease = inner.take_if(after, key.lease);
        drop(guard);
        self.unpinned.notify_all();
        Unpinned { record, lease }
    }

    /// The last fd of a lease is closed. Returns the lease if no pin holds it.
    pub(crate) fn close(&self, id: u64) -> Option<RBTreeNode<u64, Lease>> {
        let mut inner = self.inner.lock();
        let after = inner.leases.get_mut(&id)?.life.close();

        inner.take_if(after, id)
    }

    /// Gives a lease back once its pins are gone, and returns it to be dropped.
    ///
    /// `ENOENT`: no such lease. `EBUSY`: pins are left and the caller will not wait. `ERESTARTSYS`:
    /// a signal came, the lease is as it was. Sleeps, with no locks held.
    pub(crate) fn release(&self, id: u64, wait: bool) -> Result<RBTreeNode<u64, Lease>> {
        let mut inner = self.inner.lock();
        let life = &mut inner.leases.get_mut(&id).ok_or(ENOENT)?.life;

        if life.releasable() {
            return inner.leases.remove_node(&id).ok_or(ENOENT);
        }
        if !wait {
            return Err(EBUSY);
        }
        life.start_release();
        loop {
            let signal = self.unpinned.wait_interruptible(&mut inner);
            let life = &mut inner.leases.get_mut(&id).ok_or(ENOENT)?.life;

            if life.releasable() {
                return inner.leases.remove_node(&id).ok_or(ENOENT);
            }
            if signal {
                life.end_release();
                return Err(ERESTARTSYS);
            }
        }
    }

    /// The first part of a range that is pinned throughout.
    pub(crate) fn first_pinned(&self, range: &PageRange) -> Option<PageRange> {
        let first = self.inner.lock().counts.first((*range).into())?;

        Some(PageRange::new(first.start, first.end))
    }

    /// Whether a device holds a page of the range for writing, or may be given one by a walk that
    /// has found it mapped writable before now.
    pub(crate) fn write_pinned(&self, range: &PageRange) -> bool {
        let inner = self.inner.lock();

        inner.may_be_taking() || inner.counts.any_write((*range).into())
    }
}
