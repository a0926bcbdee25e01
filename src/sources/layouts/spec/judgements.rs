//! What a layout says of rows and streams: what they must be like, what is noted of them, what is normal.

use serde::Deserialize;

use super::{Expression, Pattern};
use crate::domain::{NoteKind, StreamKind};

/// What sample rows must be like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// What is looked at.
    pub value: Expression,
    /// What it is.
    pub is: Likeness,
}

/// What a value is like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likeness {
    /// There in every row.
    Present,
    /// A UUID.
    Uuid,
    /// JSON.
    Json,
    /// A whole number.
    Integer,
    /// A time.
    Time,
    /// A list: `{a,b}` or `["a","b"]`.
    List,
    /// An envelope that can be read.
    Envelope,
}

/// What is noted of an event.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteRule {
    /// What is looked at: it applies when this is true, or says anything but no.
    pub when: Expression,
    /// It applies when this is what it says.
    pub is: Option<String>,
    /// What kind of note.
    pub kind: NoteWord,
    /// What it says; `{}` is the value.
    pub text: String,
}

/// Kinds of notes a layout can give.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteWord {
    /// Put away.
    Archived,
    /// Deleted, truncated or skipped.
    Deleted,
    /// Removed on purpose.
    Redacted,
    /// Anything else.
    Other,
}

impl From<NoteWord> for NoteKind {
    fn from(word: NoteWord) -> Self {
        match word {
            NoteWord::Archived => Self::Archived,
            NoteWord::Deleted => Self::Deleted,
            NoteWord::Redacted => Self::Redacted,
            NoteWord::Other => Self::Other,
        }
    }
}

/// What streams with such names are for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindRule {
    /// A regular expression over the name.
    pub stream: Pattern,
    /// What they are for.
    pub kind: KindWord,
}

/// Kinds of streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KindWord {
    /// Events of the domain.
    Domain,
    /// Commands.
    Commands,
    /// Snapshots.
    Snapshots,
    /// Links.
    Links,
    /// Book-keeping.
    System,
}

impl From<KindWord> for StreamKind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Domain => Self::Domain,
            KindWord::Commands => Self::Commands,
            KindWord::Snapshots => Self::Snapshots,
            KindWord::Links => Self::Links,
            KindWord::System => Self::System,
        }
    }
}

/// What a check of a store finds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Numbers missing in a stream.
    VersionGaps,
    /// Numbers twice in a stream.
    DuplicateVersions,
    /// Numbers missing in the store.
    PositionGaps,
    /// Numbers twice in the store.
    DuplicatePositions,
    /// Identities twice.
    DuplicateIds,
    /// A time before the one before.
    TimeBack,
    /// Events without a place in the global order.
    OutsideOrder,
    /// Causes that are not there.
    DanglingCausation,
}

impl Finding {
    /// The doctor's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::VersionGaps => "version-gaps",
            Self::DuplicateVersions => "duplicate-versions",
            Self::PositionGaps => "position-gaps",
            Self::DuplicatePositions => "duplicate-positions",
            Self::DuplicateIds => "duplicate-ids",
            Self::TimeBack => "time-back",
            Self::OutsideOrder => "outside-order",
            Self::DanglingCausation => "dangling-causation",
        }
    }
}
