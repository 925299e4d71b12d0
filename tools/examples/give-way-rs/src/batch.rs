// SPDX-License-Identifier: GPL-2.0

//! Batch n fills slot `n % SLOTS` with words of its own: its number in the
//! upper half, the word's place in the lower half. So a word of an older batch,
//! of another place, or of nobody is told from what has to be there.
//!
//! The server does not know that; a checksum is enough for it.

use crate::failure::Explain;
use crate::failure::Failure;
use crate::failure::Result;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The served part of the file: slots that the client fills one by one.
pub const SLOTS: usize = 16;
pub const SLOT_SIZE: usize = 65536;
pub const SERVED_SIZE: usize = SLOTS * SLOT_SIZE;

const WORDS: usize = SLOT_SIZE / size_of::<u64>();

pub const fn slot_of(batch: u64) -> usize {
    (batch % SLOTS as u64) as usize
}

pub fn words(batch: u64) -> impl Iterator<Item = u64> {
    (0..WORDS as u64).map(move |place| (batch << 32) | place)
}

/// FNV-1a, a word at a time.
pub fn checksum(words: impl Iterator<Item = u64>) -> u64 {
    words.fold(0xcbf2_9ce4_8422_2325, |sum, word| {
        (sum ^ word).wrapping_mul(0x100_0000_01b3)
    })
}

/// What read(2) sees; `None` where the file is shorter. Not through a mapping:
/// that ends in SIGBUS where a file has become shorter.
fn read_slot(file: &File, slot: usize) -> Result<Option<Vec<u64>>> {
    let mut bytes = vec![0; SLOT_SIZE];

    match file.read_exact_at(&mut bytes, (slot * SLOT_SIZE) as u64) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error).explain("reading the file"),
    }
    let words = bytes.chunks_exact(size_of::<u64>());
    Ok(Some(
        words
            .map(|word| u64::from_ne_bytes(word.try_into().expect("chunks of this size")))
            .collect(),
    ))
}

/// The checksum of a slot of the file; `None` where the file is shorter.
pub fn slot_checksum(file: &File, slot: usize) -> Result<Option<u64>> {
    Ok(read_slot(file, slot)?.map(|words| checksum(words.into_iter())))
}

/// With n the newest batch in the file, slots hold batches n, n - 1, ... and as
/// many as there are slots, each one whole; or nothing, if there were no more.
pub fn check_file(path: &Path) -> Result<()> {
    let shown = path.display();
    let file = File::open(path).explain(format_args!("opening {shown}"))?;
    let mut found = [0; SLOTS];

    for (slot, found) in found.iter_mut().enumerate() {
        let Some(content) = read_slot(&file, slot)? else {
            return Err(Failure::new(format!(
                "{shown} is too short: slot {slot} is not whole"
            )));
        };
        let batch = content[0] >> 32;
        let whole = if batch == 0 {
            content.iter().all(|word| *word == 0)
        } else {
            content.iter().copied().eq(words(batch))
        };
        if !whole {
            return Err(Failure::new(format!(
                "{shown}: slot {slot} begins with batch {batch} and does not hold all of it"
            )));
        }
        *found = batch;
    }
    let newest = found.into_iter().max().unwrap_or(0);
    for (slot, found) in found.into_iter().enumerate() {
        let behind = (slot_of(newest) + SLOTS - slot) % SLOTS;
        let due = newest.saturating_sub(behind as u64);
        if found != due {
            return Err(Failure::new(format!(
                "{shown}: slot {slot} holds batch {found} where {due} is due"
            )));
        }
    }
    println!("{shown} is whole, its newest batch is {newest}");
    Ok(())
}
