//! What is appended, under which condition, and what came of it.

use std::fmt;
use std::sync::Arc;

use super::batch::{self, Entry, MAX_PAYLOADS};
use super::disk::recorded;
use super::error::StoreError;
use crate::domain::{Event, Form, Payload, StreamName, Timestamp};

/// What must be so for an append to happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Nothing.
    Any,
    /// The stream has no event.
    NoStream,
    /// The last event of the stream has exactly this version. An empty stream has none: say `NoStream` there.
    Exact(u64),
}

impl Expected {
    /// Whether a stream whose last event has this version is so.
    pub(super) fn fits(self, actual: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual.is_none(),
            Self::Exact(version) => actual == Some(version),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no event"),
            Self::Exact(version) => write!(f, "version {version}"),
        }
    }
}

/// An event that is to happen.
#[derive(Clone, PartialEq, Debug)]
pub struct NewEvent {
    /// Its identity, kept as written. Without one the store makes a UUID (version 7), and sending it again appends it
    /// again.
    pub id: Option<Arc<str>>,
    /// What happened: `MoneyDeposited`.
    pub event_type: Arc<str>,
    /// When it is recorded; the store's own clock when absent.
    pub time: Option<Timestamp>,
    /// What it says; stored byte for byte.
    pub data: Payload,
    /// What is said about it; stored byte for byte.
    pub metadata: Payload,
    /// The business transaction it belongs to.
    pub correlation: Option<Arc<str>>,
    /// The message that caused it.
    pub causation: Option<Arc<str>>,
}

impl NewEvent {
    /// An event of a type, its data given as JSON text, which is not looked at.
    pub fn new(event_type: &str, data: impl Into<String>) -> Self {
        Self {
            id: None,
            event_type: event_type.into(),
            time: None,
            data: Payload::json_text(data),
            metadata: Payload::default(),
            correlation: None,
            causation: None,
        }
    }

    /// The same with an identity, which makes appending it idempotent.
    pub fn id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The same with metadata, given as JSON text.
    pub fn metadata(mut self, metadata: impl Into<String>) -> Self {
        self.metadata = Payload::json_text(metadata);
        self
    }

    /// The same, recorded at a time the caller says.
    pub fn time(mut self, time: Timestamp) -> Self {
        self.time = Some(time);
        self
    }
}

/// Where a batch stands in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appended {
    /// The version of its first event.
    pub first_version: u64,
    /// The version of its last event.
    pub last_version: u64,
    /// The position of its first event in the whole store (from 1).
    pub first_position: u64,
    /// The position of its last event.
    pub last_position: u64,
    /// Whether it was already there, and nothing was appended now.
    pub repeated: bool,
}

/// How far a source has been taken over, stored with the events taken.
///
/// A source is known again by its first event, whatever its address; `last` tells whether it still says what it said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// The fingerprint of the source's first event.
    pub source: u64,
    /// How many of its records have been taken, refused or passed over: the ordinal to go on at.
    pub next: u64,
    /// The fingerprint of the last of those.
    pub last: u64,
}

/// One event of another store, to be taken over as it is.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The event. Its version is kept where it is greater than the stream's last, so that the numbers shown stay the
    /// source's; otherwise the stream's next number is given.
    pub event: Arc<Event>,
    /// How many records of the source are dealt with once this event is stored.
    pub next: u64,
}

/// What became of events taken over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TakenOver {
    /// Events appended.
    pub appended: u64,
    /// Events that were already in their stream: the same id, type, data, metadata and fields.
    pub repeated: u64,
    /// Events whose own version could not be kept.
    pub renumbered: u64,
}

/// A fingerprint of what an event says and where: equal for the same event however it was read.
pub fn fingerprint(event: &Event) -> u64 {
    let mut hash = super::ids::Hash::default();
    for part in [
        event.stream.as_str().as_bytes(),
        event.event_type.as_bytes(),
        event.id.as_deref().unwrap_or_default().as_bytes(),
        event.data.stored(),
        event.metadata.stored(),
    ] {
        hash.part(part);
    }
    // Where there are none, they leave the fingerprint what it was before events had any.
    if !event.fields.is_absent() {
        hash.part(event.fields.stored());
    }
    if let Some(trouble) = &event.trouble {
        hash.part(trouble.reason.as_bytes());
    }
    hash.finish()
}

/// Whether an event that is there says the same as one that is to happen.
pub(super) fn is_same(event: &NewEvent, old: &Event) -> bool {
    event.id == old.id && event.event_type == old.event_type && event.data == old.data && event.metadata == old.metadata
        && event.correlation == old.correlation && event.causation == old.causation
        // What is appended has no fields; an event taken over from elsewhere may have some.
        && old.fields.is_absent()
}

/// The version after a stream's last one.
pub(super) fn next_version(last: Option<u64>) -> Result<u64, StoreError> {
    match last {
        None => Ok(1),
        Some(last) => last.checked_add(1).ok_or_else(|| StoreError::Refused("the stream is full".into())),
    }
}

/// The most bytes of payload that one batch may have.
const MAX_BATCH: usize = MAX_PAYLOADS / 4;

/// Refuses a batch with more payload than can be held.
pub(super) fn refuse_size(size: usize) -> Result<(), StoreError> {
    if size <= MAX_BATCH {
        return Ok(());
    }
    Err(StoreError::Refused(format!("a batch of {size} bytes is too long; {MAX_BATCH} are possible")))
}

/// What the store gives to events that do not bring it: the time, and ids.
pub(super) struct Stamp {
    now: Option<Timestamp>,
    made: Vec<Option<Arc<str>>>,
}

impl Stamp {
    /// For these events.
    ///
    /// # Errors
    /// `Refused` when the clock is needed and cannot be right.
    pub(super) fn of<'e>(events: impl IntoIterator<Item = &'e NewEvent>) -> Result<Self, StoreError> {
        let (mut now, mut made) = (None, Vec::new());
        for event in events {
            if now.is_none() && (event.time.is_none() || event.id.is_none()) {
                now = Some(recorded(std::time::SystemTime::now())?);
            }
            made.push(event.id.is_none().then(|| uuid::Uuid::now_v7().to_string().into()));
        }
        Ok(Self { now, made })
    }

    /// The n-th of them as it is written.
    pub(super) fn entry<'e>(
        &'e self,
        n: usize,
        stream: &'e StreamName,
        event: &'e NewEvent,
        version: u64,
    ) -> batch::Entry<'e> {
        Entry {
            stream: stream.as_str(),
            event_type: &event.event_type,
            version,
            time: event.time.or(self.now),
            id: event.id.as_deref().or(self.made[n].as_deref()),
            correlation: event.correlation.as_deref(),
            causation: event.causation.as_deref(),
            data: &event.data,
            metadata: &event.metadata,
            fields: None,
        }
    }
}

/// Whether the store can hold an event of this shape at all.
pub(super) fn refusal(stream: &StreamName, event: &NewEvent) -> Option<String> {
    let name = stream.as_str();
    if name.is_empty() {
        return Some("a stream needs a name".into());
    }
    if event.event_type.is_empty() {
        return Some("an event needs a type".into());
    }
    for (what, text) in [("stream name", Some(name)), ("type", Some(&*event.event_type)), ("id", event.id.as_deref())] {
        if text.is_some_and(|text| text.len() > MAX_NAME) {
            return Some(format!("the {what} is longer than {MAX_NAME} bytes"));
        }
    }
    let absent = [&event.data, &event.metadata]
        .into_iter()
        .find(|payload| payload.form() == Form::Absent && !payload.stored().is_empty());
    absent.map(|_| "a payload that is absent holds bytes".into())
}

/// The longest stream name, type or id, in bytes.
pub const MAX_NAME: usize = 65_535;
