// SPDX-License-Identifier: GPL-2.0

//! The JSON of `daxlease ls --json` and `daxlease scan --json`.
//!
//! The member names are a promise: they are documented in the manual page
//! (see [`crate::help`]), members may be added, and `version` rises when one
//! changes its meaning or goes.

use crate::ioctl::Forced;
use crate::lease::Extent;
use crate::lease::Lease;
use crate::lease::Opener;
use crate::lease::Pin;
use crate::lease::Task;
use crate::scan::Scan;
use serde::Serialize;
use std::path::Path;

const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    version: u32,
    leases: Vec<LeaseView>,
}

#[derive(Serialize)]
struct ScanDocument {
    version: u32,
    file: String,
    range: ExtentView,
    busy: BusyView,
    first: Option<ExtentView>,
    leases: Vec<LeaseView>,
}

#[derive(Serialize)]
struct BusyView {
    pinned: bool,
    transient: bool,
}

#[derive(Serialize)]
struct LeaseView {
    id: u64,
    path: String,
    dev_major: u32,
    dev_minor: u32,
    ino: u64,
    #[serde(flatten)]
    extent: ExtentView,
    mode: String,
    break_time_ms: Option<u32>,
    breaking: u32,
    state: String,
    #[serde(flatten)]
    holder: TaskView,
    holders: u32,
    pinned_pages: u64,
    pinned_bytes: u64,
    age_ms: u64,
    pins: Vec<PinView>,
}

#[derive(Serialize)]
struct PinView {
    id: u64,
    kind: String,
    device: String,
    owner_file: Option<String>,
    open_in: Vec<OpenerView>,
    #[serde(flatten)]
    task: TaskView,
    #[serde(flatten)]
    extent: ExtentView,
    runs: u32,
    pages: u64,
    bytes: u64,
    writable: bool,
    revocable: bool,
    age_ms: u64,
}

#[derive(Serialize)]
struct OpenerView {
    pid: i32,
    comm: Option<String>,
}

#[derive(Serialize)]
struct ForceDocument {
    version: u32,
    file: String,
    range: ExtentView,
    revoked: u32,
    killed: u32,
    pins_left: u32,
    leases_left: u32,
}

#[derive(Serialize)]
struct ExtentView {
    start: u64,
    end: Option<u64>,
}

#[derive(Serialize)]
struct TaskView {
    pid: Option<i32>,
    comm: String,
    uid: u32,
}

impl From<Extent> for ExtentView {
    fn from(Extent { start, end }: Extent) -> Self {
        Self { start, end }
    }
}

impl From<&Opener> for OpenerView {
    fn from(opener: &Opener) -> Self {
        Self {
            pid: opener.pid,
            comm: opener.comm.clone(),
        }
    }
}

impl From<&Task> for TaskView {
    fn from(task: &Task) -> Self {
        Self {
            pid: task.pid,
            comm: task.comm.clone(),
            uid: task.uid,
        }
    }
}

impl LeaseView {
    fn new(lease: &Lease, page_size: u64) -> Self {
        Self {
            id: lease.id,
            path: String::from_utf8_lossy(&lease.path).into_owned(),
            dev_major: lease.file.major,
            dev_minor: lease.file.minor,
            ino: lease.file.ino,
            extent: lease.extent.into(),
            mode: lease.mode.to_string(),
            break_time_ms: lease.break_time_ms,
            breaking: lease.breaking,
            state: lease.state.to_string(),
            holder: (&lease.holder).into(),
            holders: lease.holders,
            pinned_pages: lease.pinned_pages,
            pinned_bytes: lease.pinned_pages.saturating_mul(page_size),
            age_ms: lease.age_ms,
            pins: lease
                .pins
                .iter()
                .map(|pin| PinView::new(pin, page_size))
                .collect(),
        }
    }
}

impl PinView {
    fn new(pin: &Pin, page_size: u64) -> Self {
        Self {
            id: pin.id,
            kind: pin.kind.to_string(),
            device: pin.device.clone(),
            owner_file: pin.owner_file.clone(),
            open_in: pin.open_in.iter().map(OpenerView::from).collect(),
            task: (&pin.task).into(),
            extent: pin.extent.into(),
            runs: pin.runs,
            pages: pin.pages,
            bytes: pin.pages.saturating_mul(page_size),
            writable: pin.writable,
            revocable: pin.revocable,
            age_ms: pin.age_ms,
        }
    }
}

fn views(leases: &[Lease], page_size: u64) -> Vec<LeaseView> {
    leases
        .iter()
        .map(|lease| LeaseView::new(lease, page_size))
        .collect()
}

/// The whole document, with a newline at its end.
pub fn render(leases: &[Lease], page_size: u64) -> serde_json::Result<String> {
    let document = Document {
        version: VERSION,
        leases: views(leases, page_size),
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

/// Likewise for a scan.
pub fn render_scan(scan: &Scan, page_size: u64) -> serde_json::Result<String> {
    let document = ScanDocument {
        version: VERSION,
        file: scan.path.to_string_lossy().into_owned(),
        range: scan.extent.into(),
        busy: BusyView {
            pinned: scan.busy.pinned(),
            transient: scan.busy.transient(),
        },
        first: scan.busy.first.map(ExtentView::from),
        leases: views(&scan.leases, page_size),
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

/// Likewise for what FORCE has done.
pub fn render_force(path: &Path, extent: Extent, forced: &Forced) -> serde_json::Result<String> {
    let document = ForceDocument {
        version: VERSION,
        file: path.to_string_lossy().into_owned(),
        range: extent.into(),
        revoked: forced.revoked,
        killed: forced.killed,
        pins_left: forced.pins,
        leases_left: forced.leases,
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::busy::Busy;
    use crate::help;
    use crate::scan;
    use crate::table::tests::sample;

    #[test]
    fn golden() {
        let golden = include_str!("../tests/golden/ls.json");
        assert_eq!(render(&sample(), 4096).unwrap(), golden);
    }

    #[test]
    fn no_lease() {
        let text = render(&[], 4096).unwrap();
        assert_eq!(text, "{\n  \"version\": 1,\n  \"leases\": []\n}\n");
    }

    #[test]
    fn golden_scan() {
        let golden = include_str!("../tests/golden/scan.json");
        assert_eq!(render_scan(&scan::tests::sample(), 4096).unwrap(), golden);
    }

    #[test]
    fn idle() {
        let idle = Scan {
            extent: Extent::new(0, crate::uapi::TO_INFINITY),
            busy: Busy::new(0, 0, 0),
            leases: vec![],
            ..scan::tests::sample()
        };
        let text = render_scan(&idle, 4096).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["range"]["end"], serde_json::Value::Null);
        assert_eq!(value["first"], serde_json::Value::Null);
        assert_eq!(value["busy"]["pinned"], false);
        assert_eq!(value["busy"]["transient"], false);
    }

    #[track_caller]
    fn documented(object: &serde_json::Value, sections: &[help::Section]) {
        let help = help::text(sections);
        for name in object.as_object().unwrap().keys() {
            let mut words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            assert!(words.any(|word| word == name), "{name}");
        }
    }

    /// Every member is in the manual page.
    #[test]
    fn members_are_documented() {
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let list = parse(include_str!("../tests/golden/ls.json"));
        let lease = &list["leases"][0];
        documented(lease, help::LS);
        documented(&lease["pins"][0], help::LS);
        documented(&lease["pins"][0]["open_in"][0], help::LS);
        let forced = render_force(Path::new("/f"), Extent::new(0, 1), &Forced::default());
        documented(&parse(&forced.unwrap()), help::FORCE);
        let scan = parse(include_str!("../tests/golden/scan.json"));
        for object in [&scan, &scan["busy"], &scan["range"], &scan["first"]] {
            documented(object, help::SCAN);
        }
    }
}
