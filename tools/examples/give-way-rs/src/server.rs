// SPDX-License-Identifier: GPL-2.0

//! The server: serves a part of a file to one client at a time, and gives way to
//! whoever wants to truncate the file, punch a hole into it, clone it, ...
//!
//! ```text
//!              BREAK: tell Pause       Paused: deregister
//!   Serving --------------------> Pausing ---------------> Paused
//!      ^                                                      |
//!      +------------------------------------------------------+
//!        RESUMED: repair the file, register, ask for what is lost, tell Region
//! ```

use crate::batch::slot_checksum;
use crate::batch::slot_of;
use crate::batch::SERVED_SIZE;
use crate::batch::SLOTS;
use crate::connect::connect;
use crate::connect::Peer;
use crate::control::Control;
use crate::control::Message;
use crate::control::PORT;
use crate::failure::Explain;
use crate::failure::Failure;
use crate::failure::Result;
use crate::lease::Event;
use crate::lease::Lease;
use crate::memory::Memory;
use crate::rdma::Rdma;
use crate::rdma::Region;
use rustix::event::poll;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::path::Path;
use std::rc::Rc;

/// How soon to try again what is refused for the moment.
const RETRY: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

enum State {
    /// A region is registered, and the client knows it.
    Serving(Region),
    /// The client has been told to pause.
    Pausing(Region),
    /// It has paused, or not begun: there is no region.
    Paused,
}

/// What has been called safe.
#[derive(Clone, Copy)]
struct Kept {
    batch: u64,
    sum: u64,
}

struct Session {
    /// A region is dropped first: it is of the device below.
    state: State,
    rdma: Rdma,
    control: Control,
    peer: Option<Peer>,
    /// The queue pairs may be in an error state.
    reconnect: bool,
    kept: [Option<Kept>; SLOTS],
    batches: u64,
    pauses: u32,
    again: u64,
}

struct Server {
    session: Option<Session>,
    memory: Rc<Memory>,
    file: File,
    lease: Lease,
    /// Layout changes that we have been told of and that are not over.
    breaks: u32,
    /// A region has been refused, as the file is being changed.
    refused: bool,
}

/// A truncate by others may have made the file shorter, and a hole punch may
/// have taken blocks. Neither conflicts with a lease: not extending, and not
/// allocating.
fn repair(file: &File) -> Result<()> {
    let size = file.metadata().explain("looking at the file")?.len();

    if size < SERVED_SIZE as u64 {
        if size > 0 {
            println!("the file has {size} bytes: extending it");
        }
        file.set_len(SERVED_SIZE as u64)
            .explain("extending the file")?;
    }
    // Registering would do it too, but not say so well that the disk is full.
    rustix::fs::fallocate(file, FallocateFlags::empty(), 0, SERVED_SIZE as u64)
        .explain(format_args!("allocating {SERVED_SIZE} bytes in the file"))
}

/// `None` where the file is being changed right now. That is not always told: a
/// change that finds no pins has nobody to ask. So there may be no RESUMED to
/// wait for, and trying again is all there is.
fn register(rdma: &Rdma, memory: &Rc<Memory>) -> Result<Option<Region>> {
    let error = match rdma.register(memory) {
        Ok(region) => return Ok(Some(region)),
        Err(error) => error,
    };
    match Errno::from_io_error(&error) {
        // FAULT: it has become shorter since we repaired it.
        Some(Errno::AGAIN | Errno::FAULT) => Ok(None),
        Some(Errno::OPNOTSUPP) => Err(Failure::new(
            "the device does not take memory of DAX files, with a lease or without",
        )),
        Some(Errno::NOMEM) => Err(error)
            .explain("registering the mapping: not enough memory; try a larger 'ulimit -l'"),
        _ => Err(error).explain("registering the mapping"),
    }
}

impl Session {
    fn new(control: Control, rdma: Rdma) -> Self {
        Self {
            state: State::Paused,
            rdma,
            control,
            peer: None,
            reconnect: false,
            kept: [None; SLOTS],
            batches: 0,
            pauses: 0,
            again: 0,
        }
    }

    /// The client will answer PAUSED.
    fn pause(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Paused) {
            State::Serving(region) => {
                self.control.send(Message::Pause);
                self.pauses += 1;
                State::Pausing(region)
            }
            other => other,
        };
    }

    /// Are all batches there that we have called safe? All, not only those in the
    /// range of the change we were told of: others may have come while nothing
    /// was registered. Asks for what is lost.
    fn ask_again(&mut self, file: &File) -> Result<()> {
        let mut lost = 0;

        for (slot, place) in self.kept.iter_mut().enumerate() {
            let Some(kept) = *place else {
                continue;
            };
            if slot_checksum(file, slot)? != Some(kept.sum) {
                self.control.send(Message::Again(kept.batch));
                *place = None;
                lost += 1;
            }
        }
        if lost > 0 {
            println!("the change has taken {lost} batches: asking for them again");
        }
        self.again += lost;
        Ok(())
    }

    /// The client says that a batch has arrived. It is safe when the file has it
    /// and it is on the medium; fsync() does not wait for regions, nor for
    /// whoever waits for us.
    fn keep(&mut self, file: &File, batch: u64, sum: u64) -> Result<()> {
        let slot = slot_of(batch);

        file.sync_all().explain("fsync of the file")?;
        // If the region was revoked meanwhile, the file may have changed already.
        if slot_checksum(file, slot)? == Some(sum) {
            self.kept[slot] = Some(Kept { batch, sum });
            self.batches += 1;
            self.control.send(Message::Done(batch));
        } else {
            self.kept[slot] = None;
            self.again += 1;
            self.control.send(Message::Again(batch));
        }
        Ok(())
    }

    /// False at the end of the client.
    fn handle(&mut self, file: &File, message: Message) -> Result<bool> {
        match message {
            Message::Wrote { batch, sum } => self.keep(file, batch, sum)?,
            Message::Paused => {
                // Nothing is in flight: let go. Whoever waits for us goes on now.
                if let State::Pausing(region) = std::mem::replace(&mut self.state, State::Paused) {
                    region.deregister()?;
                    println!("the client has paused, the region is deregistered");
                }
            }
            Message::Failed(_) => {
                // REVOKED, most likely: the event is on its way.
                self.reconnect = true;
                self.pause();
            }
            Message::Hello(peer) => {
                connect(&self.rdma, &peer)?;
                self.control.send(Message::Hello(Peer::of(&self.rdma)));
                self.peer = Some(peer);
            }
            Message::Bye => return Ok(false),
            other => {
                println!("the client says '{other}', which makes no sense here");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Where the client waits for a region, and there can be one.
    fn resume(&mut self, file: &File, memory: &Rc<Memory>) -> Result<bool> {
        let (State::Paused, Some(peer)) = (&self.state, self.peer) else {
            return Ok(true);
        };
        repair(file)?;
        let Some(region) = register(&self.rdma, memory)? else {
            return Ok(false);
        };
        // From here on nothing changes unless we are asked.
        self.ask_again(file)?;
        if self.reconnect {
            connect(&self.rdma, &peer)?;
            self.control.send(Message::Connect);
            self.reconnect = false;
        }
        let rkey = region.rkey();
        self.control.send(Message::Region {
            address: memory.address() as u64,
            rkey,
        });
        println!("registered, the rkey is {rkey:#x}: the client goes on");
        self.state = State::Serving(region);
        Ok(true)
    }
}

impl Server {
    fn handle_event(&mut self, event: Event) {
        let (pause, reconnect) = match event {
            Event::Break { reason, start } => {
                println!("BREAK: somebody wants to {reason} the file at byte {start}");
                self.breaks += 1;
                (true, false)
            }
            Event::Resumed { outcome } => {
                match outcome {
                    0 => println!("RESUMED: it is done"),
                    errno => println!("RESUMED: {}", io::Error::from_raw_os_error(errno)),
                }
                self.breaks = self.breaks.saturating_sub(1);
                (false, false)
            }
            Event::Revoked => {
                // We were too slow, or an administrator did it. The region is of
                // no use any more, a write to it ends in an error, and so do both
                // queue pairs.
                println!("REVOKED: the region has been taken from us");
                (true, true)
            }
            Event::Overflow { lost } => {
                // What is lost may be any of the above. So do all of it, and leave
                // it to the registration to find out what is not over.
                println!("OVERFLOW: {lost} events are lost");
                self.breaks = 0;
                (true, true)
            }
            Event::Other => (false, false),
        };
        if let Some(session) = &mut self.session {
            session.reconnect |= reconnect;
            if pause {
                session.pause();
            }
        }
    }

    /// False at the end of the client.
    fn handle_client(&mut self) -> Result<bool> {
        let Some(session) = &mut self.session else {
            return Ok(true);
        };
        if !session.control.receive() {
            return Ok(false);
        }
        loop {
            let message = match session.control.message() {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(true),
                Err(failure) => {
                    println!("{failure}");
                    return Ok(false);
                }
            };
            if !session.handle(&self.file, message)? {
                return Ok(false);
            }
        }
    }

    /// Waits until there is something to do: with the lease, with the client.
    fn wait(&self, listener: &TcpListener) -> Result<(bool, bool)> {
        let client = self.session.as_ref();
        let client = client.map_or(listener.as_fd(), |session| session.control.as_fd());
        let mut fds = [
            PollFd::new(&self.lease, PollFlags::IN),
            PollFd::from_borrowed_fd(client, PollFlags::IN),
        ];
        // The only timeout: something cannot be registered for the moment.
        let timeout = (self.refused && self.session.is_some()).then_some(&RETRY);

        rustix::io::retry_on_intr(|| poll(&mut fds, timeout)).explain("waiting for events")?;
        Ok((!fds[0].revents().is_empty(), !fds[1].revents().is_empty()))
    }

    fn client_gone(&mut self) {
        if let Some(session) = self.session.take() {
            println!(
                "the client has gone: {} batches are safe, {} pauses, {} sent again",
                session.batches, session.pauses, session.again
            );
        }
    }
}

pub fn serve(path: &Path, device: &str, break_time_ms: u32, once: bool) -> Result<()> {
    let shown = path.display();
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options
        .open(path)
        .explain(format_args!("opening {shown}"))?;

    repair(&file)?;
    let mut server = Server {
        session: None,
        memory: Rc::new(Memory::of_file(&file, SERVED_SIZE)?),
        lease: Lease::take(&file, break_time_ms)?,
        file,
        breaks: 0,
        refused: false,
    };
    let listener = TcpListener::bind(("0.0.0.0", PORT)).explain(format_args!(
        "listening on port {PORT}; does another server run?"
    ))?;
    println!(
        "serving {shown} under lease {}, port {PORT}",
        server.lease.id
    );

    loop {
        let (lease, client) = server.wait(&listener)?;

        if lease {
            for event in server.lease.events()? {
                server.handle_event(event);
            }
        }
        if client && server.session.is_none() {
            let (stream, _) = listener.accept().explain("accepting a client")?;
            server.session = Some(Session::new(Control::new(stream)?, Rdma::open(device)?));
            println!("a client has come");
        } else if client && !server.handle_client()? {
            server.client_gone();
            if once {
                return Ok(());
            }
        }
        if let (Some(session), 0) = (&mut server.session, server.breaks) {
            server.refused = !session.resume(&server.file, &server.memory)?;
        }
    }
}
