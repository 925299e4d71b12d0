// SPDX-License-Identifier: GPL-2.0

//! May a layout change go on?
//!
//! | the range is | exclusively leased by others | otherwise |
//! |---|---|---|
//! | pinned under exclusive leases of others | `ETXTBSY` | `ETXTBSY` |
//! | pinned under the caller's own | `ETXTBSY` | `EDEADLK` |
//! | pinned under breakable leases of others only | `ETXTBSY` | has to wait |
//! | not pinned | `ETXTBSY` | goes on |
//!
//! An orphaned lease counts for what is pinned under it, not for its range, and is nobody's own. A
//! range can be pinned and not leased: a pin holds its whole folio, which may reach beyond the lease.

use kernel::prelude::*;

use crate::{
    lifecycle::State,
    range::PageRange, //
};

/// What a lease of the inode is to the change.
#[derive(Clone, Copy)]
pub(crate) struct Party {
    pub(crate) range: PageRange,
    pub(crate) state: State,
    /// The caller is a holder.
    pub(crate) mine: bool,
    /// Its holder can be asked to let go.
    pub(crate) breakable: bool,
}

/// Under whose leases the pins in a range are; the strictest one where there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pinned {
    /// There are none.
    No,
    /// Of somebody who can be asked to let go.
    Breakable,
    /// Of the caller, who would wait for itself.
    Mine,
    /// Of somebody else, for as long as that one likes.
    Exclusive,
}

/// What a layout change that is not refused has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    /// Wait until the pins are gone.
    Wait,
}

impl Party {
    /// What the pins under this lease are to the change.
    pub(crate) fn pins(&self) -> Pinned {
        if self.mine && self.state != State::Orphaned {
            Pinned::Mine
        } else if self.breakable {
            Pinned::Breakable
        } else {
            Pinned::Exclusive
        }
    }
}

/// Decides on a change of `range`. `pinned` is asked only where it matters: to find out whose pins
/// they are may take long.
///
/// `ETXTBSY` where somebody else stands in the way, `EDEADLK` where the caller does so itself and
/// no waiting would help.
pub(crate) fn on_layout_change(
    range: &PageRange,
    mut parties: impl Iterator<Item = Party>,
    pinned: impl FnOnce() -> Pinned,
) -> Result<Verdict> {
    if parties.any(|party| {
        party.state != State::Orphaned
            && !party.mine
            && !party.breakable
            && party.range.overlaps(range)
    }) {
        return Err(ETXTBSY);
    }
    match pinned() {
        Pinned::No => Ok(Verdict::Go),
        Pinned::Breakable => Ok(Verdict::Wait),
        Pinned::Mine => Err(EDEADLK),
        Pinned::Exclusive => Err(ETXTBSY),
    }
}

#[kunit_tests(daxlease_verdict)]
mod tests {
    use super::*;
    use core::cell::Cell;

    const CHANGE: PageRange = PageRange::new(10, 20);

    fn party(start: u64, end: u64, state: State, mine: bool) -> Party {
        Party {
            range: PageRange::new(start, end),
            state,
            mine,
            breakable: false,
        }
    }

    fn verdict(parties: &[Party], pinned: Pinned) -> Result<Verdict> {
        on_layout_change(&CHANGE, parties.iter().copied(), || pinned)
    }

    #[test]
    fn nobody() {
        assert_eq!(verdict(&[], Pinned::No), Ok(Verdict::Go));
        assert_eq!(verdict(&[], Pinned::Exclusive), Err(ETXTBSY));
    }

    #[test]
    fn others() {
        let others = [party(19, 30, State::Active, false)];

        assert_eq!(verdict(&others, Pinned::No), Err(ETXTBSY));
        assert_eq!(verdict(&others, Pinned::Exclusive), Err(ETXTBSY));
    }

    #[test]
    fn a_lease_of_others_is_enough() {
        let others = [party(19, 30, State::Active, false)];
        let asked = Cell::new(false);
        let verdict = on_layout_change(&CHANGE, others.iter().copied(), || {
            asked.set(true);
            Pinned::Exclusive
        });

        assert_eq!(verdict, Err(ETXTBSY));
        assert!(!asked.get());
    }

    #[test]
    fn others_elsewhere() {
        let others = [
            party(0, 10, State::Active, false),
            party(20, 30, State::Active, false),
        ];

        assert_eq!(verdict(&others, Pinned::No), Ok(Verdict::Go));
        assert_eq!(verdict(&others, Pinned::Exclusive), Err(ETXTBSY));
    }

    #[test]
    fn own() {
        let own = [party(0, 100, State::Active, true)];

        assert_eq!(verdict(&own, Pinned::No), Ok(Verdict::Go));
        assert_eq!(verdict(&own, Pinned::Mine), Err(EDEADLK));
    }

    #[test]
    fn folio_of_own_pin_beyond_the_lease() {
        let own = [party(0, 1, State::Active, true)];

        assert_eq!(verdict(&own, Pinned::Mine), Err(EDEADLK));
    }

    #[test]
    fn own_lease_does_not_make_the_pins_of_others_mine() {
        let both = [
            party(0, 100, State::Active, true),
            party(10, 20, State::Orphaned, false),
        ];

        assert_eq!(verdict(&both, Pinned::Exclusive), Err(ETXTBSY));
    }

    #[test]
    fn strictest_decides() {
        let both = [
            party(0, 100, State::Active, true),
            party(15, 16, State::Active, false),
        ];

        assert_eq!(verdict(&both, Pinned::No), Err(ETXTBSY));
        assert_eq!(verdict(&both, Pinned::Mine), Err(ETXTBSY));
    }

    #[test]
    fn releasing_protects() {
        assert_eq!(
            verdict(&[party(0, 100, State::Releasing, false)], Pinned::No),
            Err(ETXTBSY)
        );
        assert_eq!(
            verdict(&[party(0, 100, State::Releasing, true)], Pinned::Mine),
            Err(EDEADLK)
        );
    }

    #[test]
    fn orphan_protects_its_pins_only() {
        let orphan = [party(0, 100, State::Orphaned, true)];

        assert_eq!(verdict(&orphan, Pinned::No), Ok(Verdict::Go));
        assert_eq!(verdict(&orphan, Pinned::Exclusive), Err(ETXTBSY));
    }

    fn breakable(start: u64, end: u64, state: State, mine: bool) -> Party {
        Party {
            breakable: true,
            ..party(start, end, state, mine)
        }
    }

    #[test]
    fn breakable_without_pins_is_not_asked() {
        let other = [breakable(0, 100, State::Active, false)];

        assert_eq!(verdict(&other, Pinned::No), Ok(Verdict::Go));
    }

    #[test]
    fn breakable_pins_are_waited_for() {
        let other = [breakable(0, 100, State::Active, false)];

        assert_eq!(verdict(&other, Pinned::Breakable), Ok(Verdict::Wait));
    }

    #[test]
    fn nobody_waits_for_itself() {
        let both = [
            breakable(0, 100, State::Active, true),
            breakable(0, 100, State::Active, false),
        ];

        assert_eq!(verdict(&both, Pinned::Mine), Err(EDEADLK));
    }

    #[test]
    fn exclusive_beside_breakable() {
        let both = [
            breakable(0, 100, State::Active, false),
            party(10, 11, State::Active, false),
        ];

        assert_eq!(verdict(&both, Pinned::No), Err(ETXTBSY));
        assert_eq!(verdict(&both, Pinned::Breakable), Err(ETXTBSY));
    }

    #[test]
    fn whose_pins() {
        let active = State::Active;
        let orphan = State::Orphaned;

        assert_eq!(party(0, 1, active, true).pins(), Pinned::Mine);
        assert_eq!(party(0, 1, active, false).pins(), Pinned::Exclusive);
        assert_eq!(party(0, 1, orphan, true).pins(), Pinned::Exclusive);
        assert_eq!(breakable(0, 1, active, true).pins(), Pinned::Mine);
        assert_eq!(breakable(0, 1, active, false).pins(), Pinned::Breakable);
        assert_eq!(breakable(0, 1, orphan, true).pins(), Pinned::Breakable);
    }

    #[test]
    fn strictest_first() {
        assert!(Pinned::No < Pinned::Breakable);
        assert!(Pinned::Breakable < Pinned::Mine);
        assert!(Pinned::Mine < Pinned::Exclusive);
    }
}
