// SPDX-License-Identifier: GPL-2.0

//! The C items that `kernel::bindings` lacks, and the ioctl structures of the UAPI header.

#![expect(non_camel_case_types)]
#![allow(
    clippy::all,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]

pub(crate) use kernel::bindings::{
    dev_pagemap,
    fasync_struct,
    file,
    inode,
    pid,
    tracepoint, //
};
use kernel::{
    bindings::*,
    ffi,
    transmute::{
        AsBytes,
        FromBytes, //
    },
};
use pin_init::MaybeZeroable;

include!(concat!(
    env!("BINDGEN_OBJ"),
    "/rust/bindings/bindings_generated.rs"
));

macro_rules! plain_bytes {
    ($($name:ident),+ $(,)?) => {
        $(
            // SAFETY: The structure has integers only, so any bytes are a value of it.
            unsafe impl FromBytes for $name {}
            // SAFETY: The structure has integers only and no padding; see `padding` below.
            unsafe impl AsBytes for $name {}
        )+
    };
}

plain_bytes!(
    daxlease_acquire,
    daxlease_attach,
    daxlease_release,
    daxlease_query,
    daxlease_scan,
    daxlease_stats,
    daxlease_openers,
    daxlease_force,
    daxlease_event,
    daxlease_pin_record,
);

// SAFETY: As above. The flexible `path` is zero-sized here.
unsafe impl AsBytes for daxlease_lease_record {}

/// Sums of the sizes of all members: what a structure without padding measures.
mod padding {
    use super::*;
    use core::mem::size_of;

    const _: () = assert!(size_of::<daxlease_acquire>() == 6 * 4 + 3 * 8);
    const _: () = assert!(size_of::<daxlease_attach>() == 2 * 4 + 8);
    const _: () = assert!(size_of::<daxlease_release>() == 2 * 4);
    const _: () = assert!(size_of::<daxlease_query>() == 4 * 4 + 3 * 8);
    const _: () = assert!(size_of::<daxlease_scan>() == 6 * 4 + 7 * 8);
    const _: () = assert!(size_of::<daxlease_stats>() == 2 * 4 + 13 * 8);
    const _: () = assert!(size_of::<daxlease_openers>() == 4 * 4 + 2 * 8);
    const _: () = assert!(size_of::<daxlease_force>() == 8 * 4 + 2 * 8);
    const _: () = assert!(size_of::<daxlease_event>() == 6 * 4 + 7 * 8);
    const _: () = assert!(size_of::<daxlease_lease_record>() == 12 * 4 + 6 * 8 + 16);
    const _: () = assert!(size_of::<daxlease_pin_record>() == 8 * 4 + 6 * 8 + 16 + 32 + 64);
}
