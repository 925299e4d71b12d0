// SPDX-License-Identifier: GPL-2.0

//! The pins of one owner, behind the `priv` of a `struct layout_pin`.
//!
//! A handle belongs to the pinning subsystem, which serialises the calls on it: no lock here.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    account::PinKey,
    event::Reason,
    expect::expect_account,
    layout::Layout,
    manager::Manager,
    owner::Owner,
    pgmap::Pgmap,
    trace::Ending, //
};

/// What a handle has pinned under one lease.
struct Share {
    layout: Arc<Layout>,
    key: PinKey,
}

pub(crate) struct Handle {
    pub(crate) owner: Arc<Owner>,
    pub(crate) held: Held,
}

// Whoever drops the last reference to the owner's file gives the pins back, on whatever thread.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Handle>()
};

/// What is to be given back: all that a revocation touches.
pub(crate) struct Held {
    shares: KVec<Share>,
    /// Devices whose pages are among the pins.
    pgmaps: KVec<Pgmap>,
}

impl Handle {
    pub(crate) fn new(owner: Arc<Owner>) -> Result<KBox<Self>> {
        Ok(KBox::new(
            Self {
                owner,
                held: Held {
                    shares: KVec::new(),
                    pgmaps: KVec::new(),
                },
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }
}

impl Held {
    /// The pin under a lease. Most likely it is the last one.
    pub(crate) fn pin(&self, lease: u64) -> Option<PinKey> {
        self.shares
            .iter()
            .rev()
            .map(|share| share.key)
            .find(|key| key.lease == lease)
    }

    /// Whether there is a share of any lease of this inode.
    pub(crate) fn knows(&self, layout: &Arc<Layout>) -> bool {
        self.shares
            .iter()
            .any(|share| Arc::ptr_eq(&share.layout, layout))
    }

    /// Makes room, so that [`Held::push`] and [`Held::keep`] cannot fail.
    pub(crate) fn reserve(&mut self) -> Result {
        self.pgmaps.reserve(1, GFP_KERNEL_ACCOUNT)?;
        Ok(self.shares.reserve(1, GFP_KERNEL_ACCOUNT)?)
    }

    /// Keeps a device until the pins are given back.
    pub(crate) fn keep(&mut self, pgmap: Pgmap) {
        if !self.pgmaps.contains(&pgmap) {
            expect_account(self.pgmaps.push_within_capacity(pgmap).is_ok());
        }
    }

    /// A first batch has been accounted under a lease.
    pub(crate) fn push(&mut self, layout: Arc<Layout>, key: PinKey) {
        expect_account(
            self.shares
                .push_within_capacity(Share { layout, key })
                .is_ok(),
        );
    }

    /// Gives everything back. The pages have been unpinned; `revoked` says why, if it was not by
    /// their owner. May sleep, no locks held.
    pub(crate) fn give_back(&mut self, manager: &Manager, revoked: Option<Reason>) {
        for share in core::mem::take(&mut self.shares) {
            let left = share.layout.unpin(share.key, revoked);

            drop(left.record);
            if let Some(lease) = left.lease {
                manager.reap(&share.layout, lease, Ending::Orphan);
            }
        }
        self.pgmaps.clear();
    }
}
