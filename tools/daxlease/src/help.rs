// SPDX-License-Identifier: GPL-2.0

//! The sections at the end of `--help` and of the manual pages: one text, two
//! renderings (the other one is in [`crate::man`]).

mod completions;
mod force;
mod ls;
mod run;
mod scan;
mod watch;

pub use completions::COMPLETIONS;
pub use force::FORCE;
pub use ls::LS;
pub use run::RUN;
pub use scan::SCAN;
pub use watch::WATCH;

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
            ("1", "force: pins or leases are left"),
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
            Block::Text("What happens to it from now on:"),
            Block::Code("daxlease watch /mnt/pmem/file"),
            Block::Text("As a last resort, take the pins away:"),
            Block::Code("daxlease force /mnt/pmem/file"),
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
