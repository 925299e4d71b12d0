// SPDX-License-Identifier: GPL-2.0

//! What the benchmarks have measured: a line of JSON for each sample.

use std::collections::BTreeMap;

use anyhow::{bail, Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    bench: String,
    on: String,
    case: String,
    x: u64,
    round: u32,
    value: f64,
}

/// What was measured: how, on what, which case of it, and for which size or number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub bench: String,
    pub on: String,
    pub case: String,
    pub x: u64,
}

/// By round, as samples of one round are compared with each other.
pub type Rounds = BTreeMap<u32, f64>;

#[derive(Default)]
pub struct Samples(BTreeMap<Key, Rounds>);

impl Samples {
    pub fn parse(text: &str) -> Result<Self> {
        let mut samples = Self::default();

        for (number, line) in text.lines().enumerate() {
            let sample: Sample =
                serde_json::from_str(line).with_context(|| format!("line {}", number + 1))?;
            samples
                .add(sample)
                .with_context(|| format!("line {}", number + 1))?;
        }
        Ok(samples)
    }

    fn add(&mut self, sample: Sample) -> Result<()> {
        if !sample.value.is_finite() || sample.value < 0.0 {
            bail!("{} is no measurement", sample.value);
        }
        let key = Key {
            bench: sample.bench,
            on: sample.on,
            case: sample.case,
            x: sample.x,
        };
        let rounds = self.0.entry(key).or_default();
        if rounds.insert(sample.round, sample.value).is_some() {
            bail!("a second sample of round {}", sample.round);
        }
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Rounds)> {
        self.0.iter()
    }

    pub fn rounds(&self, bench: &str, on: &str, case: &str, x: u64) -> Option<&Rounds> {
        self.0.get(&Key {
            bench: bench.into(),
            on: on.into(),
            case: case.into(),
            x,
        })
    }

    /// All of one kind that a benchmark has, in order and each once.
    fn distinct<T: Ord>(&self, bench: &str, what: impl Fn(&Key) -> T) -> Vec<T> {
        let mut all: Vec<T> = self
            .0
            .keys()
            .filter(|key| key.bench == bench)
            .map(what)
            .collect();
        all.sort();
        all.dedup();
        all
    }

    pub fn benches(&self) -> Vec<String> {
        let mut all: Vec<String> = self.0.keys().map(|key| key.bench.clone()).collect();
        all.dedup();
        all
    }

    pub fn ons(&self, bench: &str) -> Vec<String> {
        self.distinct(bench, |key| key.on.clone())
    }

    pub fn cases(&self, bench: &str) -> Vec<String> {
        self.distinct(bench, |key| key.case.clone())
    }

    pub fn xs(&self, bench: &str) -> Vec<u64> {
        self.distinct(bench, |key| key.x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"bench":"b","on":"xfs","case":"c","x":1,"round":2,"value":3.5}"#;

    #[test]
    fn reads_a_sample() {
        let samples = Samples::parse(LINE).unwrap();
        assert_eq!(samples.rounds("b", "xfs", "c", 1).unwrap()[&2], 3.5);
        assert!(samples.rounds("b", "ext4", "c", 1).is_none());
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        let error = Samples::parse(&format!("{LINE}\n{{")).err().unwrap();
        assert_eq!(error.to_string(), "line 2");
    }

    #[test]
    fn one_sample_for_each_round() {
        assert!(Samples::parse(&format!("{LINE}\n{LINE}")).is_err());
    }

    #[test]
    fn a_measurement_is_a_number() {
        assert!(Samples::parse(&LINE.replace("3.5", "-1")).is_err());
    }
}
