// SPDX-License-Identifier: GPL-2.0

//! The table of leases and pins for people.
//!
//! Leases and pins have different columns: both are laid out as tables of
//! their own, so that columns are aligned over the whole listing, and then
//! interleaved line by line.  Below each pin stands who keeps it alive.

use crate::lease::Lease;
use crate::lease::Pin;
use crate::lease::Task;
use crate::sizes;
use crate::times;
use comfy_table::presets::NOTHING;
use comfy_table::ContentArrangement;
use comfy_table::Table;

/// Below a listing that may lack the leases of others.
pub const OWN_ONLY: &str = "Shown are the leases of your user id; root sees all.\n";

/// Text that moves no cursor: control characters are escaped.
pub fn printable(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

fn task(task: &Task) -> String {
    let comm = printable(task.comm.as_bytes());
    match task.pid {
        Some(pid) => format!("{pid} {comm}"),
        None => format!("- {comm} (gone)"),
    }
}

fn mode(lease: &Lease) -> String {
    match lease.break_time_ms {
        Some(ms) => format!("{} {}", lease.mode, times::readable(ms.into())),
        None => lease.mode.to_string(),
    }
}

fn state(lease: &Lease) -> String {
    match lease.breaking {
        0 => lease.state.to_string(),
        1 => format!("{}, breaking", lease.state),
        several => format!("{}, breaking ({several})", lease.state),
    }
}

/// The file that has to be closed for a pin to go, and where it is open.
fn owner(pin: &Pin) -> String {
    let file = match &pin.owner_file {
        Some(path) => printable(path.as_bytes()),
        None => "(path not known)".into(),
    };
    if pin.open_in.is_empty() {
        return format!("owner: {file}, open now in no process that can be seen from here");
    }
    let open_in: Vec<String> = pin
        .open_in
        .iter()
        .map(|opener| match &opener.comm {
            Some(comm) => format!("{} {}", opener.pid, printable(comm.as_bytes())),
            None => opener.pid.to_string(),
        })
        .collect();
    format!("owner: {file}, open now in: {}", open_in.join(", "))
}

fn lease_row(lease: &Lease, page_size: u64) -> Vec<String> {
    let mut holder = task(&lease.holder);
    if lease.holders > 1 {
        holder += &format!(" (+{})", lease.holders - 1);
    }
    vec![
        lease.id.to_string(),
        printable(&lease.path),
        sizes::describe(lease.extent),
        mode(lease),
        state(lease),
        holder,
        lease.pins.len().to_string(),
        sizes::readable(lease.pinned_pages.saturating_mul(page_size)),
    ]
}

fn pin_row(pin: &Pin) -> Vec<String> {
    let mut range = sizes::describe(pin.extent);
    if pin.runs > 1 {
        range += &format!(" in {} runs", pin.runs);
    }
    let access = match (pin.writable, pin.revocable) {
        (true, true) => "rw revocable",
        (true, false) => "rw",
        (false, true) => "r revocable",
        (false, false) => "r",
    };
    vec![
        pin.id.to_string(),
        pin.kind.to_string(),
        printable(pin.device.as_bytes()),
        task(&pin.task),
        pin.task.uid.to_string(),
        range,
        pin.pages.to_string(),
        access.into(),
        times::readable(pin.age_ms),
    ]
}

fn lines(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_preset(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// The listing, empty for no leases.
pub fn render(leases: &[Lease], page_size: u64) -> String {
    if leases.is_empty() {
        return String::new();
    }
    let lease_lines = lines(
        &[
            "LEASE", "FILE", "RANGE", "MODE", "STATE", "HOLDER", "PINS", "PINNED",
        ],
        leases.iter().map(|lease| lease_row(lease, page_size)),
    );
    let pin_lines = lines(
        &[
            "PIN", "KIND", "DEVICE", "PROCESS", "UID", "RANGE", "PAGES", "ACCESS", "AGE",
        ],
        leases.iter().flat_map(|lease| &lease.pins).map(pin_row),
    );
    let mut out = String::new();
    let mut push = |indent: &str, line: &str| {
        out += indent;
        out += line;
        out.push('\n');
    };
    let mut pin_rows = pin_lines.iter().skip(1);
    push("", &lease_lines[0]);
    for (lease, line) in leases.iter().zip(&lease_lines[1..]) {
        push("", line);
        if !lease.pins.is_empty() {
            push("    ", &pin_lines[0]);
        }
        for (pin, line) in lease.pins.iter().zip(pin_rows.by_ref()) {
            push("    ", line);
            push("        ", &owner(pin));
        }
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::lease::Extent;
    use crate::lease::FileId;
    use crate::lease::LeaseMode;
    use crate::lease::Opener;
    use crate::lease::PinKind;
    use crate::lease::State;

    fn a_task(pid: Option<i32>, uid: u32, comm: &str) -> Task {
        Task {
            pid,
            uid,
            comm: comm.into(),
        }
    }

    /// An active lease with two pins, an idle one, and an orphan.
    pub(crate) fn sample() -> Vec<Lease> {
        let file = |ino| FileId {
            major: 259,
            minor: 1,
            ino,
        };
        let rdma = Pin {
            id: 11,
            extent: Extent::new(0, 65536),
            runs: 1,
            pages: 16,
            kind: PinKind::Rdma,
            device: "rxe0".into(),
            owner_file: Some("/dev/infiniband/uverbs0".into()),
            open_in: vec![
                Opener {
                    pid: 812,
                    comm: Some("ib_write_bw".into()),
                },
                Opener {
                    pid: 900,
                    comm: None,
                },
            ],
            task: a_task(Some(812), 1000, "ib_write_bw"),
            writable: true,
            revocable: false,
            age_ms: 1500,
        };
        let ring = Pin {
            id: 12,
            extent: Extent::new(2 << 20, 6 << 20),
            runs: 2,
            pages: 1024,
            kind: PinKind::IoUring,
            device: "io_uring".into(),
            owner_file: None,
            open_in: vec![],
            writable: false,
            revocable: true,
            ..rdma.clone()
        };
        let active = Lease {
            id: 3,
            extent: Extent::new(0, u64::MAX),
            file: file(12),
            path: b"/mnt/pmem/file".to_vec(),
            mode: LeaseMode::Exclusive,
            break_time_ms: None,
            breaking: 0,
            state: State::Active,
            holder: a_task(Some(812), 1000, "ib_write_bw"),
            holders: 2,
            pinned_pages: 1040,
            age_ms: 2500,
            pins: vec![rdma.clone(), ring],
        };
        let idle = Lease {
            id: 4,
            extent: Extent::new(4096, 2 << 20),
            file: file(13),
            path: b"/mnt/pmem/two\nlines".to_vec(),
            mode: LeaseMode::Breakable,
            break_time_ms: Some(5000),
            breaking: 1,
            holder: a_task(Some(90), 0, "spdk_tgt"),
            holders: 1,
            pinned_pages: 0,
            pins: vec![],
            ..active.clone()
        };
        let orphan = Lease {
            id: 5,
            file: file(14),
            path: b"/mnt/pmem/old (deleted)".to_vec(),
            state: State::Orphaned,
            holder: a_task(None, 1000, "killed"),
            holders: 0,
            pinned_pages: 16,
            pins: vec![Pin { id: 13, ..rdma }],
            ..active.clone()
        };
        vec![active, idle, orphan]
    }

    #[test]
    fn golden() {
        let golden = include_str!("../tests/golden/ls.txt");
        assert_eq!(render(&sample(), 4096), golden);
    }

    #[test]
    fn no_lease_no_header() {
        assert_eq!(render(&[], 4096), "");
    }

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(printable(b"a\x1b[2J\t\xff"), "a\\u{1b}[2J\\t\u{fffd}");
    }
}
