// SPDX-License-Identifier: GPL-2.0

//! Pages of user memory, pinned for long, with their layout pin.

use kernel::{
    alloc::flags::__GFP_NOWARN,
    bindings::{
        unpin_user_pages_dirty_lock,
        FOLL_WRITE, //
    },
    container_of,
    error::to_result,
    fs::File,
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::Mutex,
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

/// References that GUP took. Dropped, they are given back.
///
/// # Invariants
///
/// Each element points to a page on which a pin is held.
struct PageVec {
    pages: KVVec<*mut kernel::bindings::page>,
    /// The device may write.
    write: bool,
}

impl PageVec {
    fn new(write: bool) -> Self {
        // INVARIANT: No pages.
        Self {
            pages: KVVec::new(),
            write,
        }
    }

    fn len(&self) -> usize {
        self.pages.len()
    }

    /// Pins up to `nr` more pages, those from the user address `addr` on.
    ///
    /// # Safety
    ///
    /// Nobody else uses `handle` now.
    unsafe fn pin_more(
        &mut self,
        addr: usize,
        nr: usize,
        handle: &Opaque<bindings::layout_pin>,
        owner: &bindings::layout_pin_owner,
    ) -> Result {
        let nr = nr.min(BATCH);
        self.pages.reserve(nr, GFP_KERNEL | __GFP_NOWARN)?;

        // SAFETY:
        // - `reserve()` made room for `nr` pointers behind the present ones.
        // - `handle` is a layout pin, all-zero or as the last call left it, which nobody else uses.
        // - `owner` has a name that is NUL-terminated and a file that is open.
        let ret = unsafe {
            bindings::layout_pin_user_pages_fast(
                addr,
                nr as i32,
                if self.write { FOLL_WRITE } else { 0 },
                self.pages.spare_capacity_mut().as_mut_ptr().cast(),
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
        unsafe { self.pages.inc_len(pinned) };

        // No progress and no error would be an endless loop.
        if pinned == 0 {
            return Err(EFAULT);
        }
        Ok(())
    }

    /// Finds the page of `chunk` and checks that `chunk` is `len` bytes in it.
    fn page(&self, chunk: Chunk, len: usize) -> Result<*mut kernel::bindings::page> {
        if chunk.len != len || chunk.len > PAGE_SIZE || chunk.offset > PAGE_SIZE - chunk.len {
            return Err(ERANGE);
        }
        self.pages.get(chunk.page).copied().ok_or(ERANGE)
    }
}

impl Drop for PageVec {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, there is a pin to drop on each of these pages.
        unsafe {
            unpin_user_pages_dirty_lock(
                self.pages.as_mut_ptr(),
                self.pages.len() as c_ulong,
                self.write,
            )
        };
    }
}

/// What a revocation reaches; at a stable address, as the lease manager keeps that of `handle`.
///
/// # Invariants
///
/// `handle` accounts for those of `pages` that need a lease.
#[pin_data]
struct Revocable {
    handle: Opaque<bindings::layout_pin>,
    /// `None`: taken back. Held while bytes are moved.
    #[pin]
    pages: Mutex<Option<PageVec>>,
}

impl Revocable {
    /// The lease manager's callback: no DMA any more, and the pages are unpinned.
    ///
    /// # Safety
    ///
    /// `pin` must be the handle of a [`Revocable`] that stays until this returns.
    unsafe extern "C" fn revoke(pin: *mut bindings::layout_pin) {
        let handle = Opaque::cast_from(pin).cast_mut();
        // SAFETY: The caller says that `handle` is in a `Revocable`, which is there.
        let this = unsafe { &*container_of!(handle, Self, handle) };
        // Waits for a copy under way. A statement of its own, to unpin without the lock.
        let pages = this.pages.lock().take();

        drop(pages);
    }
}

/// What one `TESTDEV_PIN` pinned.
pub(crate) struct PinnedPages {
    inner: Pin<KBox<Revocable>>,
    nr_pages: usize,
    write: bool,
}

// SAFETY: Pins and layout pins belong to no task: whichever drops them last may be another one.
unsafe impl Send for PinnedPages {}

impl PinnedPages {
    /// Pins `nr_pages` pages of the current process from `addr` on, or none.
    ///
    /// Takes `mmap_lock` and, in page faults, whatever the filesystem needs.
    pub(crate) fn new(
        addr: usize,
        nr_pages: usize,
        write: bool,
        revocable: bool,
        file: &File,
    ) -> Result<Self> {
        let owner = bindings::layout_pin_owner {
            kind: bindings::layout_pin_kind_LAYOUT_PIN_OTHER,
            name: c"testdev".as_char_ptr(),
            file: file.as_ptr(),
        };
        // INVARIANT: No pages and an empty handle.
        let this = Self {
            inner: KBox::pin_init(
                pin_init!(Revocable {
                    handle: Opaque::new(pin_init::zeroed()),
                    pages <- new_mutex!(None),
                }),
                GFP_KERNEL,
            )?,
            nr_pages,
            write,
        };
        // After `this`, so that it is dropped before: the account must cover the references.
        let mut pages = PageVec::new(write);

        while pages.len() < nr_pages {
            let done = pages.len();
            let next = done
                .checked_mul(PAGE_SIZE)
                .and_then(|bytes| addr.checked_add(bytes))
                .ok_or(EOVERFLOW)?;

            // SAFETY: Nobody knows of `this` yet.
            unsafe { pages.pin_more(next, nr_pages - done, &this.inner.handle, &owner)? };
        }
        // INVARIANT: These are what the handle accounts for.
        *this.inner.pages.lock() = Some(pages);
        if revocable {
            // SAFETY: The handle is as the calls above left it and is not used again before
            // `layout_pin_forbid_revoke()`, in `drop()`; until then it stays where it is, in a
            // `Revocable`, as the callback wants it.
            unsafe {
                bindings::layout_pin_allow_revoke(this.inner.handle.get(), Some(Revocable::revoke))
            };
        }
        Ok(this)
    }

    /// The device is done with the pages. Returns whether they had been taken back.
    pub(crate) fn unpin(self) -> bool {
        self.forbid_revoke()
    }

    /// Nobody takes the pages back from now on. Returns whether somebody has done so before.
    fn forbid_revoke(&self) -> bool {
        // SAFETY: The layout pin is all-zero or as `layout_pin_user_pages_fast()` left it.
        unsafe { bindings::layout_pin_forbid_revoke(self.inner.handle.get()) }
    }

    /// May the device write?
    pub(crate) fn is_write(&self) -> bool {
        self.write
    }

    /// Checks a transfer, see [`Range::new`].
    pub(crate) fn range(&self, offset: u64, length: u64) -> Result<Range> {
        Range::new(offset, length, self.nr_pages)
    }

    /// What a device does that writes to memory. [`EKEYREVOKED`] where that was taken back.
    pub(crate) fn write_chunk(&self, chunk: Chunk, from: &[u8]) -> Result {
        let pages = self.inner.pages.lock();
        let page = pages.as_ref().ok_or(EKEYREVOKED)?.page(chunk, from.len())?;

        // SAFETY:
        // - By the type invariants of `PageVec`, the page is pinned, so it exists; the lock keeps
        //   it so.
        // - `page()` checked that the bytes are in it and as many as `from` has.
        unsafe {
            bindings::testdev_copy_to_page(page, chunk.offset, from.as_ptr().cast(), from.len())
        };
        Ok(())
    }

    /// What a device does that reads from memory. [`EKEYREVOKED`] where that was taken back.
    pub(crate) fn read_chunk(&self, chunk: Chunk, to: &mut [u8]) -> Result {
        let pages = self.inner.pages.lock();
        let page = pages.as_ref().ok_or(EKEYREVOKED)?.page(chunk, to.len())?;

        // SAFETY:
        // - By the type invariants of `PageVec`, the page is pinned, so it exists; the lock keeps
        //   it so.
        // - `page()` checked that the bytes are in it and as many as `to` has.
        unsafe {
            bindings::testdev_copy_from_page(to.as_mut_ptr().cast(), page, chunk.offset, to.len())
        };
        Ok(())
    }
}

impl Drop for PinnedPages {
    fn drop(&mut self) {
        // What it returns is told by the pages, too: there are none where they were taken back.
        self.forbid_revoke();

        // The account must cover the references, so they go first, and without the lock.
        let pages = self.inner.pages.lock().take();
        drop(pages);

        // SAFETY: The layout pin is all-zero or as `layout_pin_user_pages_fast()` left it. Revocation
        // is over or forbidden, and the pages that it accounts for have been unpinned.
        unsafe { bindings::layout_pin_release(self.inner.handle.get()) };
    }
}
