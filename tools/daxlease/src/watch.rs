// SPDX-License-Identifier: GPL-2.0

//! `daxlease watch`: what happens, while it happens.

use crate::cli::WatchArgs;
use crate::explain;
use crate::facts;
use crate::failure::Failure;
use crate::ioctl::LeaseFd;
use crate::lease::FileId;
use crate::listing;
use crate::tell::Teller;
use crate::trace;
use crate::trace::Event;
use crate::trace::Line;
use crate::trace::What;
use crate::tracefs::Instance;
use chrono::DateTime;
use chrono::Local;
use chrono::SecondsFormat;
use rustix::event::poll;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::time::clock_gettime;
use rustix::time::ClockId;
use serde::Serialize;
use signal_hook::consts::SIGHUP;
use signal_hook::consts::SIGINT;
use signal_hook::consts::SIGTERM;
use std::collections::HashMap;
use std::fs::File;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::os::unix::net::UnixStream;

const VERSION: u32 = 1;

/// After so long without an event nothing more is waited for to be told with it.
const IDLE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Prints until it is interrupted, or nobody reads any more.
pub fn watch(args: &WatchArgs) -> Result<(), Failure> {
    let files = args
        .files
        .iter()
        .map(|path| facts::id_of_path(path).map_err(|errno| explain::stat(path, errno)))
        .collect::<Result<Vec<FileId>, String>>()
        .map_err(Failure::Own)?;
    // Before there is something to tidy up.
    let interrupt = interrupts()?;
    let (instance, pipe) =
        Instance::new(&files).map_err(|error| Failure::Own(error.to_string()))?;
    let mut printer = Printer::new(args.json);
    let result = printer
        .start()
        .and_then(|()| follow(pipe, &interrupt, &mut printer));
    drop(instance);
    match result {
        // The reader, a pager for example, has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// What becomes readable when this process is to end.
fn interrupts() -> std::io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
    }
    Ok(read)
}

fn follow(mut pipe: File, interrupt: &UnixStream, printer: &mut Printer) -> std::io::Result<()> {
    let mut text = Vec::new();
    let mut buf = vec![0; 64 << 10];
    loop {
        let stdout = std::io::stdout();
        let mut fds = [
            PollFd::new(interrupt, PollFlags::IN),
            // For its errors, which are always told: a pipe that nobody reads any more.
            PollFd::new(&stdout, PollFlags::empty()),
            PollFd::new(&pipe, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&IDLE)) {
            Ok(0) => printer.idle()?,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ended = fds[0].revents().contains(PollFlags::IN);
        if fds[1].revents().contains(PollFlags::ERR) {
            return Ok(());
        }
        loop {
            match pipe.read(&mut buf) {
                Ok(0) => break,
                Ok(len) => text.extend_from_slice(&buf[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            while let Some(end) = text.iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(&text[..end]).into_owned();
                text.drain(..=end);
                printer.line(&line)?;
            }
        }
        if ended {
            return printer.idle();
        }
    }
}

/// A line of JSON.  Member names are a promise, as in [`crate::json`].
#[derive(Serialize)]
struct EventView<'a> {
    version: u32,
    time: String,
    #[serde(flatten)]
    what: &'a What,
    path: Option<&'a str>,
    dev_major: u32,
    dev_minor: u32,
    ino: u64,
    start: u64,
    end: Option<u64>,
    pid: i32,
    comm: &'a str,
}

#[derive(Serialize)]
struct NoteView {
    version: u32,
    time: String,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

struct Printer {
    json: bool,
    teller: Teller,
    names: Names,
    /// Microseconds of the wall clock when the trace clock was 0.
    boot_us: i64,
}

impl Printer {
    fn new(json: bool) -> Self {
        let mono = clock_gettime(ClockId::Monotonic);
        let mono_us = mono.tv_sec * 1_000_000 + mono.tv_nsec / 1000;
        Self {
            json,
            teller: Teller::new(facts::page_size()),
            names: Names::default(),
            boot_us: Local::now().timestamp_micros() - mono_us,
        }
    }

    fn start(&mut self) -> std::io::Result<()> {
        if self.json {
            self.note("start", None)
        } else {
            say("Watching; Ctrl-C ends it.\n")
        }
    }

    fn line(&mut self, line: &str) -> std::io::Result<()> {
        match trace::parse(line) {
            Some(Line::Event(event)) => self.event(&event),
            Some(Line::Lost(count)) if self.json => self.note("lost", Some(count)),
            Some(Line::Lost(count)) => {
                self.idle()?;
                say(&format!(
                    "{count} events are missing: they came faster than they could be read\n"
                ))
            }
            None => Ok(()),
        }
    }

    fn event(&mut self, event: &Event) -> std::io::Result<()> {
        let fresh = matches!(event.what, What::Acquire { .. });
        let time = self
            .time(event.time_us)
            .to_rfc3339_opts(SecondsFormat::Micros, false);
        let path = self.names.of(event.file, fresh);
        if self.json {
            let path = path.map(String::from_utf8_lossy);
            let view = EventView {
                version: VERSION,
                time,
                what: &event.what,
                path: path.as_deref(),
                dev_major: event.file.major,
                dev_minor: event.file.minor,
                ino: event.file.ino,
                start: event.extent.start,
                end: event.extent.end,
                pid: event.pid,
                comm: &event.comm,
            };
            return say(&(serde_json::to_string(&view)? + "\n"));
        }
        let file = match path {
            Some(path) => crate::table::printable(path),
            None => {
                let FileId { major, minor, ino } = event.file;
                format!("inode {ino} on device {major}:{minor}")
            }
        };
        let told = self.teller.tell(event, &file);
        self.sentences(told)
    }

    fn idle(&mut self) -> std::io::Result<()> {
        let told = self.teller.flush();
        self.sentences(told)
    }

    fn sentences(&self, told: Vec<(u64, String)>) -> std::io::Result<()> {
        for (time_us, text) in told {
            say(&format!(
                "{}  {text}\n",
                self.time(time_us).format("%H:%M:%S%.3f")
            ))?;
        }
        Ok(())
    }

    fn note(&self, event: &'static str, count: Option<u64>) -> std::io::Result<()> {
        let note = NoteView {
            version: VERSION,
            time: Local::now().to_rfc3339_opts(SecondsFormat::Micros, false),
            event,
            count,
        };
        say(&(serde_json::to_string(&note)? + "\n"))
    }

    fn time(&self, trace_us: u64) -> DateTime<Local> {
        let micros = i64::try_from(trace_us).map_or(i64::MAX, |us| us.saturating_add(self.boot_us));
        DateTime::from_timestamp_micros(micros)
            .unwrap_or_default()
            .with_timezone(&Local)
    }
}

/// Unlike [`crate::output::print`], tells when nobody reads any more.
fn say(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Paths of leased files, which the events do not have.
#[derive(Default)]
struct Names {
    known: HashMap<FileId, Option<Vec<u8>>>,
}

impl Names {
    /// The path of a file, asked for again where a lease is new; that of a file whose leases are
    /// gone before they were seen is not to be had.
    fn of(&mut self, file: FileId, fresh: bool) -> Option<&[u8]> {
        if fresh || !self.known.contains_key(&file) {
            let leases = LeaseFd::open()
                .ok()
                .and_then(|fd| listing::leases(&fd).ok())
                .unwrap_or_default();
            self.known.entry(file).or_insert(None);
            for lease in leases {
                self.known.insert(lease.file, Some(lease.path));
            }
        }
        self.known.get(&file)?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::help;
    use crate::trace::tests::event;

    fn views() -> Vec<serde_json::Value> {
        let part = "dev=259:0 ino=14 start=0 end=18446744073709551615 pid=331";
        let pin = "lease_id=16 pin_id=19 pages=1 kind=rdma device=rxe0";
        [
            format!("acquire: {part} lease_id=16 mode=exclusive break_time_ms=0"),
            format!("attach: {part} lease_id=16"),
            format!("release: {part} lease_id=16 how=closed"),
            format!("pin: {part} {pin} write=1"),
            format!("unpin: {part} {pin}"),
            format!("revoke: {part} {pin} reason=truncate"),
            format!("break_begin: {part} break_id=20 reason=truncate"),
            format!("break_verdict: {part} break_id=20 verdict=refuse error=26"),
            format!("break_end: {part} break_id=20 outcome=26"),
        ]
        .iter()
        .map(|fields| {
            let event = event(fields);
            let view = EventView {
                version: VERSION,
                time: String::new(),
                what: &event.what,
                path: None,
                dev_major: event.file.major,
                dev_minor: event.file.minor,
                ino: event.file.ino,
                start: event.extent.start,
                end: event.extent.end,
                pid: event.pid,
                comm: &event.comm,
            };
            serde_json::to_value(&view).unwrap()
        })
        .collect()
    }

    #[test]
    fn members_and_events_are_documented() {
        let help = help::text(help::WATCH);
        let documented = |word: &str| {
            let mut words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            assert!(words.any(|other| other == word), "{word}");
        };
        for view in views() {
            documented(view["event"].as_str().unwrap());
            view.as_object()
                .unwrap()
                .keys()
                .for_each(|name| documented(name));
        }
        ["start", "lost", "count"].map(documented);
    }

    #[test]
    fn json() {
        let views = views();
        assert_eq!(views[3]["event"], "pin");
        assert_eq!(views[3]["pin_id"], 19);
        assert_eq!(views[3]["write"], true);
        assert_eq!(views[3]["end"], serde_json::Value::Null);
        assert_eq!(views[7]["event"], "break_verdict");
        assert_eq!(views[7]["error"], 26);
    }

    #[test]
    fn times_of_the_trace_are_told_as_those_of_the_wall() {
        let printer = Printer::new(false);
        let now = clock_gettime(ClockId::Monotonic);
        let told = printer.time(now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000);
        assert!((Local::now() - told).num_seconds().abs() < 2, "{told}");
    }
}
