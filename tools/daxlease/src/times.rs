// SPDX-License-Identifier: GPL-2.0

//! Times as people write and read them.

use std::fmt;
use std::str::FromStr;

/// What `--break-time` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakTime {
    /// Milliseconds, never 0.
    pub ms: u32,
}

/// What is wrong with a time on the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it as a number with ms, s or min, such as 5s or 500ms; at least 1ms")]
pub struct NotATime;

impl FromStr for BreakTime {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let factor: u32 = match &text[digits.len()..] {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            _ => return Err(NotATime),
        };
        // The parser of the standard library would take a sign.
        if !digits.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(NotATime);
        }
        let number: u32 = digits.parse().map_err(|_| NotATime)?;
        match number.checked_mul(factor) {
            Some(ms) if ms > 0 => Ok(Self { ms }),
            _ => Err(NotATime),
        }
    }
}

impl fmt::Display for BreakTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&readable(self.ms.into()))
    }
}

/// Milliseconds in the largest unit that is not a fraction of one, with a
/// decimal where that is a short one.
pub fn readable(ms: u64) -> String {
    let tenths = |unit: u64, name: &str| {
        if ms % unit == 0 {
            format!("{} {name}", ms / unit)
        } else {
            format!("{:.1} {name}", ms as f64 / unit as f64)
        }
    };
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => tenths(1_000, "s"),
        60_000..3_600_000 => tenths(60_000, "min"),
        3_600_000..86_400_000 => tenths(3_600_000, "h"),
        _ => tenths(86_400_000, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_parse() {
        let ms = |text: &str| text.parse::<BreakTime>().map(|time| time.ms);
        assert_eq!(ms("5s"), Ok(5000));
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("2min"), Ok(120_000));
        assert_eq!(ms("1m"), Ok(60_000));
    }

    #[test]
    fn times_that_do_not() {
        for text in [
            "",
            "5",
            "s",
            "0s",
            "0ms",
            "-1s",
            "+1s",
            "1.5s",
            "5 s",
            "5h",
            "99999999s",
        ] {
            assert_eq!(text.parse::<BreakTime>(), Err(NotATime), "{text}");
        }
    }

    #[test]
    fn readable_times() {
        assert_eq!(readable(0), "0 ms");
        assert_eq!(readable(999), "999 ms");
        assert_eq!(readable(5000), "5 s");
        assert_eq!(readable(1500), "1.5 s");
        assert_eq!(readable(90_000), "1.5 min");
        assert_eq!(readable(7_200_000), "2 h");
        assert_eq!(readable(86_400_000), "1 d");
    }
}
