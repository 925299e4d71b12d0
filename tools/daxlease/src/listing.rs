// SPDX-License-Identifier: GPL-2.0

//! Asks the kernel for all leases that it shows to this process.

use crate::ioctl::Cursor;
use crate::ioctl::LeaseFd;
use crate::lease::Lease;
use crate::records;
use crate::records::Malformed;
use rustix::io::Errno;

/// Room for any single record: a path has at most 4096 bytes.
const BUFFER: usize = 64 << 10;

/// Why there is no listing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kernel refused.
    #[error("QUERY failed: {0}")]
    Query(#[from] Errno),
    /// The kernel's answer makes no sense.
    #[error("the module's answer to QUERY is malformed: {0}")]
    Malformed(#[from] Malformed),
}

/// All leases with their pins.
pub fn leases(fd: &LeaseFd) -> Result<Vec<Lease>, Error> {
    collect(|cursor, buf| fd.query(cursor, buf))
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
    fn more_than_the_buffer_is_an_error() {
        let result = collect(|_, buf| Ok(buf.len() + 8));
        assert_eq!(result, Err(Malformed::Length.into()));
    }

    #[test]
    fn an_errno_comes_through() {
        let result = collect(|_, _| Err(Errno::NOTTY));
        assert_eq!(result, Err(Error::Query(Errno::NOTTY)));
    }
}
