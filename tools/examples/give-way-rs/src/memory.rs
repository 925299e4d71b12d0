// SPDX-License-Identifier: GPL-2.0

//! Mapped memory that a device reads or writes.
//!
//! There are no references into it: the device would change what they refer to.

use crate::failure::Explain;
use crate::failure::Result;
use rustix::mm::MapFlags;
use rustix::mm::ProtFlags;
use std::ffi::c_void;
use std::fs::File;
use std::ptr;

pub struct Memory {
    address: *mut c_void,
    size: usize,
}

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

impl Memory {
    /// The beginning of a file.
    #[expect(unsafe_code, reason = "mmap")]
    pub fn of_file(file: &File, size: usize) -> Result<Self> {
        // SAFETY: a new mapping, where the kernel likes it.
        let address = unsafe {
            rustix::mm::mmap(ptr::null_mut(), size, READ_WRITE, MapFlags::SHARED, file, 0)
        }
        .explain("mapping the file")?;
        Ok(Self { address, size })
    }

    #[expect(unsafe_code, reason = "mmap")]
    pub fn anonymous(size: usize) -> Result<Self> {
        // SAFETY: a new mapping, where the kernel likes it.
        let address = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), size, READ_WRITE, MapFlags::PRIVATE)
        }
        .explain("allocating a buffer")?;
        Ok(Self { address, size })
    }

    pub const fn address(&self) -> *mut c_void {
        self.address
    }

    pub const fn size(&self) -> usize {
        self.size
    }

    /// Fills it from the beginning, as far as it reaches.
    #[expect(unsafe_code, reason = "memory that the device may read meanwhile")]
    pub fn fill(&self, words: impl Iterator<Item = u64>) {
        let first = self.address.cast::<u64>();

        for (index, word) in words.take(self.size / size_of::<u64>()).enumerate() {
            let place = first.wrapping_add(index);
            // SAFETY: within the mapping, which is aligned to a page and lives
            // as long as we do; there are no references into it.
            unsafe { place.write_volatile(word) };
        }
    }
}

impl Drop for Memory {
    #[expect(unsafe_code, reason = "munmap")]
    fn drop(&mut self) {
        // SAFETY: our own mapping, and nobody can use it any more: regions own
        // what they are made of. A failure would leave it mapped, no more.
        let _ = unsafe { rustix::mm::munmap(self.address, self.size) };
    }
}
