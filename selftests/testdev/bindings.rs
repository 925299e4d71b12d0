// SPDX-License-Identifier: GPL-2.0

//! The C items that `kernel::bindings` lacks.

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
    ffi, //
};
use pin_init::MaybeZeroable;

include!(concat!(
    env!("BINDGEN_OBJ"),
    "/bindings/bindings_generated.rs"
));
