//! Where every record of a store is, and of which stream, type, version and time: the one index of all formats.
//!
//! It is columns, not structs: 4 bytes of offset, 4 of stream, 2 of type, 4 of time and 4 of posting a record, versions as
//! runs. It knows nothing of how records are written. Records that cannot be read are rows too, of their stream where that
//! is known. An index that is kept is read where it is asked, piece by piece.
//!
//! Invariant: parts are appended in the order of the file, so that a row's number, a stream's number and the rank of an
//! event in its stream never change.

pub(in crate::sources) mod column;
mod part;
pub(in crate::sources) mod pieces;
pub(in crate::sources) mod saved;
mod streams;
mod versions;

use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::domain::{Event, Position, StreamKey, StreamName, Version};
use column::Column;
use pieces::{Kept, Numbers};
use streams::{Streams, hash};

use part::Kind;
pub use part::{Entry, Part};
pub use streams::Stream;

/// The stream of a record that belongs to none.
const NO_STREAM: u32 = u32::MAX;
/// The type of a record whose type is not kept: it has none, or there are too many.
const NO_TYPE: u16 = u16::MAX;
/// The type of a record that cannot be read, though its stream is known.
const UNREADABLE: u16 = u16::MAX - 1;

/// Where a record lies, and what is known of it without reading it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The number of its line in a file of lines; of its record elsewhere; from 1.
    pub line: u64,
    /// Which of the store's records it is, from 1.
    pub nth: u64,
    /// Its first byte, or whatever else its source calls a place.
    pub offset: u64,
    /// Where the next record begins, or where the file has been looked at so far: in a file of lines it ends before that.
    pub limit: u64,
    /// Its size, when that is too large to be read.
    pub oversize: Option<u64>,
    /// Where it belongs, where its stream is known.
    pub event: Option<PlacedEvent>,
}

impl Place {
    /// Where a record stands that says no position: in a store without positions its number, elsewhere its place, which is
    /// no position of another.
    pub fn position(&self, counts_positions: bool) -> Position {
        if counts_positions { Position::Number(self.line) } else { Position::Nth(self.nth) }
    }

    /// A record that cannot be read, in the stream it belongs to, where that is known.
    pub fn belonging(&self, event: Event) -> Event {
        match &self.event {
            Some(placed) => Event { stream: placed.stream.clone(), version: Version(placed.version), ..event },
            None => event,
        }
    }
}

/// The event at a place.
#[derive(Clone, Debug)]
pub struct PlacedEvent {
    /// Its stream.
    pub stream: StreamName,
    /// Its type, where it is kept.
    pub event_type: Option<Arc<str>>,
    /// Its version; of a record that cannot be read and says none, one more than that before it.
    pub version: u64,
    /// Whether it can be read: what cannot is a record of its stream that is no event.
    pub readable: bool,
}

/// The index of a store.
#[derive(Debug, Default)]
pub struct Index {
    offsets: Column,
    /// In milliseconds.
    times: Column,
    stream_of: Numbers<u32>,
    type_of: Numbers<u16>,
    streams: Streams,
    types: Vec<(Arc<str>, u64)>,
    type_names: HashTable<u16>,
    categories: Categories,
    /// What the names of streams are made of, where that is several parts.
    key: Option<StreamKey>,
    /// From which row on how many lines in all hold nothing.
    blanks: Vec<(u32, u64)>,
    blank: u64,
    oversize: Vec<(u32, u64)>,
    troubles: u64,
    /// How many of the records that cannot be read belong to no stream.
    loose: u64,
    /// How many streams have versions that are not in order.
    disordered: u64,
    /// How many events say no version of their own, so that it is counted.
    counted: u64,
    end: u64,
    /// The rows that are links, which stand in their streams only: the row each leads to, of those behind all others, and
    /// one more than that, for 0 is none.
    links: Numbers<u32>,
    /// Where what was not read yet is kept.
    kept: Option<Arc<Kept>>,
    /// The streams and types of the rows being appended; kept for its memory.
    resolved: Vec<(u32, u16)>,
}

/// The categories of streams, each once.
#[derive(Debug, Default)]
struct Categories {
    names: Vec<Arc<str>>,
    numbers: HashTable<u32>,
}

impl Categories {
    fn find(&self, hasher: &DefaultHashBuilder, name: &str) -> Option<u32> {
        self.numbers.find(hash(hasher, name.as_bytes()), |&id| *self.names[id as usize] == *name).copied()
    }

    fn intern(&mut self, hasher: &DefaultHashBuilder, name: &str) -> u32 {
        if let Some(id) = self.find(hasher, name) {
            return id;
        }
        let id = self.names.len() as u32;
        self.names.push(name.into());
        let names = &self.names;
        let rehash = |&id: &u32| hash(hasher, names[id as usize].as_bytes());
        self.numbers.insert_unique(hash(hasher, name.as_bytes()), id, rehash);
        id
    }
}

impl Index {
    /// How many rows an index can have.
    pub const MAX_ROWS: usize = u32::MAX as usize - 1;
    /// How many types are kept.
    pub const MAX_TYPES: usize = UNREADABLE as usize;

    /// An empty index of a store whose first record begins at this offset.
    pub fn new(start: u64) -> Self {
        Self { end: start, ..Self::default() }
    }

    /// The same, with names hashed as given.
    pub fn hashed(hasher: &DefaultHashBuilder) -> Self {
        Self { streams: Streams::hashed(hasher), ..Self::default() }
    }

    /// How names are hashed for this index.
    pub fn hasher(&self) -> &DefaultHashBuilder {
        self.streams.hasher()
    }

    /// Says what the names of streams are made of, before the first one is added; of an index that was kept as well.
    pub fn set_key(&mut self, key: Option<StreamKey>) {
        self.key = key;
    }

    /// The name of a stream, with where its category stands.
    pub fn name_of(&self, stream: &Stream) -> StreamName {
        match &self.key {
            Some(key) => key.name(stream.name()),
            None => StreamName::from(stream.name()),
        }
    }

    /// Whether something that was asked for could not be read from where the index is kept. What was answered since it was
    /// opened is not to be relied on then.
    pub fn is_broken(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.is_broken())
    }

    /// What is kept of it is not what was written, though it reads as if it were. Gives whether anything of it is kept.
    pub fn disbelieve(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| {
            kept.disbelieve();
            true
        })
    }

    /// Adds what was found in the next stretch of the file. Gives whether there was room for it.
    pub fn append(&mut self, part: &Part) -> bool {
        let first = self.offsets.len();
        if first + part.rows.len() > Self::MAX_ROWS {
            return false;
        }
        let first = first as u32;
        for &(row, count) in &part.blanks {
            self.blank += count;
            self.blanks.push((first + row, self.blank));
        }
        self.blank += part.blank;
        self.oversize.extend(part.oversize.iter().map(|&(row, size)| (first + row, size)));
        // Names first: each look-up waits for memory, and they wait together when little stands between them.
        let mut names = std::mem::take(&mut self.resolved);
        names.clear();
        names.extend(part.rows.iter().map(|row| match part.name(row.stream) {
            [] => (NO_STREAM, NO_TYPE),
            name => match row.kind {
                Kind::Event => {
                    let stream = self.intern_stream(name, row.stream_hash);
                    (stream, self.intern_type(part.name(row.event_type), row.type_hash))
                }
                Kind::Unreadable => (self.intern_stream(name, row.stream_hash), UNREADABLE),
                Kind::Unfinished => match self.streams.number(name, row.stream_hash) {
                    Some(stream) => (stream, UNREADABLE),
                    None => (NO_STREAM, NO_TYPE),
                },
            },
        }));
        self.stream_of.extend(names.iter().map(|&(stream, _)| stream));
        self.type_of.extend(names.iter().map(|&(_, event_type)| event_type));
        for row in &part.rows {
            self.offsets.push(Some(row.offset as i64));
            self.times.push(row.time.map(|time| time.as_millisecond()));
        }
        for ((row, &(stream, _)), number) in part.rows.iter().zip(&names).zip(first..) {
            let is_event = row.kind == Kind::Event;
            self.troubles += u64::from(!is_event);
            let Some(stream) = self.streams.get_mut(stream as usize) else {
                self.loose += 1;
                continue;
            };
            if !is_event {
                stream.push_unreadable(number, row.version);
                continue;
            }
            let is_event = |row| self.type_of.get(row as usize).is_some_and(|of| of != UNREADABLE);
            self.disordered += u64::from(stream.push(number, row.version, row.time, is_event));
            self.counted += u64::from(row.version.is_none());
        }
        self.resolved = names;
        // A line that reaches over the next parts was looked at whole with the part it begins in.
        self.end = self.end.max(part.end);
        true
    }

    fn intern_stream(&mut self, name: &[u8], name_hash: u64) -> u32 {
        let Self { streams, categories, key, .. } = self;
        let hasher = streams.hasher().clone();
        streams.intern(name, name_hash, |name| {
            let category = match key {
                Some(key) => &name[key.category_in(name)],
                None => StreamName::category_of(name),
            };
            categories.intern(&hasher, category)
        })
    }

    fn intern_type(&mut self, name: &[u8], name_hash: u64) -> u16 {
        if let Some(&id) = self.type_names.find(name_hash, |&id| self.types[id as usize].0.as_bytes() == name) {
            self.types[id as usize].1 += 1;
            return id;
        }
        if self.types.len() >= Self::MAX_TYPES {
            return NO_TYPE;
        }
        self.add_type(String::from_utf8_lossy(name).into(), 1, name_hash)
    }

    fn add_type(&mut self, name: Arc<str>, count: u64, name_hash: u64) -> u16 {
        let id = self.types.len() as u16;
        self.types.push((name, count));
        let (types, hasher) = (&self.types, self.streams.hasher());
        self.type_names.insert_unique(name_hash, id, |&id| hash(hasher, types[id as usize].0.as_bytes()));
        id
    }

    /// Adds links: rows that stand in their own streams but not in the walk of the whole store, each with the row it leads
    /// to, where that is there. Nothing can be appended after them. Gives whether there was room.
    pub fn append_links(&mut self, part: &Part, to: Vec<Option<u32>>) -> bool {
        debug_assert_eq!(part.rows.len(), to.len());
        let fits = self.append(part);
        if fits {
            self.links.extend(to.into_iter().map(|row| row.map_or(0, |row| row + 1)));
        }
        fits
    }

    /// How many records the whole store has, those that cannot be read among them, links not.
    pub fn len(&self) -> usize {
        self.offsets.len() - self.links.len()
    }

    /// Whether some of the rows are links.
    pub fn has_links(&self) -> bool {
        self.links.len() > 0
    }

    /// The row a link leads to.
    pub fn linked(&self, row: u32) -> Option<u32> {
        self.links.get((row as usize).checked_sub(self.len())?)?.checked_sub(1)
    }

    /// How many records cannot be read.
    pub fn troubles(&self) -> u64 {
        self.troubles
    }

    /// How many rows, links among them, are events of a stream.
    pub fn stream_rows(&self) -> u64 {
        (self.offsets.len() as u64).saturating_sub(self.troubles)
    }

    /// Up to where the file has been looked at.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The types with their counts, in the order of their first events; of very many types not all.
    pub fn types(&self) -> &[(Arc<str>, u64)] {
        &self.types
    }

    /// How many streams there are.
    pub fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// Some of the streams, in the order of their first events: from one number to another.
    pub fn streams(&self, from: usize, to: usize) -> impl Iterator<Item = &Stream> {
        self.streams.range(from, to)
    }

    /// Tells the names of the streams from a number on, with their numbers. Some that lie, with others, in bytes that are
    /// not `wanted` may be left out.
    pub fn stream_names(&self, from: usize, wanted: &dyn Fn(&[u8]) -> bool, told: &mut dyn FnMut(usize, &str)) {
        self.streams.names(from, wanted, told);
    }

    /// How many streams have versions that are not in order.
    pub fn disordered(&self) -> u64 {
        self.disordered
    }

    /// How many events, links among them, say no version of their own: it is counted.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// The stream of this name.
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.get(self.streams.find(name)?)
    }

    /// The number of a category some stream has.
    pub fn category(&self, name: &str) -> Option<u32> {
        self.categories.find(self.streams.hasher(), name)
    }

    /// The stream of a row, where it is known.
    pub fn stream_of(&self, row: u32) -> Option<&Stream> {
        // `NO_STREAM` is the number of no stream.
        self.streams.get(self.stream_of.get(row as usize)? as usize)
    }

    /// Whether the record of a row was taken for an event.
    pub fn is_event(&self, row: u32) -> bool {
        self.stream_of(row).is_some() && self.type_of.get(row as usize) != Some(UNREADABLE)
    }

    /// The number of the stream of a row, where it is known.
    pub fn stream_number(&self, row: u32) -> Option<usize> {
        self.stream_of.get(row as usize).map(|stream| stream as usize).filter(|&stream| stream < self.streams.len())
    }

    /// The number of the type of a row, where it is kept.
    pub fn type_number(&self, row: u32) -> Option<usize> {
        self.type_of.get(row as usize).map(|name| name as usize).filter(|&name| name < self.types.len())
    }

    /// Where the record of a row begins, and where the next one does.
    pub fn bounds(&self, row: u32) -> Option<(u64, u64)> {
        let offset = self.offsets.get(row as usize)? as u64;
        Some((offset, self.offsets.get(row as usize + 1).map_or(self.end, |next| next as u64)))
    }

    /// Whether the other index begins with what this one knows, which is not much: all of it is compared.
    pub fn is_beginning_of(&self, other: &Self) -> bool {
        fn name(index: &Index, row: u32) -> Option<&str> {
            index.stream_of(row).map(Stream::name)
        }
        let event_type = |index: &Self, row| index.type_number(row).map(|number| index.types[number].0.clone());
        other.offsets.len() >= self.offsets.len()
            && (0..self.offsets.len()).all(|row| {
                let (at, row) = (row, row as u32);
                self.offsets.get(at) == other.offsets.get(at)
                    && self.stream_of.get(at) == other.stream_of.get(at)
                    && self.type_of.get(at) == other.type_of.get(at)
                    && name(self, row) == name(other, row)
                    && event_type(self, row) == event_type(other, row)
            })
    }

    /// Makes ready for what was added to a file whose last line, beginning at `start`, had no end: where that line is no
    /// event, or holds nothing, it is taken back, unless a stream began with it. Gives where to go on.
    pub fn reopen(&mut self, start: u64) -> u64 {
        let last = self.offsets.len().checked_sub(1);
        match last.and_then(|last| Some((last as u32, self.offsets.get(last)? as u64))) {
            Some((row, offset)) if offset >= start => {
                let stream = self.stream_number(row);
                if self.is_event(row) || stream.is_some_and(|stream| !self.streams.take_back(stream)) {
                    return self.end;
                }
                self.offsets.pop();
                self.times.pop();
                self.stream_of.pop();
                self.type_of.pop();
                self.troubles -= 1;
                self.loose -= u64::from(stream.is_none());
                self.oversize.retain(|&(oversize, _)| oversize != row);
            }
            _ => self.blank = self.blank.saturating_sub(1),
        }
        self.end = start;
        start
    }

    /// Adds to `rows`, which holds those before the row `from`, the rows from there on that belong to a category.
    pub fn extend_category(&self, category: u32, from: usize, rows: &mut Vec<u32>) {
        for row in from..self.len() {
            if self.stream_of(row as u32).is_some_and(|stream| stream.category() == category) {
                rows.push(row as u32);
            }
        }
    }

    /// Whether a record that begins at this offset is an event, in an index of records that lie in the order of their rows.
    pub fn is_event_at(&self, offset: u64) -> bool {
        self.row_at(offset)
            .is_some_and(|row| self.offsets.get(row as usize) == Some(offset as i64) && self.is_event(row))
    }

    /// The last row that begins at or before this offset, in an index of records that lie in the order of their rows.
    pub fn row_at(&self, offset: u64) -> Option<u32> {
        let (mut low, mut high) = (0, self.offsets.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.offsets.get(middle).is_some_and(|found| found as u64 <= offset) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low.checked_sub(1).map(|row| row as u32)
    }

    /// The time of a row, cut to milliseconds.
    pub fn milliseconds(&self, row: u32) -> Option<i64> {
        self.times.get(row as usize)
    }

    /// Where the record of a row lies.
    pub fn place(&self, row: u32) -> Option<Place> {
        let (offset, limit) = self.bounds(row)?;
        let blank = match self.blanks.partition_point(|&(from, _)| from <= row) {
            0 => 0,
            after => self.blanks[after - 1].1,
        };
        let oversize = self.oversize.binary_search_by_key(&row, |&(row, _)| row).ok().map(|at| self.oversize[at].1);
        let event = self.stream_of(row).map(|stream| PlacedEvent {
            stream: self.name_of(stream),
            event_type: self.type_number(row).map(|number| self.types[number].0.clone()),
            version: stream.rank(row).map_or(0, |rank| stream.version(rank)),
            readable: self.type_of.get(row as usize) != Some(UNREADABLE),
        });
        let nth = u64::from(row) + 1;
        Some(Place { line: nth + blank, nth, offset, limit, oversize, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(index: &Index, start: u64, names: &[&str]) -> Part {
        let mut part = Part::default();
        for (i, name) in names.iter().enumerate() {
            let offset = start + i as u64 * 100;
            match *name {
                "" => part.blank(),
                "!" => part.trouble(offset),
                "!!" => {
                    part.oversize(1 << 30);
                    part.trouble(offset);
                }
                stream => {
                    let entry = Entry { stream: stream.as_bytes(), event_type: b"T", version: None, time: None };
                    part.event(index.hasher(), offset, entry);
                }
            }
        }
        part.finish(start + names.len() as u64 * 100);
        part
    }

    #[test]
    fn parts_line_up() {
        let mut index = Index::new(0);
        let parts: [&[&str]; 4] = [&["a-1", "", "b-1", ""], &[], &["", "a-1", "!", "a-2"], &["!!", "b-1"]];
        let mut start = 0;
        for names in parts {
            let part = part(&index, start, names);
            assert!(index.append(&part));
            start = part.end;
        }
        let lines: Vec<_> =
            (0..index.len() as u32).filter_map(|row| index.place(row)).map(|p| (p.line, p.offset)).collect();
        assert_eq!(lines, [(1, 0), (3, 200), (6, 500), (7, 600), (8, 700), (9, 800), (10, 900)]);
        assert_eq!(index.place(3).unwrap().limit, 700);
        assert_eq!(index.place(6).unwrap().limit, 1000);
        assert!(index.place(7).is_none());
        let mut within = Part::default();
        within.finish(950);
        assert!(index.append(&within));
        assert_eq!(index.place(6).unwrap().limit, 1000, "the last line may reach over parts");
        assert_eq!(index.troubles(), 2);
        assert_eq!(index.place(5).unwrap().oversize, Some(1 << 30));
        assert_eq!(index.stream("a-1").unwrap().rows(), [0, 2]);
        assert_eq!(index.stream("b-1").unwrap().rows(), [1, 6]);
        assert!(index.stream("c").is_none());
        assert_eq!(index.place(2).unwrap().event.unwrap().version, 2);
        let mut rows = vec![0];
        index.extend_category(index.category("a").unwrap(), 1, &mut rows);
        assert_eq!(rows, [0, 2, 4]);
        assert_eq!(index.category("c"), None);
    }

    #[test]
    fn many_names_stay_apart() {
        let mut index = Index::new(0);
        let names: Vec<String> = (0..70_000).map(|i| format!("s{i}-1")).collect();
        let mut part = Part::default();
        for (i, name) in names.iter().chain(&names).enumerate() {
            let name = name.as_bytes();
            let entry = Entry { stream: name, event_type: name, version: None, time: None };
            part.event(index.hasher(), i as u64, entry);
        }
        part.finish(names.len() as u64 * 2);
        assert!(index.append(&part));
        assert_eq!(index.stream_count(), names.len());
        assert!(names.iter().all(|name| index.stream(name).is_some_and(|stream| stream.len() == 2)));
        // More types than are kept: they are read from their records.
        assert!(index.place(5).unwrap().event.unwrap().event_type.is_some());
        assert!(index.place(69_999).unwrap().event.unwrap().event_type.is_none());
    }
}
