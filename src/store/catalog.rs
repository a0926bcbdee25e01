//! Where everything is: columns over the events of a journal, built from the first part of each record.
//!
//! Not the events: those are read from the journal when asked for. About 45 bytes an event and 100 a stream. A catalog
//! is always that of a prefix of the journal ending at a record, so whatever it answers was once the whole truth.

use std::collections::HashMap;
use std::sync::Arc;

use super::append::Origin;
use super::batch::Head;
use super::codec::{Cursor, put, put_bytes, put_signed};
use super::ids::Ids;
use super::journal::Grows;
use super::segment::HEADER;
use crate::domain::{Scope, StreamName};

/// A time that an event does not have.
const NO_TIME: i64 = i64::MIN;

/// A record: where it lies, and the ordinal of its first event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) first: u32,
    pub(super) segment: u32,
    pub(super) offset: u32,
}

/// The end of what a catalog covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct End {
    pub(super) segment: u32,
    pub(super) offset: u64,
}

/// One stream.
pub(super) struct Stream {
    pub(super) name: StreamName,
    category: u32,
    /// The ordinals of its events in the store.
    pub(super) ordinals: Vec<u32>,
    first_version: u64,
    /// The versions, where they are not the numbers following the first.
    versions: Option<Vec<u64>>,
}

impl Stream {
    /// The version of its n-th event.
    pub(super) fn version(&self, n: usize) -> u64 {
        self.versions.as_ref().map_or(self.first_version + n as u64, |versions| versions[n])
    }

    /// The version of its last event.
    pub(super) fn last_version(&self) -> u64 {
        self.version(self.ordinals.len() - 1)
    }

    /// How many of its events have a smaller version.
    pub(super) fn before_version(&self, version: u64) -> usize {
        match &self.versions {
            Some(versions) => versions.partition_point(|&other| other < version),
            None => usize::try_from(version.saturating_sub(self.first_version))
                .unwrap_or(usize::MAX)
                .min(self.ordinals.len()),
        }
    }

    /// How much the version of its event with this ordinal is beyond the one that was to be expected (wrapping).
    fn step(&self, ordinal: u32) -> u64 {
        if self.ordinals[0] == ordinal {
            return self.first_version.wrapping_sub(1);
        }
        if self.versions.is_none() {
            return 0;
        }
        let n = self.ordinals.partition_point(|&other| other < ordinal);
        self.version(n).wrapping_sub(self.version(n - 1).wrapping_add(1))
    }

    fn push(&mut self, ordinal: u32, version: u64) {
        if self.ordinals.is_empty() {
            self.first_version = version;
        } else if self.versions.is_none() && version != self.first_version + self.ordinals.len() as u64 {
            self.versions = Some((0..self.ordinals.len()).map(|n| self.version(n)).collect());
        }
        if let Some(versions) = &mut self.versions {
            versions.push(version);
        }
        self.ordinals.push(ordinal);
    }
}

/// The events of one category, gathered when somebody asks.
#[derive(Default)]
struct Category {
    ordinals: Vec<u32>,
    upto: usize,
}

/// The columns.
pub(super) struct Catalog {
    records: Vec<Place>,
    stream_of: Vec<u32>,
    /// Whole microseconds.
    times: Vec<i64>,
    /// The nanoseconds beyond them, of the few events that have any.
    beyond: HashMap<u32, u16>,
    ids: Ids,
    streams: Vec<Stream>,
    by_name: HashMap<StreamName, u32>,
    category_names: HashMap<Arc<str>, u32>,
    pub(super) origins: HashMap<u64, Origin>,
    end: End,
}

impl Default for Catalog {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            stream_of: Vec::new(),
            times: Vec::new(),
            beyond: HashMap::new(),
            ids: Ids::default(),
            streams: Vec::new(),
            by_name: HashMap::new(),
            category_names: HashMap::new(),
            origins: HashMap::new(),
            end: End { segment: 1, offset: HEADER },
        }
    }
}

impl Grows for Catalog {
    /// How many events there are: the position of the last one, and the ordinal of the next.
    fn events(&self) -> u64 {
        self.stream_of.len() as u64
    }

    fn seq(&self) -> u64 {
        self.records.len() as u64 + 1
    }

    fn end(&self) -> End {
        self.end
    }

    fn enter(&mut self, segment: u32) {
        self.end = End { segment, offset: HEADER };
    }

    fn apply(&mut self, offset: u64, frame: usize, body: &[u8]) -> Result<(), String> {
        let head = Head::read(body).ok_or("the record is no batch this program knows")?;
        let events = self.events();
        if head.first_position != events + 1 {
            return Err(format!("the record begins at position {}, {} is expected", head.first_position, events + 1));
        }
        if events + head.count as u64 > u64::from(u32::MAX) {
            return Err(format!("a store holds at most {} events", u32::MAX));
        }
        let place = offset.try_into().map_err(|_| "the segment is longer than 4 GiB")?;
        let (count, origin, before) = (head.count, head.origin, self.stream_of.len());
        let read = head.each(|seen| {
            let stream = self.stream_id(seen.stream);
            let (time, beyond) = seen.time.unwrap_or((NO_TIME, 0));
            if beyond != 0 {
                self.beyond.insert(self.stream_of.len() as u32, beyond as u16);
            }
            self.push(stream, seen.version, time, seen.id);
        });
        // The checksum matched, so only a program that writes nonsense gets here; the columns are of no use then.
        if read.is_none() || self.stream_of.len() != before + count {
            return Err("the record's events cannot be read".into());
        }
        self.records.push(Place { first: before as u32, segment: self.end.segment, offset: place });
        if let Some(origin) = origin {
            self.origins.insert(origin.source, origin);
        }
        self.end.offset = offset + frame as u64;
        Ok(())
    }
}

impl Catalog {
    fn push(&mut self, stream: u32, version: u64, time: i64, id: u64) {
        let ordinal = self.stream_of.len() as u32;
        self.streams[stream as usize].push(ordinal, version);
        self.stream_of.push(stream);
        self.times.push(time);
        self.ids.push(id);
    }

    fn stream_id(&mut self, name: &str) -> u32 {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let name = StreamName::from(name);
        let next = self.category_names.len() as u32;
        let category = match self.category_names.get(name.category()) {
            Some(&category) => category,
            None => *self.category_names.entry(name.category().into()).or_insert(next),
        };
        let id = self.streams.len() as u32;
        self.by_name.insert(name.clone(), id);
        self.streams.push(Stream { name, category, ordinals: Vec::new(), first_version: 0, versions: None });
        id
    }

    /// How many streams there are.
    pub(super) fn stream_count(&self) -> usize {
        self.streams.len()
    }

    /// The n-th stream, in the order of their first events.
    pub(super) fn stream_at(&self, n: usize) -> Option<&Stream> {
        self.streams.get(n)
    }

    /// The stream of this name.
    pub(super) fn stream(&self, name: &str) -> Option<&Stream> {
        self.by_name.get(name).map(|&id| &self.streams[id as usize])
    }

    /// The name of the stream of an event.
    pub(super) fn stream_of(&self, ordinal: u32) -> &StreamName {
        &self.streams[self.stream_of[ordinal as usize] as usize].name
    }

    /// The time of an event, in whole microseconds and the nanoseconds beyond them.
    pub(super) fn time(&self, ordinal: u32) -> Option<(i64, u64)> {
        let time = Some(self.times[ordinal as usize]).filter(|&time| time != NO_TIME)?;
        Some((time, self.beyond.get(&ordinal).map_or(0, |&beyond| u64::from(beyond))))
    }

    /// Events that may have an id.
    pub(super) fn candidates(&self, id: u64) -> Vec<u32> {
        self.ids.find(id)
    }

    /// The hash of the id of an event.
    pub(super) fn id_hash(&self, ordinal: u32) -> u64 {
        self.ids.hash(ordinal)
    }

    /// The record an event is in.
    pub(super) fn record(&self, ordinal: u32) -> Place {
        let after = self.records.partition_point(|record| record.first <= ordinal);
        self.records[after - 1]
    }

    /// All records.
    pub(super) fn records(&self) -> &[Place] {
        &self.records
    }

    /// The number of events of a scope.
    pub(super) fn total(&self, scope: &Scope, categories: &mut Categories) -> u64 {
        match scope {
            Scope::All => self.events(),
            Scope::Stream(name) => self.stream(name.as_str()).map_or(0, |stream| stream.ordinals.len() as u64),
            Scope::Category(name) => categories.of(self, name).len() as u64,
            Scope::Correlation(id) => categories.correlated(id).len() as u64,
        }
    }

    /// The ordinal in the store of the n-th event of a scope.
    pub(super) fn in_store(&self, scope: &Scope, n: u64, categories: &mut Categories) -> Option<u32> {
        let n = usize::try_from(n).ok()?;
        match scope {
            Scope::All => (n < self.stream_of.len()).then_some(n as u32),
            Scope::Stream(name) => self.stream(name.as_str())?.ordinals.get(n).copied(),
            Scope::Category(name) => categories.of(self, name).get(n).copied(),
            Scope::Correlation(id) => categories.correlated(id).get(n).copied(),
        }
    }

    /// The ordinal in a scope of an event of the store, if it is in it.
    pub(super) fn in_scope(&self, scope: &Scope, ordinal: u32, categories: &mut Categories) -> Option<u64> {
        let found = match scope {
            Scope::All => return (u64::from(ordinal) < self.events()).then_some(u64::from(ordinal)),
            Scope::Stream(name) => self.stream(name.as_str())?.ordinals.binary_search(&ordinal),
            Scope::Category(name) => categories.of(self, name).binary_search(&ordinal),
            Scope::Correlation(id) => categories.correlated(id).binary_search(&ordinal),
        };
        found.ok().map(|n| n as u64)
    }
}

/// The events of the categories and correlations that were asked for, gathered on from where the catalog stood then.
#[derive(Default)]
pub(super) struct Categories {
    by_number: HashMap<u32, Category>,
    by_correlation: HashMap<Arc<str>, Category>,
}

impl Categories {
    fn of(&mut self, catalog: &Catalog, name: &str) -> &[u32] {
        let Some(&wanted) = catalog.category_names.get(name) else { return &[] };
        let category = self.by_number.entry(wanted).or_default();
        for (ordinal, &stream) in catalog.stream_of.iter().enumerate().skip(category.upto) {
            if catalog.streams[stream as usize].category == wanted {
                category.ordinals.push(ordinal as u32);
            }
        }
        category.upto = catalog.stream_of.len();
        &category.ordinals
    }

    /// The events with this correlation, as far as they were gathered.
    fn correlated(&self, id: &str) -> &[u32] {
        self.by_correlation.get(id).map_or(&[], |gathered| &gathered.ordinals)
    }

    /// Up to which ordinal the events with this correlation are gathered.
    pub(super) fn gathered(&self, id: &str) -> usize {
        self.by_correlation.get(id).map_or(0, |gathered| gathered.upto)
    }

    /// Of the events from `from` to `upto` these have this correlation.
    pub(super) fn gather(&mut self, id: &Arc<str>, from: usize, upto: usize, ordinals: &[u32]) {
        let gathered = self.by_correlation.entry(id.clone()).or_default();
        // Somebody else may have read the same meanwhile.
        if gathered.upto == from {
            gathered.ordinals.extend(ordinals);
            gathered.upto = upto;
        }
    }
}

/// A block of the index: the columns of some neighbouring records.
///
/// ```text
/// block := events, new streams (name)*, records (first event in the block, segment step, offset)*, event*
/// event := stream, version less the one expected (signed), time less the one before (signed), nanoseconds beyond, id hash u64
/// ```
impl Catalog {
    /// Encodes the records from the event `first` on; it must begin a record.
    pub(super) fn block(&self, first: u32) -> Vec<u8> {
        let mut out = Vec::new();
        let from = first as usize;
        put(&mut out, (self.stream_of.len() - from) as u64);
        let new = &self.streams[self.streams.partition_point(|stream| stream.ordinals[0] < first)..];
        put(&mut out, new.len() as u64);
        new.iter().for_each(|stream| put_bytes(&mut out, stream.name.as_str().as_bytes()));
        let records = &self.records[self.records.partition_point(|record| record.first < first)..];
        put(&mut out, records.len() as u64);
        for record in records {
            put(&mut out, u64::from(record.first - first));
            put(&mut out, u64::from(record.segment));
            put(&mut out, u64::from(record.offset));
        }
        let mut before = 0_i64;
        for (ordinal, &id) in self.stream_of.iter().enumerate().skip(from) {
            let stream = &self.streams[id as usize];
            put(&mut out, u64::from(id));
            put_signed(&mut out, stream.step(ordinal as u32) as i64);
            put_signed(&mut out, self.times[ordinal].wrapping_sub(before));
            before = self.times[ordinal];
            put(&mut out, self.beyond.get(&(ordinal as u32)).map_or(0, |&beyond| u64::from(beyond)));
            out.extend_from_slice(&self.ids.hash(ordinal as u32).to_le_bytes());
        }
        out
    }

    /// Takes in a block that follows what is there; `None` when it cannot, and then the catalog is of no use.
    pub(super) fn absorb(&mut self, block: &[u8]) -> Option<()> {
        let mut from = Cursor(block);
        let events: usize = from.small()?;
        let first = self.stream_of.len();
        for _ in 0..from.number()? {
            let known = self.streams.len() as u32;
            (self.stream_id(from.text()?) == known).then_some(())?;
        }
        for _ in 0..from.number()? {
            let at: u32 = (first as u64).checked_add(from.number()?)?.try_into().ok()?;
            let place = Place { first: at, segment: from.small()?, offset: from.small()? };
            self.records.last().is_none_or(|last| last.first < at).then_some(())?;
            self.records.push(place);
        }
        let mut before = 0_i64;
        for _ in 0..events {
            let id: u32 = from.small()?;
            let stream = self.streams.get(id as usize)?;
            let expected = if stream.ordinals.is_empty() { 1 } else { stream.last_version().wrapping_add(1) };
            let version = expected.wrapping_add(from.signed()? as u64);
            before = before.wrapping_add(from.signed()?);
            let beyond: u16 = from.small()?;
            if beyond != 0 {
                self.beyond.insert(self.stream_of.len() as u32, beyond);
            }
            let hash = super::codec::u64_at(from.take(8)?, 0);
            self.push(id, version, before, hash);
        }
        (from.0.is_empty() && self.streams.iter().rev().take(events).all(|stream| !stream.ordinals.is_empty()))
            .then_some(())
    }

    /// Says where the records taken in by blocks end.
    pub(super) fn resume(&mut self, end: End, origins: impl IntoIterator<Item = Origin>) {
        self.end = end;
        self.origins.extend(origins.into_iter().map(|origin| (origin.source, origin)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::{Entry, encode};
    use super::*;
    use crate::domain::{Payload, Timestamp};

    fn filled(records: u64) -> Catalog {
        let mut catalog = Catalog::default();
        let mut versions = HashMap::new();
        for n in 0..records {
            let payload = Payload::json_text("{}");
            let names: Vec<String> = (0..1 + n % 3).map(|m| format!("c{}-{}", m % 2, (n * 7 + m * 13) % 50)).collect();
            let ids: Vec<String> = (0..names.len()).map(|m| format!("{n}/{m}")).collect();
            let entries: Vec<Entry<'_>> = names
                .iter()
                .zip(&ids)
                .map(|(name, id)| {
                    let version = versions.entry(name.clone()).or_insert(n % 2);
                    *version += if n % 97 == 0 { 5 } else { 1 };
                    Entry {
                        stream: name,
                        event_type: "T",
                        version: *version,
                        time: (n % 5 != 0)
                            .then(|| Timestamp::from_nanosecond(n as i128 * 500_000_001 - 9).expect("in range")),
                        id: Some(id),
                        correlation: None,
                        causation: None,
                        data: &payload,
                        metadata: &payload,
                        fields: None,
                    }
                })
                .collect();
            let body = encode(&entries, catalog.events() + 1, 1, None);
            let at = catalog.end().offset;
            catalog.apply(at, body.len(), &body).expect("the next record");
        }
        catalog
    }

    #[test]
    fn blocks_of_any_size_rebuild_the_same_columns() {
        let catalog = filled(700);
        let mut prefix = Catalog::default();
        let mut blocks = Vec::new();
        // Blocks must be cut while the catalog ends there, so replay the growth.
        for (records, from) in [(1, 0), (2, 1), (300, 2), (700, 300)] {
            let grown = filled(records);
            let first = filled(from).events() as u32;
            blocks.push(grown.block(first));
        }
        for block in &blocks {
            prefix.absorb(block).expect("the next block");
        }
        assert_eq!(prefix.records, catalog.records);
        assert_eq!(prefix.stream_of, catalog.stream_of);
        assert_eq!((&prefix.times, &prefix.beyond), (&catalog.times, &catalog.beyond));
        for (one, other) in prefix.streams.iter().zip(&catalog.streams) {
            assert_eq!((&one.name, &one.ordinals), (&other.name, &other.ordinals));
            let versions = |s: &Stream| (0..s.ordinals.len()).map(|n| s.version(n)).collect::<Vec<_>>();
            assert_eq!(versions(one), versions(other));
        }
        assert_eq!(prefix.candidates(super::super::ids::hash_id("600/0")).len(), 1);
        for cut in 0..blocks[2].len() {
            assert!(Catalog::default().absorb(&blocks[2][..cut]).is_none(), "{cut} bytes passed for a block");
        }
    }

    #[test]
    fn scopes_agree_with_the_store() {
        let catalog = filled(300);
        let mut categories = Categories::default();
        for scope in [Scope::All, Scope::Category("c1".into()), Scope::Stream("c0-7".into()), Scope::Stream("?".into())]
        {
            let total = catalog.total(&scope, &mut categories);
            let mut last = None;
            for n in 0..total {
                let ordinal = catalog.in_store(&scope, n, &mut categories).expect("within the total");
                assert!(last < Some(ordinal));
                last = Some(ordinal);
                assert_eq!(catalog.in_scope(&scope, ordinal, &mut categories), Some(n));
                match &scope {
                    Scope::Category(name) => assert_eq!(catalog.stream_of(ordinal).category(), &**name),
                    Scope::Stream(name) => assert_eq!(catalog.stream_of(ordinal), name),
                    Scope::Correlation(_) | Scope::All => {}
                }
            }
            assert_eq!(catalog.in_store(&scope, total, &mut categories), None);
        }
        let by_category = catalog.total(&Scope::Category("c1".into()), &mut categories)
            + catalog.total(&Scope::Category("c0".into()), &mut categories);
        assert_eq!(by_category, catalog.events());
    }
}
