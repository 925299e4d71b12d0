// SPDX-License-Identifier: GPL-2.0

//! Layout changes: the side of the protocol in [`crate::gate`] that breaks.
//!
//! The filesystem holds the inode lock from begin to end, so no lease is acquired in between and a
//! file without leases needs no mark. It does not hold the `invalidate_lock` when it begins, so pins
//! in the making that fault on this file go on.

use kernel::{
    prelude::*,
    rbtree::RBTreeNode,
    sync::Arc, //
};

use crate::{
    dax_file::InodeKey,
    drain,
    identity::Tgid,
    layout::Layout,
    manager::Manager,
    range::PageRange, //
};

/// A layout change that is under way. Ends when it is dropped.
pub(crate) struct Break {
    layout: Arc<Layout>,
    id: u64,
}

impl Break {
    /// The caller is about to change the layout of a range.
    ///
    /// `None`: nobody has to be told of its end. `ETXTBSY`, `EDEADLK`: as [`crate::verdict`] says;
    /// `ENOMEM`.
    /// May sleep, for a grace period at most.
    pub(crate) fn begin(
        manager: &Manager,
        inode: InodeKey,
        range: &PageRange,
    ) -> Result<Option<KBox<Self>>> {
        let Some(layout) = manager.find(inode) else {
            return Ok(None);
        };
        let me = Tgid::current_key();
        let id = manager.new_id();
        let node = RBTreeNode::new(id, *range, GFP_KERNEL)?;
        let room = KBox::<Self>::new_uninit(GFP_KERNEL)?;

        if drain::is_due(layout.begin_break(range, me, node)?) {
            drain::wait(&manager.srcu);
            layout.judge_break(id, range, me)?;
        }
        Ok(Some(KBox::write(room, Self { layout, id })))
    }
}

impl Drop for Break {
    fn drop(&mut self) {
        self.layout.end_break(self.id);
    }
}
