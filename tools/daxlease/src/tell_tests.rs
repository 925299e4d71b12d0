// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::trace::tests::event;

const PART: &str = "dev=259:0 ino=14 start=0 end=8192 pid=331";
const WHOLE: &str = "dev=259:0 ino=14 start=0 end=18446744073709551615 pid=331";
const PIN: &str = "lease_id=16 pin_id=19 pages=2 kind=rdma device=rxe0";

/// All that is said, without the times.
fn told(events: &[String]) -> Vec<String> {
    let mut teller = Teller::new(4096);
    let mut told = Vec::new();
    for fields in events {
        told.extend(teller.tell(&event(fields), "/f"));
    }
    told.extend(teller.flush());
    told.into_iter().map(|(_, text)| text).collect()
}

#[track_caller]
fn says(fields: &str, sentence: &str) {
    assert_eq!(told(&[fields.into()]), [sentence]);
}

#[test]
fn leases() {
    says(
        &format!("acquire: {WHOLE} lease_id=16 mode=exclusive break_time_ms=0"),
        "prog (331) has leased /f, 0.. (whole file): lease 16, exclusive",
    );
    says(
        &format!("acquire: {PART} lease_id=16 mode=breakable break_time_ms=5000"),
        "prog (331) has leased /f, 0..8192 (8 KiB): lease 16, breakable, 5 s to let go",
    );
    says(
        &format!("attach: {PART} lease_id=16"),
        "prog (331) is now a holder of lease 16 on /f",
    );
    says(
        &format!("release: {PART} lease_id=16 how=released"),
        "prog (331) has given lease 16 on /f back",
    );
    says(
        &format!("release: {PART} lease_id=16 how=closed"),
        "lease 16 on /f is gone: prog (331) has closed its last descriptor",
    );
    says(
        &format!("release: {PART} lease_id=16 how=orphan"),
        "lease 16 on /f is gone: nobody had it any more, and its last pin has gone",
    );
}

#[test]
fn batches_are_one_pin() {
    let batch = |from: u64| {
        format!(
            "pin: dev=259:0 ino=14 start={from} end={} pid=331 {PIN} write=1",
            from + 8192
        )
    };
    let other = format!("pin: {PART} {} write=0", PIN.replace("=19", "=20"));
    assert_eq!(
        told(&[batch(0), batch(8192), other, format!("unpin: {PART} {PIN}")]),
        [
            "rxe0 has pinned 16 KiB of /f for prog (331), to write, at 0..16384 (16 KiB): pin 19, \
             lease 16",
            "rxe0 has pinned 8 KiB of /f for prog (331), to read, at 0..8192 (8 KiB): pin 20, \
             lease 16",
            "rxe0 has let go of 8 KiB of /f: pin 19, lease 16",
        ]
    );
}

fn change(steps: &[&str]) -> Vec<String> {
    let begin = format!("break_begin: {PART} break_id=7 reason=punch_hole");
    let mut events = vec![begin];
    events.extend(steps.iter().map(|step| match step.split_once('=') {
        Some(("outcome", number)) => format!("break_end: {PART} break_id=7 outcome={number}"),
        Some((verdict, error)) => {
            format!("break_verdict: {PART} break_id=7 verdict={verdict} error={error}")
        }
        None => format!("{step}: {PART} {PIN} reason=punch_hole"),
    }));
    let mut told = told(&events);
    assert_eq!(
        told.remove(0),
        "prog (331) wants to punch a hole into /f, 0..8192 (8 KiB): layout change 7"
    );
    told
}

#[test]
fn changes() {
    assert_eq!(change(&["go=0", "outcome=0"]), ["layout change 7 is done"]);
    assert_eq!(
        change(&["refuse=26", "outcome=26"]),
        ["layout change 7 is refused: ETXTBSY, others have a lease or pins there"]
    );
    let waits = "layout change 7 waits: the holders of the leases there have been asked to let go";
    assert_eq!(
        change(&["wait=0", "go=0", "outcome=0"]),
        [
            waits,
            "layout change 7 goes on: nothing is pinned there now",
            "layout change 7 is done"
        ]
    );
    assert_eq!(
        change(&["wait=0", "refuse=26", "outcome=26"]),
        [
            waits,
            "layout change 7 has given up: ETXTBSY, a pin that cannot be revoked has outlived the \
             break time"
        ]
    );
    assert_eq!(
        change(&["wait=0", "revoke", "unpin", "go=0", "outcome=0"]),
        [
            waits,
            "prog (331) has taken 8 KiB of /f from rxe0, to punch a hole into it: pin 19, lease 16",
            "layout change 7 goes on: nothing is pinned there now",
            "layout change 7 is done"
        ]
    );
}
