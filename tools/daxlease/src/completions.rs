// SPDX-License-Identifier: GPL-2.0

//! `daxlease completions`: made from the same definitions as `--help`.

use crate::cli::Cli;
use crate::cli::CompletionsArgs;
use crate::cli::Shell;
use crate::failure::Failure;
use crate::output;
use clap::CommandFactory;
use clap_complete::generate;

/// Prints the script that a shell reads.
pub fn print(args: &CompletionsArgs) -> Result<(), Failure> {
    output::print(&script(args.shell))
}

fn script(shell: Shell) -> String {
    let mut command = Cli::command();
    let mut out = Vec::new();
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    generate(shell, &mut command, "daxlease", &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_subcommands_for_each_shell() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for word in [
                "run",
                "ls",
                "scan",
                "watch",
                "force",
                "breakable",
                "break-time",
            ] {
                assert!(script.contains(word), "{shell:?}: {word}");
            }
        }
    }
}
