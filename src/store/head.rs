//! `journal/head`: how far the journal was acknowledged, when last told.
//!
//! It is written after the fdatasync of the journal and without one of its own, so it never runs ahead of what is on
//! disk. Viewers follow it (and so never show what is not acknowledged yet), and a journal that is shorter than it says
//! has lost something. Losing the head itself loses nothing: it is rewritten from the journal.
//!
//! What it says is kept a second time beside the index (`index/told`, with the store's id), as of when the index was
//! written last. Where the head is lost together with the end of the journal, that is who tells.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::codec::{u32_at, u64_at};
use super::disk::open_to_write;
use super::index;

const MAGIC: &[u8; 8] = b"SBHEAD1\n";
const SIZE: usize = 48;

/// What the file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Head {
    /// The number of the next record.
    pub(super) seq: u64,
    /// How many events there are.
    pub(super) events: u64,
    /// The last segment.
    pub(super) segment: u32,
    /// Where that segment ends.
    pub(super) end: u64,
    /// How many of the events the index was known to hold on disk.
    pub(super) indexed: u64,
}

impl Head {
    /// Where it lies in a store.
    pub(super) fn path(journal: &Path) -> PathBuf {
        journal.join("head")
    }

    pub(super) fn bytes(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.events.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.end.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.indexed.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.segment.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..44]);
        bytes[44..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads it: `Ok(None)` when the bytes are not a head (or are being written at this very moment).
    pub(super) fn read(file: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; SIZE];
        for _ in 0..3 {
            match file.read_exact_at(&mut bytes, 0) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
            if bytes[..8] == *MAGIC && crc32c::crc32c(&bytes[..44]) == u32_at(&bytes, 44) {
                return Ok(Some(Self {
                    seq: u64_at(&bytes, 8),
                    events: u64_at(&bytes, 16),
                    end: u64_at(&bytes, 24),
                    indexed: u64_at(&bytes, 32),
                    segment: u32_at(&bytes, 40),
                }));
            }
        }
        Ok(None)
    }

    /// Keeps it a second time, beside the index. Failing to costs what it might have told once, and nothing else.
    pub(super) fn keep(&self, directory: &Path, store: &[u8; 16]) {
        let bytes = [&self.bytes()[..], store].concat();
        let file = open_to_write(&kept_at(directory), OpenOptions::new().create(true).truncate(false));
        drop(file.and_then(|file| file.write_all_at(&bytes, 0)));
    }

    /// What was kept of this store.
    pub(super) fn kept(directory: &Path, store: &[u8; 16]) -> Option<Self> {
        let file = crate::regular::open(&kept_at(directory)).ok()?;
        let mut id = [0; 16];
        file.read_exact_at(&mut id, SIZE as u64).ok()?;
        if id != *store { None } else { Self::read(&file).ok()? }
    }
}

fn kept_at(directory: &Path) -> PathBuf {
    index::path(directory).join("told")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn any_flipped_bit_is_seen() {
        let head = Head { seq: 9, events: 4, segment: 2, end: 4711, indexed: 3 };
        for bit in 0..SIZE * 8 {
            let mut bytes = head.bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let mut file = tempfile::tempfile().expect("a temporary file");
            file.write_all(&bytes).expect("written");
            assert_eq!(Head::read(&file).expect("readable"), None, "bit {bit}");
        }
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(&head.bytes()).expect("written");
        assert_eq!(Head::read(&file).expect("readable"), Some(head));
    }
}
