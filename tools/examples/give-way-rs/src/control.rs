// SPDX-License-Identifier: GPL-2.0

//! The control channel: lines of text over TCP.
//!
//! ```text
//!   client                   server
//!   HELLO qpn gid
//!                            HELLO qpn gid
//!                            REGION address rkey     write there
//!   WROTE batch checksum                             it has arrived
//!                            DONE batch              it is safe
//!                            PAUSE                   stop writing
//!   PAUSED                                           nothing is in flight
//!                            AGAIN batch             it is lost, send it again
//!                            CONNECT                 reset the queue pair
//!                            REGION address rkey     go on, there
//!   FAILED batch                                     a write ended in an error
//!   BYE
//! ```

use crate::connect::Peer;
use crate::failure::Explain;
use crate::failure::Failure;
use crate::failure::Result;
use std::fmt;
use std::fmt::Display;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;

pub const PORT: u16 = 7471;

const LINE_MAX: usize = 128;

#[derive(Clone, Copy, Debug)]
pub enum Message {
    Hello(Peer),
    Region { address: u64, rkey: u32 },
    Wrote { batch: u64, sum: u64 },
    Done(u64),
    Pause,
    Paused,
    Again(u64),
    Connect,
    Failed(u64),
    Bye,
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hello(peer) => write!(f, "HELLO {peer}"),
            Self::Region { address, rkey } => write!(f, "REGION {address} {rkey}"),
            Self::Wrote { batch, sum } => write!(f, "WROTE {batch} {sum}"),
            Self::Done(batch) => write!(f, "DONE {batch}"),
            Self::Pause => f.write_str("PAUSE"),
            Self::Paused => f.write_str("PAUSED"),
            Self::Again(batch) => write!(f, "AGAIN {batch}"),
            Self::Connect => f.write_str("CONNECT"),
            Self::Failed(batch) => write!(f, "FAILED {batch}"),
            Self::Bye => f.write_str("BYE"),
        }
    }
}

impl Message {
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();

        Some(match words[..] {
            ["HELLO", qpn, gid] => Self::Hello(Peer::parse(qpn, gid)?),
            ["REGION", address, rkey] => Self::Region {
                address: address.parse().ok()?,
                rkey: rkey.parse().ok()?,
            },
            ["WROTE", batch, sum] => Self::Wrote {
                batch: batch.parse().ok()?,
                sum: sum.parse().ok()?,
            },
            ["DONE", batch] => Self::Done(batch.parse().ok()?),
            ["PAUSE"] => Self::Pause,
            ["PAUSED"] => Self::Paused,
            ["AGAIN", batch] => Self::Again(batch.parse().ok()?),
            ["CONNECT"] => Self::Connect,
            ["FAILED", batch] => Self::Failed(batch.parse().ok()?),
            ["BYE"] => Self::Bye,
            _ => return None,
        })
    }
}

pub struct Control {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Control {
    pub fn new(stream: TcpStream) -> Result<Self> {
        // Short lines that are waited for.
        stream
            .set_nodelay(true)
            .explain("setting up the control channel")?;
        Ok(Self {
            stream,
            received: Vec::new(),
        })
    }

    /// That the other side has gone shows when it is listened to.
    pub fn send(&mut self, message: Message) {
        let _ = self.stream.write_all(format!("{message}\n").as_bytes());
    }

    /// Takes in what has come, waiting for it; false where the other side has
    /// gone.
    pub fn receive(&mut self) -> bool {
        let mut buf = [0; 512];

        loop {
            match self.stream.read(&mut buf) {
                Ok(0) => return false,
                Ok(got) => {
                    self.received.extend_from_slice(&buf[..got]);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// The next message of what has come, if a whole one has.
    pub fn message(&mut self) -> Result<Option<Message>> {
        let end = self.received.iter().position(|byte| *byte == b'\n');
        let Some(end) = end.filter(|end| *end < LINE_MAX) else {
            return if self.received.len() < LINE_MAX {
                Ok(None)
            } else {
                Err(Failure::new(
                    "an endless line on the control channel: is that give-way?",
                ))
            };
        };
        let line: Vec<_> = self.received.drain(..=end).collect();
        let line = String::from_utf8_lossy(&line[..end]).into_owned();
        match Message::parse(&line) {
            Some(message) => Ok(Some(message)),
            None => Err(Failure::new(format!(
                "'{line}' on the control channel: is that give-way?"
            ))),
        }
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
