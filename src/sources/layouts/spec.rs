//! A layout as it is written: which tables and columns an event store keeps, and what they mean.
//!
//! This is the TOML file and nothing more; `docs/layouts.md` explains it for whoever writes one. Unknown keys are errors,
//! with their lines.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::expression::{Expression, Origin};
use crate::domain::{NoteKind, StreamKind};

/// A layout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Its name: `message-db`.
    pub name: String,
    /// What people call it: `Message DB`.
    pub title: String,
    /// Which stores write it, and what holds them.
    pub stores: String,
    /// The version of the first event of a stream.
    pub first_version: Option<u64>,
    /// What whoever opens such a store must know.
    #[serde(default)]
    pub caveats: Vec<String>,
    /// The table of events.
    pub events: Events,
    /// Further tables, by a name the layout uses for them.
    #[serde(default)]
    pub tables: BTreeMap<String, OtherTable>,
    /// Rows of other tables that belong to a row, by the name of the lookup.
    #[serde(default)]
    pub lookups: BTreeMap<String, Lookup>,
    /// Where it is said in which streams an event is, when that is a table.
    pub membership: Option<Membership>,
    /// What sample rows must be like.
    #[serde(default)]
    pub confirm: Vec<Confirmation>,
    /// What is noted of events.
    #[serde(default)]
    pub notes: Vec<NoteRule>,
    /// What streams are for, by their names; the first that fits.
    #[serde(default)]
    pub kinds: Vec<KindRule>,
    /// Where snapshots are.
    #[serde(default)]
    pub snapshots: Vec<Snapshots>,
    /// Where streams are declared.
    pub declared: Option<Declared>,
    /// What other tables are for, by patterns of their names.
    #[serde(default)]
    pub beside: BTreeMap<String, String>,
    /// What looks wrong and is normal, with the reason.
    #[serde(default)]
    pub normal: BTreeMap<Finding, String>,
}

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
    /// What is put behind a stream's name when it says something else than usual.
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

/// One source of a value or several: the first that says something counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sources(pub Vec<Expression>);

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Sources;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Sources, E> {
                Expression::try_from(text.to_owned()).map(|one| Sources(vec![one])).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut written: A) -> Result<Sources, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = written.next_element()? {
                    all.push(one);
                }
                Ok(Sources(all))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

/// What the walk of the whole store goes by.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(try_from = "Sources")]
pub enum Ordering {
    /// The order in which the rows lie.
    #[default]
    Rows,
    /// The times of the events.
    Time,
    /// One or two numbers.
    By(Expression, Option<Expression>),
}

impl TryFrom<Sources> for Ordering {
    type Error = String;

    fn try_from(written: Sources) -> Result<Self, String> {
        let is = |expression: &Expression, word: &str| *expression == Expression::column(word);
        let mut written = written.0.into_iter();
        match (written.next(), written.next(), written.next()) {
            (Some(one), None, None) if is(&one, "time") => Ok(Self::Time),
            (Some(one), None, None) if is(&one, "rows") => Ok(Self::Rows),
            (Some(first), second, None) => Ok(Self::By(first, second)),
            _ => Err("an order is `time`, `rows`, or one or two values".into()),
        }
    }
}

/// What a time that is a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size.
    #[default]
    Any,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// Units of 100 ns since the year 1 (.NET).
    Ticks,
}

/// A column and what it is like: `stream_name: text`, `version|aggregate_root_version: integer`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct ColumnRule {
    /// Its names; the layout uses the first.
    pub names: Vec<String>,
    /// What it holds.
    pub class: Class,
}

impl TryFrom<String> for ColumnRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (names, class) = text.split_once(':').unwrap_or((&text, "any"));
        let class = Class::named(class.trim()).ok_or_else(|| {
            let known: Vec<_> = Class::ALL.iter().map(|(_, name)| *name).collect();
            format!("`{text}`: there is no class `{}`; the classes are {}", class.trim(), known.join(", "))
        })?;
        let names: Vec<String> = names.split('|').map(|name| name.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            return Err(format!("`{text}`: a name is missing"));
        }
        Ok(Self { names, class })
    }
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Whole numbers.
    Integer,
    /// Text.
    Text,
    /// Identities; shown as `xxxxxxxx-xxxx-…` however they are stored.
    Uuid,
    /// JSON.
    Json,
    /// Bytes.
    Bytes,
    /// JSON, text or bytes.
    Payload,
    /// Times.
    Time,
    /// Yes or no.
    Bool,
    /// Several values.
    List,
    /// Anything.
    Any,
}

impl Class {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Integer, "integer"),
        (Self::Text, "text"),
        (Self::Uuid, "uuid"),
        (Self::Json, "json"),
        (Self::Bytes, "bytes"),
        (Self::Payload, "payload"),
        (Self::Time, "time"),
        (Self::Bool, "bool"),
        (Self::List, "list"),
        (Self::Any, "any"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, other)| *other == name).map(|(class, _)| *class)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(class, _)| *class == self).map_or("any", |(_, name)| name)
    }
}

/// What is put behind a stream's name, after `@`, when `value` says something else than `unless`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Qualifier {
    /// The value: a tenant.
    pub value: Expression,
    /// What it usually says.
    pub unless: Vec<String>,
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

/// A regular expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(pub regex::Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        regex::Regex::new(&text).map(Self).map_err(|error| error.to_string())
    }
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

impl Layout {
    /// Reads a layout.
    ///
    /// # Errors
    /// Where it is wrong, with line and column, and why.
    pub fn parse(text: &str) -> Result<Self, String> {
        let layout: Self = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        layout.check()?;
        Ok(layout)
    }

    /// What no single key can tell.
    fn check(&self) -> Result<(), String> {
        let events = &self.events;
        if events.event_type.0.is_empty() {
            return Err("[events]: `type` is missing".into());
        }
        let ways = [!events.stream.0.is_empty(), self.membership.is_some(), events.tags.is_some(), events.identifiers];
        if ways.iter().all(|way| !way) {
            return Err("[events]: `stream` is missing, and no [membership], `tags` or `identifiers` tells it".into());
        }
        if events.data.0.is_empty() && !events.whole_row {
            return Err("[events]: `data` is missing; `whole_row = true` makes it the row".into());
        }
        if events.must.is_empty() {
            return Err("[events]: `must` names no column: any table would fit".into());
        }
        let named = [
            self.membership.as_ref().map(|membership| ("membership", &membership.table)),
            self.declared.as_ref().map(|declared| ("declared", &declared.table)),
        ];
        let lookups = self.lookups.values().map(|lookup| ("lookups", &lookup.table));
        let snapshots = self.snapshots.iter().map(|snapshots| ("snapshots", &snapshots.table));
        for (part, table) in named.into_iter().flatten().chain(lookups).chain(snapshots) {
            if table != "events" && !self.tables.contains_key(table) {
                return Err(format!("[{part}]: there is no [tables.{table}]"));
            }
        }
        let roles = [
            &events.stream,
            &events.event_type,
            &events.version,
            &events.position,
            &events.id,
            &events.time,
            &events.data,
            &events.metadata,
        ];
        let values = roles.iter().flat_map(|sources| &sources.0).flat_map(Expression::values);
        for value in values {
            match &value.source {
                Origin::Lookup(lookup, _) if !self.lookups.contains_key(lookup) => {
                    return Err(format!("`{value}`: there is no [lookups.{lookup}]"));
                }
                Origin::Envelope(_) if events.envelope.is_none() => {
                    return Err(format!("`{value}`: the layout has no `envelope`"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Layout {
    /// What it is recognised by: `emt_messages(stream_id, stream_position, …)`.
    pub fn signature(&self) -> String {
        let table = |names: &[String], fallback: &str, must: &[ColumnRule]| {
            let columns: Vec<&str> = must.iter().map(|rule| rule.names[0].as_str()).collect();
            format!("{}({})", names.first().map_or(fallback, String::as_str), columns.join(", "))
        };
        let mut parts = vec![table(&self.events.names, "any table", &self.events.must)];
        let others = self.tables.values().filter(|other| !other.optional);
        parts.extend(others.map(|other| table(&other.names, "any table", &other.must)));
        parts.join(" + ")
    }

    /// Every expression in it.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let events = &self.events;
        let sources = [
            &events.stream,
            &events.event_type,
            &events.version,
            &events.position,
            &events.id,
            &events.time,
            &events.data,
            &events.metadata,
            &events.correlation,
            &events.causation,
        ];
        let order = match &events.order {
            Ordering::By(first, second) => vec![Some(first), second.as_ref()],
            _ => Vec::new(),
        };
        let membership = self.membership.iter().flat_map(|membership| {
            let home = membership.home.iter().flat_map(|home| [&home.value, &home.same_as]);
            let all = membership.all.iter().map(|all| &all.value);
            [&membership.event, &membership.stream]
                .into_iter()
                .chain(&membership.version.0)
                .chain(&membership.order)
                .chain(home)
                .chain(all)
        });
        let declared = self.declared.iter().flat_map(|declared| {
            let options = [&declared.version, &declared.archived, &declared.deleted];
            std::iter::once(&declared.stream).chain(options.into_iter().flatten())
        });
        sources
            .into_iter()
            .flat_map(|sources| &sources.0)
            .chain(order.into_iter().flatten())
            .chain(events.content.iter().flat_map(|content| &content.by.0))
            .chain(events.qualify.iter().map(|qualifier| &qualifier.value))
            .chain(
                events.retention.iter().flat_map(|retention| {
                    [&retention.max_count, &retention.last].into_iter().chain(&retention.max_age)
                }),
            )
            .chain(membership)
            .chain(self.confirm.iter().map(|confirmation| &confirmation.value))
            .chain(self.notes.iter().map(|note| &note.when))
            .chain(
                self.snapshots.iter().flat_map(|snapshots| [&snapshots.stream, &snapshots.version, &snapshots.state]),
            )
            .chain(declared)
    }
}
