// SPDX-License-Identifier: GPL-2.0

//! give-way-rs: an RDMA server that lets others truncate the file it serves.
//!
//! | file          | what it is about                              |
//! |---------------|-----------------------------------------------|
//! | `server.rs`   | serving, and giving way: begin reading here   |
//! | `client.rs`   | writing, and pausing                          |
//! | `lease.rs`    | `/dev/daxlease`                               |
//! | `memory.rs`   | mapped memory                                 |
//! | `rdma.rs`     | libibverbs: device, queue pair, memory region |
//! | `connect.rs`  | taking a queue pair through its states        |
//! | `control.rs`  | lines of text over a TCP socket               |
//! | `batch.rs`    | what the client sends, how it is recognised   |
//! | `verbs.rs`    | C as bindgen sees it                          |

mod batch;
mod client;
mod connect;
mod control;
mod failure;
mod lease;
mod memory;
mod rdma;
mod server;
mod verbs;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Serve the first MiB of a file on a DAX filesystem to RDMA clients, and give
/// way to whoever wants to change the file's layout.
#[derive(Parser)]
#[command(name = "give-way-rs", arg_required_else_help = true)]
struct Arguments {
    /// File to serve.
    #[arg(required_unless_present_any = ["client", "check"])]
    file: Option<PathBuf>,

    /// Be a client, and write to the server on HOST; without --batches until
    /// there is something to be read from standard input, such as a press of
    /// Enter.
    #[arg(long, value_name = "HOST", conflicts_with_all = ["file", "check", "break_time", "once"])]
    client: Option<String>,

    /// Does FILE hold all that a client has been told is safe?
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "break_time", "once"])]
    check: Option<PathBuf>,

    /// RDMA device.
    #[arg(long, default_value = "rxe0")]
    device: String,

    /// How long others wait for the server, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    break_time: u32,

    /// End after so many batches.
    #[arg(long, value_name = "N", requires = "client")]
    batches: Option<u64>,

    /// End when the first client has ended.
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = if let Some(host) = &arguments.client {
        client::run(host, &arguments.device, arguments.batches)
    } else if let Some(file) = &arguments.check {
        batch::check_file(file)
    } else if let Some(file) = &arguments.file {
        server::serve(
            file,
            &arguments.device,
            arguments.break_time,
            arguments.once,
        )
    } else {
        unreachable!("clap asks for one of them")
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("give-way-rs: {failure}");
            ExitCode::FAILURE
        }
    }
}
