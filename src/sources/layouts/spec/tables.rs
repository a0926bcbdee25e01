//! What a layout says of the tables beside that of the events.

use serde::Deserialize;

use super::{ColumnRule, Expression, Pattern, Qualifier, Sources};

/// A further table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherTable {
    /// How it is usually called.
    #[serde(default)]
    pub names: Vec<String>,
    /// Columns it has.
    #[serde(default)]
    pub must: Vec<ColumnRule>,
    /// Whether the store may be without it.
    #[serde(default)]
    pub optional: bool,
    /// What it is for.
    pub role: String,
}

/// Rows of another table that belong to a row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The table, by the layout's name for it.
    pub table: String,
    /// What is compared in that table.
    pub key: Expression,
    /// With what.
    pub by: Expression,
}

/// Where it is said in which streams an event is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The table, by the layout's name for it.
    pub table: String,
    /// What names the event there.
    pub event: Expression,
    /// The same in the table of events.
    pub of: Expression,
    /// The stream.
    pub stream: Expression,
    /// The place in it.
    #[serde(default)]
    pub version: Sources,
    /// What streams are ordered by where there are no versions.
    pub order: Option<Expression>,
    /// Which row tells the stream the event belongs to; the others are links. Without it the first one in a stream of
    /// events of the domain is.
    pub home: Option<Home>,
    /// The rows that are the order of the whole store.
    pub all: Option<AllRows>,
}

/// A row belongs to the home stream when both say the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// One value.
    pub value: Expression,
    /// The other.
    pub same_as: Expression,
}

/// The rows that are the order of the whole store.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllRows {
    /// What tells them.
    pub value: Expression,
    /// What it says then.
    pub is: String,
    /// What that order is called.
    pub name: String,
}

/// Where snapshots are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// The table, by the layout's name for it; `events` is that of the events.
    pub table: String,
    /// Only rows whose stream, as written there, is like this; what it finds is replaced in the name.
    pub only: Option<Pattern>,
    /// By what.
    pub replace: Option<String>,
    /// The stream.
    pub stream: Expression,
    /// The version of the last event in it.
    pub version: Expression,
    /// The state.
    pub state: Expression,
}

/// Where streams are declared.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// The table, by the layout's name for it.
    pub table: String,
    /// The stream.
    pub stream: Expression,
    /// Its version.
    pub version: Option<Expression>,
    /// Whether it is put away.
    pub archived: Option<Expression>,
    /// Whether it is deleted.
    pub deleted: Option<Expression>,
    /// Names of rows that are no streams.
    #[serde(default)]
    pub except: Vec<String>,
    /// What is put behind the name, as for events.
    #[serde(default)]
    pub qualify: Vec<Qualifier>,
}
