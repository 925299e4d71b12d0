// SPDX-License-Identifier: GPL-2.0

//! Finds a mount in `/proc/self/mountinfo`.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What is mounted where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where.
    pub target: PathBuf,
    /// File system type.
    pub fstype: String,
    /// Device, as mount was told.
    pub source: PathBuf,
    /// The file system's options.
    pub options: String,
}

impl Mount {
    /// Whether every file was asked to be in DAX mode.
    pub fn dax_always(&self) -> bool {
        let mut options = self.options.split(',');
        options.any(|option| option == "dax" || option == "dax=always")
    }
}

/// The mount with this number.
pub fn find(mountinfo: &str, mount_id: u64) -> Option<Mount> {
    let mount_id = mount_id.to_string();
    let line = mountinfo
        .lines()
        .find(|line| line.split(' ').next() == Some(&mount_id))?;
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut filesystem = filesystem.split(' ');
    Some(Mount {
        target: unescape(mount.split(' ').nth(4)?),
        fstype: filesystem.next()?.into(),
        source: unescape(filesystem.next()?),
        options: filesystem.next()?.into(),
    })
}

/// Undoes the kernel's `\040`.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let octal = (byte == b'\\').then(|| tail.get(..3)).flatten();
        let code = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &tail[3..];
            }
            None => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
36 22 259:1 / /mnt/p\\040mem rw,relatime - xfs /dev/pmem0 rw,attr2,dax=always,inode64
";

    #[test]
    fn finds_by_number() {
        let mount = find(INFO, 36).unwrap();
        assert_eq!(mount.target, PathBuf::from("/mnt/p mem"));
        assert_eq!(mount.fstype, "xfs");
        assert_eq!(mount.source, PathBuf::from("/dev/pmem0"));
        assert!(mount.dax_always());
        assert!(!find(INFO, 22).unwrap().dax_always());
        assert_eq!(find(INFO, 2), None);
    }

    #[test]
    fn odd_text_is_not_fatal() {
        assert_eq!(find("36", 36), None);
        assert_eq!(find("36 22 - xfs", 36), None);
        assert_eq!(unescape("a\\04"), PathBuf::from("a\\04"));
        assert_eq!(unescape("a\\999b"), PathBuf::from("a\\999b"));
    }
}
