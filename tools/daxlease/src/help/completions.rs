// SPDX-License-Identifier: GPL-2.0

//! For `daxlease completions`.

use super::Block;
use super::Section;
use super::EXIT_STATUS;

/// Sections of its page.
pub const COMPLETIONS: &[Section] = &[
    Section {
        title: "EXAMPLES",
        blocks: &[
            Block::Text("For all users of a machine:"),
            Block::Code(
                "daxlease completions bash >/usr/share/bash-completion/completions/daxlease",
            ),
            Block::Code("daxlease completions zsh >/usr/share/zsh/vendor-completions/_daxlease"),
            Block::Code(
                "daxlease completions fish >/usr/share/fish/vendor_completions.d/daxlease.fish",
            ),
            Block::Text("For this bash alone:"),
            Block::Code("source <(daxlease completions bash)"),
        ],
    },
    EXIT_STATUS,
];
