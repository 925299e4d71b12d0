// SPDX-License-Identifier: GPL-2.0

//! `/dev/daxlease-testdev`: a lease-aware device that has no hardware.
//!
//! It pins user memory for long, as an RDMA device does for a memory region, and moves bytes to
//! and from the pinned pages when it is told to, past page tables and file. See
//! `testdev_uapi.h`. Unlike a real driver it charges nothing to `RLIMIT_MEMLOCK`: this is for
//! root, in tests.
//!
//! # Locks
//!
//! `Testdev::pins` is taken before the lock of the pages of one pin, which is a leaf. Nothing that
//! faults, pins or unpins happens under them, so they never meet `mmap_lock` or a lock of a
//! filesystem:
//!
//! - Pages are pinned before their pin is in the table and unpinned when it is out of it.
//! - Between user memory, which may be a mapping of the pinned file, and the pinned pages there
//!   is a bounce buffer. Only the copy between bounce buffer and pinned pages, which cannot fault,
//!   is under the locks; there, they keep the pin in the table and its pages pinned.
//! - A revocation takes the pages out under the second one, and so waits for such a copy, and
//!   unpins them without.

#![crate_name = "daxlease_testdev"]

use kernel::{
    fs::File,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    new_mutex,
    page::PAGE_SIZE,
    prelude::*,
    sync::Mutex,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

use crate::{
    bindings::{
        testdev_io,
        testdev_pin,
        TESTDEV_DMA_READ,
        TESTDEV_DMA_WRITE,
        TESTDEV_PIN,
        TESTDEV_PIN_REVOCABLE,
        TESTDEV_PIN_WRITE,
        TESTDEV_UNPIN,
        TESTDEV_UNPIN_TOLD, //
    },
    pinned::PinnedPages,
    table::PinTable, //
};

mod bindings;
mod pinned;
mod range;
mod table;

module! {
    type: TestdevModule,
    name: "daxlease_testdev",
    authors: ["The daxlease authors"],
    description: "Lease-aware DMA device for tests",
    license: "GPL",
}

#[pin_data]
struct TestdevModule {
    #[pin]
    _miscdev: MiscDeviceRegistration<Testdev>,
}

impl kernel::InPlaceModule for TestdevModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _miscdev <- MiscDeviceRegistration::register(MiscDeviceOptions {
                name: c"daxlease-testdev",
            }),
        })
    }
}

/// An open file. Its last `fput()` drops the pins.
#[pin_data]
struct Testdev {
    #[pin]
    pins: Mutex<PinTable<PinnedPages>>,
}

#[vtable]
impl MiscDevice for Testdev {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        KBox::pin_init(
            pin_init!(Self {
                pins <- new_mutex!(PinTable::new()),
            }),
            GFP_KERNEL,
        )
    }

    fn ioctl(me: Pin<&Self>, file: &File, cmd: u32, arg: usize) -> Result<isize> {
        let uptr = UserPtr::from_addr(arg);

        match cmd {
            TESTDEV_PIN => me.pin(file, uptr)?,
            TESTDEV_UNPIN => me.unpin(arg).map(drop)?,
            TESTDEV_UNPIN_TOLD => return me.unpin(arg).map(isize::from),
            TESTDEV_DMA_WRITE => me.dma_write(uptr)?,
            TESTDEV_DMA_READ => me.dma_read(uptr)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }
}

impl Testdev {
    fn pin(&self, file: &File, uptr: UserPtr) -> Result {
        let (mut reader, mut writer) =
            UserSlice::new(uptr, size_of::<testdev_pin>()).reader_writer();
        let mut req: testdev_pin = reader.read()?;
        let addr = usize::try_from(req.addr)?;

        if req.flags & !(TESTDEV_PIN_WRITE | TESTDEV_PIN_REVOCABLE) != 0
            || req.reserved != 0
            || req.nr_pages == 0
            || addr % PAGE_SIZE != 0
        {
            return Err(EINVAL);
        }
        let write = req.flags & TESTDEV_PIN_WRITE != 0;
        let revocable = req.flags & TESTDEV_PIN_REVOCABLE != 0;
        let pinned = PinnedPages::new(addr, req.nr_pages as usize, write, revocable, file)?;

        req.id = self.pins.lock().new_id()?;
        writer.write(&req)?;
        // A statement of its own, so that pages that find no place are unpinned without the lock.
        let inserted = self.pins.lock().insert(req.id, pinned);
        inserted.map_err(|_| ENOMEM)
    }

    /// Returns whether the pages had been taken back.
    fn unpin(&self, id: usize) -> Result<bool> {
        let id = u32::try_from(id).map_err(|_| ENOENT)?;
        // A statement of its own: the pages go when the lock is free again.
        let pinned = self.pins.lock().remove(id).ok_or(ENOENT)?;

        Ok(pinned.unpin())
    }

    fn dma_write(&self, uptr: UserPtr) -> Result {
        let io = read_io(uptr)?;
        let range = {
            let pins = self.pins.lock();
            let pinned = pins.get(io.id).ok_or(ENOENT)?;

            if !pinned.is_write() {
                return Err(EACCES);
            }
            pinned.range(io.offset, io.length)?
        };
        let mut user = UserSlice::new(buf(&io)?, range.len()).reader();
        let mut bounce = KVec::from_elem(0u8, PAGE_SIZE, GFP_KERNEL)?;

        for chunk in range {
            let bytes = bounce.get_mut(..chunk.len).ok_or(ERANGE)?;

            user.read_slice(bytes)?;
            self.pins
                .lock()
                .get(io.id)
                .ok_or(ENOENT)?
                .write_chunk(chunk, bytes)?;
        }
        Ok(())
    }

    fn dma_read(&self, uptr: UserPtr) -> Result {
        let io = read_io(uptr)?;
        let range = {
            let pins = self.pins.lock();

            pins.get(io.id).ok_or(ENOENT)?.range(io.offset, io.length)?
        };
        let mut user = UserSlice::new(buf(&io)?, range.len()).writer();
        let mut bounce = KVec::from_elem(0u8, PAGE_SIZE, GFP_KERNEL)?;

        for chunk in range {
            let bytes = bounce.get_mut(..chunk.len).ok_or(ERANGE)?;

            self.pins
                .lock()
                .get(io.id)
                .ok_or(ENOENT)?
                .read_chunk(chunk, bytes)?;
            user.write_slice(bytes)?;
        }
        Ok(())
    }
}

fn read_io(uptr: UserPtr) -> Result<testdev_io> {
    let io: testdev_io = UserSlice::new(uptr, size_of::<testdev_io>())
        .reader()
        .read()?;

    if io.reserved != 0 {
        return Err(EINVAL);
    }
    Ok(io)
}

fn buf(io: &testdev_io) -> Result<UserPtr> {
    Ok(UserPtr::from_addr(usize::try_from(io.buf)?))
}
