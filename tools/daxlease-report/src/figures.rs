// SPDX-License-Identifier: GPL-2.0

//! What is to be told of the samples: ratios, each with its target.

use serde::Serialize;

use crate::{samples::Samples, stats::Spread};

/// At which x a case is taken.
#[derive(Clone, Copy)]
enum At {
    /// At each one, and compared at the same.
    Each,
    Smallest,
    Largest,
}

/// What is good.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    pub fn is_met(&self, value: f64) -> bool {
        match self {
            Self::AtMost(limit) => value <= *limit,
            Self::AtLeast(limit) => value >= *limit,
        }
    }
}

/// A ratio of two cases of one benchmark, or the value of one.
struct Definition {
    bench: &'static str,
    over: (&'static str, At),
    under: Option<(&'static str, At)>,
    target: Option<Target>,
}

const fn ratio(
    bench: &'static str,
    over: &'static str,
    under: &'static str,
    target: Option<Target>,
) -> Definition {
    Definition {
        bench,
        over: (over, At::Each),
        under: Some((under, At::Each)),
        target,
    }
}

/// How much a case grows from the smallest x to the largest.
const fn growth(bench: &'static str, case: &'static str, target: Option<Target>) -> Definition {
    Definition {
        bench,
        over: (case, At::Largest),
        under: Some((case, At::Smallest)),
        target,
    }
}

const fn value(bench: &'static str, case: &'static str, target: Option<Target>) -> Definition {
    Definition {
        bench,
        over: (case, At::Each),
        under: None,
        target,
    }
}

const fn at_most(limit: f64) -> Option<Target> {
    Some(Target::AtMost(limit))
}

const fn at_least(limit: f64) -> Option<Target> {
    Some(Target::AtLeast(limit))
}

const DEFINITIONS: &[Definition] = &[
    ratio("truncate", "in", "out", at_most(1.05)),
    ratio("truncate", "leased", "out", at_most(1.25)),
    ratio("truncate", "nodax", "out", None),
    ratio("truncate", "out", "stock", at_most(1.05)),
    ratio("truncate", "in", "stock", at_most(1.05)),
    ratio("truncate", "leased", "stock", at_most(1.25)),
    ratio("drain", "rcu", "leased", at_least(50.0)),
    ratio("drain", "rcu_expedited", "leased", None),
    ratio("drain", "srcu", "leased", None),
    ratio("drain", "srcu_expedited", "leased", None),
    growth("verdict-4k", "others", at_most(1.5)),
    growth("verdict-4k", "holder", at_most(1.5)),
    growth("verdict-4k", "search", None),
    ratio("verdict-4k", "search", "others", None),
    growth("verdict-2m", "others", at_most(1.5)),
    growth("verdict-2m", "holder", at_most(1.5)),
    growth("verdict-2m", "search", None),
    ratio("verdict-2m", "search", "others", None),
    value("break", "unpin", None),
    value("break", "deadline", None),
    growth("pins", "pin", at_most(3.0)),
    growth("pins", "unpin", at_most(3.0)),
    growth("pins", "others", None),
    growth("pins", "holder", None),
    value("memory", "contiguous", at_most(0.1)),
    value("memory", "alternating", at_most(64.0)),
    value("memory", "separate", None),
    ratio("anonymous", "in", "out", at_most(1.01)),
    ratio("regions-4k", "leased", "anonymous", at_most(1.2)),
    ratio("regions-4k", "leased-unmapped", "odp-prefetched", None),
    ratio("regions-4k", "leased-first", "odp-first", None),
    ratio("regions-2m", "leased", "anonymous", at_most(1.2)),
    ratio("regions-2m", "leased-unmapped", "odp-prefetched", None),
    ratio("regions-2m", "leased-first", "odp-first", None),
    ratio("bandwidth", "leased", "dram", at_least(0.98)),
    ratio("bandwidth", "odp", "dram", None),
    ratio("latency-p50", "leased", "dram", None),
    ratio("latency-p50", "odp", "dram", None),
    ratio("latency-p99", "leased", "dram", None),
    ratio("latency-p99", "odp", "dram", None),
    ratio("fsync", "read", "unpinned", at_most(1.01)),
    ratio("fsync", "write", "unpinned", None),
    ratio("fio", "in", "out", at_least(0.98)),
    ratio("fio", "leased", "out", at_least(0.98)),
    ratio("gup-1", "patched", "stock", at_most(1.01)),
    ratio("gup-1", "loaded", "stock", at_most(1.01)),
    ratio("gup-512", "patched", "stock", at_most(1.01)),
    ratio("gup-512", "loaded", "stock", at_most(1.01)),
    ratio("threads", "files", "one-thread", None),
    ratio("threads", "file", "one-thread", None),
    ratio("scaling", "files", "anonymous", at_least(0.95)),
    ratio("scaling", "file", "anonymous", None),
    ratio("threads", "truncates-beside", "truncates-alone", None),
    ratio(
        "threads",
        "truncates-beside",
        "truncates-beside-anonymous",
        at_least(0.95),
    ),
];

#[derive(Debug, Serialize)]
pub struct Figure {
    pub bench: &'static str,
    pub on: String,
    pub what: String,
    /// Where it was measured, if at one of several.
    pub x: Option<u64>,
    #[serde(flatten)]
    pub spread: Spread,
    pub target: Option<Target>,
    pub met: Option<bool>,
}

/// What the samples of a benchmark are in.
pub fn unit(bench: &str) -> &'static str {
    match bench {
        "memory" => "bytes/page",
        "bandwidth" => "Gb/s",
        "fio" => "operations/s",
        "threads" => "operations/s",
        "scaling" => "times as many as one thread",
        "latency-p50" | "latency-p99" => "microseconds",
        _ => "nanoseconds",
    }
}

impl Definition {
    fn what(&self) -> String {
        match self.under {
            None => format!("{}, {}", self.over.0, unit(self.bench)),
            Some((under, _)) if under == self.over.0 => format!("{under}, largest/smallest"),
            Some((under, _)) => format!("{}/{under}", self.over.0),
        }
    }

    fn figure(&self, on: &str, x: Option<u64>, spread: Spread) -> Figure {
        Figure {
            bench: self.bench,
            on: on.to_owned(),
            what: self.what(),
            x,
            spread,
            target: self.target,
            met: self.target.map(|target| target.is_met(spread.median)),
        }
    }

    fn spread(&self, samples: &Samples, on: &str, x: u64, base_x: u64) -> Option<Spread> {
        let over = samples.rounds(self.bench, on, self.over.0, x)?;

        match self.under {
            None => Spread::of(over.values().copied()),
            Some((under, _)) => {
                Spread::of_ratios(over, samples.rounds(self.bench, on, under, base_x)?)
            }
        }
    }

    fn on(&self, samples: &Samples, on: &str) -> Vec<Figure> {
        let xs = samples.xs(self.bench);
        let place = |at| match at {
            At::Smallest => xs.first().copied(),
            At::Largest => xs.last().copied(),
            At::Each => None,
        };

        if let (Some(x), Some(base_x)) =
            (place(self.over.1), self.under.and_then(|(_, at)| place(at)))
        {
            let spread = self.spread(samples, on, x, base_x);
            return spread
                .map(|spread| self.figure(on, None, spread))
                .into_iter()
                .collect();
        }
        let several = xs.len() > 1;
        xs.iter()
            .filter_map(|x| {
                let spread = self.spread(samples, on, *x, *x)?;
                Some(self.figure(on, several.then_some(*x), spread))
            })
            .collect()
    }
}

/// All that the samples suffice for.
pub fn figures(samples: &Samples) -> Vec<Figure> {
    DEFINITIONS
        .iter()
        .flat_map(|definition| {
            samples
                .ons(definition.bench)
                .into_iter()
                .flat_map(|on| definition.on(samples, &on))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(lines: &[(&str, &str, u64, u32, f64)]) -> Samples {
        let text: Vec<String> = lines
            .iter()
            .map(|(bench, case, x, round, value)| {
                format!(
                    r#"{{"bench":"{bench}","on":"xfs","case":"{case}","x":{x},"round":{round},"value":{value}}}"#
                )
            })
            .collect();
        Samples::parse(&text.join("\n")).unwrap()
    }

    #[test]
    fn a_target_missed() {
        let samples = samples(&[
            ("truncate", "out", 100, 1, 10.0),
            ("truncate", "in", 100, 1, 11.0),
        ]);
        let figures = figures(&samples);

        assert_eq!(figures.len(), 1);
        assert_eq!(figures[0].what, "in/out");
        assert_eq!(figures[0].met, Some(false));
        assert_eq!(figures[0].x, None);
    }

    #[test]
    fn growth_compares_the_ends() {
        let samples = samples(&[
            ("pins", "pin", 1, 1, 10.0),
            ("pins", "pin", 10, 1, 500.0),
            ("pins", "pin", 100, 1, 20.0),
        ]);
        let figures = figures(&samples);

        assert_eq!(figures.len(), 1);
        assert_eq!(figures[0].spread.median, 2.0);
        assert_eq!(figures[0].met, Some(true));
    }

    #[test]
    fn values_have_no_base() {
        let samples = samples(&[("memory", "alternating", 9, 1, 65.0)]);

        assert_eq!(figures(&samples)[0].spread.median, 65.0);
        assert_eq!(figures(&samples)[0].met, Some(false));
    }
}
