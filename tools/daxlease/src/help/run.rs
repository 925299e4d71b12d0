// SPDX-License-Identifier: GPL-2.0

//! For `daxlease run`.

use super::Block;
use super::Section;
use super::EXIT_STATUS;
use super::FILES;

/// Sections of its page.
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
                "With --breakable it waits instead, where pages are pinned in the range: until CMD \
                 has unpinned them, or the break time is over. New pins there get EAGAIN \
                 meanwhile. A CMD that knows of leases reads from the descriptor what is wanted, \
                 with the deadline; one that does not has its pins revoked at the deadline, as far \
                 as the device's driver can do that, and sees errors of the device then.",
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
            Block::Text("Let others wait, five seconds at most, rather than fail:"),
            Block::Code("daxlease run --breakable --break-time 5s a -- ./server a"),
            Block::Text("From a shell that prepares something first, with exec:"),
            Block::Code("daxlease run a -- sh -c 'ulimit -l unlimited; exec ./server a'"),
        ],
    },
    EXIT_STATUS,
    FILES,
];
