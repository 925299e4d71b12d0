// SPDX-License-Identifier: GPL-2.0

//! `daxlease ls`: what is leased and pinned.

use crate::cli::LsArgs;
use crate::explain;
use crate::facts;
use crate::failure::Failure;
use crate::ioctl::LeaseFd;
use crate::json;
use crate::lease::FileId;
use crate::lease::Lease;
use crate::listing;
use crate::output;
use crate::table;

/// Prints the listing.
pub fn ls(args: &LsArgs) -> Result<(), Failure> {
    let wanted = args
        .files
        .iter()
        .map(|path| facts::id_of_path(path).map_err(|errno| explain::stat(path, errno)))
        .collect::<Result<Vec<FileId>, String>>()
        .map_err(Failure::Own)?;
    let fd =
        LeaseFd::open().map_err(|errno| Failure::Own(explain::device(errno, &facts::machine())))?;
    let mut leases = listing::leases(&fd)
        .map_err(|error| Failure::Own(explain::listing(&error, &facts::machine())))?;
    if !wanted.is_empty() {
        leases.retain(|lease| wanted.contains(&lease.file));
    }
    listing::add_openers(&fd, &mut leases);
    let text = if args.json {
        json::render(&leases, facts::page_size()).map_err(std::io::Error::from)?
    } else {
        for_people(&leases, !wanted.is_empty(), facts::sees_all_leases())
    };
    output::print(&text)
}

fn for_people(leases: &[Lease], filtered: bool, sees_all: bool) -> String {
    let mut text = match (leases, filtered) {
        ([], false) => "No leases.\n".into(),
        ([], true) => "No leases on these files.\n".into(),
        _ => table::render(leases, facts::page_size()),
    };
    if !sees_all {
        text += table::OWN_ONLY;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_when_there_is_nothing_or_may_be_more() {
        assert_eq!(for_people(&[], false, true), "No leases.\n");
        assert!(for_people(&[], true, false).starts_with("No leases on these files.\nShown"));
        let leases = table::tests::sample();
        assert!(for_people(&leases, false, false).ends_with("root sees all.\n"));
        assert!(for_people(&leases, false, true).starts_with("LEASE"));
    }
}
