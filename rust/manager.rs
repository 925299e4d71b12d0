// SPDX-License-Identifier: GPL-2.0

//! Everything the module knows: which inodes are leased, all leases by number, the SRCU domain.
//!
//! For the locks see [`crate::layout`].

use kernel::{
    new_mutex, new_srcu,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc,
        ArcBorrow,
        Mutex,
        Srcu, //
    },
    time::Instant,
};

use crate::{
    dax_file::{
        DaxFile,
        InodeKey, //
    },
    identity::{
        current_comm,
        Tgid,
        Uid, //
    },
    layout::{
        Counters,
        Layout,
        Lease, //
    },
    lifecycle::Lifecycle,
    range::PageRange, //
};

/// A power of two. Files that are used at the same time should not meet at one lock.
const SHARDS: usize = 64;

/// Numbers below are for special use in interfaces.
const FIRST_ID: u64 = 16;

type Shard = RBTree<InodeKey, Arc<Layout>>;

#[pin_data]
struct PaddedShard {
    #[pin]
    table: Mutex<Shard>,
    // Keeps neighbours off the cache line.
    _pad: [u64; 8],
}

struct Registry {
    leases: RBTree<u64, Arc<Layout>>,
    /// Leases per user that has any.
    users: RBTree<Uid, u32>,
}

/// A lease by name.
#[derive(Clone)]
pub(crate) struct LeaseRef {
    pub(crate) layout: Arc<Layout>,
    pub(crate) id: u64,
}

/// Numbers of what exists now.
#[derive(Default)]
pub(crate) struct Gauges {
    pub(crate) leases: u64,
    pub(crate) orphaned: u64,
    pub(crate) pins: u64,
    pub(crate) pinned_pages: u64,
}

#[pin_data]
pub(crate) struct Manager {
    /// Readers are pins between check and account.
    #[pin]
    pub(crate) srcu: Srcu,
    shards: KVec<Pin<KBox<PaddedShard>>>,
    #[pin]
    registry: Mutex<Registry>,
    /// Counters of layouts that are gone.
    #[pin]
    past: Mutex<Counters>,
    /// Pins of files without any lease.
    unleased: Atomic<u64>,
    acquired: Atomic<u64>,
    next_id: Atomic<u64>,
    max_per_user: u32,
}

static MANAGER: Atomic<*const Manager> = Atomic::new(core::ptr::null());

impl Manager {
    pub(crate) fn new(max_per_user: u32) -> Result<Arc<Self>> {
        let mut shards = KVec::with_capacity(SHARDS, GFP_KERNEL)?;

        for _ in 0..SHARDS {
            shards.push(
                KBox::pin_init(
                    pin_init!(PaddedShard {
                        table <- new_mutex!(Shard::new(), "daxlease_shard"),
                        _pad: [0; 8],
                    }),
                    GFP_KERNEL,
                )?,
                GFP_KERNEL,
            )?;
        }
        Arc::pin_init(
            try_pin_init!(Self {
                srcu <- new_srcu!("daxlease_walks"),
                shards,
                registry <- new_mutex!(
                    Registry { leases: RBTree::new(), users: RBTree::new() },
                    "daxlease_registry"
                ),
                past <- new_mutex!(Counters::default(), "daxlease_past"),
                unleased: Atomic::new(0),
                acquired: Atomic::new(0),
                next_id: Atomic::new(FIRST_ID),
                max_per_user,
            }),
            GFP_KERNEL,
        )
    }

    /// Makes this the manager that [`Manager::current`] returns, until the result is dropped.
    pub(crate) fn publish(this: Arc<Self>) -> Published {
        MANAGER.store(Arc::as_ptr(&this), Release);
        Published(this)
    }

    /// The manager that is published.
    ///
    /// # Safety
    ///
    /// To be called from where the [`Published`] cannot be dropped: a hook that the kernel calls
    /// between registration and unregistration, or a file operation of the device. What is borrowed
    /// must not be kept beyond that.
    pub(crate) unsafe fn current<'a>() -> &'a Self {
        // SAFETY: The caller says that the manager is published and stays so.
        unsafe { &*MANAGER.load(Acquire) }
    }

    /// A reference to the manager that is published.
    ///
    /// # Safety
    ///
    /// As for [`Manager::current`], at the time of the call.
    pub(crate) unsafe fn shared() -> Arc<Self> {
        // SAFETY: The pointer comes from an `Arc`, and the caller says that there still is one.
        unsafe { ArcBorrow::from_raw(MANAGER.load(Acquire)) }.into()
    }

    /// A number that no lease, pin or layout change has had.
    pub(crate) fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Relaxed)
    }

    fn shard(&self, key: InodeKey) -> Result<&Mutex<Shard>> {
        // Inodes are spread by their allocator; the low bits are the same in all.
        let hash = (key >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - 6);

        self.shards
            .get(hash % SHARDS)
            .map(|shard| &shard.table)
            .ok_or(EINVAL)
    }

    /// The layout of an inode that has leases.
    pub(crate) fn find(&self, key: InodeKey) -> Option<Arc<Layout>> {
        self.shard(key).ok()?.lock().get(&key).cloned()
    }

    /// The layout of an inode that somebody wants to pin; `EOPNOTSUPP` where it has no leases.
    pub(crate) fn find_for_pin(&self, key: InodeKey) -> Result<Arc<Layout>> {
        self.find(key).ok_or_else(|| {
            self.unleased.fetch_add(1, Relaxed);
            EOPNOTSUPP
        })
    }

    fn find_or_insert(&self, key: InodeKey) -> Result<Arc<Layout>> {
        if let Some(layout) = self.find(key) {
            return Ok(layout);
        }
        let node = RBTreeNode::new(key, Layout::new(key)?, GFP_KERNEL_ACCOUNT)?;
        let mut shard = self.shard(key)?.lock();

        if let Some(layout) = shard.get(&key).cloned() {
            drop(shard);
            return Ok(layout);
        }
        shard.insert(node);
        shard.get(&key).cloned().ok_or(EINVAL)
    }

    /// Takes a lease on a range of a file for the caller's thread group.
    ///
    /// `ENOSPC`: the user has as many as allowed. `EAGAIN`: the layout there is changing. `EINTR`:
    /// killed. Sleeps; locks the inode, so that it cannot slip in between a layout change's
    /// judgement and its end.
    pub(crate) fn acquire(&self, file: DaxFile, range: PageRange) -> Result<LeaseRef> {
        let uid = Uid::current();
        let id = self.new_id();
        let me = Tgid::current()?;
        let mut holders = RBTree::new();

        holders.insert(RBTreeNode::new(
            me.key(),
            Tgid::current()?,
            GFP_KERNEL_ACCOUNT,
        )?);
        let key = file.key();
        // The inode has to stay locked after the file was given to the lease: another reference.
        let keeper = file.another();
        let lease = Lease {
            range,
            life: Lifecycle::new(),
            holders,
            nr_holders: 1,
            acquirer: me,
            comm: current_comm(),
            uid,
            since: Instant::now(),
            file,
            pages: 0,
        };
        let mut node = Some(RBTreeNode::new(id, lease, GFP_KERNEL_ACCOUNT)?);
        let user = RBTreeNode::new(uid, 0, GFP_KERNEL_ACCOUNT)?;
        let guard = keeper.lock_inode()?;

        self.charge(uid, user)?;
        while let Some(unused) = node.take() {
            let layout = match self.find_or_insert(key) {
                Ok(layout) => layout,
                Err(error) => {
                    self.uncharge(uid);
                    return Err(error);
                }
            };
            let entry = RBTreeNode::new(id, layout.clone(), GFP_KERNEL_ACCOUNT);
            let inserted = match entry {
                Ok(entry) => layout.insert(unused, range).map(|left| (entry, left)),
                Err(error) => Err(error),
            };
            match inserted {
                Ok((entry, None)) => {
                    drop(guard);
                    self.registry.lock().leases.insert(entry);
                    self.acquired.fetch_add(1, Relaxed);
                    return Ok(LeaseRef { layout, id });
                }
                // Retired meanwhile: a new one takes its place.
                Ok((_, Some(left))) => node = Some(left),
                Err(error) => {
                    self.uncharge(uid);
                    self.retire_if_empty(&layout);
                    return Err(error);
                }
            }
        }
        Err(EINVAL)
    }

    /// Drops a lease that has been taken out of its layout. Called with no locks held.
    pub(crate) fn reap(&self, layout: &Layout, lease: RBTreeNode<u64, Lease>) {
        let (id, lease) = lease.to_key_value();
        let entry = self.registry.lock().leases.remove_node(&id);

        self.uncharge(lease.uid);
        drop(entry);
        self.retire_if_empty(layout);
        // Last: it keeps the inode, and with it the key of the layout, from being used again.
        drop(lease);
    }

    fn charge(&self, uid: Uid, node: RBTreeNode<Uid, u32>) -> Result {
        let mut registry = self.registry.lock();
        let spare = if registry.users.get(&uid).is_none() {
            registry.users.insert(node)
        } else {
            Some(node)
        };
        let result = match registry.users.get_mut(&uid) {
            Some(count) if *count < self.max_per_user => {
                *count += 1;
                Ok(())
            }
            _ => Err(ENOSPC),
        };
        let unused = match registry.users.get(&uid) {
            Some(0) => registry.users.remove_node(&uid),
            _ => None,
        };

        drop(registry);
        drop(spare);
        drop(unused);
        result
    }

    fn uncharge(&self, uid: Uid) {
        let mut registry = self.registry.lock();
        let unused = match registry.users.get_mut(&uid) {
            Some(count) if *count > 1 => {
                *count -= 1;
                None
            }
            _ => registry.users.remove_node(&uid),
        };

        drop(registry);
        drop(unused);
    }

    fn retire_if_empty(&self, layout: &Layout) {
        let Ok(shard) = self.shard(layout.key()) else {
            return;
        };
        let mut shard = shard.lock();
        let mut inner = layout.inner.lock();

        if inner.retired || !inner.leases.is_empty() {
            return;
        }
        inner.retired = true;
        let counters = inner.counters;
        drop(inner);
        let node = shard.remove_node(&layout.key());
        drop(shard);
        drop(node);
        self.past.lock().add(&counters);
    }

    /// The first lease with a number above `after`.
    pub(crate) fn next_lease(&self, after: u64) -> Option<LeaseRef> {
        let registry = self.registry.lock();
        let cursor = registry.leases.cursor_lower_bound(&after.checked_add(1)?)?;
        let (id, layout) = cursor.current();

        Some(LeaseRef {
            layout: layout.clone(),
            id: *id,
        })
    }

    /// What there is now, and what has happened so far.
    pub(crate) fn sums(&self) -> (Gauges, Counters, u64) {
        let mut gauges = Gauges::default();
        let mut counters = *self.past.lock();

        for shard in &self.shards {
            for layout in shard.table.lock().values() {
                let inner = layout.inner.lock();

                inner.add_to(&mut gauges);
                counters.add(&inner.counters);
            }
        }
        counters.refused += self.unleased.load(Relaxed);
        (gauges, counters, self.acquired.load(Relaxed))
    }
}

/// A manager that [`Manager::current`] returns.
pub(crate) struct Published(Arc<Manager>);

impl core::ops::Deref for Published {
    type Target = Arc<Manager>;

    fn deref(&self) -> &Arc<Manager> {
        &self.0
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        MANAGER.store(core::ptr::null(), Release);
    }
}
