//! An entry's file: a mark, then blocks, each after its length and its CRC-32C. Which block is the last one knows whoever
//! reads them.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use crate::sources::index::saved::{Reader, Writer};

/// What an entry begins with; its last byte is the version of the format.
pub const MAGIC: &[u8; 16] = b"stepback index\0\x03";

/// So many items of a list are one block.
const ITEMS: usize = 4096;

/// An entry that is being written.
pub struct Kept<'a>(BufWriter<&'a File>);

impl<'a> Kept<'a> {
    /// Begins an entry in an empty file.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn new(file: &'a File) -> io::Result<Self> {
        let mut out = BufWriter::new(file);
        out.write_all(MAGIC)?;
        Ok(Self(out))
    }

    /// Adds a block.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn block(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = (bytes.len() as u64).to_le_bytes();
        // The length is part of what is summed: a block cannot pass for a shorter one.
        let sum = crc32c::crc32c_append(crc32c::crc32c(&length), bytes);
        self.0.write_all(&length)?;
        self.0.write_all(&sum.to_le_bytes())?;
        self.0.write_all(bytes)
    }

    /// Adds what is written to a block of its own.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn written(&mut self, write: impl FnOnce(&mut Writer)) -> io::Result<()> {
        let mut out = Writer::default();
        write(&mut out);
        self.block(&out.done())
    }

    /// Adds a list, some items a block.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Writer, &T)) -> io::Result<()> {
        self.written(|out| out.number(items.len() as u64))?;
        for some in items.chunks(ITEMS) {
            self.written(|out| some.iter().for_each(|item| write(out, item)))?;
        }
        Ok(())
    }

    /// Writes what is still held back.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn end(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The blocks of an entry, one after the other.
#[derive(Debug)]
pub struct Blocks {
    file: File,
    rest: u64,
}

impl Blocks {
    /// Opens an entry; `None` when it is none.
    pub fn open(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let rest = file.metadata().ok()?.len().checked_sub(MAGIC.len() as u64)?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic).ok()?;
        (magic == *MAGIC).then_some(Self { file, rest })
    }
}

impl Blocks {
    /// Puts the next block into the buffer; `false` at the end, and when it is not what was written.
    pub fn fill(&mut self, buffer: &mut Vec<u8>) -> bool {
        buffer.clear();
        self.next_into(buffer).is_some()
    }

    /// The next block, all of which is read.
    pub fn read<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<T> {
        let block = self.next()?;
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

    fn next_into(&mut self, buffer: &mut Vec<u8>) -> Option<()> {
        let mut front = [0; 12];
        self.rest = self.rest.checked_sub(front.len() as u64)?;
        self.file.read_exact(&mut front).ok()?;
        let (length, sum) = front.split_first_chunk::<8>()?;
        let size = u64::from_le_bytes(*length);
        // No more is asked for than there is.
        self.rest = self.rest.checked_sub(size)?;
        buffer.reserve(usize::try_from(size).ok()?);
        (&self.file).take(size).read_to_end(buffer).ok()?;
        let summed = crc32c::crc32c_append(crc32c::crc32c(length), buffer);
        (buffer.len() as u64 == size && summed.to_le_bytes() == *sum && size > 0).then_some(())
    }
}

impl Iterator for Blocks {
    type Item = Vec<u8>;

    /// The next block; `None` at the end, and when it is not what was written.
    fn next(&mut self) -> Option<Vec<u8>> {
        let mut buffer = Vec::new();
        self.fill(&mut buffer).then_some(buffer)
    }
}

/// The blocks that were told, as if they had been kept.
#[cfg(test)]
pub fn blocks_of(tell: impl FnOnce(&mut Kept<'_>) -> io::Result<()>) -> Blocks {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut kept = Kept::new(file.as_file()).expect("room");
    tell(&mut kept).expect("room");
    kept.end().expect("room");
    Blocks::open(file.path()).expect("an entry")
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
            let mut blocks = blocks_of(tell);
            assert_eq!(blocks.list(|read| read.number()), Some(items.clone()));
            assert_eq!(blocks.read(|read| read.bytes().map(<[u8]>::to_vec)).as_deref(), Some(&b"what follows"[..]));
            assert_eq!(blocks.next(), None);
            assert_eq!(blocks_of(tell).count(), 2 + count.div_ceil(ITEMS));
            // Read as something else it is nothing.
            let half = |read: &mut Reader<'_>| read.fixed(1, u32::from_le_bytes)?.first().copied();
            assert!(count == 0 || blocks_of(tell).list(half).is_none());
        }
        assert_eq!(blocks_of(|out| out.written(|out| out.number(7))).read(|_| Some(())), None, "not all was read");
    }

    #[test]
    fn no_count_asks_for_memory() {
        for count in [1, 5, u64::MAX / 2, u64::MAX] {
            let mut blocks = blocks_of(|out| {
                out.written(|out| out.number(count))?;
                out.written(|out| (0..4).for_each(|number| out.number(number)))
            });
            assert_eq!(blocks.list(|read| read.number()), None, "{count}");
        }
        let mut nothing = blocks_of(|out| {
            out.written(|out| out.number(u64::MAX))?;
            out.written(|out| out.number(0))
        });
        assert_eq!(nothing.list(|_| Some(())), None, "items that take nothing");
    }
}
