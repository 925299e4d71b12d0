// SPDX-License-Identifier: GPL-2.0

//! Asks the kernel for the leases that it shows to this process: all, or what
//! touches a range of a file.

use crate::busy::Busy;
use crate::facts;
use crate::ioctl::Cursor;
use crate::ioctl::LeaseFd;
use crate::lease::Lease;
use crate::lease::Opener;
use crate::records;
use crate::records::Malformed;
use crate::sizes::Range;
use crate::uapi;
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

/// Room for any single record: a path has at most 4096 bytes.
const BUFFER: usize = 64 << 10;

/// Why there is no listing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kernel refused.
    #[error("the module refused: {0}")]
    Refused(#[from] Errno),
    /// The kernel's answer makes no sense.
    #[error("the module's list of leases is malformed: {0}")]
    Malformed(#[from] Malformed),
}

/// All leases with their pins.
pub fn leases(fd: &LeaseFd) -> Result<Vec<Lease>, Error> {
    collect(|cursor, buf| fd.query(cursor, buf))
}

/// Whether a range of a file is busy, and the leases with pins that touch it.
pub fn scan(fd: &LeaseFd, file: BorrowedFd<'_>, range: Range) -> Result<(Busy, Vec<Lease>), Error> {
    collect_scan(|flags, cursor, buf| fd.scan(file, range, flags, cursor, buf))
}

/// Finds out who has the owner files of all pins open, one after the other.
/// Who cannot be asked for any more has nobody.
pub fn add_openers(fd: &LeaseFd, leases: &mut [Lease]) {
    for pin in leases.iter_mut().flat_map(|lease| &mut lease.pins) {
        pin.open_in = openers(|buf| fd.openers(pin.id, buf))
            .unwrap_or_default()
            .into_iter()
            .map(|pid| Opener {
                pid,
                comm: facts::comm_of(pid),
            })
            .collect();
    }
}

/// Again with more room, until it is enough.
fn openers(
    mut ask: impl FnMut(&mut [i32]) -> rustix::io::Result<usize>,
) -> rustix::io::Result<Vec<i32>> {
    let mut pids = vec![0; 16];
    loop {
        let count = match ask(&mut pids) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        if count <= pids.len() {
            pids.truncate(count);
            return Ok(pids);
        }
        pids.resize(count.next_multiple_of(64), 0);
    }
}

/// The answer is that of the first call: a later one could be another.
fn collect_scan(
    mut scan: impl FnMut(u32, &mut Cursor, &mut [u8]) -> rustix::io::Result<(Busy, usize)>,
) -> Result<(Busy, Vec<Lease>), Error> {
    let mut answer = Busy::new(0, 0, 0);
    let mut flags = 0;
    let leases = collect(|cursor, buf| {
        let (busy, used) = scan(flags, cursor, buf)?;
        if flags == 0 {
            answer = busy;
            // To walk the pages once is enough.
            flags = uapi::SCAN_PINS_ONLY;
        }
        Ok(used)
    })?;
    Ok((answer, leases))
}

fn collect(
    mut query: impl FnMut(&mut Cursor, &mut [u8]) -> rustix::io::Result<usize>,
) -> Result<Vec<Lease>, Error> {
    let mut leases = Vec::new();
    let mut buf = vec![0; BUFFER];
    let mut cursor = Cursor::default();
    loop {
        let before = cursor;
        let used = match query(&mut cursor, &mut buf) {
            Err(Errno::INTR) => continue,
            other => other?,
        };
        if used == 0 {
            return Ok(leases);
        }
        let filled = buf.get(..used).ok_or(Malformed::Length)?;
        records::parse(filled, &mut leases)?;
        if cursor == before {
            return Err(Malformed::Stuck.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::tests::lease_record;
    use crate::records::tests::pin_record;

    #[test]
    fn goes_on_until_nothing_comes() {
        let mut step = 0;
        let leases = collect(|cursor, buf| {
            step += 1;
            let record = match step {
                1 => return Err(Errno::INTR),
                2 => lease_record(7, b"/mnt/f"),
                3 => pin_record(1, 7),
                4 => pin_record(2, 7),
                _ => return Ok(0),
            };
            *cursor = Cursor::new(7, step);
            buf[..record.len()].copy_from_slice(&record);
            Ok(record.len())
        });
        let leases = leases.unwrap();
        assert_eq!(leases.len(), 1);
        assert_eq!(leases[0].pins.len(), 2);
    }

    #[test]
    fn a_kernel_that_repeats_itself_is_an_error() {
        let record = lease_record(7, b"/mnt/f");
        let result = collect(|_, buf| {
            buf[..record.len()].copy_from_slice(&record);
            Ok(record.len())
        });
        assert_eq!(result, Err(Malformed::Stuck.into()));
    }

    #[test]
    fn openers_until_all_fit_in() {
        let mut rooms = Vec::new();
        let pids = openers(|buf| {
            rooms.push(buf.len());
            match rooms.len() {
                1 => Err(Errno::INTR),
                2 => Ok(100),
                // More have come meanwhile.
                3 => Ok(200),
                _ => {
                    for (pid, slot) in (1..).zip(buf.iter_mut()).take(150) {
                        *slot = pid;
                    }
                    Ok(150)
                }
            }
        });
        assert_eq!(pids, Ok((1..=150).collect()));
        assert_eq!(rooms, [16, 16, 128, 256]);
        assert_eq!(openers(|_| Err(Errno::NOENT)), Err(Errno::NOENT));
    }

    #[test]
    fn more_than_the_buffer_is_an_error() {
        let result = collect(|_, buf| Ok(buf.len() + 8));
        assert_eq!(result, Err(Malformed::Length.into()));
    }

    #[test]
    fn an_errno_comes_through() {
        let result = collect(|_, _| Err(Errno::NOTTY));
        assert_eq!(result, Err(Error::Refused(Errno::NOTTY)));
    }

    #[test]
    fn the_first_answer_counts() {
        let mut step = 0;
        let (busy, leases) = collect_scan(|flags, cursor, buf| {
            step += 1;
            let record = match step {
                1 => lease_record(7, b"/mnt/f"),
                2 => pin_record(1, 7),
                _ => Vec::new(),
            };
            let (busy, expected) = match step {
                1 => (uapi::BUSY_PINNED | uapi::BUSY_TRANSIENT, 0),
                _ => (0, uapi::SCAN_PINS_ONLY),
            };
            assert_eq!(flags, expected);
            assert_eq!(*cursor == Cursor::default(), step == 1);
            *cursor = Cursor::new(7, step);
            buf[..record.len()].copy_from_slice(&record);
            Ok((Busy::new(busy, 4096, 8192), record.len()))
        })
        .unwrap();
        assert_eq!(step, 3);
        assert!(busy.pinned() && busy.transient());
        assert_eq!(busy.first, Some(crate::lease::Extent::new(4096, 8192)));
        assert_eq!(leases.len(), 1);
        assert_eq!(leases[0].pins.len(), 1);
    }

    #[test]
    fn a_scan_without_records_has_an_answer() {
        let result = collect_scan(|_, _, _| Ok((Busy::new(0, 0, 0), 0)));
        assert_eq!(result, Ok((Busy::new(0, 0, 0), Vec::new())));
        let result = collect_scan(|_, _, _| Err(Errno::OPNOTSUPP));
        assert_eq!(result, Err(Error::Refused(Errno::OPNOTSUPP)));
    }
}
