// SPDX-License-Identifier: GPL-2.0

//! Books that do not balance: a mistake of this module.

use crate::bindings;

/// Warns, once, where the books do not balance. They are kept going as well as can be.
pub(crate) fn expect_account(balanced: bool) {
    if !balanced {
        // SAFETY: Nothing is required.
        unsafe { bindings::daxlease_warn_account() };
    }
}
