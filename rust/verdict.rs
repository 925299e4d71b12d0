// SPDX-License-Identifier: GPL-2.0

//! May a layout change go on?
//!
//! | the range is | leased by others | leased by the caller only | not leased |
//! |---|---|---|---|
//! | pinned | `ETXTBSY` | `EDEADLK` | `ETXTBSY` |
//! | not pinned | `ETXTBSY` | goes on | goes on |
//!
//! An orphaned lease counts for what is pinned under it, not for its range. A range can be pinned
//! beside every lease: a pin holds its whole folio, which may reach beyond the lease.

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

/// Decides on a change of `range`.
///
/// `ETXTBSY` where somebody else stands in the way, `EDEADLK` where the caller does so itself and
/// no waiting would help.
pub(crate) fn on_layout_change(
    range: &PageRange,
    parties: impl Iterator<Item = Party>,
    pinned: bool,
) -> Result {
    let mut mine = false;

    for party in parties.filter(|party| party.state != State::Orphaned) {
        if !party.mine && party.range.overlaps(range) {
            return Err(ETXTBSY);
        }
        mine |= party.mine;
    }

    match (pinned, mine) {
        (false, _) => Ok(()),
        (true, true) => Err(EDEADLK),
        (true, false) => Err(ETXTBSY),
    }
}

#[kunit_tests(daxlease_verdict)]
mod tests {
    use super::*;

    const CHANGE: PageRange = PageRange::new(10, 20);

    fn party(start: u64, end: u64, state: State, mine: bool) -> Party {
        Party {
            range: PageRange::new(start, end),
            state,
            mine,
        }
    }

    fn verdict(parties: &[Party], pinned: bool) -> Result {
        on_layout_change(&CHANGE, parties.iter().copied(), pinned)
    }

    #[test]
    fn nobody() {
        assert_eq!(verdict(&[], false), Ok(()));
    }

    #[test]
    fn others() {
        let others = [party(19, 30, State::Active, false)];

        assert_eq!(verdict(&others, false), Err(ETXTBSY));
        assert_eq!(verdict(&others, true), Err(ETXTBSY));
    }

    #[test]
    fn others_elsewhere() {
        let others = [
            party(0, 10, State::Active, false),
            party(20, 30, State::Active, false),
        ];

        assert_eq!(verdict(&others, false), Ok(()));
        assert_eq!(verdict(&others, true), Err(ETXTBSY));
    }

    #[test]
    fn own() {
        let own = [party(0, 100, State::Active, true)];

        assert_eq!(verdict(&own, false), Ok(()));
        assert_eq!(verdict(&own, true), Err(EDEADLK));
    }

    #[test]
    fn folio_of_own_pin_beyond_the_lease() {
        let own = [party(0, 1, State::Active, true)];

        assert_eq!(verdict(&own, true), Err(EDEADLK));
    }

    #[test]
    fn strictest_decides() {
        let both = [
            party(0, 100, State::Active, true),
            party(15, 16, State::Active, false),
        ];

        assert_eq!(verdict(&both, false), Err(ETXTBSY));
        assert_eq!(verdict(&both, true), Err(ETXTBSY));
    }

    #[test]
    fn releasing_protects() {
        assert_eq!(
            verdict(&[party(0, 100, State::Releasing, false)], true),
            Err(ETXTBSY)
        );
        assert_eq!(
            verdict(&[party(0, 100, State::Releasing, true)], true),
            Err(EDEADLK)
        );
    }

    #[test]
    fn orphan_protects_its_pins_only() {
        let orphan = [party(0, 100, State::Orphaned, true)];

        assert_eq!(verdict(&orphan, false), Ok(()));
        assert_eq!(verdict(&orphan, true), Err(ETXTBSY));
    }
}
