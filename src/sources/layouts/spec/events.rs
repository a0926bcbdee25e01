//! What a layout says of the table of events.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ColumnRule, Expression, Ordering, Pattern, Sources, TimeUnit};

/// The table of events.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// How it is usually called; patterns with `*`. Only hints.
    #[serde(default)]
    pub names: Vec<String>,
    /// Names it never has.
    #[serde(default)]
    pub not_names: Vec<String>,
    /// It must be called so: a regular expression.
    pub named: Option<Pattern>,
    /// The schemas it is usually in.
    #[serde(default)]
    pub schemas: Vec<String>,
    /// Whether all tables that fit are read, and not only the one that fits best.
    #[serde(default)]
    pub every: bool,
    /// Columns it has.
    pub must: Vec<ColumnRule>,
    /// Columns it may have.
    #[serde(default)]
    pub may: Vec<ColumnRule>,
    /// Columns it never has, with what it is then.
    #[serde(default)]
    pub not: BTreeMap<String, String>,

    /// The stream's name.
    #[serde(default)]
    pub stream: Sources,
    /// What the stream of events without one is called; without this they cannot be read.
    pub streamless: Option<String>,
    /// What is put before a stream's name when it says something else than usual.
    #[serde(default)]
    pub qualify: Vec<Qualifier>,
    /// A column whose values are a list of streams.
    pub tags: Option<String>,
    /// Whether all columns the layout does not name identify streams.
    #[serde(default)]
    pub identifiers: bool,
    /// What happened.
    #[serde(default, rename = "type")]
    pub event_type: Sources,
    /// What types begin with and is not shown.
    pub type_prefix: Option<String>,
    /// The place in the stream.
    #[serde(default)]
    pub version: Sources,
    /// The place in the store.
    #[serde(default)]
    pub position: Sources,
    /// What the walk of the whole store goes by.
    #[serde(default)]
    pub order: Ordering,
    /// The identity.
    #[serde(default)]
    pub id: Sources,
    /// When.
    #[serde(default)]
    pub time: Sources,
    /// What a time that is a number counts.
    #[serde(default)]
    pub time_unit: TimeUnit,
    /// What it says.
    #[serde(default)]
    pub data: Sources,
    /// Whether what it says is the whole row.
    #[serde(default)]
    pub whole_row: bool,
    /// What is said about it.
    #[serde(default)]
    pub metadata: Sources,
    /// The business transaction.
    #[serde(default)]
    pub correlation: Sources,
    /// The message that caused it.
    #[serde(default)]
    pub causation: Sources,
    /// How payloads are encoded, where a column says so.
    pub content: Option<Content>,
    /// Whether numbers in the columns of payloads may be those of large objects.
    #[serde(default)]
    pub large_objects: bool,
    /// A column that holds an envelope.
    pub envelope: Option<Envelope>,
    /// What the store hides of a stream.
    pub retention: Option<Retention>,
}

/// What the store hides of a stream: all but its last events, or those that are too old.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// How many events it shows.
    pub max_count: Expression,
    /// For how many seconds.
    pub max_age: Option<Expression>,
    /// The version of the last event.
    pub last: Expression,
}

/// Whose a stream is: put before its name and a `/`, when `value` says something else than `unless`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qualifier {
    /// The value: a tenant.
    pub value: Expression,
    /// What it usually says.
    pub unless: Vec<String>,
    /// Whether it stays a field of the event: nobody designed it to be left out of names.
    #[serde(skip)]
    pub is_kept: bool,
}

/// How payloads are encoded.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// What tells: the number of a serializer.
    pub by: Sources,
    /// What it means.
    pub means: BTreeMap<String, String>,
}

/// A column that holds an envelope.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The column.
    pub column: String,
    /// Which kind of envelope.
    pub kind: EnvelopeKind,
}

/// Kinds of envelopes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvelopeKind {
    /// The `PersistentMessage` of Akka and Pekko.
    Akka,
}
