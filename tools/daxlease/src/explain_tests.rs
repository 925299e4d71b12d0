// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::mounts::Mount;
use crate::table::tests::sample;
use std::process::ExitCode;

fn machine() -> Machine {
    Machine {
        page_size: 4096,
        uid: 1001,
        release: "7.3.4".into(),
        module_loaded: false,
    }
}

fn regular(fstype: &str, options: &str, dax: bool) -> FileFacts {
    FileFacts {
        kind: FileType::RegularFile,
        uid: 1000,
        dax,
        mount: Some(Mount {
            target: "/mnt/pmem".into(),
            fstype: fstype.into(),
            source: "/dev/pmem0".into(),
            options: options.into(),
        }),
    }
}

fn refused(errno: Errno, range: Range, facts: Option<&FileFacts>) -> String {
    acquire(Path::new("/f"), errno, range, facts, &machine(), &[])
}

#[track_caller]
fn says(sentence: &str, parts: &[&str]) {
    for part in parts {
        assert!(sentence.contains(part), "'{part}' not in: {sentence}");
    }
    assert!(!sentence.contains('\n'), "{sentence}");
    assert!(!sentence.contains("  "), "{sentence}");
    assert!(!sentence.ends_with('.'), "{sentence}");
}

#[test]
fn no_device() {
    let sentence = device(Errno::NOENT, &machine());
    says(
        &sentence,
        &["modprobe daxlease", "insmod", "series", "7.3.4"],
    );
    let loaded = Machine {
        module_loaded: true,
        ..machine()
    };
    says(
        &device(Errno::NOENT, &loaded),
        &["although the module is loaded", "container"],
    );
    says(
        &device(Errno::ACCESS, &machine()),
        &["60-daxlease.rules", "udevadm"],
    );
    says(&device(Errno::MFILE, &machine()), &["ulimit -n"]);
    says(
        &device(Errno::IO, &machine()),
        &["/dev/daxlease: Input/output error"],
    );
}

#[test]
fn a_file_that_does_not_open() {
    let path = Path::new("/mnt/f");
    says(
        &open(path, Errno::NOENT, &[]),
        &["/mnt/f: no such file", "fallocate", "truncate -s"],
    );
    says(
        &open(path, Errno::ACCESS, &[]),
        &["permission", "for writing"],
    );
    says(&open(path, Errno::ISDIR, &[]), &["directory", "regular"]);
    says(&open(path, Errno::NXIO, &[]), &["pipe", "regular"]);
    says(&open(path, Errno::ROFS, &[]), &["read-only"]);
    says(&open(path, Errno::AGAIN, &[]), &["F_SETLEASE", "try again"]);
    assert_eq!(
        open(path, Errno::LOOP, &[]),
        "/mnt/f: Too many levels of symbolic links"
    );
}

#[test]
fn leased_by() {
    let path = Path::new("/mnt/f");
    let leases = sample();
    let sentence = open(path, Errno::TXTBSY, &leases[..1]);
    says(
        &sentence,
        &[
            "leased by pid 812 (ib_write_bw)",
            "see 'daxlease ls /mnt/f'",
        ],
    );
    says(
        &open(path, Errno::TXTBSY, &leases[2..]),
        &["leased by killed, which is gone"],
    );
    says(
        &open(path, Errno::TXTBSY, &[]),
        &["program that runs", "as root"],
    );
    let range = Range::default();
    let sentence = acquire(path, Errno::TXTBSY, range, None, &machine(), &leases);
    says(&sentence, &["leased by pid 812 (ib_write_bw)"]);
}

#[test]
fn wrong_kind_of_file() {
    let range = Range::default();
    let why = |facts: &FileFacts| refused(Errno::OPNOTSUPP, range, Some(facts));
    let mut pipe = regular("ext4", "rw", false);
    pipe.kind = FileType::Fifo;
    says(&why(&pipe), &["/f: is a pipe", "regular"]);
    says(
        &why(&regular("tmpfs", "rw", false)),
        &["is on tmpfs", "/mnt/pmem", "ext4 or xfs"],
    );
    let sentence = why(&regular("ext4", "rw", false));
    says(
        &sentence,
        &[
            "not in DAX mode",
            "mount -o dax=always /dev/pmem0 /mnt/pmem",
        ],
    );
    let sentence = why(&regular("xfs", "rw,dax=always", false));
    says(&sentence, &["mounted with dax=always, yet"]);
    says(
        &why(&regular("xfs", "rw,dax=always", true)),
        &["7.3.4", "series"],
    );
    let mut nowhere = regular("ext4", "rw", false);
    nowhere.mount = None;
    says(&why(&nowhere), &["not in DAX mode"]);
    says(
        &refused(Errno::OPNOTSUPP, range, None),
        &["regular file in DAX mode on ext4 or xfs"],
    );
}

#[test]
fn other_refusals() {
    let range = Range::default();
    let facts = regular("ext4", "rw", true);
    let sentence = refused(Errno::ACCESS, range, Some(&facts));
    says(&sentence, &["uid 1000", "uid 1001", "owner", "CAP_LEASE"]);
    let own = FileFacts {
        uid: machine().uid,
        ..facts.clone()
    };
    says(
        &refused(Errno::ACCESS, range, Some(&own)),
        &["not yours in this user namespace"],
    );
    says(
        &refused(Errno::AGAIN, range, None),
        &["layout change", "try again"],
    );
    says(
        &refused(Errno::NOSPC, range, None),
        &["max_leases_per_user", "1001"],
    );
    says(&refused(Errno::MFILE, range, None), &["ulimit -n"]);
    says(&refused(Errno::NOTTY, range, None), &["another version"]);
    says(
        &refused(Errno::NOMEM, range, None),
        &["Cannot allocate memory"],
    );
}

#[test]
fn a_break_time_too_long() {
    let time = "70s".parse().unwrap();
    says(
        &break_time(Path::new("/f"), time),
        &[
            "/f: a break time of 1.2 min",
            "--break-time",
            "max_break_time_ms",
        ],
    );
}

#[test]
fn no_force() {
    let why = |errno, range| force(Path::new("/f"), errno, range, None, &machine());
    let whole = Range::default();
    says(
        &why(Errno::PERM, whole),
        &["/f: only", "as root", "CAP_SYS_ADMIN"],
    );
    says(&why(Errno::NOTTY, whole), &["another version"]);
    says(&why(Errno::OPNOTSUPP, whole), &["regular file in DAX mode"]);
    says(&why(Errno::NOMEM, whole), &["nothing was forced"]);
    let beyond = Range {
        offset: 1,
        length: i64::MAX as u64,
    };
    says(&why(Errno::INVAL, beyond), &["largest possible file"]);
}

#[test]
fn bad_ranges() {
    let why = |offset, length| refused(Errno::INVAL, Range { offset, length }, None);
    says(
        &why(1, 0),
        &["range 1:0", "multiples of the page size, 4096"],
    );
    says(&why(0, 100), &["multiples"]);
    says(&why(u64::MAX - 4095, 8192), &["largest possible file"]);
    says(&why(1 << 63, 0), &["largest possible file"]);
    says(&why(0, 4096), &["same version"]);
}

#[test]
fn no_listing() {
    let malformed = crate::records::Malformed::Short.into();
    says(
        &listing(&malformed, &machine()),
        &["malformed", "too short", "same version"],
    );
    let query = |errno| listing(&crate::listing::Error::Refused(errno), &machine());
    says(&query(Errno::NOTTY), &["another version"]);
    says(&query(Errno::INVAL), &["Invalid argument"]);
    says(
        &stat(Path::new("/f"), Errno::NOENT),
        &["no such file", "without it"],
    );
}

#[test]
fn a_file_to_scan_that_does_not_open() {
    let path = Path::new("/mnt/f");
    let why = |errno| open_to_scan(path, errno);
    says(&why(Errno::NOENT), &["/mnt/f: no such file", "exists"]);
    says(&why(Errno::ACCESS), &["permission", "as root"]);
    says(&why(Errno::NXIO), &["socket", "regular"]);
    says(&why(Errno::AGAIN), &["F_SETLEASE", "try again"]);
    assert_eq!(
        why(Errno::LOOP),
        "/mnt/f: Too many levels of symbolic links"
    );
}

#[test]
fn no_scan() {
    let whole = Range::default();
    let why = |errno, range, facts: Option<&FileFacts>| {
        let error = crate::listing::Error::Refused(errno);
        scan(Path::new("/f"), &error, range, facts, &machine())
    };
    let mut directory = regular("ext4", "rw", false);
    directory.kind = FileType::Directory;
    says(
        &why(Errno::OPNOTSUPP, whole, Some(&directory)),
        &["/f: cannot be scanned: it is a directory", "regular"],
    );
    says(
        &why(Errno::OPNOTSUPP, whole, Some(&regular("ext4", "rw", false))),
        &[
            "cannot be scanned: it is on ext4",
            "not in DAX mode",
            "dax=always",
        ],
    );
    says(
        &why(Errno::NOTTY, whole, None),
        &["older", "rmmod daxlease", "7.3.4"],
    );
    says(
        &why(Errno::NOMEM, whole, None),
        &["cannot be scanned", "Cannot allocate memory"],
    );
    let beyond = Range {
        offset: 1,
        length: i64::MAX as u64,
    };
    says(
        &why(Errno::INVAL, beyond, None),
        &["range 1:9223372036854775807", "largest possible file"],
    );
    let fine = Range {
        offset: 1,
        length: 1,
    };
    let sentence = why(Errno::INVAL, fine, None);
    says(&sentence, &["does not scan range 1:1", "same version"]);
    assert!(!sentence.contains("page size"), "{sentence}");
    let malformed = crate::records::Malformed::Stuck.into();
    says(
        &scan(Path::new("/f"), &malformed, whole, None, &machine()),
        &["malformed", "same version"],
    );
}

#[test]
fn commands() {
    let fails = |command: &str, errno: Errno| exec(Path::new(command), &errno.into());
    let code = |failure: &Failure| format!("{:?}", failure.code());
    let is = |number: u8| format!("{:?}", ExitCode::from(number));
    let failure = fails("nonesuch", Errno::NOENT);
    says(&failure.to_string(), &["not found in PATH"]);
    assert_eq!(code(&failure), is(127));
    let failure = fails("/nonesuch", Errno::NOENT);
    says(&failure.to_string(), &["no such file"]);
    assert_eq!(code(&failure), is(127));
    let failure = fails("/bin/sh", Errno::NOENT);
    says(&failure.to_string(), &["interpreter"]);
    assert_eq!(code(&failure), is(127));
    for (errno, part) in [
        (Errno::ACCESS, "chmod +x"),
        (Errno::NOEXEC, "#!"),
        (Errno::TXTBSY, "open for writing"),
        (Errno::TOOBIG, "Argument list too long"),
    ] {
        let failure = fails("/bin/sh", errno);
        says(&failure.to_string(), &["/bin/sh: ", part]);
        assert_eq!(code(&failure), is(126));
    }
    says(&fails("/", Errno::ACCESS).to_string(), &["is a directory"]);
}

#[test]
fn names_cannot_move_the_cursor() {
    says(
        &open(Path::new("/a\n\x1b"), Errno::NOENT, &[]),
        &["/a\\n\\u{1b}"],
    );
}
