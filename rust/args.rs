// SPDX-License-Identifier: GPL-2.0

//! Ioctl arguments: structures that begin with their size and may grow.

use core::mem::size_of;

use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    transmute::{
        AsBytes,
        FromBytes, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

use crate::bindings;

/// A structure of the UAPI header that an ioctl takes.
///
/// Its first two members are `size` and `flags`.
pub(crate) trait Argument: FromBytes + AsBytes + Default {
    /// The size that was published first.
    const FIRST_SIZE: usize;

    /// `EINVAL` where there are flags or values that are not known.
    fn check(&self) -> Result;
}

/// An argument and how much of it the caller knows.
pub(crate) struct Args<T> {
    ptr: UserPtr,
    known: usize,
    pub(crate) value: T,
}

impl<T: Argument> Args<T> {
    /// Reads an argument. An earlier version of the structure is filled up with zeroes; a later one
    /// will do if it asks for nothing new.
    ///
    /// `EINVAL`: bad size, bytes behind what is known, unknown flags. `EFAULT`: not readable.
    pub(crate) fn read(ptr: UserPtr) -> Result<Self> {
        let size = UserSlice::new(ptr, size_of::<u32>())
            .reader()
            .read::<u32>()? as usize;

        if size < T::FIRST_SIZE || size > PAGE_SIZE {
            return Err(EINVAL);
        }
        let known = size.min(size_of::<T>());
        let mut reader = UserSlice::new(ptr, size).reader();
        let mut value = T::default();
        reader.read_slice(T::as_bytes_mut(&mut value).get_mut(..known).ok_or(EINVAL)?)?;
        let mut chunk = [0u8; 64];
        while !reader.is_empty() {
            let part = chunk.len().min(reader.len());
            let part = chunk.get_mut(..part).ok_or(EINVAL)?;
            reader.read_slice(part)?;
            if part.iter().any(|&byte| byte != 0) {
                return Err(EINVAL);
            }
        }
        value.check()?;
        Ok(Self { ptr, known, value })
    }

    /// Writes the argument back, as far as the caller knows it.
    pub(crate) fn write_back(&self) -> Result {
        let bytes = self.value.as_bytes().get(..self.known).ok_or(EINVAL)?;

        UserSlice::new(self.ptr, bytes.len())
            .writer()
            .write_slice(bytes)
    }
}

fn zero(value: u32) -> Result {
    if value == 0 {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

impl Argument for bindings::daxlease_acquire {
    const FIRST_SIZE: usize = 48;

    fn check(&self) -> Result {
        zero(self.flags)?;
        zero(self.reserved)?;
        match self.mode {
            bindings::DAXLEASE_MODE_EXCLUSIVE => zero(self.break_time_ms),
            bindings::DAXLEASE_MODE_BREAKABLE => Ok(()),
            _ => Err(EINVAL),
        }
    }
}

impl Argument for bindings::daxlease_attach {
    const FIRST_SIZE: usize = 16;

    fn check(&self) -> Result {
        zero(self.flags)
    }
}

impl Argument for bindings::daxlease_release {
    const FIRST_SIZE: usize = 8;

    fn check(&self) -> Result {
        zero(self.flags)
    }
}

impl Argument for bindings::daxlease_query {
    const FIRST_SIZE: usize = 40;

    fn check(&self) -> Result {
        zero(self.flags)
    }
}

impl Argument for bindings::daxlease_scan {
    const FIRST_SIZE: usize = 80;

    fn check(&self) -> Result {
        zero(self.flags & !bindings::DAXLEASE_SCAN_PINS_ONLY)
    }
}

impl Argument for bindings::daxlease_stats {
    const FIRST_SIZE: usize = 88;

    fn check(&self) -> Result {
        zero(self.flags)
    }
}

impl Argument for bindings::daxlease_openers {
    const FIRST_SIZE: usize = 32;

    fn check(&self) -> Result {
        zero(self.flags)
    }
}

impl Argument for bindings::daxlease_force {
    const FIRST_SIZE: usize = 48;

    fn check(&self) -> Result {
        zero(self.flags & !bindings::DAXLEASE_FORCE_KILL)?;
        zero(self.reserved)
    }
}

#[kunit_tests(daxlease_args)]
mod tests {
    use super::*;

    fn acquire() -> bindings::daxlease_acquire {
        bindings::daxlease_acquire {
            size: size_of::<bindings::daxlease_acquire>() as u32,
            mode: bindings::DAXLEASE_MODE_EXCLUSIVE,
            ..Default::default()
        }
    }

    #[test]
    fn known_values_pass() {
        assert_eq!(acquire().check(), Ok(()));
        for break_time_ms in [0, 1, u32::MAX] {
            let breakable = bindings::daxlease_acquire {
                mode: bindings::DAXLEASE_MODE_BREAKABLE,
                break_time_ms,
                ..acquire()
            };

            assert_eq!(breakable.check(), Ok(()));
        }
    }

    #[test]
    fn unknown_values_do_not() {
        for argument in [
            bindings::daxlease_acquire {
                flags: 1,
                ..acquire()
            },
            bindings::daxlease_acquire {
                mode: 0,
                ..acquire()
            },
            bindings::daxlease_acquire {
                mode: 77,
                ..acquire()
            },
            bindings::daxlease_acquire {
                break_time_ms: 1,
                ..acquire()
            },
            bindings::daxlease_acquire {
                reserved: 1,
                ..acquire()
            },
        ] {
            assert_eq!(argument.check(), Err(EINVAL));
        }
    }
}
