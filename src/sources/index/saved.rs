//! The index as bytes, to be kept in a file and read back in a few milliseconds: columns as they are, one block after the
//! other.
//!
//! Numbers are little-endian. Every block is told to whoever writes it, who sees to it that it comes back as it was; what
//! comes back is still looked at, so that bytes nobody wrote give no index rather than a wrong one or a panic.

use hashbrown::DefaultHashBuilder;

use super::versions::Versions;
use super::{Index, NO_STREAM, NO_TYPE, Stream, Times, hash};
use crate::domain::StreamName;

/// The kinds of blocks of an index.
const BLOCKS: usize = 10;
/// So many numbers of a column are one block, and so many streams: what a block is read into is used for the next, and
/// fresh memory costs more than what is put into it.
const PIECE: usize = 64 << 10;
const STREAMS: usize = 2 << 10;

/// Writes numbers.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// A number.
    pub fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// Bytes, after their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Numbers of a fixed size, without their count.
    pub fn fixed<T: Copy, const N: usize>(&mut self, numbers: &[T], bytes: impl Fn(T) -> [u8; N]) {
        let start = self.0.len();
        self.0.resize(start + numbers.len() * N, 0);
        for (to, &number) in self.0[start..].as_chunks_mut().0.iter_mut().zip(numbers) {
            *to = bytes(number);
        }
    }

    /// What was written.
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// Reads what a [`Writer`] wrote; `None` where there is not so much.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of a block.
    pub fn new(block: &'a [u8]) -> Self {
        Self(block)
    }

    /// A number.
    pub fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    /// Bytes, after their length.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length)
    }

    /// Whether all was read.
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// So many numbers of a fixed size.
    pub fn fixed<T, const N: usize>(&mut self, count: usize, number: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
        let taken = self.take((count as u64).checked_mul(N as u64)?)?;
        Some(taken.as_chunks().0.iter().map(|&bytes| number(bytes)).collect())
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }
}

/// How many blocks so many numbers take.
fn pieces(count: usize) -> usize {
    count.div_ceil(PIECE)
}

/// Which of them are in a block.
fn piece_of(piece: usize, count: usize) -> std::ops::Range<usize> {
    piece * PIECE..count.min((piece + 1) * PIECE)
}

/// Reads one of the blocks that hold `count` numbers.
fn numbers<T, const N: usize>(
    to: &mut Vec<T>,
    piece: usize,
    count: usize,
    read: &mut Reader<'_>,
    number: impl Fn([u8; N]) -> T,
) -> Option<()> {
    if piece == 0 {
        // As many as the first column has, which are there.
        to.reserve_exact(count);
    }
    let taken = read.take((piece_of(piece, count).len() as u64).checked_mul(N as u64)?)?;
    to.extend(taken.as_chunks().0.iter().map(|&bytes| number(bytes)));
    read.is_done().then_some(())
}

fn block<'a>(next: &mut impl FnMut(&mut Vec<u8>) -> bool, buffer: &'a mut Vec<u8>) -> Option<Reader<'a>> {
    next(buffer).then(|| Reader::new(buffer))
}

impl Index {
    /// Tells the blocks that hold it. An index with links cannot be kept.
    ///
    /// # Errors
    /// What `told` returns.
    pub fn save<E>(&self, told: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        debug_assert!(self.links.is_empty());
        let mut tell = |fill: &dyn Fn(&mut Writer)| {
            let mut out = Writer::default();
            fill(&mut out);
            told(&out.done())
        };
        tell(&|out| {
            let (rows, streams) = (self.offsets.len() as u64, self.streams.len() as u64);
            for number in [self.end, self.blank, self.troubles, rows, streams] {
                out.number(number);
            }
            for pairs in [&self.blanks, &self.oversize] {
                out.number(pairs.len() as u64);
                for &(row, number) in pairs {
                    out.number(u64::from(row));
                    out.number(number);
                }
            }
        })?;
        for column in [&self.offsets, &self.times] {
            for piece in 0..pieces(column.len()) {
                tell(&|out| column.save(piece_of(piece, column.len()), out))?;
            }
        }
        for piece in 0..pieces(self.stream_of.len()) {
            let numbers = &self.stream_of[piece_of(piece, self.stream_of.len())];
            tell(&|out| out.fixed(numbers, u32::to_le_bytes))?;
        }
        for piece in 0..pieces(self.type_of.len()) {
            let numbers = &self.type_of[piece_of(piece, self.type_of.len())];
            tell(&|out| out.fixed(numbers, u16::to_le_bytes))?;
        }
        tell(&|out| {
            out.number(self.types.len() as u64);
            for (name, count) in &self.types {
                out.bytes(name.as_bytes());
                out.number(*count);
            }
        })?;
        tell(&|out| {
            out.number(self.categories.len() as u64);
            self.categories.iter().for_each(|name| out.bytes(name.as_bytes()));
        })?;
        for streams in self.streams.chunks(STREAMS) {
            tell(&|out| {
                for stream in streams {
                    out.number(u64::from(stream.category));
                    out.number(stream.rows.len() as u64);
                    for which in 0..2 {
                        out.number(stream.times.seconds[which] as u64);
                        out.number(stream.times.nanoseconds[which] as u64);
                    }
                    stream.versions.save(out);
                    out.bytes(stream.name.as_str().as_bytes());
                }
            })?;
            tell(&|out| {
                for stream in streams {
                    out.fixed(&stream.rows, u32::to_le_bytes);
                }
            })?;
        }
        // The last one: whoever has it has all.
        tell(&|out| out.number(BLOCKS as u64))
    }

    /// Reads it back; `next` puts its next block into the buffer, and says whether there is one. `None` when they are not
    /// those of an index. Names are hashed as given.
    pub fn load(hasher: &DefaultHashBuilder, next: &mut impl FnMut(&mut Vec<u8>) -> bool) -> Option<Self> {
        let mut index = Self { hasher: hasher.clone(), ..Self::default() };
        let mut buffer = Vec::new();
        let mut read = block(next, &mut buffer)?;
        (index.end, index.blank, index.troubles) = (read.number()?, read.number()?, read.number()?);
        let (rows, streams) = (read.count().filter(|&rows| rows <= Self::MAX_ROWS)?, read.count()?);
        for pairs in [&mut index.blanks, &mut index.oversize] {
            for _ in 0..read.number()? {
                pairs.push((u32::try_from(read.number()?).ok()?, read.number()?));
            }
        }
        for column in [&mut index.offsets, &mut index.times] {
            for piece in 0..pieces(rows) {
                column.load(piece_of(piece, rows).len(), &mut block(next, &mut buffer)?)?;
            }
        }
        for piece in 0..pieces(rows) {
            let read = &mut block(next, &mut buffer)?;
            numbers(&mut index.stream_of, piece, rows, read, u32::from_le_bytes)?;
        }
        for piece in 0..pieces(rows) {
            let read = &mut block(next, &mut buffer)?;
            numbers(&mut index.type_of, piece, rows, read, u16::from_le_bytes)?;
        }
        let mut read = block(next, &mut buffer)?;
        for number in 0..read.number()? {
            let name = std::str::from_utf8(read.bytes()?).ok()?;
            index.types.push((name.into(), read.number()?));
            let (types, hasher) = (&index.types, &index.hasher);
            let name_hash = hash(hasher, name.as_bytes());
            let number = u16::try_from(number).ok()?;
            index.type_names.insert_unique(name_hash, number, |&id| hash(hasher, types[id as usize].0.as_bytes()));
        }
        let mut read = block(next, &mut buffer)?;
        for _ in 0..read.number()? {
            index.intern_category(std::str::from_utf8(read.bytes()?).ok()?);
        }
        let mut described = Vec::new();
        while index.streams.len() < streams {
            let count = STREAMS.min(streams - index.streams.len());
            let described = block(next, &mut described)?;
            index.load_streams(count, streams, described, block(next, &mut buffer)?)?;
        }
        let rows = index.offsets.len();
        let whole = block(next, &mut buffer)?.number() == Some(BLOCKS as u64)
            && [index.times.len(), index.stream_of.len(), index.type_of.len()] == [rows; 3];
        (whole && index.holds_together()).then_some(index)
    }

    /// Whether its parts agree with each other, as those that were appended do: what looks things up relies on it.
    fn holds_together(&self) -> bool {
        let rows = self.offsets.len();
        let Ok(end) = i64::try_from(self.end) else { return false };
        let mut before = 0;
        // Records in an order of their own lie anywhere; of those nobody said up to where the file was looked at.
        let offsets_ascend = (0..rows).all(|row| {
            let offset = self.offsets.get(row).filter(|offset| (before..=end).contains(offset) || end == 0);
            before = offset.unwrap_or(before);
            offset.is_some_and(|offset| offset >= 0)
        });
        let in_a_stream = self.streams.iter().zip(0_u32..).all(|(stream, id)| {
            stream.rows.is_sorted_by(|a, b| a < b)
                && stream.rows.iter().all(|&row| self.stream_of.get(row as usize) == Some(&id))
        });
        // Every row of a stream stands in it once, so that as many as there are means all of them.
        let placed: usize = self.streams.iter().map(|stream| stream.rows.len()).sum();
        let of_none = self.stream_of.iter().filter(|&&stream| stream == NO_STREAM).count();
        let of_a_type = |&kind: &u16| kind == NO_TYPE || usize::from(kind) < self.types.len();
        let blanks = self.blanks.iter().map(|&(_, count)| count).chain([self.blank]);
        let at_rows = |pairs: &[(u32, u64)]| pairs.is_sorted_by_key(|&(row, _)| row);
        offsets_ascend
            && in_a_stream
            && placed + of_none == rows
            && of_none as u64 == self.troubles
            && self.type_of.iter().all(of_a_type)
            && at_rows(&self.blanks)
            && at_rows(&self.oversize)
            && blanks.is_sorted()
            && self.blank <= self.end
    }

    /// Reads the next `count` of all streams.
    fn load_streams(&mut self, count: usize, all: usize, mut read: Reader<'_>, mut rows: Reader<'_>) -> Option<()> {
        let Self { streams, stream_names, hasher, categories, offsets, .. } = self;
        if streams.is_empty() {
            // Every stream has a row: a count nobody wrote asks for no memory.
            let room = all.min(offsets.len());
            streams.reserve_exact(room);
            stream_names.reserve(room, |_| 0);
        }
        for id in streams.len()..streams.len() + count {
            let category = u32::try_from(read.number()?).ok()?;
            let length = read.count()?;
            let own = rows.fixed(length, u32::from_le_bytes)?;
            let mut times = Times::NONE;
            for which in 0..2 {
                times.seconds[which] = read.number()? as i64;
                times.nanoseconds[which] = i32::try_from(read.number()? as i64).ok()?;
            }
            let versions = Versions::load(&mut read, length as u64)?;
            let name = read.bytes()?;
            let text = std::str::from_utf8(name).ok()?;
            if own.is_empty() || category as usize >= categories.len() || id as u32 == NO_STREAM {
                return None;
            }
            let name_hash = hash(hasher, name);
            streams.push(Stream { name: StreamName::from(text), rows: own, times, versions, category });
            stream_names
                .insert_unique(name_hash, id as u32, |&id| hash(hasher, streams[id as usize].name.as_str().as_bytes()));
        }
        (rows.is_done() && read.is_done()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Part};
    use super::*;
    use crate::domain::Timestamp;

    fn index() -> Index {
        let mut index = Index::new(0);
        let mut part = Part::default();
        for number in 0..10_000_u64 {
            let offset = number * 50 + if number > 5000 { 1 << 40 } else { 0 };
            let (name, kind) = (format!("s{}-{}", number % 3, number % 77), format!("T{}", number % 5));
            let time = Timestamp::new(number as i64, 5).ok().filter(|_| number % 9 > 0);
            let version = (number % 11 > 0).then_some(number * 2);
            match number % 100 {
                0 => part.trouble(offset),
                1 => part.oversize(offset, 1 << 33),
                2 => part.blank(),
                _ => part.event(
                    index.hasher(),
                    offset,
                    Entry { stream: name.as_bytes(), event_type: kind.as_bytes(), version, time },
                ),
            }
        }
        part.finish(1 << 41);
        assert!(index.append(&part));
        index
    }

    fn saved(index: &Index) -> Vec<Vec<u8>> {
        let mut blocks = Vec::new();
        index
            .save(&mut |block| {
                blocks.push(block.to_vec());
                Ok::<_, ()>(())
            })
            .unwrap();
        blocks
    }

    fn load(blocks: &[Vec<u8>]) -> Option<Index> {
        let mut blocks = blocks.iter();
        Index::load(&DefaultHashBuilder::default(), &mut |buffer| {
            blocks.next().map(|block| buffer.clone_from(block)).is_some()
        })
    }

    #[test]
    fn what_is_kept_comes_back() {
        let index = index();
        let blocks = saved(&index);
        assert_eq!(blocks.len(), BLOCKS);
        let back = load(&blocks).unwrap();
        assert_eq!(saved(&back), blocks);
        assert_eq!((back.len(), back.end(), back.troubles()), (index.len(), index.end(), index.troubles()));
        for row in 0..index.len() as u32 {
            assert_eq!(format!("{:?}", back.place(row)), format!("{:?}", index.place(row)));
            assert_eq!(back.milliseconds(row), index.milliseconds(row));
        }
        for stream in index.streams() {
            let found = back.stream(stream.name.as_str()).unwrap();
            assert_eq!(
                (&found.rows, found.first_time(), found.last_time()),
                (&stream.rows, stream.first_time(), stream.last_time())
            );
        }
        assert_eq!(back.types(), index.types());
        assert_eq!(back.category("s1"), index.category("s1"));
    }

    #[test]
    fn what_takes_several_blocks_comes_back() {
        let mut index = Index::new(0);
        let mut part = Part::default();
        let events = PIECE as u64 * 2 + 77;
        for number in 0..events {
            let (name, time) = (format!("s-{}", number % 5000), Timestamp::new(number as i64, 0).ok());
            let entry = Entry { stream: name.as_bytes(), event_type: b"T", version: None, time };
            part.event(index.hasher(), number * 600, entry);
        }
        part.finish(events * 600);
        assert!(index.append(&part));
        let blocks = saved(&index);
        assert_eq!(blocks.len(), 1 + 4 * 3 + 2 + 2 * 5000_usize.div_ceil(STREAMS) + 1);
        let back = load(&blocks).unwrap();
        assert_eq!(saved(&back), blocks);
        for row in 0..=events as u32 {
            assert_eq!(format!("{:?}", back.place(row)), format!("{:?}", index.place(row)));
        }
        assert_eq!(back.stream("s-4999").unwrap().rows, index.stream("s-4999").unwrap().rows);
        for missing in 0..blocks.len() {
            let mut fewer = blocks.clone();
            fewer.remove(missing);
            assert!(load(&fewer).is_none(), "block {missing}");
        }
        assert_eq!(saved(&load(&saved(&Index::new(7))).unwrap()), saved(&Index::new(7)));
    }

    #[test]
    fn records_in_an_order_of_their_own_come_back() {
        let mut index = Index::default();
        let mut part = Part::default();
        for offset in [7_u64, 3, 1 << 61, 0] {
            let entry = Entry { stream: b"s-1", event_type: b"T", version: None, time: None };
            part.event(index.hasher(), offset, entry);
        }
        assert!(index.append(&part));
        let back = load(&saved(&index)).unwrap();
        let offsets: Vec<_> = (0..4).map(|row| back.place(row).unwrap().offset).collect();
        assert_eq!(offsets, [7, 3, 1 << 61, 0]);
        part.clear();
        part.finish(9);
        assert!(index.append(&part));
        assert!(load(&saved(&index)).is_none(), "they do not lie in the order of a file");
    }

    #[test]
    fn what_is_no_index_is_none() {
        let blocks = saved(&index());
        for missing in 0..BLOCKS {
            assert!(load(&blocks[..missing]).is_none());
            let mut cut = blocks.clone();
            let half = cut[missing].len() / 2;
            cut[missing].truncate(half);
            assert!(load(&cut).is_none(), "block {missing}");
            let mut wild = blocks.clone();
            wild[missing].fill(0xff);
            assert!(load(&wild).is_none() || missing > 2, "block {missing}");
        }
    }
}
