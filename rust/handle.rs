// SPDX-License-Identifier: GPL-2.0

//! The pins of one owner, behind the `priv` of a `struct layout_pin`.
//!
//! A handle belongs to the pinning subsystem, which serialises the calls on it: no lock here.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    account::{
        expect_account,
        Growth,
        PinKey,
        Run, //
    },
    layout::Layout,
    manager::Manager,
    owner::Owner, //
};

/// What a handle has pinned under one lease.
pub(crate) struct Share {
    layout: Arc<Layout>,
    pub(crate) key: PinKey,
    runs: KVec<Run>,
}

impl Share {
    pub(crate) fn last_run(&self) -> Option<&Run> {
        self.runs.last()
    }
}

pub(crate) struct Handle {
    pub(crate) owner: Arc<Owner>,
    shares: KVec<Share>,
}

impl Handle {
    pub(crate) fn new(owner: Arc<Owner>) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                owner,
                shares: KVec::new(),
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }

    /// The share of a lease. Most likely it is the last one.
    pub(crate) fn share(&self, lease: u64) -> Option<&Share> {
        self.shares
            .iter()
            .rev()
            .find(|share| share.key.lease == lease)
    }

    /// Whether there is a share of any lease of this inode.
    pub(crate) fn knows(&self, layout: &Arc<Layout>) -> bool {
        self.shares
            .iter()
            .any(|share| Arc::ptr_eq(&share.layout, layout))
    }

    /// Makes room, so that [`Handle::grow`] and [`Handle::push`] cannot fail.
    pub(crate) fn reserve(&mut self) -> Result {
        self.shares.reserve(1, GFP_KERNEL_ACCOUNT)?;
        for share in &mut self.shares {
            share.runs.reserve(1, GFP_KERNEL_ACCOUNT)?;
        }
        Ok(())
    }

    /// A batch has been accounted to an existing share.
    pub(crate) fn grow(&mut self, lease: u64, growth: Growth) {
        let Some(share) = self
            .shares
            .iter_mut()
            .rev()
            .find(|share| share.key.lease == lease)
        else {
            return;
        };

        match growth {
            Growth::New(run) => {
                expect_account(share.runs.push_within_capacity(run).is_ok());
            }
            Growth::Extend(_, end) => {
                if let Some(last) = share.runs.last_mut() {
                    last.range.end = end;
                }
            }
            Growth::Nothing => {}
        }
    }

    /// A first batch has been accounted under a lease. `runs` has room for it.
    pub(crate) fn push(&mut self, layout: Arc<Layout>, key: PinKey, mut runs: KVec<Run>, run: Run) {
        expect_account(runs.push_within_capacity(run).is_ok());
        let share = Share { layout, key, runs };
        expect_account(self.shares.push_within_capacity(share).is_ok());
    }

    /// Gives everything back. The pages have been unpinned. May sleep, no locks held.
    pub(crate) fn release(self, manager: &Manager) {
        for share in self.shares {
            let left = share.layout.unpin(share.key, &share.runs);

            drop(left.record);
            if let Some(lease) = left.lease {
                manager.reap(&share.layout, lease);
            }
        }
    }
}
