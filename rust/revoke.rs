// SPDX-License-Identifier: GPL-2.0

//! Taking pins back from an owner that can let them go.
//!
//! ```text
//!            allow                 revoke                 callback is over
//!   Refused -------> Allowed ------------------> Running ------------------> Revoked
//!                       |                                                       |
//!                       +------------------------> Forbidden                    | forbid
//!                                 forbid                                        v
//!                                                                          (says so)
//! ```
//!
//! The owner forbids before it unpins by itself, which waits for a callback that runs. So while it
//! runs, the handle is where it was when revocation was allowed, and nobody else uses it: the owner
//! pins nothing more after having allowed, and releases it only after having forbidden.
//!
//! `Revoker::state` is taken below [`crate::layout`]'s locks, and nothing is taken below it. It is not
//! held while the callback runs, nor are those.

use kernel::{
    new_condvar, new_mutex,
    prelude::*,
    sync::{
        Arc,
        CondVar,
        Mutex, //
    },
};

use crate::{
    bindings,
    event::{
        self,
        Reason, //
    },
    handle::Handle,
    layout::Layout,
    manager::Manager,
    owner::Owner,
    range::PageRange, //
};

type Callback = unsafe extern "C" fn(*mut bindings::layout_pin);

/// A handle and what takes its pages back.
///
/// # Invariants
///
/// From when it was allowed until `forbid` has returned, `pin` is a valid handle with a [`Handle`]
/// as its `priv`, and `callback` may be called for it once.
#[derive(Clone, Copy)]
struct Allowed {
    pin: *mut bindings::layout_pin,
    callback: Callback,
}

// SAFETY: The API lets any thread call it.
unsafe impl Send for Allowed {}

#[derive(Clone, Copy)]
enum State {
    Refused,
    Allowed(Allowed),
    /// Since when; nanoseconds of the monotonic clock.
    Running(u64),
    Revoked,
    /// Likewise.
    Forbidden(u64),
}

/// What to expect of an owner whose pins stand in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outlook {
    /// It cannot be helped.
    Stays,
    /// It can be revoked.
    Revocable,
    /// It has been on its way out since then.
    Going(u64),
}

/// Whether the pins of a handle can be revoked.
#[pin_data]
pub(crate) struct Revoker {
    #[pin]
    state: Mutex<State>,
    /// A callback is over.
    #[pin]
    over: CondVar,
}

impl Revoker {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_mutex!(State::Refused, "daxlease_revoker"),
            over <- new_condvar!("daxlease_revoked"),
        })
    }

    pub(crate) fn outlook(&self) -> Outlook {
        match *self.state.lock() {
            State::Refused => Outlook::Stays,
            State::Allowed(_) => Outlook::Revocable,
            State::Running(since) | State::Forbidden(since) => Outlook::Going(since),
            // Its accounts are gone already.
            State::Revoked => Outlook::Going(0),
        }
    }

    /// The pages of `pin` can be taken back from now on.
    ///
    /// # Safety
    ///
    /// The handle must be valid, have a [`Handle`] as its `priv`, and stay so until
    /// [`Revoker::forbid`] has returned; until then the caller uses neither. `callback` must be fit
    /// to be called for it, once, from any task, with no locks held but `s_umount`.
    pub(crate) unsafe fn allow(&self, pin: *mut bindings::layout_pin, callback: Callback) {
        let mut state = self.state.lock();

        if matches!(*state, State::Refused) {
            // INVARIANT: The caller says so.
            *state = State::Allowed(Allowed { pin, callback });
        }
    }

    /// The owner lets the pages go by itself. Waits for a callback that runs. Returns whether one
    /// has run.
    pub(crate) fn forbid(&self) -> bool {
        let mut state = self.state.lock();

        loop {
            match *state {
                State::Running(_) => self.over.wait(&mut state),
                State::Revoked => return true,
                _ => {
                    *state = State::Forbidden(event::now());
                    return false;
                }
            }
        }
    }

    /// Takes the pages back, if that is allowed, and gives the accounts back. Returns whether it has
    /// done so. Sleeps, with no locks held but, where the device goes, `s_umount`.
    pub(crate) fn revoke(&self, manager: &Manager, reason: Reason) -> bool {
        let allowed = {
            let mut state = self.state.lock();
            let State::Allowed(allowed) = *state else {
                return false;
            };

            *state = State::Running(event::now());
            allowed
        };

        // SAFETY: By the type invariant, as the state was `Allowed`, this is the one call, and while
        // the state is `Running`, `forbid` does not return.
        unsafe { (allowed.callback)(allowed.pin) };
        // SAFETY: As above, the handle is valid and its `priv` a `Handle`, of which nobody else uses
        // this part; `forbid` comes through the other one.
        let held = unsafe { &mut (*(*allowed.pin).priv_.cast::<Handle>()).held };
        held.give_back(manager, Some(reason));
        *self.state.lock() = State::Revoked;
        self.over.notify_all();
        true
    }
}

impl Layout {
    /// Takes back all pins in a range that can be, under whatever lease, one after the other as long
    /// as `go_on` says so. Returns how many. Sleeps, as [`Revoker::revoke`].
    ///
    /// What is pinned anew meanwhile is left alone: a holder that is told of a revocation may do
    /// that at once.
    pub(crate) fn revoke_all(
        &self,
        manager: &Manager,
        range: &PageRange,
        reason: Reason,
        mut go_on: impl FnMut() -> bool,
    ) -> u32 {
        let newest = manager.new_id();
        let mut revoked = 0;

        while let Some(owner) = self.revocable(range, newest) {
            if !go_on() {
                break;
            }
            revoked += u32::from(owner.revoker.revoke(manager, reason));
        }
        revoked
    }

    /// An owner with pins in the range, numbered up to `newest`, that can be revoked.
    fn revocable(&self, range: &PageRange, newest: u64) -> Option<Arc<Owner>> {
        let inner = self.inner.lock();

        let found = inner.leases.keys().find_map(|id| {
            inner
                .pins_in(*id, range)
                .filter(|(key, _)| key.id < newest)
                .map(|(_, pin)| &pin.owner)
                .find(|owner| owner.revoker.outlook() == Outlook::Revocable)
                .cloned()
        });
        drop(inner);
        found
    }
}
