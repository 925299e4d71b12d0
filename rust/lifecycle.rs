// SPDX-License-Identifier: GPL-2.0

//! The life of a lease, as pure bookkeeping.
//!
//! ```text
//!               acquire
//!                  |
//!                  v        release, pins left
//!     +-------- Active <-----------------------> Releasing
//!     |            |         wait interrupted        |
//!     |            | last fd closed, pins left       | last pin gone
//!     |            v                                 |
//!     |        Orphaned                              |
//!     |            | last pin gone                   |
//!     |            v                                 |
//!     +--------> gone <------------------------------+
//!       last fd closed or released, no pins
//! ```
//!
//! A *walk* is a pin in the making: admitted, its pages being taken, not yet accounted. It holds
//! the lease like a pin. What becomes of the lease when it ends idle is said by [`After`]; whoever
//! gets [`After::Gone`] takes the lease out.

use kernel::prelude::*;

/// What a lease does for pins and against layout changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Pins are admitted, the range is protected.
    Active,
    /// Somebody waits in RELEASE. No new pins, the range is protected.
    Releasing,
    /// Every fd is closed. No new pins, only the pinned part is protected.
    Orphaned,
}

/// Whether a lease outlives an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum After {
    /// It goes on.
    Stays,
    /// Its end has come.
    Gone,
}

/// Who holds on to a lease.
///
/// # Invariants
///
/// `releasers > 0` implies `fd_open`: a RELEASE waits inside of an ioctl on the fd.
pub(crate) struct Lifecycle {
    fd_open: bool,
    releasers: u32,
    walks: u32,
    pins: u32,
}

impl Lifecycle {
    /// A lease just acquired.
    pub(crate) const fn new() -> Self {
        Self {
            fd_open: true,
            releasers: 0,
            walks: 0,
            pins: 0,
        }
    }

    pub(crate) fn state(&self) -> State {
        if !self.fd_open {
            State::Orphaned
        } else if self.releasers > 0 {
            State::Releasing
        } else {
            State::Active
        }
    }

    /// Number of pins: pairs of a handle and this lease.
    pub(crate) fn pins(&self) -> u32 {
        self.pins
    }

    fn idle(&self) -> bool {
        self.pins == 0 && self.walks == 0
    }

    /// A walk starts. `EAGAIN` while a RELEASE waits, which may yet be interrupted, and
    /// `EOPNOTSUPP` where it is over for good.
    pub(crate) fn start_walk(&mut self) -> Result {
        match self.state() {
            State::Active => {}
            State::Releasing => return Err(EAGAIN),
            State::Orphaned => return Err(EOPNOTSUPP),
        }
        self.walks = self.walks.checked_add(1).ok_or(EOVERFLOW)?;
        Ok(())
    }

    /// A walk has ended, with `new_pins` pins that were not there before.
    pub(crate) fn end_walk(&mut self, new_pins: u32) -> After {
        self.walks = self.walks.saturating_sub(1);
        self.pins = self.pins.saturating_add(new_pins);
        self.after_loss()
    }

    /// A pin is gone.
    pub(crate) fn unpin(&mut self) -> After {
        self.pins = self.pins.saturating_sub(1);
        self.after_loss()
    }

    /// The last fd is closed.
    pub(crate) fn close(&mut self) -> After {
        self.fd_open = false;
        // INVARIANT: With the fd closed no ioctl on it is under way.
        self.releasers = 0;
        self.after_loss()
    }

    /// Somebody waits to give the lease back.
    pub(crate) fn start_release(&mut self) {
        self.releasers = self.releasers.saturating_add(1);
    }

    /// Somebody has given up waiting.
    pub(crate) fn end_release(&mut self) {
        self.releasers = self.releasers.saturating_sub(1);
    }

    /// Whether a RELEASE need not wait (any longer).
    pub(crate) fn releasable(&self) -> bool {
        self.idle()
    }

    // Only an orphan goes by itself: otherwise the fd, or a RELEASE on it, takes the lease out.
    fn after_loss(&self) -> After {
        if self.idle() && !self.fd_open {
            After::Gone
        } else {
            After::Stays
        }
    }
}

#[kunit_tests(daxlease_lifecycle)]
mod tests {
    use super::*;

    fn pinned() -> Lifecycle {
        let mut life = Lifecycle::new();

        assert_eq!(life.start_walk(), Ok(()));
        assert_eq!(life.end_walk(1), After::Stays);
        life
    }

    #[test]
    fn closed_without_pins() {
        assert_eq!(Lifecycle::new().close(), After::Gone);
    }

    #[test]
    fn closed_with_pins_is_orphaned() {
        let mut life = pinned();

        assert_eq!(life.close(), After::Stays);
        assert_eq!(life.state(), State::Orphaned);
        assert_eq!(life.start_walk(), Err(EOPNOTSUPP));
        assert_eq!(life.unpin(), After::Gone);
    }

    #[test]
    fn closed_during_a_walk() {
        let mut life = Lifecycle::new();

        assert_eq!(life.start_walk(), Ok(()));
        assert_eq!(life.close(), After::Stays);
        assert_eq!(life.end_walk(0), After::Gone);
    }

    #[test]
    fn walk_that_pins_outlives_the_close() {
        let mut life = Lifecycle::new();

        assert_eq!(life.start_walk(), Ok(()));
        assert_eq!(life.close(), After::Stays);
        assert_eq!(life.end_walk(1), After::Stays);
        assert_eq!(life.pins(), 1);
        assert_eq!(life.unpin(), After::Gone);
    }

    #[test]
    fn released_at_once() {
        assert!(Lifecycle::new().releasable());
    }

    #[test]
    fn released_after_the_last_pin() {
        let mut life = pinned();

        life.start_release();
        assert_eq!(life.state(), State::Releasing);
        assert_eq!(life.start_walk(), Err(EAGAIN));
        assert!(!life.releasable());
        assert_eq!(life.unpin(), After::Stays);
        assert!(life.releasable());
    }

    #[test]
    fn interrupted_release_changes_nothing() {
        let mut life = pinned();

        life.start_release();
        life.end_release();
        assert_eq!(life.state(), State::Active);
        assert_eq!(life.start_walk(), Ok(()));
    }

    #[test]
    fn one_of_two_releases_interrupted() {
        let mut life = pinned();

        life.start_release();
        life.start_release();
        life.end_release();
        assert_eq!(life.state(), State::Releasing);
    }

    #[test]
    fn walk_cancelled_while_a_release_waits() {
        let mut life = Lifecycle::new();

        assert_eq!(life.start_walk(), Ok(()));
        assert!(!life.releasable());
        life.start_release();
        assert_eq!(life.end_walk(0), After::Stays);
        assert!(life.releasable());
    }

    #[test]
    fn unpinned_lease_with_fd_stays() {
        let mut life = pinned();

        assert_eq!(life.unpin(), After::Stays);
        assert_eq!(life.state(), State::Active);
    }
}
