//! An entry's file: a mark, blocks, a list of their lengths and CRC-32Cs, and where that list begins. A block can be read
//! without the others.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::sources::index::pieces::Stored;

/// What an entry begins with; its last byte is the version of the format.
pub const MAGIC: &[u8; 16] = b"stepback index\0\x03";
/// The size of what the list says of one block: its length and its sum.
const LISTED: usize = 8;
/// The size of what stands behind the list: the number of blocks, and the sum of that and of the list.
const FOOT: usize = 8;

/// An entry that is being written.
pub struct Kept<'a> {
    out: BufWriter<&'a File>,
    list: Vec<u8>,
}

impl<'a> Kept<'a> {
    /// Begins an entry in an empty file.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn new(file: &'a File) -> io::Result<Self> {
        let mut out = BufWriter::new(file);
        out.write_all(MAGIC)?;
        Ok(Self { out, list: Vec::new() })
    }

    /// Adds a block.
    ///
    /// # Errors
    /// Of the operating system, or when it has 4 GiB or more.
    pub fn block(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| io::Error::other("a block of it is too large"))?;
        self.list.extend_from_slice(&length.to_le_bytes());
        self.list.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
        self.out.write_all(bytes)
    }

    /// Writes the list, and what is still held back.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn end(mut self) -> io::Result<()> {
        let count = u32::try_from(self.list.len() / LISTED).map_err(|_| io::Error::other("it has too many blocks"))?;
        self.list.extend_from_slice(&count.to_le_bytes());
        let sum = crc32c::crc32c(&self.list);
        self.out.write_all(&self.list)?;
        self.out.write_all(&sum.to_le_bytes())?;
        self.out.flush()
    }
}

/// The blocks of an entry.
#[derive(Debug)]
pub struct Blocks {
    file: File,
    /// Where each begins, its length and its sum.
    list: Vec<(u64, u32, u32)>,
}

impl Blocks {
    /// Opens an entry; `None` when it is none, or not as long as it should be.
    pub fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact_at(&mut magic, 0).ok()?;
        let length = file.metadata().ok()?.len();
        let mut foot = [0; FOOT];
        let end = length.checked_sub(FOOT as u64)?;
        file.read_exact_at(&mut foot, end).ok()?;
        let (count, sum) = foot.split_first_chunk::<4>()?;
        let size = u64::from(u32::from_le_bytes(*count)) * LISTED as u64;
        // No more is asked for than there is.
        let start = end.checked_sub(size).filter(|&start| start >= MAGIC.len() as u64 && magic == *MAGIC)?;
        let mut listed = vec![0; usize::try_from(size).ok()?];
        file.read_exact_at(&mut listed, start).ok()?;
        if crc32c::crc32c_append(crc32c::crc32c(&listed), count).to_le_bytes() != *sum {
            return None;
        }
        let mut at = MAGIC.len() as u64;
        let mut list = Vec::with_capacity(listed.len() / LISTED);
        for one in listed.as_chunks::<LISTED>().0 {
            let [a, b, c, d, e, f, g, h] = *one;
            let (size, sum) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
            list.push((at, size, sum));
            at += u64::from(size);
        }
        (at == start).then_some(Self { file, list })
    }

    /// A block; `None` where there is none, and when it is not what was written.
    pub fn get(&self, number: usize) -> Option<Vec<u8>> {
        let mut buffer = Vec::new();
        self.block(number, &mut buffer).then_some(buffer)
    }
}

impl Stored for Blocks {
    fn block(&self, number: usize, buffer: &mut Vec<u8>) -> bool {
        let Some(&(at, size, sum)) = self.list.get(number) else { return false };
        buffer.clear();
        buffer.resize(size as usize, 0);
        self.file.read_exact_at(buffer, at).is_ok() && crc32c::crc32c(buffer) == sum
    }

    fn count(&self) -> usize {
        self.list.len()
    }
}
