// SPDX-License-Identifier: GPL-2.0

//! Makes `verbs.rs` of the headers of libibverbs and daxlease, by the programs
//! `bindgen`, 0.69 or later, and `cc`.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Those that no function has as an argument; most are the flags in an integer.
const TYPES: &str = "daxlease_(acquire|event)\
    |ibv_(access_flags|gid_type|qp_attr_mask|send_flags|wc_status)";

/// The functions that are used; some of them are inline in the header.
const FUNCTIONS: &str = "ibv_(get_device_list|get_device_name|free_device_list|open_device\
    |close_device|alloc_pd|dealloc_pd|create_cq|destroy_cq|create_qp|modify_qp|destroy_qp|reg_mr\
    |dereg_mr|query_gid_table|post_send|poll_cq|wc_status_str)";

fn run(command: &mut Command) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{command:?}: {status}"),
        Err(error) => panic!("{command:?}: {error}; install it, on Debian: apt-get install bindgen gcc libibverbs-dev"),
    }
}

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let include = concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../../../include/uapi");
    let (wrappers, object) = (out.join("wrappers.c"), out.join("wrappers.o"));
    let header = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bindings.h");

    println!("cargo:rerun-if-changed=src/bindings.h");
    println!("cargo:rerun-if-changed=../../../include/uapi/linux/daxlease.h");
    run(Command::new("bindgen")
        .args(["--experimental", "--wrap-static-fns"])
        .arg("--wrap-static-fns-path")
        .arg(&wrappers)
        .args(["--allowlist-function", FUNCTIONS])
        .args(["--allowlist-type", TYPES])
        .args(["--allowlist-var", "DAXLEASE_.*|GIVE_WAY_.*|IBV_.*"])
        .args([
            "--with-derive-default",
            "--no-prepend-enum-name",
            "--no-doc-comments",
        ])
        .arg("-o")
        .arg(out.join("verbs.rs"))
        .arg(header)
        .args(["--", include]));
    run(Command::new("cc")
        .args(["-O2", "-c", include, "-o"])
        .args([&object, &wrappers]));
    println!("cargo:rustc-link-arg={}", object.display());
    println!("cargo:rustc-link-lib=ibverbs");
}
