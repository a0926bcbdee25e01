//! Reads the values a layout names from the rows of a table.
//!
//! Names of columns become numbers once, and the JSON of a column is gone through once a row however many values lie in it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::cells::{self, Raw};
use super::expression::{EnvelopePart, Expression, Origin, Part, Value};
use super::lookups::Lookups;
use super::spec::{Class, ColumnRule, EnvelopeKind};
use crate::domain::{Payload, StreamKey};
use crate::sources::decode;
use crate::sources::files::mapping::{FieldPath, Need, alike};
use crate::sources::files::plan::Plan;
use crate::sources::files::skim::Skimmer;
use crate::sources::tables::{Cell, Column, Table};

/// What values are read from.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The table.
    pub table: &'a Table,
    /// What the layout says of its columns.
    pub rules: &'a [ColumnRule],
    /// Rows of other tables.
    pub lookups: Option<&'a Arc<Lookups>>,
    /// The column of envelopes, and their kind.
    pub envelope: Option<(&'a str, EnvelopeKind)>,
    /// How payloads are encoded.
    pub hint: Option<&'a str>,
}

impl<'a> Ground<'a> {
    /// A table by itself.
    pub fn of(table: &'a Table, rules: &'a [ColumnRule]) -> Self {
        Self { table, rules, lookups: None, envelope: None, hint: None }
    }

    /// The column a layout calls so.
    pub fn column(&self, name: &str) -> Option<usize> {
        let names = self.rules.iter().map(|rule| &rule.names).find(|names| names[0] == name);
        match names {
            Some(names) => names.iter().find_map(|name| column(self.table, name)),
            None => column(self.table, name),
        }
    }

    fn is_uuid(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.class == Class::Uuid && rule.names.iter().any(|other| other == name))
    }
}

/// A column by its name as it is, or else without regard to case and `_` (`globalIndex` is `global_index`).
pub fn column(table: &Table, name: &str) -> Option<usize> {
    table.column(name).or_else(|| table.columns.iter().position(|column| alike(&column.name, name)))
}

/// A value with its names looked up.
#[derive(Debug)]
struct Prepared {
    place: Where,
    /// The document and the slot of a value inside JSON.
    inside: Option<(usize, usize)>,
    uuid: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Where {
    Column(usize),
    Envelope(EnvelopePart),
    /// The lookup, its number among the lookups of the reader, and the field of its rows.
    Lookup(usize, usize),
    TableName,
    Place,
}

#[derive(Debug)]
enum Source {
    Value(Prepared),
    Template(Vec<Piece>),
}

#[derive(Debug)]
enum Piece {
    Text(String),
    Value(Prepared),
    /// A part of a stream's name, and whether it must be there.
    Key(Prepared, Need, Option<char>),
}

/// JSON that is looked into.
struct Document {
    place: Where,
    paths: Vec<FieldPath>,
    skimmer: Skimmer,
    text: Vec<u8>,
    there: bool,
}

/// What an envelope held.
#[derive(Default)]
struct Opened {
    payload: Vec<u8>,
    manifest: String,
    serializer: i64,
    time: Option<i64>,
    writer: Option<String>,
}

/// Reads values from the rows of one table.
pub struct Reader {
    name: String,
    roles: Vec<Vec<Source>>,
    documents: Vec<Document>,
    lookups: Option<Arc<Lookups>>,
    /// What each lookup is asked by.
    asked: Vec<(usize, Prepared)>,
    envelope: Option<usize>,
    opened: Option<Opened>,
    hint: Option<String>,
    place: u64,
}

impl Reader {
    /// A reader of these roles, each with its sources. Sources whose columns the table does not have say nothing.
    pub fn new(ground: Ground<'_>, roles: &[&[Expression]]) -> Self {
        let mut reader = Self {
            name: ground.table.name.clone(),
            roles: Vec::new(),
            documents: Vec::new(),
            lookups: ground.lookups.cloned(),
            asked: Vec::new(),
            envelope: ground.envelope.and_then(|(name, _)| ground.column(name)),
            opened: None,
            hint: ground.hint.map(str::to_owned),
            place: 0,
        };
        for sources in roles {
            let prepared = sources.iter().filter_map(|source| reader.source(&ground, source)).collect();
            reader.roles.push(prepared);
        }
        for document in &mut reader.documents {
            let paths: Vec<_> = document.paths.iter().cloned().map(Some).collect();
            document.skimmer = Skimmer::new(Plan::new(&paths));
        }
        reader
    }

    /// Whether a role has a source at all.
    pub fn has(&self, role: usize) -> bool {
        !self.roles[role].is_empty()
    }

    fn source(&mut self, ground: &Ground<'_>, expression: &Expression) -> Option<Source> {
        Some(match expression {
            Expression::Value(value) => Source::Value(self.prepare(ground, value)?),
            Expression::Template(parts) => {
                let pieces = parts.iter().map(|part| {
                    Some(match part {
                        Part::Text(text) => Piece::Text(text.clone()),
                        Part::Value(value) => Piece::Value(self.prepare(ground, value)?),
                        Part::Key(value, need, next) => Piece::Key(self.prepare(ground, value)?, *need, *next),
                    })
                });
                Source::Template(pieces.collect::<Option<_>>()?)
            }
        })
    }

    fn prepare(&mut self, ground: &Ground<'_>, value: &Value) -> Option<Prepared> {
        let mut uuid = false;
        let place = match &value.source {
            Origin::Column(name) => {
                uuid = ground.is_uuid(name);
                Where::Column(ground.column(name)?)
            }
            Origin::Envelope(part) => {
                self.envelope?;
                Where::Envelope(*part)
            }
            Origin::TableName => Where::TableName,
            Origin::Place => Where::Place,
            Origin::Lookup(name, field) => {
                let lookups = ground.lookups?;
                let (lookup, field) = lookups.field(name, field)?;
                let Expression::Value(by) = lookups.by(lookup) else { return None };
                if matches!(by.source, Origin::Lookup(..)) {
                    return None;
                }
                let by = self.prepare(ground, by)?;
                self.asked.push((lookup, by));
                Where::Lookup(self.asked.len() - 1, field)
            }
        };
        let inside = (!value.path.keys().is_empty()).then(|| self.document(place, &value.path));
        Some(Prepared { place, inside, uuid })
    }

    fn document(&mut self, place: Where, path: &FieldPath) -> (usize, usize) {
        let at = self.documents.iter().position(|document| document.place == place).unwrap_or_else(|| {
            self.documents.push(Document {
                place,
                paths: Vec::new(),
                skimmer: Skimmer::new(Plan::default()),
                text: Vec::new(),
                there: false,
            });
            self.documents.len() - 1
        });
        self.documents[at].paths.push(path.clone());
        (at, self.documents[at].paths.len() - 1)
    }

    /// Goes to a row: what is asked next is asked of this one.
    pub fn row(&mut self, place: u64, cells: &[Cell<'_>]) {
        self.place = place;
        if let Some(column) = self.envelope {
            self.opened = cells.get(column).and_then(|cell| Raw::Cell(cell).bytes()).and_then(|bytes| open(&bytes));
        }
        for at in 0..self.documents.len() {
            let mut document = std::mem::take(&mut self.documents[at].text);
            document.clear();
            let place = self.documents[at].place;
            let there = self.fill(place, cells, &mut document);
            let Document { skimmer, text, there: kept, .. } = &mut self.documents[at];
            *text = document;
            *kept = there && skim(skimmer, text);
        }
    }

    /// Puts the JSON that lies somewhere into a buffer; gives whether it can be looked into.
    fn fill(&self, place: Where, cells: &[Cell<'_>], text: &mut Vec<u8>) -> bool {
        let raw = self.at(place, cells);
        match &raw {
            Raw::Cell(Cell::Text(bytes) | Cell::Bytes(bytes)) if bytes.trim_ascii_start().first() == Some(&b'{') => {
                text.extend_from_slice(bytes);
                return true;
            }
            _ => {}
        }
        let Some(bytes) = raw.bytes().filter(|bytes| !bytes.is_empty()) else { return false };
        let payload = decode::payload(Bytes::from(bytes.into_owned()), self.hint.as_deref());
        match payload.json_bytes() {
            Ok(json) => {
                text.extend_from_slice(&json);
                true
            }
            Err(_) => false,
        }
    }

    fn at<'a>(&'a self, place: Where, cells: &'a [Cell<'a>]) -> Raw<'a> {
        match place {
            Where::Column(column) => cells.get(column).map_or(Raw::Nothing, Raw::Cell),
            Where::TableName => Raw::Text(Cow::Borrowed(&self.name)),
            Where::Place => Raw::Number(self.place),
            Where::Envelope(part) => match (&self.opened, part) {
                (None, _) => Raw::Nothing,
                (Some(opened), EnvelopePart::Payload) => Raw::Bytes(&opened.payload),
                (Some(opened), EnvelopePart::Manifest) => Raw::Text(Cow::Borrowed(&opened.manifest)),
                (Some(opened), EnvelopePart::Serializer) => Raw::Text(Cow::Owned(opened.serializer.to_string())),
                (Some(opened), EnvelopePart::Time) => match opened.time.filter(|&time| time > 0) {
                    Some(time) => Raw::Number(time as u64),
                    None => Raw::Nothing,
                },
                (Some(opened), EnvelopePart::Writer) => match &opened.writer {
                    Some(writer) => Raw::Text(Cow::Borrowed(writer)),
                    None => Raw::Nothing,
                },
            },
            Where::Lookup(asked, field) => {
                let (lookup, by) = &self.asked[asked];
                let found = self.lookups.as_ref().zip(self.value(by, cells).key());
                match found.and_then(|(lookups, key)| lookups.get(*lookup, key, field)) {
                    Some(text) => Raw::Text(Cow::Owned(text.to_owned())),
                    None => Raw::Nothing,
                }
            }
        }
    }

    fn value<'a>(&'a self, value: &Prepared, cells: &'a [Cell<'a>]) -> Raw<'a> {
        match value.inside {
            None => self.at(value.place, cells),
            Some((document, slot)) => {
                let document = &self.documents[document];
                if !document.there {
                    return Raw::Nothing;
                }
                Raw::Json(document.skimmer.slot(slot).of(&document.text))
            }
        }
    }

    /// The first source of a role that says something, and whether it is a UUID.
    fn first<'a>(&'a self, role: usize, cells: &'a [Cell<'a>]) -> (Raw<'a>, bool) {
        for source in &self.roles[role] {
            match source {
                Source::Value(value) => {
                    let raw = self.value(value, cells);
                    if raw.says() {
                        return (raw, value.uuid);
                    }
                }
                Source::Template(pieces) => {
                    let text = pieces.iter().map(|piece| match piece {
                        Piece::Text(text) => Some(Cow::Borrowed(text.as_str())),
                        Piece::Value(value) => self.value(value, cells).text(value.uuid),
                        Piece::Key(value, need, next) => match (self.value(value, cells).text(value.uuid), need) {
                            (Some(part), _) => {
                                let mut escaped = String::new();
                                StreamKey::escape_from(&mut escaped, &part, *next);
                                Some(Cow::Owned(escaped))
                            }
                            (None, Need::May) => Some(Cow::Borrowed("")),
                            (None, Need::Must) => None,
                        },
                    });
                    if let Some(text) = text.collect::<Option<String>>().filter(|text| !text.is_empty()) {
                        return (Raw::Text(Cow::Owned(text)), false);
                    }
                }
            }
        }
        (Raw::Nothing, false)
    }

    /// The columns a role is taken from in this row: all of what the first source that says something is read from, and
    /// those before it that say nothing. A value inside the JSON of a column is not all of it.
    pub fn columns_of(&self, role: usize, cells: &[Cell<'_>], used: &mut Vec<usize>) {
        for source in &self.roles[role] {
            match source {
                Source::Value(value) => {
                    used.extend(self.column_of(value));
                    if self.value(value, cells).says() {
                        return;
                    }
                }
                Source::Template(pieces) => {
                    let values = || {
                        pieces.iter().filter_map(|piece| match piece {
                            Piece::Text(_) => None,
                            Piece::Value(value) => Some((value, Need::Must)),
                            Piece::Key(value, need, _) => Some((value, *need)),
                        })
                    };
                    let is_there = |value: &Prepared| self.value(value, cells).text(value.uuid).is_some();
                    if values().all(|(value, need)| need == Need::May || is_there(value)) {
                        return used.extend(values().filter_map(|(value, _)| self.column_of(value)));
                    }
                }
            }
        }
    }

    fn column_of(&self, value: &Prepared) -> Option<usize> {
        match (value.place, value.inside) {
            (Where::Column(column), None) => Some(column),
            (Where::Envelope(_), _) => self.envelope,
            _ => None,
        }
    }

    /// What a role says, as it was found.
    pub fn raw<'a>(&'a self, role: usize, cells: &'a [Cell<'a>]) -> Raw<'a> {
        self.first(role, cells).0
    }

    /// What a role says, as text.
    pub fn text<'a>(&'a self, role: usize, cells: &'a [Cell<'a>]) -> Option<Cow<'a, str>> {
        let (raw, uuid) = self.first(role, cells);
        raw.text(uuid)
    }

    /// What a role says, as a payload.
    pub fn payload(&self, role: usize, cells: &[Cell<'_>], hint: Option<&str>) -> Payload {
        match self.raw(role, cells).bytes() {
            Some(bytes) => decode::payload(Bytes::from(bytes.into_owned()), hint),
            // Nothing but empty text or bytes is there, or nothing at all.
            None => Payload::default(),
        }
    }
}

/// Opens an envelope.
fn open(bytes: &[u8]) -> Option<Opened> {
    let envelope = decode::akka_envelope(bytes)?;
    Some(Opened {
        payload: envelope.payload.to_vec(),
        manifest: envelope.manifest,
        serializer: envelope.serializer,
        time: envelope.timestamp,
        writer: envelope.writer,
    })
}

/// Whether a cell holds an envelope.
pub fn is_envelope(raw: &Raw<'_>) -> bool {
    raw.bytes().is_some_and(|bytes| open(&bytes).is_some())
}

/// Notes where the values of a JSON object are. A line feed between values means as much as a blank, and inside a string
/// there is none.
fn skim(skimmer: &mut Skimmer, text: &mut [u8]) -> bool {
    for byte in text.iter_mut().filter(|byte| **byte == b'\n') {
        *byte = b' ';
    }
    skimmer.skim(text).is_ok()
}

/// The rows' cells as one JSON object, for a person.
pub fn row_json(columns: &[Column], cells: &[Cell<'_>]) -> String {
    let mut line = String::from("{");
    for (n, (column, cell)) in columns.iter().zip(cells).enumerate() {
        if n > 0 {
            line.push(',');
        }
        // Writing to a string cannot fail.
        let _ = crate::domain::json::write_string(&mut line, &column.name);
        line.push(':');
        match cell {
            Cell::Null => line.push_str("null"),
            Cell::Integer(number) => line.push_str(&number.to_string()),
            Cell::Real(number) if number.is_finite() => line.push_str(&number.to_string()),
            Cell::Text(text) if is_json(text) => {
                line.push_str(&String::from_utf8_lossy(text).replace(['\n', '\r'], " "));
            }
            cell => {
                let raw = Raw::Cell(cell);
                let text = match cell {
                    Cell::Text(text) => String::from_utf8_lossy(text),
                    _ => raw.text(false).unwrap_or_default(),
                };
                let _ = crate::domain::json::write_string(&mut line, &text);
            }
        }
    }
    line.push('}');
    line
}

/// A cell as JSON: what is a number, a truth or JSON by the type of its column is one, with all its digits.
pub fn cell_json(column: &Column, cell: &Cell<'_>) -> String {
    let text = match cell {
        Cell::Null => return "null".into(),
        Cell::Integer(number) => return number.to_string(),
        Cell::Real(number) if number.is_finite() => return number.to_string(),
        Cell::Text(text) => text,
        cell => return string_json(&Raw::Cell(cell).text(false).unwrap_or_default()),
    };
    let declared = column.declared.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let Ok(text) = std::str::from_utf8(text) else {
        return string_json(&Raw::Bytes(text).text(false).unwrap_or_default());
    };
    match declared {
        "json" | "jsonb" if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
            text.trim().replace(['\n', '\r'], " ")
        }
        "bool" | "boolean" if matches!(text, "t" | "true") => "true".into(),
        "bool" | "boolean" if matches!(text, "f" | "false") => "false".into(),
        _ if is_json(text.as_bytes()) => text.trim().replace(['\n', '\r'], " "),
        _ if NUMBERS.contains(&declared) && is_number(text) => text.into(),
        _ => string_json(text),
    }
}

/// Types of columns that hold numbers.
const NUMBERS: [&str; 22] = [
    "int",
    "integer",
    "bigint",
    "smallint",
    "tinyint",
    "mediumint",
    "int2",
    "int4",
    "int8",
    "serial",
    "bigserial",
    "smallserial",
    "serial2",
    "serial4",
    "serial8",
    "numeric",
    "decimal",
    "real",
    "double",
    "float",
    "float4",
    "float8",
];

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

fn string_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    // Writing to a string cannot fail.
    let _ = crate::domain::json::write_string(&mut json, text);
    json
}

/// Whether text is a JSON object or array.
pub fn is_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
        && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether text or bytes are JSON of any kind, also as bytes in hexadecimal.
pub fn is_any_json(raw: &Raw<'_>) -> bool {
    raw.bytes().is_some_and(|bytes| cells_json(&bytes))
}

fn cells_json(bytes: &[u8]) -> bool {
    let unpacked = cells::hexadecimal(bytes);
    serde_json::from_slice::<serde::de::IgnoredAny>(unpacked.as_deref().unwrap_or(bytes)).is_ok()
}
