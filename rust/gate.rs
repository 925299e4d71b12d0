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
        Growth,
        PinKey,
        PinRecord,
        Run,
        Target, //
    },
    handle::Handle,
    identity::Tgid,
    layout::{
        Layout,
        Walk, //
    },
    manager::Manager,
    range::PageRange,
    range_count::{
        AddError,
        Reservation, //
    },
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

/// Memory for a first batch under a lease.
struct NewShare {
    record: RBTreeNodeReservation<PinKey, PinRecord>,
    id: u64,
    runs: KVec<Run>,
}

impl NewShare {
    fn new(manager: &Manager) -> Result<Self> {
        Ok(Self {
            record: RBTreeNodeReservation::new(GFP_KERNEL_ACCOUNT)?,
            id: manager.new_id(),
            runs: KVec::with_capacity(1, GFP_KERNEL_ACCOUNT)?,
        })
    }
}

enum Outcome {
    /// So many pages are pinned and accounted; 0: the first one has to be faulted in.
    Done(u64),
    /// Again, with more memory: for a share, and so many slots of the account's index.
    Retry { share: bool, slots: usize },
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
    let mut share = !handle.knows(layout);
    let mut spare = Reservation::new(0)?;

    loop {
        handle.reserve()?;
        let mut new = if share {
            Some(NewShare::new(manager)?)
        } else {
            None
        };

        match attempt(manager, layout, handle, request, grab, &mut new, &mut spare)? {
            Outcome::Done(pages) => return Ok(pages),
            Outcome::Retry {
                share: more,
                slots: wanted,
            } => {
                share |= more;
                spare.refill(wanted)?;
            }
        }
    }
}

fn attempt(
    manager: &Manager,
    layout: &Arc<Layout>,
    handle: &mut Handle,
    request: &Request,
    grab: &mut dyn Grab,
    new: &mut Option<NewShare>,
    spare: &mut Reservation,
) -> Result<Outcome> {
    let srcu = manager.srcu.read_lock();
    let walk = layout.start_walk(Tgid::current_key(), &request.want)?;

    if handle.share(walk.lease).is_none() && new.is_none() {
        drop(srcu);
        cancel(manager, layout, walk);
        return Ok(Outcome::Retry {
            share: true,
            slots: 0,
        });
    }
    let (pages, extent) = match grab.grab(walk.len) {
        Ok(Some(grabbed)) => grabbed,
        other => {
            drop(srcu);
            cancel(manager, layout, walk);
            return other.map(|_| Outcome::Done(0));
        }
    };
    let account = account(layout, handle, &walk, &extent, request.write, new, spare);
    if account.is_err() {
        grab.put_back();
    }
    drop(srcu);
    match account {
        Ok(()) => Ok(Outcome::Done(pages)),
        Err(AddError::Retry { slots }) => {
            cancel(manager, layout, walk);
            Ok(Outcome::Retry {
                share: false,
                slots,
            })
        }
        Err(AddError::Refused(error)) => {
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
    extent: &PageRange,
    write: bool,
    new: &mut Option<NewShare>,
    spare: &mut Reservation,
) -> Result<(), AddError> {
    let run = Run {
        range: *extent,
        write,
    };
    let existing = handle
        .share(walk.lease)
        .map(|share| (share.key, Growth::of(run, share.last_run())));

    if let Some((key, growth)) = existing {
        layout.commit(walk, extent, growth, Target::Existing(key), spare)?;
        handle.grow(walk.lease, growth);
        return Ok(());
    }
    let new = new.take().ok_or(EINVAL)?;
    let key = PinKey {
        lease: walk.lease,
        id: new.id,
    };
    let record = PinRecord::new(handle.owner.clone(), run);
    let target = Target::New(new.record.into_node(key, record));
    layout.commit(walk, extent, Growth::New(run), target, spare)?;
    handle.push(layout.clone(), key, new.runs, run);
    Ok(())
}

/// Ends a walk without pins, and the lease with it if it was only waiting for that.
fn cancel(manager: &Manager, layout: &Layout, walk: Walk) {
    if let Some(lease) = layout.cancel(walk) {
        manager.reap(layout, lease);
    }
}
