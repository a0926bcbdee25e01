//! The index as bytes, to be kept in a file whose parts are read when they are asked for: a block that describes it, then
//! a block of every piece of every column, and two of every group of streams.
//!
//! Numbers are little-endian. Every block is told to whoever writes it, who sees to it that it comes back as it was; what
//! comes back is still looked at, so that bytes nobody wrote give no index, or a broken one, rather than a panic.

use std::cell::Cell;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::column::Column;
use super::pieces::{Kept, Numbers, PIECE, Stored};
use super::streams::{GROUP, Names, Streams, hash};
use super::{Index, NO_STREAM, UNREADABLE};

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

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Nothing more is wanted.
    pub fn skip(&mut self) {
        self.0 = &[];
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

    /// Some numbers of a fixed size.
    pub fn array<T: Copy + Default, const N: usize, const M: usize>(
        &mut self,
        number: impl Fn([u8; N]) -> T,
    ) -> Option<[T; M]> {
        let taken = self.take((M * N) as u64)?;
        let mut array = [T::default(); M];
        array.iter_mut().zip(taken.as_chunks().0).for_each(|(to, &bytes)| *to = number(bytes));
        Some(array)
    }

    /// A number of things in memory.
    pub fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }
}

/// The number of the first block of each kind in an index of so many rows, links, rows of streams, and streams.
struct Plan {
    offsets: usize,
    times: usize,
    stream_of: usize,
    type_of: usize,
    links: usize,
    postings: usize,
    groups: usize,
    names: usize,
    /// How many blocks there are in all.
    count: usize,
}

impl Plan {
    fn new(rows: usize, links: usize, placed: usize, streams: usize) -> Self {
        let pieces = rows.div_ceil(PIECE);
        let offsets = 1;
        let times = offsets + pieces;
        let stream_of = times + pieces;
        let type_of = stream_of + pieces;
        let links_from = type_of + pieces;
        let postings = links_from + links.div_ceil(PIECE);
        let groups = postings + placed.div_ceil(PIECE);
        let names = groups + streams.div_ceil(GROUP);
        let count = names + streams.div_ceil(PIECE);
        Self { offsets, times, stream_of, type_of, links: links_from, postings, groups, names, count }
    }
}

/// What the first block says.
struct Header {
    rows: usize,
    links: usize,
    /// How many rows are of a stream.
    placed: usize,
    streams: usize,
    /// What the pieces of the names begin with.
    firsts: Vec<u64>,
    index: Index,
}

impl Index {
    /// Tells the blocks that hold it.
    ///
    /// # Errors
    /// What `told` returns. An index some of which cannot be read any more is told as far as it can be: see
    /// [`Index::is_broken`].
    pub fn save<E>(&self, told: &mut impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut tell = |fill: &dyn Fn(&mut Writer)| {
            let mut out = Writer::default();
            fill(&mut out);
            told(&out.done())
        };
        let names = Names::of(&self.streams);
        tell(&|out| self.save_header(&names, out))?;
        for column in [&self.offsets, &self.times] {
            (0..column.pieces()).try_for_each(|piece| tell(&|out| column.save(piece, out)))?;
        }
        (0..self.stream_of.pieces()).try_for_each(|piece| tell(&|out| self.stream_of.save(piece, out)))?;
        (0..self.type_of.pieces()).try_for_each(|piece| tell(&|out| self.type_of.save(piece, out)))?;
        (0..self.links.pieces()).try_for_each(|piece| tell(&|out| self.links.save(piece, out)))?;
        let mut postings = self.streams.postings();
        loop {
            let piece: Vec<u32> = postings.by_ref().take(PIECE).collect();
            if piece.is_empty() {
                break;
            }
            tell(&|out| out.fixed(&piece, u32::to_le_bytes))?;
        }
        let start = Cell::new(0);
        for group in 0..self.streams.groups() {
            tell(&|out| start.set(self.streams.save(group, start.get(), out)))?;
        }
        (0..names.pieces()).try_for_each(|piece| tell(&|out| names.save(piece, out)))
    }

    fn save_header(&self, names: &Names, out: &mut Writer) {
        let counts = [self.offsets.len(), self.links.len(), self.streams.len()].map(|count| count as u64);
        let numbers = [self.end, self.blank, self.troubles, self.loose, self.disordered, self.counted];
        counts.into_iter().chain(numbers).for_each(|number| out.number(number));
        for pairs in [&self.blanks, &self.oversize] {
            out.number(pairs.len() as u64);
            for &(row, number) in pairs {
                out.number(u64::from(row));
                out.number(number);
            }
        }
        out.number(self.types.len() as u64);
        for (name, count) in &self.types {
            out.bytes(name.as_bytes());
            out.number(*count);
        }
        out.number(self.categories.names.len() as u64);
        self.categories.names.iter().for_each(|name| out.bytes(name.as_bytes()));
        out.number(names.firsts().len() as u64);
        names.firsts().iter().for_each(|&first| out.number(first));
    }

    /// The index whose blocks begin with this one, and are the last ones there. What it holds is read when it is asked
    /// for, and names are hashed as given. `None` when it is none.
    pub fn kept(stored: Arc<dyn Stored>, first: usize, hasher: &DefaultHashBuilder) -> Option<Self> {
        let kept = Arc::new(Kept::new(stored, first));
        let Header { rows, links, placed, streams, firsts, mut index } =
            kept.read(0, |read| Header::load(read, hasher))?;
        let plan = Plan::new(rows, links, placed, streams);
        if plan.count != kept.count() {
            return None;
        }
        index.offsets = Column::kept(&kept, plan.offsets, rows);
        index.times = Column::kept(&kept, plan.times, rows);
        index.stream_of = Numbers::kept(&kept, plan.stream_of, rows);
        index.type_of = Numbers::kept(&kept, plan.type_of, rows);
        index.links = Numbers::kept(&kept, plan.links, links);
        let names = Names::kept(&kept, plan.names, streams, firsts);
        let postings = Numbers::kept(&kept, plan.postings, placed);
        index.streams = Streams::kept(&kept, plan.groups, streams, postings, names, hasher.clone());
        index.kept = Some(kept);
        Some(index)
    }

    /// Reads all of it that was not read yet, and looks whether its parts agree with each other, as those that were
    /// appended do. For a store that cannot be read again when its index turns out broken later.
    pub fn holds_together(&self) -> bool {
        let rows = self.offsets.len();
        let mut placed = 0;
        let in_a_stream = (0..self.streams.len()).all(|number| {
            let Some(stream) = self.streams.get(number) else { return false };
            placed += stream.len();
            stream.rows().len() == stream.len()
                && stream.rows().is_sorted_by(|a, b| a < b)
                && stream.rows().iter().all(|&row| self.stream_of.get(row as usize) == Some(number as u32))
                && (stream.category() as usize) < self.categories.names.len()
                && self.streams.find(stream.name()) == Some(number)
        });
        // Every row of a stream stands in it once, so that as many as there are means all of them.
        let of_none = (0..rows).filter(|&row| self.stream_of.get(row) == Some(NO_STREAM)).count();
        let of_a_type =
            |row| self.type_of.get(row).is_some_and(|of| of >= UNREADABLE || usize::from(of) < self.types.len());
        let unreadable = (0..rows).filter(|&row| self.type_of.get(row) == Some(UNREADABLE)).count();
        let walked = self.len() as u32;
        // Any time is one, but it must be there.
        for row in 0..rows {
            self.times.get(row);
        }
        let leads = |row| self.links.get(row).is_some_and(|to| to <= walked);
        in_a_stream
            && placed + of_none == rows
            && of_none as u64 == self.loose
            && (of_none + unreadable) as u64 == self.troubles
            && (0..rows).all(|row| self.offsets.get(row).is_some_and(|offset| offset >= 0) && of_a_type(row))
            && (0..self.links.len()).all(leads)
            && !self.is_broken()
    }
}

impl Header {
    fn load(read: &mut Reader<'_>, hasher: &DefaultHashBuilder) -> Option<Self> {
        let mut index = Index::hashed(hasher);
        let rows = read.count().filter(|&rows| rows <= Index::MAX_ROWS)?;
        let links = read.count().filter(|&links| links <= rows)?;
        let streams = read.count().filter(|&streams| streams <= rows)?;
        (index.end, index.blank, index.troubles) = (read.number()?, read.number()?, read.number()?);
        (index.loose, index.disordered, index.counted) = (read.number()?, read.number()?, read.number()?);
        for pairs in [&mut index.blanks, &mut index.oversize] {
            for _ in 0..read.number()? {
                pairs.push((u32::try_from(read.number()?).ok()?, read.number()?));
            }
        }
        for number in 0..read.number()? {
            let name = std::str::from_utf8(read.bytes()?).ok()?;
            let count = read.number().filter(|_| number < Index::MAX_TYPES as u64)?;
            index.add_type(name.into(), count, hash(hasher, name.as_bytes()));
        }
        for _ in 0..read.number()? {
            index.categories.intern(hasher, std::str::from_utf8(read.bytes()?).ok()?);
        }
        let firsts: Vec<u64> = (0..read.number()?).map(|_| read.number()).collect::<Option<_>>()?;
        let at_rows = |pairs: &[(u32, u64)]| pairs.is_sorted_by_key(|&(row, _)| row);
        let blanks = index.blanks.iter().map(|&(_, count)| count).chain([index.blank]);
        let sound = i64::try_from(index.end).is_ok()
            && at_rows(&index.blanks)
            && at_rows(&index.oversize)
            && blanks.is_sorted()
            && index.blank <= index.end
            && index.troubles <= rows as u64
            && index.loose <= index.troubles
            && index.disordered <= streams as u64
            && index.counted <= rows as u64
            && firsts.len() == streams.div_ceil(PIECE)
            && firsts.is_sorted();
        // Every other row is of one stream.
        let placed = rows.saturating_sub(index.loose as usize);
        sound.then_some(Self { rows, links, placed, streams, firsts, index })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Part, Stream};
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
                1 => {
                    part.oversize(1 << 33);
                    part.trouble(offset);
                }
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

    #[derive(Debug)]
    struct Held(Vec<Vec<u8>>);

    impl Stored for Held {
        fn block(&self, number: usize, buffer: &mut Vec<u8>) -> bool {
            self.0.get(number).map(|block| buffer.extend_from_slice(block)).is_some()
        }

        fn count(&self) -> usize {
            self.0.len()
        }
    }

    fn load(blocks: &[Vec<u8>]) -> Option<Index> {
        Index::kept(Arc::new(Held(blocks.to_vec())), 0, &DefaultHashBuilder::default())
    }

    /// The same, and all of it is as it should be.
    fn load_whole(blocks: &[Vec<u8>]) -> Option<Index> {
        load(blocks).filter(Index::holds_together)
    }

    fn same(back: &Index, index: &Index) {
        assert_eq!((back.len(), back.end(), back.troubles()), (index.len(), index.end(), index.troubles()));
        assert_eq!((back.stream_count(), back.disordered()), (index.stream_count(), index.disordered()));
        assert_eq!(back.counted(), index.counted());
        for row in 0..=index.offsets.len() as u32 {
            assert_eq!(format!("{:?}", back.place(row)), format!("{:?}", index.place(row)));
            assert_eq!((back.milliseconds(row), back.linked(row)), (index.milliseconds(row), index.linked(row)));
        }
        for (number, stream) in index.streams(0, usize::MAX).enumerate() {
            let found = back.stream(stream.name()).unwrap();
            assert_eq!(back.streams(number, number + 1).next().map(Stream::name), Some(stream.name()));
            assert_eq!(
                (found.rows(), found.first_time(), found.last_time(), found.goes_back()),
                (stream.rows(), stream.first_time(), stream.last_time(), stream.goes_back())
            );
        }
        assert_eq!(back.stream("nobody").map(Stream::len), None);
        assert_eq!(back.types(), index.types());
        assert_eq!(back.category("s1"), index.category("s1"));
    }

    #[test]
    fn what_is_kept_comes_back() {
        let mut index = index();
        let blocks = saved(&index);
        assert_eq!(blocks.len(), 1 + 4 + 1 + 1 + 1);
        let back = load_whole(&blocks).unwrap();
        assert_eq!(saved(&back), blocks);
        same(&back, &index);

        let mut links = Part::default();
        for number in 0..5_u64 {
            let entry = Entry { stream: b"links", event_type: b"$>", version: None, time: None };
            links.event(index.hasher(), number, entry);
        }
        assert!(index.append_links(&links, vec![Some(0), None, Some(7), Some(9_000), None]));
        let blocks = saved(&index);
        let back = load_whole(&blocks).unwrap();
        assert_eq!(saved(&back), blocks);
        same(&back, &index);
    }

    fn large(events: u64) -> Index {
        let mut index = Index::new(0);
        add(&mut index, 0..events);
        index
    }

    fn add(index: &mut Index, numbers: std::ops::Range<u64>) {
        let mut part = Part::default();
        let end = numbers.end;
        for number in numbers {
            let (name, time) = (format!("s1-{}", number % 5000), Timestamp::new(number as i64, 0).ok());
            let version = (number % 700 == 0).then_some(1);
            let entry = Entry { stream: name.as_bytes(), event_type: b"T", version, time };
            part.event(index.hasher(), number * 600, entry);
        }
        part.finish(end * 600);
        assert!(index.append(&part));
    }

    #[test]
    fn what_takes_several_blocks_comes_back_and_grows() {
        let events = PIECE as u64 * 2 + 77;
        let index = large(events);
        let blocks = saved(&index);
        assert_eq!(blocks.len(), 1 + 4 * 3 + 3 + 5000_usize.div_ceil(GROUP) + 1);
        let mut back = load(&blocks).unwrap();
        same(&back, &index);
        assert_eq!(saved(&back), blocks);
        for missing in 0..blocks.len() {
            let mut fewer = blocks.clone();
            fewer.remove(missing);
            assert!(load(&fewer).is_none(), "block {missing}");
        }
        assert_eq!(saved(&load(&saved(&Index::new(7))).unwrap()), saved(&Index::new(7)));

        // Known streams and new ones, on an index of which nothing was read yet.
        for mut index in [load(&blocks).unwrap(), std::mem::replace(&mut back, large(0))] {
            assert_eq!(index.reopen(events * 600), events * 600);
            add(&mut index, events..events + 9000);
            let mut part = Part::default();
            let entry = Entry { stream: b"new-1", event_type: b"New", version: Some(3), time: None };
            part.event(index.hasher(), (events + 9000) * 600, entry);
            part.finish((events + 9001) * 600);
            assert!(index.append(&part));
            let mut expected = large(events + 9000);
            assert!(expected.append(&part) || expected.len() > 0);
            assert_eq!((index.len(), index.stream_count()), (events as usize + 9001, 5001));
            let whole = load_whole(&saved(&index)).unwrap();
            same(&whole, &index);
            assert_eq!(index.stream("s1-77").unwrap().rows(), expected.stream("s1-77").unwrap().rows());
            assert_eq!(index.stream("new-1").unwrap().rows(), [events as u32 + 9000]);
        }
    }

    #[test]
    fn names_are_told_without_reading_more() {
        let index = load(&saved(&large(6000))).unwrap();
        let mut told = Vec::new();
        index.stream_names(600, &|_| true, &mut |number, name| told.push((number, name.to_owned())));
        assert_eq!(told.len(), 4400);
        assert!(told.iter().enumerate().all(|(at, one)| *one == (at + 600, format!("s1-{}", at + 600))));
        assert!((0..10).all(|group| index.streams.is_unread(group)));
    }

    #[test]
    fn what_is_no_index_is_none_or_broken() {
        let index = index();
        let blocks = saved(&index);
        for missing in 0..blocks.len() {
            assert!(load(&blocks[..missing]).is_none());
            for change in
                [|block: &mut Vec<u8>| block.truncate(block.len() / 2), |block: &mut Vec<u8>| block.fill(0xff)]
            {
                let mut other = blocks.clone();
                change(&mut other[missing]);
                // Nothing but ones in the types means that none of them is kept.
                assert!(load_whole(&other).is_none() || missing == 4, "block {missing}");
                let Some(other) = load(&other) else { continue };
                // Whatever is asked of it gives an answer, if not the right one.
                for row in 0..10_000 {
                    let (place, _) = (other.place(row), other.bounds(row));
                    drop(place);
                }
                other.streams(0, usize::MAX).for_each(|stream| drop(stream.rows().to_vec()));
                assert!(other.stream("s1-1").is_none() || other.row_at(1 << 41).is_none_or(|row| row < 10_000));
                assert!(other.is_broken() || missing > 0);
            }
        }
    }
}
