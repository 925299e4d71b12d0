// SPDX-License-Identifier: GPL-2.0

//! For `daxlease watch`.

use super::Block;
use super::Section;
use super::EXIT_STATUS;
use super::FILES;

/// Sections of its page.
pub const WATCH: &[Section] = &[
    Section {
        title: "OUTPUT",
        blocks: &[
            Block::Text(
                "Each sentence begins with the time of day. Batches in which one buffer is pinned \
                 are one sentence; a layout change that nobody stands in the way of is only begun \
                 and done. Process ids are those of the whole system, also in a container.",
            ),
            Block::Text(
                "A file is shown by its path when it was leased; where its leases are gone before \
                 it could be asked for, by its inode number and device.",
            ),
        ],
    },
    Section {
        title: "JSON",
        blocks: &[
            Block::Text(
                "With --json each line is one object, one for each event of the kernel, as it came. \
                 All have:",
            ),
            Block::Items(&[
                (
                    "version",
                    "1; it rises when a member changes its meaning or goes, not when one is added",
                ),
                ("time", "date and time, as RFC 3339 has it"),
                (
                    "event",
                    "what has happened: acquire, attach, release, pin, unpin, revoke, break_begin, \
                     break_verdict or break_end; start: events are recorded from now on; lost: \
                     count events are missing, as they came too fast",
                ),
            ]),
            Block::Text("All but start and lost have:"),
            Block::Items(&[
                (
                    "path",
                    "the file's path, null where that is not known; bytes that are not UTF-8 are \
                     replaced by U+FFFD",
                ),
                ("dev_major, dev_minor, ino", "what identifies the file"),
                (
                    "start, end",
                    "first byte, and the byte behind the last, of the lease, of what is pinned, or \
                     of the layout change; end is null for a range without end",
                ),
                ("pid, comm", "process that it was done by"),
            ]),
            Block::Text("Further members, with the events that have them:"),
            Block::Items(&[
                ("lease_id", "number of the lease: acquire to revoke"),
                ("mode, break_time_ms", "of the lease, 0 if exclusive: acquire"),
                (
                    "how",
                    "release: \"released\" by its holder, \"closed\" without that, or \"orphan\", \
                     its last pin has gone after that",
                ),
                (
                    "pin_id, pages, kind, device",
                    "of the pin, as in daxlease ls: pin, unpin, revoke; for pin, pages are those that \
                     came with this batch",
                ),
                ("write", "the device may write: pin"),
                (
                    "reason",
                    "kind of the layout change, such as \"truncate\": break_begin, revoke; for \
                     revoke also \"force\", and \"device_gone\" where the driver of the memory is \
                     unbound",
                ),
                ("break_id", "number of the layout change: break_begin to break_end"),
                (
                    "verdict, error",
                    "break_verdict: \"go\", \"wait\", or \"refuse\" with an errno; after \"wait\" \
                     there is another one",
                ),
                ("outcome", "break_end: 0, or the errno that it failed with"),
            ]),
        ],
    },
    Section {
        title: "EXAMPLES",
        blocks: &[
            Block::Text("Who is refused because of leases:"),
            Block::Code(
                "daxlease watch --json | jq --unbuffered -c 'select(.verdict == \"refuse\") | [.comm, .path]'",
            ),
            Block::Text("The same events for tools that know more of tracing:"),
            Block::Code("perf trace --no-syscalls -e 'daxlease:*'"),
        ],
    },
    EXIT_STATUS,
    FILES,
];
