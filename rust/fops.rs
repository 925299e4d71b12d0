// SPDX-License-Identifier: GPL-2.0

//! File operations of the device that `MiscDevice` does not have: `poll` and `fasync`.

use kernel::{
    fs::{
        file::flags::O_NONBLOCK,
        File,
        Kiocb,
        LocalFile, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions, //
    },
    prelude::*,
    sync::poll::PollTable,
    types::ForeignOwnable, //
};

use crate::{
    bindings,
    device::LeaseFd, //
};

/// The name of the device.
pub(crate) const OPTIONS: MiscDeviceOptions = MiscDeviceOptions { name: c"daxlease" };

struct Table(kernel::bindings::file_operations);

// SAFETY: The table is never written to.
unsafe impl Sync for Table {}

/// All operations: those of `MiscDevice`, and ours.
static FOPS: Table = {
    let misc = OPTIONS.into_raw::<LeaseFd>();

    // SAFETY: The pointer is to the table that `MiscDevice` makes of its trait, a constant.
    let mut fops = unsafe { *misc.fops };

    fops.poll = Some(poll);
    fops.fasync = Some(fasync);
    Table(fops)
};

/// Gives a file that is being opened all operations.
pub(crate) fn extend(file: &File) {
    // SAFETY: The file is being opened, as `LeaseFd::open()` calls this, so nobody else looks at its
    // operations. The new ones are static and have the same owner, so the file's reference to the
    // module serves them.
    unsafe { bindings::daxlease_replace_fops(file.as_ptr(), &FOPS.0) };
}

/// Whether what is done with a file may wait.
pub(crate) fn blocks(file: &LocalFile) -> bool {
    file.flags() & O_NONBLOCK == 0
}

/// Whether a read may wait.
pub(crate) fn may_wait(kiocb: &Kiocb<'_, <LeaseFd as MiscDevice>::Ptr>) -> bool {
    let raw = kiocb.as_raw();

    // SAFETY: The kiocb and its file are valid as long as it is borrowed; where the position is in use
    // without its lock, it is by this thread.
    unsafe {
        (*raw).ki_flags & bindings::DAXLEASE_IOCB_NOWAIT as c_int == 0
            && blocks(LocalFile::from_raw_file((*raw).ki_filp))
    }
}

/// # Safety
///
/// As the `poll` operation of a file of the device.
unsafe extern "C" fn poll(
    raw: *mut kernel::bindings::file,
    table: *mut kernel::bindings::poll_table_struct,
) -> kernel::bindings::__poll_t {
    // SAFETY: The file is valid for the call.
    let private = unsafe { (*raw).private_data };
    // SAFETY: The private data is what `LeaseFd::open()` has returned, and stays for the call.
    let me = unsafe { <Pin<KBox<LeaseFd>> as ForeignOwnable>::borrow(private) };
    // SAFETY: The file is valid for the call, and `poll` does not use its position.
    let file = unsafe { File::from_raw_file(raw) };
    // SAFETY: The table is null or valid for the call.
    let table = unsafe { PollTable::from_raw(table) };

    me.inbox().poll(file, table)
}

/// # Safety
///
/// As the `fasync` operation of a file of the device.
unsafe extern "C" fn fasync(fd: c_int, raw: *mut kernel::bindings::file, on: c_int) -> c_int {
    // SAFETY: As in `poll`.
    let private = unsafe { (*raw).private_data };
    // SAFETY: As in `poll`.
    let me = unsafe { <Pin<KBox<LeaseFd>> as ForeignOwnable>::borrow(private) };

    // SAFETY: This is the operation.
    unsafe { me.inbox().fasync(fd, raw, on) }
}
