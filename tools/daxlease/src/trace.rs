// SPDX-License-Identifier: GPL-2.0

//! The module's tracepoints, as tracefs prints them.
//!
//! ```text
//!      ib_write_bw-331     [000] .....    31.223075: daxlease_pin: dev=259:0 ... comm=ib_write_bw
//! ```
//!
//! A name of a task may have anything in it.  The one in front is not used, as the kernel does not
//! know it of each process, and what looks like an event in it cannot have its fields; the one
//! at the end, which is the event's own, is cut off first.

use crate::lease::Extent;
use crate::lease::FileId;
use serde::Serialize;
use std::collections::HashMap;

/// What all our tracepoints are called with in front.
const PREFIX: &str = ": daxlease_";

/// A line of a trace.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// One of our events.
    Event(Event),
    /// So many events came too fast.
    Lost(u64),
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Microseconds of the trace clock.
    pub time_us: u64,
    /// Name of the task.
    pub comm: String,
    /// Its thread group.
    pub pid: i32,
    /// The file it is about.
    pub file: FileId,
    /// The part of that file.
    pub extent: Extent,
    /// What has happened.
    pub what: What,
}

/// Members that all events about a pin have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PinPart {
    pub lease_id: u64,
    pub pin_id: u64,
    pub pages: u64,
    pub kind: String,
    pub device: String,
}

/// What has happened, with what only this event has.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    Acquire {
        lease_id: u64,
        mode: String,
        break_time_ms: u32,
    },
    Attach {
        lease_id: u64,
    },
    Release {
        lease_id: u64,
        how: String,
    },
    Pin {
        #[serde(flatten)]
        pin: PinPart,
        write: bool,
    },
    Unpin {
        #[serde(flatten)]
        pin: PinPart,
    },
    Revoke {
        #[serde(flatten)]
        pin: PinPart,
        reason: String,
    },
    BreakBegin {
        break_id: u64,
        reason: String,
    },
    BreakVerdict {
        break_id: u64,
        verdict: String,
        error: i32,
    },
    BreakEnd {
        break_id: u64,
        outcome: i32,
    },
}

/// Takes a line apart; `None` where it is about something else.
pub fn parse(line: &str) -> Option<Line> {
    if let Some((_, rest)) = line.split_once("[LOST ") {
        if line.starts_with("CPU:") {
            return Some(Line::Lost(rest.split(' ').next()?.parse().ok()?));
        }
    }
    // The name in front may look like it, but not as far as the fields.
    line.match_indices(PREFIX)
        .find_map(|(at, _)| parse_event(&line[..at], &line[at + PREFIX.len()..]))
        .map(Line::Event)
}

fn parse_event(head: &str, body: &str) -> Option<Event> {
    let (name, fields) = body.split_once(": ")?;
    let (fields, comm) = fields.split_once(" comm=")?;
    let time_us = parse_time(head.rsplit(' ').next()?)?;
    let fields = Fields::new(fields);
    Some(Event {
        time_us,
        comm: comm.into(),
        pid: fields.number("pid")?,
        file: fields.file()?,
        extent: Extent::new(fields.number("start")?, fields.number("end")?),
        what: fields.what(name)?,
    })
}

/// `31.223075` to microseconds.
fn parse_time(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.')?;
    let seconds: u64 = seconds.parse().ok()?;
    let micros: u64 = fraction.get(..6)?.parse().ok()?;
    seconds.checked_mul(1_000_000)?.checked_add(micros)
}

struct Fields<'a>(HashMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn new(text: &'a str) -> Self {
        Self(
            text.split_whitespace()
                .filter_map(|word| word.split_once('='))
                .collect(),
        )
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.0.get(name)?.parse().ok()
    }

    fn word(&self, name: &str) -> Option<String> {
        Some((*self.0.get(name)?).into())
    }

    fn file(&self) -> Option<FileId> {
        let (major, minor) = self.0.get("dev")?.split_once(':')?;
        Some(FileId {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
            ino: self.number("ino")?,
        })
    }

    fn pin(&self) -> Option<PinPart> {
        Some(PinPart {
            lease_id: self.number("lease_id")?,
            pin_id: self.number("pin_id")?,
            pages: self.number("pages")?,
            kind: self.word("kind")?,
            device: self.word("device")?,
        })
    }

    fn what(&self, name: &str) -> Option<What> {
        Some(match name {
            "acquire" => What::Acquire {
                lease_id: self.number("lease_id")?,
                mode: self.word("mode")?,
                break_time_ms: self.number("break_time_ms")?,
            },
            "attach" => What::Attach {
                lease_id: self.number("lease_id")?,
            },
            "release" => What::Release {
                lease_id: self.number("lease_id")?,
                how: self.word("how")?,
            },
            "pin" => What::Pin {
                pin: self.pin()?,
                write: self.number::<u32>("write")? != 0,
            },
            "unpin" => What::Unpin { pin: self.pin()? },
            "revoke" => What::Revoke {
                pin: self.pin()?,
                reason: self.word("reason")?,
            },
            "break_begin" => What::BreakBegin {
                break_id: self.number("break_id")?,
                reason: self.word("reason")?,
            },
            "break_verdict" => What::BreakVerdict {
                break_id: self.number("break_id")?,
                verdict: self.word("verdict")?,
                error: self.number("error")?,
            },
            "break_end" => What::BreakEnd {
                break_id: self.number("break_id")?,
                outcome: self.number("outcome")?,
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    const PIN: &str = "     ib_write_bw-340     [000] .....    31.236650: daxlease_pin: dev=259:0 \
                       ino=14 start=16384 end=20480 pid=331 lease_id=16 pin_id=19 pages=1 \
                       kind=rdma device=rxe0 write=1 comm=ib_write_bw";

    /// The event of a line that has one.
    pub(crate) fn event(fields: &str) -> Event {
        match parse(&format!(
            "  prog-12  [001] d..1. 5.000001: daxlease_{fields} comm=prog"
        )) {
            Some(Line::Event(event)) => event,
            other => panic!("{fields}: {other:?}"),
        }
    }

    #[test]
    fn a_pin() {
        let Some(Line::Event(event)) = parse(PIN) else {
            panic!("{PIN}");
        };
        assert_eq!(event.time_us, 31_236_650);
        assert_eq!((event.comm.as_str(), event.pid), ("ib_write_bw", 331));
        assert_eq!((event.file.major, event.file.ino), (259, 14));
        assert_eq!(event.extent, Extent::new(16384, 20480));
        let What::Pin { pin, write } = event.what else {
            panic!("{event:?}");
        };
        assert_eq!((pin.lease_id, pin.pin_id, pin.pages), (16, 19, 1));
        assert_eq!((&*pin.kind, &*pin.device, write), ("rdma", "rxe0", true));
    }

    #[test]
    fn names_that_look_like_something_else() {
        for comm in [
            "a b",
            "a-b",
            "a [000] b",
            "x: daxle",
            "pid=1",
            " comm=1 ",
            " ",
        ] {
            let line = PIN.replace("ib_write_bw", comm);
            let Some(Line::Event(event)) = parse(&line) else {
                panic!("{line}");
            };
            assert_eq!(event.comm, comm);
            assert_eq!((event.time_us, event.pid), (31_236_650, 331), "{line}");
        }
        let line = PIN.replace("comm=ib_write_bw", "comm=: daxlease_pin:");
        assert!(
            matches!(parse(&line), Some(Line::Event(event)) if event.comm == ": daxlease_pin:")
        );
        // As long as it can be.
        let line = PIN.replacen("ib_write_bw", ": daxlease_pin:", 1);
        assert!(matches!(parse(&line), Some(Line::Event(event)) if event.pid == 331));
    }

    #[test]
    fn lost_events_and_other_lines() {
        assert_eq!(parse("CPU:1 [LOST 1234 EVENTS]"), Some(Line::Lost(1234)));
        for line in [
            "",
            "# tracer: nop",
            "x-1 [000] ..... 1.0: sched_switch: a=b",
            "x-1 [000] ..... 1.000000: daxlease_novelty: dev=1:2",
            "x-1 [000] ..... 1.000000: daxlease_attach: dev=1:2",
            "x-1 [000] ..... yesterday: daxlease_attach: dev=1:2 ino=1 start=0 end=1 pid=1 lease_id=1 comm=x",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn no_part_of_a_line_makes_it_panic() {
        for end in 0..PIN.len() {
            parse(&PIN[..end]);
            parse(&PIN[end..]);
        }
    }
}
