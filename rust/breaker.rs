// SPDX-License-Identifier: GPL-2.0

//! Layout changes: the side of the protocol in [`crate::gate`] that breaks.
//!
//! The filesystem holds the inode lock from begin to end, so no lease is acquired in between and a
//! file without leases needs no mark. It does not hold the `invalidate_lock` when it begins, so pins
//! in the making that fault on this file go on.
//!
//! Where the pins are of somebody who can be asked to let go, the filesystem drops the inode lock,
//! waits, and takes it again. The mark stays meanwhile: no new pins in the range, and no new leases.
//! With it stays the layout, even if all leases go.

use kernel::{
    prelude::*,
    rbtree::RBTreeNode,
    sync::Arc, //
};

use crate::{
    dax_file::InodeKey,
    drain,
    event::Reason,
    layout::{
        Change,
        Judged,
        Layout, //
    },
    manager::Manager,
    range::PageRange,
    trace, //
};

/// What is about to happen, and who does it.
#[derive(Clone, Copy)]
pub(crate) struct What {
    pub(crate) range: PageRange,
    pub(crate) reason: Reason,
    /// The [`Tgid::key`](crate::identity::Tgid::key) of the caller.
    pub(crate) me: usize,
    /// Whether the caller can wait for holders to let go.
    pub(crate) wait: bool,
}

/// A layout change that is under way, until [`Break::end`].
pub(crate) struct Break {
    layout: Arc<Layout>,
    id: u64,
    range: PageRange,
    /// The errno that it came to nothing with, or 0.
    outcome: u32,
}

impl Break {
    /// The caller is about to change the layout of a range.
    ///
    /// `None`: nobody has to be told of its end. The flag says that [`Break::wait`] comes first.
    /// `ETXTBSY`, `EDEADLK`: as [`crate::verdict`] says; `EAGAIN`: would have to wait, and cannot;
    /// `ENOMEM`. May sleep, for a grace period at most.
    pub(crate) fn begin(
        manager: &Manager,
        inode: InodeKey,
        what: What,
    ) -> Result<Option<(KBox<Self>, bool)>> {
        let Some(layout) = manager.find(inode) else {
            return Ok(None);
        };
        let id = manager.new_id();
        let What { wait, range, .. } = what;
        let node = RBTreeNode::new(id, Change::new(what), GFP_KERNEL)?;
        let room = KBox::<Self>::new_uninit(GFP_KERNEL)?;

        trace::break_begin(layout.tag, id, &range, what.reason);
        let verdict = match layout.begin_break(id, node, wait) {
            Ok(None) => {
                trace::break_end(layout.tag, id, &range, 0);
                return Ok(None);
            }
            Ok(Some((_, walks))) if drain::is_due(walks) => {
                drain::wait(&manager.srcu);
                layout
                    .judge_break(id, wait)
                    .inspect_err(|_| manager.retire_if_idle(&layout))
            }
            Ok(Some((judged, _))) => Ok(judged),
            Err(refusal) => Err(refusal),
        };
        trace::break_verdict(layout.tag, id, &range, verdict);
        let judged = verdict.inspect_err(|error| {
            trace::break_end(layout.tag, id, &range, trace::errno(*error));
        })?;
        if judged == Judged::Wait {
            layout.tell_break(id);
        }
        Ok(Some((
            KBox::write(
                room,
                Self {
                    layout,
                    id,
                    range,
                    outcome: 0,
                },
            ),
            judged == Judged::Wait,
        )))
    }

    /// Waits until the pins in the range are gone, and takes back what can be taken back when their
    /// time is over. No locks are held. `ETXTBSY` where a pin stays, `ERESTARTSYS` after a signal.
    pub(crate) fn wait(&mut self, manager: &Manager) -> Result {
        let result = self.layout.wait_break(manager, self.id);

        let verdict = result.map(|()| Judged::Go);
        trace::break_verdict(self.layout.tag, self.id, &self.range, verdict);
        if let Err(error) = result {
            self.outcome = trace::errno(error);
        }
        result
    }

    /// The layout has been changed, or it came to nothing.
    pub(crate) fn end(self, manager: &Manager) {
        trace::break_end(self.layout.tag, self.id, &self.range, self.outcome);
        if self.layout.end_break(self.id, self.outcome) {
            manager.retire_if_idle(&self.layout);
        }
    }
}
