// SPDX-License-Identifier: GPL-2.0

//! A lease: a range of an inode, its holders, and where it is in its life.
//!
//! The states and what leads from one to the next are in [`crate::lifecycle`], the locks in
//! [`crate::layout`], which has the leases of an inode under one of them.

use kernel::{
    rbtree::RBTree,
    time::{
        Instant,
        Monotonic, //
    },
};

use crate::{
    dax_file::DaxFile,
    identity::{
        Comm,
        Tgid,
        Uid, //
    },
    lifecycle::Lifecycle,
    range::PageRange, //
};

/// A lease.
pub(crate) struct Lease {
    pub(crate) range: PageRange,
    pub(crate) life: Lifecycle,
    pub(crate) holders: RBTree<usize, Tgid>,
    pub(crate) nr_holders: u32,
    pub(crate) acquirer: Tgid,
    pub(crate) comm: Comm,
    pub(crate) uid: Uid,
    pub(crate) since: Instant<Monotonic>,
    pub(crate) file: DaxFile,
    /// Pages in the records of this lease.
    pub(crate) pages: u64,
}

impl Lease {
    /// Whether the thread group of this [`Tgid::key`] may pin under the lease, and change the layout
    /// of what is not pinned.
    pub(crate) fn is_held_by(&self, key: usize) -> bool {
        self.holders.get(&key).is_some()
    }
}
