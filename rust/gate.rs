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
    range_count::AddError, //
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
    record: RBTreeNodeReservation<u64, PinRecord>,
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
    let mut slots = 0;

    loop {
        handle.reserve(slots)?;
        let mut new = if share {
            Some(NewShare::new(manager)?)
        } else {
            None
        };

        match attempt(manager, layout, handle, request, grab, &mut new)? {
            Outcome::Done(pages) => return Ok(pages),
            Outcome::Retry {
                share: more,
                slots: wanted,
            } => {
                share |= more;
                slots = wanted;
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
    let account = account(layout, handle, &walk, &extent, request.write, new);
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
) -> Result<(), AddError> {
    let run = Run {
        range: *extent,
        write,
    };
    let existing = handle
        .share(walk.lease)
        .map(|share| (share.record, Growth::of(run, share.last_run())));

    match (existing, new.take()) {
        (Some((record, growth)), unused) => {
            *new = unused;
            let mut target = Some(Target::Existing(record));
            layout.commit(walk, extent, growth, &mut target, &mut handle.spare)?;
            handle.grow(walk.lease, growth);
            Ok(())
        }
        (None, Some(new)) => {
            let record = PinRecord::new(walk.lease, handle.owner.clone(), run);
            let mut target = Some(Target::New(new.record.into_node(new.id, record)));
            let growth = Growth::New(run);
            layout.commit(walk, extent, growth, &mut target, &mut handle.spare)?;
            handle.push(layout.clone(), walk.lease, new.id, new.runs, run);
            Ok(())
        }
        (None, None) => Err(EINVAL.into()),
    }
}

/// Ends a walk without pins, and the lease with it if it was only waiting for that.
fn cancel(manager: &Manager, layout: &Layout, walk: Walk) {
    if let Some(lease) = layout.cancel(walk) {
        manager.reap(layout, lease);
    }
}
