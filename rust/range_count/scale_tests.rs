// SPDX-License-Identifier: GPL-2.0

//! Tests of [`RangeCount`](super::RangeCount) with many chunks: splitting, joining, memory.

use kernel::prelude::*;

#[kunit_tests(daxlease_range_count_scale)]
mod cases {
    use super::super::{
        test_util::*,
        *, //
    };

    /// A number of runs that needs many chunks.
    const MANY: u64 = if cfg!(CONFIG_KASAN) { 1 << 12 } else { 1 << 14 };

    /// Permutes `0..MANY` so that no order is left.
    fn shuffled(i: u64) -> u64 {
        let i = i * 0x9e37_79b1 % MANY;

        (i ^ (i >> 7)) * 0x85eb_ca6b % MANY
    }

    #[test]
    fn many_runs_ascending() -> Result {
        let mut map = RangeCount::new();

        add_alternating(&mut map, MANY, 0, |i| i)?;
        assert!(is_sound(&map));
        assert_eq!(map.pages(), MANY);
        assert!(map.memory() as u64 <= 48 * MANY);
        assert!(map.any(7000..7001));
        assert!(!map.any(7001..7002));
        assert_eq!(map.first(7001..INFINITY), Some(7002..7003));

        sub_alternating(&mut map, MANY, 0, |i| i)?;
        assert!(map.is_empty() && is_sound(&map));
        assert_eq!(map.memory(), 0);
        Ok(())
    }

    #[test]
    fn many_runs_descending() -> Result {
        let mut map = RangeCount::new();

        add_alternating(&mut map, MANY, 0, |i| MANY - 1 - i)?;
        assert!(is_sound(&map));
        assert!(map.memory() as u64 <= 64 * MANY);
        sub_alternating(&mut map, MANY, 0, |i| MANY - 1 - i)?;
        assert!(map.is_empty() && is_sound(&map));

        // One boundary for each, so that chunks are full when something goes in front of them.
        for page in (0..MANY).rev() {
            add(&mut map, page..page + 1, READ)?;
        }
        assert!(is_sound(&map));
        assert_eq!(map.boundaries() as u64, MANY + 1);
        assert!(map.memory() as u64 <= 32 * MANY);
        for page in 0..MANY {
            map.sub(page..page + 1, READ)?;
        }
        assert!(map.is_empty() && is_sound(&map));
        Ok(())
    }

    #[test]
    fn many_runs_descending_behind_others() -> Result {
        let mut map = RangeCount::new();

        add_alternating(&mut map, 1000, 0, |i| i)?;
        let old = map.memory() as u64;
        add_alternating(&mut map, MANY, 1 << 40, |i| MANY - 1 - i)?;
        assert!(is_sound(&map));
        assert!(map.memory() as u64 - old <= 64 * MANY);
        Ok(())
    }

    #[test]
    fn many_runs_ascending_before_others() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 0..INFINITY, READ)?;
        add_alternating(&mut map, 1000, 1 << 40, |i| i)?;
        let old = map.memory() as u64;
        add_alternating(&mut map, MANY, 1, |i| i)?;
        assert!(is_sound(&map));
        assert!(map.memory() as u64 - old <= 48 * MANY);
        Ok(())
    }

    #[test]
    fn many_growing_runs_before_others() -> Result {
        let mut map = RangeCount::new();

        add(&mut map, 1 << 40..INFINITY, READ)?;
        for page in (0..3 * MANY).step_by(3) {
            add(&mut map, page..page + 1, WRITE)?;
            extend(&mut map, page..page + 1, page + 2, WRITE)?;
        }
        assert!(is_sound(&map));
        assert_eq!(map.boundaries() as u64, 2 * MANY + 2);
        assert!(map.memory() as u64 <= 48 * MANY);
        Ok(())
    }

    #[test]
    fn each_split_is_sound() -> Result {
        let orders: [fn(u64) -> u64; 3] = [|i| i, |i| 99 - i, |i| i * 37 % 100];

        for order in orders {
            let mut map = RangeCount::new();

            for i in 0..100 {
                add(&mut map, order(i)..order(i) + 1, WRITE)?;
                assert!(is_sound(&map));
            }
            assert_eq!(map.boundaries(), 101);
            assert_eq!(map.first(0..INFINITY), Some(0..100));
        }
        Ok(())
    }

    #[test]
    fn small_neighbours_are_joined() -> Result {
        // What goes last is in the first chunk or in the second one.
        for parts in [[15..24, 0..9], [0..9, 15..24]] {
            let mut map = RangeCount::new();

            add_alternating(&mut map, 24, 0, |i| i)?;
            assert!(map.memory() > 1024);
            for i in parts.into_iter().flatten() {
                map.sub(2 * i..2 * i + 1, i % 3 == 0)?;
                assert!(is_sound(&map));
            }
            assert_eq!(map.boundaries(), 12);
            assert!(map.memory() < 1024);
        }
        Ok(())
    }

    #[test]
    fn many_runs_in_any_order() -> Result {
        let mut map = RangeCount::new();

        add_alternating(&mut map, MANY, 0, shuffled)?;
        assert!(is_sound(&map));
        assert_eq!(map.pages(), MANY);
        assert!(map.memory() as u64 <= 72 * MANY);

        // All but some of them go, and the chunks with them.
        for i in (0..MANY).filter(|i| shuffled(*i) % 32 != 0) {
            let page = 2 * shuffled(i);
            map.sub(page..page + 1, i % 3 == 0)?;
        }
        assert!(is_sound(&map));
        assert_eq!(map.pages(), MANY / 32);
        assert!(map.memory() as u64 <= 200 * (MANY / 32) + 24 * MANY / 8);

        for i in (0..MANY).filter(|i| shuffled(*i) % 32 == 0) {
            let page = 2 * shuffled(i);
            map.sub(page..page + 1, i % 3 == 0)?;
        }
        assert!(map.is_empty() && is_sound(&map));
        Ok(())
    }
}
