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
pub(crate) trait Argument: FromBytes + AsBytes + Sized {
    /// The size that was published first.
    const FIRST_SIZE: usize = size_of::<Self>();

    /// `EINVAL` where there are flags or values that are not known.
    fn check(&self) -> Result;
}

/// Reads an argument. A longer one of a later version will do, if it asks for nothing new.
///
/// `EINVAL`: bad size, bytes behind what is known, unknown flags. `EFAULT`: not readable.
pub(crate) fn read<T: Argument>(ptr: UserPtr) -> Result<T> {
    let size = UserSlice::new(ptr, size_of::<u32>())
        .reader()
        .read::<u32>()? as usize;

    if size < T::FIRST_SIZE || size > PAGE_SIZE {
        return Err(EINVAL);
    }
    let mut reader = UserSlice::new(ptr, size).reader();
    let argument = reader.read::<T>()?;
    let mut chunk = [0u8; 64];
    while !reader.is_empty() {
        let part = chunk.len().min(reader.len());
        let Some(part) = chunk.get_mut(..part) else {
            return Err(EINVAL);
        };
        reader.read_slice(part)?;
        if part.iter().any(|&byte| byte != 0) {
            return Err(EINVAL);
        }
    }
    argument.check()?;
    Ok(argument)
}

/// Writes an argument back, as far as the caller knows it.
pub(crate) fn write<T: Argument>(ptr: UserPtr, argument: &T) -> Result {
    UserSlice::new(ptr, size_of::<T>()).writer().write(argument)
}

fn zero(value: u32) -> Result {
    if value == 0 {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

impl Argument for bindings::daxlease_acquire {
    fn check(&self) -> Result {
        zero(self.flags)?;
        zero(self.break_time_ms)?;
        zero(self.reserved)?;
        if self.mode == bindings::DAXLEASE_MODE_EXCLUSIVE {
            Ok(())
        } else {
            Err(EINVAL)
        }
    }
}

impl Argument for bindings::daxlease_attach {
    fn check(&self) -> Result {
        zero(self.flags)
    }
}

impl Argument for bindings::daxlease_release {
    fn check(&self) -> Result {
        zero(self.flags)
    }
}

impl Argument for bindings::daxlease_query {
    fn check(&self) -> Result {
        zero(self.flags)
    }
}

impl Argument for bindings::daxlease_stats {
    fn check(&self) -> Result {
        zero(self.flags)
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
