// SPDX-License-Identifier: GPL-2.0

//! Everything the module knows: which inodes are leased, all leases by number, the SRCU domain.
//!
//! For the locks see [`crate::layout`].

use kernel::{
    new_mutex,
    new_srcu,
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
    types::ScopeGuard, //
};

use crate::{
    dax_file::{
        DaxFile,
        InodeKey, //
    },
    event::Queue,
    identity::{
        current_comm,
        Tgid,
        Uid, //
    },
    inbox::Inbox,
    layout::Layout,
    lease::{
        Lease,
        Mode, //
    },
    lifecycle::Lifecycle,
    range::PageRange,
    stats::{
        Counters,
        Gauges, //
    },
    trace::{
        self,
        Ending,
        FileTag, //
    },
};

/// A power of two. Files that are used at the same time should not meet at one lock.
const SHARDS: usize = 64;

/// Numbers below are for special use in interfaces.
const FIRST_ID: u64 = 16;

/// Some of the leased inodes.
#[derive(Default)]
struct Table {
    layouts: RBTree<InodeKey, Arc<Layout>>,
    /// Counters of layouts that are gone.
    past: Counters,
}

/// On cache lines of its own, as `kmalloc()` has it for this size.
#[pin_data]
struct Shard {
    #[pin]
    table: Mutex<Table>,
}

struct Registry {
    leases: RBTree<u64, Arc<Layout>>,
    /// Leases per user that has any.
    users: RBTree<Uid, u32>,
}

/// What the system sets, by module parameters.
pub(crate) struct Limits {
    pub(crate) leases_per_user: u32,
    /// Of leases that do not say; milliseconds.
    pub(crate) break_time: u32,
    pub(crate) max_break_time: u32,
}

/// A lease by name.
#[derive(Clone)]
pub(crate) struct LeaseRef {
    pub(crate) layout: Arc<Layout>,
    pub(crate) id: u64,
}

impl LeaseRef {
    /// Looks at the lease, under the lock, unless it is gone.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Lease) -> R) -> Option<R> {
        self.layout.inner.lock().leases.get(&self.id).map(look)
    }
}

#[pin_data]
pub(crate) struct Manager {
    /// Readers are pins between check and account.
    #[pin]
    pub(crate) srcu: Srcu,
    shards: KVec<Pin<KBox<Shard>>>,
    #[pin]
    registry: Mutex<Registry>,
    /// Pins of files without any lease.
    unleased: Atomic<u64>,
    acquired: Atomic<u64>,
    next_id: Atomic<u64>,
    limits: Limits,
}

static MANAGER: Atomic<*const Manager> = Atomic::new(core::ptr::null());

impl Manager {
    pub(crate) fn new(limits: Limits) -> Result<Arc<Self>> {
        let mut shards = KVec::with_capacity(SHARDS, GFP_KERNEL)?;

        for _ in 0..SHARDS {
            shards.push(
                KBox::pin_init(
                    pin_init!(Shard {
                        table <- new_mutex!(Table::default(), "daxlease_shard"),
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
                unleased: Atomic::new(0),
                acquired: Atomic::new(0),
                next_id: Atomic::new(FIRST_ID),
                limits,
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

    fn shard(&self, key: InodeKey) -> Result<&Mutex<Table>> {
        // Inodes are spread by their allocator; the low bits are the same in all.
        let hash = (key as u64 >> 6).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;

        self.shards
            .get(hash as usize % SHARDS)
            .map(|shard| &shard.table)
            .ok_or(EINVAL)
    }

    /// The layout of an inode that has leases.
    pub(crate) fn find(&self, key: InodeKey) -> Option<Arc<Layout>> {
        self.shard(key).ok()?.lock().layouts.get(&key).cloned()
    }

    /// The layout of an inode that somebody wants to pin; `EOPNOTSUPP` where it has no leases.
    pub(crate) fn find_for_pin(&self, key: InodeKey) -> Result<Arc<Layout>> {
        self.find(key).ok_or_else(|| {
            self.unleased.fetch_add(1, Relaxed);
            EOPNOTSUPP
        })
    }

    fn find_or_insert(&self, key: InodeKey, tag: FileTag) -> Result<Arc<Layout>> {
        if let Some(layout) = self.find(key) {
            return Ok(layout);
        }
        let node = RBTreeNode::new(key, Layout::new(key, tag)?, GFP_KERNEL_ACCOUNT)?;
        let mut shard = self.shard(key)?.lock();

        if let Some(layout) = shard.layouts.get(&key).cloned() {
            drop(shard);
            return Ok(layout);
        }
        shard.layouts.insert(node);
        shard.layouts.get(&key).cloned().ok_or(EINVAL)
    }

    /// The mode of a breakable lease whose holder asks for so many milliseconds; 0: as the system has
    /// it. `ERANGE`: more than the system allows.
    pub(crate) fn breakable(&self, ms: u32) -> Result<Mode> {
        match ms {
            0 => Ok(Mode::Breakable(self.limits.break_time)),
            _ if ms <= self.limits.max_break_time => Ok(Mode::Breakable(ms)),
            _ => Err(ERANGE),
        }
    }

    /// Takes a lease on a range of a file for the caller's thread group.
    ///
    /// `ENOSPC`: the user has as many as allowed. `EAGAIN`: the layout there is changing. `EINTR`:
    /// killed. Sleeps; locks the inode, so that it cannot slip in between a layout change's
    /// judgement and its end.
    pub(crate) fn acquire(
        &self,
        file: DaxFile,
        range: PageRange,
        mode: Mode,
        inbox: &Arc<Inbox>,
    ) -> Result<LeaseRef> {
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
            reach: range,
            life: Lifecycle::new(),
            holders,
            nr_holders: 1,
            acquirer: me,
            comm: current_comm(),
            uid,
            since: Instant::now(),
            file,
            mode,
            breaking: 0,
            inbox: inbox.clone(),
            pages: 0,
        };
        let mut node = RBTreeNode::new(id, lease, GFP_KERNEL_ACCOUNT)?;
        let user = RBTreeNode::new(uid, 0, GFP_KERNEL_ACCOUNT)?;
        let queue = Queue::new(id)?;
        let _locked = keeper.lock_inode()?;

        self.charge(uid, user)?;
        let charge = ScopeGuard::new(|| self.uncharge(uid));
        inbox.set(Some(queue));
        let silence = ScopeGuard::new(|| inbox.set(None));
        loop {
            let layout = self.find_or_insert(key, keeper.tag())?;
            let cleanup = ScopeGuard::new(|| self.retire_if_idle(&layout));
            let entry = RBTreeNode::new(id, layout.clone(), GFP_KERNEL_ACCOUNT)?;

            match layout.insert(node, range)? {
                None => {
                    cleanup.dismiss();
                    charge.dismiss();
                    silence.dismiss();
                    self.registry.lock().leases.insert(entry);
                    self.acquired.fetch_add(1, Relaxed);
                    trace::acquire(layout.tag, id, &range, mode);
                    return Ok(LeaseRef { layout, id });
                }
                // Retired meanwhile: a new one takes its place.
                Some(left) => node = left,
            }
        }
    }

    /// Drops a lease that has been taken out of its layout. Called with none of the locks of this
    /// module held; `mmap_lock` may be.
    pub(crate) fn reap(&self, layout: &Layout, lease: RBTreeNode<u64, Lease>, ending: Ending) {
        let (id, lease) = lease.to_key_value();

        trace::release(layout.tag, id, &lease.range, ending);
        let entry = self.registry.lock().leases.remove_node(&id);

        self.uncharge(lease.uid);
        drop(entry);
        self.retire_if_idle(layout);
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
            Some(count) if *count < self.limits.leases_per_user => {
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

    /// Takes a layout out of the table that has neither leases nor layout changes. One that is told to
    /// go on while nobody has the inode locked depends on its mark being found, however many leases
    /// come and go meanwhile.
    pub(crate) fn retire_if_idle(&self, layout: &Layout) {
        let Ok(shard) = self.shard(layout.key()) else {
            return;
        };
        let mut shard = shard.lock();
        let mut inner = layout.inner.lock();

        if inner.retired || !inner.is_idle() {
            return;
        }
        inner.retired = true;
        shard.past.add(&inner.counters);
        drop(inner);
        let node = shard.layouts.remove_node(&layout.key());
        drop(shard);
        drop(node);
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
        let mut counters = Counters::default();

        for shard in &self.shards {
            let table = shard.table.lock();

            counters.add(&table.past);
            for layout in table.layouts.values() {
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
#[expect(dead_code)] // keeps it
pub(crate) struct Published(Arc<Manager>);

impl Drop for Published {
    fn drop(&mut self) {
        MANAGER.store(core::ptr::null(), Release);
    }
}
