// SPDX-License-Identifier: GPL-2.0

//! Layout leases for long-term pins of files on a DAX filesystem.
//!
//! | file | what it is about |
//! |---|---|
//! | `device`, `args`, `query`, `stats` | `/dev/daxlease`, its ioctls |
//! | `manager` | which inodes are leased, lease numbers, per-user caps |
//! | `layout`, `lease` | one leased inode, its leases; **locks and lifetimes are written in `layout`** |
//! | `lifecycle`, `verdict`, `range`, `range_count`, `runs`, `account` | pure logic, with KUnit tests |
//! | `gate`, `handle`, `owner` | pins; **the protocol is written in `gate`** |
//! | `breaker`, `drain` | layout changes |
//! | `scanner` | is a range busy |
//! | `hooks`, `bindings`, `dax_file`, `pgmap`, `identity`, `helpers.c` | the rim to C |

#![crate_name = "daxlease"]

use kernel::{
    miscdevice::{
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*,
};

mod account;
mod args;
mod bindings;
mod breaker;
mod dax_file;
mod device;
mod drain;
mod gate;
mod handle;
mod hooks;
mod identity;
mod layout;
mod lease;
mod lifecycle;
mod manager;
mod owner;
mod pgmap;
mod query;
mod range;
mod range_count;
mod runs;
mod scanner;
mod stats;
mod verdict;

use device::LeaseFd;
use hooks::Hooks;
use manager::{
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

impl kernel::InPlaceModule for DaxLease {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _manager: Manager::publish(Manager::new(
                module_parameters::max_leases_per_user.value()
            )?),
            // SAFETY: The manager has just been published, and is dropped after the hooks.
            _hooks: unsafe { Hooks::register() }?,
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"daxlease" }),
        })
    }
}
