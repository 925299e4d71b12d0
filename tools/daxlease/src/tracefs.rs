// SPDX-License-Identifier: GPL-2.0

//! An instance of tracefs of one's own: events and buffers that nobody else sees
//! or is disturbed by.

use crate::lease::FileId;
use rustix::fs::OFlags;
use std::fs;
use std::fs::File;
use std::io;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

/// Where tracefs is mounted, by itself or below debugfs.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// What the instances are called, in front of the number of their process.
const NAME: &str = "daxlease-watch.";

/// Why there is nothing to watch.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not for this user.
    #[error(
        "the kernel's tracepoints can only be read by root: run 'daxlease watch' as root \
         (where tracefs belongs to a group, a member of it will do)"
    )]
    NotRoot,
    /// It is nowhere.
    #[error(
        "tracefs is not mounted: as root, run 'mount -t tracefs tracefs /sys/kernel/tracing'; \
         if that fails, the kernel was built without tracing"
    )]
    NotMounted,
    /// The events are not there.
    #[error(
        "the tracepoints of daxlease are not there: load the module ('modprobe daxlease' or \
         'insmod daxlease.ko'), or, if it is loaded, one that is not older than this program"
    )]
    NoEvents,
    /// Something else.
    #[error("{0}: {1}")]
    Other(String, io::Error),
}

/// An instance, there until it is dropped.
#[derive(Debug)]
pub struct Instance(PathBuf);

impl Instance {
    /// Makes an instance in which all events of daxlease are recorded from now on, those of some
    /// files only if there are any.
    pub fn new(files: &[FileId]) -> Result<(Self, File), Error> {
        let root = find()?;
        let instances = root.join("instances");
        remove_leftovers(&instances);
        let dir = instances.join(format!("{NAME}{}", std::process::id()));
        fs::create_dir(&dir).map_err(|error| Error::new(&dir, error))?;
        let this = Self(dir);
        if !this.0.join("events/daxlease").exists() {
            return Err(Error::NoEvents);
        }
        // Times that can be compared with those of the rest of the system.
        this.write("trace_clock", "mono")?;
        // A reader is to be woken by the first event, not by half a buffer.
        this.write("buffer_percent", "0")?;
        if !files.is_empty() {
            this.write("events/daxlease/filter", &filter(files))?;
        }
        let pipe = this.0.join("trace_pipe");
        let pipe = File::options()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits() as i32)
            .open(&pipe)
            .map_err(|error| Error::new(&pipe, error))?;
        this.write("events/daxlease/enable", "1")?;
        Ok((this, pipe))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.0.join(name);
        fs::write(&path, text).map_err(|error| Error::new(&path, error))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The directory's files are the kernel's and go with it, events first.
        let _ = fs::write(self.0.join("events/enable"), "0");
        let _ = fs::remove_dir(&self.0);
    }
}

impl Error {
    fn new(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::PermissionDenied => Self::NotRoot,
            _ => Self::Other(path.display().to_string(), error),
        }
    }
}

fn find() -> Result<&'static Path, Error> {
    let mut denied = false;
    for place in PLACES {
        let place = Path::new(place);
        match fs::metadata(place.join("instances")) {
            Ok(_) => return Ok(place),
            Err(error) => denied |= error.kind() == ErrorKind::PermissionDenied,
        }
    }
    Err(if denied {
        Error::NotRoot
    } else {
        Error::NotMounted
    })
}

/// Of processes that had no chance to tidy up.  Those in use cannot be removed.
fn remove_leftovers(instances: &Path) {
    let Ok(entries) = fs::read_dir(instances) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(NAME));
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::write(entry.path().join("events/enable"), "0");
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Devices are in the kernel's own form there.
fn filter(files: &[FileId]) -> String {
    let tests: Vec<String> = files
        .iter()
        .map(|file| {
            let dev = (file.major << 20) | file.minor;
            format!("(dev == {dev} && ino == {})", file.ino)
        })
        .collect();
    tests.join(" || ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let file = |ino| FileId {
            major: 259,
            minor: 1,
            ino,
        };
        assert_eq!(filter(&[file(14)]), "(dev == 271581185 && ino == 14)");
        assert_eq!(
            filter(&[file(1), file(2)]),
            "(dev == 271581185 && ino == 1) || (dev == 271581185 && ino == 2)"
        );
    }
}
