// SPDX-License-Identifier: GPL-2.0

//! Where the events of a lease wait for the readers of its fd.
//!
//! `Inbox::queue` is taken below [`crate::layout`]'s locks, and nothing is taken below it: telling
//! only wakes and raises signals. Events are copied to user space with no lock held.

use core::mem::size_of;

use kernel::{
    fs::File,
    iov::IovIterDest,
    new_mutex,
    prelude::*,
    static_lock_class,
    sync::{
        poll::{
            PollCondVarBox,
            PollTable, //
        },
        Arc,
        Mutex, //
    },
    transmute::AsBytes,
    types::Opaque,
};

use crate::{
    bindings,
    event::{
        Event,
        Kind,
        Queue, //
    },
};

const EVENT_SIZE: usize = size_of::<bindings::daxlease_event>();

/// The events of one lease fd.
#[pin_data]
pub(crate) struct Inbox {
    /// `None` while the fd carries no lease.
    #[pin]
    queue: Mutex<Option<Queue>>,
    /// An event has come, or the lease has gone.
    ready: PollCondVarBox,
    /// Who wants signals.
    async_readers: AsyncReaders,
}

/// The list that `fasync_helper()` keeps.
struct AsyncReaders(Opaque<*mut bindings::fasync_struct>);

// SAFETY: The list is not tied to a thread.
unsafe impl Send for AsyncReaders {}
// SAFETY: Those who change it and those who walk it have locks of their own.
unsafe impl Sync for AsyncReaders {}

impl Inbox {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let ready = PollCondVarBox::new(c"daxlease_ready", static_lock_class!())?;

        Arc::pin_init(
            pin_init!(Self {
                queue <- new_mutex!(None, "daxlease_inbox"),
                ready,
                async_readers: AsyncReaders(Opaque::new(core::ptr::null_mut())),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// The fd is about to carry a lease, with this queue; `None`: none any more.
    pub(crate) fn set(&self, queue: Option<Queue>) {
        let old = core::mem::replace(&mut *self.queue.lock(), queue);

        self.ready.notify_all();
        drop(old);
    }

    /// Tells an event. Returns whether there was room for it. Does not sleep for long.
    pub(crate) fn push(&self, event: Event) -> bool {
        let fits = match &mut *self.queue.lock() {
            Some(queue) if queue.is_of(&event) => queue.push(event),
            // The fd carries no lease any more, or another one.
            _ => return true,
        };

        self.ready.notify_all();
        // SAFETY: The pointer is changed by `fasync_helper()` only, which this may run beside.
        unsafe { bindings::daxlease_raise_sigio(self.async_readers.0.get()) };
        fits
    }

    /// Takes the oldest event; waits for one if told so.
    ///
    /// `ENOENT`: no lease. `EAGAIN`: no event and no wait. `ERESTARTSYS`: a signal came.
    fn next(&self, wait: bool) -> Result<Event> {
        let mut queue = self.queue.lock();

        loop {
            let events: &mut Option<Queue> = &mut queue;

            if let Some(event) = events.as_mut().ok_or(ENOENT)?.pop() {
                return Ok(event);
            }
            if !wait {
                return Err(EAGAIN);
            }
            if self.ready.wait_interruptible(&mut queue) {
                return Err(ERESTARTSYS);
            }
        }
    }

    /// Reads as many whole events as there are and fit in, and waits for the first one unless the
    /// fd is not to block. `EINVAL`: not one fits in.
    pub(crate) fn read(&self, iov: &mut IovIterDest<'_>, wait: bool) -> Result<usize> {
        let mut read = 0;

        if iov.len() < EVENT_SIZE {
            return Err(EINVAL);
        }
        while iov.len() >= EVENT_SIZE {
            let event = match self.next(wait && read == 0) {
                Ok(event) => event,
                Err(_) if read > 0 => break,
                Err(error) => return Err(error),
            };

            if iov.copy_to_iter(record(&event).as_bytes()) != EVENT_SIZE {
                match &mut *self.queue.lock() {
                    Some(queue) if queue.is_of(&event) => queue.unpop(event),
                    _ => {}
                }
                if read > 0 {
                    break;
                }
                return Err(EFAULT);
            }
            read += EVENT_SIZE;
        }
        Ok(read)
    }

    pub(crate) fn poll(&self, file: &File, table: PollTable<'_>) -> u32 {
        table.register_wait(file, &self.ready);
        match &*self.queue.lock() {
            Some(queue) if queue.is_empty() => 0,
            Some(_) => bindings::DAXLEASE_POLL_IN,
            None => bindings::DAXLEASE_POLL_HUP,
        }
    }

    /// An fd wants signals, or does not any more.
    ///
    /// # Safety
    ///
    /// To be called as the `fasync` file operation of a file that has this inbox.
    pub(crate) unsafe fn fasync(&self, fd: c_int, file: *mut bindings::file, on: c_int) -> c_int {
        // SAFETY: The list belongs to this file, and is emptied before the file is released.
        unsafe { bindings::fasync_helper(fd, file, on, self.async_readers.0.get()) }
    }
}

/// An event as the UAPI has it.
fn record(event: &Event) -> bindings::daxlease_event {
    let (start, end) = event.range.bytes();
    let head = bindings::daxlease_event {
        size: EVENT_SIZE as u32,
        lease_id: event.lease,
        start,
        end,
        time_ns: event.time,
        ..Default::default()
    };

    match event.kind {
        Kind::Break {
            id,
            reason,
            deadline,
        } => bindings::daxlease_event {
            type_: bindings::DAXLEASE_EVENT_BREAK,
            break_id: id,
            reason,
            deadline_ns: deadline,
            ..head
        },
        Kind::Resumed {
            id,
            reason,
            outcome,
        } => bindings::daxlease_event {
            type_: bindings::DAXLEASE_EVENT_RESUMED,
            break_id: id,
            reason,
            outcome,
            ..head
        },
        Kind::Revoked { pin, reason } => bindings::daxlease_event {
            type_: bindings::DAXLEASE_EVENT_REVOKED,
            pin_id: pin,
            reason,
            ..head
        },
        Kind::Drained => bindings::daxlease_event {
            type_: bindings::DAXLEASE_EVENT_DRAINED,
            ..head
        },
        Kind::Overflow { lost } => bindings::daxlease_event {
            type_: bindings::DAXLEASE_EVENT_OVERFLOW,
            lost,
            ..head
        },
    }
}
