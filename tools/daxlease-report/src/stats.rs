// SPDX-License-Identifier: GPL-2.0

//! The middle of some values, and how far they are apart.

use serde::Serialize;

use crate::samples::Rounds;

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub lowest: f64,
    pub highest: f64,
    pub rounds: usize,
}

impl Spread {
    /// `None` of nothing.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let rounds = values.len();
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let median = if rounds % 2 == 1 {
            values[rounds / 2]
        } else {
            (values[rounds / 2 - 1] + values[rounds / 2]) / 2.0
        };

        Some(Self {
            median,
            lowest,
            highest,
            rounds,
        })
    }

    /// Of the ratios of what was measured in the same round.
    pub fn of_ratios(over: &Rounds, under: &Rounds) -> Option<Self> {
        Self::of(over.iter().filter_map(|(round, value)| {
            let base = under.get(round)?;
            (*base > 0.0).then_some(value / base)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middle_of_an_odd_and_an_even_number() {
        assert_eq!(Spread::of([3.0, 1.0, 9.0].into_iter()).unwrap().median, 3.0);
        assert_eq!(
            Spread::of([4.0, 1.0, 2.0, 9.0].into_iter()).unwrap().median,
            3.0
        );
        assert_eq!(Spread::of([].into_iter()), None);
    }

    #[test]
    fn ratios_are_of_one_round() {
        let over = Rounds::from([(1, 10.0), (2, 30.0), (3, 7.0)]);
        let under = Rounds::from([(1, 5.0), (2, 10.0)]);
        let spread = Spread::of_ratios(&over, &under).unwrap();

        assert_eq!(spread.rounds, 2);
        assert_eq!((spread.lowest, spread.highest), (2.0, 3.0));
    }

    #[test]
    fn nothing_to_divide_by() {
        let zero = Rounds::from([(1, 0.0)]);
        assert_eq!(Spread::of_ratios(&zero, &zero), None);
    }
}
