// SPDX-License-Identifier: GPL-2.0

//! `/dev/daxlease`: one open file carries one lease, or none.

use core::mem::size_of;

use kernel::{
    fs::{
        File,
        Kiocb,
        LocalFile, //
    },
    ioctl::_IO,
    iov::IovIterDest,
    miscdevice::{
        MiscDevice,
        MiscDeviceRegistration, //
    },
    new_mutex,
    prelude::*,
    seq_file::SeqFile,
    sync::{
        aref::ARef,
        Arc,
        Mutex, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

use crate::{
    args::Args,
    bindings,
    dax_file::DaxFile,
    fdinfo,
    fops,
    force,
    identity::{
        may_force,
        Tgid, //
    },
    inbox::Inbox,
    lease::Mode,
    manager::{
        LeaseRef,
        Manager, //
    },
    openers,
    query::{
        self,
        Listing, //
    },
    range::PageRange,
    scanner,
    trace::Ending, //
};

const ACQUIRE: u32 = _IO(bindings::DAXLEASE_IOC_MAGIC, 1);
const ATTACH: u32 = _IO(bindings::DAXLEASE_IOC_MAGIC, 2);
const RELEASE: u32 = _IO(bindings::DAXLEASE_IOC_MAGIC, 3);
const QUERY: u32 = _IO(bindings::DAXLEASE_IOC_MAGIC, 4);
const STATS: u32 = _IO(bindings::DAXLEASE_IOC_MAGIC, 5);
const SCAN: u32 = _IO(bindings::DAXLEASE_IOC_MAGIC, 6);
const OPENERS: u32 = _IO(bindings::DAXLEASE_IOC_MAGIC, 7);
const FORCE: u32 = _IO(bindings::DAXLEASE_IOC_MAGIC, 8);

/// Which lease the fd carries.
enum FdState {
    Empty,
    /// ACQUIRE is on its way.
    Acquiring,
    Leased(LeaseRef),
}

/// An open file of the device.
#[pin_data(PinnedDrop)]
pub(crate) struct LeaseFd {
    manager: Arc<Manager>,
    /// Never held while something is waited for, so every ioctl finds it free soon.
    #[pin]
    state: Mutex<FdState>,
    inbox: Arc<Inbox>,
}

#[vtable]
impl MiscDevice for LeaseFd {
    type Ptr = Pin<KBox<Self>>;

    fn open(file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Pin<KBox<Self>>> {
        // SAFETY: The device is registered while the manager is published.
        let manager = unsafe { Manager::shared() };

        let inbox = Inbox::new()?;
        let me = KBox::pin_init(
            pin_init!(Self {
                manager,
                state <- new_mutex!(FdState::Empty, "daxlease_fd"),
                inbox,
            }),
            GFP_KERNEL_ACCOUNT,
        )?;

        fops::extend(file);
        Ok(me)
    }

    fn read_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterDest<'_>) -> Result<usize> {
        let wait = fops::may_wait(&kiocb);

        kiocb.file().inbox.read(iov, wait)
    }

    fn ioctl(me: Pin<&Self>, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let arg = UserPtr::from_addr(arg);

        match cmd {
            ACQUIRE => me.acquire(arg)?,
            ATTACH => me.attach(arg)?,
            RELEASE => me.release(arg, fops::blocks(file))?,
            QUERY => me.query(arg)?,
            STATS => me.stats(arg)?,
            SCAN => me.scan(arg)?,
            OPENERS => me.openers(arg)?,
            FORCE => me.force(arg)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn show_fdinfo(me: Pin<&Self>, m: &SeqFile, _file: &File) {
        if let Ok(lease) = me.lease() {
            fdinfo::show(&lease, m);
        }
    }
}

/// The file behind a number that the caller gave.
fn file_of(fd: i32) -> Result<ARef<File>> {
    let fd = u32::try_from(fd).map_err(|_| EBADF)?;
    let file = LocalFile::fget(fd)?;

    // SAFETY: An ioctl does not use file positions.
    Ok(unsafe { LocalFile::assume_no_fdget_pos(file) })
}

impl LeaseFd {
    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// The lease of this fd; `ENOENT` where there is none.
    fn lease(&self) -> Result<LeaseRef> {
        match &*self.state.lock() {
            FdState::Leased(lease) => Ok(lease.clone()),
            _ => Err(ENOENT),
        }
    }

    fn set(&self, state: FdState) {
        let old = core::mem::replace(&mut *self.state.lock(), state);

        drop(old);
    }

    fn acquire(&self, arg: UserPtr) -> Result {
        let mut args = Args::<bindings::daxlease_acquire>::read(arg)?;
        let range = PageRange::from_lease(args.value.offset, args.value.length)?;
        let mode = if args.value.mode == bindings::DAXLEASE_MODE_BREAKABLE {
            self.manager.breakable(args.value.break_time_ms)?
        } else {
            Mode::Exclusive
        };
        let file = DaxFile::to_lease(file_of(args.value.fd)?)?;

        {
            let mut state = self.state.lock();
            if !matches!(*state, FdState::Empty) {
                return Err(EBUSY);
            }
            *state = FdState::Acquiring;
        }
        // Nobody else touches the fd's lease until it is told here.
        let (state, result) = match self.manager.acquire(file, range, mode, &self.inbox) {
            Ok(lease) => {
                args.value.id = lease.id;
                match args.write_back() {
                    Ok(()) => (FdState::Leased(lease), Ok(())),
                    Err(error) => {
                        self.close(&lease);
                        (FdState::Empty, Err(error))
                    }
                }
            }
            Err(error) => (FdState::Empty, Err(error)),
        };
        self.set(state);
        result
    }

    /// The fd is closed, or its caller has not heard of the lease.
    fn close(&self, lease: &LeaseRef) {
        self.inbox.set(None);
        if let Some(gone) = lease.layout.close(lease.id) {
            self.manager.reap(&lease.layout, gone, Ending::Closed);
        }
    }

    fn attach(&self, arg: UserPtr) -> Result {
        let mut args = Args::<bindings::daxlease_attach>::read(arg)?;
        let lease = self.lease()?;

        args.value.id = lease.id;
        args.write_back()?;
        lease.layout.attach(lease.id, Tgid::current()?)
    }

    fn release(&self, arg: UserPtr, wait: bool) -> Result {
        Args::<bindings::daxlease_release>::read(arg)?;
        let lease = self.lease()?;
        let gone = lease.layout.release(lease.id, wait)?;

        self.inbox.set(None);
        self.set(FdState::Empty);
        self.manager.reap(&lease.layout, gone, Ending::Released);
        Ok(())
    }

    fn query(&self, arg: UserPtr) -> Result {
        let mut args = Args::<bindings::daxlease_query>::read(arg)?;
        let query = &mut args.value;
        let mut list = Listing {
            buf: query.buf,
            buf_len: query.buf_len,
            lease_cursor: query.lease_cursor,
            pin_cursor: query.pin_cursor,
            only: None,
        };

        query.used = query::run(&self.manager, &mut list, self.lease().ok().as_ref())?;
        query.lease_cursor = list.lease_cursor;
        query.pin_cursor = list.pin_cursor;
        args.write_back()
    }

    fn scan(&self, arg: UserPtr) -> Result {
        let mut args = Args::<bindings::daxlease_scan>::read(arg)?;
        let scan = &mut args.value;
        let range = PageRange::from_bytes(scan.offset, scan.length)?;
        let file = DaxFile::to_scan(file_of(scan.fd)?)?;
        let layout = self.manager.find(file.key());
        let walk = scan.flags & bindings::DAXLEASE_SCAN_PINS_ONLY == 0;
        let busy = scanner::scan(&file, layout.as_deref(), &range, walk)?;

        scan.busy = 0;
        if busy.pinned.is_some() {
            scan.busy |= bindings::DAXLEASE_BUSY_PINNED;
        }
        if busy.transient.is_some() {
            scan.busy |= bindings::DAXLEASE_BUSY_TRANSIENT;
        }
        (scan.first, scan.end) = busy
            .pinned
            .or(busy.transient)
            .map_or((0, 0), |part| part.bytes());
        scan.used = 0;
        if scan.buf_len > 0 {
            let mut list = Listing {
                buf: scan.buf,
                buf_len: scan.buf_len,
                lease_cursor: scan.lease_cursor,
                pin_cursor: scan.pin_cursor,
                only: Some((file.key(), range)),
            };

            scan.used = query::run(&self.manager, &mut list, self.lease().ok().as_ref())?;
            scan.lease_cursor = list.lease_cursor;
            scan.pin_cursor = list.pin_cursor;
        }
        args.write_back()
    }

    fn openers(&self, arg: UserPtr) -> Result {
        let mut args = Args::<bindings::daxlease_openers>::read(arg)?;
        let asked = &mut args.value;
        let pids = openers::of_pin(&self.manager, asked.pin, self.lease().ok().as_ref())?;
        let mut writer = UserSlice::new(
            UserPtr::from_addr(asked.buf as usize),
            asked.buf_len as usize,
        )
        .writer();

        for pid in pids.iter().take(writer.len() / size_of::<i32>()) {
            writer.write(pid)?;
        }
        asked.count = pids.len() as u32;
        args.write_back()
    }

    fn force(&self, arg: UserPtr) -> Result {
        let mut args = Args::<bindings::daxlease_force>::read(arg)?;
        let force = &mut args.value;
        let range = PageRange::from_bytes(force.offset, force.length)?;
        let kill = force.flags & bindings::DAXLEASE_FORCE_KILL != 0;

        if !may_force() {
            return Err(EPERM);
        }
        let file = DaxFile::to_scan(file_of(force.fd)?)?;
        let done = force::run(&self.manager, &file, &range, kill)?;

        force.revoked = done.revoked;
        force.killed = done.killed;
        force.pins = done.pins;
        force.leases = done.leases;
        args.write_back()
    }

    fn stats(&self, arg: UserPtr) -> Result {
        let mut args = Args::<bindings::daxlease_stats>::read(arg)?;
        let (gauges, counters, acquired) = self.manager.sums();

        args.value = bindings::daxlease_stats {
            leases: gauges.leases,
            orphaned: gauges.orphaned,
            pins: gauges.pins,
            pinned_pages: gauges.pinned_pages,
            acquired,
            pinned: counters.pinned,
            pin_refused: counters.refused,
            breaks: counters.breaks,
            breaks_refused: counters.breaks_refused,
            drains: counters.drains,
            waits: counters.waits,
            revoked: counters.revoked,
            events_lost: counters.events_lost,
            ..args.value
        };
        args.write_back()
    }
}

#[pinned_drop]
impl PinnedDrop for LeaseFd {
    fn drop(self: Pin<&mut Self>) {
        if let Ok(lease) = self.lease() {
            self.close(&lease);
        }
    }
}
