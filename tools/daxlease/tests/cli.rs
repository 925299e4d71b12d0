// SPDX-License-Identifier: GPL-2.0

//! The program as a whole, as far as it goes without the module.

use std::ffi::OsStr;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

/// A directory of its own for each test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, [0; 4096]).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn daxlease<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_daxlease"))
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// One error, on stderr only, with exit code 125.
#[track_caller]
fn fails(output: &Output, parts: &[&str]) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    assert_eq!(stdout(output), "");
    assert!(stderr.starts_with("daxlease: "), "{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "'{part}' not in: {stderr}");
    }
}

fn has_module() -> bool {
    Path::new("/dev/daxlease").exists()
}

#[test]
fn help_tells_a_stranger() {
    let help = daxlease(["--help"]);
    assert!(help.status.success());
    let text = stdout(&help);
    for part in [
        "run",
        "ls",
        "lease",
        "EXAMPLES",
        "EXIT STATUS",
        "125",
        "127",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let run = stdout(&daxlease(["run", "--help"]));
    for part in [
        "--breakable",
        "--break-time",
        "in place",
        "not holders",
        "shell script",
        "CAP_LEASE",
        "exec",
    ] {
        assert!(run.contains(part), "{part}: {run}");
    }
    assert!(run.lines().all(|line| line.chars().count() <= 100), "{run}");
    let ls = stdout(&daxlease(["ls", "--help"]));
    for part in ["--json", "pinned_bytes", "orphaned", "root"] {
        assert!(ls.contains(part), "{part}: {ls}");
    }
    let scan = stdout(&daxlease(["scan", "--help"]));
    for part in ["--json", "--range", "idle", "pinned for long", "transient"] {
        assert!(scan.contains(part), "{part}: {scan}");
    }
    let watch = stdout(&daxlease(["watch", "--help"]));
    for part in ["--json", "root", "tracefs", "break_verdict"] {
        assert!(watch.contains(part), "{part}: {watch}");
    }
    let force = stdout(&daxlease(["force", "--help"]));
    for part in ["--kill", "--range", "SIGKILL", "root"] {
        assert!(force.contains(part), "{part}: {force}");
    }
    assert!(stdout(&daxlease(["--version"])).starts_with("daxlease 0."));
}

#[test]
fn usage_errors() {
    fails(&daxlease(["run"]), &["Usage: daxlease run"]);
    fails(
        &daxlease(["run", "/f", "true"]),
        &["CMD", "Usage: daxlease run"],
    );
    fails(&daxlease(["frobnicate"]), &["frobnicate"]);
    fails(&daxlease::<&str>([]), &["no subcommand", "--help"]);
    let args = ["run", "--range", "12", "/f", "--", "true"];
    fails(&daxlease(args), &["OFFSET:LENGTH"]);
    let args = ["run", "--range", "0:4X", "/f", "--", "true"];
    fails(&daxlease(args), &["'4X' is not a size"]);
    fails(&daxlease(["scan"]), &["FILE", "Usage: daxlease scan"]);
    let args = ["run", "--break-time", "5s", "/f", "--", "true"];
    fails(&daxlease(args), &["--breakable"]);
    let args = [
        "run",
        "--breakable",
        "--break-time",
        "5",
        "/f",
        "--",
        "true",
    ];
    fails(&daxlease(args), &["such as 5s or 500ms"]);
    fails(&daxlease(["force"]), &["FILE", "Usage: daxlease force"]);
    fails(&daxlease(["completions", "tcsh"]), &["tcsh", "bash"]);
    fails(
        &daxlease(["scan", "--range", "1", "/f"]),
        &["OFFSET:LENGTH"],
    );
}

#[test]
fn files_that_do_not_open() {
    let scratch = Scratch::new("open");
    let run = |path: &Path| daxlease(["run".as_ref(), path, "--".as_ref(), "true".as_ref()]);
    let missing = scratch.0.join("missing");
    fails(
        &run(&missing),
        &["no such file", "fallocate", "truncate -s"],
    );
    assert!(!missing.exists());
    fails(&run(&scratch.0), &["is a directory"]);
    let pipe = scratch.0.join("pipe");
    assert!(Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap()
        .success());
    fails(&run(&pipe), &["is a pipe"]);
    let ls = daxlease(["ls".as_ref(), missing.as_os_str()]);
    fails(&ls, &["no such file"]);
    let scan = daxlease(["scan".as_ref(), missing.as_os_str()]);
    fails(&scan, &["no such file"]);
    let socket = scratch.0.join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let scan = daxlease(["scan".as_ref(), socket.as_os_str()]);
    fails(&scan, &["is a socket", "regular"]);
}

/// Without the module nothing works, and the command must not run.
#[test]
fn no_module() {
    if has_module() {
        eprintln!("skipped: the module is loaded");
        return;
    }
    let scratch = Scratch::new("module");
    let (file, mark) = (scratch.file("file"), scratch.0.join("mark"));
    let args = [
        "run".as_ref(),
        file.as_path(),
        "--".as_ref(),
        "touch".as_ref(),
        &mark,
    ];
    fails(
        &daxlease(args),
        &["/dev/daxlease is missing", "modprobe daxlease"],
    );
    assert!(!mark.exists());
    fails(
        &daxlease(["ls"]),
        &["/dev/daxlease is missing", "modprobe daxlease"],
    );
    fails(&daxlease(["ls", "--json"]), &["/dev/daxlease is missing"]);
    let scan = daxlease(["scan".as_ref(), file.as_os_str()]);
    fails(&scan, &["/dev/daxlease is missing", "modprobe daxlease"]);
    let force = daxlease(["force".as_ref(), file.as_os_str()]);
    fails(&force, &["/dev/daxlease is missing", "modprobe daxlease"]);
}

/// What a shell makes of it is not known here, but bash can tell whether it is well-formed.
#[test]
fn completions() {
    let made = daxlease(["completions", "bash"]);
    assert!(made.status.success(), "{made:?}");
    let scratch = Scratch::new("completions");
    let script = scratch.0.join("daxlease");
    std::fs::write(&script, made.stdout).unwrap();
    let check = format!(
        "source {}; COMP_WORDS=(daxlease wat); COMP_CWORD=1; _daxlease daxlease wat daxlease; \
         echo ${{COMPREPLY[@]}}",
        script.display()
    );
    let bash = Command::new("bash")
        .args(["-euc", &check])
        .output()
        .unwrap();
    assert_eq!(stdout(&bash).trim(), "watch", "{bash:?}");
    for shell in ["zsh", "fish"] {
        assert!(
            stdout(&daxlease(["completions", shell])).contains("daxlease"),
            "{shell}"
        );
    }
}

#[test]
fn manual_pages() {
    let scratch = Scratch::new("man");
    let made = daxlease(["gen-man".as_ref(), scratch.0.as_os_str()]);
    assert!(made.status.success(), "{made:?}");
    for name in [
        "daxlease.1",
        "daxlease-run.1",
        "daxlease-ls.1",
        "daxlease-scan.1",
        "daxlease-watch.1",
        "daxlease-force.1",
        "daxlease-completions.1",
    ] {
        let page = std::fs::read_to_string(scratch.0.join(name)).unwrap();
        assert!(page.contains(".TH "), "{name}");
    }
    let nowhere = scratch.0.join("nowhere");
    fails(
        &daxlease(["gen-man".as_ref(), nowhere.as_os_str()]),
        &["nowhere/daxlease.1"],
    );
}
