//! Which fields of a record hold the parts of an event.
//!
//! A mapping is guessed from the first records ([`guess`]) or written by the user ([`parse`]); whatever the user wrote
//! counts. It is not a layout of tables: every record of a file is mapped alike.

mod exported;
mod guess;
mod key;
mod names;
mod parse;
mod refusal;
mod sample;
mod suggest;
mod template;

use std::fmt;

pub use guess::{Guessed, guess};
pub use names::{Qualifier, alike, is_named, is_tenant, is_tenant_anywhere, is_type_of_streams, qualifier};
pub use parse::Overrides;
pub use refusal::{judged, mapped, nearest};
pub use sample::Sample;
pub use suggest::proven;
pub use template::{Need, Owner, Piece, Template};

use crate::domain::{Spelled, StreamKey};

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

    /// What is left of this path behind another; none where it does not lead through that.
    pub fn below(&self, above: &FieldPath) -> Option<Self> {
        self.0.strip_prefix(&above.0[..]).map(|keys| Self(keys.to_vec()))
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
    /// Several fields: the type and the number of an aggregate, a tenant and an id.
    Template(Template),
    /// The records name no stream: all of them are one.
    Constant(String),
}

impl StreamFrom {
    /// How it stands in a `--map` that composes a name; nothing where no field names a stream.
    pub fn spelled(&self) -> String {
        match self {
            Self::Field(path) => Template::joined([path.clone()]).to_string(),
            Self::Template(template) => template.to_string(),
            Self::Constant(_) => String::new(),
        }
    }

    /// What its names are made of, where that is several parts.
    pub fn key(&self) -> Option<StreamKey> {
        match self {
            Self::Template(template) => template.key(),
            _ => None,
        }
    }
}

impl fmt::Display for StreamFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => path.fmt(f),
            Self::Template(template) => template.fmt(f),
            Self::Constant(name) => write!(f, "\"{name}\""),
        }
    }
}

/// What names another message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reference {
    /// A field with its id.
    Field(FieldPath),
    /// Two fields, its stream and its version there (Message DB); shown as `stream/version`.
    Place(FieldPath, FieldPath),
}

impl Mapping {
    /// What the names of streams are made of, where that is several parts.
    pub fn key(&self) -> Option<StreamKey> {
        self.key.clone().or_else(|| self.stream.key())
    }

    /// What stands beside the fields of an export; elsewhere this is a name as any other.
    pub fn beside(&self, name: &str) -> Option<FieldPath> {
        self.fields.as_ref().map(|_| FieldPath::new([name]))
    }

    /// The fields that hold the parts of an event.
    pub fn paths(&self) -> impl Iterator<Item = &FieldPath> {
        let stream = match &self.stream {
            StreamFrom::Field(path) => vec![path],
            StreamFrom::Template(template) => template.paths().collect(),
            StreamFrom::Constant(_) => Vec::new(),
        };
        let single = [&self.version, &self.time, &self.id, &self.data, &self.metadata, &self.position, &self.fields];
        let references = self.correlation.iter().chain(&self.causation).flat_map(|reference| match reference {
            Reference::Field(path) => vec![path],
            Reference::Place(stream, version) => vec![stream, version],
        });
        stream.into_iter().chain([&self.event_type]).chain(single.into_iter().flatten()).chain(references)
    }

    /// How `--map` speaks of its fields. No path leads into JSON that stands in a record as text.
    pub fn spelled(&self, sample: &Sample) -> Spelled {
        let is_text = |path: &FieldPath| {
            sample.field(path).is_some_and(|field| field.share(|value| value.first() == Some(&b'"')) > 0)
        };
        let leading = |path: &FieldPath| match path.keys() {
            [] => Some(String::new()),
            _ => (!is_text(path)).then(|| path.to_string()),
        };
        let data = self.data.as_ref().map_or(Some(String::new()), leading);
        Spelled { stream: self.stream.spelled(), data, metadata: self.metadata.as_ref().and_then(leading) }
    }

    /// The same where a map leads also into JSON that stands in a field of the record as text.
    pub fn spelled_into_text(&self, sample: &Sample) -> Spelled {
        let plain = self.spelled(sample);
        let leading = |path: &FieldPath| (path.keys().len() == 1).then(|| path.to_string());
        let data = plain.data.or_else(|| self.data.as_ref().and_then(leading));
        Spelled { metadata: plain.metadata.or_else(|| self.metadata.as_ref().and_then(leading)), data, ..plain }
    }

    /// Takes a role from another field.
    pub fn set(&mut self, role: Role, path: FieldPath) {
        match role {
            Role::Stream => self.stream = StreamFrom::Field(path),
            Role::Type => self.event_type = path,
            Role::Version => self.version = Some(path),
            Role::Time => self.time = Some(path),
            Role::Id => self.id = Some(path),
            Role::Data => self.data = Some(path),
            Role::Metadata => self.metadata = Some(path),
            Role::Correlation => self.correlation = vec![Reference::Field(path)],
            Role::Causation => self.causation = vec![Reference::Field(path)],
            Role::Position => self.position = Some(path),
        }
    }
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
    /// An object of fields that are no part of the event, as stepback itself exports them.
    pub fields: Option<FieldPath>,
    /// What the names of streams are made of, as stepback itself exports it.
    pub key: Option<StreamKey>,
}
