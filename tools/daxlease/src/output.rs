// SPDX-License-Identifier: GPL-2.0

//! Writes to stdout.

use crate::failure::Failure;
use std::io::ErrorKind;
use std::io::Write;

/// Prints a text that is whole lines.
pub fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        // The reader, a pager for example, has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
