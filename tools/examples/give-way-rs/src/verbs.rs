// SPDX-License-Identifier: GPL-2.0

//! libibverbs and `/dev/daxlease` as C has them; made by `build.rs`.

#![allow(
    clippy::all,
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block
)]

include!(concat!(env!("OUT_DIR"), "/verbs.rs"));
