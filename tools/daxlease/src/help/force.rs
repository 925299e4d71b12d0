// SPDX-License-Identifier: GPL-2.0

//! For `daxlease force`.

use super::Block;
use super::Section;
use super::EXIT_STATUS;
use super::FILES;

/// Sections of its page.
pub const FORCE: &[Section] = &[
    Section {
        title: "WHAT IT DOES",
        blocks: &[
            Block::Text(
                "A revoked pin is one that the device can no longer use: an RDMA memory region turns \
                 invalid, remote access to it ends in an error, and its owner is told. Not every \
                 driver can do this; 'daxlease ls' shows which pins are revocable.",
            ),
            Block::Text(
                "With --kill, who has made the other pins in the range, and all holders of leases \
                 over it, get SIGKILL; then up to five seconds are spent waiting for them to end. A \
                 pin goes when the file that it belongs to is closed everywhere: where this file \
                 was handed to another process, that one has to close it, too.",
            ),
            Block::Text(
                "Without --kill, leases are left, and a layout change goes on failing under an \
                 exclusive one: it is the pins that are forced.",
            ),
        ],
    },
    Section {
        title: "JSON",
        blocks: &[
            Block::Text("With --json the output is one object:"),
            Block::Items(&[
                (
                    "version",
                    "1; it rises when a member changes its meaning or goes, not when one is added",
                ),
                (
                    "file",
                    "FILE; bytes that are not UTF-8 are replaced by U+FFFD",
                ),
                (
                    "range",
                    "object: start and end, the bytes that were asked for; end is null for a \
                     range without end",
                ),
                ("revoked", "number of pins that have been revoked"),
                ("killed", "number of processes that have been sent SIGKILL"),
                ("pins_left", "number of pins that are left"),
                ("leases_left", "number of leases that are left"),
            ]),
        ],
    },
    Section {
        title: "EXAMPLES",
        blocks: &[
            Block::Text("Revoke what can be revoked, and see what is left:"),
            Block::Code("daxlease force /mnt/pmem/file; daxlease ls /mnt/pmem/file"),
            Block::Text("Make a file free whatever it costs others:"),
            Block::Code("daxlease force --kill /mnt/pmem/file && truncate -s 0 /mnt/pmem/file"),
        ],
    },
    EXIT_STATUS,
    FILES,
];
