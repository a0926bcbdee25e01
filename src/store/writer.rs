//! The one writer: decides on appends in turn, and writes those that wait together with one fdatasync.
//!
//! Whoever appends puts the work into a queue and asks for the writer. The first to get it does all the work that waits,
//! the others find theirs done. So appends are decided one after the other whatever the number of threads, and the
//! fewer syncs the disk manages, the more appends share one.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::append::{self, Appended, Expected, NewEvent, Origin, Taken, TakenOver, fingerprint};
use super::appender::stale;
use super::batch::{self, Entry};
use super::disk::keep_private;
use super::error::StoreError;
use super::history::History;
use super::ids::hash_id;
use super::index::{self, Applied, Index};
use super::journal::{Grows, Journal};
use super::lookup::Lookup;
use super::segment::{self, FRAME};
use crate::domain::{Event, StreamName};

/// Events taken over share a record up to this many bytes of payload: what one read of one event unpacks.
const RECORD: usize = 12 << 10;
/// And up to this many events.
const RECORD_EVENTS: usize = 64;
/// Bytes written with one sync.
const ROUND: usize = 2 << 20;

/// Something to be written.
pub(super) enum Work {
    Append { stream: StreamName, events: Vec<NewEvent>, expected: Expected },
    Take { source: u64, events: Vec<Taken> },
}

/// What came of it.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Appended(Appended),
    Taken(TakenOver),
}

/// Where the answer is put.
#[derive(Clone, Default)]
pub(super) struct Ticket(Arc<Mutex<Option<Result<Answer, StoreError>>>>);

impl Ticket {
    fn set(&self, answer: Result<Answer, StoreError>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    pub(super) fn take(&self) -> Option<Result<Answer, StoreError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The writer.
pub(super) struct Writer {
    pub(super) history: Arc<History>,
    pub(super) journal: Journal,
    pub(super) index: Option<Index>,
    pub(super) applied: Applied,
    /// The store's own.
    pub(super) directory: PathBuf,
    /// How many events the lookup covers.
    pub(super) covered: u64,
    /// Why the index is not written any more.
    pub(super) index_trouble: Option<String>,
}

/// What is decided and not written yet.
#[derive(Default)]
struct Round {
    bytes: Vec<u8>,
    /// Where each record lies in the bytes, and its length.
    records: Vec<(usize, usize)>,
    events: u64,
    versions: HashMap<StreamName, u64>,
    ids: HashSet<u64>,
    tickets: Vec<(Ticket, Answer)>,
}

enum Decision {
    /// Decided; it is written with the round.
    Joined(Answer),
    /// Decided, without anything to write.
    Answered(Result<Answer, StoreError>),
    /// It depends on what the round has not written yet.
    AfterRound,
}

impl Writer {
    /// Does all the work, and answers every ticket.
    pub(super) fn commit(&mut self, waiting: Vec<(Work, Ticket)>) {
        let mut round = Round::default();
        for (work, ticket) in waiting {
            match work {
                Work::Append { stream, events, expected } => loop {
                    match self.decide(&stream, &events, expected, &mut round) {
                        Ok(Decision::Joined(answer)) => round.tickets.push((ticket, answer)),
                        Ok(Decision::Answered(answer)) => ticket.set(answer),
                        // Whether it fails is told to those it concerns; this one is decided by what is there then.
                        Ok(Decision::AfterRound) => {
                            drop(self.write(&mut round));
                            continue;
                        }
                        Err(error) => ticket.set(Err(error)),
                    }
                    break;
                },
                Work::Take { source, events } => match self.take(source, &events, &mut round) {
                    Ok(taken) => round.tickets.push((ticket, Answer::Taken(taken))),
                    Err(error) => ticket.set(Err(error)),
                },
            }
            if round.bytes.len() >= ROUND {
                drop(self.write(&mut round));
            }
        }
        drop(self.write(&mut round));
    }

    fn last_version(&self, stream: &StreamName, round: &Round) -> Option<u64> {
        round
            .versions
            .get(stream)
            .copied()
            .or_else(|| self.history.catalog().stream(stream.as_str()).map(|stream| stream.last_version()))
    }

    fn decide(
        &self,
        stream: &StreamName,
        events: &[NewEvent],
        expected: Expected,
        round: &mut Round,
    ) -> Result<Decision, StoreError> {
        let ids: Vec<u64> = events.iter().filter_map(|event| event.id.as_deref().map(hash_id)).collect();
        if ids.iter().any(|id| round.ids.contains(id)) {
            return Ok(Decision::AfterRound);
        }
        let actual = self.last_version(stream, round);
        match self.repetition(stream, events)? {
            Repetition::New => {}
            Repetition::Same(appended) => return Ok(Decision::Answered(Ok(Answer::Appended(appended)))),
            Repetition::Other(event, old) => {
                let taken = StoreError::id_taken(stream, event, &old, expected, actual);
                return Ok(Decision::Answered(Err(taken)));
            }
        }
        if !expected.fits(actual) {
            let conflict = StoreError::WrongExpectedVersion { stream: stream.clone(), expected, actual, taken: None };
            return Ok(Decision::Answered(Err(conflict)));
        }
        let first_version = append::next_version(actual)?;
        let last_version = first_version
            .checked_add(events.len() as u64 - 1)
            .ok_or_else(|| StoreError::Refused("the stream is full".into()))?;
        let stamp = append::Stamp::of(events)?;
        let numbered = events.iter().enumerate().zip(first_version..);
        let entries: Vec<Entry<'_>> =
            numbered.map(|((n, event), version)| stamp.entry(n, stream, event, version)).collect();
        let first_position = self.history.events_known() + round.events + 1;
        self.add(&entries, None, round)?;
        round.versions.insert(stream.clone(), last_version);
        round.ids.extend(ids);
        Ok(Decision::Joined(Answer::Appended(Appended {
            first_version,
            last_version,
            first_position,
            last_position: first_position + events.len() as u64 - 1,
            repeated: false,
        })))
    }

    /// Whether a batch is in its stream already, as a whole, in part, or not at all; and whether an event of any other
    /// stream has one of its ids, which are those of one event in the whole store.
    fn repetition<'e>(&self, stream: &StreamName, events: &'e [NewEvent]) -> Result<Repetition<'e>, StoreError> {
        let (mut here, mut elsewhere) = (None, None);
        for event in events {
            let Some(id) = &event.id else { continue };
            for ordinal in self.history.with_id(id)? {
                let found = match self.history.catalog().stream_of(ordinal) == stream {
                    true => &mut here,
                    false => &mut elsewhere,
                };
                if found.is_none() {
                    *found = Some((event, ordinal));
                }
            }
        }
        let Some((event, old)) = here.or(elsewhere) else { return Ok(Repetition::New) };
        let old = Box::new(self.history.at(old)?);
        let Some(first) = events[0].id.as_deref() else { return Ok(Repetition::Other(event, old)) };
        for ordinal in self.history.with_id(first)? {
            let place = {
                let catalog = self.history.catalog();
                let Some(found) = catalog.stream(stream.as_str()) else { continue };
                let Ok(n) = found.ordinals.binary_search(&ordinal) else { continue };
                found
                    .ordinals
                    .get(n..n + events.len())
                    .map(|ordinals| (ordinals.to_vec(), found.version(n), found.version(n + events.len() - 1)))
            };
            let Some((ordinals, first_version, last_version)) = place else { continue };
            let mut same = true;
            for (event, &ordinal) in events.iter().zip(&ordinals) {
                let old = self.history.at(ordinal)?;
                same &= append::is_same(event, &old);
            }
            if same {
                return Ok(Repetition::Same(Appended {
                    first_version,
                    last_version,
                    first_position: u64::from(ordinals[0]) + 1,
                    last_position: u64::from(ordinals[ordinals.len() - 1]) + 1,
                    repeated: true,
                }));
            }
        }
        Ok(Repetition::Other(event, old))
    }

    /// Takes events over in their order, many to a record.
    fn take(&mut self, source: u64, events: &[Taken], round: &mut Round) -> Result<TakenOver, StoreError> {
        let mut done = TakenOver::default();
        let mut record: Vec<(&Event, u64)> = Vec::new();
        let (mut next, mut size) = (0, 0);
        for taken in events {
            let event = &*taken.event;
            if let Some(id) = &event.id {
                let hash = hash_id(id);
                if round.ids.contains(&hash) {
                    self.add_taken(&mut record, source, next, round)?;
                    size = 0;
                    self.write(round)?;
                }
                if self.has(event, id)? {
                    done.repeated += 1;
                    continue;
                }
                round.ids.insert(hash);
            }
            let last = self.last_version(&event.stream, round);
            let version = match last {
                Some(last) if event.version.0 <= last => {
                    done.renumbered += 1;
                    last.checked_add(1).ok_or_else(|| StoreError::Refused("the stream is full".into()))?
                }
                _ => event.version.0,
            };
            round.versions.insert(event.stream.clone(), version);
            size += event.payload_bytes() as usize;
            record.push((event, version));
            next = taken.next;
            done.appended += 1;
            if size >= RECORD || record.len() >= RECORD_EVENTS {
                self.add_taken(&mut record, source, next, round)?;
                size = 0;
            }
            if round.bytes.len() >= ROUND {
                self.write(round)?;
            }
        }
        self.add_taken(&mut record, source, next, round)?;
        Ok(done)
    }

    fn add_taken(
        &self,
        record: &mut Vec<(&Event, u64)>,
        source: u64,
        next: u64,
        round: &mut Round,
    ) -> Result<(), StoreError> {
        let Some((last, _)) = record.last() else { return Ok(()) };
        let origin = Origin { source, next, last: fingerprint(last) };
        let entries: Vec<Entry<'_>> = record
            .iter()
            .map(|(event, version)| Entry {
                stream: event.stream.as_str(),
                event_type: &event.event_type,
                version: *version,
                time: event.time,
                id: event.id.as_deref(),
                correlation: event.correlation.as_deref(),
                causation: event.causation.as_deref(),
                data: &event.data,
                metadata: &event.metadata,
                fields: Some(&event.fields),
            })
            .collect();
        self.add(&entries, Some(&origin), round)?;
        record.clear();
        Ok(())
    }

    /// Whether the stream has this very event.
    fn has(&self, event: &Event, id: &str) -> Result<bool, StoreError> {
        for ordinal in self.history.with_id(id)? {
            let old = self.history.at(ordinal)?;
            if old.stream == event.stream
                && old.event_type == event.event_type
                && old.data == event.data
                && old.metadata == event.metadata
                && old.fields == event.fields
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn add(&self, entries: &[Entry<'_>], origin: Option<&Origin>, round: &mut Round) -> Result<(), StoreError> {
        let size: usize = entries.iter().map(batch::size).sum();
        append::refuse_size(size)?;
        let events = self.history.events_known() + round.events;
        if events + entries.len() as u64 > u64::from(u32::MAX) {
            return Err(StoreError::Refused(format!("a store holds at most {} events", u32::MAX)));
        }
        let settled = round.records.len() as u64;
        let body = batch::encode(entries, events + 1, settled, origin);
        let start = round.bytes.len();
        segment::frame(&mut round.bytes, &self.journal.segments.store, self.journal.seq() + settled, &body);
        round.records.push((start, FRAME + body.len()));
        round.events += entries.len() as u64;
        Ok(())
    }

    /// Writes a round, makes it known and answers its tickets; what failed is told to all of them and to the caller.
    fn write(&mut self, round: &mut Round) -> Result<(), StoreError> {
        let round = std::mem::take(round);
        let result = self.write_records(&round);
        for (ticket, answer) in round.tickets {
            ticket.set(result.clone().map(|()| answer));
        }
        result
    }

    fn write_records(&mut self, round: &Round) -> Result<(), StoreError> {
        if round.records.is_empty() {
            return Ok(());
        }
        let at = self.journal.append(&round.bytes, round.records.len() as u64, round.events)?;
        {
            let mut catalog = self.history.catalog.write().unwrap_or_else(PoisonError::into_inner);
            if at.segment != catalog.end().segment {
                catalog.enter(at.segment);
            }
            for &(start, length) in &round.records {
                let body = &round.bytes[start + FRAME..start + length];
                catalog
                    .apply(at.offset + start as u64, length, body)
                    .expect("a record that was just encoded is the next one");
            }
        }
        self.history.announce();
        self.index(false);
        Ok(())
    }

    /// Brings the index up to what is known. It is no part of an append: its failure is remembered, not answered.
    pub(super) fn index(&mut self, finish: bool) {
        let Some(index) = &self.index else { return };
        if self.index_trouble.is_some() {
            return;
        }
        let result = index.advance(&self.journal.segments.store, &self.history.catalog(), &mut self.applied, finish);
        if let Err(trouble) = result {
            self.index_trouble = Some(StoreError::from(trouble).to_string());
        }
    }

    /// Brings the index to disk.
    pub(super) fn settle(&mut self) {
        self.index(true);
        if let Some(index) = self.index.as_ref().filter(|_| self.index_trouble.is_none()) {
            match index.flush() {
                Ok(()) => {
                    self.journal.indexed(self.applied.events);
                    self.journal.head().keep(&self.directory, &self.journal.segments.store);
                }
                Err(trouble) => self.index_trouble = Some(StoreError::from(trouble).to_string()),
            }
            keep_private(&index::path(&self.directory));
            self.look_up();
        }
    }

    /// Brings the lookup up to what is known, where it covers too little. Without one, or with an old one, everything is
    /// as right and only slower, so failing to is told to nobody.
    fn look_up(&mut self) {
        let catalog = self.history.catalog();
        if stale(self.covered, catalog.events())
            && Lookup::write(&self.directory, &self.journal.segments.store, &catalog).is_ok()
        {
            self.covered = catalog.events();
        }
    }
}

enum Repetition<'e> {
    New,
    Same(Appended),
    /// This event's id is that of another one.
    Other(&'e NewEvent, Box<Event>),
}
