// SPDX-License-Identifier: GPL-2.0

//! Pages of user memory, pinned for long, with their layout pin.

use core::ops::Deref;

use kernel::{
    alloc::flags::__GFP_NOWARN,
    bindings::{
        unpin_user_pages_dirty_lock,
        FOLL_WRITE, //
    },
    error::to_result,
    fs::File,
    page::PAGE_SIZE,
    prelude::*,
    types::Opaque, //
};

use crate::{
    bindings,
    range::{
        Chunk,
        Range, //
    }, //
};

/// Pages asked for at once.
const BATCH: usize = 512;

/// References that GUP took.
///
/// # Invariants
///
/// Each element points to a page on which a pin is held.
struct PageVec(KVVec<*mut kernel::bindings::page>);

impl PageVec {
    /// Pins up to `nr` more pages, those from the user address `addr` on.
    fn pin_more(
        &mut self,
        addr: usize,
        nr: usize,
        write: bool,
        handle: &Handle,
        owner: &bindings::layout_pin_owner,
    ) -> Result<usize> {
        let nr = nr.min(BATCH);
        self.0.reserve(nr, GFP_KERNEL | __GFP_NOWARN)?;

        // SAFETY:
        // - `reserve()` made room for `nr` pointers behind the present ones.
        // - `handle` is a layout pin, all-zero or as the last call left it, which nobody else uses
        //   now, as it is part of the same `PinnedPages`, which is under construction.
        // - `owner` has a name that is NUL-terminated and a file that is open.
        let ret = unsafe {
            bindings::layout_pin_user_pages_fast(
                addr,
                nr as i32,
                if write { FOLL_WRITE } else { 0 },
                self.0.spare_capacity_mut().as_mut_ptr().cast(),
                handle.get(),
                owner,
            )
        };
        if ret < 0 {
            to_result(ret as i32)?;
        }
        let pinned = ret as usize;

        // SAFETY: The call wrote that many pointers behind the present ones, and never more than
        // `nr`.
        // INVARIANT: It took a pin on each page.
        unsafe { self.0.inc_len(pinned) };

        // No progress and no error would be an endless loop.
        if pinned == 0 {
            return Err(EFAULT);
        }
        Ok(pinned)
    }

    /// Drops the pins.
    fn unpin(&mut self, make_dirty: bool) {
        // SAFETY: By the type invariants, there is a pin to drop on each of these pages.
        unsafe {
            unpin_user_pages_dirty_lock(self.0.as_mut_ptr(), self.0.len() as c_ulong, make_dirty)
        };
        // INVARIANT: No elements, no pins.
        self.0.clear();
    }
}

/// A layout pin, at a stable address because the lease manager may keep it.
struct Handle(Pin<KBox<Opaque<bindings::layout_pin>>>);

impl Handle {
    fn new() -> Result<Self> {
        Ok(Self(KBox::pin(
            Opaque::new(pin_init::zeroed()),
            GFP_KERNEL,
        )?))
    }
}

impl Deref for Handle {
    type Target = Opaque<bindings::layout_pin>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// What one `TESTDEV_PIN` pinned.
///
/// # Invariants
///
/// `handle` accounts for those of `pages` that need a lease.
pub(crate) struct PinnedPages {
    pages: PageVec,
    write: bool,
    handle: Handle,
}

// SAFETY: Pins and layout pins belong to no task: whichever drops them last may be another one.
unsafe impl Send for PinnedPages {}

impl PinnedPages {
    /// Pins `nr_pages` pages of the current process from `addr` on, or none.
    ///
    /// Takes `mmap_lock` and, in page faults, whatever the filesystem needs.
    pub(crate) fn new(addr: usize, nr_pages: usize, write: bool, file: &File) -> Result<Self> {
        let owner = bindings::layout_pin_owner {
            kind: bindings::layout_pin_kind_LAYOUT_PIN_OTHER,
            name: c"testdev".as_char_ptr(),
            file: file.as_ptr(),
        };
        // INVARIANT: No pages and an empty handle.
        let mut this = Self {
            pages: PageVec(KVVec::new()),
            write,
            handle: Handle::new()?,
        };

        // A failure drops `this`, and with it what is pinned so far.
        while this.nr_pages() < nr_pages {
            let done = this.nr_pages();
            let next = done
                .checked_mul(PAGE_SIZE)
                .and_then(|bytes| addr.checked_add(bytes))
                .ok_or(EOVERFLOW)?;

            this.pages
                .pin_more(next, nr_pages - done, write, &this.handle, &owner)?;
        }
        Ok(this)
    }

    pub(crate) fn nr_pages(&self) -> usize {
        self.pages.0.len()
    }

    /// May the device write?
    pub(crate) fn is_write(&self) -> bool {
        self.write
    }

    /// Checks a transfer, see [`Range::new`].
    pub(crate) fn range(&self, offset: u64, length: u64) -> Result<Range> {
        Range::new(offset, length, self.nr_pages())
    }

    /// Finds the page of `chunk` and checks that `chunk` is `len` bytes in it.
    fn page(&self, chunk: Chunk, len: usize) -> Result<*mut kernel::bindings::page> {
        if chunk.len != len || chunk.len > PAGE_SIZE || chunk.offset > PAGE_SIZE - chunk.len {
            return Err(ERANGE);
        }
        self.pages.0.get(chunk.page).copied().ok_or(ERANGE)
    }

    /// What a device does that writes to memory.
    pub(crate) fn write_chunk(&self, chunk: Chunk, from: &[u8]) -> Result {
        let page = self.page(chunk, from.len())?;

        // SAFETY:
        // - By the type invariants of `PageVec`, the page is pinned, so it exists.
        // - `page()` checked that the bytes are in it and as many as `from` has.
        unsafe {
            bindings::testdev_copy_to_page(page, chunk.offset, from.as_ptr().cast(), from.len())
        };
        Ok(())
    }

    /// What a device does that reads from memory.
    pub(crate) fn read_chunk(&self, chunk: Chunk, to: &mut [u8]) -> Result {
        let page = self.page(chunk, to.len())?;

        // SAFETY:
        // - By the type invariants of `PageVec`, the page is pinned, so it exists.
        // - `page()` checked that the bytes are in it and as many as `to` has.
        unsafe {
            bindings::testdev_copy_from_page(to.as_mut_ptr().cast(), page, chunk.offset, to.len())
        };
        Ok(())
    }
}

impl Drop for PinnedPages {
    fn drop(&mut self) {
        // The account must cover the references, so they go first.
        self.pages.unpin(self.write);

        // SAFETY: The layout pin is all-zero or as `layout_pin_user_pages_fast()` left it, and the
        // pages that it accounts for have just been unpinned.
        unsafe { bindings::layout_pin_release(self.handle.get()) };
    }
}
