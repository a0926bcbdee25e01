//! Which fields of a record hold the parts of an event.
//!
//! A mapping is guessed from the first records ([`guess`]) or written by the user ([`parse`]); whatever the user wrote
//! counts. It is not a layout of tables: every record of a file is mapped alike.

mod guess;
mod names;
mod parse;
mod sample;

use std::fmt;

pub use guess::{Guessed, guess};
pub use names::plain;
pub use parse::Overrides;
pub use sample::Sample;

/// A place inside a record: the keys from its top. No keys is the record itself.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    /// The path through these keys.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self(keys.into_iter().map(String::from).collect())
    }

    /// The keys, from the top.
    pub fn keys(&self) -> &[String] {
        &self.0
    }

    /// The same path, one key deeper.
    pub fn then(&self, key: &str) -> Self {
        let mut keys = self.0.clone();
        keys.push(key.into());
        Self(keys)
    }

    /// Whether this path is `other` or leads to it.
    pub fn is_prefix_of(&self, other: &FieldPath) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for key in &self.0 {
            if !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@')) {
                write!(f, ".{key}")?;
            } else {
                write!(f, ".\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))?;
            }
        }
        Ok(())
    }
}

/// A part of an event that a field can hold.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// The stream's name.
    Stream,
    /// What happened.
    Type,
    /// The place in the stream.
    Version,
    /// When.
    Time,
    /// The event's identity.
    Id,
    /// What it says.
    Data,
    /// What is said about it.
    Metadata,
    /// The business transaction.
    Correlation,
    /// The message that caused it.
    Causation,
    /// The place in the store.
    Position,
}

impl Role {
    /// Every role, in the order they are told.
    pub const ALL: [Self; 10] = [
        Self::Stream,
        Self::Type,
        Self::Version,
        Self::Time,
        Self::Id,
        Self::Data,
        Self::Metadata,
        Self::Correlation,
        Self::Causation,
        Self::Position,
    ];

    /// Its name in `--map`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Type => "type",
            Self::Version => "version",
            Self::Time => "time",
            Self::Id => "id",
            Self::Data => "data",
            Self::Metadata => "metadata",
            Self::Correlation => "correlation",
            Self::Causation => "causation",
            Self::Position => "position",
        }
    }
}

/// Where the name of an event's stream comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamFrom {
    /// A field.
    Field(FieldPath),
    /// The records name no stream: all of them are one.
    Constant(String),
}

/// What names another message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reference {
    /// A field with its id.
    Field(FieldPath),
    /// Two fields, its stream and its version there (Message DB); shown as `stream/version`.
    Place(FieldPath, FieldPath),
}

/// Which fields of a record hold the parts of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// The stream's name.
    pub stream: StreamFrom,
    /// What happened.
    pub event_type: FieldPath,
    /// The place in the stream; counted from 1 where there is none.
    pub version: Option<FieldPath>,
    /// When.
    pub time: Option<FieldPath>,
    /// The event's identity.
    pub id: Option<FieldPath>,
    /// What it says; the record itself where it has no field for that.
    pub data: Option<FieldPath>,
    /// What is said about it.
    pub metadata: Option<FieldPath>,
    /// The business transaction: the first of these that says something.
    pub correlation: Vec<Reference>,
    /// The message that caused it: the first of these that says something.
    pub causation: Vec<Reference>,
    /// The place in the store; the number of the line where there is none.
    pub position: Option<FieldPath>,
}
