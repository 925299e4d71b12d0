// SPDX-License-Identifier: GPL-2.0

//! What keeps a range of a file from being idle.

use crate::lease::Extent;
use crate::sizes;
use crate::uapi;
use std::fmt;

/// The answer of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// `BUSY_*`.
    bits: u32,
    /// The first part that is pinned or, where none is, referenced.
    pub first: Option<Extent>,
}

impl Busy {
    /// From the numbers of the UAPI.
    pub fn new(bits: u32, first: u64, end: u64) -> Self {
        Self {
            bits,
            first: (bits != 0).then_some(Extent::new(first, end)),
        }
    }

    /// Under a lease, for as long as a device likes.
    pub fn pinned(self) -> bool {
        self.bits & uapi::BUSY_PINNED != 0
    }

    /// By something that ends by itself, such as a direct read or write.
    pub fn transient(self) -> bool {
        self.bits & uapi::BUSY_TRANSIENT != 0
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.first else {
            return f.write_str("idle, nothing of it is pinned or referenced");
        };
        let first = sizes::describe(first);
        match (self.pinned(), self.transient()) {
            (true, false) => write!(f, "pinned for long, first at {first}"),
            (false, true) => write!(
                f,
                "transient reference, first at {first}; it ends by itself, as direct I/O does"
            ),
            (true, true) => write!(
                f,
                "pinned for long, first at {first}; besides, a transient reference"
            ),
            (false, false) => write!(
                f,
                "busy in a way that this program is too old to know ({:#x}), first at {first}",
                self.bits
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let says = |bits, first, end| Busy::new(bits, first, end).to_string();
        assert_eq!(says(0, 0, 0), "idle, nothing of it is pinned or referenced");
        assert_eq!(
            says(uapi::BUSY_PINNED, 0, 8192),
            "pinned for long, first at 0..8192 (8 KiB)"
        );
        assert_eq!(
            says(uapi::BUSY_TRANSIENT, 4096, 8192),
            "transient reference, first at 4096..8192 (4 KiB); it ends by itself, as direct I/O \
             does"
        );
        assert_eq!(
            says(uapi::BUSY_PINNED | uapi::BUSY_TRANSIENT, 0, 4096),
            "pinned for long, first at 0..4096 (4 KiB); besides, a transient reference"
        );
        // Never idle because of a reason that is not known here.
        assert_eq!(
            says(1 << 7, 0, 4096),
            "busy in a way that this program is too old to know (0x80), first at 0..4096 (4 KiB)"
        );
    }
}
