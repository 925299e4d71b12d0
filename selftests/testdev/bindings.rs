// SPDX-License-Identifier: GPL-2.0

//! The C items that `kernel::bindings` lacks: layout pins and the uAPI.

#![allow(
    clippy::all,
    clippy::ptr_as_ptr,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub
)]

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
    "/bindings/bindings_generated.rs"
));

// SAFETY: Integers only, for which every bit pattern is valid.
unsafe impl FromBytes for testdev_pin {}

// SAFETY: Integers only, without padding between or behind them.
unsafe impl AsBytes for testdev_pin {}

// SAFETY: Integers only, for which every bit pattern is valid.
unsafe impl FromBytes for testdev_io {}
