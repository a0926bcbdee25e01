//! An event, and the three ways to say where it stands.
//!
//! `Version` is its place in its stream and `Position` its place in the store, both as the store numbers them.
//! The third number, the dense place in *our* walk, is a plain `u64` called an ordinal (from 0) wherever it occurs.

use std::fmt;
use std::sync::Arc;

use super::payload::Payload;
use super::stream::StreamName;
use super::time::Timestamp;

/// The event's place in its stream, as the store numbers it: from 0 or 1, possibly with gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The event's place in the whole store, as the store writes it. Only the store compares positions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Position {
    /// A sequence number; the line number (from 1) of a file whose events carry none.
    Number(u64),
    /// Anything else, verbatim.
    Text(Arc<str>),
    /// None that could be read, in a store that has positions of its own: which of the store's records it is, from 1.
    Nth(u64),
}

impl Position {
    /// It as a number, when it is one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Nth(_) => None,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Nth(nth) => write!(f, "#{nth}"),
        }
    }
}

/// Why a record of the store could not be read as an event, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// Where: `line 17`, `record 9`.
    pub place: String,
    /// Why, in words for a person.
    pub reason: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// What a store says about an event that the event itself does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// What kind of thing it says.
    pub kind: NoteKind,
    /// The same in words for a person: `link to 5 of order-1`.
    pub text: Arc<str>,
}

impl Note {
    /// A note.
    pub fn new(kind: NoteKind, text: impl Into<Arc<str>>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// Kinds of notes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NoteKind {
    /// What stands here is a link; the event shown is the one it leads to.
    Link,
    /// A link whose event is not there.
    BrokenLink,
    /// The store keeps it, but has put its stream away.
    Archived,
    /// The store keeps it, but marked it as deleted, truncated or skipped: a live reader does not see it.
    Deleted,
    /// Its payload was removed on purpose.
    Redacted,
    /// It has no place in the store's own global order.
    Outside,
    /// It says no version where others of the store do: the one shown is counted on.
    Counted,
    /// What it says of its time cannot be read as one.
    UnreadableTime,
    /// A key stands twice in one object of its record or of a payload.
    RepeatedKey,
    /// Its stream may be several, or one of those that are one: what tells streams apart is in doubt.
    DoubtfulKey,
    /// Anything else.
    Other,
}

impl NoteKind {
    const NAMES: [(Self, &'static str); 11] = [
        (Self::Link, "link"),
        (Self::BrokenLink, "broken-link"),
        (Self::Archived, "archived"),
        (Self::Deleted, "deleted"),
        (Self::Redacted, "redacted"),
        (Self::Outside, "outside"),
        (Self::Counted, "counted"),
        (Self::UnreadableTime, "unreadable-time"),
        (Self::RepeatedKey, "repeated-key"),
        (Self::DoubtfulKey, "doubtful-key"),
        (Self::Other, "other"),
    ];

    /// Whether it is a remark on the record, of which nothing stands in the store.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Counted | Self::UnreadableTime | Self::RepeatedKey | Self::DoubtfulKey)
    }

    /// What it is called in JSON.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("other", |(_, name)| name)
    }

    /// The kind of this name; another where there is none.
    pub fn named(name: &str) -> Self {
        Self::NAMES.iter().find(|(_, other)| *other == name).map_or(Self::Other, |(kind, _)| *kind)
    }
}

/// An immutable fact of the store.
///
/// A record that cannot be read as an event is one too, with `trouble` set: it stands at its place in the walk of the
/// whole store and, where that is known, in its stream (else the name is empty), and contributes nothing to any state.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in that stream, the store's own number.
    pub version: Version,
    /// Its place in the store.
    pub position: Position,
    /// Its identity, where the store keeps one.
    pub id: Option<Arc<str>>,
    /// What happened: `OrderPlaced`.
    pub event_type: Arc<str>,
    /// When it was recorded, where the store says so.
    pub time: Option<Timestamp>,
    /// What it says.
    pub data: Payload,
    /// What is said about it.
    pub metadata: Payload,
    /// What else its record says: a JSON object of the fields that are no part of an event, with their values as they
    /// are stored. Absent when there are none.
    pub fields: Payload,
    /// The business transaction it belongs to.
    pub correlation: Option<Arc<str>>,
    /// The message that caused it.
    pub causation: Option<Arc<str>>,
    /// What else the store says about it.
    pub notes: Vec<Note>,
    /// Set when the record could not be read.
    pub trouble: Option<Trouble>,
}

impl Event {
    /// An event that says nothing but where it stands and what happened; the rest is set by whoever knows it.
    pub fn new(
        stream: impl Into<StreamName>,
        version: Version,
        position: Position,
        event_type: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            stream: stream.into(),
            version,
            position,
            id: None,
            event_type: event_type.into(),
            time: None,
            data: Payload::default(),
            metadata: Payload::default(),
            fields: Payload::default(),
            correlation: None,
            causation: None,
            notes: Vec::new(),
            trouble: None,
        }
    }

    /// A record that is no event: where it stands, why, and what is stored there.
    pub fn unreadable(position: Position, trouble: Trouble, stored: Payload) -> Self {
        Self { data: stored, trouble: Some(trouble), ..Self::new("", Version(0), position, "") }
    }

    /// Whether it is a record that could not be read and of which no stream is known.
    pub fn is_loose(&self) -> bool {
        self.trouble.is_some() && self.stream.as_str().is_empty()
    }

    /// How many bytes of data, metadata and fields are stored with it.
    pub fn payload_bytes(&self) -> u64 {
        [&self.data, &self.metadata, &self.fields].map(|payload| payload.stored().len() as u64).iter().sum()
    }

    /// Its payloads with their names: the data, the metadata, and the fields where there are any.
    pub fn payloads(&self) -> impl Iterator<Item = (&'static str, &Payload)> {
        let fields = (!self.fields.is_absent()).then_some(("fields", &self.fields));
        [("data", &self.data), ("metadata", &self.metadata)].into_iter().chain(fields)
    }

    /// Whether the store says this kind of thing about it.
    pub fn has(&self, kind: NoteKind) -> bool {
        self.notes.iter().any(|note| note.kind == kind)
    }
}
