// SPDX-License-Identifier: GPL-2.0

//! The client: writes batch after batch into the memory that the server names,
//! pauses when it is told to, and sends again what the server asks for.

use crate::batch;
use crate::batch::slot_of;
use crate::batch::SLOTS;
use crate::batch::SLOT_SIZE;
use crate::connect::connect;
use crate::connect::Peer;
use crate::control::Control;
use crate::control::Message;
use crate::control::PORT;
use crate::failure::Explain;
use crate::failure::Failure;
use crate::failure::Result;
use crate::memory::Memory;
use crate::rdma::Rdma;
use crate::rdma::Region;
use crate::rdma::Transfer;
use rustix::event::poll;
use rustix::event::PollFd;
use rustix::event::PollFlags;
use rustix::event::Timespec;
use std::net::TcpStream;
use std::rc::Rc;

/// A batch goes in so many writes, all in flight at once.
const WRITES: usize = 4;
const WRITE_SIZE: usize = SLOT_SIZE / WRITES;

/// So many failures in a row are no pause any more.
const FAILURES_MAX: u32 = 10;

/// The end of a batch: read back to see that it has arrived.
const FLUSH_SIZE: usize = size_of::<u64>();

/// Where to write.
#[derive(Clone, Copy)]
struct Target {
    address: u64,
    rkey: u32,
}

struct Client {
    rdma: Rdma,
    /// The batch, and behind it room for what is read back.
    local: Region,
    control: Control,
    peer: Option<Peer>,
    /// Nowhere: paused.
    target: Option<Target>,
    /// A batch that the server has been told of and has not answered for.
    waiting: Option<u64>,
    /// Batches to be sent again, by slot; a slot has one at most.
    again: [Option<u64>; SLOTS],
    newest: u64,
    pauses: u32,
    failures: u32,
}

impl Client {
    /// Waits until nothing is in flight; false where something has failed.
    fn complete(&self, mut count: usize) -> Result<bool> {
        let mut ok = true;

        while count > 0 {
            let Some(result) = self.rdma.completion()? else {
                continue;
            };
            count -= 1;
            if let Err(status) = result {
                if ok {
                    println!("a write has failed: {status}");
                }
                ok = false;
            }
        }
        Ok(ok)
    }

    fn send_batch(&mut self, batch: u64, target: Target) -> Result<()> {
        let slot = target.address + (slot_of(batch) * SLOT_SIZE) as u64;

        self.local.memory().fill(batch::words(batch));
        for offset in (0..SLOT_SIZE).step_by(WRITE_SIZE) {
            let write = Transfer {
                read: false,
                offset,
                size: WRITE_SIZE,
            };
            self.rdma
                .post(write, &self.local, slot + offset as u64, target.rkey)?;
        }
        // It comes back only after the writes before it have reached memory.
        let read = Transfer {
            read: true,
            offset: SLOT_SIZE,
            size: FLUSH_SIZE,
        };
        let end = slot + (SLOT_SIZE - FLUSH_SIZE) as u64;
        self.rdma.post(read, &self.local, end, target.rkey)?;

        if self.complete(WRITES + 1)? {
            self.failures = 0;
            self.waiting = Some(batch);
            self.control.send(Message::Wrote {
                batch,
                sum: batch::checksum(batch::words(batch)),
            });
            return Ok(());
        }
        // The server could not give way in time. It will tell us how to go on.
        self.failures += 1;
        if self.failures == FAILURES_MAX {
            return Err(Failure::new(format!(
                "{FAILURES_MAX} batches in a row have failed; see what the server says"
            )));
        }
        self.again[slot_of(batch)] = Some(batch);
        self.target = None;
        self.control.send(Message::Failed(batch));
        Ok(())
    }

    fn handle(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Done(batch) => {
                self.waiting = None;
                println!("batch {batch} is safe");
            }
            Message::Pause => {
                // Here nothing is in flight: send_batch() waits for its writes.
                self.target = None;
                self.pauses += 1;
                self.control.send(Message::Paused);
                println!("pause");
            }
            Message::Again(batch) => {
                self.again[slot_of(batch)] = Some(batch);
                if self.waiting == Some(batch) {
                    self.waiting = None;
                }
            }
            Message::Hello(peer) => {
                connect(&self.rdma, &peer)?;
                self.peer = Some(peer);
            }
            Message::Connect => {
                if let Some(peer) = &self.peer {
                    connect(&self.rdma, peer)?;
                }
            }
            Message::Region { address, rkey } => {
                self.target = Some(Target { address, rkey });
                println!("go on");
            }
            other => {
                return Err(Failure::new(format!(
                    "the server says '{other}': is that give-way?"
                )));
            }
        }
        Ok(())
    }

    fn listen(&mut self) -> Result<()> {
        if !self.control.receive() {
            return Err(Failure::new("the server has gone; look what it said"));
        }
        while let Some(message) = self.control.message()? {
            self.handle(message)?;
        }
        Ok(())
    }
}

fn told_to_stop(newest: u64, batches: Option<u64>) -> Result<bool> {
    if let Some(batches) = batches {
        return Ok(newest >= batches);
    }
    let stdin = std::io::stdin();
    let now = Timespec::default();
    let count = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&now));
    Ok(count.explain("looking at standard input")? > 0)
}

pub fn run(host: &str, device: &str, batches: Option<u64>) -> Result<()> {
    let rdma = Rdma::open(device)?;
    let buffer = Rc::new(Memory::anonymous(SLOT_SIZE + FLUSH_SIZE)?);
    let local = rdma
        .register(&buffer)
        .explain("registering the client's buffer")?;
    let stream = TcpStream::connect((host, PORT)).explain(format_args!(
        "connecting to {host}, port {PORT}; start the server there first"
    ))?;
    let mut client = Client {
        rdma,
        local,
        control: Control::new(stream)?,
        peer: None,
        target: None,
        waiting: None,
        again: [None; SLOTS],
        newest: 0,
        pauses: 0,
        failures: 0,
    };

    client.control.send(Message::Hello(Peer::of(&client.rdma)));
    loop {
        let (Some(target), None) = (client.target, client.waiting) else {
            // A client that has nothing to send must listen too: it is waited for.
            client.listen()?;
            continue;
        };
        // First what is to be sent again: before the next batch of its slot.
        let batch = match client.again.iter_mut().find_map(Option::take) {
            Some(batch) => batch,
            None if told_to_stop(client.newest, batches)? => break,
            None => {
                client.newest += 1;
                client.newest
            }
        };
        client.send_batch(batch, target)?;
    }
    client.control.send(Message::Bye);
    println!(
        "{} batches, all safe, {} pauses",
        client.newest, client.pauses
    );
    Ok(())
}
