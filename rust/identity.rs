// SPDX-License-Identifier: GPL-2.0

//! Who does something: thread group, user, name.

use core::ptr::NonNull;

use kernel::{
    prelude::*,
    task::Kuid, //
};

use crate::bindings;

/// The name of a task, NUL-terminated.
pub(crate) type Comm = [u8; bindings::TASK_COMM_LEN as usize];

/// A thread group, also after it has ended.
///
/// This is its `struct pid` and not its number, so it is never mistaken for another one. `execve()`
/// keeps it and `fork()` makes another one, as is wanted of a lease holder.
///
/// # Invariants
///
/// Points to a `struct pid` and owns a reference to it.
pub(crate) struct Tgid(NonNull<bindings::pid>);

// SAFETY: `struct pid` is reference-counted and not tied to a thread.
unsafe impl Send for Tgid {}
// SAFETY: Nothing is done with a `struct pid` here that other threads must not do at the time.
unsafe impl Sync for Tgid {}

impl Tgid {
    /// The caller's thread group.
    pub(crate) fn current() -> Result<Self> {
        // SAFETY: Nothing is required.
        let current = unsafe { bindings::daxlease_current_tgid() };
        // SAFETY: The pid is valid: the task itself holds a reference to it.
        let pid = unsafe { bindings::daxlease_get_pid(current) };

        // INVARIANT: The reference is the one just taken.
        NonNull::new(pid).map(Self).ok_or(ESRCH)
    }

    /// What tells thread groups apart, as long as somebody has the [`Tgid`].
    pub(crate) fn key(&self) -> usize {
        self.0.as_ptr() as usize
    }

    /// The key of the caller's thread group.
    pub(crate) fn current_key() -> usize {
        // SAFETY: Nothing is required.
        unsafe { bindings::daxlease_current_tgid() as usize }
    }

    /// Its number in the reader's pid namespace, 0 where it has ended or cannot be seen.
    pub(crate) fn nr(&self) -> i32 {
        // SAFETY: By the type invariant the pointer is valid.
        unsafe { bindings::daxlease_tgid_nr(self.0.as_ptr()) }
    }

    /// Whether it is, or was, of the reader's pid namespace or one below.
    pub(crate) fn is_in_view(&self) -> bool {
        // SAFETY: By the type invariant the pointer is valid.
        unsafe { bindings::daxlease_tgid_in_view(self.0.as_ptr()) }
    }

    /// Ends it. Returns whether it was there to be ended.
    pub(crate) fn kill(&self) -> bool {
        // SAFETY: By the type invariant the pointer is valid.
        unsafe { bindings::daxlease_kill(self.0.as_ptr()) }
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_alive(&self) -> bool {
        // SAFETY: By the type invariant the pointer is valid.
        unsafe { bindings::daxlease_tgid_alive(self.0.as_ptr()) }
    }
}

impl Drop for Tgid {
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference, which is given back.
        unsafe { bindings::put_pid(self.0.as_ptr()) };
    }
}

/// A user, by the number in the initial namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Uid(u32);

impl Uid {
    /// The caller's effective user.
    pub(crate) fn current() -> Self {
        Self(Kuid::current_euid().into_raw().val)
    }

    /// Its number in the reader's user namespace.
    pub(crate) fn here(self) -> u32 {
        // SAFETY: Nothing is required.
        unsafe { bindings::daxlease_uid_here(self.0) }
    }
}

/// The caller's name.
pub(crate) fn current_comm() -> Comm {
    let mut comm = Comm::default();

    // SAFETY: There is room for `TASK_COMM_LEN` bytes.
    unsafe { bindings::daxlease_current_comm(comm.as_mut_ptr().cast()) };
    comm
}

/// A name that somebody chose. `CStr` shows what is not printable ASCII as `\xNN`, so a line stays
/// a line.
pub(crate) fn printable(bytes: &[u8]) -> &CStr {
    CStr::from_bytes_until_nul(bytes).unwrap_or(c"?")
}

/// Whether the caller may take leases and pins away from others. An audit hears of it.
pub(crate) fn may_force() -> bool {
    // SAFETY: Nothing is required.
    unsafe { bindings::daxlease_may_force() }
}

/// Whether the caller is about to end, whatever it does.
pub(crate) fn is_killed() -> bool {
    // SAFETY: Nothing is required.
    unsafe { bindings::daxlease_is_killed() }
}

/// Whether the caller may see everything.
pub(crate) fn is_admin() -> bool {
    // SAFETY: Nothing is required.
    unsafe { bindings::daxlease_is_admin() }
}
