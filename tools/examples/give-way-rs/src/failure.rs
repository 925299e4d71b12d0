// SPDX-License-Identifier: GPL-2.0

//! What went wrong and what to do about it, for people.

use std::fmt;
use std::fmt::Display;

pub type Result<T> = std::result::Result<T, Failure>;

/// Ends the program.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub trait Explain<T> {
    /// Says what was being done when that went wrong.
    fn explain(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> Explain<T> for std::result::Result<T, E> {
    fn explain(self, what: impl Display) -> Result<T> {
        self.map_err(|error| Failure(format!("{error}: {what}")))
    }
}
