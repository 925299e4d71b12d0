// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::lease::LeaseMode;
use crate::lease::PinKind;
use crate::lease::State;

fn push32(record: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        record.extend_from_slice(&value.to_ne_bytes());
    }
}

fn push64(record: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        record.extend_from_slice(&value.to_ne_bytes());
    }
}

fn push_string(record: &mut Vec<u8>, string: &str, room: usize) {
    let end = record.len() + room;
    record.extend_from_slice(string.as_bytes());
    record.resize(end, 0);
}

fn finish(mut record: Vec<u8>) -> Vec<u8> {
    record.resize(record.len().next_multiple_of(8), 0);
    let size = record.len() as u32;
    record[..4].copy_from_slice(&size.to_ne_bytes());
    record
}

/// A lease without end, by pid 812.
pub(crate) fn lease_record(id: u64, path: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    push32(&mut record, &[0, uapi::RECORD_LEASE]);
    push64(&mut record, &[id, 0, uapi::TO_INFINITY, 12]);
    push32(&mut record, &[259, 1]);
    push32(&mut record, &[uapi::MODE_EXCLUSIVE, uapi::STATE_ACTIVE]);
    push32(&mut record, &[1000, 812, 1, 1]);
    push64(&mut record, &[16, 2500]);
    push32(&mut record, &[0, 0]);
    push_string(&mut record, "ib_write_bw", 16);
    assert_eq!(record.len(), 112);
    record.extend_from_slice(path);
    record.push(0);
    finish(record)
}

/// Sixteen pages of rxe0, written to.
pub(crate) fn pin_record(id: u64, lease_id: u64) -> Vec<u8> {
    let mut record = Vec::new();
    push32(&mut record, &[0, uapi::RECORD_PIN]);
    push64(&mut record, &[id, lease_id, 0, 65536, 16, 1500]);
    push32(&mut record, &[1, uapi::PIN_WRITABLE, uapi::PIN_RDMA, 1000]);
    push32(&mut record, &[812, 0]);
    push_string(&mut record, "ib_write_bw", 16);
    push_string(&mut record, "rxe0", 32);
    push_string(&mut record, "/dev/infiniband/uverbs0", 64);
    assert_eq!(record.len(), 192);
    finish(record)
}

fn parse_all(buf: &[u8]) -> Result<Vec<Lease>, Malformed> {
    let mut leases = Vec::new();
    parse(buf, &mut leases).map(|()| leases)
}

#[test]
fn a_lease_and_its_pin() {
    let buf = [lease_record(7, b"/mnt/pmem/file"), pin_record(3, 7)].concat();
    let leases = parse_all(&buf).unwrap();
    let [lease] = &leases[..] else {
        panic!("{leases:?}")
    };
    assert_eq!(lease.id, 7);
    assert_eq!(lease.extent, Extent::new(0, uapi::TO_INFINITY));
    assert_eq!(lease.extent.end, None);
    assert_eq!(
        (lease.file.major, lease.file.minor, lease.file.ino),
        (259, 1, 12)
    );
    assert_eq!(lease.path, b"/mnt/pmem/file");
    assert_eq!(
        (lease.mode, lease.state),
        (LeaseMode::Exclusive, State::Active)
    );
    assert_eq!(lease.holder.pid, Some(812));
    assert_eq!(lease.holder.uid, 1000);
    assert_eq!(lease.holder.comm, "ib_write_bw");
    assert_eq!(
        (lease.holders, lease.pinned_pages, lease.age_ms),
        (1, 16, 2500)
    );
    let [pin] = &lease.pins[..] else {
        panic!("{lease:?}")
    };
    assert_eq!((pin.id, pin.kind, &*pin.device), (3, PinKind::Rdma, "rxe0"));
    assert_eq!(pin.extent.end, Some(65536));
    assert_eq!((pin.pages, pin.runs, pin.age_ms), (16, 1, 1500));
    assert!(pin.writable && !pin.revocable);
    assert_eq!(pin.task, lease.holder);
    assert_eq!(pin.owner_file.as_deref(), Some("/dev/infiniband/uverbs0"));
    assert_eq!((lease.break_time_ms, lease.breaking), (None, 0));
}

#[test]
fn a_breakable_lease_that_is_being_broken() {
    let mut record = lease_record(1, b"/f");
    record[48..52].copy_from_slice(&uapi::MODE_BREAKABLE.to_ne_bytes());
    record[88..92].copy_from_slice(&5000u32.to_ne_bytes());
    record[92..96].copy_from_slice(&2u32.to_ne_bytes());
    let lease = parse_all(&record).unwrap().remove(0);
    assert_eq!(lease.mode, LeaseMode::Breakable);
    assert_eq!((lease.break_time_ms, lease.breaking), (Some(5000), 2));
}

#[test]
fn an_owner_file_with_a_path_too_long() {
    let mut pin = pin_record(3, 7);
    pin[128..].fill(0);
    let leases = parse_all(&[lease_record(7, b"/f"), pin].concat()).unwrap();
    assert_eq!(leases[0].pins[0].owner_file, None);
}

#[test]
fn nothing_is_nothing() {
    assert_eq!(parse_all(&[]), Ok(vec![]));
}

#[test]
fn a_gone_holder_and_odd_bytes() {
    let mut record = lease_record(1, b"/mnt/\xff\n");
    record[60..64].copy_from_slice(&0i32.to_ne_bytes());
    let lease = parse_all(&record).unwrap().remove(0);
    assert_eq!(lease.holder.pid, None);
    assert_eq!(lease.path, b"/mnt/\xff\n");
}

#[test]
fn numbers_from_the_future() {
    let mut record = lease_record(1, b"/f");
    record[48..52].copy_from_slice(&8u32.to_ne_bytes());
    record[52..56].copy_from_slice(&9u32.to_ne_bytes());
    let lease = parse_all(&record).unwrap().remove(0);
    assert_eq!(lease.mode.to_string(), "unknown(8)");
    assert_eq!(lease.state.to_string(), "unknown(9)");
}

#[test]
fn unknown_types_and_longer_records_are_skipped() {
    let mut event = Vec::new();
    push32(&mut event, &[0, 99]);
    push64(&mut event, &[1, 2, 3]);
    let mut pin = pin_record(3, 7);
    push64(&mut pin, &[42]);
    let buf = [finish(event), lease_record(7, b"/f"), finish(pin)].concat();
    assert_eq!(parse_all(&buf).unwrap()[0].pins.len(), 1);
}

#[test]
fn a_lease_that_comes_again_is_one_lease() {
    let buf = [
        lease_record(7, b"/f"),
        pin_record(1, 7),
        lease_record(7, b"/f"),
        pin_record(2, 7),
    ]
    .concat();
    let leases = parse_all(&buf).unwrap();
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].pins.len(), 2);
}

#[test]
fn malformed_sizes() {
    let with_size = |mut record: Vec<u8>, size: u32| {
        record[..4].copy_from_slice(&size.to_ne_bytes());
        parse_all(&record)
    };
    let lease = || lease_record(7, b"/mnt/pmem/file");
    assert_eq!(with_size(lease(), 0), Err(Malformed::Short));
    assert_eq!(with_size(lease(), 4), Err(Malformed::Short));
    assert_eq!(with_size(lease(), 8), Err(Malformed::Short));
    assert_eq!(with_size(lease(), 104), Err(Malformed::Short));
    assert_eq!(with_size(lease(), 112), Err(Malformed::Unterminated));
    assert_eq!(with_size(lease(), 125), Err(Malformed::Unaligned));
    assert_eq!(with_size(lease(), 1 << 20), Err(Malformed::Overrun));
    assert_eq!(with_size(lease(), u32::MAX & !7), Err(Malformed::Overrun));
    assert_eq!(with_size(pin_record(1, 7), 184), Err(Malformed::Short));
    assert_eq!(parse_all(&lease()[..5]), Err(Malformed::Short));
}

#[test]
fn strings_without_end() {
    let mut record = lease_record(7, b"/mnt/pmem/file");
    record[112..].fill(b'x');
    assert_eq!(parse_all(&record), Err(Malformed::Unterminated));
    let mut record = lease_record(7, b"/f");
    record[96..112].fill(b'x');
    assert_eq!(parse_all(&record), Err(Malformed::Unterminated));
    let mut pin = pin_record(1, 7);
    pin[128..].fill(b'x');
    let buf = [lease_record(7, b"/f"), pin].concat();
    assert_eq!(parse_all(&buf), Err(Malformed::Unterminated));
}

#[test]
fn a_pin_without_its_lease() {
    assert_eq!(parse_all(&pin_record(1, 7)), Err(Malformed::NoLease));
}

/// No prefix and no single changed byte of a good list makes it panic.
#[test]
fn never_panics() {
    let good = [lease_record(7, b"/mnt/pmem/file"), pin_record(3, 7)].concat();
    for end in 0..good.len() {
        let _ = parse_all(&good[..end]);
    }
    for at in 0..good.len() {
        for byte in [0, 1, 7, 0x7f, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] = byte;
            let _ = parse_all(&bad);
        }
    }
}
