//! The streams of an index, by their numbers and by their names.
//!
//! They are in groups, so that of a kept index only what is asked for is read; the rows of all kept streams lie one stream
//! after the other. A name is looked up among those in memory, and in a sorted list of the hashes of the kept ones.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, OnceLock};

use hashbrown::{DefaultHashBuilder, HashTable};
use highway::{HighwayHash, HighwayHasher, Key};

use super::pieces::{Kept, Numbers, Parts};
use super::saved::{Reader, Writer};
use super::versions::Versions;
use crate::domain::Timestamp;

/// How many streams are in a group.
pub const GROUP: usize = 512;

/// A stream of the store. There may be millions: it is kept small.
#[derive(Debug)]
pub struct Stream {
    name: Box<str>,
    rows: Rows,
    /// The earliest and the latest time of its events.
    times: Times,
    versions: Versions,
    category: u32,
}

/// The rows of a stream's events.
#[derive(Debug)]
enum Rows {
    Held(Vec<u32>),
    Kept(Box<Posted>),
}

/// Rows that are kept among those of all streams.
#[derive(Debug)]
struct Posted {
    postings: Arc<Numbers<u32>>,
    start: usize,
    len: usize,
    /// All of them, when somebody asked for that.
    rows: OnceLock<Box<[u32]>>,
}

impl Posted {
    fn rows(&self) -> &[u32] {
        self.rows.get_or_init(|| {
            let mut rows = Vec::with_capacity(self.len);
            self.postings.copy(self.start..self.start + self.len, &mut rows);
            // Fewer when some of it is broken: then none is of use.
            if rows.len() == self.len { rows.into() } else { Box::default() }
        })
    }

    /// Which of them a row is: only what must be looked at for that is read.
    fn rank(&self, row: u32) -> Option<usize> {
        if let Some(rows) = self.rows.get() {
            return rows.binary_search(&row).ok();
        }
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            match self.postings.get(self.start + middle)?.cmp(&row) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// The earliest and the latest time of a stream's events, in half the room two optional instants take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Times([u64; 2]);

/// No time.
const TIMELESS: u64 = u64::MAX;
/// The bits of the nanoseconds within a millisecond.
const FINE: u32 = 20;
/// Milliseconds so far from 1970 leave room for them: from 1830 to 2109. Instants beyond are kept to the millisecond.
const NEAR: i64 = 1 << 42;
/// The mark of an instant beyond, and what is added to its milliseconds.
const FAR: u64 = 1 << 63;
const BIAS: i64 = 1 << 61;

impl Times {
    const NONE: Self = Self([TIMELESS; 2]);

    /// Takes the time of one more event in.
    fn add(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        let time = Self::packed(time);
        let [earliest, latest] = &mut self.0;
        if *earliest == TIMELESS || Self::is_before(time, *earliest) {
            *earliest = time;
        }
        if *latest == TIMELESS || Self::is_before(*latest, time) {
            *latest = time;
        }
    }

    fn packed(time: Timestamp) -> u64 {
        let nanoseconds = time.as_nanosecond();
        let milliseconds = nanoseconds.div_euclid(1_000_000) as i64;
        match (-NEAR..NEAR).contains(&milliseconds) {
            true => ((milliseconds + NEAR) as u64) << FINE | nanoseconds.rem_euclid(1_000_000) as u64,
            false => FAR | (milliseconds + BIAS) as u64,
        }
    }

    /// Whether one packed time is before another: near ones, and far ones, compare as they are packed.
    fn is_before(one: u64, other: u64) -> bool {
        match (one >= FAR) == (other >= FAR) {
            true => one < other,
            false => Self::split(one) < Self::split(other),
        }
    }

    /// The milliseconds of a packed time, and the nanoseconds beyond them.
    fn split(packed: u64) -> (i64, u64) {
        match packed >= FAR {
            true => ((packed & !FAR) as i64 - BIAS, 0),
            false => ((packed >> FINE) as i64 - NEAR, packed & ((1 << FINE) - 1)),
        }
    }

    fn get(self, which: usize) -> Option<Timestamp> {
        if self.0[which] == TIMELESS {
            return None;
        }
        let (milliseconds, rest) = Self::split(self.0[which]);
        Timestamp::from_nanosecond(i128::from(milliseconds) * 1_000_000 + i128::from(rest)).ok()
    }
}

impl Stream {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its category.
    pub fn category(&self) -> u32 {
        self.category
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        match &self.rows {
            Rows::Held(rows) => rows.len(),
            Rows::Kept(posted) => posted.len,
        }
    }

    /// The rows of its events; none when what is kept of them is broken.
    pub fn rows(&self) -> &[u32] {
        match &self.rows {
            Rows::Held(rows) => rows,
            Rows::Kept(posted) => posted.rows(),
        }
    }

    /// Which of its events, from 0, has this row.
    pub fn rank(&self, row: u32) -> Option<usize> {
        match &self.rows {
            Rows::Held(rows) => rows.binary_search(&row).ok(),
            Rows::Kept(posted) => posted.rank(row),
        }
    }

    /// The earliest time of its events.
    pub fn first_time(&self) -> Option<Timestamp> {
        self.times.get(0)
    }

    /// The latest time of its events.
    pub fn last_time(&self) -> Option<Timestamp> {
        self.times.get(1)
    }

    /// Adds an event. Gives whether the versions of its events go back here for the first time; which of its rows are
    /// events `is_event` tells.
    pub fn push(
        &mut self,
        row: u32,
        version: Option<u64>,
        time: Option<Timestamp>,
        is_event: impl Fn(u32) -> bool,
    ) -> bool {
        self.times.add(time);
        let rank = self.add(row);
        let Self { rows: Rows::Held(rows), versions, .. } = self else { return false };
        // What cannot be read may have a version that was only counted.
        versions.push(rank, version, |versions| {
            let event = (0..rank).rev().find(|&rank| is_event(rows[rank as usize]));
            event.map(|rank| versions.get(rank))
        })
    }

    /// Adds a record that cannot be read.
    pub fn push_unreadable(&mut self, row: u32, version: Option<u64>) {
        let rank = self.add(row);
        self.versions.push(rank, version, |_| None);
    }

    /// Takes back the last record, which cannot be read, unless it is the only one. Gives whether it did.
    pub fn pop_unreadable(&mut self) -> bool {
        let Some(last) = (self.len() as u32).checked_sub(1).filter(|&last| last > 0) else { return false };
        let Rows::Held(rows) = self.held() else { return false };
        rows.pop();
        self.versions.pop(last);
        true
    }

    /// Its rows, in memory.
    fn held(&mut self) -> &mut Rows {
        if let Rows::Kept(..) = self.rows {
            self.rows = Rows::Held(self.rows().to_vec());
        }
        &mut self.rows
    }

    /// Adds a row and gives its rank. Room is made by eighths: many streams that each have twice what they need are much.
    fn add(&mut self, row: u32) -> u32 {
        let Rows::Held(rows) = self.held() else { return 0 };
        if rows.len() == rows.capacity() {
            // Allocators hand out multiples of 16 bytes, less the 8 they keep for themselves.
            let room = (rows.len() + (rows.len() / 8).max(4)) / 4 * 4 + 2;
            rows.reserve_exact(room - rows.len());
        }
        rows.push(row);
        rows.len() as u32 - 1
    }

    /// The version of the event with this rank, which exists.
    pub fn version(&self, rank: usize) -> u64 {
        self.versions.get(rank as u32)
    }

    /// The rank of the first event with this version or a later one.
    pub fn rank_from(&self, version: u64) -> Option<u64> {
        self.versions.first_from(self.len() as u32, version).map(u64::from)
    }

    /// Whether its versions are not in order.
    pub fn goes_back(&self) -> bool {
        self.versions.goes_back()
    }

    fn save(&self, start: usize, out: &mut Writer) {
        out.bytes(self.name.as_bytes());
        out.number(u64::from(self.category));
        out.number(start as u64);
        out.number(self.len() as u64);
        out.fixed(&self.times.0, u64::to_le_bytes);
        self.versions.save(out);
    }
}

/// What is kept of a stream, but for its rows.
struct Described<'a> {
    name: &'a str,
    category: u32,
    start: usize,
    len: usize,
    times: Times,
    versions: Versions,
}

impl<'a> Described<'a> {
    fn load(read: &mut Reader<'a>) -> Option<Self> {
        let name = std::str::from_utf8(read.bytes()?).ok().filter(|name| !name.is_empty())?;
        let category = u32::try_from(read.number()?).ok()?;
        let start = read.count()?;
        let len = read.count().filter(|&len| len > 0)?;
        let times = Times(read.array(u64::from_le_bytes)?);
        Some(Self { name, category, start, len, times, versions: Versions::load(read, len as u64)? })
    }
}

/// All streams, in the order of their first events.
#[derive(Debug, Default)]
pub struct Streams {
    groups: Parts<Vec<Stream>>,
    len: usize,
    /// The numbers of those looked up so far and of those added, by their names.
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
    kept: Option<KeptNames>,
}

#[derive(Debug)]
struct KeptNames {
    postings: Arc<Numbers<u32>>,
    names: Names,
    /// How many streams are kept.
    len: usize,
}

impl Streams {
    /// No streams, whose names will be hashed like this.
    pub fn hashed(hasher: &DefaultHashBuilder) -> Self {
        Self { hasher: hasher.clone(), ..Self::default() }
    }

    /// So many streams that are kept from this block on, whose rows are among `postings`, and whose names are found by
    /// `names`.
    pub fn kept(
        kept: &Arc<Kept>,
        block: usize,
        len: usize,
        postings: Numbers<u32>,
        names: Names,
        hasher: DefaultHashBuilder,
    ) -> Self {
        let groups = Parts::kept(kept, block, len.div_ceil(GROUP));
        let names = KeptNames { postings: Arc::new(postings), names, len };
        Self { groups, len, numbers: HashTable::new(), hasher, kept: Some(names) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// How names are hashed for [`Streams::intern`].
    pub fn hasher(&self) -> &DefaultHashBuilder {
        &self.hasher
    }

    /// The stream with this number.
    #[inline]
    pub fn get(&self, number: usize) -> Option<&Stream> {
        match self.groups.loaded(number / GROUP) {
            Some(group) => group.get(number % GROUP),
            None => self.group(number / GROUP).get(number % GROUP),
        }
    }

    /// The stream with this number, to be added to.
    pub fn get_mut(&mut self, number: usize) -> Option<&mut Stream> {
        if self.groups.loaded(number / GROUP).is_none() {
            self.group(number / GROUP);
        }
        self.groups.loaded_mut(number / GROUP)?.get_mut(number % GROUP)
    }

    /// Those from one number to another.
    pub fn range(&self, from: usize, to: usize) -> impl Iterator<Item = &Stream> {
        (from..to.min(self.len)).filter_map(|number| self.get(number))
    }

    /// The number of the stream of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        let name_hash = hash(&self.hasher, name.as_bytes());
        self.number(name.as_bytes(), name_hash).map(|number| number as usize)
    }

    /// Takes back the last record of a stream, see [`Stream::pop_unreadable`].
    pub fn take_back(&mut self, number: usize) -> bool {
        self.get_mut(number).is_some_and(Stream::pop_unreadable)
    }

    /// The number of the stream of this name, whose hash is this.
    pub fn number(&self, name: &[u8], name_hash: u64) -> Option<u32> {
        self.known(name, name_hash).or_else(|| self.find_kept(name))
    }

    /// The number of the stream of this name, whose hash is this; a new one if there is none yet, whose category
    /// `category` gives for the name.
    pub fn intern(&mut self, name: &[u8], name_hash: u64, category: impl FnOnce(&str) -> u32) -> u32 {
        if let Some(number) = self.known(name, name_hash) {
            return number;
        }
        let number = match self.find_kept(name) {
            Some(number) => number,
            None => {
                let name = String::from_utf8_lossy(name);
                let category = category(&name);
                let name = name.into();
                let (times, versions) = (Times::NONE, Versions::default());
                self.add(Stream { name, rows: Rows::Held(Vec::new()), times, versions, category })
            }
        };
        let Self { groups, numbers, hasher, .. } = self;
        numbers.insert_unique(name_hash, number, |&number| {
            // Those in the table are in memory.
            let stream = groups.loaded(number as usize / GROUP).and_then(|group| group.get(number as usize % GROUP));
            stream.map_or(0, |stream| hash(hasher, stream.name.as_bytes()))
        });
        number
    }

    #[inline]
    fn known(&self, name: &[u8], name_hash: u64) -> Option<u32> {
        let is = |&number: &u32| self.get(number as usize).is_some_and(|s| s.name.as_bytes() == name);
        self.numbers.find(name_hash, is).copied()
    }

    fn find_kept(&self, name: &[u8]) -> Option<u32> {
        let kept = self.kept.as_ref()?;
        let is = |number: u32| {
            let stream = self.get(number as usize).filter(|_| (number as usize) < kept.len);
            stream.is_some_and(|stream| stream.name.as_bytes() == name)
        };
        kept.names.find(name, is)
    }

    fn add(&mut self, stream: Stream) -> u32 {
        let number = self.len;
        if number.is_multiple_of(GROUP) {
            self.groups.push(Vec::with_capacity(GROUP));
        } else if self.groups.loaded(number / GROUP).is_none() {
            self.group(number / GROUP);
        }
        if let Some(group) = self.groups.loaded_mut(number / GROUP) {
            group.push(stream);
            self.len += 1;
        }
        number as u32
    }

    /// A group, read if it is only kept so far; empty when that is broken.
    fn group(&self, group: usize) -> &[Stream] {
        let parse = |read: &mut Reader<'_>| {
            let names = self.kept.as_ref()?;
            let count = names.len.saturating_sub(group * GROUP).min(GROUP);
            let mut streams = Vec::with_capacity(count);
            for _ in 0..count {
                let Described { name, category, start, len, times, versions } = Described::load(read)?;
                start.checked_add(len).filter(|&end| end <= names.postings.len())?;
                let posted = Posted { postings: names.postings.clone(), start, len, rows: OnceLock::new() };
                streams.push(Stream { name: name.into(), rows: Rows::Kept(posted.into()), times, versions, category });
            }
            Some(streams)
        };
        self.groups.get(group, parse).map_or(&[], Vec::as_slice)
    }

    /// Tells the names of the streams from a number on, with their numbers. Streams that are only kept stay there; those
    /// whose names lie in bytes that are not `wanted` are passed over.
    pub fn names(&self, from: usize, wanted: &dyn Fn(&[u8]) -> bool, told: &mut dyn FnMut(usize, &str)) {
        for group in from / GROUP..self.len.div_ceil(GROUP) {
            let first = group * GROUP;
            let mut tell = |at: usize, name: &str| {
                if first + at >= from {
                    told(first + at, name);
                }
            };
            match (self.groups.loaded(group), &self.kept) {
                (None, Some(kept)) => {
                    let count = kept.len.saturating_sub(first).min(GROUP);
                    self.groups.read(group, |read| {
                        if !wanted(read.rest()) {
                            read.skip();
                            return Some(());
                        }
                        (0..count).try_for_each(|at| Described::load(read).map(|one| tell(at, one.name)))
                    });
                }
                _ => self.group(group).iter().enumerate().for_each(|(at, one)| tell(at, &one.name)),
            }
        }
    }

    /// How many groups there are.
    pub fn groups(&self) -> usize {
        self.len.div_ceil(GROUP)
    }

    /// Whether a group is only kept so far.
    #[cfg(test)]
    pub fn is_unread(&self, group: usize) -> bool {
        self.groups.loaded(group).is_none()
    }

    /// Writes a group, whose first stream's rows begin at `start` among those of all streams. Gives where they end.
    pub fn save(&self, group: usize, mut start: usize, out: &mut Writer) -> usize {
        for stream in self.group(group) {
            stream.save(start, out);
            start += stream.len();
        }
        start
    }

    /// All rows of all streams, one stream after the other.
    pub fn postings(&self) -> impl Iterator<Item = u32> {
        (0..self.groups()).flat_map(|group| self.group(group)).flat_map(|stream| stream.rows().iter().copied())
    }
}

/// How a name is hashed while the program runs: another way each time, so that nobody can choose names whose hashes meet.
pub fn hash(hasher: &DefaultHashBuilder, name: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(name);
    state.finish()
}

/// Which streams have a name with this hash: hash and number in one, in their order.
#[derive(Debug, Default)]
pub struct Names {
    numbers: Numbers<u64>,
    /// The first of each piece.
    firsts: Vec<u64>,
}

impl Names {
    /// The names of streams, in the order of their numbers.
    pub fn of(streams: &Streams) -> Self {
        let mut all = Vec::with_capacity(streams.len());
        streams.names(0, &|_| true, &mut |number, name| all.push(kept_hash(name.as_bytes()) << 32 | number as u64));
        all.sort_unstable();
        let numbers: Numbers<u64> = all.into_iter().collect();
        let firsts = (0..numbers.pieces()).filter_map(|piece| numbers.piece(piece).first().copied()).collect();
        Self { numbers, firsts }
    }

    /// Those kept from this block on, whose pieces begin with these.
    pub fn kept(kept: &Arc<Kept>, block: usize, len: usize, firsts: Vec<u64>) -> Self {
        Self { numbers: Numbers::kept(kept, block, len), firsts }
    }

    /// What the pieces begin with.
    pub fn firsts(&self) -> &[u64] {
        &self.firsts
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> usize {
        self.numbers.pieces()
    }

    /// Writes a piece.
    pub fn save(&self, piece: usize, out: &mut Writer) {
        self.numbers.save(piece, out);
    }

    fn find(&self, name: &[u8], is: impl Fn(u32) -> bool) -> Option<u32> {
        let (wanted, rest) = (kept_hash(name), u64::from(u32::MAX));
        let first = self.firsts.partition_point(|&first| first < wanted << 32).saturating_sub(1);
        for piece in first..self.numbers.pieces() {
            let numbers = self.numbers.piece(piece);
            let at = numbers.partition_point(|&number| number < wanted << 32);
            for &number in &numbers[at..] {
                if number >> 32 != wanted {
                    return None;
                }
                let number = (number & rest) as u32;
                if is(number) {
                    return Some(number);
                }
            }
        }
        None
    }
}

/// How a name is hashed in what is kept: the same way each time, in 32 bits.
fn kept_hash(name: &[u8]) -> u64 {
    HighwayHasher::new(Key([0x6e61_6d65, 0x7320_6f66, 0x2073_7472, 0x6561_6d73])).hash64(name) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        let exact = ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999999Z", "2025-02-03T04:05:06.123456789Z"];
        let exact = exact.into_iter().chain(["1831-01-01T00:00:00.000000001Z", "2109-01-01T00:00:00.5Z"]);
        let far =
            ["0001-01-01T00:00:00.007Z", "9999-12-30T22:00:00.999Z", "1700-06-01T12:00:00Z", "2200-01-01T00:00:00.25Z"];
        assert_eq!((Times::NONE.get(0), Times::NONE.get(1)), (None, None));
        let (mut all, mut told) = (Times::NONE, Vec::new());
        for text in exact.chain(far) {
            let time: Timestamp = text.parse().unwrap();
            let mut times = Times::NONE;
            times.add(Some(time));
            times.add(None);
            assert_eq!((times.get(0), times.get(1)), (Some(time), Some(time)));
            told.push(time);
            all.add(Some(time));
            assert_eq!((all.get(0), all.get(1)), (told.iter().min().copied(), told.iter().max().copied()));
        }
        let mut times = Times::NONE;
        times.add("1700-06-01T12:00:00.123456789Z".parse().ok());
        assert_eq!(times.get(1), "1700-06-01T12:00:00.123Z".parse().ok());
        for any in [0, 1, FAR, TIMELESS - 1, FAR - 1] {
            // Whatever is read is a time or none.
            assert!(Times([any; 2]).get(0).is_none_or(|time| time <= Timestamp::MAX));
        }
        assert_eq!(size_of::<Stream>(), 80);
    }
}
