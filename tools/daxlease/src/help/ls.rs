// SPDX-License-Identifier: GPL-2.0

//! For `daxlease ls`.

use super::Block;
use super::Section;
use super::EXIT_STATUS;

/// Sections of its page.
pub const LS: &[Section] = &[
    Section {
        title: "COLUMNS",
        blocks: &[Block::Items(&[
            (
                "RANGE",
                "first byte, byte behind the last, and the size; 'whole file' and 'to the \
              end' include what the file grows by",
            ),
            (
                "MODE",
                "exclusive: conflicting layout changes fail at once; breakable: they wait for \
                 pins, as long as the time behind it says",
            ),
            (
                "STATE",
                "active: pins are admitted; releasing: its holder waits for the last pin \
              to go; orphaned: nobody has the lease any more, and pins are left that it protects; \
              breaking: a layout change waits now, with a number so many, for its pins or for \
              those of others in the same range",
            ),
            (
                "HOLDER",
                "process that took the lease, by the name it had then; \
              (+N): N more processes may pin under it; '-' and (gone): it has ended, or is not \
              visible from here",
            ),
            (
                "PINNED, PAGES",
                "what cannot be moved: with 2 MiB pages it may be more than the \
              device asked for",
            ),
            (
                "PROCESS, UID",
                "process that the pins are made for, by the name it had then, and its user",
            ),
            (
                "ACCESS",
                "rw: the device may write; r: it only reads; revocable: the kernel can take the \
                 pages back",
            ),
            ("AGE", "how long ago the first of these pages was pinned"),
            (
                "owner",
                "the file that the pins go with, and the processes that have it open now: those \
                 keep the pins alive. Processes of other users are shown to root only",
            ),
        ])],
    },
    Section {
        title: "JSON",
        blocks: &[
            Block::Text(
                "With --json the output is one object: version (1; it rises when a member \
                 changes its meaning or goes, not when one is added) and leases, an array.",
            ),
            Block::Text("Members of a lease:"),
            Block::Items(&[
                ("id", "number, never used twice while the module is loaded"),
                (
                    "path",
                    "the file's path; bytes that are not UTF-8 are replaced by U+FFFD",
                ),
                ("dev_major, dev_minor, ino", "what identifies the file"),
                (
                    "start, end",
                    "first byte, and the byte behind the last; end is null for a \
                  range without end",
                ),
                ("mode", "\"exclusive\" or \"breakable\""),
                (
                    "break_time_ms",
                    "for how long layout changes wait; null for an exclusive lease",
                ),
                (
                    "breaking",
                    "number of layout changes that the lease was told of and that are not over",
                ),
                ("state", "\"active\", \"releasing\" or \"orphaned\""),
                (
                    "pid, comm, uid",
                    "who took it; pid is null if gone or not visible",
                ),
                ("holders", "how many processes may pin under it"),
                (
                    "pinned_pages, pinned_bytes",
                    "how much is held immovable under it",
                ),
                ("age_ms", "milliseconds since it was taken"),
                ("pins", "array of its pins, one for each owner"),
            ]),
            Block::Text("Members of a pin:"),
            Block::Items(&[
                ("id", "number"),
                ("kind", "\"rdma\", \"io_uring\" or \"other\""),
                ("device", "name of the pinning device, such as \"rxe0\""),
                (
                    "owner_file",
                    "path of the file whose last close drops the pin, as the pinning process saw \
                     it; null where it is not known",
                ),
                (
                    "open_in",
                    "array of the processes that have that file open now: pid, and comm, their \
                     name, null where one has just ended",
                ),
                (
                    "pid, comm, uid",
                    "who pinned; pid is null if gone or not visible",
                ),
                ("start, end", "from the first to the last byte held"),
                ("runs", "number of separate ranges between these"),
                ("pages, bytes", "how much is held"),
                ("writable", "the device may write"),
                ("revocable", "the kernel can take the pin back"),
                (
                    "age_ms",
                    "milliseconds since the first of these pages was pinned",
                ),
            ]),
            Block::Text("A mode, state or kind that this version does not know is unknown(N)."),
        ],
    },
    Section {
        title: "EXAMPLES",
        blocks: &[
            Block::Text("Which processes keep a file from being truncated:"),
            Block::Code("daxlease ls --json FILE | jq '.leases[].pid'"),
            Block::Text("Which processes keep pins alive now:"),
            Block::Code("daxlease ls --json FILE | jq '.leases[].pins[].open_in[].pid'"),
        ],
    },
    EXIT_STATUS,
];
