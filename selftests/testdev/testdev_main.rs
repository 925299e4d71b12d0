// SPDX-License-Identifier: GPL-2.0

//! Test device.
#![crate_name = "daxlease_testdev"]

use kernel::prelude::*;

mod bindings;

module! {
    type: Testdev,
    name: "daxlease_testdev",
    authors: ["daxlease"],
    description: "A lease-aware DMA device for tests",
    license: "GPL",
}

struct Testdev;

impl kernel::Module for Testdev {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut pin: bindings::layout_pin = pin_init::zeroed();
        // SAFETY: a zero handle is fine
        unsafe { bindings::layout_pin_release(&mut pin) };
        Ok(Self)
    }
}
