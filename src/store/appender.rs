//! Appends one event to a large store without reading the store.
//!
//! A [`Store`](super::Store) knows everything: it reads columns of all events when it is opened, which takes seconds where
//! there are millions. One append needs little of that: where the journal ends, the last version of one stream, and
//! whether an id is there. The first comes from the journal's last segment, which is read through and checked as
//! always; the others from [`Lookup`] and from what the journal has beyond it.
//!
//! The invariant: what is appended here is what a store would have appended, or nothing. Whoever finds anything that is
//! not as it should be leaves it to a store, which says what is wrong.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::append::{self, Appended, Expected, NewEvent};
use super::batch::{self, Batch};
use super::catalog::{End, Place};
use super::disk::{Disk, Options};
use super::error::StoreError;
use super::ids::hash_id;
use super::journal::{Grows, Journal, Limit, Segments, Stop, extend};
use super::lock::Lock;
use super::lookup::{Covered, Lookup, Useless};
use super::open::read_head;
use super::segment::{self, FRAME, HEADER, Next, Records, body_at};
use crate::domain::{Event, Position, StreamName};

/// Below so many events a store is opened as fast as this is.
pub(super) const WORTH: u64 = 20_000;

/// A store opened for one append.
pub struct Appender {
    journal: Journal,
    lookup: Lookup,
    tail: Tail,
    directory: PathBuf,
    // Given back last.
    _lock: Lock,
}

/// Why an append was not decided here.
enum Undecided {
    /// Something is not as it should be, or not known: a store decides.
    Leave,
    /// The same, because of the lookup, which is better not there.
    Useless,
    /// The answer is an error.
    Error(StoreError),
}

impl Undecided {
    /// Leaves the append to a store.
    fn left(self, directory: &Path) -> Result<(), StoreError> {
        match self {
            Self::Leave => Ok(()),
            Self::Useless => {
                Lookup::discard(directory);
                Ok(())
            }
            Self::Error(error) => Err(error),
        }
    }
}

impl From<Useless> for Undecided {
    fn from(_: Useless) -> Self {
        Self::Useless
    }
}

impl From<StoreError> for Undecided {
    fn from(error: StoreError) -> Self {
        Self::Error(error)
    }
}

impl Appender {
    /// Opens a store that has a lookup; `None` where it is small, has none, or anything about it wants saying.
    ///
    /// # Errors
    /// `Locked`, `Io`.
    pub fn open(directory: impl AsRef<Path>) -> Result<Option<Self>, StoreError> {
        Self::open_with(directory, Options::default())
    }

    /// The same, kept on disk as the options say.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_with(directory: impl AsRef<Path>, options: Options) -> Result<Option<Self>, StoreError> {
        let directory = directory.as_ref();
        if Lookup::covered(directory).is_none_or(|covered| covered.events < WORTH) {
            return Ok(None);
        }
        let lock = Lock::take(directory)?;
        match Self::opened(directory, options, lock) {
            Ok(opened) => Ok(Some(opened)),
            Err(undecided) => undecided.left(directory).map(|()| None),
        }
    }

    fn opened(directory: &Path, options: Options, lock: Lock) -> Result<Self, Undecided> {
        let folder = directory.join("journal");
        let head = read_head(&folder)?.ok_or(Undecided::Leave)?;
        let segments = Arc::new(Segments::open(&folder).map_err(|_| Undecided::Leave)?);
        let lookup = Lookup::open(directory)?;
        if lookup.covered.store != segments.store || lookup.covered.events > head.events {
            return Err(Undecided::Leave);
        }
        before_tail(&segments, &lookup.covered).ok_or(Undecided::Leave)?;
        let mut tail = Tail::behind(&lookup.covered);
        match extend(&segments, &mut tail, Limit::Everything(Some(head)), u64::MAX)? {
            Stop::End => {}
            _ => return Err(Undecided::Leave),
        }
        // Then it is time to rewrite the lookup, which a store does.
        if stale(lookup.covered.events, tail.events()) {
            return Err(Undecided::Leave);
        }
        let journal = Journal::at_end(segments, &tail, Some(head), false, Disk { options })?;
        Ok(Self { journal, lookup, tail, directory: directory.to_path_buf(), _lock: lock })
    }

    /// Appends an event to a stream and answers when it is on disk, as [`Store::append`](super::Store::append) would;
    /// `None` when only a store can tell.
    ///
    /// # Errors
    /// As for that.
    pub fn append(
        &mut self,
        stream: &StreamName,
        event: &NewEvent,
        expected: Expected,
    ) -> Result<Option<Appended>, StoreError> {
        if let Some(why) = append::refusal(stream, event) {
            return Err(StoreError::Refused(why));
        }
        match self.decided(stream, event, expected) {
            Ok(appended) => Ok(Some(appended)),
            Err(undecided) => undecided.left(&self.directory).map(|()| None),
        }
    }

    fn decided(&mut self, stream: &StreamName, event: &NewEvent, expected: Expected) -> Result<Appended, Undecided> {
        if let Some(id) = &event.id
            && let Some(old) = self.same_id(stream, event, id)?
        {
            return self.answer(stream, event, &old, expected);
        }
        let actual = self.last_version(stream)?;
        if !expected.fits(actual) {
            return Err(
                StoreError::WrongExpectedVersion { stream: stream.clone(), expected, actual, taken: None }.into()
            );
        }
        let version = append::next_version(actual)?;
        let stamp = append::Stamp::of([event])?;
        let entry = stamp.entry(0, stream, event, version);
        let position = self.tail.events() + 1;
        append::refuse_size(batch::size(&entry))?;
        if position > u64::from(u32::MAX) {
            return Err(StoreError::Refused(format!("a store holds at most {} events", u32::MAX)).into());
        }
        let body = batch::encode(&[entry], position, 0, None);
        let mut bytes = Vec::with_capacity(FRAME + body.len());
        segment::frame(&mut bytes, &self.journal.segments.store, self.journal.seq(), &body);
        let at = self.journal.append(&bytes, 1, 1)?;
        if at.segment != self.tail.end().segment {
            self.tail.enter(at.segment);
        }
        self.tail.apply(at.offset, bytes.len(), &body).expect("a record that was just encoded is the next one");
        Ok(Appended {
            first_version: version,
            last_version: version,
            first_position: position,
            last_position: position,
            repeated: false,
        })
    }

    /// The event that has this id: the very same one where the stream has it, otherwise the first of the stream, otherwise
    /// the first of the store.
    fn same_id(&self, stream: &StreamName, event: &NewEvent, id: &str) -> Result<Option<Event>, Undecided> {
        let hash = hash_id(id);
        let mut candidates = self.lookup.ids(hash)?;
        candidates.extend(self.tail.ids.get(&hash).into_iter().flatten());
        let (mut other, mut elsewhere) = (None, None);
        for ordinal in candidates {
            let old = self.event(ordinal)?;
            if old.id.as_deref() != Some(id) {
                continue;
            }
            if old.stream != *stream {
                elsewhere.get_or_insert(old);
            } else if append::is_same(event, &old) {
                return Ok(Some(old));
            } else {
                other.get_or_insert(old);
            }
        }
        Ok(other.or(elsewhere))
    }

    /// The answer for an event whose id is there already.
    fn answer(
        &self,
        stream: &StreamName,
        event: &NewEvent,
        old: &Event,
        expected: Expected,
    ) -> Result<Appended, Undecided> {
        let Position::Number(position) = old.position else { return Err(Undecided::Leave) };
        if old.stream != *stream || !append::is_same(event, old) {
            return Err(StoreError::id_taken(stream, event, old, expected, self.last_version(stream)?).into());
        }
        Ok(Appended {
            first_version: old.version.0,
            last_version: old.version.0,
            first_position: position,
            last_position: position,
            repeated: true,
        })
    }

    fn last_version(&self, stream: &StreamName) -> Result<Option<u64>, Undecided> {
        if let Some(&version) = self.tail.streams.get(stream.as_str()) {
            return Ok(Some(version));
        }
        for last in self.lookup.streams(hash_id(stream.as_str()))? {
            let event = self.event(last.ordinal)?;
            if event.stream == *stream {
                return if event.version.0 == last.version { Ok(Some(last.version)) } else { Err(Undecided::Leave) };
            }
        }
        Ok(None)
    }

    fn event(&self, ordinal: u32) -> Result<Event, Undecided> {
        let place = match self.tail.record(ordinal) {
            Some(place) => place,
            None => self.lookup.record(ordinal)?,
        };
        let (file, _) = self.journal.segments.file(place.segment).map_err(|_| Undecided::Leave)?;
        let body = body_at(&file, &self.journal.segments.store, u64::from(place.offset));
        let body = body.map_err(|error| StoreError::io("read the journal", error))?.map_err(|_| Undecided::Leave)?;
        let batch = Batch::unpack(body).ok_or(Undecided::Leave)?;
        let n = ordinal.checked_sub(place.first).ok_or(Undecided::Leave)?;
        let event = batch.event(n as usize, &mut |name| name.into()).ok_or(Undecided::Leave)?;
        let position = Position::Number(u64::from(ordinal) + 1);
        if event.position == position { Ok(event) } else { Err(Undecided::Leave) }
    }
}

/// Whether a lookup of so many events covers too little of a store of so many.
pub(super) fn stale(covered: u64, events: u64) -> bool {
    if events < WORTH { covered != events } else { events - covered.min(events) > covered / 8 }
}

/// Whether the journal before the tail is what the lookup says: every segment is there and is its own, and the last one
/// is as it was written. `None` when not.
fn before_tail(segments: &Segments, covered: &Covered) -> Option<()> {
    let mut before = (0, 0);
    for number in 1..=covered.end.segment {
        let (_, header) = segments.file(number).ok()?;
        let now = (header.first_seq, header.events_before);
        if now < before || now > (covered.seq, covered.events) {
            return None;
        }
        before = now;
    }
    if segments.exists_after(covered.end.segment) {
        return Some(());
    }
    let (file, header) = segments.file(covered.end.segment).ok()?;
    let mut records = Records::new(&file, segments.store, HEADER, covered.end.offset);
    let mut seq = header.first_seq;
    loop {
        match records.next(seq).ok()? {
            Next::Record { .. } => seq += 1,
            Next::End => break,
            Next::Bad(_) => return None,
        }
    }
    (seq == covered.seq && records.offset() == covered.end.offset).then_some(())
}

/// What the journal has beyond a lookup.
struct Tail {
    events: u64,
    seq: u64,
    end: End,
    /// The last versions.
    streams: HashMap<String, u64>,
    ids: HashMap<u64, Vec<u32>>,
    records: Vec<Place>,
}

impl Tail {
    fn behind(covered: &Covered) -> Self {
        Self {
            events: covered.events,
            seq: covered.seq,
            end: covered.end,
            streams: HashMap::new(),
            ids: HashMap::new(),
            records: Vec::new(),
        }
    }

    fn record(&self, ordinal: u32) -> Option<Place> {
        let after = self.records.partition_point(|record| record.first <= ordinal);
        Some(self.records[after.checked_sub(1)?])
    }
}

impl Grows for Tail {
    fn events(&self) -> u64 {
        self.events
    }

    fn seq(&self) -> u64 {
        self.seq
    }

    fn end(&self) -> End {
        self.end
    }

    fn enter(&mut self, segment: u32) {
        self.end = End { segment, offset: HEADER };
    }

    fn apply(&mut self, offset: u64, frame: usize, body: &[u8]) -> Result<(), String> {
        let head = batch::Head::read(body).ok_or("the record is no batch this program knows")?;
        if head.first_position != self.events + 1 {
            return Err(format!(
                "the record begins at position {}, {} is expected",
                head.first_position,
                self.events + 1
            ));
        }
        let first = u32::try_from(self.events).map_err(|_| "the store is full")?;
        let place = offset.try_into().map_err(|_| "the segment is longer than 4 GiB")?;
        let (count, mut ordinal) = (head.count as u64, first);
        let read = head.each(|seen| {
            match self.streams.get_mut(seen.stream) {
                Some(version) => *version = seen.version,
                None => drop(self.streams.insert(seen.stream.to_owned(), seen.version)),
            }
            if seen.id != super::ids::NO_ID {
                self.ids.entry(seen.id).or_default().push(ordinal);
            }
            ordinal = ordinal.wrapping_add(1);
        });
        if read.is_none() {
            return Err("the record's events cannot be read".into());
        }
        self.records.push(Place { first, segment: self.end.segment, offset: place });
        self.events += count;
        self.seq += 1;
        self.end.offset = offset + frame as u64;
        Ok(())
    }
}
