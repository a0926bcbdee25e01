//! What a format says of its records: which values are looked for, and which event they are.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::{About, Note, Payload, Position, StreamKind, Timestamp};
use crate::sources::files::mapping::{FieldPath, Role};
use crate::sources::files::skim::Skimmer;
use crate::sources::sorted::Order;

/// A record that was skimmed: the values that were looked for.
#[derive(Clone, Copy)]
pub struct Skimmed<'a> {
    /// Its text, without line breaks.
    pub text: &'a [u8],
    /// What was found in it.
    pub skimmer: &'a Skimmer,
}

impl<'a> Skimmed<'a> {
    /// The value in a slot; empty when it is absent.
    pub fn slot(&self, slot: usize) -> &'a [u8] {
        self.skimmer.slot(slot).of(self.text)
    }

    /// The bytes of a slot out of the record as it is stored.
    pub fn stored(&self, slot: usize, record: &Bytes) -> Bytes {
        let span = self.skimmer.slot(slot);
        record.slice(span.start as usize..span.end as usize)
    }
}

/// What the index keeps of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Basics<'a> {
    /// The stream's name, not empty.
    pub stream: Cow<'a, str>,
    /// What happened.
    pub event_type: Cow<'a, str>,
    /// The place in the stream; `None` is counted.
    pub version: Option<u64>,
    /// When.
    pub time: Option<Timestamp>,
    /// Where it belongs, where the order of the file is none.
    pub order: Order,
}

/// The rest of an event.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Parts {
    /// Its place in the store; the number of the record where there is none.
    pub position: Option<Position>,
    /// Its identity.
    pub id: Option<Arc<str>>,
    /// What it says.
    pub data: Payload,
    /// What is said about it.
    pub metadata: Payload,
    /// What else its record says.
    pub fields: Payload,
    /// The business transaction.
    pub correlation: Option<Arc<str>>,
    /// The message that caused it.
    pub causation: Option<Arc<str>>,
    /// What else is to be said.
    pub notes: Vec<Note>,
}

/// What a record is.
#[derive(Debug)]
pub enum Reading<'a> {
    /// An event.
    Event(Basics<'a>),
    /// Something that belongs to the format and is no event.
    Aside,
    /// Something that should be an event and is none.
    Bad(Unreadable<'a>),
}

/// A record that cannot be read as an event, and where it belongs as far as that is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unreadable<'a> {
    /// Why, in words for a person.
    pub reason: String,
    /// Its stream.
    pub stream: Option<Cow<'a, str>>,
    /// Its type.
    pub event_type: Option<Cow<'a, str>>,
    /// Its version.
    pub version: Option<u64>,
    /// Its place in the store.
    pub position: Option<Position>,
    /// Where it belongs, where the order of the file is none.
    pub order: Option<Order>,
}

impl<'a> Unreadable<'a> {
    /// A record of a stream.
    pub fn of(stream: Cow<'a, str>, reason: String) -> Self {
        Self { reason, stream: Some(stream), ..Self::default() }
    }
}

impl From<String> for Unreadable<'_> {
    fn from(reason: String) -> Self {
        Self { reason, ..Self::default() }
    }
}

impl Reading<'_> {
    /// What is no event, and belongs nowhere.
    pub fn bad(reason: String) -> Self {
        Self::Bad(reason.into())
    }
}

/// In which order the records of a format are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sorting {
    /// As they lie.
    None,
    /// By [`Basics::order`]; those with the same order as they lie.
    ByOrder,
    /// By version in each stream; over all by time as far as that agrees, where there is one.
    ByVersion,
}

/// A format of records.
pub trait Format: Send + Sync + 'static {
    /// What is known of the source as far as the format says it: kind, reasons, caveats, mapping.
    fn about(&self) -> About;

    /// The values looked for in a record, by slot.
    fn wanted(&self) -> Vec<Option<FieldPath>>;

    /// What a record is.
    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a>;

    /// Where a record belongs that turned out broken behind the values found in it. A value that was not found may stand
    /// in what could not be read.
    fn unreadable<'a>(&'a self, _found: Skimmed<'a>, reason: String) -> Unreadable<'a> {
        reason.into()
    }

    /// The rest of an event. `record` is its text as it is stored.
    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts;

    /// In which order records are shown.
    fn sorting(&self) -> Sorting {
        Sorting::None
    }

    /// The record in the spelling this format reads, where that is another than the stored one; or why it has none.
    fn rewritten(&self, _record: &[u8]) -> Option<Result<Vec<u8>, String>> {
        None
    }

    /// Whether text that is not UTF-8 is read all the same, with its bytes shown escaped.
    fn reads_bytes(&self) -> bool {
        false
    }

    /// What a stream is for.
    fn kind_of(&self, _stream: &str) -> StreamKind {
        StreamKind::Domain
    }

    /// The member of a record that is all of a role, with its slot, where there is one and nothing else shows it.
    fn plainly(&self, _role: Role) -> Option<(&'static str, usize)> {
        None
    }

    /// Whether such records say something of events that is not shown, so that an answer without them is not whole.
    fn misses_asides(&self) -> bool {
        false
    }

    /// What is to be said about so many records that are no events.
    fn asides(&self, count: u64) -> String {
        format!("{count} records are no events: left out")
    }
}
