// SPDX-License-Identifier: GPL-2.0

//! The sections at the end of `--help` and of the manual pages: one text, two
//! renderings (the other one is in [`crate::man`]).

/// A piece of a section.
pub enum Block {
    /// A paragraph.
    Text(&'static str),
    /// A line to type.
    Code(&'static str),
    /// Terms and what they mean.
    Items(&'static [(&'static str, &'static str)]),
}

/// A titled section.
pub struct Section {
    /// In capitals, as in manual pages.
    pub title: &'static str,
    /// What it says.
    pub blocks: &'static [Block],
}

const EXIT_STATUS: Section = Section {
    title: "EXIT STATUS",
    blocks: &[
        Block::Items(&[
            ("0", "success"),
            (
                "125",
                "daxlease itself failed (a bad command line included); stderr says why",
            ),
            ("126", "run: CMD was found and cannot be executed"),
            ("127", "run: CMD was not found"),
        ]),
        Block::Text("Once CMD runs, the exit status is that of CMD."),
    ],
};

const FILES: Section = Section {
    title: "FILES",
    blocks: &[Block::Items(&[
        (
            "/dev/daxlease",
            "made by the kernel module daxlease, which needs a kernel with the daxlease patch \
             series. Each lease is one open file of it.",
        ),
        (
            "60-daxlease.rules",
            "udev rule that lets every user open the device; whether a file may be leased is \
             decided for each file.",
        ),
    ])],
};

/// For `daxlease` itself.
pub const TOP: &[Section] = &[
    Section {
        title: "EXAMPLES",
        blocks: &[
            Block::Text("RDMA straight into a file on persistent memory:"),
            Block::Code("mount -o dax=always /dev/pmem0 /mnt/pmem"),
            Block::Code("fallocate -l 1G /mnt/pmem/file"),
            Block::Code(
                "daxlease run /mnt/pmem/file -- ib_write_bw -d rxe0 -x 1 --mmap=/mnt/pmem/file",
            ),
            Block::Text("Meanwhile, who has what pinned:"),
            Block::Code("daxlease ls"),
            Block::Text("Whether a file, or its second MiB, is busy, and by whom:"),
            Block::Code("daxlease scan /mnt/pmem/file"),
            Block::Code("daxlease scan --range 1M:1M /mnt/pmem/file"),
        ],
    },
    EXIT_STATUS,
    FILES,
];

/// For `daxlease run`.
pub const RUN: &[Section] = &[
    Section {
        title: "WHILE CMD RUNS",
        blocks: &[
            Block::Text(
                "Any other process that truncates a leased file, punches a hole into it, \
                 reflinks it or opens it with O_TRUNC gets ETXTBSY at once, root too. CMD itself \
                 may change the parts that are not pinned, and gets EDEADLK for those that are.",
            ),
            Block::Text(
                "CMD inherits one open file descriptor for each lease. A CMD that closes \
                 descriptors it does not know (closefrom, some daemons) gives its leases up: it \
                 can pin nothing more, and what it has pinned stays protected until it is \
                 unpinned.",
            ),
            Block::Text(
                "However CMD ends, SIGKILL included, its pins go first and then its leases; \
                 nothing needs to be cleaned up.",
            ),
        ],
    },
    Section {
        title: "EXAMPLES",
        blocks: &[
            Block::Text("Lease a file, and run an RDMA server on it:"),
            Block::Code("daxlease run /mnt/pmem/f -- ib_write_bw -d rxe0 -x 1 --mmap=/mnt/pmem/f"),
            Block::Text("Lease only the first 2 MiB of two files:"),
            Block::Code("daxlease run --range 0:2M a b -- ./server a b"),
            Block::Text("From a shell that prepares something first, with exec:"),
            Block::Code("daxlease run a -- sh -c 'ulimit -l unlimited; exec ./server a'"),
        ],
    },
    EXIT_STATUS,
    FILES,
];

/// For `daxlease ls`.
pub const LS: &[Section] = &[
    Section {
        title: "COLUMNS",
        blocks: &[Block::Items(&[
            (
                "RANGE",
                "first byte, byte behind the last, and the size; 'whole file' and 'to the \
              end' include what the file grows by",
            ),
            ("MODE", "exclusive: conflicting layout changes fail at once"),
            (
                "STATE",
                "active: pins are admitted; releasing: its holder waits for the last pin \
              to go; orphaned: nobody has the lease any more, and pins are left that it protects",
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
            ("PROCESS", "process that the pins are made for"),
            ("ACCESS", "rw: the device may write; r: it only reads"),
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
                ("mode", "\"exclusive\""),
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
        ],
    },
    EXIT_STATUS,
];

/// For `daxlease scan`.
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
                    "a device holds pages under a lease, for as long as it likes; a layout \
                     change there, such as a truncate, is refused",
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

/// The sections as text; clap wraps the lines.
pub fn text(sections: &[Section]) -> String {
    let mut out = String::new();
    for section in sections {
        out += section.title;
        out += ":\n";
        let mut after_code = false;
        for (index, block) in section.blocks.iter().enumerate() {
            match block {
                Block::Text(text) => {
                    if index > 0 {
                        out.push('\n');
                    }
                    out += &format!("  {text}\n");
                }
                Block::Code(line) => {
                    if !after_code {
                        out.push('\n');
                    }
                    out += &format!("      {line}\n");
                }
                Block::Items(items) => {
                    for (term, meaning) in *items {
                        out += &format!("  {term}: {meaning}\n");
                    }
                }
            }
            after_code = matches!(block, Block::Code(_));
        }
        out.push('\n');
    }
    out.trim_end().into()
}
