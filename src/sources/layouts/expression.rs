//! Where a value comes from, as a layout writes it.
//!
//! - `stream_name`: a column; `metadata.correlationId`: a key inside the JSON of one; `metadata."a.b"`: a key that is no
//!   plain word.
//! - `@streams.stream_name`: a column of the row another table has for this one, see `lookups`.
//! - `@envelope.manifest`: a part of the envelope a column holds; `@table.name`: the name of the table the row is in;
//!   `@row.place`: where it is in there.
//! - `{aggregate_type}-{aggregate_id}`: text with values in it; it says nothing when one of them does.
//!
//! It knows no tables: names are looked up in `bind`.

use std::fmt;

use serde::Deserialize;

use crate::domain::StreamKey;
use crate::sources::files::mapping::{self, FieldPath, Need, Qualifier};

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum Expression {
    /// A single value.
    Value(Value),
    /// Text with values in it.
    Template(Vec<Part>),
}

/// A part of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// Text that is written as it is.
    Text(String),
    /// A value.
    Value(Value),
    /// A part of a stream's name: a `/` in it is written `%2F`, as is what else begins behind it.
    Key(Value, Need, Option<char>),
}

/// A single value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Value {
    /// Where it lies.
    pub source: Origin,
    /// The keys inside its JSON; none is the whole.
    pub path: FieldPath,
}

/// Where a value lies.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// In a column of the row.
    Column(String),
    /// In a column of a row of another table: the lookup's name, and the column.
    Lookup(String, String),
    /// In the envelope a column holds.
    Envelope(EnvelopePart),
    /// It is the name of the table.
    TableName,
    /// It is the place of the row.
    Place,
}

/// A part of an envelope.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum EnvelopePart {
    /// What is inside.
    Payload,
    /// What kind of thing that is.
    Manifest,
    /// Who can read it.
    Serializer,
    /// When it was written.
    Time,
    /// Who wrote it.
    Writer,
}

impl EnvelopePart {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Payload, "payload"),
        (Self::Manifest, "manifest"),
        (Self::Serializer, "serializer"),
        (Self::Time, "time"),
        (Self::Writer, "writer"),
    ];
}

impl Expression {
    /// The value of a column.
    pub fn column(name: &str) -> Self {
        Self::Value(Value { source: Origin::Column(name.into()), path: FieldPath::default() })
    }

    /// The values in it.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        let (one, parts) = match self {
            Self::Value(value) => (Some(value), &[][..]),
            Self::Template(parts) => (None, &parts[..]),
        };
        one.into_iter().chain(parts.iter().filter_map(|part| match part {
            Part::Value(value) | Part::Key(value, ..) => Some(value),
            Part::Text(_) => None,
        }))
    }
}

impl Expression {
    /// It as the name of a stream: where its values are joined with `/`, each is a part of a key.
    pub fn keyed(self) -> Self {
        let Self::Template(parts) = self else { return self };
        if !parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains('/'))) {
            return Self::Template(parts);
        }
        let keyed = parts.into_iter().map(|part| match part {
            Part::Value(value) => Part::Key(value, Need::Must, None),
            other => other,
        });
        Self::Template(keyed.collect())
    }

    /// The parts of the names it makes, where nothing but a `/` stands between them.
    pub fn key(&self) -> Option<StreamKey> {
        let Self::Template(parts) = self else { return None };
        let mut values = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            match part {
                Part::Key(value, ..) if at % 2 == 0 => values.push(value),
                Part::Text(text) if at % 2 == 1 && text == "/" => {}
                _ => return None,
            }
        }
        let category = values.iter().rposition(|value| qualifier(value) == Some(Qualifier::Type));
        let parts: Vec<String> = values.iter().map(ToString::to_string).collect();
        (parts.len() > 1).then_some(StreamKey { parts, category })
    }
}

/// What a value says of a stream, by its name. The table a stream is in is what it is one of.
fn qualifier(value: &Value) -> Option<Qualifier> {
    match &value.source {
        Origin::TableName => Some(Qualifier::Type),
        Origin::Column(name) => {
            let keys = std::iter::once(name.as_str()).chain(value.path.keys().iter().map(String::as_str));
            // Prooph's metadata calls it `_aggregate_type`.
            mapping::qualifier(&FieldPath::new(keys))
        }
        _ => None,
    }
}

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.contains(['{', '}']) {
            return value(&text).map(Self::Value);
        }
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some(open) = rest.find(['{', '}']) {
            if rest.as_bytes()[open] == b'}' {
                return Err(format!("`{text}`: a `}}` closes nothing"));
            }
            if open > 0 {
                parts.push(Part::Text(rest[..open].into()));
            }
            let Some(close) = rest[open..].find('}') else { return Err(format!("`{text}`: a `{{` is not closed")) };
            parts.push(Part::Value(value(&rest[open + 1..open + close])?));
            rest = &rest[open + close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.into()));
        }
        Ok(Self::Template(parts))
    }
}

/// Reads a single value.
fn value(text: &str) -> Result<Value, String> {
    let mut keys = keys(text)?.into_iter();
    let none = || format!("`{text}` names nothing");
    let first = keys.next().ok_or_else(none)?;
    let source = match first.strip_prefix('@') {
        None => Origin::Column(first),
        Some("envelope") => {
            let part = keys.next().unwrap_or_default();
            let found = EnvelopePart::ALL.iter().find(|(_, name)| *name == part);
            Origin::Envelope(found.ok_or_else(|| format!("`{text}`: an envelope has no part `{part}`"))?.0)
        }
        Some("table") if keys.next().as_deref() == Some("name") => Origin::TableName,
        Some("row") if keys.next().as_deref() == Some("place") => Origin::Place,
        Some(lookup) => {
            let column = keys.next().ok_or_else(|| format!("`{text}` names no column of the lookup"))?;
            Origin::Lookup(lookup.into(), column)
        }
    };
    let rest: Vec<String> = keys.collect();
    Ok(Value { source, path: FieldPath::new(rest.iter().map(String::as_str)) })
}

/// The keys between points; one in double quotes may hold anything but those.
fn keys(text: &str) -> Result<Vec<String>, String> {
    let mut keys = Vec::new();
    let mut rest = text;
    loop {
        let after = match rest.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"').ok_or_else(|| format!("`{text}`: a quote is not closed"))?;
                keys.push(quoted[..end].to_owned());
                &quoted[end + 1..]
            }
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                if end == 0 || rest[..end].contains([' ', '"']) {
                    return Err(format!("`{text}`: a name is missing, or needs quotes"));
                }
                keys.push(rest[..end].to_owned());
                &rest[end..]
            }
        };
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(keys),
            None => return Err(format!("`{text}`: after a quote comes a point or the end")),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Template(parts) => parts.iter().try_for_each(|part| match part {
                Part::Text(text) => f.write_str(text),
                Part::Value(value) | Part::Key(value, ..) => write!(f, "{{{value}}}"),
            }),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Origin::Column(name) => f.write_str(name)?,
            Origin::Lookup(lookup, column) => write!(f, "@{lookup}.{column}")?,
            Origin::Envelope(part) => {
                let name = EnvelopePart::ALL.iter().find(|(other, _)| other == part).map_or("", |(_, name)| name);
                write!(f, "@envelope.{name}")?;
            }
            Origin::TableName => f.write_str("@table.name")?,
            Origin::Place => f.write_str("@row.place")?,
        }
        if self.path.keys().is_empty() { Ok(()) } else { self.path.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_and_written() {
        for text in [
            "stream_name",
            "metadata.correlationId",
            "metadata.\"eventuous.correlation-id\"",
            "@streams.stream_name",
            "@envelope.manifest",
            "@table.name",
            "@row.place",
            "{aggregate_type}-{aggregate_id}",
            "{metadata.a}/{metadata.b.c} x",
        ] {
            let read = Expression::try_from(text.to_owned()).unwrap();
            assert_eq!(read.to_string(), text);
        }
        for text in ["", "a.", "{a", "a}", "@envelope.colour", "@streams", "a.\"b", "a.\"b\"c", "two words"] {
            assert!(Expression::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
