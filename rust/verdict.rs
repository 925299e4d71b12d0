// SPDX-License-Identifier: GPL-2.0

//! May a layout change go on?
//!
//! | the range is | leased by others | leased by the caller only | not leased |
//! |---|---|---|---|
//! | pinned under leases of others | `ETXTBSY` | `ETXTBSY` | `ETXTBSY` |
//! | pinned under the caller's own | `ETXTBSY` | `EDEADLK` | `EDEADLK` |
//! | not pinned | `ETXTBSY` | goes on | goes on |
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
}

/// Whose pins are in the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pinned {
    /// There are none.
    No,
    /// All of them are under leases that the caller holds.
    Mine,
    /// Some are not.
    Others,
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
) -> Result {
    if parties
        .any(|party| party.state != State::Orphaned && !party.mine && party.range.overlaps(range))
    {
        return Err(ETXTBSY);
    }
    match pinned() {
        Pinned::No => Ok(()),
        Pinned::Mine => Err(EDEADLK),
        Pinned::Others => Err(ETXTBSY),
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
        }
    }

    fn verdict(parties: &[Party], pinned: Pinned) -> Result {
        on_layout_change(&CHANGE, parties.iter().copied(), || pinned)
    }

    #[test]
    fn nobody() {
        assert_eq!(verdict(&[], Pinned::No), Ok(()));
        assert_eq!(verdict(&[], Pinned::Others), Err(ETXTBSY));
    }

    #[test]
    fn others() {
        let others = [party(19, 30, State::Active, false)];

        assert_eq!(verdict(&others, Pinned::No), Err(ETXTBSY));
        assert_eq!(verdict(&others, Pinned::Others), Err(ETXTBSY));
    }

    #[test]
    fn a_lease_of_others_is_enough() {
        let others = [party(19, 30, State::Active, false)];
        let asked = Cell::new(false);
        let verdict = on_layout_change(&CHANGE, others.iter().copied(), || {
            asked.set(true);
            Pinned::Others
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

        assert_eq!(verdict(&others, Pinned::No), Ok(()));
        assert_eq!(verdict(&others, Pinned::Others), Err(ETXTBSY));
    }

    #[test]
    fn own() {
        let own = [party(0, 100, State::Active, true)];

        assert_eq!(verdict(&own, Pinned::No), Ok(()));
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

        assert_eq!(verdict(&both, Pinned::Others), Err(ETXTBSY));
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

        assert_eq!(verdict(&orphan, Pinned::No), Ok(()));
        assert_eq!(verdict(&orphan, Pinned::Others), Err(ETXTBSY));
    }
}
