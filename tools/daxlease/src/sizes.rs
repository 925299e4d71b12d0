// SPDX-License-Identifier: GPL-2.0

//! Byte ranges as people write and read them.

use crate::lease::Extent;
use std::fmt;
use std::str::FromStr;

/// What `--range` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub offset: u64,
    /// Bytes; 0 means without end.
    pub length: u64,
}

/// What is wrong with a range on the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// No colon.
    #[error("write it as OFFSET:LENGTH, such as 0:2M")]
    NoColon,
    /// One of the two is no size.
    #[error("'{0}' is not a size; write bytes, or a number with K, M, G or T, such as 4096 or 2M")]
    NotASize(String),
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let (offset, length) = text.split_once(':').ok_or(RangeError::NoColon)?;
        let size = |text: &str| parse_size(text).ok_or_else(|| RangeError::NotASize(text.into()));
        Ok(Self {
            offset: size(offset)?,
            length: size(length)?,
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.offset, self.length)
    }
}

impl From<Range> for Extent {
    fn from(Range { offset, length }: Range) -> Self {
        Self {
            start: offset,
            end: (length > 0).then(|| offset.saturating_add(length)),
        }
    }
}

/// Bytes in decimal or 0x hexadecimal, or decimal with a binary suffix.
fn parse_size(text: &str) -> Option<u64> {
    // The parser of the standard library would take a sign.
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if let Some(hex) = text.strip_prefix("0x") {
        if !hex.starts_with(|first: char| first.is_ascii_hexdigit()) {
            return None;
        }
        return u64::from_str_radix(hex, 16).ok();
    }
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor: u64 = match &text[digits.len()..] {
        "" => 1,
        "K" | "k" | "KiB" => 1 << 10,
        "M" | "m" | "MiB" => 1 << 20,
        "G" | "g" | "GiB" => 1 << 30,
        "T" | "t" | "TiB" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// A size with a binary unit, exact or with one decimal.
pub fn readable(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut unit = 1u64;
    let mut name = "B";
    for next in UNITS {
        let Some(larger) = unit.checked_mul(1024).filter(|&larger| larger <= bytes) else {
            break;
        };
        (unit, name) = (larger, next);
    }
    if bytes % unit == 0 {
        format!("{} {name}", bytes / unit)
    } else {
        format!("{:.1} {name}", bytes as f64 / unit as f64)
    }
}

/// A range in bytes with its readable size.
pub fn describe(extent: Extent) -> String {
    match extent {
        Extent {
            start,
            end: Some(end),
        } => {
            format!("{start}..{end} ({})", readable(end.saturating_sub(start)))
        }
        Extent {
            start: 0,
            end: None,
        } => "0.. (whole file)".into(),
        Extent { start, end: None } => format!("{start}.. (to the end)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_parse() {
        let range = |offset, length| Ok(Range { offset, length });
        assert_eq!("0:0".parse(), range(0, 0));
        assert_eq!("4096:8192".parse(), range(4096, 8192));
        assert_eq!("2M:1GiB".parse(), range(2 << 20, 1 << 30));
        assert_eq!("0x1000:4k".parse(), range(4096, 4096));
        assert_eq!("18446744073709551615:0".parse(), range(u64::MAX, 0));
    }

    #[test]
    fn ranges_that_do_not() {
        assert_eq!("4096".parse::<Range>(), Err(RangeError::NoColon));
        for text in [
            "", "-1", "+1", "4X", "M", "1.5M", "0x", "0x+1", "4 K", "1KB",
        ] {
            let expected = Err(RangeError::NotASize(text.into()));
            assert_eq!(format!("{text}:0").parse::<Range>(), expected, "{text}");
        }
        assert!("0:99999999999999999999".parse::<Range>().is_err());
        assert!("0:17179869184G".parse::<Range>().is_err());
    }

    #[test]
    fn ranges_are_extents() {
        let extent = |text: &str| Extent::from(text.parse::<Range>().unwrap());
        assert_eq!(extent("0:0"), Extent::new(0, u64::MAX));
        assert_eq!(extent("100:1"), Extent::new(100, 101));
        assert_eq!(extent("4K:0").end, None);
    }

    #[test]
    fn readable_sizes() {
        assert_eq!(readable(0), "0 B");
        assert_eq!(readable(1023), "1023 B");
        assert_eq!(readable(65536), "64 KiB");
        assert_eq!(readable(3 << 19), "1.5 MiB");
        assert_eq!(readable(1 << 60), "1 EiB");
        assert_eq!(readable(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn described_ranges() {
        assert_eq!(describe(Extent::new(0, u64::MAX)), "0.. (whole file)");
        assert_eq!(describe(Extent::new(4096, u64::MAX)), "4096.. (to the end)");
        assert_eq!(describe(Extent::new(4096, 8192)), "4096..8192 (4 KiB)");
        assert_eq!(describe(Extent::new(8192, 4096)), "8192..4096 (0 B)");
    }
}
