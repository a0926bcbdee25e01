//! What is told during a scan, in columns, and the order it is brought into.

use std::collections::HashSet;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Draft, Order};
use crate::domain::Timestamp;
use crate::sources::index::column::Column;

/// The number of the name of a record that belongs to no stream.
pub(super) const NOTHING: u32 = u32::MAX;
/// The number of the type of a record that cannot be read, though its stream is known.
pub(super) const UNREADABLE: u32 = u32::MAX - 1;

/// Records as they were told.
#[derive(Default)]
pub(super) struct Rows {
    first: Column,
    second: Column,
    at: Column,
    pub stream: Vec<u32>,
    pub event_type: Vec<u32>,
    /// As the bits of a signed number: none of them is `u64::MAX`, which is counted then.
    version: Column,
    seconds: Column,
    nanoseconds: Vec<i32>,
}

impl Rows {
    pub fn push(&mut self, draft: &Draft<'_>, stream: u32, event_type: u32) {
        // A column cannot keep the least number.
        self.first.push(Some(draft.order.0.max(i64::MIN + 1)));
        self.second.push(Some(draft.order.1.max(i64::MIN + 1)));
        self.at.push(Some(draft.at as i64));
        self.stream.push(stream);
        self.event_type.push(event_type);
        self.version
            .push(draft.version.map(|version| i64::MAX.wrapping_sub_unsigned(version)).filter(|&v| v != i64::MIN));
        self.seconds.push(draft.time.map(|time| time.as_second()));
        self.nanoseconds.push(draft.time.map_or(0, |time| time.subsec_nanosecond()));
    }

    pub fn len(&self) -> usize {
        self.stream.len()
    }

    pub fn order(&self, row: usize) -> Order {
        Order(self.first.get(row).unwrap_or_default(), self.second.get(row).unwrap_or_default())
    }

    pub fn at(&self, row: usize) -> u64 {
        self.at.get(row).unwrap_or_default() as u64
    }

    pub fn version(&self, row: usize) -> Option<u64> {
        self.version.get(row).map(|version| i64::MAX.wrapping_sub(version) as u64)
    }

    pub fn time(&self, row: usize) -> Option<Timestamp> {
        Timestamp::new(self.seconds.get(row)?, self.nanoseconds[row]).ok()
    }

    /// The rows in their order; those with the same order as they were told. With it come the streams whose versions were to
    /// decide and do not: they say nothing of the order.
    pub fn sorted(&self, versions_decide: bool) -> (Vec<u32>, HashSet<u32>) {
        let mut rows: Vec<u32> = (0..self.len() as u32).collect();
        if !rows.is_sorted_by_key(|&row| self.order(row as usize)) {
            rows.sort_by_key(|&row| self.order(row as usize));
        }
        let left = if versions_decide { self.by_versions(&mut rows) } else { HashSet::new() };
        (rows, left)
    }

    /// Brings the rows of each stream, in the places they have, into the order of their versions. Where versions repeat, or
    /// are missing, they say nothing of the order, and the rows stay as the store gives them. What cannot be read goes along
    /// with the event before it. Gives the streams that stay.
    fn by_versions(&self, rows: &mut [u32]) -> HashSet<u32> {
        let mut left = HashSet::new();
        let streams: Vec<u32> = rows.iter().map(|&row| self.stream[row as usize]).collect();
        let stream = |place: u32| streams[place as usize];
        let mut places: Vec<u32> = (0..rows.len() as u32).collect();
        places.sort_by_key(|&place| stream(place));
        let mut of_stream: Vec<(Option<u64>, u32)> = Vec::new();
        for places in places.chunk_by(|&a, &b| stream(a) == stream(b)) {
            let of_place = |&place: &u32| rows[place as usize];
            let is_event = |row: &u32| self.event_type[*row as usize] != UNREADABLE;
            let version = |row: &u32| self.version(*row as usize);
            let events = || places.iter().map(of_place).filter(is_event);
            if events().any(|row| version(&row).is_none()) {
                left.extend(places.first().map(|&place| stream(place)));
                continue;
            }
            if events().is_sorted_by_key(|row| version(&row)) {
                continue;
            }
            of_stream.clear();
            let mut before = None;
            of_stream.extend(places.iter().map(of_place).map(|row| {
                if is_event(&row) {
                    before = version(&row);
                }
                (before, row)
            }));
            of_stream.sort_by_key(|&(version, _)| version);
            let repeats = |pair: &[(Option<u64>, u32)]| pair[0].0 == pair[1].0 && is_event(&pair[1].1);
            if of_stream.windows(2).any(repeats) {
                left.extend(places.first().map(|&place| stream(place)));
                continue;
            }
            places.iter().zip(&of_stream).for_each(|(&place, &(_, row))| rows[place as usize] = row);
        }
        left
    }
}

/// Names, each once.
#[derive(Default)]
pub(super) struct Names {
    spans: Vec<(usize, usize)>,
    text: Vec<u8>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// The name asked for last: neighbours often share theirs.
    last: u32,
}

impl Names {
    pub fn name(&self, number: u32) -> &[u8] {
        self.spans.get(number as usize).map_or(&[], |&(start, end)| &self.text[start..end])
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn number(&mut self, name: &[u8]) -> u32 {
        if self.name(self.last) == name && !self.spans.is_empty() {
            return self.last;
        }
        let hash = self.hasher.hash_one(name);
        let Self { spans, text, numbers, hasher, last } = self;
        let of = |number: u32| {
            let (start, end) = spans[number as usize];
            &text[start..end]
        };
        *last = match numbers.find(hash, |&number| of(number) == name) {
            Some(&number) => number,
            None => {
                let number = spans.len() as u32;
                numbers.insert_unique(hash, number, |&number| hasher.hash_one(of(number)));
                spans.push((text.len(), text.len() + name.len()));
                text.extend_from_slice(name);
                number
            }
        };
        *last
    }
}
