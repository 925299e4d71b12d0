// SPDX-License-Identifier: GPL-2.0

//! The gate that long-term pins pass.
//!
//! ```text
//! pin                                     layout change (breaker.rs)
//!
//! reserve memory                          mark the range as changing
//! enter SRCU                              wait for readers, if there are any
//!   check the lease, the marks            judge by the accounts
//!   take the pages, without faulting      change the layout
//!   account them, unless marked now       take the mark off
//! leave SRCU
//! ```
//!
//! A pin that has passed its check before the mark was set is waited for, and its account is there
//! when the change is judged. A pin that comes later sees the mark and is refused. There is no third
//! kind, since the check, the mark and the account are made under one lock. The extent of the folios
//! is known only when they have been taken and may reach into a range that is marked, hence the
//! second look.
//!
//! Inside of the SRCU section nothing faults and nothing is allocated. Faulting is what the caller
//! does between two attempts; reserving is what is done before.

use kernel::{
    prelude::*,
    rbtree::RBTreeNodeReservation,
    sync::Arc, //
};

use crate::{
    account::{
        CommitError,
        PinKey,
        PinRecord,
        Spare,
        Target,
        Wanted, //
    },
    handle::Handle,
    identity::Tgid,
    layout::{
        Layout,
        Walk, //
    },
    manager::Manager,
    range::PageRange,
    runs::Run,
    trace::Ending, //
};

/// What takes the pages, between the check and the account.
pub(crate) trait Grab {
    /// Takes up to `max` pages, all that are mapped writable from the first one on.
    ///
    /// Returns their number and the extent that their folios hold immovable; `None` where the first
    /// one is missing.
    fn grab(&mut self, max: u64) -> Result<Option<(u64, PageRange)>>;

    /// Puts back what was taken last.
    fn put_back(&mut self);
}

/// A piece of a file that somebody wants pinned.
pub(crate) struct Request {
    pub(crate) want: PageRange,
    pub(crate) write: bool,
}

/// A pin that is to be, under the lease that the walk will find.
struct NewPin {
    record: PinRecord,
    room: RBTreeNodeReservation<PinKey, PinRecord>,
    id: u64,
}

impl NewPin {
    fn new(manager: &Manager, handle: &Handle) -> Result<Self> {
        Ok(Self {
            record: PinRecord::new(handle.owner.clone()),
            room: RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?,
            id: manager.new_id(),
        })
    }

    fn target(self, key: PinKey) -> Target {
        let node = self.room.into_node(key, self.record);

        Target::New { key, node }
    }
}

enum Outcome {
    /// So many pages are pinned and accounted; 0: the first one has to be faulted in.
    Done(u64),
    /// Again, with memory for a new pin.
    NewPin,
    /// Again, with more memory.
    More(Wanted),
}

/// Pins pages of a leased file for `handle`. Returns their number, 0 if the first one has to be
/// faulted in.
///
/// `mmap_lock` is held for reading. `EOPNOTSUPP`: no lease allows it. `EAGAIN`: the layout is
/// changing. `EFAULT`: it may not be written.
pub(crate) fn pin(
    manager: &Manager,
    layout: &Arc<Layout>,
    handle: &mut Handle,
    request: &Request,
    grab: &mut dyn Grab,
) -> Result<u64> {
    let mut new_pin = !handle.held.knows(layout);
    let mut spare = Spare::new()?;

    loop {
        handle.held.reserve()?;
        let mut new = if new_pin {
            Some(NewPin::new(manager, handle)?)
        } else {
            None
        };

        match attempt(manager, layout, handle, request, grab, &mut new, &mut spare)? {
            Outcome::Done(pages) => return Ok(pages),
            Outcome::NewPin => new_pin = true,
            Outcome::More(wanted) => spare.refill(wanted)?,
        }
    }
}

fn attempt(
    manager: &Manager,
    layout: &Arc<Layout>,
    handle: &mut Handle,
    request: &Request,
    grab: &mut dyn Grab,
    new: &mut Option<NewPin>,
    spare: &mut Spare,
) -> Result<Outcome> {
    let srcu = manager.srcu.read_lock();
    let walk = layout.start_walk(Tgid::current_key(), &request.want, request.write)?;

    if handle.held.pin(walk.lease).is_none() && new.is_none() {
        drop(srcu);
        cancel(manager, layout, walk);
        return Ok(Outcome::NewPin);
    }
    let (pages, extent) = match grab.grab(walk.len) {
        Ok(Some(grabbed)) => grabbed,
        other => {
            drop(srcu);
            cancel(manager, layout, walk);
            return other.map(|_| Outcome::Done(0));
        }
    };
    let run = Run {
        range: extent,
        write: request.write,
    };
    let account = account(layout, handle, &walk, run, new, spare);
    if account.is_err() {
        grab.put_back();
    }
    drop(srcu);
    match account {
        Ok(()) => Ok(Outcome::Done(pages)),
        Err(CommitError::Retry(wanted)) => {
            cancel(manager, layout, walk);
            Ok(Outcome::More(wanted))
        }
        Err(CommitError::Refused(error)) => {
            cancel(manager, layout, walk);
            Err(error)
        }
    }
}

/// Accounts what has been grabbed. Allocates nothing.
fn account(
    layout: &Arc<Layout>,
    handle: &mut Handle,
    walk: &Walk,
    run: Run,
    new: &mut Option<NewPin>,
    spare: &mut Spare,
) -> Result<(), CommitError> {
    if let Some(key) = handle.held.pin(walk.lease) {
        return layout.commit(walk, run, Target::Existing(key), spare);
    }
    let new = new.take().ok_or(EINVAL)?;
    let key = PinKey {
        lease: walk.lease,
        id: new.id,
    };
    layout.commit(walk, run, new.target(key), spare)?;
    handle.held.push(layout.clone(), key);
    Ok(())
}

/// Ends a walk without pins, and the lease with it if it was only waiting for that.
fn cancel(manager: &Manager, layout: &Layout, walk: Walk) {
    if let Some(lease) = layout.cancel(walk) {
        manager.reap(layout, lease, Ending::Orphan);
    }
}
