// SPDX-License-Identifier: GPL-2.0

//! The tracepoints of `trace.h`, as safe functions.
//!
//! One that is off costs a load and a branch: what it would tell is not even put together.

use kernel::{
    error::Error,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

use crate::{
    account::{
        PinKey,
        PinRecord, //
    },
    bindings,
    event::Reason,
    lease::Mode,
    owner::{
        DeviceName,
        Owner, //
    },
    range::PageRange,
    verdict::Verdict, //
};

const _: () = assert!(size_of::<DeviceName>() == bindings::DAXLEASE_TRACE_DEVICE_LEN as usize);

/// A file by the numbers that users know it by.
#[derive(Clone, Copy)]
pub(crate) struct FileTag {
    /// Major and minor number of the filesystem's device.
    pub(crate) dev: (u32, u32),
    pub(crate) ino: u64,
}

/// Why a lease is gone.
#[derive(Clone, Copy)]
pub(crate) enum Ending {
    /// By RELEASE.
    Released = 0,
    /// Its last fd was closed, and it had no pins.
    Closed = 1,
    /// It was an orphan, and its last pin has gone.
    Orphan = 2,
}

/// Does somebody listen?
///
/// Not by `static_branch_unlikely!`: what that includes is made anew by Kbuild in a kernel that was
/// built in its source tree, and the second build of a module against such a kernel fails.
///
/// # Safety
///
/// `tracepoint` must be one of this module's.
unsafe fn is_on(tracepoint: *mut bindings::tracepoint) -> bool {
    // SAFETY: It is there as long as the module is.
    let enabled = unsafe { &raw mut (*tracepoint).key.key.enabled.counter };

    // SAFETY: It is valid and aligned, and all others access it atomically, too.
    unsafe { Atomic::from_ptr(enabled) }.load(Relaxed) != 0
}

/// `event!(name(arguments))`: tells it, if somebody listens. The arguments are looked at only then.
macro_rules! event {
    ($name:ident($($arg:expr),+ $(,)?)) => {
        ::kernel::macros::paste! {
            // SAFETY: `trace.c` defines it.
            if unsafe { is_on(&raw mut bindings::[<__tracepoint_ $name>]) } {
                // SAFETY: What the arguments point to is valid for the call, and only read.
                unsafe { bindings::[<rust_do_trace_ $name>]($($arg),+) };
            }
        }
    };
}

impl FileTag {
    fn part(self, range: &PageRange) -> bindings::daxlease_trace_part {
        let (start, end) = range.bytes();

        bindings::daxlease_trace_part {
            major: self.dev.0,
            minor: self.dev.1,
            ino: self.ino,
            start,
            end,
        }
    }

    fn pin(
        self,
        range: &PageRange,
        key: PinKey,
        pages: u64,
        owner: &Owner,
    ) -> bindings::daxlease_trace_pin {
        bindings::daxlease_trace_pin {
            part: self.part(range),
            lease_id: key.lease,
            pin_id: key.id,
            pages,
            kind: owner.kind,
            device: owner.device.as_ptr().cast(),
        }
    }
}

/// A lease has been taken.
#[inline(always)]
pub(crate) fn acquire(file: FileTag, lease: u64, range: &PageRange, mode: Mode) {
    event!(daxlease_acquire(
        &file.part(range),
        lease,
        mode.number(),
        mode.break_time_ms()
    ));
}

/// A thread group has become a holder of a lease.
#[inline(always)]
pub(crate) fn attach(file: FileTag, lease: u64, range: &PageRange) {
    event!(daxlease_attach(&file.part(range), lease));
}

/// A lease is gone.
#[inline(always)]
pub(crate) fn release(file: FileTag, lease: u64, range: &PageRange, ending: Ending) {
    event!(daxlease_release(&file.part(range), lease, ending as u32));
}

/// A batch of pages has been accounted, with the folios around them: `extent`.
#[inline(always)]
pub(crate) fn pin(
    file: FileTag,
    key: PinKey,
    extent: &PageRange,
    pages: u64,
    write: bool,
    owner: &Owner,
) {
    event!(daxlease_pin(&file.pin(extent, key, pages, owner), write));
}

/// All that a handle had accounted under a lease has been given back.
#[inline(always)]
pub(crate) fn unpin(file: FileTag, key: PinKey, record: &PinRecord) {
    event!(daxlease_unpin(&file.pin(
        &record.span,
        key,
        record.pages,
        &record.owner
    )));
}

/// The same has been taken back from its owner.
#[inline(always)]
pub(crate) fn revoke(file: FileTag, key: PinKey, record: &PinRecord, reason: Reason) {
    event!(daxlease_revoke(
        &file.pin(&record.span, key, record.pages, &record.owner),
        reason
    ));
}

/// A layout change of a leased file begins.
#[inline(always)]
pub(crate) fn break_begin(file: FileTag, id: u64, range: &PageRange, reason: Reason) {
    event!(daxlease_break_begin(&file.part(range), id, reason));
}

/// A layout change has been judged, perhaps not for the last time.
#[inline(always)]
pub(crate) fn break_verdict(file: FileTag, id: u64, range: &PageRange, verdict: Result<Verdict>) {
    let (number, error) = match verdict {
        Ok(Verdict::Go) => (0, 0),
        Ok(Verdict::Wait) => (1, 0),
        Err(error) => (2, errno(error)),
    };

    event!(daxlease_break_verdict(&file.part(range), id, number, error));
}

/// A layout change is over; `outcome` is 0 or the errno that it came to nothing with.
#[inline(always)]
pub(crate) fn break_end(file: FileTag, id: u64, range: &PageRange, outcome: u32) {
    event!(daxlease_break_end(&file.part(range), id, outcome));
}

/// As user space has it: positive, and a signal is a signal.
pub(crate) fn errno(error: Error) -> u32 {
    let error = if error == ERESTARTSYS { EINTR } else { error };

    error.to_errno().unsigned_abs()
}
