// SPDX-License-Identifier: GPL-2.0

//! How a layout change waits for pins in the making.
//!
//! In the module that `make bench` builds for itself (`daxlease_bench`), each layout change can be
//! made to wait, and by another kind of grace period, to see what that would cost. In any other
//! there is no choice, nor a parameter to look at.

use kernel::sync::Srcu;

/// Is there something to wait for? `walks`: pins of the inode are in the making.
pub(crate) fn is_due(walks: bool) -> bool {
    #[cfg(daxlease_bench)]
    if bench::Drain::chosen().is_some() {
        return true;
    }
    walks
}

/// Waits until the read sections that there are now have been left.
pub(crate) fn wait(srcu: &Srcu) {
    #[cfg(daxlease_bench)]
    if let Some(drain) = bench::Drain::chosen() {
        return drain.wait(srcu);
    }
    srcu.synchronize();
}

#[cfg(daxlease_bench)]
mod bench {
    use kernel::sync::Srcu;

    use crate::bindings;

    pub(super) enum Drain {
        Rcu { expedited: bool },
        Srcu { expedited: bool },
    }

    impl Drain {
        pub(super) fn chosen() -> Option<Self> {
            // SAFETY: The function reads a module parameter.
            match unsafe { bindings::daxlease_bench_drain() } {
                1 => Some(Self::Rcu { expedited: false }),
                2 => Some(Self::Rcu { expedited: true }),
                3 => Some(Self::Srcu { expedited: false }),
                4 => Some(Self::Srcu { expedited: true }),
                _ => None,
            }
        }

        /// The RCU kinds stand for the cost alone: a reader of SRCU is not waited for.
        pub(super) fn wait(&self, srcu: &Srcu) {
            match self {
                // SAFETY: A layout change may sleep, and is in no RCU read section.
                Self::Rcu { expedited } => unsafe { bindings::daxlease_bench_rcu(*expedited) },
                Self::Srcu { expedited: false } => srcu.synchronize(),
                Self::Srcu { expedited: true } => srcu.synchronize_expedited(),
            }
        }
    }
}
