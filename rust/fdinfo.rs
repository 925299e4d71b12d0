// SPDX-License-Identifier: GPL-2.0

//! What /proc/PID/fdinfo tells of a lease fd: the lease, and its first pins.

use kernel::{
    seq_file::SeqFile,
    seq_print, //
};

use crate::{
    account::{
        PinKey,
        PinRecord, //
    },
    bindings,
    identity::printable,
    lease::{
        Lease,
        Mode, //
    },
    lifecycle::State,
    manager::LeaseRef,
    query::Reader,
    revoke::Outlook, //
};

/// As many fit on a page. QUERY tells all of them.
const PINS: usize = 16;

pub(crate) fn show(lease: &LeaseRef, m: &SeqFile) {
    let reader = Reader::current();
    let inner = lease.layout.inner.lock();
    let Some(value) = inner.leases.get(&lease.id) else {
        return;
    };
    show_lease(lease.id, value, m);
    for (key, pin) in inner.pins_after(lease.id, 0).take(PINS) {
        show_pin(&reader, key, pin, m);
    }
}

fn show_lease(id: u64, lease: &Lease, m: &SeqFile) {
    let (start, end) = lease.range.bytes();
    let (major, minor) = lease.file.dev();

    seq_print!(m, "lease:\t{}\n", id);
    match lease.mode {
        Mode::Exclusive => seq_print!(m, "mode:\texclusive\n"),
        Mode::Breakable(ms) => {
            seq_print!(m, "mode:\tbreakable\n");
            seq_print!(m, "break_time_ms:\t{}\n", ms);
            seq_print!(m, "breaking:\t{}\n", lease.breaking);
        }
    }
    seq_print!(m, "state:\t{}\n", state_name(lease.life.state()));
    seq_print!(m, "device:\t{}:{}\n", major, minor);
    seq_print!(m, "inode:\t{}\n", lease.file.ino());
    seq_print!(m, "start:\t{}\n", start);
    show_end(end, "end:\t", m);
    seq_print!(m, "\nholders:\t{}\n", lease.nr_holders);
    seq_print!(m, "pins:\t{}\n", lease.life.pins());
    seq_print!(m, "pinned_pages:\t{}\n", lease.pages);
}

/// One line of `NAME=VALUE`; names that somebody chose come last.
fn show_pin(reader: &Reader, key: PinKey, pin: &PinRecord, m: &SeqFile) {
    let owner = &pin.owner;
    let (start, end) = pin.span.bytes();
    let comm = reader.name(&owner.tgid, owner.comm);

    seq_print!(m, "pin:\tid={} start={}", key.id, start);
    show_end(end, " end=", m);
    seq_print!(
        m,
        " pages={} age_ms={} writable={} revocable={} uid={} pid={} kind={} owner={} file={} comm={}\n",
        pin.pages,
        pin.since.elapsed().as_millis(),
        u32::from(pin.write),
        u32::from(owner.revoker.outlook() == Outlook::Revocable),
        owner.uid.here(),
        owner.tgid.nr(),
        kind_name(owner.kind),
        printable(&owner.device),
        printable(&owner.file_path),
        printable(&comm)
    );
}

fn show_end(end: u64, name: &str, m: &SeqFile) {
    if end == u64::MAX {
        seq_print!(m, "{}infinity", name);
    } else {
        seq_print!(m, "{}{}", name, end);
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Releasing => "releasing",
        State::Orphaned => "orphaned",
    }
}

fn kind_name(kind: u32) -> &'static str {
    match kind {
        bindings::DAXLEASE_PIN_RDMA => "rdma",
        bindings::DAXLEASE_PIN_IO_URING => "io_uring",
        _ => "other",
    }
}
