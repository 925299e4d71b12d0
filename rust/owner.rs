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
    revoke::Revoker,
};

/// Bytes of [`FilePath`].
const FILE_PATH_LEN: usize = 64;

/// The path of an owner's file, NUL-terminated.
pub(crate) type FilePath = [u8; FILE_PATH_LEN];

/// The name of a device, NUL-terminated.
pub(crate) type DeviceName = [u8; bindings::LAYOUT_PIN_NAME_LEN as usize];

// The kernel's numbers are told to user space as they are.
const _: () = {
    assert!(bindings::layout_pin_kind_LAYOUT_PIN_OTHER == bindings::DAXLEASE_PIN_OTHER);
    assert!(bindings::layout_pin_kind_LAYOUT_PIN_RDMA == bindings::DAXLEASE_PIN_RDMA);
    assert!(bindings::layout_pin_kind_LAYOUT_PIN_IO_URING == bindings::DAXLEASE_PIN_IO_URING);
};

/// The owner of the pins of one handle, as it was when the first one was made.
#[pin_data]
pub(crate) struct Owner {
    pub(crate) kind: u32,
    pub(crate) device: DeviceName,
    /// Path of the file whose last close drops the pins; empty where it is too long.
    pub(crate) file_path: FilePath,
    /// The address of that file, never to be followed.
    pub(crate) file: usize,
    pub(crate) tgid: Tgid,
    pub(crate) uid: Uid,
    pub(crate) comm: Comm,
    #[pin]
    pub(crate) revoker: Revoker,
}

impl Owner {
    /// The owner that a pinning subsystem names, in the context of the caller.
    pub(crate) fn new(raw: &bindings::layout_pin_owner) -> Result<Arc<Self>> {
        let tgid = Tgid::current()?;
        let mut device = DeviceName::default();
        let mut file_path: FilePath = [0; FILE_PATH_LEN];

        if !raw.name.is_null() {
            // SAFETY: The API asks for a NUL-terminated string that stays for the call; it may be
            // changed meanwhile. There is room for `LAYOUT_PIN_NAME_LEN` bytes.
            unsafe { bindings::daxlease_copy_name(device.as_mut_ptr().cast(), raw.name) };
        }
        if !raw.file.is_null() {
            // SAFETY: The API asks for a file that stays for the call.
            unsafe {
                bindings::daxlease_copy_path(
                    file_path.as_mut_ptr().cast(),
                    file_path.len() as c_int,
                    raw.file,
                )
            };
        }
        Arc::pin_init(
            pin_init!(Self {
                kind: raw.kind,
                device,
                file_path,
                file: raw.file as usize,
                tgid,
                uid: Uid::current(),
                comm: current_comm(),
                revoker <- Revoker::new(),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }
}
