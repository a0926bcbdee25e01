//! Questions to a source, and the shapes of its answers.

use std::collections::HashMap;
use std::sync::Arc;

use super::caveat::Caveat;
use super::disorder::Disorder;
use super::event::{Event, Version};
use super::payload::Payload;
use super::place::Place;
use super::stream::{OtherKey, StreamKey, StreamName};
use super::time::Timestamp;

/// Which events a walk goes over.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// One stream, in the order of its versions.
    Stream(StreamName),
    /// Every stream whose name has this category, in the order of the store.
    Category(Arc<str>),
    /// Every event with this correlation id, whatever its stream, in the order of the store. A record that could not be read
    /// has none.
    Correlation(Arc<str>),
    /// The whole store, in its own order. Records that could not be read stand here at their places.
    All,
}

/// Where a read begins, within its scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// At the first event.
    Start,
    /// At the last event.
    End,
    /// At the event with this ordinal (dense, from 0, within the scope).
    Ordinal(u64),
    /// At the first event of the stream with this version or a later one; only within `Scope::Stream`.
    Version(Version),
    /// At the last event recorded at or before this time ("as of"). Going forward, the page begins with it.
    AsOf(Timestamp),
    /// At the event with this id.
    Id(Arc<str>),
}

/// Which way a read goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Direction {
    /// Towards newer events.
    #[default]
    Forward,
    /// Towards older events; the page lists them newest first.
    Backward,
}

/// Where to walk to. Places in a scope are counted in events: 0 is before the first, n after the n-th.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// To this place of the scope.
    To(u64),
    /// To the event with this version; where several have it to the one at this place, else to the last of them. Only in a
    /// stream.
    Version {
        /// The version.
        version: u64,
        /// The place, as far as it is known.
        at: u64,
    },
    /// To the event at this place of another scope, in this one.
    Same(Scope, u64),
    /// To the last event at or before this time.
    AsOf(Timestamp),
    /// To a place as somebody typed it: the store's own number, an ordinal, a time.
    At(Place),
    /// To the event with this id; in a wider scope also to the one at this position.
    Id(Arc<str>),
    /// To the event at this place of the whole store; the scope becomes its stream, unless it is the whole store.
    InStore(u64),
    /// To the neighbouring readable event in the whole store, whatever its stream; the scope becomes that stream, unless
    /// it is the whole store.
    Store(Direction),
}

/// A read of events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventQuery {
    /// Over which events.
    pub scope: Scope,
    /// From where.
    pub from: Anchor,
    /// Which way.
    pub direction: Direction,
    /// At most how many.
    pub limit: usize,
}

impl EventQuery {
    /// The first `limit` events of a scope, forward.
    pub fn first(scope: Scope, limit: usize) -> Self {
        Self { scope, from: Anchor::Start, direction: Direction::Forward, limit }
    }

    /// `limit` events of a scope, forward from an ordinal.
    pub fn at(scope: Scope, ordinal: u64, limit: usize) -> Self {
        Self { scope, from: Anchor::Ordinal(ordinal), direction: Direction::Forward, limit }
    }
}

/// An answer to an `EventQuery`: neighbouring events of the scope, in the direction asked.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EventPage {
    /// The ordinal within the scope of the first event listed (when backward, the newest); 0 when none is.
    pub first: u64,
    /// The events.
    pub events: Vec<Arc<Event>>,
    /// How many events the scope has as far as known now.
    pub total: u64,
    /// Whether `total` can still grow because the source is still being read.
    pub partial: bool,
}

impl EventPage {
    /// The events with their ordinals within the scope, in the direction that was asked for.
    pub fn numbered(&self, direction: Direction) -> impl Iterator<Item = (u64, &Arc<Event>)> {
        let number = move |n: usize| match direction {
            Direction::Forward => self.first + n as u64,
            Direction::Backward => self.first - n as u64,
        };
        self.events.iter().enumerate().map(move |(n, event)| (number(n), event))
    }

    /// The ordinal behind the last event listed, where the next page begins; none behind an empty page, and before the first
    /// event.
    pub fn next(&self, direction: Direction) -> Option<u64> {
        let read = self.events.len() as u64;
        match direction {
            _ if read == 0 => None,
            Direction::Forward => Some(self.first + read),
            Direction::Backward => self.first.checked_sub(read),
        }
    }
}

/// What a stream is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum StreamKind {
    /// Events of the domain.
    #[default]
    Domain,
    /// Commands: what was asked for, not what happened (`account:command-1`).
    Commands,
    /// Snapshots that are kept as a stream (`account:snapshot-1`).
    Snapshots,
    /// Links to the events of other streams (`$ce-order`, `$by_type_OrderPlaced`).
    Links,
    /// The store's own book-keeping: positions of readers, settings, metadata of streams.
    System,
}

impl StreamKind {
    /// Its name: `domain`, `commands`, `snapshots`, `links`, `system`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Commands => "commands",
            Self::Snapshots => "snapshots",
            Self::Links => "links",
            Self::System => "system",
        }
    }
}

/// One stream, in a list of streams.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamSummary {
    /// Its name.
    pub stream: StreamName,
    /// How many events it has.
    pub events: u64,
    /// The version of its first event.
    pub first_version: Version,
    /// The version of its last event.
    pub last_version: Version,
    /// The earliest time of its events.
    pub first_time: Option<Timestamp>,
    /// The latest time of its events.
    pub last_time: Option<Timestamp>,
    /// What it is for.
    pub kind: StreamKind,
}

/// A slice of the list of streams, in the order of their first events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StreamPage {
    /// The streams, from the offset asked.
    pub streams: Vec<StreamSummary>,
    /// How many streams there are as far as known now.
    pub total: usize,
    /// Whether more can still appear because the source is still being read.
    pub partial: bool,
}

/// What is known of a source: said once in the header, and by every listing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// The source as it may be shown: a file name, an address without its secrets.
    pub name: String,
    /// What it is: `JSON Lines`, `stepback store`.
    pub kind: String,
    /// How it was recognised, and the mapping that was guessed, one sentence a line.
    pub reasons: Vec<String>,
    /// What the user must know about it: `no position: shown in file order`.
    pub caveats: Vec<Caveat>,
    /// Why its answers may not be whole or not right, each also among the caveats: it was cut, a part of it is missing.
    /// Every command says them and ends with 65, and the doctor finds them.
    pub doubts: Vec<String>,
    /// The layout it was read by, where it is one that has a name.
    pub layout: Option<String>,
    /// The layouts that were considered, best first.
    pub candidates: Vec<Candidate>,
    /// What streams are told apart by, where that is several parts.
    pub key: Option<StreamKey>,
    /// Wider keys that are possible and were not taken.
    pub other_keys: Vec<OtherKey>,
    /// How `--map` speaks of what its streams and payloads are read from, where it can.
    pub spelled: Option<Spelled>,
    /// What holds events too and is not read.
    pub left_out: Vec<LeftOut>,
    /// Which part of an event is read from where: (`stream`, `emt_messages.stream_id`).
    pub mapping: Vec<(String, String)>,
    /// What the store holds beside its events.
    pub beside: Vec<Beside>,
    /// What looks wrong and is normal here, by the doctor's name of the finding, with the reason:
    /// (`position-gaps`, `rolled-back transactions burn numbers`).
    pub normal: Vec<(String, String)>,
    /// The version a stream begins with, where the layout says so.
    pub first_version: Option<u64>,
    /// Whether positions are counted by the reader, because the store has none of its own.
    pub counts_positions: bool,
    /// Whether positions surely ascend from one event to the next, so that one is found without looking at all.
    pub positions_ascend: bool,
    /// Whether its records are JSON that was read to its end when it was indexed, with all that its payloads are.
    pub reads_payloads: bool,
    /// How many events say no version of their own, so that the reader counts it; as far as it has been read.
    pub counted_versions: u64,
    /// What lies in another order than it is shown in, where somebody put it in order; each also among the caveats.
    pub disorder: Arc<Disorder>,
    /// Where the tool that wrote it stood, when it says so: after the event of this version.
    pub stood_at: Option<(StreamName, Version)>,
}

/// How `--map` speaks of the fields of a source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spelled {
    /// What names a stream: `{streamId}`, `{tenantId}/{streamId}`.
    pub stream: String,
    /// What leads to a field of the data: `.data`; nothing where the data is the record itself.
    pub data: Option<String>,
    /// What leads to a field of the metadata.
    pub metadata: Option<String>,
}

impl Spelled {
    /// A map that makes another field a part of the streams' key.
    pub fn with(&self, field: &str) -> String {
        match self.stream.as_str() {
            "" => format!("stream={field}"),
            stream => format!("stream={{{}}}/{stream}", field.trim_start_matches('.')),
        }
    }
}

/// A layout that was considered for a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Its name.
    pub layout: String,
    /// How well it fits, in percent.
    pub score: u8,
    /// Why, one sentence each; for one that was refused, the reason.
    pub reasons: Vec<String>,
}

/// What a store holds beside its events: a table of snapshots, of positions, a queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Beside {
    /// What it is called in the store.
    pub name: String,
    /// What it is for: `snapshots`, `projections`, `streams`, `book-keeping`, `queue`, `not known`.
    pub role: String,
    /// How many rows it has, where that is known.
    pub rows: Option<u64>,
}

/// A table, or anything else of a store, that holds events and is not read with the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    /// What it is called in the store.
    pub name: String,
    /// How many rows it has, where that is known.
    pub rows: Option<u64>,
    /// What reads it: `--layout generic:payment_events`.
    pub choose: String,
    /// Whether it was looked at, so that it is known to hold events.
    pub is_known: bool,
}

impl LeftOut {
    /// What is to be said of it.
    pub fn caveat(&self) -> String {
        if !self.is_known {
            return format!("{} were not looked at, and may hold events too: `{}` reads one", self.name, self.choose);
        }
        let rows = match self.rows {
            Some(1) => "1 row".to_owned(),
            Some(rows) => format!("{rows} rows"),
            None => "an unknown number of rows".to_owned(),
        };
        format!("`{}` holds events too and is not shown ({rows}): `{}` shows it", self.name, self.choose)
    }
}

/// A snapshot the store keeps: what somebody else's fold once gave.
#[derive(Clone, PartialEq, Debug)]
pub struct StoredSnapshot {
    /// The stream it is of.
    pub stream: StreamName,
    /// The version of the last event in it, in the store's numbers.
    pub version: Version,
    /// The state.
    pub state: Payload,
    /// Where it stands: `snapshots, row 3`.
    pub place: String,
}

/// The states of a stream as whoever wrote the store computed them, event by event: they are the truth there.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RecordedStates {
    /// What holds them in the store: `computedStates`.
    pub name: String,
    /// The state before the first event; none where there was none.
    pub initial: Option<Payload>,
    /// What was recorded after the event of each version.
    pub after: HashMap<Version, RecordedState>,
}

/// What was recorded after an event.
#[derive(Clone, PartialEq, Debug)]
pub enum RecordedState {
    /// The state.
    State(Payload),
    /// That the event could not be folded, and why.
    Failed(String),
}

/// What a store says of a stream beside its events: a row of its table of streams.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeclaredStream {
    /// The stream.
    pub stream: StreamName,
    /// Its version as written there.
    pub version: Option<u64>,
    /// Whether it is put away.
    pub archived: bool,
    /// Whether it is deleted.
    pub deleted: bool,
    /// Where that stands: `mt_streams, row 3`.
    pub place: String,
}

/// What became of an opened source since it was looked at last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SourceChange {
    /// Nothing.
    #[default]
    Same,
    /// It has more at its end, which is being read; or it was told to be something else, and is what was opened again.
    Grown,
    /// It is shorter than it was, or its beginning is another: what is known of it no longer holds.
    Truncated,
    /// Under its name is something else now.
    Replaced,
    /// Under its name is nothing any more; what is open can still be read.
    Removed,
}

/// What is looked for in the events.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// This text, as it is, in the stored bytes of payloads, in types and in names of streams.
    Text(Arc<str>),
    /// A regular expression, in the same places.
    Expression(regex::bytes::Regex),
}

/// A step of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SearchStep {
    /// The event with this ordinal within the scope matches.
    Hit(u64),
    /// So much of so much was searched.
    Searched(u64, u64),
}

/// How far the reading of a source has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Bytes (or records) looked at.
    pub done: u64,
    /// Bytes (or records) in all; 0 when unknown (a pipe).
    pub total: u64,
    /// Events found so far.
    pub events: u64,
    /// Records that could not be read so far.
    pub troubles: u64,
    /// Streams found so far.
    pub streams: u64,
    /// Whether everything has been looked at: from then on all counts are exact.
    pub complete: bool,
}
