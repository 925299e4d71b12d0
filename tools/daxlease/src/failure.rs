// SPDX-License-Identifier: GPL-2.0

//! Why the program ends without success, and with which exit code.
//!
//! The codes are those of env(1), so that a script can tell a failure of
//! `daxlease run` from one of the command it runs.

use std::process::ExitCode;

/// Exit code of a failure of daxlease itself.
const OWN: u8 = 125;
/// The command exists and cannot be run.
const NOT_EXECUTABLE: u8 = 126;
/// The command does not exist.
const NOT_FOUND: u8 = 127;

/// What went wrong, in a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// daxlease could not do its part.
    #[error("{0}")]
    Own(String),
    /// The command exists and cannot be run.
    #[error("{0}")]
    NotExecutable(String),
    /// The command does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// The exit code that goes with it.
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::NotExecutable(_) => NOT_EXECUTABLE,
            Self::NotFound(_) => NOT_FOUND,
            Self::Usage(_) | Self::Own(_) | Self::Output(_) => OWN,
        })
    }
}
