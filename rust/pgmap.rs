// SPDX-License-Identifier: GPL-2.0

//! The memory of a device, kept from going away.

use core::ptr::NonNull;

use crate::bindings;

/// A reference to a `struct dev_pagemap`: the device cannot be unbound before it is dropped.
///
/// # Invariants
///
/// Points to a `struct dev_pagemap` and owns a reference to it.
#[derive(PartialEq, Eq)]
pub(crate) struct Pgmap(NonNull<bindings::dev_pagemap>);

// SAFETY: The references are counted, and not tied to a thread.
unsafe impl Send for Pgmap {}

impl Pgmap {
    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// The pointer must be valid, and the caller gives a reference away.
    pub(crate) unsafe fn from_raw(pgmap: NonNull<bindings::dev_pagemap>) -> Self {
        // INVARIANT: The caller says so.
        Self(pgmap)
    }
}

impl Drop for Pgmap {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference, which is given back.
        unsafe { bindings::daxlease_put_pgmap(self.0.as_ptr()) };
    }
}
