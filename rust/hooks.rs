// SPDX-License-Identifier: GPL-2.0

//! What the kernel calls: the table of operations, from C and back.
//!
//! What all hooks here rely on:
//!
//! - The manager is published. `break_begin`, `pin` and `write_pinned` are called between
//!   registration and unregistration only: `layout_lease_unregister()` returns when none of them runs
//!   any more. The same goes for the `break_end` of a layout change that is called off at once, as the
//!   module is going. The others are called with a reference on the module that a token or a handle
//!   has had since, or that the caller has taken for it.
//! - The structures passed are valid for the call, and those of the caller are not used by anybody
//!   else meanwhile: a `layout_break` is the caller's own, and it serialises the calls on a handle.

use core::ptr::NonNull;

use kernel::{
    error::to_result,
    module::this_module,
    prelude::*, //
};

use crate::{
    bindings,
    breaker::{
        Break,
        What, //
    },
    dax_file::InodeKey,
    event::Reason,
    gate::{
        self,
        Grab,
        Request, //
    },
    gone,
    handle::Handle,
    identity::Tgid,
    manager::Manager,
    owner::Owner,
    pgmap::Pgmap,
    range::PageRange, //
};

/// What a `layout_change` of 0 is among the reasons of the UAPI, which has them in the same order.
const FIRST_REASON: Reason = bindings::DAXLEASE_REASON_TRUNCATE;

const _: () = assert!(
    bindings::layout_change_LAYOUT_CHANGE_WHOLE_FILE + FIRST_REASON
        == bindings::DAXLEASE_REASON_WHOLE_FILE
);

/// The registration with the kernel.
pub(crate) struct Hooks(());

impl Hooks {
    /// Registers the hooks. `EBUSY` where there is another lease manager.
    ///
    /// # Safety
    ///
    /// A manager must be published before and stay so until the result has been dropped.
    pub(crate) unsafe fn register() -> Result<Self> {
        // SAFETY: The table is static, and unregistered when the result is dropped.
        to_result(unsafe { bindings::layout_lease_register(&OPS.0) })?;
        Ok(Self(()))
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        // SAFETY: The table was registered.
        unsafe { bindings::layout_lease_unregister(&OPS.0) };
    }
}

struct Table(bindings::layout_lease_ops);

// SAFETY: The table is never written to.
unsafe impl Sync for Table {}

static OPS: Table = Table(bindings::layout_lease_ops {
    owner: this_module::<crate::LocalModule>().as_ptr(),
    break_begin: Some(break_begin),
    break_wait: Some(break_wait),
    break_end: Some(break_end),
    pin: Some(pin),
    unpin: Some(unpin),
    allow_revoke: Some(allow_revoke),
    forbid_revoke: Some(forbid_revoke),
    write_pinned: Some(write_pinned),
    device_gone: Some(device_gone),
});

/// # Safety
///
/// As the `break_begin` operation.
unsafe extern "C" fn break_begin(brk: *mut bindings::layout_break) -> c_int {
    // SAFETY: See the top of this file.
    let manager = unsafe { Manager::current() };
    // SAFETY: The pointer is valid and the structure the caller's own.
    let brk = unsafe { &mut *brk };
    let Some(range) = PageRange::from_change(brk.start, brk.end) else {
        return 0;
    };

    let what = What {
        range,
        reason: brk.change + FIRST_REASON,
        me: Tgid::current_key(),
        wait: brk.flags & bindings::LAYOUT_BREAK_NOWAIT == 0,
    };

    match Break::begin(manager, brk.inode as InodeKey, what) {
        Ok(None) => 0,
        Ok(Some((token, wait))) => {
            brk.token = KBox::into_raw(token).cast();
            if wait {
                EINPROGRESS.to_errno()
            } else {
                0
            }
        }
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// As the `break_wait` operation.
unsafe extern "C" fn break_wait(brk: *mut bindings::layout_break) -> c_int {
    // SAFETY: See the top of this file: there is a token.
    let manager = unsafe { Manager::current() };
    // SAFETY: The pointer is valid and the structure the caller's own.
    let token = unsafe { (*brk).token };
    // SAFETY: `break_begin` put the token there, and only `break_end` takes it out, for which the
    // caller waits.
    let token = unsafe { &mut *token.cast::<Break>() };

    match token.wait(manager) {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// As the `break_end` operation.
unsafe extern "C" fn break_end(brk: *mut bindings::layout_break) {
    // SAFETY: See the top of this file.
    let manager = unsafe { Manager::current() };
    // SAFETY: The pointer is valid and the structure the caller's own.
    let brk = unsafe { &mut *brk };
    let token = core::mem::replace(&mut brk.token, core::ptr::null_mut());

    if !token.is_null() {
        // SAFETY: `break_begin` put the token there, and it is taken out only here.
        let token = unsafe { KBox::<Break>::from_raw(token.cast()) };

        KBox::into_inner(token).end(manager);
    }
}

/// The pages of a request from C.
///
/// # Invariants
///
/// The pointer is valid and exclusive for the life of this value, and `mmap_lock` is held.
struct Pages {
    request: NonNull<bindings::layout_pin_request>,
    taken: usize,
    pgmap: Option<Pgmap>,
}

impl Pages {
    /// What has been pinned is the handle's now, and with it the reference to the device.
    fn keep_device(&mut self, handle: &mut Handle) {
        if let Some(pgmap) = self.pgmap.take() {
            handle.held.keep(pgmap);
        }
    }
}

impl Grab for Pages {
    fn grab(&mut self, max: u64) -> Result<Option<(u64, PageRange)>> {
        let raw = self.request.as_ptr();

        // SAFETY: By the type invariant the request is valid and ours.
        unsafe { (*raw).nr_pages = (*raw).nr_pages.min(max as usize) };
        // SAFETY: As above, and `mmap_lock` is held.
        let taken = unsafe { bindings::layout_pin_grab(raw) };
        self.taken = usize::try_from(taken).map_err(|_| Error::from_errno(taken as i32))?;
        if self.taken == 0 {
            return Ok(None);
        }
        // SAFETY: As above; the call has filled it in.
        let pgmap = unsafe { (*raw).pgmap };
        // SAFETY: The call has taken a reference for us.
        self.pgmap = NonNull::new(pgmap).map(|pgmap| unsafe { Pgmap::from_raw(pgmap) });
        // SAFETY: As above; the call has filled the extent in.
        let extent = unsafe { PageRange::new((*raw).first as u64, (*raw).end as u64) };
        Ok(Some((self.taken as u64, extent)))
    }

    fn put_back(&mut self) {
        // SAFETY: By the type invariant the request is valid, and so many pages of it are pinned.
        unsafe { bindings::unpin_user_pages((*self.request.as_ptr()).pages, self.taken) };
        self.taken = 0;
        self.pgmap = None;
    }
}

/// # Safety
///
/// As the `pin` operation.
unsafe extern "C" fn pin(raw: *mut bindings::layout_pin_request) -> c_long {
    // SAFETY: See the top of this file.
    let manager = unsafe { Manager::current() };
    // SAFETY: The request, its handle, owner and mapping are valid, the first two are the caller's
    // own, and it holds `mmap_lock`.
    match unsafe { pin_request(manager, raw) } {
        Ok(pages) => pages as c_long,
        Err(error) => error.to_errno() as c_long,
    }
}

/// # Safety
///
/// `raw`, its handle, owner and mapping must be valid, the first two exclusively the caller's, and
/// `mmap_lock` held.
unsafe fn pin_request(manager: &Manager, raw: *mut bindings::layout_pin_request) -> Result<u64> {
    let raw = NonNull::new(raw).ok_or(EINVAL)?;
    // SAFETY: The caller says that this and what it points to is valid.
    let (handle_ptr, owner, vma, addr, nr_pages, write) = unsafe {
        let request = raw.as_ref();
        (
            request.pin,
            &*request.owner,
            request.vma,
            request.addr,
            request.nr_pages,
            request.write,
        )
    };
    // SAFETY: The mapping is valid under `mmap_lock`.
    let (inode, index) = unsafe {
        (
            bindings::daxlease_vma_inode(vma) as InodeKey,
            bindings::daxlease_vma_index(vma, addr) as u64,
        )
    };
    let request = Request {
        want: PageRange::new(index, index + nr_pages as u64),
        write,
    };
    // INVARIANT: The caller says so.
    let mut pages = Pages {
        request: raw,
        taken: 0,
        pgmap: None,
    };
    // SAFETY: The handle is valid and the caller's own.
    let private = unsafe { (*handle_ptr).priv_ }.cast::<Handle>();

    let layout = manager.find_for_pin(inode)?;
    // SAFETY: A pointer that is not null was put there below, and only `unpin` takes it away; the
    // caller serialises the calls on the handle, so the reference is the only one.
    if let Some(handle) = unsafe { private.as_mut() } {
        let pinned = gate::pin(manager, &layout, handle, &request, &mut pages)?;

        pages.keep_device(handle);
        return Ok(pinned);
    }
    let mut handle = Handle::new(Owner::new(owner)?)?;
    let pinned = gate::pin(manager, &layout, &mut handle, &request, &mut pages)?;
    if pinned > 0 {
        pages.keep_device(&mut handle);
        // SAFETY: The handle is valid and the caller's own.
        unsafe { (*handle_ptr).priv_ = KBox::into_raw(handle).cast() };
    }
    Ok(pinned)
}

/// # Safety
///
/// As the `unpin` operation.
unsafe extern "C" fn unpin(private: *mut c_void) {
    // SAFETY: See the top of this file.
    let manager = unsafe { Manager::current() };
    // SAFETY: `pin` put the pointer there, and the caller gives it up.
    let mut handle = unsafe { KBox::<Handle>::from_raw(private.cast()) };

    handle.held.give_back(manager, None);
}

/// # Safety
///
/// As the `allow_revoke` operation.
unsafe extern "C" fn allow_revoke(
    pin: *mut bindings::layout_pin,
    revoke: Option<unsafe extern "C" fn(*mut bindings::layout_pin)>,
) {
    let Some(revoke) = revoke else {
        return;
    };
    // SAFETY: The caller has a handle that is valid.
    let handle = unsafe { (*pin).priv_ }.cast::<Handle>();
    // SAFETY: It has been pinned for, so `pin` put its `priv` there.
    let owner = unsafe { &(*handle).owner };

    // SAFETY: The API demands of the caller what this does.
    unsafe { owner.revoker.allow(pin, revoke) };
}

/// # Safety
///
/// As the `forbid_revoke` operation.
unsafe extern "C" fn forbid_revoke(pin: *mut bindings::layout_pin) -> bool {
    // SAFETY: As in `allow_revoke`.
    let handle = unsafe { (*pin).priv_ }.cast::<Handle>();
    // SAFETY: As in `allow_revoke`. A revocation may be under way and uses another part.
    let owner = unsafe { &(*handle).owner };

    owner.revoker.forbid()
}

/// # Safety
///
/// As the `write_pinned` operation.
unsafe extern "C" fn write_pinned(
    inode: *mut bindings::inode,
    first: c_ulong,
    nr: c_ulong,
) -> bool {
    // SAFETY: See the top of this file.
    let manager = unsafe { Manager::current() };
    let first = first as u64;

    manager
        .find(inode as InodeKey)
        .is_some_and(|layout| layout.write_pinned(&PageRange::new(first, first + nr as u64)))
}

/// # Safety
///
/// As the `device_gone` operation.
unsafe extern "C" fn device_gone(inode: *mut bindings::inode) {
    // SAFETY: See the top of this file.
    let manager = unsafe { Manager::current() };

    gone::device_gone(manager, inode as InodeKey);
}
