// SPDX-License-Identifier: GPL-2.0

//! Sentences about events, for people.
//!
//! What happens in several steps is told when there is something to know: a
//! buffer that is pinned in batches is one pin, and a layout change that nobody
//! stands in the way of is only begun and done.

use crate::sizes;
use crate::table::printable;
use crate::times;
use crate::trace::Event;
use crate::trace::PinPart;
use crate::trace::What;
use rustix::io::Errno;
use std::collections::HashSet;

/// Batches of one pin, not told yet.
struct Batches {
    first: Event,
    file: String,
    pin: PinPart,
    write: bool,
    end: Option<u64>,
}

/// What has been told of things that are not over yet.
#[derive(Default)]
pub struct Teller {
    page_size: u64,
    batches: Option<Batches>,
    /// Layout changes that wait.
    waiting: HashSet<u64>,
    /// Layout changes whose end has been told.
    ended: HashSet<u64>,
    /// Pins whose end has been told.
    revoked: HashSet<u64>,
}

impl Teller {
    /// Nothing has been told.
    pub fn new(page_size: u64) -> Self {
        Self {
            page_size,
            ..Self::default()
        }
    }

    /// What is to be said of an event of `file`, with the time of each sentence.
    pub fn tell(&mut self, event: &Event, file: &str) -> Vec<(u64, String)> {
        if let What::Pin { pin, write } = &event.what {
            if let Some(batches) = &mut self.batches {
                if batches.pin.pin_id == pin.pin_id && batches.write == *write {
                    batches.pin.pages += pin.pages;
                    batches.first.extent.start = batches.first.extent.start.min(event.extent.start);
                    batches.end = batches.end.max(event.extent.end);
                    return Vec::new();
                }
            }
            let told = self.flush();
            self.batches = Some(Batches {
                first: event.clone(),
                file: file.into(),
                pin: pin.clone(),
                write: *write,
                end: event.extent.end,
            });
            return told;
        }
        let mut told = self.flush();
        told.extend(self.sentence(event, file).map(|text| (event.time_us, text)));
        told
    }

    /// What waits for more to come that belongs to it.
    pub fn flush(&mut self) -> Vec<(u64, String)> {
        let Some(batches) = self.batches.take() else {
            return Vec::new();
        };
        let Batches {
            mut first,
            file,
            pin,
            write,
            end,
        } = batches;
        first.extent.end = end;
        let text = format!(
            "{} has pinned {} of {file} for {}, to {}, at {}: pin {}, lease {}",
            device(&pin),
            self.size(&pin),
            who(&first),
            if write { "write" } else { "read" },
            sizes::describe(first.extent),
            pin.pin_id,
            pin.lease_id
        );
        vec![(first.time_us, text)]
    }

    fn size(&self, pin: &PinPart) -> String {
        sizes::readable(pin.pages.saturating_mul(self.page_size))
    }

    fn sentence(&mut self, event: &Event, file: &str) -> Option<String> {
        let who = who(event);
        let range = sizes::describe(event.extent);
        Some(match &event.what {
            // Told by `flush`.
            What::Pin { .. } => return None,
            What::Acquire {
                lease_id,
                mode,
                break_time_ms: 0,
            } => format!("{who} has leased {file}, {range}: lease {lease_id}, {mode}"),
            What::Acquire {
                lease_id,
                mode,
                break_time_ms,
            } => format!(
                "{who} has leased {file}, {range}: lease {lease_id}, {mode}, {} to let go",
                times::readable((*break_time_ms).into())
            ),
            What::Attach { lease_id } => {
                format!("{who} is now a holder of lease {lease_id} on {file}")
            }
            What::Release { lease_id, how } => match how.as_str() {
                "released" => format!("{who} has given lease {lease_id} on {file} back"),
                "orphan" => format!(
                    "lease {lease_id} on {file} is gone: nobody had it any more, and its last pin \
                     has gone"
                ),
                _ => format!(
                    "lease {lease_id} on {file} is gone: {who} has closed its last descriptor"
                ),
            },
            What::Unpin { pin } if self.revoked.remove(&pin.pin_id) => return None,
            What::Unpin { pin } => format!(
                "{} has let go of {} of {file}: pin {}, lease {}",
                device(pin),
                self.size(pin),
                pin.pin_id,
                pin.lease_id
            ),
            What::Revoke { pin, reason } => {
                self.revoked.insert(pin.pin_id);
                let why = match reason.as_str() {
                    "force" => "by force".into(),
                    "device_gone" => "as its device goes".into(),
                    other => format!("to {} it", verb(other)),
                };
                format!(
                    "{who} has taken {} of {file} from {}, {why}: pin {}, lease {}",
                    self.size(pin),
                    device(pin),
                    pin.pin_id,
                    pin.lease_id
                )
            }
            What::BreakBegin { break_id, reason } => {
                format!(
                    "{who} wants to {} {file}, {range}: layout change {break_id}",
                    verb(reason)
                )
            }
            What::BreakVerdict {
                break_id,
                verdict,
                error,
            } => return self.verdict(*break_id, verdict, *error),
            What::BreakEnd { break_id, outcome } => {
                self.waiting.remove(break_id);
                match (self.ended.remove(break_id), outcome) {
                    (true, _) => return None,
                    (false, 0) => format!("layout change {break_id} is done"),
                    (false, _) => format!(
                        "layout change {break_id} has come to nothing: {}",
                        reason_of(*outcome, false)
                    ),
                }
            }
        })
    }

    fn verdict(&mut self, id: u64, verdict: &str, error: i32) -> Option<String> {
        let waited = self.waiting.contains(&id);
        Some(match verdict {
            "wait" => {
                self.waiting.insert(id);
                format!(
                    "layout change {id} waits: the holders of the leases there have been asked to \
                     let go"
                )
            }
            "go" if waited => format!("layout change {id} goes on: nothing is pinned there now"),
            "go" => return None,
            _ => {
                self.ended.insert(id);
                let why = reason_of(error, waited);
                match waited {
                    true => format!("layout change {id} has given up: {why}"),
                    false => format!("layout change {id} is refused: {why}"),
                }
            }
        })
    }
}

fn who(event: &Event) -> String {
    format!("{} ({})", printable(event.comm.as_bytes()), event.pid)
}

fn device(pin: &PinPart) -> String {
    printable(pin.device.as_bytes())
}

/// What somebody wants to do to a file.
fn verb(reason: &str) -> &str {
    match reason {
        "truncate" => "truncate",
        "punch_hole" => "punch a hole into",
        "zero_range" => "zero a part of",
        "unshare_range" => "unshare a part of",
        "collapse_range" => "cut a part out of",
        "insert_range" => "insert a gap into",
        "remap" => "share blocks of",
        "exchange" => "exchange blocks of",
        _ => "change the layout of",
    }
}

fn reason_of(error: i32, waited: bool) -> String {
    match (Errno::from_raw_os_error(error), waited) {
        (Errno::TXTBSY, true) => {
            "ETXTBSY, a pin that cannot be revoked has outlived the break time".into()
        }
        (Errno::TXTBSY, false) => "ETXTBSY, others have a lease or pins there".into(),
        (Errno::DEADLK, _) => "EDEADLK, its own process has pins there".into(),
        (Errno::AGAIN, _) => "EAGAIN, it would have to wait and must not".into(),
        (Errno::INTR, _) => "EINTR, a signal has interrupted it".into(),
        (other, _) => std::io::Error::from(other).to_string(),
    }
}

#[cfg(test)]
#[path = "tell_tests.rs"]
mod tests;
