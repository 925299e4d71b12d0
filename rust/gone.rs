// SPDX-License-Identifier: GPL-2.0

//! The device of a leased file goes: what can be taken back is, under whatever lease.
//!
//! The kernel waits for what cannot, and for pins that are being made at this moment.

use kernel::prelude::*;

use crate::{
    bindings,
    dax_file::InodeKey,
    manager::Manager,
    range::{
        PageRange,
        INFINITY, //
    },
};

/// Sleeps. Nothing can be mapped any more, so nothing new is pinned.
pub(crate) fn device_gone(manager: &Manager, inode: InodeKey) {
    let Some(layout) = manager.find(inode) else {
        return;
    };
    let everything = PageRange::new(0, INFINITY);
    let reason = bindings::DAXLEASE_REASON_DEVICE_GONE;
    let revoked = layout.revoke_all(manager, &everything, reason, || true);

    if revoked > 0 {
        let (major, minor) = layout.tag.dev;
        let (left, _) = layout.left(&everything);

        pr_notice!(
            "device {}:{} goes: inode {}: {} pins revoked, {} left\n",
            major,
            minor,
            layout.tag.ino,
            revoked,
            left
        );
    }
}
