//! An entry's file: a mark, blocks, a list of their lengths and CRC-32Cs, and where that list begins. A block can be read
//! without the others.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::regular;
use crate::sources::index::pieces::Stored;
use crate::sources::index::saved::{Reader, Writer};

/// What an entry begins with; its last byte is the version of the format.
pub const MAGIC: &[u8; 16] = b"stepback index\0\x0c";
/// The size of what the list says of one block: its length and its sum.
const LISTED: usize = 8;
/// The size of what stands behind the list: the number of blocks, and the sum of that and of the list.
const FOOT: usize = 8;
/// So many items of a list are one block.
const ITEMS: usize = 4096;

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

    /// Adds what is written to a block of its own.
    ///
    /// # Errors
    /// As [`Kept::block`].
    pub fn written(&mut self, write: impl FnOnce(&mut Writer)) -> io::Result<()> {
        let mut out = Writer::default();
        write(&mut out);
        self.block(&out.done())
    }

    /// Adds a list, some items a block.
    ///
    /// # Errors
    /// As [`Kept::block`].
    pub fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Writer, &T)) -> io::Result<()> {
        self.written(|out| out.number(items.len() as u64))?;
        for some in items.chunks(ITEMS) {
            self.written(|out| some.iter().for_each(|item| write(out, item)))?;
        }
        Ok(())
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
        let file = regular::open(path).ok()?;
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

/// The blocks of an entry, one after the other: what a reader kept beside the index.
#[derive(Debug)]
pub struct Sequence {
    blocks: Blocks,
    next: usize,
}

impl Sequence {
    /// Those from this block on.
    pub fn new(blocks: Blocks, next: usize) -> Self {
        Self { blocks, next }
    }

    /// The next block, all of which is read; `None` at the end, and when it is not what was written.
    pub fn read<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<T> {
        let block = self.blocks.get(self.next)?;
        self.next += 1;
        let mut reader = Reader::new(&block);
        let value = read(&mut reader)?;
        reader.is_done().then_some(value)
    }

    /// A list; every item takes at least a byte.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Reader<'_>) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.read(|read| read.number())?).ok()?;
        let mut items = Vec::new();
        while items.len() < count {
            let some = ITEMS.min(count - items.len());
            self.read(|reader| {
                for _ in 0..some {
                    // So that no count asks for more memory than there are bytes.
                    if reader.is_done() {
                        return None;
                    }
                    items.push(read(reader)?);
                }
                Some(())
            })?;
        }
        Some(items)
    }

    /// All blocks, and the number of the next one.
    pub fn rest(self) -> (Blocks, usize) {
        (self.blocks, self.next)
    }
}

/// The blocks that were told, as if they had been kept.
#[cfg(test)]
pub fn told(tell: impl FnOnce(&mut Kept<'_>) -> io::Result<()>) -> Sequence {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut kept = Kept::new(file.as_file()).expect("room");
    tell(&mut kept).expect("room");
    kept.end().expect("room");
    Sequence::new(Blocks::open(file.path()).expect("an entry"), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_in_pieces() {
        for count in [0, 1, ITEMS - 1, ITEMS, ITEMS + 1, ITEMS * 2 + 7] {
            let items: Vec<u64> = (0..count as u64).map(|number| number * 3).collect();
            let tell = |out: &mut Kept<'_>| {
                out.list(&items, |out, &item| out.number(item))?;
                out.written(|out| out.bytes(b"what follows"))
            };
            let mut sequence = told(tell);
            assert_eq!(sequence.list(|read| read.number()), Some(items.clone()));
            assert_eq!(sequence.read(|read| read.bytes().map(<[u8]>::to_vec)).as_deref(), Some(&b"what follows"[..]));
            assert_eq!(sequence.read(|_| Some(())), None);
            let (blocks, next) = sequence.rest();
            assert_eq!((blocks.count(), next), (2 + count.div_ceil(ITEMS), blocks.count()));
            // Read as something else it is nothing.
            let half = |read: &mut Reader<'_>| read.fixed(1, u32::from_le_bytes)?.first().copied();
            assert!(count == 0 || told(tell).list(half).is_none());
        }
        assert_eq!(told(|out| out.written(|out| out.number(7))).read(|_| Some(())), None, "not all was read");
    }

    #[test]
    fn no_count_asks_for_memory() {
        for count in [1, 5, u64::MAX / 2, u64::MAX] {
            let mut sequence = told(|out| {
                out.written(|out| out.number(count))?;
                out.written(|out| (0..4).for_each(|number| out.number(number)))
            });
            assert_eq!(sequence.list(|read| read.number()), None, "{count}");
        }
        let mut nothing = told(|out| {
            out.written(|out| out.number(u64::MAX))?;
            out.written(|out| out.number(0))
        });
        assert_eq!(nothing.list(|_| Some(())), None, "items that take nothing");
    }
}
