//! Looks at events one by one, in the order of the store, and remembers what is out of order.
//!
//! It reads nothing and waits for nothing: whoever drives it tells it the events, and hands it single ones again in the end,
//! because of what it found it keeps only where it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::identities::{self, Identities};
use super::runs::Runs;
use super::sizes::Sizes;
use super::streams::Streams;
use crate::domain::payload::Form;
use crate::domain::report::{Check, Example, Finding, Kind, Report, Severity};
use crate::domain::{
    About, DeclaredStream, Event, NoteKind, OtherKey, Parser, Payload, Position, StreamName, Than, Timestamp,
};

mod conclusion;

pub use conclusion::Look;

/// Runs of positions kept; more of them are no sequence.
const RUNS: usize = 1 << 20;

/// Sequences of positions told apart: partitions.
const SEQUENCES: usize = 4096;

/// The version of the mark that ends a deleted stream (EventStoreDB): no event comes after it, and none is missing before.
pub(super) const GONE: u64 = i64::MAX as u64;

/// Names of encodings told.
const ENCODINGS: usize = 16;

/// What is known of the store before its events are looked at.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// How many events there are to come, as far as known.
    pub events: u64,
    /// The version a stream begins with, where that is known.
    pub first_version: Option<u64>,
    /// Whether positions are the store's own, not counted by us.
    pub has_positions: bool,
    /// How many events have a version that is counted by us, not the store's own.
    pub counted_versions: u64,
    /// Whether no event has a version of its own: all are counted by us.
    pub counts_versions: bool,
    /// Whether only the events of one stream are looked at.
    pub one_stream: bool,
}

impl Facts {
    /// What a source says of itself, which has so many readable events in all.
    pub fn of(about: &About, (events, readable): (u64, u64), one_stream: bool) -> Self {
        Self {
            events,
            first_version: about.first_version,
            has_positions: !about.counts_positions,
            counted_versions: about.counted_versions,
            counts_versions: about.counted_versions > 0 && about.counted_versions >= readable,
            one_stream,
        }
    }
}

/// What was found of one kind so far.
#[derive(Clone, Debug, Default)]
struct Tally {
    count: u64,
    first: Option<First>,
}

/// Where something was seen first.
#[derive(Clone, Debug)]
enum First {
    /// At the event with this ordinal, and what was seen there.
    At(u32, String),
    /// Somewhere no ordinal of the walk leads to.
    Elsewhere(Example),
}

/// Time going back from one event to the next.
#[derive(Clone, Debug, Default)]
struct Back {
    /// By how many seconds at the farthest.
    farthest: f64,
    /// The first of those that matter.
    matters: Option<(u32, String)>,
}

/// Clocks of several writers differ by less than this, and so do their transactions; in seconds.
const OVERLAP: f64 = 1.0;

/// An examination under way.
#[derive(Debug)]
pub struct Examination {
    facts: Facts,
    tallies: BTreeMap<Kind, Tally>,
    events: u64,
    readable: u64,
    /// Events with an ordinal too high to be remembered.
    beyond: u64,
    streams: Streams,
    identities: Identities,
    sizes: Sizes,
    parser: Parser,
    /// The positions, by what stands before their numbers, and the last one of each.
    positions: HashMap<Box<str>, (Runs, u64)>,
    positions_seen: u64,
    positions_runs: usize,
    /// Whether positions are something else than sequences.
    positions_wild: bool,
    /// The time before, in each sequence of positions: partitions are written side by side.
    times: HashMap<Box<str>, Timestamp>,
    timed: u64,
    /// Times of sequences that are too many to be told apart.
    times_apart: u64,
    /// Events whose time is looked at, whether they have one or not.
    dated: u64,
    back: Back,
    payloads: u64,
    /// Payloads of no known meaning, by the names of their encodings.
    encodings: BTreeMap<String, u64>,
    /// Those of other encodings.
    more_encodings: u64,
    unnamed: u64,
    /// Whether a gap in the versions of any stream would have been found.
    all_gaps_told: bool,
    archived: HashSet<u64>,
    /// Declared streams that are entries of a list of streams.
    listed: u64,
    deleted: HashSet<u64>,
    deleted_events: u64,
    declared: u64,
    declared_names: HashSet<u64>,
}

impl Examination {
    /// An examination of nothing so far.
    pub fn new(facts: Facts) -> Self {
        Self::with_room(facts, identities::MOST)
    }

    /// One that remembers so many ids at most.
    fn with_room(facts: Facts, ids: usize) -> Self {
        Self {
            facts,
            tallies: BTreeMap::new(),
            events: 0,
            readable: 0,
            beyond: 0,
            streams: Streams::default(),
            identities: Identities::new(ids),
            sizes: Sizes::default(),
            parser: Parser::default(),
            positions: HashMap::new(),
            positions_seen: 0,
            positions_runs: 0,
            positions_wild: false,
            times: HashMap::new(),
            timed: 0,
            times_apart: 0,
            dated: 0,
            back: Back::default(),
            payloads: 0,
            encodings: BTreeMap::new(),
            more_encodings: 0,
            unnamed: 0,
            all_gaps_told: false,
            archived: HashSet::new(),
            listed: 0,
            deleted: HashSet::new(),
            deleted_events: 0,
            declared: 0,
            declared_names: HashSet::new(),
        }
    }

    /// The next event of the walk, with its ordinal there.
    pub fn event(&mut self, ordinal: u64, event: &Event) {
        let Ok(ordinal) = u32::try_from(ordinal) else {
            self.beyond += 1;
            return;
        };
        self.events += 1;
        if let Some(trouble) = &event.trouble {
            self.find(Kind::UnreadableRecords, ordinal, || trouble.to_string());
            return;
        }
        self.readable += 1;
        self.stream(ordinal, event);
        if event.has(NoteKind::BrokenLink) {
            self.find(Kind::BrokenLinks, ordinal, || note(event, NoteKind::BrokenLink));
        }
        if event.has(NoteKind::Link) || event.has(NoteKind::BrokenLink) {
            // What it carries is another event's.
            return;
        }
        if event.has(NoteKind::UnreadableTime) {
            self.find(Kind::UnreadableTimes, ordinal, || note(event, NoteKind::UnreadableTime));
        }
        if event.has(NoteKind::RepeatedKey) {
            self.find(Kind::RepeatedKeys, ordinal, || note(event, NoteKind::RepeatedKey));
        }
        if event.has(NoteKind::Outside) {
            self.find(Kind::OutsideOrder, ordinal, || note(event, NoteKind::Outside));
        } else {
            self.position(ordinal, &event.position);
            self.time(ordinal, &event.position, event.time);
        }
        if let Some(id) = &event.id {
            self.identities.id(id, ordinal);
        }
        if let Some(cause) = event.causation.as_deref().filter(|cause| !cause.is_empty()) {
            self.identities.cause(cause, ordinal);
        }
        if self.events.is_multiple_of(4096) {
            self.identities.reserve(self.facts.events);
        }
        if event.has(NoteKind::Redacted) {
            self.find(Kind::RedactedPayloads, ordinal, || note(event, NoteKind::Redacted));
        }
        self.sizes.add(&event.event_type, event.data.stored().len() as u64, ordinal);
        self.payload(ordinal, "data", &event.data);
        self.payload(ordinal, "metadata", &event.metadata);
    }

    /// What the store says of a stream beside its events. To be told when all events were.
    pub fn declared(&mut self, declared: &DeclaredStream) {
        self.declared += 1;
        // A mark on a stream is no entry of a list that has all of them.
        self.listed += u64::from(declared.version.is_some() || !(declared.deleted || declared.archived));
        let hash = self.identities.hash(declared.stream.as_str());
        self.declared_names.insert(hash);
        let place = &declared.place;
        let last = self.streams.highest(hash);
        if declared.archived && self.archived.insert(hash) {
            let text = format!("{place} says it is archived");
            self.elsewhere(Kind::ArchivedStreams, 1, Example::of_stream(&declared.stream, None, text));
        }
        if declared.deleted && self.deleted.insert(hash) {
            let text = format!("{place} says it is deleted");
            self.elsewhere(Kind::DeletedStreams, 1, Example::of_stream(&declared.stream, None, text));
        }
        let text = match (declared.version, last) {
            // Which version its last event has is not known.
            _ if self.streams.get(hash).is_some_and(|stream| stream.counted > 0) => return,
            (Some(version), Some(last)) if version != last => {
                format!("{place} says version {version}, its last event is version {last}")
            }
            // A stream that was deleted, or never written, need have no events.
            (Some(version), None) if version > 0 && !declared.deleted && !declared.archived => {
                format!("{place} says version {version}, and there is no event of it")
            }
            _ => return,
        };
        self.elsewhere(
            Kind::DeclaredVersions,
            1,
            Example::of_stream(&declared.stream, last.map(crate::domain::Version), text),
        );
    }

    /// How many events of a stream were told so far.
    pub fn events_of(&self, stream: &StreamName) -> u64 {
        self.streams.get(self.identities.hash(stream.as_str())).map_or(0, |stream| u64::from(stream.events))
    }

    /// Whether there were not too many streams to tell them apart.
    pub fn knows_all_streams(&self) -> bool {
        self.streams.left_out == 0 && self.beyond == 0
    }

    /// The versions of a stream were looked at elsewhere, with those the walk does not show: they go from one to another.
    pub fn learned(&mut self, stream: &StreamName, lowest: u64, highest: u64) {
        self.streams.learned(self.identities.hash(stream.as_str()), lowest, highest);
    }

    /// Something found elsewhere than in the walk.
    pub fn elsewhere(&mut self, kind: Kind, count: u64, example: Example) {
        let tally = self.tallies.entry(kind).or_default();
        tally.count += count;
        tally.first.get_or_insert(First::Elsewhere(example));
    }

    fn find(&mut self, kind: Kind, ordinal: u32, text: impl FnOnce() -> String) {
        let tally = self.tallies.entry(kind).or_default();
        tally.count += 1;
        tally.first.get_or_insert_with(|| First::At(ordinal, text()));
    }

    fn stream(&mut self, ordinal: u32, event: &Event) {
        let hash = self.identities.hash(event.stream.as_str());
        let version = event.version.0;
        if version == GONE {
            self.deleted_events += 1;
            if self.deleted.insert(hash) {
                self.find(Kind::DeletedStreams, ordinal, || "it ends with a mark that it is deleted".into());
            }
            return;
        }
        let counted = !self.facts.counts_versions && event.has(NoteKind::Counted);
        if counted {
            self.find(Kind::CountedVersions, ordinal, || format!("version {version} is counted here"));
        }
        let step = self.streams.event(hash, (!counted).then_some(version), event.time, ordinal);
        if step.begins && is_renamed(event.stream.as_str()) {
            self.find(Kind::RenamedStreams, ordinal, || "its name says that it was archived".into());
        }
        if step.repeats {
            self.find(Kind::DuplicateVersions, ordinal, || format!("there is another event with version {version}"));
        }
        if let Some(before) = step.back_from.filter(|_| !step.repeats) {
            self.find(Kind::VersionsBack, ordinal, || format!("version {version} comes after version {before}"));
        }
        if let (Some(before), Some(time)) = (step.earlier_than, event.time) {
            self.find(Kind::StreamTimeBack, ordinal, || {
                format!("{time} comes after {before}, {} earlier", span(seconds(time, before)))
            });
        }
        if event.has(NoteKind::Archived) && self.archived.insert(hash) {
            self.find(Kind::ArchivedStreams, ordinal, || note(event, NoteKind::Archived));
        }
        if event.has(NoteKind::Deleted) {
            self.deleted_events += 1;
            if self.deleted.insert(hash) {
                self.find(Kind::DeletedStreams, ordinal, || note(event, NoteKind::Deleted));
            }
        }
    }

    fn position(&mut self, ordinal: u32, position: &Position) {
        if !self.facts.has_positions || self.facts.one_stream || self.positions_wild {
            return;
        }
        let (sequence, number) = match position {
            Position::Number(number) => ("", *number),
            Position::Text(text) => match numbered(text) {
                Some(numbered) => numbered,
                None => {
                    self.positions_wild = true;
                    return;
                }
            },
            // It is none of the store's.
            Position::Nth(_) => return,
        };
        self.positions_seen += 1;
        if !self.positions.contains_key(sequence) {
            if self.positions.len() >= SEQUENCES {
                self.positions_wild = true;
                return;
            }
            self.positions.insert(sequence.into(), (Runs::default(), 0));
        }
        let Some((runs, last)) = self.positions.get_mut(sequence) else { return };
        let last = std::mem::replace(last, number);
        let before = runs.len();
        let new = runs.add(number, ordinal);
        self.positions_runs = self.positions_runs + runs.len() - before;
        self.positions_wild |= self.positions_runs >= RUNS;
        if !new {
            self.find(Kind::DuplicatePositions, ordinal, || format!("another event has the position {position}"));
        } else if number < last {
            self.find(Kind::PositionsBack, ordinal, || match sequence {
                "" => format!("position {position} comes after position {last}"),
                sequence => format!("position {position} comes after position {sequence}{last}"),
            });
        }
    }

    fn time(&mut self, ordinal: u32, position: &Position, time: Option<Timestamp>) {
        self.dated += 1;
        let Some(time) = time else { return };
        self.timed += 1;
        if self.facts.one_stream {
            return;
        }
        let sequence = match position {
            Position::Text(text) if !self.positions_wild => numbered(text).map_or("", |(sequence, _)| sequence),
            _ => "",
        };
        let room = self.times.len() < SEQUENCES;
        let before = match self.times.get_mut(sequence) {
            Some(before) => Some(std::mem::replace(before, time)),
            None if room => self.times.insert(sequence.into(), time),
            None => {
                self.times_apart += 1;
                None
            }
        };
        if let Some(before) = before.filter(|before| time < *before) {
            let by = seconds(time, before);
            let text = || format!("{time} comes after {before}, {} earlier", span(by));
            self.back.farthest = self.back.farthest.max(by);
            if by >= OVERLAP {
                self.back.matters.get_or_insert_with(|| (ordinal, text()));
            }
            self.find(Kind::TimeBack, ordinal, text);
        }
    }

    fn payload(&mut self, ordinal: u32, what: &str, payload: &Payload) {
        match payload.form() {
            Form::Absent => {}
            Form::Opaque => {
                self.payloads += 1;
                match payload.encoding() {
                    Some(encoding) => {
                        if let Some(count) = self.encodings.get_mut(encoding) {
                            *count += 1;
                        } else if self.encodings.len() < ENCODINGS {
                            self.encodings.insert(encoding.to_owned(), 1);
                        } else {
                            self.more_encodings += 1;
                        }
                    }
                    None => self.unnamed += 1,
                }
                self.find(Kind::UnknownEncodings, ordinal, || match payload.encoding() {
                    Some(encoding) => format!("{what} is {encoding}, which is not decoded"),
                    None => format!("nothing is known of the {} bytes of {what}", payload.stored().len()),
                });
            }
            Form::Json | Form::JsonText | Form::Encoded => {
                self.payloads += 1;
                let read = payload.json_bytes().and_then(|text| self.parser.parse(&text));
                if let Err(error) = read {
                    self.find(Kind::UnparsablePayloads, ordinal, || format!("{what}: {error}"));
                }
            }
        }
    }
}

/// What a note of this kind says.
fn note(event: &Event, kind: NoteKind) -> String {
    event.notes.iter().find(|note| note.kind == kind).map_or_else(String::new, |note| note.text.to_string())
}

/// Whether a stream has the name applications give it to put it out of the way: `order-1-archived-2025-03-04T10:00:00Z`.
fn is_renamed(name: &str) -> bool {
    let Some((before, time)) = name.rsplit_once("-archived-") else { return false };
    let digits = time.bytes().filter(u8::is_ascii_digit).count();
    !before.is_empty() && digits >= 6 && time.bytes().all(|byte| byte.is_ascii_digit() || b"-:.+_ TZtz".contains(&byte))
}

/// A position that ends in a number: what stands before it, and the number.
fn numbered(text: &str) -> Option<(&str, u64)> {
    let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((before, text[before.len()..].parse().ok()?))
}

/// From one instant back to an earlier one.
fn seconds(earlier: Timestamp, later: Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64()
}

/// A span of time as it is read: `1.5 ms`, `3 s`, `2 h`.
fn span(seconds: f64) -> String {
    const UNITS: [(f64, &str); 5] = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (0.001, "ms")];
    for (size, unit) in UNITS {
        if seconds >= size {
            let value = seconds / size;
            return if value < 10.0 && value.fract() > 0.05 {
                format!("{value:.1} {unit}")
            } else {
                format!("{value:.0} {unit}")
            };
        }
    }
    format!("{:.0} µs", seconds * 1e6)
}

#[cfg(test)]
mod tests;
