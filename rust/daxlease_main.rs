// SPDX-License-Identifier: GPL-2.0

//! Layout leases for long-term pins of files on a DAX filesystem.
//!
//! | file | what it is about |
//! |---|---|
//! | `device`, `fops`, `args`, `query`, `fdinfo`, `stats` | `/dev/daxlease`, its ioctls |
//! | `event`, `inbox` | what a holder is told, and how it reads that |
//! | `openers`, `force` | who keeps pins, and how to get rid of them |
//! | `manager` | which inodes are leased, lease numbers, per-user caps |
//! | `layout`, `lease` | one leased inode, its leases; **locks and lifetimes are written in `layout`** |
//! | `lifecycle`, `verdict`, `event`, `range`, `range_count`, `runs`, `account` | pure logic, with KUnit tests |
//! | `gate`, `handle`, `owner` | pins; **the protocol is written in `gate`** |
//! | `breaker`, `layout/breaks`, `drain` | layout changes |
//! | `revoke`, `gone` | taking pins back from their owner; all of them where a device goes |
//! | `scanner` | is a range busy |
//! | `trace`, `expect` | tracepoints; a warning where the books do not balance |
//! | `hooks`, `bindings`, `dax_file`, `pgmap`, `identity`, `helpers.c` | the rim to C |

#![crate_name = "daxlease"]

use kernel::{miscdevice::MiscDeviceRegistration, prelude::*};

mod account;
mod args;
mod bindings;
mod breaker;
mod dax_file;
mod device;
mod drain;
mod event;
mod expect;
mod fdinfo;
mod fops;
mod force;
mod gate;
mod gone;
mod handle;
mod hooks;
mod identity;
mod inbox;
mod layout;
mod lease;
mod lifecycle;
mod manager;
mod openers;
mod owner;
mod pgmap;
mod query;
mod range;
mod range_count;
mod revoke;
mod runs;
mod scanner;
mod stats;
mod trace;
mod verdict;

use device::LeaseFd;
use hooks::Hooks;
use manager::{
    Limits,
    Manager,
    Published, //
};

module! {
    type: DaxLease,
    name: "daxlease",
    authors: ["the daxlease developers"],
    description: "Layout leases for long-term pins of DAX files",
    license: "GPL",
    params: {
        max_leases_per_user: u32 {
            default: 1024,
            description: "Most leases that one user can have at a time",
        },
        break_time_ms: u32 {
            default: 10000,
            description: "Milliseconds that the holder of a breakable lease has to let go, if it does not say",
        },
        max_break_time_ms: u32 {
            default: 60000,
            description: "Most milliseconds that it can ask for",
        },
    },
}

/// The module, taken down in this order: no new fds, no new hooks, no manager.
///
/// That it is taken down says that there are no fds, pins and layout changes with a mark: each holds
/// a reference on the module. Without fds and pins there are no leases.
#[pin_data]
struct DaxLease {
    #[pin]
    _device: MiscDeviceRegistration<LeaseFd>,
    _hooks: Hooks,
    _manager: Published,
}

/// What the parameters say. `EINVAL`: the default break time is 0 or above the maximum.
fn limits() -> Result<Limits> {
    let limits = Limits {
        leases_per_user: module_parameters::max_leases_per_user.value(),
        break_time: module_parameters::break_time_ms.value(),
        max_break_time: module_parameters::max_break_time_ms.value(),
    };

    if limits.break_time == 0 || limits.break_time > limits.max_break_time {
        pr_err!("break_time_ms is to be from 1 to max_break_time_ms\n");
        return Err(EINVAL);
    }
    Ok(limits)
}

impl kernel::InPlaceModule for DaxLease {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _manager: Manager::publish(Manager::new(limits()?)?),
            // SAFETY: The manager has just been published, and is dropped after the hooks.
            _hooks: unsafe { Hooks::register() }?,
            _device <- MiscDeviceRegistration::register(fops::OPTIONS),
        })
    }
}
