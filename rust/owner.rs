// SPDX-License-Identifier: GPL-2.0

//! Whom a pin is charged to.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    bindings,
    identity::{
        current_comm,
        Comm,
        Tgid,
        Uid, //
    },
};

/// The name of a device, NUL-terminated.
pub(crate) type DeviceName = [u8; bindings::LAYOUT_PIN_NAME_LEN as usize];

// The kernel's numbers are told to user space as they are.
const _: () = {
    assert!(bindings::layout_pin_kind_LAYOUT_PIN_OTHER == bindings::DAXLEASE_PIN_OTHER);
    assert!(bindings::layout_pin_kind_LAYOUT_PIN_RDMA == bindings::DAXLEASE_PIN_RDMA);
    assert!(bindings::layout_pin_kind_LAYOUT_PIN_IO_URING == bindings::DAXLEASE_PIN_IO_URING);
};

/// The owner of the pins of one handle, as it was when the first one was made.
pub(crate) struct Owner {
    pub(crate) kind: u32,
    pub(crate) device: DeviceName,
    pub(crate) revocable: bool,
    pub(crate) tgid: Tgid,
    pub(crate) uid: Uid,
    pub(crate) comm: Comm,
}

impl Owner {
    /// The owner that a pinning subsystem names, in the context of the caller.
    pub(crate) fn new(raw: &bindings::layout_pin_owner) -> Result<Arc<Self>> {
        let mut device = DeviceName::default();

        if !raw.name.is_null() {
            // SAFETY: The API asks for a NUL-terminated string that stays for the call; it may be
            // changed meanwhile. There is room for `LAYOUT_PIN_NAME_LEN` bytes.
            unsafe { bindings::daxlease_copy_name(device.as_mut_ptr().cast(), raw.name) };
        }
        Ok(Arc::new(
            Self {
                kind: raw.kind,
                device,
                revocable: raw.revoke.is_some(),
                tgid: Tgid::current()?,
                uid: Uid::current(),
                comm: current_comm(),
            },
            GFP_KERNEL_ACCOUNT,
        )?)
    }
}
