// SPDX-License-Identifier: GPL-2.0

//! Tests of [`RangeCount`](super::RangeCount).

use kernel::prelude::*;

#[kunit_tests(daxlease_range_count)]
mod cases {
    use super::super::{
        test_util::*,
        *, //
    };

    #[test]
    fn empty() {
        let map = RangeCount::new();

        assert!(map.is_empty());
        assert_eq!(map.pages(), 0);
        assert_eq!(map.boundaries(), 0);
        assert_eq!(map.memory(), 0);
        assert!(!map.any(0..INFINITY));
        assert!(!map.any_write(0..INFINITY));
        assert!(map.first(0..INFINITY).is_none());
    }

    #[test]
    fn one_run() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 10..20, READ)?;
        assert!(is_sound(&map));
        assert!(!map.is_empty());
        assert_eq!(map.pages(), 10);
        assert_eq!(map.boundaries(), 2);

        assert!(!map.any(0..10));
        assert!(map.any(0..11));
        assert!(map.any(12..13));
        assert!(map.any(19..INFINITY));
        assert!(!map.any(20..INFINITY));
        assert!(!map.any_write(0..INFINITY));

        assert_eq!(map.first(0..INFINITY), Some(10..20));
        assert_eq!(map.first(0..15), Some(10..15));
        assert_eq!(map.first(15..16), Some(15..16));
        assert_eq!(map.first(20..30), None);

        map.sub(10..20, READ)?;
        assert!(is_sound(&map));
        assert!(map.is_empty());
        assert!(!map.any(0..INFINITY));
        Ok(())
    }

    #[test]
    fn runs_on_top_of_each_other() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 0..10, READ)?;
        add(&mut map, 5..15, WRITE)?;
        add(&mut map, 5..15, WRITE)?;
        add(&mut map, 30..31, READ)?;
        assert!(is_sound(&map));
        assert_eq!(map.pages(), 16);
        assert!(!map.any_write(0..5));
        assert!(map.any_write(0..6));
        assert!(map.any_write(14..40));
        assert!(!map.any_write(15..40));
        assert_eq!(map.first(2..40), Some(2..15));
        assert_eq!(map.first(15..40), Some(30..31));

        map.sub(5..15, WRITE)?;
        assert!(map.any_write(10..11));
        map.sub(5..15, WRITE)?;
        assert!(is_sound(&map));
        assert!(!map.any_write(0..INFINITY));
        assert_eq!(map.pages(), 11);
        assert_eq!(map.first(0..40), Some(0..10));
        // The other runs are back to boundaries of their own.
        assert_eq!(map.boundaries(), 4);
        Ok(())
    }

    #[test]
    fn neighbours_stay_apart() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 0..10, WRITE)?;
        add(&mut map, 10..20, WRITE)?;
        assert_eq!(map.boundaries(), 3);
        assert_eq!(map.first(0..INFINITY), Some(0..20));

        map.sub(0..10, WRITE)?;
        assert!(is_sound(&map));
        assert_eq!(map.first(0..INFINITY), Some(10..20));
        assert_eq!(map.boundaries(), 2);
        Ok(())
    }

    #[test]
    fn empty_ranges() -> Result {
        let mut map = RangeCount::new();
        let inverted = Range { start: 6, end: 4 };

        add(&mut map, 0..10, READ)?;
        let old = snapshot(&map)?;
        assert_eq!(add(&mut map, 5..5, READ), Err(EINVAL));
        assert_eq!(add(&mut map, inverted.clone(), READ), Err(EINVAL));
        assert_eq!(map.sub(5..5, READ), Err(EINVAL));
        assert_eq!(map.sub(inverted.clone(), READ), Err(EINVAL));
        assert_eq!(extend(&mut map, 5..5, 20, READ), Err(EINVAL));
        assert_eq!(extend(&mut map, inverted.clone(), 20, READ), Err(EINVAL));
        assert_eq!(extend(&mut map, 0..10, 10, READ), Err(EINVAL));
        assert_eq!(extend(&mut map, 0..10, 5, READ), Err(EINVAL));
        assert_eq!(snapshot(&map)?, old);
        assert!(is_sound(&map));

        assert!(!map.any(5..5));
        assert!(!map.any(inverted.clone()));
        assert!(!map.any_write(inverted.clone()));
        assert!(map.first(inverted).is_none());
        Ok(())
    }

    #[test]
    fn mismatched_sub_changes_nothing() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 0..10, READ)?;
        add(&mut map, 10..20, READ)?;
        add(&mut map, 3..8, WRITE)?;
        add(&mut map, 40..50, WRITE)?;
        add(&mut map, 50..60, READ)?;
        add(&mut map, 70..80, READ)?;
        add(&mut map, 70..90, READ)?;
        let old = snapshot(&map)?;

        for (range, write) in [
            // There is no such boundary.
            (1..10, READ),
            (0..9, READ),
            (30..35, READ),
            (60..70, READ),
            (70..79, READ),
            (71..80, READ),
            // The boundaries are those of several runs, with and without a gap.
            (0..20, READ),
            (0..50, READ),
            (40..60, READ),
            // The kind is not right, all the way or in part.
            (0..10, WRITE),
            (3..8, READ),
            (40..50, READ),
            (40..60, WRITE),
            // An end is there, but no such run has it.
            (0..3, READ),
            (3..10, READ),
            (3..10, WRITE),
            (0..8, WRITE),
            (0..INFINITY, READ),
        ] {
            assert_eq!(map.sub(range, write), Err(EINVAL));
            assert_eq!(snapshot(&map)?, old);
            assert!(is_sound(&map));
        }

        map.sub(0..10, READ)?;
        map.sub(10..20, READ)?;
        map.sub(3..8, WRITE)?;
        map.sub(40..50, WRITE)?;
        map.sub(50..60, READ)?;
        map.sub(70..80, READ)?;
        map.sub(70..90, READ)?;
        assert!(map.is_empty());
        assert!(is_sound(&map));
        assert_eq!(map.sub(0..10, READ), Err(EINVAL));
        Ok(())
    }

    #[test]
    fn touching_runs_may_change_places() -> Result {
        let mut map = RangeCount::new();

        // This is also the sum of the writes `0..5` and `5..9` with the read `0..9`.
        add(&mut map, 0..5, READ)?;
        add(&mut map, 5..9, READ)?;
        add(&mut map, 0..9, WRITE)?;
        assert_eq!(map.sub(0..5, WRITE), Ok(()));
        assert!(is_sound(&map));
        assert_eq!(map.sub(0..9, WRITE), Err(EINVAL));
        assert_eq!(map.sub(5..9, READ), Err(EINVAL));
        assert!(map.any_write(5..9));
        assert_eq!(map.sub(0..9, READ), Ok(()));
        assert_eq!(map.sub(5..9, WRITE), Ok(()));
        assert!(map.is_empty() && is_sound(&map));
        Ok(())
    }

    #[test]
    fn infinity() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 7..INFINITY, WRITE)?;
        assert!(is_sound(&map));
        assert_eq!(map.pages(), INFINITY - 7);
        assert!(!map.any(0..7));
        assert!(map.any_write(INFINITY - 1..INFINITY));
        assert_eq!(map.first(0..INFINITY), Some(7..INFINITY));

        add(&mut map, 0..INFINITY, READ)?;
        assert_eq!(map.pages(), INFINITY);
        map.sub(7..INFINITY, WRITE)?;
        assert!(is_sound(&map));
        assert_eq!(map.pages(), INFINITY);
        assert!(!map.any_write(0..INFINITY));
        map.sub(0..INFINITY, READ)?;
        assert!(map.is_empty());

        add(&mut map, 3..4, READ)?;
        extend(&mut map, 3..4, INFINITY, READ)?;
        assert_eq!(map.first(0..INFINITY), Some(3..INFINITY));
        assert!(is_sound(&map));
        Ok(())
    }

    #[test]
    fn extend_is_sub_and_add() -> Result {
        // The new end lies before, on and behind boundaries; the old one is shared, or not.
        for other in [15u64..25, 10..15, 12..20, 20..30, 5..10, 5..12, 0..10] {
            for write in [READ, WRITE] {
                for new_end in [11, 15, 20, 40] {
                    let (mut a, mut b) = (RangeCount::new(), RangeCount::new());

                    for map in [&mut a, &mut b] {
                        add(map, other.clone(), READ)?;
                        add(map, 0..10, write)?;
                    }
                    extend(&mut a, 0..10, new_end, write)?;
                    b.sub(0..10, write)?;
                    add(&mut b, 0..new_end, write)?;

                    assert!(is_sound(&a));
                    assert_eq!(snapshot(&a)?, snapshot(&b)?);
                    assert_eq!(a.pages(), b.pages());
                    assert_eq!(a.write_pages, b.write_pages);
                    a.sub(0..new_end, write)?;
                    a.sub(other.clone(), READ)?;
                    assert!(a.is_empty() && is_sound(&a));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn mismatched_extend_changes_nothing() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 0..10, READ)?;
        add(&mut map, 10..20, WRITE)?;
        let old = snapshot(&map)?;
        for (range, write) in [
            (1..10, READ),
            (0..9, READ),
            (0..10, WRITE),
            (0..20, READ),
            (0..20, WRITE),
            (10..20, READ),
            (20..30, WRITE),
        ] {
            assert_eq!(extend(&mut map, range, 50, write), Err(EINVAL));
            assert_eq!(snapshot(&map)?, old);
            assert!(is_sound(&map));
        }
        Ok(())
    }

    #[test]
    fn extend_batch_by_batch() -> Result {
        let mut map = RangeCount::new();
        let mut end = 1;

        add(&mut map, 0..1, WRITE)?;
        add_alternating(&mut map, 1000, 1, |i| i)?;
        while end < 3000 {
            extend(&mut map, 0..end, end + 7, WRITE)?;
            end += 7;
        }
        assert!(is_sound(&map));
        assert_eq!(map.pages(), end);
        assert_eq!(map.boundaries(), 2002);

        map.sub(0..end, WRITE)?;
        sub_alternating(&mut map, 1000, 1, |i| i)?;
        assert!(map.is_empty());
        Ok(())
    }

    #[test]
    fn reservation_too_small() -> Result {
        let mut map = RangeCount::new();
        let mut spare = Reservation::new(0)?;

        // There is no index yet.
        let Err(AddError::Retry { slots }) = map.add(1..2, READ, &mut spare) else {
            return Err(EINVAL);
        };
        assert_eq!(slots, map.wanted_slots());
        assert!(slots >= 2);
        assert!(map.is_empty() && map.boundaries() == 0);
        spare.refill(slots)?;
        assert_eq!(map.add(1..2, READ, &mut spare), Ok(()));
        assert_eq!(map.wanted_slots(), 0);

        // One of the chunks is gone, so there may be too few for two new boundaries, but there are
        // enough for one, and for none.
        let retry = Err(AddError::Retry { slots: 0 });
        assert_eq!(map.add(5..6, READ, &mut spare), retry);
        assert_eq!(map.extend(1..2, 9, WRITE, &mut spare), Err(EINVAL.into()));
        assert_eq!(map.extend(1..2, 9, READ, &mut spare), Ok(()));
        assert_eq!(map.add(1..9, WRITE, &mut spare), Ok(()));
        assert!(is_sound(&map));

        // Meanwhile the map outgrows what was put aside for it.
        let mut late = Reservation::new(slots)?;
        add_alternating(&mut map, 5000, 100, |i| i)?;
        while map.wanted_slots() == 0 {
            let page = 2 * u64::from(map.runs) + 100;
            add(&mut map, page..page + 1, READ)?;
        }
        let full = map.boundaries.memory();
        for page in (20_000..).step_by(2) {
            let old = map.boundaries();
            match map.add(page..page + 1, READ, &mut late) {
                Ok(()) => late.refill(0)?,
                Err(AddError::Retry { slots }) => {
                    assert_eq!(map.boundaries(), old);
                    assert!(slots > 8);
                    late.refill(slots)?;
                    assert_eq!(map.add(page..page + 1, READ, &mut late), Ok(()));
                    break;
                }
                Err(AddError::Refused(error)) => return Err(error),
            }
        }
        assert!(map.memory() > full);
        assert!(is_sound(&map));
        Ok(())
    }

    #[test]
    fn too_many_runs() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 0..10, READ)?;
        let old = snapshot(&map)?;
        map.runs = MAX_RUNS;
        assert_eq!(add(&mut map, 0..10, READ), Err(EOVERFLOW));
        assert_eq!(snapshot(&map)?, old);
        extend(&mut map, 0..10, 20, READ)?;
        map.sub(0..20, READ)?;
        add(&mut map, 0..10, READ)?;
        assert_eq!(add(&mut map, 0..10, READ), Err(EOVERFLOW));
        map.runs = 1;
        assert!(is_sound(&map));
        Ok(())
    }

    #[test]
    fn random_operations_match_model() -> Result {
        let mut map = RangeCount::new();
        let mut model = Model::new()?;

        for round in 0..2000 {
            model.step(&mut map)?;
            assert!(is_sound(&map));
            assert!(model.mismatch_is_refused(&mut map));
            assert!(is_sound(&map));
            assert_eq!(map.pages(), model.pages());
            let (start, end) = model.random_range();
            assert!(model.agrees(&map, start, end));
            if round % 8 == 0 {
                assert!((0..PAGES).all(|page| model.agrees(&map, page, page + 1)));
            }
        }

        while let Some((start, end, write)) = model.runs.pop() {
            map.sub(range(start, end), write)?;
        }
        assert!(map.is_empty() && is_sound(&map));
        Ok(())
    }
}
