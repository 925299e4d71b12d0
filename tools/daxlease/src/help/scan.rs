// SPDX-License-Identifier: GPL-2.0

//! For `daxlease scan`.

use super::Block;
use super::Section;
use super::EXIT_STATUS;
use super::FILES;

/// Sections of its page.
pub const SCAN: &[Section] = &[
    Section {
        title: "VERDICTS",
        blocks: &[
            Block::Items(&[
                (
                    "idle",
                    "no page of the range is pinned or referenced; being mapped, read or leased \
                     makes none busy",
                ),
                (
                    "pinned for long",
                    "a device holds pages under a lease; a layout change there, such as a \
                     truncate, is refused or, where the lease is breakable, waits for the pins \
                     first, as long as the lease says",
                ),
                (
                    "transient reference",
                    "something else has a reference to a page that is not pinned, as direct I/O \
                     into a mapping has; it ends by itself, and a layout change waits for it",
                ),
            ]),
            Block::Text(
                "The bytes behind 'first at' are the first part of the range that is pinned or, \
                 where none is, that has a transient reference. With a 2 MiB page all of it is \
                 busy.",
            ),
            Block::Text("The exit status is 0 with each verdict."),
        ],
    },
    Section {
        title: "TABLE",
        blocks: &[Block::Text(
            "Columns are those of daxlease ls. There is a line for each lease that covers a byte \
             of the range or has a pin there, and below it one for each of these pins, which PINS \
             counts; the range and the pages of a pin, and what is PINNED under a lease, are told \
             as a whole.",
        )],
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
                (
                    "busy",
                    "object: pinned and transient, true or false; both are false where the range \
                     is idle",
                ),
                (
                    "first",
                    "object: start and end of the first part that is pinned or, where none is, \
                     that has a transient reference; null where the range is idle",
                ),
                (
                    "leases",
                    "array of the leases that touch the range, as daxlease ls --json has them; \
                     pins has only those that touch it too",
                ),
            ]),
        ],
    },
    Section {
        title: "EXAMPLES",
        blocks: &[
            Block::Text("Which devices keep the last page of a 1 GiB file in place:"),
            Block::Code("daxlease scan --range 1073737728:4K --json FILE | jq '.leases[].pins[]'"),
            Block::Text("In a script, with success where the file is busy:"),
            Block::Code("daxlease scan --json FILE | jq -e .first"),
        ],
    },
    EXIT_STATUS,
    FILES,
];
