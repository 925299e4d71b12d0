// SPDX-License-Identifier: GPL-2.0

//! libibverbs, as much of it as is needed, made safe: a device with one queue
//! pair, memory regions, transfers.

use crate::failure::Explain;
use crate::failure::Failure;
use crate::failure::Result;
use crate::memory::Memory;
use crate::verbs;
use std::ffi::CStr;
use std::io;
use std::ptr::NonNull;
use std::rc::Rc;

/// Entries of the completion queue, and transfers in flight.
const QUEUE: i32 = 16;
const GID_MAX: usize = 16;

pub type Gid = [u8; 16];

/// Of a pointer that is null where errno says why.
fn made<T>(pointer: *mut T, what: &str) -> Result<NonNull<T>> {
    NonNull::new(pointer)
        .ok_or_else(io::Error::last_os_error)
        .explain(what)
}

struct Context(NonNull<verbs::ibv_context>);

impl Context {
    #[expect(unsafe_code, reason = "libibverbs")]
    fn open(name: &str) -> Result<Self> {
        let mut count = 0;
        // SAFETY: `count` outlives the call.
        let list = unsafe { verbs::ibv_get_device_list(&raw mut count) };
        let list = made(list, "listing the RDMA devices")?;
        let mut found = None;

        for index in 0..usize::try_from(count).unwrap_or(0) {
            let entry = list.as_ptr().wrapping_add(index);
            // SAFETY: the list has `count` entries.
            let device = unsafe { *entry };
            // SAFETY: a device of the list, which has a name.
            let other = unsafe { verbs::ibv_get_device_name(device) };
            // SAFETY: a string that lives as long as the list.
            let other = unsafe { CStr::from_ptr(other) };
            if other.to_bytes() == name.as_bytes() {
                // SAFETY: a device of the list.
                found = NonNull::new(unsafe { verbs::ibv_open_device(device) });
            }
        }
        // SAFETY: it is not used any more; an open device needs no list.
        unsafe { verbs::ibv_free_device_list(list.as_ptr()) };
        found.map(Self).ok_or_else(|| {
            Failure::new(format!(
                "there is no RDMA device {name}; 'rdma link' lists them, \
                 'rdma link add {name} type rxe netdev eth0' makes one"
            ))
        })
    }

    /// Index and address: RoCE v2, the one with an IPv4 address if there is one.
    #[expect(unsafe_code, reason = "libibverbs")]
    fn find_gid(&self) -> Result<(u8, Gid)> {
        let mut entries = [verbs::ibv_gid_entry::default(); GID_MAX];
        // SAFETY: an open device, and room for as many entries as are said.
        let count = unsafe {
            verbs::ibv_query_gid_table(self.0.as_ptr(), entries.as_mut_ptr(), GID_MAX, 0)
        };
        let mut found = None;

        for entry in &entries[..usize::try_from(count).unwrap_or(0)] {
            // SAFETY: every bit pattern is a valid array of bytes.
            let raw = unsafe { entry.gid.raw };
            if entry.gid_type == verbs::IBV_GID_TYPE_ROCE_V2
                && (found.is_none() || raw[10..12] == [0xff, 0xff])
            {
                found = Some((entry.gid_index as u8, raw));
            }
        }
        found.ok_or_else(|| {
            Failure::new("the RDMA device has no address; give one to its network device")
        })
    }
}

impl Drop for Context {
    #[expect(unsafe_code, reason = "libibverbs")]
    fn drop(&mut self) {
        // SAFETY: nothing is left that was made of it.
        unsafe { verbs::ibv_close_device(self.0.as_ptr()) };
    }
}

struct Domain {
    pd: NonNull<verbs::ibv_pd>,
    /// Behind `pd`: members are dropped in this order.
    _context: Context,
}

impl Drop for Domain {
    #[expect(unsafe_code, reason = "libibverbs")]
    fn drop(&mut self) {
        // SAFETY: nothing is left that was made of it.
        unsafe { verbs::ibv_dealloc_pd(self.pd.as_ptr()) };
    }
}

/// One queue pair, and the completion queue of it.
pub struct Rdma {
    qp: NonNull<verbs::ibv_qp>,
    cq: NonNull<verbs::ibv_cq>,
    domain: Rc<Domain>,
    pub gid: Gid,
    pub gid_index: u8,
}

impl Rdma {
    #[expect(unsafe_code, reason = "libibverbs")]
    pub fn open(device: &str) -> Result<Self> {
        let context = Context::open(device)?;
        let (gid_index, gid) = context.find_gid()?;
        let raw = context.0.as_ptr();
        // SAFETY: an open device.
        let pd = made(unsafe { verbs::ibv_alloc_pd(raw) }, "allocating a domain")?;
        let domain = Rc::new(Domain {
            pd,
            _context: context,
        });
        // SAFETY: an open device; no context, no channel.
        let cq = unsafe {
            verbs::ibv_create_cq(raw, QUEUE, std::ptr::null_mut(), std::ptr::null_mut(), 0)
        };
        let cq = made(cq, "making a completion queue")?;
        let mut init = verbs::ibv_qp_init_attr {
            send_cq: cq.as_ptr(),
            recv_cq: cq.as_ptr(),
            qp_type: verbs::IBV_QPT_RC,
            ..Default::default()
        };
        init.cap.max_send_wr = QUEUE as u32;
        init.cap.max_recv_wr = 1;
        init.cap.max_send_sge = 1;
        init.cap.max_recv_sge = 1;
        // SAFETY: domain and queue are of the same device.
        let qp = unsafe { verbs::ibv_create_qp(pd.as_ptr(), &raw mut init) };
        let qp = made(qp, "making a queue pair")?;
        Ok(Self {
            qp,
            cq,
            domain,
            gid,
            gid_index,
        })
    }

    #[expect(unsafe_code, reason = "libibverbs")]
    pub fn qpn(&self) -> u32 {
        // SAFETY: our queue pair; its number never changes.
        unsafe { (*self.qp.as_ptr()).qp_num }
    }

    /// Takes the queue pair to the state in `attr`; `mask` says what else is set.
    #[expect(unsafe_code, reason = "libibverbs")]
    pub fn modify(&self, attr: &mut verbs::ibv_qp_attr, mask: u32) -> Result<()> {
        let mask = (mask | verbs::IBV_QP_STATE) as i32;
        // SAFETY: our queue pair.
        match unsafe { verbs::ibv_modify_qp(self.qp.as_ptr(), attr, mask) } {
            0 => Ok(()),
            error => {
                Err(io::Error::from_raw_os_error(error)).explain("changing the queue pair's state")
            }
        }
    }

    /// Registers memory; the errors matter to the caller.
    #[expect(unsafe_code, reason = "libibverbs")]
    pub fn register(&self, memory: &Rc<Memory>) -> io::Result<Region> {
        let access = verbs::GIVE_WAY_REGION_ACCESS as i32;
        let pd = self.domain.pd.as_ptr();
        // SAFETY: the memory is mapped for as long as the region lives, which
        // owns a share of it, and nobody has references into it.
        let mr = unsafe { verbs::ibv_reg_mr(pd, memory.address(), memory.size(), access) };
        match NonNull::new(mr) {
            Some(mr) => Ok(Region {
                mr: Some(mr),
                memory: memory.clone(),
                _domain: self.domain.clone(),
            }),
            None => Err(io::Error::last_os_error()),
        }
    }

    /// Begins a transfer from or to a part of the region.
    #[expect(unsafe_code, reason = "libibverbs")]
    pub fn post(&self, transfer: Transfer, local: &Region, remote: u64, rkey: u32) -> Result<()> {
        assert!(transfer.offset + transfer.size <= local.memory.size());
        let mut sge = verbs::ibv_sge {
            addr: local.memory.address() as u64 + transfer.offset as u64,
            length: transfer.size as u32,
            lkey: local.key(|mr| mr.lkey),
        };
        let mut wr = verbs::ibv_send_wr {
            sg_list: &raw mut sge,
            num_sge: 1,
            opcode: if transfer.read {
                verbs::IBV_WR_RDMA_READ
            } else {
                verbs::IBV_WR_RDMA_WRITE
            },
            send_flags: verbs::IBV_SEND_SIGNALED,
            ..Default::default()
        };
        wr.wr.rdma.remote_addr = remote;
        wr.wr.rdma.rkey = rkey;
        let mut bad = std::ptr::null_mut();
        // SAFETY: all of it is copied; the region's memory is not referred to.
        match unsafe { verbs::ibv_post_send(self.qp.as_ptr(), &raw mut wr, &raw mut bad) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)).explain("posting a transfer"),
        }
    }

    /// The result of a transfer that is over, if there is one: `Err` says how
    /// it failed.
    #[expect(unsafe_code, reason = "libibverbs")]
    pub fn completion(&self) -> Result<Option<std::result::Result<(), String>>> {
        let mut wc = verbs::ibv_wc::default();
        // SAFETY: our queue, and room for one result.
        match unsafe { verbs::ibv_poll_cq(self.cq.as_ptr(), 1, &raw mut wc) } {
            0 => Ok(None),
            1 if wc.status == verbs::IBV_WC_SUCCESS => Ok(Some(Ok(()))),
            1 => {
                // SAFETY: takes any number.
                let text = unsafe { verbs::ibv_wc_status_str(wc.status) };
                // SAFETY: a string that is always there.
                let text = unsafe { CStr::from_ptr(text) };
                Ok(Some(Err(text.to_string_lossy().into_owned())))
            }
            _ => Err(Failure::new("polling the completion queue")),
        }
    }
}

impl Drop for Rdma {
    #[expect(unsafe_code, reason = "libibverbs")]
    fn drop(&mut self) {
        // SAFETY: ours; regions do not depend on it.
        unsafe { verbs::ibv_destroy_qp(self.qp.as_ptr()) };
        // SAFETY: ours, and the queue pair is gone.
        unsafe { verbs::ibv_destroy_cq(self.cq.as_ptr()) };
    }
}

/// A part of a local region, to be written to the other side or read from it.
#[derive(Clone, Copy)]
pub struct Transfer {
    pub read: bool,
    pub offset: usize,
    pub size: usize,
}

/// Memory that a device may use.
pub struct Region {
    mr: Option<NonNull<verbs::ibv_mr>>,
    memory: Rc<Memory>,
    _domain: Rc<Domain>,
}

impl Region {
    #[expect(unsafe_code, reason = "libibverbs")]
    fn key(&self, of: impl Fn(&verbs::ibv_mr) -> u32) -> u32 {
        let mr = self.mr.expect("there until it is dropped");
        // SAFETY: our memory region, which libibverbs does not change.
        of(unsafe { mr.as_ref() })
    }

    pub fn rkey(&self) -> u32 {
        self.key(|mr| mr.rkey)
    }

    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    #[expect(unsafe_code, reason = "libibverbs")]
    fn end(&mut self) -> i32 {
        match self.mr.take() {
            // SAFETY: ours, for the last time.
            Some(mr) => unsafe { verbs::ibv_dereg_mr(mr.as_ptr()) },
            None => 0,
        }
    }

    /// Lets go of the pages, and says if that is not so.
    pub fn deregister(mut self) -> Result<()> {
        match self.end() {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)).explain("deregistering the mapping"),
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.end();
    }
}
